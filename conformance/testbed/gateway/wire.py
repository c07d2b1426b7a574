"""How the embedded gateway writes its messages, where HTTP/1.1 leaves it a choice (RFC 9112). Pure."""

from collections.abc import Callable
from dataclasses import dataclass
from http.client import responses
from typing import Final

from conformance.testbed.server.reply import Headers


@dataclass(frozen=True, slots=True, kw_only=True)
class Wire:
    """Of replies: `line` writes a header field; `interim` responses come first; `extension` follows the size of each
    chunk, and `trailers` the last chunk; `closes`: the connection ends with each reply.

    Of requests upstream: `version` of HTTP; `is_chunked`: the length of the body is not announced; `expects`: the body
    is sent once the upstream has responded with 100.
    """

    line: Callable[[str, str], str] = "{}: {}".format
    interim: bytes = b""
    extension: bytes = b""
    trailers: bytes = b""
    closes: bool = False
    version: bytes = b"1.1"
    is_chunked: bool = False
    expects: bool = False

    def head(self, status: int, headers: Headers) -> bytes:
        """The head of a reply."""
        coding = () if is_sized(headers) else (("transfer-encoding", "chunked"),)
        closing = (("connection", "close"),) if self.closes else ()
        fields = (self.line(name, value) for name, value in (*headers, *coding, *closing))
        lines = [f"HTTP/1.1 {status} {responses.get(status, '')}", *fields, "", ""]
        return self.interim + "\r\n".join(lines).encode("latin-1")

    def chunk(self, data: bytes) -> bytes:
        """A piece of a body of unknown length; an empty one is no chunk, which would be the last."""
        return b"%x%b\r\n%b\r\n" % (len(data), self.extension, data) if data else b""

    @property
    def last_chunk(self) -> bytes:
        """What follows the last piece."""
        return b"0%b\r\n%b\r\n" % (self.extension, self.trailers)

    def fields(self, length: int) -> Headers:
        """The fields of a request upstream that concern its connection, for a body of this length."""
        framed = ("transfer-encoding", "chunked") if self.is_chunked else ("content-length", str(length))
        closing = (("connection", "close"),) if self.version == b"1.0" else ()
        return (framed, *closing, *((("expect", "100-continue"),) if self.expects else ()))

    def in_version(self, head: bytes) -> bytes:
        """The head of a request in HTTP/1.1, in the version that the upstream is asked in."""
        return head.replace(b" HTTP/1.1\r\n", b" HTTP/%b\r\n" % self.version, 1)


def is_sized(headers: Headers) -> bool:
    """Whether a reply announces the length of its body."""
    return any(name.lower() == "content-length" for name, _ in headers)


USUAL: Final = Wire()
