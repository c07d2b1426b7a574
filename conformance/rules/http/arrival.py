"""Whether a response arrives, and arrives complete."""

from collections.abc import Iterator

from conformance.model.case import Compare, Kind
from conformance.model.exchange import Ending, Exchange, Span
from conformance.model.rule import rule
from conformance.model.verdict import MUST, Finding, NotJudged, not_applicable, untestable
from conformance.model.words import APIS
from conformance.parsing.http1 import reply
from conformance.rules.conditions import OK, all_of, replied, uncut
from conformance.rules.example import JSON, SSE, answered, exchange, http
from conformance.rules.http.conditions import received, tried
from conformance.rules.http.example import CUT, EVENTS, GOOD, RESET, chunks, framed
from conformance.rules.http.spec import RFC9110, RFC9112
from conformance.rules.slowness import is_in_progress, slowness

HOW = {
    "closed": "the target closed the connection",
    "reset": "the connection was reset",
    "timeout": "the harness's timeout expired",
    "limit": "the harness stopped reading",
    "idle": "the harness closed the connection",
}
WHILE = {
    "connect": "while connecting",
    "send": "while the request was being sent",
    "first-byte": "before the first byte of a response",
    "body": "before the response ended",
    "after": "after the response",
}


EVENTFUL = exchange(http(200, [SSE], EVENTS))


def ending_clause(x: Exchange) -> str:
    """Describe the exchange's ending as a clause."""
    detail = f" ({x.ending.detail})" if x.ending.detail else ""
    return f"{HOW.get(x.ending.how, x.ending.how)} {WHILE[x.ending.phase]}{detail}"


@rule(
    "HTTP001",
    MUST,
    "Every request gets a response",
    spec=RFC9110 + "3.4",
    fix="Find what drops the connection or hangs (a crash, a worker timeout, a proxy), and send at least an error status for every request.",
    applies_to=all_of(tried, uncut),
    needs=("framing",),
    apis=APIS,
    good=[(GOOD, EVENTFUL), (answered("", status=500), EVENTFUL)],
    bad=[
        (exchange(b"", ending=Ending("closed", "first-byte", 0)), EVENTFUL),
        (exchange(b"", ending=Ending("timeout", "first-byte", 0)), EVENTFUL),
        (exchange(b"HTTP/1.1 103 Early Hints\r\n\r\n", ending=RESET), EVENTFUL),
    ],
    compares_with={
        "baseline_stream": Compare(Kind.BASELINE, mode="stream", optional=True),
        "baselines": Compare(Kind.BASELINE, mode="stream", many=True, any_profile=True, any_api=True, optional=True),
        "preflight": Compare(Kind.PREFLIGHT, mode="unary", many=True, any_profile=True, optional=True),
    },
)
def unanswered_request(
    x: Exchange,
    baseline_stream: Exchange | None,
    baselines: tuple[Exchange, ...],
    preflight: tuple[Exchange, ...],
) -> Iterator[Finding | NotJudged]:
    """Without a response every client retries, and may be billed for each attempt."""
    if reply(x).status or reply(x).faults:
        return
    if x.ending.how == "timeout" and baseline_stream is not None and still_went_on(baseline_stream):
        how = (
            "still in progress at the timeout"
            if is_in_progress(baseline_stream)
            else "silent at the timeout (see DLV003)"
        )
        yield untestable(f"the streaming baseline response was {how}: set a longer --timeout")
    elif why := slowness(x, (*baselines, *preflight)):
        yield untestable(why)
    else:
        yield Finding(f"no response was received: {ending_clause(x)}")


def still_went_on(x: Exchange) -> bool:
    """Whether a response began and was not complete at the timeout: this target may need a longer timeout."""
    return x.ending.how == "timeout" and x.ending.phase == "body" and reply(x).status in OK


def bounded(x: Exchange) -> NotJudged | None:
    """A head was received, the framing is valid, and the harness did not end the exchange."""
    if skip := received(x) or replied(x):
        return skip
    if reply(x).faults or (x.ending.how == "idle" and not reply(x).complete):
        return untestable("the response is malformed, so its end can't be determined")
    return not_applicable("the harness timed out reading the response") if x.ending.how == "timeout" else None


@rule(
    "HTTP004",
    MUST,
    "A response is not truncated: it reaches the end that its framing announces",
    spec=RFC9112 + "8",
    fix="Send each response to its end (last chunk, Content-Length), and don't kill workers or idle connections during a response.",
    applies_to=bounded,
    needs=("framing",),
    apis=APIS,
    good=[GOOD, framed(chunks(EVENTS)), exchange(http(200, (SSE,), EVENTS, length=False))],
    bad=[
        framed(chunks(EVENTS, last=b""), CUT),
        framed(chunks(EVENTS)[:40], RESET),
        exchange(http(200, (JSON,), b'{"a": 1}')[:-2], ending=CUT),
        exchange(http(200, (SSE,), EVENTS, length=False), ending=RESET),
    ],
)
def reply_cut_off(x: Exchange) -> Iterator[Finding]:
    """Clients raise an error in the middle of the response, or treat the truncated response as complete."""
    answer = reply(x)
    if not answer.complete:
        wanting = {"chunked": "the last chunk", "length": "part of the body that Content-Length announces"}.get(
            answer.framing, ""
        )
        yield Finding(
            f"the response is truncated: {ending_clause(x)}" + (f"; {wanting} is missing" if wanting else ""),
            at=_tail(x),
        )


def _tail(x: Exchange) -> Span:
    return Span(max(0, len(x.received) - 40), len(x.received))


@rule(
    "HTTP019",
    MUST,
    "A response stays within the harness's size limits",
    spec=RFC9110 + "17.5",
    fix="Find what repeats (headers, events, a retry inside the server), and end the response at the token cap.",
    applies_to=tried,
    needs=("framing",),
    apis=APIS,
    good=[GOOD],
    bad=[exchange(b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 9, ending=Ending("limit", "body", 0, "the head has no end"))],
)
def boundless_reply(x: Exchange) -> Iterator[Finding]:
    """Clients read an endless response until they run out of memory or time out."""
    if x.ending.how == "limit":
        yield Finding(f"the harness stopped reading: {x.ending.detail or 'a size limit was reached'}", at=_tail(x))
    elif reply(x).cut:
        yield Finding(reply(x).cut, at=_tail(x))
