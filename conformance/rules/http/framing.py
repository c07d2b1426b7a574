"""The bytes of a response: where its head and its body begin and end."""

from collections.abc import Iterator

from conformance.model.exchange import Exchange, Span
from conformance.model.rule import rule
from conformance.model.verdict import MUST, SHOULD, Finding
from conformance.model.words import APIS
from conformance.parsing.http1 import SWITCHING, Part, reply
from conformance.rules.conditions import all_of, replied, whole
from conformance.rules.example import JSON, SSE, answered, exchange, http
from conformance.rules.http.conditions import has_body, received
from conformance.rules.http.example import CUT, EVENTS, GOOD, chunks, framed
from conformance.rules.http.spec import RFC9110, RFC9112

MAX_HEAD = 16 * 1024
"""The largest head, in bytes, that every client accepts: Node.js rejects more."""


@rule(
    "HTTP002",
    MUST,
    "The response head is well-formed HTTP/1.1",
    spec=RFC9112 + "2.1",
    fix="Let an HTTP library write the status line and headers, and check what proxies add.",
    applies_to=received,
    needs=("framing",),
    apis=APIS,
    good=[GOOD, exchange(b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n" + GOOD.received, mode="unary")],
    bad=[
        exchange(b'{"choices": []}'),
        exchange(b"HTTP/1.1 200 OK\r\ncontent-type application/json\r\ncontent-length: 2\r\n\r\n{}"),
        exchange(b"HTTP/1.1 200 OK\r\ncontent-type : application/json\r\ncontent-length: 2\r\n\r\n{}"),
        exchange(b"HTTP/1.1 200 OK\ncontent-length: 2\n\n{}"),
        exchange(b"HTTP/1.1 200 OK\r\ncontent-type: app", ending=CUT),
    ],
)
def malformed_head(x: Exchange) -> Iterator[Finding]:
    """Clients raise a protocol error, or disagree on the headers that they read."""
    yield from _faults(x, "head")
    is_http = reply(x).status != SWITCHING
    if is_http and x.ending.how == "idle" and x.ending.phase != "after" and not reply(x).faults:
        yield Finding(f"an HTTP/1.1 client can't parse the response: {x.ending.detail}", at=reply(x).head)


@rule(
    "HTTP003",
    MUST,
    "The body has valid framing: Content-Length or Transfer-Encoding: chunked",
    spec=RFC9112 + "6.3",
    fix="Let the server library frame the body: with a correct Content-Length or with chunks of correct sizes, never both.",
    applies_to=all_of(received, replied),
    needs=("framing",),
    apis=APIS,
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
    """Clients stop at the first invalid byte, and lose the rest of the response."""
    yield from _faults(x, "framing")


def _faults(x: Exchange, part: Part) -> Iterator[Finding]:
    return (Finding(fault.what, at=fault.span) for fault in reply(x).faults if fault.part == part)


def beyond(x: Exchange) -> Span | None:
    """The bytes after the response's end, except blank lines."""
    at = reply(x).trailing
    return at if at and x.received[at.start : at.end].strip(b"\r\n") else None


@rule(
    "HTTP005",
    MUST,
    "Nothing follows the end of the response",
    spec=RFC9112 + "6.3",
    fix="Set Content-Length to the body's length in bytes (not characters), and write nothing after the last chunk.",
    applies_to=all_of(received, replied, whole),
    needs=("framing",),
    apis=APIS,
    good=[GOOD, exchange(http(200, (JSON,), b"{}") + b"\r\n")],
    bad=[exchange(http(200, (JSON,), b"{}") + b"}"), framed(chunks(EVENTS) + b"data: more\n\n")],
)
def bytes_after_the_end(x: Exchange) -> Iterator[Finding]:
    """Clients truncate the body at its Content-Length, or treat the rest as the next response on the connection."""
    if at := beyond(x):
        yield Finding(f"{at.end - at.start} bytes follow the end of the response (Content-Length or last chunk)", at=at)


@rule(
    "HTTP018",
    SHOULD,
    "The body is delimited by Content-Length or Transfer-Encoding: chunked",
    spec=RFC9112 + "6.3",
    fix="Send Content-Length, or Transfer-Encoding: chunked over HTTP/1.1 (nginx: proxy_http_version 1.1).",
    applies_to=has_body,
    needs=("framing",),
    apis=APIS,
    good=[GOOD, framed(chunks(EVENTS))],
    bad=[exchange(http(200, (SSE,), EVENTS, length=False)), exchange(b"HTTP/1.0 200 OK\r\n\r\n{}", mode="unary")],
)
def end_by_close(x: Exchange) -> Iterator[Finding]:
    """If the body ends when the connection closes, a truncated body looks complete."""
    if reply(x).framing == "close" and not reply(x).faults:
        yield Finding(
            "the response has neither Content-Length nor Transfer-Encoding: chunked: it ends when the connection closes",
            at=reply(x).head,
        )


@rule(
    "HTTP021",
    SHOULD,
    "A response has at most one Content-Length",
    spec=RFC9110 + "8.6",
    fix="Let one layer set Content-Length: the server library, or the proxy that changes the body.",
    applies_to=replied,
    needs=("framing",),
    apis=APIS,
    good=[GOOD, framed(chunks(EVENTS)), exchange(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}", mode="unary")],
    bad=[
        answered("{}", headers=[JSON, ("content-length", "2")]),
        exchange(b"HTTP/1.1 200 OK\r\ncontent-length: 2, 2\r\n\r\n{}", mode="unary"),
    ],
)
def repeated_content_length(x: Exchange) -> Iterator[Finding]:
    """Some clients reject a repeated Content-Length (Node.js does), and proxies may disagree on the end of the body."""
    values = [part.strip() for value in reply(x).values("content-length") for part in value.split(",")]
    if len(values) > 1 and len(set(values)) == 1:
        seen = f"Content-Length: {values[0][:20]} is present {len(values)} times"
        yield Finding(seen, at=reply(x).span("content-length"))


@rule(
    "HTTP020",
    SHOULD,
    f"The response head has at most {MAX_HEAD} bytes",
    spec=RFC9110 + "5.4",
    fix="Send fewer and shorter headers, and write debug information to logs instead.",
    applies_to=replied,
    needs=("headers", "framing"),
    apis=APIS,
    good=[GOOD],
    bad=[answered("{}", headers=[JSON, ("x-debug", "a" * MAX_HEAD)])],
)
def oversized_head(x: Exchange) -> Iterator[Finding]:
    """Node.js and many proxies reject larger heads by default: their users get an error instead of the response."""
    head = reply(x).head
    if head.end - head.start > MAX_HEAD:
        yield Finding(f"the response head (status line and headers) has {head.end - head.start} bytes", at=head)
