"""Find where HTTP/1.1 messages end in the bytes of a connection (RFC 9112), so that each is recorded by itself.

Nothing is rejected here: a message whose end can't be found lasts until the connection ends, as the peers may see it.
"""

import re
from collections.abc import Callable
from functools import partial
from typing import Final, Protocol

HEAD_END = re.compile(rb"\n\r?\n")
TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,40}"
REQUEST_LINE = re.compile(rb"(%b) (\S+) HTTP/1\.[01]\r?\n" % TOKEN)
BEGUN = re.compile(rb"%b(?: |\Z)" % TOKEN)
"""The beginning of a request line."""
STATUS = re.compile(rb"HTTP/\d\.\d (\d{3})\b")
CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;.*)?\r?\n", re.DOTALL)
MAX_LINE: Final = 16_384
"""Bytes of a line of chunked coding, or of the first one of a request, beyond which it is not looked at."""


class Body(Protocol):
    """What follows a head: told by its framing."""

    @property
    def ended(self) -> bool:
        """Whether the body is complete."""

    def take(self, data: bytes) -> int:
        """Read on; returns how many of the bytes belong to the body."""


class Length:
    """A body of a known length."""

    def __init__(self, left: int) -> None:
        self._left = left

    @property
    def ended(self) -> bool:
        """Whether the body is complete."""
        return not self._left

    def take(self, data: bytes) -> int:
        """Read on; returns how many of the bytes belong to the body."""
        taken = min(len(data), self._left)
        self._left -= taken
        return taken


class UntilClosed:
    """A body that lasts as long as the connection."""

    ended = False

    def take(self, data: bytes) -> int:
        """Read on: all bytes belong to the body."""
        return len(data)


class Chunked:
    """A body in chunked coding (RFC 9112, section 7.1); what is not chunked coding lasts until the connection ends."""

    def __init__(self) -> None:
        self.ended = False
        self._is_broken = self._in_trailers = False
        self._line = b""
        self._left = 0

    def take(self, data: bytes) -> int:
        """Read on; returns how many of the bytes belong to the body."""
        at = 0
        while at < len(data) and not self.ended:
            if self._is_broken:
                return len(data)
            if self._left:
                step = min(self._left, len(data) - at)
                self._left -= step
                at += step
                continue
            end = data.find(b"\n", at) + 1 or len(data)
            self._line += data[at:end]
            at = end
            self._read_line()
        return at

    def _read_line(self) -> None:
        if not self._line.endswith(b"\n"):
            self._is_broken = len(self._line) > MAX_LINE
            return
        line, self._line = self._line, b""
        if self._in_trailers:
            self.ended = line in (b"\r\n", b"\n")
        elif found := CHUNK_SIZE.fullmatch(line):
            size = int(found[1], 16)
            self._in_trailers = not size
            self._left = size + 2 if size else 0
        else:
            self._is_broken = True


class Message:
    """One message as it arrives: its heads (a response may follow interim ones), and then its body.

    `body_of` tells the framing of the body from a head; None for an interim response. A head of more than `most_head`
    bytes `is_too_long`: what follows belongs to the message.
    """

    def __init__(self, body_of: Callable[[bytes], Body | None], most_head: int) -> None:
        self.head = b""
        self.begun = bytearray()
        self.is_too_long = False
        self._body_of, self._most_head = body_of, most_head
        self._body: Body | None = None

    @property
    def ended(self) -> bool:
        """Whether the message is complete by its own framing."""
        return self._body is not None and self._body.ended

    @property
    def ends_with_connection(self) -> bool:
        """Whether the end of the connection completes it: it has a head, and no other framing."""
        return bool(self.head) and isinstance(self._body, UntilClosed)

    @property
    def switches_protocols(self) -> bool:
        """Whether a response says that what follows it on the connection is another protocol (RFC 9110, 15.2.2)."""
        line = STATUS.match(self.head)
        return line is not None and line[1] == b"101"

    def take(self, data: bytes) -> int:
        """Read on, at most to the end of a head; returns how many of the bytes belong to the message."""
        if self._body is not None:
            return self._body.take(data)
        before = len(self.begun)
        self.begun += data
        found = HEAD_END.search(self.begun, max(0, before - 2))
        if not found:
            if len(self.begun) > self._most_head:
                self.is_too_long, self._body = True, UntilClosed()
            return len(data)
        head, self.begun = bytes(self.begun[: found.end()]), bytearray()
        self._body = self._body_of(head)
        if self._body is not None:
            self.head = head
        return found.end() - before


def request(most_head: int) -> Message:
    """A request that is about to arrive."""
    return Message(_request_body, most_head)


def response(method: bytes, most_head: int) -> Message:
    """The response to a request with this method."""
    return Message(partial(_response_body, method), most_head)


def is_no_request(begun: bytes | bytearray) -> bool:
    """Whether bytes do not begin a request of HTTP/1.0 or 1.1."""
    has_line = begun.find(b"\n", 0, MAX_LINE) >= 0
    return not (REQUEST_LINE.match(begun) if has_line else BEGUN.match(begun[:64]))


def values(head: bytes, name: bytes) -> list[bytes]:
    """The values of a header, in order, in lower case."""
    found = re.findall(rb"(?im)^%b[ \t]*:[ \t]*([^\r\n]*)" % re.escape(name), head)
    return [value.strip().lower() for value in found]


def tokens(head: bytes, name: bytes) -> list[bytes]:
    """The items of a header that is a list, in lower case."""
    return [item.strip() for value in values(head, name) for item in value.split(b",") if item.strip()]


def _framed(head: bytes) -> Body | None:
    """The body that Transfer-Encoding or Content-Length announce; None without them."""
    if codings := tokens(head, b"transfer-encoding"):
        return Chunked() if codings[-1] == b"chunked" else UntilClosed()
    lengths = {*tokens(head, b"content-length")}
    if not lengths:
        return None
    length = lengths.pop()
    return Length(int(length)) if not lengths and length.isdigit() and len(length) < 16 else UntilClosed()


def _request_body(head: bytes) -> Body:
    return _framed(head) or Length(0)


def _response_body(method: bytes, head: bytes) -> Body | None:
    line = STATUS.match(head)
    if not line:
        return UntilClosed()
    status = int(line[1])
    if 100 <= status < 200 and status != 101:
        return None
    if method == b"HEAD" or status in (204, 304):
        return Length(0)
    return _framed(head) or UntilClosed()
