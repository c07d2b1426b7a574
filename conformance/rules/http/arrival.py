"""Whether a reply arrives, and arrives whole."""

from collections.abc import Iterator

from conformance.model.exchange import Ending, Exchange, Span
from conformance.model.rule import rule
from conformance.model.verdict import MUST, Finding, Skip, not_applicable, untestable
from conformance.parsing.http1 import reply
from conformance.rules.conditions import OK, replied
from conformance.rules.example import JSON, SSE, answered, exchange, http
from conformance.rules.http.conditions import heard, tried
from conformance.rules.http.example import CUT, EVENTS, GOOD, RESET, chunks, framed
from conformance.rules.http.spec import RFC9110, RFC9112

HOW = {
    "closed": "the target closed the connection",
    "reset": "the connection was reset",
    "timeout": "the harness gave up waiting",
    "limit": "the harness stopped reading",
    "idle": "the harness closed the connection",
}
WHILE = {
    "connect": "while connecting",
    "send": "while the request was being sent",
    "first-byte": "before the first octet of a reply",
    "body": "before the reply was over",
    "after": "after the reply",
}


EVENTFUL = exchange(http(200, [SSE], EVENTS))


def told(x: Exchange) -> str:
    """How the exchange ended, as a clause."""
    detail = f" ({x.ending.detail})" if x.ending.detail else ""
    return f"{HOW.get(x.ending.how, x.ending.how)} {WHILE[x.ending.phase]}{detail}"


@rule(
    "HTTP001",
    MUST,
    "Every request is answered",
    spec=RFC9110 + "3.4",
    fix="Find what drops the connection or never answers (a crash, a worker time-out, a proxy), and answer every request.",
    when=tried,
    good=[(GOOD, EVENTFUL), (answered("", status=500), EVENTFUL)],
    bad=[
        (exchange(b"", ending=Ending("closed", "first-byte", 0)), EVENTFUL),
        (exchange(b"", ending=Ending("timeout", "first-byte", 0)), EVENTFUL),
        (exchange(b"HTTP/1.1 103 Early Hints\r\n\r\n", ending=RESET), EVENTFUL),
    ],
    beside={"greeting": "stream:hello?"},
)
def unanswered_request(x: Exchange, greeting: Exchange | None) -> Iterator[Finding | Skip]:
    """Without a reply every client tries again, and may be billed for each attempt."""
    if reply(x).status or reply(x).faults:
        return
    if x.ending.how == "timeout" and greeting is not None and still_went_on(greeting):
        yield untestable("the streamed greeting still went on, too, when the harness gave up: set a longer --timeout")
    else:
        yield Finding(f"no reply came: {told(x)}")


def still_went_on(x: Exchange) -> bool:
    """Whether an answer was coming when the harness gave up: this target needs more time than it was given."""
    return x.ending.how == "timeout" and x.ending.phase == "body" and reply(x).status in OK


def bounded(x: Exchange) -> Skip | None:
    """A head came, the framing can be followed, and it was not the harness that ended the exchange."""
    if skip := heard(x) or replied(x):
        return skip
    if reply(x).faults or (x.ending.how == "idle" and not reply(x).complete):
        return untestable("the reply can't be followed to its end: it is malformed")
    return not_applicable("the harness gave up waiting") if x.ending.how == "timeout" else None


@rule(
    "HTTP004",
    MUST,
    "The reply comes to the end that its framing announces",
    spec=RFC9112 + "8",
    fix="Let the server finish each reply: send the last chunk, and don't kill workers or idle connections under it.",
    when=bounded,
    good=[GOOD, framed(chunks(EVENTS)), exchange(http(200, (SSE,), EVENTS, length=False))],
    bad=[
        framed(chunks(EVENTS, last=b""), CUT),
        framed(chunks(EVENTS)[:40], RESET),
        exchange(http(200, (JSON,), b'{"a": 1}')[:-2], ending=CUT),
        exchange(http(200, (SSE,), EVENTS, length=False), ending=RESET),
    ],
)
def reply_cut_off(x: Exchange) -> Iterator[Finding]:
    """Clients raise an error in the midst of the answer, or take the part for the whole."""
    answer = reply(x)
    if not answer.complete:
        wanting = {"chunked": "the last chunk", "length": "all that Content-Length announces"}.get(answer.framing, "")
        yield Finding(told(x) + (f"; {wanting} never came" if wanting else ""), at=_tail(x))


def _tail(x: Exchange) -> Span:
    return Span(max(0, len(x.heard) - 40), len(x.heard))


@rule(
    "HTTP019",
    MUST,
    "A reply stays within the harness's bounds of size",
    spec=RFC9110 + "17.5",
    fix="Find what repeats itself (headers, events, a retry inside the server), and stop at max_tokens.",
    when=tried,
    good=[GOOD],
    bad=[exchange(b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 9, ending=Ending("limit", "body", 0, "the head has no end"))],
)
def boundless_reply(x: Exchange) -> Iterator[Finding]:
    """Clients read it until their memory or their patience is used up."""
    if x.ending.how == "limit":
        yield Finding(f"the harness stopped reading: {x.ending.detail or 'a bound was reached'}", at=_tail(x))
