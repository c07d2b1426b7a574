"""What a client that disconnects leaves behind: nothing."""

from collections.abc import Iterator, Sequence

from conformance.apis.deltas import arrivals, deltas
from conformance.apis.errors import error_response, quoted
from conformance.apis.usage import usage
from conformance.model.case import Compare, Kind
from conformance.model.exchange import Ending, Exchange
from conformance.model.rule import rule
from conformance.model.verdict import MUST, SHOULD, Finding, NotJudged, untestable
from conformance.model.words import GENERATIVE
from conformance.parsing.http1 import reply
from conformance.parsing.metrics import requests_running
from conformance.parsing.sse import span
from conformance.rules.conditions import OK, all_of, baseline_ok, probe_is, succeeded, uncut
from conformance.rules.conditions import streamed as is_streamed
from conformance.rules.example import answered, error, exchange
from conformance.rules.life.example import (
    BASELINE,
    CLOSING,
    DISCONNECTED,
    MS,
    REPEATS,
    busy_with,
    error_text,
    lower_text,
    requested_word,
    response_after_disconnect,
    retried,
    short_responses,
    was_disconnected,
)

PATIENCE = 250 * MS
"""How long a target may take to notice a client disconnect: several tokens' time."""
LEAST_DELAY = 1000 * MS


@rule(
    "LIFE001",
    MUST,
    "The next request after a client disconnect is served",
    spec=CLOSING,
    fix="Release the request's slot, lock and worker in a finally block, which also runs on client disconnect.",
    applies_to=all_of(probe_is(Kind.AFTER_DISCONNECT), uncut),
    apis=GENERATIVE,
    good=[(response_after_disconnect(), BASELINE, DISCONNECTED)],
    bad=[
        (answered(error("Busy."), status=503, mode="stream", probe="chat.after.midway"), BASELINE, DISCONNECTED),
        (exchange(b"", probe="chat.after.midway", ending=Ending("reset", "first-byte", MS)), BASELINE, DISCONNECTED),
    ],
    compares_with={"disconnects": Compare(Kind.DISCONNECT, many=True)},
)
def unavailable_after_disconnect(
    x: Exchange, baseline: Exchange, disconnects: Sequence[Exchange]
) -> Iterator[Finding | NotJudged]:
    """Users close tabs and agents time out: if each disconnect costs a worker, the service is down by noon."""
    status = reply(x).status
    if skip := was_disconnected(disconnects) or baseline_ok(baseline):
        yield skip
    elif status == 429:
        yield untestable("the request was rate-limited (HTTP 429): run again at a quieter time")
    elif status == 0:
        yield Finding(f"the request after the disconnect got no response ({x.ending.how} at {x.ending.phase})")
    elif status not in OK or error_response(x):
        yield Finding(f"the request after the disconnect got HTTP {status}{error_text(x)}", at=reply(x).head)


@rule(
    "LIFE002",
    SHOULD,
    "Generation is cancelled on client disconnect",
    spec=CLOSING,
    fix="Watch for the client's disconnect while generating, and cancel the generation.",
    applies_to=all_of(probe_is(Kind.AFTER_DISCONNECT), succeeded),
    apis=GENERATIVE,
    good=[(response_after_disconnect(), busy_with(0), busy_with(0), busy_with(0), DISCONNECTED)],
    bad=[(response_after_disconnect(), busy_with(0), busy_with(1), busy_with(1), DISCONNECTED)],
    timed=True,
    compares_with={
        "before": Compare(Kind.LOAD, "before", mode="unary"),
        "load": Compare(Kind.LOAD, "after", mode="unary"),
        "last": Compare(Kind.LOAD, "last", mode="unary"),
        "disconnects": Compare(Kind.DISCONNECT, many=True),
    },
)
def generation_goes_on(
    x: Exchange, before: Exchange, load: Exchange, last: Exchange, disconnects: Sequence[Exchange]
) -> Iterator[Finding | NotJudged]:
    """The target generates, and bills or pays for, tokens that are never read; other requests wait for the slot."""
    now = requests_running(load if x.mode == "stream" else last)
    took = x.ending.at_ns - x.sent_at_ns
    if skip := was_disconnected(disconnects):
        yield skip
    elif now is None:
        yield untestable("/metrics does not report the number of running requests")
    elif requests_running(before) != 0:
        yield untestable("the target was running other requests before the harness disconnected")
    elif now and took < PATIENCE:
        yield untestable(f"only {took / MS:.0f} ms had passed since the harness disconnected")
    elif now:
        yield Finding(
            f"/metrics still reports {now:g} running requests {took / MS:.0f} ms after the only client's disconnect"
        )


