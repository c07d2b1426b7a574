"""The octets of a reply: where its head and its body begin and end."""

from collections.abc import Iterator

from conformance.model.exchange import Exchange, Span
from conformance.model.rule import rule
from conformance.model.verdict import MUST, SHOULD, Finding
from conformance.parsing.http1 import Part, reply
from conformance.rules.conditions import both, replied, whole
from conformance.rules.example import JSON, SSE, answered, exchange, http
from conformance.rules.http.conditions import has_body, heard
from conformance.rules.http.example import CUT, EVENTS, GOOD, chunks, framed
from conformance.rules.http.spec import RFC9110, RFC9112

MAX_HEAD = 16 * 1024
"""Octets of a head that every client takes: Node.js refuses more."""


@rule(
    "HTTP002",
    MUST,
    "The reply's head is well-formed HTTP/1.1",
    spec=RFC9112 + "2.1",
    fix="Let an HTTP library write the status line and headers; check what a proxy in front adds.",
    when=heard,
    good=[GOOD, exchange(b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n" + GOOD.heard, mode="unary")],
    bad=[
        exchange(b'{"choices": []}'),
        exchange(b"HTTP/1.1 200 OK\r\ncontent-type application/json\r\ncontent-length: 2\r\n\r\n{}"),
        exchange(b"HTTP/1.1 200 OK\r\ncontent-type : application/json\r\ncontent-length: 2\r\n\r\n{}"),
        exchange(b"HTTP/1.1 200 OK\ncontent-length: 2\n\n{}"),
        exchange(b"HTTP/1.1 200 OK\r\ncontent-type: app", ending=CUT),
    ],
)
def malformed_head(x: Exchange) -> Iterator[Finding]:
    """Clients refuse such a reply with a protocol error, or read headers that others don't see."""
    yield from _faults(x, "head")
    if x.ending.how == "idle" and x.ending.phase != "after" and not reply(x).faults:
        yield Finding(f"an HTTP/1.1 client can't read the reply: {x.ending.detail}", at=reply(x).head)


@rule(
    "HTTP003",
    MUST,
    "The reply's body is framed as HTTP/1.1 wants it",
    spec=RFC9112 + "6.3",
    fix="Send either a right Content-Length or chunks whose sizes are right, and let the server library do it.",
    when=both(heard, replied),
    good=[framed(chunks(EVENTS)), framed(chunks(EVENTS, last=b"0\r\nx-a: b\r\n\r\n")), GOOD],
    bad=[
        framed(b"zz\r\nhello\r\n0\r\n\r\n"),
        framed(b"3\r\nhello\r\n0\r\n\r\n"),
        framed(EVENTS),
        exchange(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
        exchange(b"HTTP/1.1 200 OK\r\ncontent-length: five\r\n\r\nhello"),
        exchange(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello!"),
    ],
)
def malformed_framing(x: Exchange) -> Iterator[Finding]:
    """Clients stop at the first octet that they can't place: the rest of the answer is lost."""
    yield from _faults(x, "framing")


def _faults(x: Exchange, part: Part) -> Iterator[Finding]:
    return (Finding(fault.what, at=fault.span) for fault in reply(x).faults if fault.part == part)


def beyond(x: Exchange) -> Span | None:
    """Octets after the reply's end, blank lines left aside."""
    at = reply(x).trailing
    return at if at and x.heard[at.start : at.end].strip(b"\r\n") else None


@rule(
    "HTTP005",
    MUST,
    "Nothing follows the end of the reply",
    spec=RFC9112 + "6.3",
    fix="Make Content-Length count the octets of the body (not characters), and write nothing after the last chunk.",
    when=both(heard, replied, whole),
    good=[GOOD, exchange(http(200, (JSON,), b"{}") + b"\r\n")],
    bad=[exchange(http(200, (JSON,), b"{}") + b"}"), framed(chunks(EVENTS) + b"data: more\n\n")],
)
def octets_after_the_end(x: Exchange) -> Iterator[Finding]:
    """Clients cut the answer where its length says, or take the rest for the next reply on the connection."""
    if at := beyond(x):
        yield Finding(f"{at.end - at.start} octets follow the end of the reply", at=at)


@rule(
    "HTTP018",
    SHOULD,
    "The end of a reply can be told from a cut",
    spec=RFC9112 + "6.3",
    fix="Send a Content-Length, or answer in chunks over HTTP/1.1 (proxies: proxy_http_version 1.1).",
    when=has_body,
    good=[GOOD, framed(chunks(EVENTS))],
    bad=[exchange(http(200, (SSE,), EVENTS, length=False)), exchange(b"HTTP/1.0 200 OK\r\n\r\n{}", mode="unary")],
)
def end_by_close(x: Exchange) -> Iterator[Finding]:
    """A body that ends where the connection does looks complete, even if half of it was lost."""
    if reply(x).framing == "close" and not reply(x).faults:
        yield Finding("the reply has neither a length nor chunks: it ends where the connection does", at=reply(x).head)


@rule(
    "HTTP021",
    SHOULD,
    "Content-Length stands in the head once",
    spec=RFC9110 + "8.6",
    fix="Let one layer set Content-Length: the server library, or the proxy that changes the body.",
    when=replied,
    good=[GOOD, framed(chunks(EVENTS)), exchange(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}", mode="unary")],
    bad=[
        answered("{}", headers=[JSON, ("content-length", "2")]),
        exchange(b"HTTP/1.1 200 OK\r\ncontent-length: 2, 2\r\n\r\n{}", mode="unary"),
    ],
)
def repeated_content_length(x: Exchange) -> Iterator[Finding]:
    """A client may refuse such a reply (Node.js does), and one that takes it must trust that all agree on its end."""
    said = [part.strip() for value in reply(x).values("content-length") for part in value.split(",")]
    if len(said) > 1 and len(set(said)) == 1:
        seen = f"Content-Length says {said[0][:20]} {len(said)} times"
        yield Finding(seen, at=reply(x).span("content-length"))


@rule(
    "HTTP020",
    SHOULD,
    f"The reply's head has no more than {MAX_HEAD} octets",
    spec=RFC9110 + "5.4",
    fix="Send fewer and shorter headers; debug information belongs into logs.",
    when=replied,
    good=[GOOD],
    bad=[answered("{}", headers=[JSON, ("x-debug", "a" * MAX_HEAD)])],
)
def oversized_head(x: Exchange) -> Iterator[Finding]:
    """Node.js refuses larger heads by default, and so do many proxies: their users get an error for each answer."""
    head = reply(x).head
    if head.end - head.start > MAX_HEAD:
        yield Finding(f"the head has {head.end - head.start} octets", at=head)
