"""Parse the response's head and body from the received bytes (RFC 9112): lenient in parsing, exact in reporting."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import msgspec

from conformance.model.exchange import Exchange, Span, cached_reader
from conformance.parsing import websocket
from conformance.parsing.content import bounded, decode, decoded_request

HEAD_END = re.compile(rb"\r?\n\r?\n")
STATUS_LINE = re.compile(rb"(HTTP/\d\.\d) ([1-9]\d\d)(?: ([^\r\n]*))?\r?\n")
BARE_LF = re.compile(rb"(?<!\r)\n")
CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n]*)?\r\n")
CHUNK_SIZE_BEGUN = re.compile(rb"[0-9A-Fa-f]{1,15}[ \t]*(?:;[^\r\n]*)?\r?\Z")
TRAILERS = re.compile(rb"(?:[^\r\n]+\r\n)*\r\n")
PACKED = {
    b"\x1f\x8b": "gzip",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"\x78\x01": "zlib",
    b"\x78\x9c": "zlib",
    b"\x78\xda": "zlib",
}
"""The first bytes of compressed data."""


NOWHERE = Span(0, 0)
SWITCHING = 101
"""The status of a response after which the connection speaks another protocol."""
Framing = Literal["length", "chunked", "close", "none"]
Part = Literal["head", "framing"]


class Header(NamedTuple):
    """One header line: the name in lower case, the value without surrounding whitespace, and its bytes."""

    name: str
    value: str
    span: Span


class ProtocolViolation(NamedTuple):
    """One violation of HTTP/1.1: a clause, the bytes, and the part: head or framing."""

    what: str
    span: Span
    part: Part = "head"


class Segment(NamedTuple):
    """A run of the body that is contiguous in the received bytes: its offset in each, and its length."""

    body: int
    received: int
    length: int


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """The final response of an exchange. Without one, `status` is 0 and everything else is empty.

    `raw` is the body as transferred, `content` the body with its content coding decoded (the decodable part, if it is
    corrupt; empty, if it is `undecodable`: this parser does not know the coding). `coding` names the content coding.
    `cut`: why `content` is only the beginning of a body that is too large to be judged.
    `complete`: the body is complete by its own framing. `trailing` are bytes after the response. `timeline` maps
    content to time: pairs of (content bytes available, nanoseconds).
    """

    status: int = 0
    reason: str = ""
    version: str = ""
    headers: tuple[Header, ...] = ()
    head: Span = NOWHERE
    raw: bytes = b""
    content: bytes = b""
    segments: tuple[Segment, ...] = ()
    framing: Framing = "none"
    complete: bool = False
    trailing: Span | None = None
    faults: tuple[ProtocolViolation, ...] = ()
    coding: str = ""
    undecodable: bool = False
    coding_fault: str = ""
    cut: str = ""
    timeline: tuple[tuple[int, int], ...] = ()

    def values(self, name: str) -> tuple[str, ...]:
        """All values of a header, in order."""
        return tuple(h.value for h in self.headers if h.name == name)

    def value(self, name: str) -> str:
        """The first value of a header, or empty."""
        return next(iter(self.values(name)), "")

    def span(self, name: str) -> Span:
        """The bytes of a header line, or of the complete head if it is missing."""
        return next((h.span for h in self.headers if h.name == name), self.head)

    @property
    def media_type(self) -> str:
        """Type and subtype in lower case, without parameters (RFC 9110, section 8.3.1)."""
        return self.value("content-type").split(";", 1)[0].strip().lower()

    @property
    def charset(self) -> str:
        """The charset parameter of the Content-Type in lower case, or empty."""
        found = re.search(r";\s*charset\s*=\s*\"?([^\s;\"]+)", self.value("content-type"), re.IGNORECASE)
        return found[1].lower() if found else ""

    @property
    def undeclared_coding(self) -> str:
        """The compression of a body that has no Content-Encoding, or empty."""
        return "" if self.coding else next((name for magic, name in PACKED.items() if self.raw.startswith(magic)), "")

    def locate(self, start: int, end: int) -> Span:
        """The received bytes of a run of the content; the complete body if the content was compressed."""
        if not self.segments:
            return self.head
        if self.coding:
            return Span(self.segments[0].received, self.segments[-1].received + self.segments[-1].length)
        last = max(start, end - 1)
        return Span(self._received_offset(start), self._received_offset(last) + (1 if end > start else 0))

    def _received_offset(self, offset: int) -> int:
        found = self.segments[max(0, bisect_left(self.segments, (offset + 1,)) - 1)]
        return found.received + min(offset - found.body, found.length)

    def at_ns(self, end: int) -> int:
        """When the content before offset `end` had arrived, in nanoseconds since the exchange began."""
        if not self.timeline:
            return 0
        return self.timeline[min(bisect_left(self.timeline, (end,)), len(self.timeline) - 1)][1]


@dataclass(slots=True)
class _Body:
    segments: list[Segment] = field(default_factory=list)
    framing: Framing = "none"
    complete: bool = False
    end: int = 0
    faults: list[ProtocolViolation] = field(default_factory=list)

    def add_violation(self, what: str, span: Span) -> None:
        self.faults.append(ProtocolViolation(what, span, "framing"))


@cached_reader
def reply(x: Exchange) -> Reply:
    """The final response; of a turn over a WebSocket, its messages as the events of a stream."""
    return _received(x) if x.turn is None else _of_turn(x, _received(x), x.turn)


def _received(x: Exchange) -> Reply:
    """The final response as received; interim (1xx) responses are skipped (RFC 9110, section 15.2)."""
    start = 0
    while (line := STATUS_LINE.match(x.received, start)) and 100 <= int(line[2]) < 200 and int(line[2]) != 101:
        end = HEAD_END.search(x.received, line.end() - 2)
        if not end:
            return Reply(
                faults=(ProtocolViolation("the head of an interim response has no end", Span(start, len(x.received))),)
            )
        start = end.end()
    return _final(x, start)


def _final(x: Exchange, start: int) -> Reply:
    line = STATUS_LINE.match(x.received, start)
    if not line:
        what = "the response does not begin with an HTTP/1.1 status line"
        return Reply(
            faults=(ProtocolViolation(what, Span(start, min(len(x.received), start + 80))),)
            if x.received[start:]
            else ()
        )
    end = HEAD_END.search(x.received, line.end() - 2)
    head = Span(start, end.end() if end else len(x.received))
    faults = list(_head_faults(x.received, head, line, has_end=bool(end)))
    headers = tuple(_headers(x.received, line.end(), end.start() if end else head.end, faults))
    body = _body(x, line[1], int(line[2]), headers, head.end) if end else _Body(end=head.end)
    segments = tuple(body.segments)
    raw = b"".join([x.received[s.received : s.received + s.length] for s in segments])
    coding = ", ".join(h.value for h in headers if h.name == "content-encoding").strip().lower()
    stopped = x.ending.detail or "at a size limit" if x.ending.how == "limit" else ""
    decoded = bounded(decode(raw, list(_arrived(x, segments)), coding), stopped)
    return Reply(
        status=int(line[2]),
        reason=(line[3] or b"").decode("latin-1"),
        version=line[1].decode(),
        headers=headers,
        head=head,
        raw=raw,
        content=decoded.content,
        segments=segments,
        framing=body.framing,
        complete=body.complete,
        trailing=_trailing(x, body, int(line[2])),
        faults=(*faults, *body.faults),
        coding=decoded.coding,
        undecodable=decoded.undecodable,
        coding_fault=decoded.fault,
        cut=decoded.cut,
        timeline=decoded.timeline,
    )


def _trailing(x: Exchange, body: _Body, status: int) -> Span | None:
    """The bytes after the response; after 101 they are of another protocol (RFC 9110, section 15.2.2)."""
    is_more = body.complete and body.end < len(x.received) and status != SWITCHING
    return Span(body.end, len(x.received)) if is_more else None


def _head_faults(received: bytes, head: Span, line: re.Match[bytes], *, has_end: bool) -> Iterator[ProtocolViolation]:
    if not line[1].startswith(b"HTTP/1."):
        yield ProtocolViolation(
            f"the status line uses {line[1].decode()} on an HTTP/1.1 connection", Span(*line.span())
        )
    if not has_end:
        yield ProtocolViolation("the response's head has no end", head)
    if bare := BARE_LF.search(received, head.start, head.end):
        yield ProtocolViolation("a line of the head ends in a bare LF instead of CRLF", Span(*bare.span()))


def _headers(received: bytes, start: int, end: int, faults: list[ProtocolViolation]) -> Iterator[Header]:
    for line in re.finditer(rb"[^\n]+", received[start:end]):
        span = Span(start + line.start(), start + line.end())
        name, colon, value = line[0].removesuffix(b"\r").decode("latin-1").partition(":")
        if not colon or not TOKEN.fullmatch(name):
            what = "folded (obs-fold)" if line[0][:1] in b" \t" else "malformed"
            faults.append(ProtocolViolation(f"a header line is {what}: {name[:40]!r}", span))
            continue
        if CONTROL.search(value):
            faults.append(ProtocolViolation(f"the value of {name[:40]} contains a control character", span))
        yield Header(name.lower(), value.strip(), span)


def _body(x: Exchange, version: bytes, status: int, headers: tuple[Header, ...], start: int) -> _Body:
    """Apply RFC 9112, section 6.3: which framing delimits the body."""
    body = _Body(end=start)
    lengths = [h for h in headers if h.name == "content-length"]
    transfer = [h for h in headers if h.name == "transfer-encoding"]
    codings = [part.strip().lower() for h in transfer for part in h.value.split(",")]
    if status in (101, 204, 304) or x.sent.startswith(b"HEAD "):
        body.complete = True
        return body
    if transfer:
        if codings != ["chunked"]:
            body.add_violation(f"Transfer-Encoding is not chunked alone: {', '.join(codings)[:60]}", transfer[0].span)
        if version == b"HTTP/1.0":
            body.add_violation("an HTTP/1.0 response has a Transfer-Encoding", transfer[0].span)
        if lengths:
            body.add_violation("the response has both Transfer-Encoding and Content-Length", lengths[0].span)
    if codings and codings[-1] == "chunked":
        body.framing = "chunked"
        _chunks(x.received, start, body)
    elif lengths and not transfer:
        body.framing = "length"
        _length(x.received, start, lengths, body)
    else:
        body.framing, body.end, body.complete = "close", len(x.received), x.ending.how == "closed"
        _add(body, start, len(x.received) - start)
    return body


def _add(body: _Body, received: int, length: int) -> None:
    if length:
        last = body.segments[-1] if body.segments else Segment(0, 0, 0)
        body.segments.append(Segment(last.body + last.length, received, length))


def _length(received: bytes, start: int, headers: Sequence[Header], body: _Body) -> None:
    values = {part.strip() for header in headers for part in header.value.split(",")}
    text = next(iter(values))
    if len(values) > 1 or not (text.isascii() and text.isdigit() and len(text) < 16):
        body.add_violation(f"Content-Length is not one number: {', '.join(sorted(values))[:60]!r}", headers[0].span)
        _add(body, start, len(received) - start)
        body.end = len(received)
        return
    got = min(int(text), len(received) - start)
    _add(body, start, got)
    body.end, body.complete = start + got, got == int(text)


def _chunks(received: bytes, at: int, body: _Body) -> None:
    """Apply RFC 9112, section 7.1, and stop at the first byte that is not chunked coding."""
    size_at, size, body.end = CHUNK_SIZE.match, len(received), len(received)
    segments, make, start = body.segments, Segment._make, 0
    while found := size_at(received, at):
        length, at = int(found[1], 16), found.end()
        if length == 0:
            if end := TRAILERS.match(received, at):
                body.end, body.complete = end.end(), True
            return
        if at < size:
            segments.append(make((start, at, min(length, size - at))))
        start, at = start + length, at + length
        if not received.startswith(b"\r\n", at):
            if at < size and received[at:] != b"\r":
                body.add_violation("a chunk is longer than its chunk size", Span(at, min(size, at + 16)))
            return
        at += 2
    if at < size and not CHUNK_SIZE_BEGUN.match(received, at):
        body.add_violation("a chunk has no valid chunk size", Span(at, min(size, at + 16)))


def _arrived(x: Exchange, segments: tuple[Segment, ...]) -> Iterator[tuple[int, int]]:
    """For each socket read that had body bytes: how many had arrived by then, and its time."""
    ends = [at + length for _, at, length in segments]
    total = segments[-1].body + segments[-1].length if segments else 0
    received = index = now = at_ns = 0
    for at_ns, length in x.arrivals:
        received += length
        index = bisect_right(ends, received, index)
        now = total
        if index < len(ends):
            body, start, _ = segments[index]
            now = body + max(0, received - start)
        if now:
            yield now, at_ns
    if now < total:
        yield total, at_ns


def _of_turn(x: Exchange, handshake: Reply, number: int) -> Reply:
    """The messages of one turn over a WebSocket as the response that streams them: one event each."""
    found = answers(x)
    answer = found[number] if number < len(found) else websocket.Answer()
    content, places = websocket.as_events(answer.messages[answer.begins :])
    segments = tuple(map(Segment._make, places))
    return Reply(
        status=200,
        version="HTTP/1.1",
        headers=(Header("content-type", "text/event-stream", handshake.head),),
        head=handshake.head,
        raw=content,
        content=content,
        segments=segments,
        complete=answer.is_ended,
        timeline=tuple(_arrived(x, segments)),
    )


@cached_reader
def connection(x: Exchange) -> websocket.Received:
    """What the server sent over a WebSocket; nothing, if it accepted none."""
    handshake = _received(x)
    return websocket.read(x.received, handshake.head.end) if handshake.status == SWITCHING else websocket.Received()


@cached_reader
def answers(x: Exchange) -> tuple[websocket.Answer, ...]:
    """What the server sent over a WebSocket in each turn."""
    return websocket.by_turn(connection(x))


def finished_at_ns(x: Exchange) -> int:
    """When the response's last byte, or the close that ends it, arrived: nanoseconds since the exchange began."""
    answer = reply(x)
    if answer.framing == "close" or not x.arrivals:
        return x.ending.at_ns
    end, received = answer.trailing.start if answer.trailing else len(x.received), 0
    for at_ns, length in x.arrivals:
        received += length
        if received >= end:
            return at_ns
    return x.arrivals[-1].at_ns


def request_header(x: Exchange, name: str) -> tuple[str, ...]:
    """All values of a header of the request."""
    head = x.sent.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")[1:]
    fields = (line.partition(":") for line in head)
    return tuple(value.strip() for field_name, _, value in fields if field_name.lower() == name)


@cached_reader
def request_content(x: Exchange) -> bytes:
    """The body of the request, without chunked and content coding as far as they are valid; of a turn, its event."""
    head, _, body = x.sent.partition(b"\r\n\r\n")
    if x.turn is not None:
        events = websocket.read(x.sent, len(head) + 4, "sent").messages
        return events[x.turn].data if x.turn < len(events) else b""
    if ", ".join(request_header(x, "transfer-encoding")).lower().endswith("chunked"):
        found = _Body()
        _chunks(x.sent, len(head) + 4, found)
        body = b"".join([x.sent[s.received : s.received + s.length] for s in found.segments])
    coding = ", ".join(request_header(x, "content-encoding")).strip().lower()
    return (decoded_request(body, coding) or b"") if coding else body
