"""A started response does not stall, and ends when it is complete."""

from collections.abc import Iterator
from itertools import pairwise

from conformance.apis.deltas import arrivals, deltas
from conformance.apis.ending import terminal_events
from conformance.apis.request_fields import requested_cap, requested_choices
from conformance.model.case import Compare, Kind
from conformance.model.exchange import NANOSECONDS_PER_MILLISECOND, Ending, Exchange
from conformance.model.rule import rule
from conformance.model.verdict import MUST, SHOULD, Finding, NotJudged, untestable
from conformance.model.words import GENERATIVE
from conformance.parsing.http1 import finished_at_ns, reply
from conformance.parsing.sse import at_ns, looks_like_events, span, stream
from conformance.rules.conditions import all_of, replied, whole
from conformance.rules.conditions import streamed as is_streamed
from conformance.rules.dlv.pace import STEADY, STREAMING, TIMEOUT, WORDS, endless, paced
from conformance.rules.example import HELLO, JSON, SSE, answered, completion, exchange, http, sse
from conformance.rules.slowness import fell_silent, slowness

AUTHORING = "https://html.spec.whatwg.org/multipage/server-sent-events.html#authoring-notes"
MESSAGE_END = "https://www.rfc-editor.org/rfc/rfc9112#section-6.3"

MS = NANOSECONDS_PER_MILLISECOND
SPARE_EVENTS = 64
"""Allowance for events other than tokens: the role, the end, the usage, and vendor additions."""
LATE_END = 1000 * MS


def followable(x: Exchange) -> NotJudged | None:
    """A head was received, and the body is complete or the harness timed out reading it."""
    if skip := replied(x):
        return skip
    if reply(x).faults:
        return untestable("the response is malformed")
    return None if reply(x).complete or x.ending.how == "timeout" else untestable("the response was truncated")


@rule(
    "DLV003",
    MUST,
    "A started response does not stall",
    spec=AUTHORING,
    fix="End the stream with an error if a worker or the upstream is lost, and send a comment after every 15 s of silence.",
    applies_to=followable,
    apis=GENERATIVE,
    good=[STEADY, answered(completion()), paced(WORDS, [300] * 40, ending=TIMEOUT)],
    bad=[
        exchange(http(200, (SSE, ("transfer-encoding", "chunked")), b"", length=False), ending=TIMEOUT),
        exchange(http(200, (SSE,), sse(*HELLO[:2]), length=False), ending=TIMEOUT),
        exchange(http(200, (JSON,), b'{"a": 1}')[:-1], mode="unary", ending=TIMEOUT),
        endless(HELLO[1], cap=8),
        endless(": ping", every_ms=100),
    ],
    compares_with={
        "baselines": Compare(Kind.BASELINE, mode="stream", many=True, any_profile=True, any_api=True, optional=True)
    },
    timed=True,
)
def stalled_reply(x: Exchange, baselines: tuple[Exchange, ...]) -> Iterator[Finding | NotJudged]:
    """The client waits until its own timeout, which is ten minutes in OpenAI's and Anthropic's SDKs."""
    if not _gave_up(x) or (x.mode == "stream" and terminal_events(x)):
        return
    events = len(stream(x).dispatched) if x.mode == "stream" else 0
    after = f"{events} events" if events else f"{len(reply(x).content)} bytes of the body"
    why = x.ending.detail or "the harness timed out"
    tokens = requested_cap(x) * requested_choices(x)
    if tokens and events > 4 * tokens + SPARE_EVENTS:
        yield Finding(
            f"the response does not end: {after} were received until the timeout, though the token cap is {tokens}: {why}"
        )
    elif slow := slowness(x, baselines):
        yield untestable(slow)
    elif fell_silent(x.ending.at_ns, _went_on_at_ns(x)):
        yield Finding(f"the response stalled after {after}, until the timeout: {why}")
    else:
        yield untestable(f"the response was still in progress at the timeout, after {after}: set a longer --timeout")


def _went_on_at_ns(x: Exchange) -> list[int]:
    """The times at which the response progressed, head included: events of a stream (not comments), else any bytes."""
    reads = [read.at_ns for read in x.arrivals] or [0]
    events = stream(x).events if looks_like_events(x) else ()
    if not events or (events[-1].has_data and not events[-1].terminated):
        return reads
    return [reads[0], *(at_ns(x, event) for event in events if event.dispatched)]


def _gave_up(x: Exchange) -> bool:
    return x.ending.how == "timeout" and not reply(x).complete


def at_its_end(x: Exchange) -> NotJudged | None:
    """A stream was received up to its end marker."""
    if skip := is_streamed(x) or followable(x):
        return skip
    return None if terminal_events(x) else untestable("the stream has no end marker")


@rule(
    "DLV004",
    MUST,
    "A streaming response ends after its end marker",
    spec=MESSAGE_END,
    fix="Send the last chunk, or close the connection, right after the end marker, without waiting for the client to disconnect.",
    applies_to=at_its_end,
    needs=("framing",),
    apis=GENERATIVE,
    good=[STEADY],
    bad=[paced(WORDS, [300] * 40, ending=TIMEOUT)],
)
def reply_never_ends(x: Exchange) -> Iterator[Finding]:
    """Most clients read until the body ends: the content is complete, but the user waits until a timeout."""
    if _gave_up(x):
        why = x.ending.detail or "the harness timed out"
        yield Finding(
            f"the connection stayed open after the end marker, until the timeout: {why}",
            at=span(x, terminal_events(x)[0]),
        )


@rule(
    "DLV005",
    SHOULD,
    "A streaming response ends within one second of its end marker",
    spec=MESSAGE_END,
    fix="Do bookkeeping (billing, logs) after the response has ended, or in parallel.",
    applies_to=all_of(at_its_end, whole),
    apis=GENERATIVE,
    good=[STEADY],
    bad=[paced(WORDS, range(60, 260, 5), ending=Ending("closed", "after", 2000 * MS))],
    timed=True,
)
def lingering_reply(x: Exchange) -> Iterator[Finding]:
    """Clients that read until the body ends start the next step that much later."""
    lag = finished_at_ns(x) - at_ns(x, terminal_events(x)[0]) - x.harness_stall_ns
    if lag > LATE_END:
        yield Finding(f"the response ended {lag / MS:.0f} ms after the end marker", at=span(x, terminal_events(x)[0]))


def ended_with_deltas(x: Exchange) -> NotJudged | None:
    """Deltas were received, up to the end marker."""
    return at_its_end(x) or (None if deltas(x) else untestable("the stream has no content delta"))


@rule(
    "DLV007",
    SHOULD,
    "The end marker follows soon after the last delta",
    spec=STREAMING,
    fix="Send finish_reason, usage and the end marker as soon as the model stops; check and bill afterwards or in parallel.",
    applies_to=ended_with_deltas,
    apis=GENERATIVE,
    good=[STEADY, paced(WORDS[:3], [900, 1800, 2700], end_ms=4500)],
    bad=[paced(WORDS, range(60, 260, 5), end_ms=1500)],
    timed=True,
)
def late_end_marker(x: Exchange) -> Iterator[Finding]:
    """Agents act on a response when its stream ends: each turn of a task takes that much longer."""
    times = arrivals(x)
    longest = max((late - early for early, late in pairwise(times)), default=0)
    lag = at_ns(x, terminal_events(x)[0]) - times[-1] - x.harness_stall_ns
    if lag > max(LATE_END, 3 * longest):
        yield Finding(
            f"the end marker was received {lag / MS:.0f} ms after the last delta", at=span(x, terminal_events(x)[0])
        )
