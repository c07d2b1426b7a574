"""What a recording says of a request and its response, and the HTTP/1.1 messages that say the same."""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

from conformance.model.words import Facet
from conformance.parsing.http1 import TOKEN
from conformance.parsing.json_text import parse_json
from conformance.recordings.bodies import encoded
from conformance.recordings.credentials import is_secret, is_stand_in
from conformance.recordings.members import DamagedError

Fields = tuple[tuple[str, str], ...]

FRAMING: Final = ("content-length", "transfer-encoding", "content-encoding", "connection", "keep-alive", "trailer")
"""Header fields about how the body was transferred: recordings hold it decoded."""
LENGTH = re.compile(r"[0-9]{1,15}")
BREAKS = re.compile(r"[\r\n]+[ \t]*")
EVENT_LINE = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:data|event|id|retry)?:")
DEFAULT_PORTS: Final = {"http": 80, "https": 443}
BODILESS: Final = (204, 205, 304)
"""Statuses of responses without a body."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A recorded request. `length`: how many bytes its body had, if the recorder says so; else 0."""

    method: str
    url: str
    fields: Fields
    body: bytes
    length: int = 0

    def split(self) -> SplitResult:
        """The parts of the URL. Raises DamagedError."""
        try:
            parts = urlsplit(self.url)
            _ = parts.port
        except ValueError as error:
            raise DamagedError(f"the URL is invalid: {error}") from error
        if not parts.hostname:
            raise DamagedError("the URL names no host")
        return parts

    @property
    def host(self) -> str:
        """The host, with its port unless it is the scheme's. Raises DamagedError."""
        parts = self.split()
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
        return host if parts.port in (None, DEFAULT_PORTS.get(parts.scheme)) else f"{host}:{parts.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A recorded response. `exact`: the body has the bytes that were received, but for their transfer.

    `length`: how many bytes the body had on the connection, if the recorder says so; else 0. `to_its_end`: the recorder
    read it to its end, or would say that it did not.
    """

    status: int
    reason: str
    fields: Fields
    body: bytes
    exact: bool
    length: int = 0
    to_its_end: bool = True


def value_of(fields: Fields, name: str) -> str:
    """The first value of a header field, or empty."""
    return next((value for found, value in fields if found.lower() == name), "")


def request_bytes(sent: Sent, target: str, fields: Fields) -> bytes:
    """The request as HTTP/1.1."""
    host = () if value_of(fields, "host") else (("host", sent.host),)
    return _message(f"{sent.method} {target} HTTP/1.1", (*host, *_kept(fields)), sent.body)


def response_bytes(received: Received, fields: Fields) -> bytes:
    """The response as HTTP/1.1: with the Content-Type that the body shows, if the recording has none."""
    kept = _kept((name, value) for name, value in fields if not _is_left_out(name, value))
    if received.body and "/" not in value_of(kept, "content-type") and (shown := _shown_type(received.body)):
        kept = (*((name, value) for name, value in kept if name.lower() != "content-type"), ("content-type", shown))
    return _message(f"HTTP/1.1 {received.status} {' '.join(received.reason.split())}", kept, received.body)


def facets(sent: Sent, received: Received, *, filters: bool) -> frozenset[Facet]:
    """What a recording holds of an exchange: never its framing, nor when its bytes arrived.

    `filters`: recordings of this format often leave header fields out.
    """
    held: dict[Facet, bool] = {
        "headers": _has_whole_head(received, filters=filters),
        "bytes": received.exact,
        "request": is_as_sent(sent),
        "end": received.to_its_end or stated_length(received.fields) == len(received.body),
    }
    return frozenset(facet for facet, is_held in held.items() if is_held)


def stated_length(fields: Fields) -> int | None:
    """The number in Content-Length."""
    found = value_of(fields, "content-length").strip()
    return int(found) if LENGTH.fullmatch(found) else None


def is_as_sent(sent: Sent) -> bool:
    """Whether the body has as many bytes as it was sent with, or would have them as clients write JSON.

    Recorders may remove members of the body, as they are told to, but leave its length as it was.
    """
    stated = stated_length(sent.fields) or sent.length
    if stated == len(sent.body):
        return stated > 0
    value = parse_json(sent.body)
    try:
        return isinstance(value, dict) and stated in map(len, _written(value))
    except RecursionError:
        return False


def _written(value: Any) -> Iterator[bytes]:
    """A JSON value as the clients of JavaScript and Python write it: with or without spaces, and escapes."""
    for separators, is_ascii in product(((",", ":"), (", ", ": ")), (True, False)):
        yield json.dumps(value, separators=separators, ensure_ascii=is_ascii).encode("utf-8", "surrogatepass")


def _has_whole_head(received: Received, *, filters: bool) -> bool:
    """Whether no header field is missing: there is a Content-Type, if there is a body, and nothing was left out.

    A missing Date shows that others may be missing, too: a server with a clock sends it (RFC 9110, section 6.6.1).
    """
    fields = received.fields
    if received.body and "/" not in value_of(fields, "content-type"):
        return False
    if filters and not value_of(fields, "date"):
        return False
    return not any(_is_left_out(name, value) for name, value in fields)


def _is_left_out(name: str, value: str) -> bool:
    return not is_secret(name) and is_stand_in(value)


def is_event_stream(body: bytes) -> bool:
    """Whether a body begins as an event stream."""
    return bool(EVENT_LINE.match(body))


def _shown_type(body: bytes) -> str:
    """The media type that a body shows by how it begins, or empty."""
    if is_event_stream(body):
        return "text/event-stream"
    return {b"{": "application/json", b"[": "application/json", b"<": "text/html"}.get(body.lstrip()[:1], "")


def _kept(fields: Iterable[tuple[str, str]]) -> Fields:
    return tuple(
        (name, BREAKS.sub(" ", value).strip())
        for name, value in fields
        if TOKEN.fullmatch(name) and name.lower() not in FRAMING
    )


def _message(start: str, fields: Fields, body: bytes) -> bytes:
    lines = [start, *(f"{name}: {value}" for name, value in fields), f"content-length: {len(body)}", "", ""]
    return encoded("\r\n".join(lines)).content + body
