"""Concurrent requests, and requests over one connection: each gets its own response."""

from collections.abc import Iterator, Sequence

from conformance.apis.request import request_body
from conformance.apis.response_content import response_content
from conformance.apis.vendor_refusals import refused_cap
from conformance.model.case import Compare, Kind
from conformance.model.exchange import Ending, Exchange
from conformance.model.rule import rule
from conformance.model.verdict import MUST, Finding, NotJudged, untestable
from conformance.model.words import GENERATIVE
from conformance.parsing.http1 import reply
from conformance.parsing.json_values import Object
from conformance.parsing.sse import looks_like_events, span, stream
from conformance.rules.conditions import OK, all_of, baseline_ok, probe_is, succeeded, uncut
from conformance.rules.example import JSON, answered, completion, error, exchange, http
from conformance.rules.life.example import BASELINE, MS, burst_response, error_text, lower_text, requested_word

STREAMING = "https://platform.openai.com/docs/api-reference/chat/streaming"
PERSISTENCE = "https://www.rfc-editor.org/rfc/rfc9112#section-9.3"
ORDINARY = (Kind.BURST, Kind.BASELINE, Kind.TOOLS, Kind.SHORT_STREAM, Kind.LONG_STREAM, Kind.BRIEF_STREAM)
"""Test cases with different requests, in every suite and API."""


@rule(
    "LIFE004",
    MUST,
    "Concurrent responses never mix their content",
    spec=STREAMING,
    fix="Keep all state of a request in that request: no module-level buffers, and no queue or client shared by two streams.",
    applies_to=all_of(probe_is(Kind.BURST), succeeded),
    apis=GENERATIVE,
    good=[
        (burst_response("Lapwing.", "a"), burst_response("Lapwing.", "a"), burst_response("Oxlip.", "b", "oxlip")),
    ],
    bad=[
        (burst_response("Oxlip.", "a"), burst_response("Oxlip.", "a"), burst_response("Lapwing.", "b", "oxlip")),
        (burst_response("Lapwing, oxlip.", "a"), burst_response("Oxlip.", "b", "oxlip")),
    ],
    compares_with={"burst": Compare(Kind.BURST, many=True)},
)
def responses_mixed_up(x: Exchange, burst: Sequence[Exchange]) -> Iterator[Finding | NotJudged]:
    """One customer reads another customer's conversation."""
    mine, text = requested_word(x), lower_text(x)
    others = {requested_word(other) for other in burst} - {mine, ""}
    for word in sorted(others):
        if word in text:
            yield Finding(
                f"the response to the request for {mine!r} contains {word!r}, the word of a concurrent request"
            )
    if mine not in text:
        yield untestable("the response does not contain the requested word")


@rule(
    "LIFE005",
    MUST,
    "Responses to different requests have different ids",
    spec=STREAMING,
    fix="Generate a random id (UUID) for each request, instead of deriving it from the time, the process or the model.",
    applies_to=all_of(probe_is(*ORDINARY), succeeded),
    apis=GENERATIVE,
    good=[
        (burst_response("Lapwing.", "a"), burst_response("Oxlip.", "b", "oxlip")),
        (burst_response("Lapwing.", "a"), burst_response("Lapwing.", "a")),
    ],
    bad=[(burst_response("Lapwing.", "a"), burst_response("Oxlip.", "a", "oxlip"))],
    compares_with={"others": Compare(ORDINARY, many=True, any_profile=True)},
)
def id_used_twice(x: Exchange, others: Sequence[Exchange]) -> Iterator[Finding]:
    """Logs, bills and resumable streams are keyed by id: two responses with the same id become one.

    A cache may send the same response to the same request again, so equal requests are not compared.
    """
    mine = _ids(x)
    shared = {
        name
        for other in others
        for name in _ids(other) & mine
        if _request_in_any_mode(other) != _request_in_any_mode(x)
    }
    if shared:
        name = min(shared)
        count = sum(name in _ids(other) for other in others)
        first = next((e for e in stream(x).dispatched), None) if looks_like_events(x) else None
        seen = f"{count} responses to different requests have the id {name[:60]!r}"
        yield Finding(seen, at=span(x, first) if first else None)