@rule(
    "LIFE003",
    SHOULD,
    "The next request does not wait for a response whose client has disconnected",
    spec=CLOSING,
    fix="Cancel the generation when its client disconnects, so that its slot is free for the next request.",
    applies_to=all_of(probe_is(Kind.AFTER_DISCONNECT), is_streamed),
    apis=GENERATIVE,
    good=[
        (response_after_disconnect(), DISCONNECTED, *short_responses(55, 60, 70)),
        (response_after_disconnect(at_ms=2000), DISCONNECTED, *short_responses(60, 70, 1500)),
    ],
    bad=[(response_after_disconnect(at_ms=2000), DISCONNECTED, *short_responses(55, 60, 70))],
    modes=("stream",),
    timed=True,
    compares_with={"disconnect": Compare(Kind.DISCONNECT, "midway")},
)
def slot_not_freed(
    x: Exchange, disconnect: Exchange, short_streams: Sequence[Exchange]
) -> Iterator[Finding | NotJudged]:
    """A user who stops a response and sends a new request waits until the old response is fully generated."""
    whole = [brief for brief in short_streams if not is_streamed(brief) and deltas(brief)]
    if skip := was_disconnected([disconnect]):
        yield skip
    elif len(whole) < 3 or not deltas(x):
        yield untestable(f"too few short streams to compare with ({len(whole)})")
    else:
        waits = [first_ns(brief) for brief in whole]
        late = first_ns(x) - x.harness_stall_ns - max(waits)
        if late >= max(LEAST_DELAY, 2 * (max(waits) - min(waits))):
            event = deltas(x)[0].event
            yield Finding(
                f"the first delta after the disconnect arrived {late / MS:.0f} ms later than in any short stream",
                at=span(x, event),
            )


def first_ns(x: Exchange) -> int:
    """The time from the request to the first delta, in nanoseconds."""
    return arrivals(x)[0] - x.sent_at_ns


@rule(
    "LIFE007",
    MUST,
    "A response aborted by a disconnect never leaks into a later one",
    spec=CLOSING,
    fix="On client disconnect, close the connection to the model, or drain it before another request uses it.",
    applies_to=all_of(probe_is(Kind.AFTER_DISCONNECT), succeeded),
    apis=GENERATIVE,
    good=[(response_after_disconnect(), DISCONNECTED)],
    bad=[(response_after_disconnect("quokka, quokka. One."), DISCONNECTED)],
    modes=("stream",),
    compares_with={"disconnects": Compare(Kind.DISCONNECT, many=True)},
)
def aborted_response_leaks(x: Exchange, disconnects: Sequence[Exchange]) -> Iterator[Finding | NotJudged]:
    """A pool reuses a connection that still delivers the old response: one user reads another's conversation."""
    left = {requested_word(other) for other in disconnects if other.ending.how == "hung-up"} - {requested_word(x), ""}
    leaked = sorted(word for word in left if word in lower_text(x))
    if skip := was_disconnected(disconnects):
        yield skip
    elif leaked:
        yield Finding(f"the response contains {leaked[0]!r}, the word of the response that was aborted by a disconnect")
    elif not any(word in lower_text(other) for other in disconnects for word in left):
        yield untestable("the aborted response did not contain the requested word before the disconnect")


def _sample(x: Exchange) -> tuple[int, str]:
    """The prompt tokens that a response counts (0: unknown), and its text."""
    spent = usage(x)
    return spent.prompt if spent else 0, lower_text(x)


@rule(
    "LIFE009",
    SHOULD,
    "A request gets the same response after a disconnect as before",
    spec=CLOSING,
    fix="Store a turn only when it is complete, and discard the cache and session state of an aborted one.",
    applies_to=all_of(probe_is(Kind.RETRY, subjects=("midway",)), succeeded),
    apis=GENERATIVE,
    modes=("unary",),
    good=[(retried(), retried(subject="before"), DISCONNECTED, *REPEATS)],
    bad=[
        (retried(prompt=40), retried(subject="before"), DISCONNECTED, *REPEATS),
        (retried("okka."), retried(subject="before"), DISCONNECTED, *REPEATS),
        (retried(""), retried(subject="before"), DISCONNECTED, *REPEATS),
    ],
    compares_with={
        "before": Compare(Kind.RETRY, "before"),
        "disconnect": Compare(Kind.DISCONNECT, "midway", mode="stream"),
        "repeat": Compare(Kind.REPEAT),
        "again": Compare(Kind.REPEAT, repeat=1),
    },
)
def session_kept_after_disconnect(
    x: Exchange, before: Exchange, disconnect: Exchange, repeat: Exchange, again: Exchange
) -> Iterator[Finding | NotJudged]:
    """A user who stops a response, and sends the request again, continues a conversation that holds half of it.

    The request of the client that disconnects is sent before and after, at temperature 0. Judged only if two other
    equal requests get the same response.
    """
    tokens, text = _sample(x)
    tokens_before, text_before = _sample(before)
    if skip := was_disconnected([disconnect]) or baseline_ok(before):
        yield skip
    elif _sample(repeat) != _sample(again) or not text_before:
        yield untestable("two equal requests without a disconnect get different responses, or no text")
    elif tokens != tokens_before:
        seen = f"the same request has {tokens_before} prompt tokens before a disconnect, and {tokens} after it"
        yield Finding(seen, at=reply(x).head)
    elif text != text_before:
        seen = f"the same request gets {quoted(text_before)} before a disconnect, and {quoted(text)} after it"
        yield Finding(seen, at=reply(x).head)
