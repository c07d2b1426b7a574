"""Read the reply's head and body from what was heard (RFC 9112), forgiving in reading and exact in reporting."""

import re
import zlib
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from conformance.exchange import Exchange, Span, view

MAX_CONTENT = 64 * 1024 * 1024
"""The bound on decompressed octets: what is above it is not read (a decompression bomb)."""

HEAD_END = re.compile(rb"\r?\n\r?\n")
STATUS_LINE = re.compile(rb"(HTTP/\d\.\d) (\d{3})(?: ([^\r\n]*))?\r?\n")
CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n]*)?\r?\n")
TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")

Framing = Literal["length", "chunked", "close", "none"]


class Header(NamedTuple):
    """One header line: the name in lower case, the value without surrounding blanks, and its octets."""

    name: str
    value: str
    span: Span


class Fault(NamedTuple):
    """One departure from HTTP/1.1: a clause in plain words and the octets."""

    what: str
    span: Span


class Segment(NamedTuple):
    """A run of the body that is contiguous in what was heard: where it starts in each, and its length."""

    body: int
    heard: int
    length: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """The final reply of an exchange. Where none came, `status` is 0 and everything else is empty.

    `raw` is the body as transferred, `content` the body with its content coding undone (empty if that failed).
    `complete` tells whether the body's own framing says that all of it came. `trailing` are octets after the reply.
    `timeline` maps content to time: pairs of (content octets available, nanoseconds).
    """

    status: int = 0
    reason: str = ""
    version: str = ""
    headers: tuple[Header, ...] = ()
    head: Span = Span(0, 0)
    raw: bytes = b""
    content: bytes = b""
    segments: tuple[Segment, ...] = ()
    framing: Framing = "none"
    complete: bool = False
    trailing: Span | None = None
    faults: tuple[Fault, ...] = ()
    coding: str = ""
    coding_fault: str = ""
    timeline: tuple[tuple[int, int], ...] = ()

    def values(self, name: str) -> tuple[str, ...]:
        """All values of a header, in order."""
        return tuple(h.value for h in self.headers if h.name == name)

    def value(self, name: str) -> str:
        """The first value of a header, or nothing."""
        return next(iter(self.values(name)), "")

    def span(self, name: str) -> Span:
        """The octets of a header line, or of the whole head where it is missing."""
        return next((h.span for h in self.headers if h.name == name), self.head)

    @property
    def media_type(self) -> str:
        """Type and subtype in lower case, without parameters (RFC 9110, section 8.3.1)."""
        return self.value("content-type").split(";", 1)[0].strip().lower()

    @property
    def charset(self) -> str:
        """The charset parameter of the content type in lower case, or nothing."""
        found = re.search(r";\s*charset\s*=\s*\"?([^\s;\"]+)", self.value("content-type"), re.IGNORECASE)
        return found[1].lower() if found else ""

    def locate(self, start: int, end: int) -> Span:
        """Where a run of the content stands in what was heard; the whole body where the content was compressed."""
        if not self.segments:
            return self.head
        if self.coding:
            return Span(self.segments[0].heard, self.segments[-1].heard + self.segments[-1].length)
        last = max(start, end - 1)
        return Span(self._heard(start), self._heard(last) + (1 if end > start else 0))

    def _heard(self, offset: int) -> int:
        found = self.segments[max(0, bisect_right(self.segments, offset, key=lambda s: s.body) - 1)]
        return found.heard + min(offset - found.body, found.length)

    def at_ns(self, end: int) -> int:
        """When the content up to before `end` had arrived, in nanoseconds since the exchange began."""
        found = bisect_right(self.timeline, end - 1, key=lambda pair: pair[0])
        return self.timeline[min(found, len(self.timeline) - 1)][1] if self.timeline else 0


@dataclass(slots=True)
class _Body:
    segments: list[Segment] = field(default_factory=list)
    framing: Framing = "none"
    complete: bool = False
    end: int = 0
    faults: list[Fault] = field(default_factory=list)

    def add(self, heard: int, length: int) -> None:
        if length:
            start = self.segments[-1].body + self.segments[-1].length if self.segments else 0
            self.segments.append(Segment(start, heard, length))


@view
def reply(x: Exchange) -> Reply:
    """The final reply; interim (1xx) replies are passed over (RFC 9110, section 15.2)."""
    start = 0
    while (line := STATUS_LINE.match(x.heard, start)) and 100 <= int(line[2]) < 200 and int(line[2]) != 101:
        end = HEAD_END.search(x.heard, start)
        if not end:
            return Reply(faults=(Fault("the head of an interim reply has no end", Span(start, len(x.heard))),))
        start = end.end()
    return _final(x, start)


def _final(x: Exchange, start: int) -> Reply:
    line = STATUS_LINE.match(x.heard, start)
    if not line:
        what = "the reply does not begin with an HTTP/1.1 status line"
        return Reply(faults=(Fault(what, Span(start, min(len(x.heard), start + 80))),) if x.heard[start:] else ())
    end = HEAD_END.search(x.heard, line.end() - 2)
    head_end = end.end() if end else len(x.heard)
    faults: list[Fault] = [] if end else [Fault("the reply's head has no end", Span(start, head_end))]
    headers = tuple(_headers(x.heard, line.end(), end.start() if end else len(x.heard), faults))
    status = int(line[2])
    body = _body(x, status, headers, head_end) if end else _Body(end=head_end)
    raw = b"".join(x.heard[s.heard : s.heard + s.length] for s in body.segments)
    coding = ",".join(h.value for h in headers if h.name == "content-encoding").strip().lower()
    coding = "" if coding == "identity" else coding
    content, coding_fault, timeline = _decode(x, raw, tuple(body.segments), coding)
    return Reply(
        status=status,
        reason=(line[3] or b"").decode("latin-1"),
        version=line[1].decode(),
        headers=headers,
        head=Span(start, head_end),
        raw=raw,
        content=content,
        segments=tuple(body.segments),
        framing=body.framing,
        complete=body.complete,
        trailing=Span(body.end, len(x.heard)) if body.complete and body.end < len(x.heard) else None,
        faults=(*faults, *body.faults),
        coding=coding,
        coding_fault=coding_fault,
        timeline=timeline,
    )