def _ids(x: Exchange) -> set[str]:
    return {name for name in response_content(x).ids if isinstance(name, str) and name}


def _request_in_any_mode(x: Exchange) -> Object:
    """The request, whatever its mode."""
    return {name: value for name, value in request_body(x).items() if name not in ("stream", "stream_options")}


@rule(
    "LIFE006",
    MUST,
    "A keep-alive connection serves the next request",
    spec=PERSISTENCE,
    fix="End each response exactly (last chunk, Content-Length), read the complete request body, or send Connection: close.",
    applies_to=all_of(probe_is(Kind.KEEP_ALIVE), uncut),
    needs=("framing",),
    apis=GENERATIVE,
    good=[(answered(completion(), probe="chat.kept"), BASELINE)],
    bad=[
        (exchange(b"", probe="chat.kept", ending=Ending("closed", "first-byte", MS)), BASELINE),
        (exchange(http(400, (JSON,), b"{}"), probe="chat.kept"), BASELINE),
    ],
)
def kept_connection_is_broken(x: Exchange, baseline: Exchange) -> Iterator[Finding | NotJudged]:
    """Every SDK reuses connections: the second turn of each conversation fails, and a single curl command doesn't show it."""
    status = reply(x).status
    if skip := baseline_ok(baseline):
        yield skip
    elif x.ending.how == "unreachable":
        yield untestable(f"no connection could be made ({x.ending.detail})")
    elif status == 0:
        yield Finding(
            f"the second request on the keep-alive connection got no response ({x.ending.how} at {x.ending.phase})"
        )
    elif status == 429:
        yield untestable("the request was rate-limited (HTTP 429): run again at a quieter time")
    elif cap := refused_cap(x):
        yield untestable(f"the target rejected `{cap}`, which the request also sets")
    elif status not in OK:
        yield Finding(
            f"the second request on the keep-alive connection got HTTP {status}{error_text(x)}", at=reply(x).head
        )


@rule(
    "LIFE008",
    MUST,
    "Each request of a burst is served, or rejected with HTTP 429, 503 or 529",
    spec="https://www.rfc-editor.org/rfc/rfc6585#section-4",
    fix="Limit concurrent requests, queue the rest, and reject the overflow with 429 and Retry-After.",
    applies_to=all_of(probe_is(Kind.BURST), uncut),
    apis=GENERATIVE,
    good=[
        (burst_response("Lapwing.", "a"), BASELINE),
        (answered(error("Later."), status=429, mode="stream", probe="chat.crowd.lapwing"), BASELINE),
        (answered(error("Busy."), status=503, mode="stream", probe="chat.crowd.lapwing"), BASELINE),
        (answered(error("Overloaded."), status=529, mode="stream", probe="chat.crowd.lapwing"), BASELINE),
    ],
    bad=[
        (answered(error("Boom."), status=500, mode="stream", probe="chat.crowd.lapwing"), BASELINE),
        (exchange(b"", probe="chat.crowd.lapwing", ending=Ending("reset", "first-byte", MS)), BASELINE),
    ],
)
def burst_dropped(x: Exchange, baseline: Exchange) -> Iterator[Finding | NotJudged]:
    """An agent that sends concurrent requests, or a second user, makes requests fail.

    529 is Anthropic's status for an overloaded API; clients retry it as they do 503.
    """
    status = reply(x).status
    if skip := baseline_ok(baseline):
        yield skip
    elif status == 0 and x.ending.how in ("closed", "reset"):
        yield Finding(f"one of several concurrent requests got no response ({x.ending.how} at {x.ending.phase})")
    elif status >= 500 and status not in (503, 529):
        yield Finding(f"one of several concurrent requests got HTTP {status}{error_text(x)}", at=reply(x).head)
    elif status not in (*OK, 429, 503, 529):
        yield untestable(f"one of several concurrent requests failed ({status or x.ending.how})")