def _headers(heard: bytes, start: int, end: int, faults: list[Fault]) -> Iterator[Header]:
    for line in re.finditer(rb"[^\n]+", heard[start:end]):
        span = Span(start + line.start(), start + line.end())
        name, colon, value = line[0].rstrip(b"\r").decode("latin-1").partition(":")
        if not colon or not TOKEN.fullmatch(name):
            faults.append(Fault(f"a header line is malformed: {name[:40]!r}", span))
        elif value.strip() or colon:
            yield Header(name.lower(), value.strip(), span)


def _body(x: Exchange, status: int, headers: tuple[Header, ...], start: int) -> _Body:
    """Apply RFC 9112, section 6.3: which framing delimits the body."""
    body = _Body(end=start)
    lengths = {part.strip() for h in headers if h.name == "content-length" for part in h.value.split(",")}
    codings = ",".join(h.value for h in headers if h.name == "transfer-encoding").lower()
    if status in (204, 304) or x.sent.startswith(b"HEAD "):
        body.complete = True
    elif "chunked" in codings:
        body.framing = "chunked"
        if lengths:
            what = "the reply has both Transfer-Encoding and Content-Length"
            body.faults.append(Fault(what, next(h.span for h in headers if h.name == "content-length")))
        _chunks(x.heard, start, body)
    elif lengths:
        body.framing = "length"
        _length(x.heard, start, lengths, body, next(h.span for h in headers if h.name == "content-length"))
    else:
        body.framing, body.end = "close", len(x.heard)
        body.add(start, len(x.heard) - start)
        body.complete = x.ending.how == "closed"
    return body


def _length(heard: bytes, start: int, lengths: set[str], body: _Body, span: Span) -> None:
    text = next(iter(lengths))
    if len(lengths) > 1 or not (text.isascii() and text.isdigit() and len(text) < 16):
        body.faults.append(Fault(f"Content-Length is not one number: {', '.join(sorted(lengths))[:60]}", span))
        body.add(start, len(heard) - start)
        body.end = len(heard)
        return
    got = min(int(text), len(heard) - start)
    body.add(start, got)
    body.end, body.complete = start + got, got == int(text)


def _chunks(heard: bytes, at: int, body: _Body) -> None:
    """Apply RFC 9112, section 7.1, and stop at the first octet that is not chunked coding."""
    while size := CHUNK_SIZE.match(heard, at):
        length = int(size[1], 16)
        at = size.end()
        if length == 0:
            end = re.compile(rb"(?:[^\r\n]+\r?\n)*\r?\n").match(heard, at)
            body.end, body.complete = (end.end(), True) if end else (len(heard), False)
            return
        got = min(length, len(heard) - at)
        body.add(at, got)
        at += got
        if got < length or at == len(heard):
            break
        close = re.compile(rb"\r?\n").match(heard, at)
        if not close:
            body.faults.append(Fault("a chunk is longer than its size says", Span(at, min(len(heard), at + 16))))
            break
        at = close.end()
    else:
        if at < len(heard) and not re.fullmatch(rb"[0-9A-Fa-f]{0,15}\r?", heard[at : at + 17]):
            body.faults.append(Fault("a chunk has no valid size", Span(at, min(len(heard), at + 16))))
    body.end = len(heard)


def _decode(
    x: Exchange, raw: bytes, segments: tuple[Segment, ...], coding: str
) -> tuple[bytes, str, tuple[tuple[int, int], ...]]:
    """Undo the content coding arrival by arrival, so that each octet of content has the time at which it was there."""
    decoder = _decoder(coding)
    if decoder is None:
        return b"", f"the content coding {coding!r} is unknown", ()
    out, have, timeline = bytearray(), 0, []
    fault = ""
    for at_ns, body_end in _arrived(x, segments):
        try:
            out += decoder(raw[have:body_end])
        except zlib.error as error:
            fault = f"the body is not valid {coding}: {error}"
            break
        have = body_end
        timeline.append((len(out), at_ns))
        if len(out) > MAX_CONTENT:
            fault = f"the body decompresses to more than {MAX_CONTENT} octets"
            break
    return bytes(out[:MAX_CONTENT]), fault, tuple(timeline)


def _arrived(x: Exchange, segments: tuple[Segment, ...]) -> Iterator[tuple[int, int]]:
    """For each read from the socket that brought body: its time, and how much of the body had come by then."""
    heard = index = body_end = 0
    for at_ns, length in x.arrivals:
        heard += length
        while index < len(segments) and segments[index].heard + segments[index].length <= heard:
            body_end = segments[index].body + segments[index].length
            index += 1
        partial = heard - segments[index].heard if index < len(segments) else 0
        now = segments[index].body + partial if partial > 0 else body_end
        if now > 0:
            yield at_ns, now


def _decoder(coding: str):  # type: ignore[no-untyped-def]  # noqa: ANN202
    if not coding:
        return lambda data: data
    if coding in ("gzip", "x-gzip", "deflate"):
        inflate = zlib.decompressobj(wbits=47 if coding != "deflate" else 15)
        return lambda data: inflate.decompress(data, MAX_CONTENT + 1)
    return None
