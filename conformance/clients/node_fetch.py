"""fetch of Node 20 (undici 6.24) and 22 (undici 6.28): how it decodes a body, and what the SDKs make of its errors."""

import zlib
from collections.abc import Callable
from typing import Final

from conformance.clients.node import no_response
from conformance.clients.node import refusal as status_error
from conformance.clients.sdk import ATTEMPTS, should_retry
from conformance.clients.transport import WAITING, Body, answered_2xx
from conformance.clients.turn import ClientError
from conformance.model.exchange import Exchange, cached_reader
from conformance.parsing.content import MAX_CONTENT
from conformance.parsing.http1 import PACKED, Reply, reply

NO_BODY: Final = (101, 204, 205, 304)
"""Statuses whose body is null, whatever the server sent."""
GZIP: Final = ("gzip", "x-gzip")
DECODED: Final = (*GZIP, "deflate", "br")
MOST_CODINGS: Final = 5

BodyReader = Callable[[Exchange], Body]
"""How fetch of one version of Node reads a body."""


def has_body(x: Exchange) -> bool:
    """Whether `response.body` is not null."""
    return reply(x).status not in NO_BODY


@cached_reader
def body(x: Exchange) -> Body:
    """The body as fetch of Node 20 gives it to its caller, and why the rest is missing."""
    answer = reply(x)
    if not has_body(x):
        return Body(b"")
    content, fault = _decoded(answer)
    if fault:
        return Body(content, ClientError("coding", fault))
    if (x.ending.how in WAITING and not answer.complete) or answer.cut:
        return Body(content, ClientError("hang", "The response does not end."))
    if answer.complete or (is_last(x) and answer.framing != "length" and not answer.faults):
        return Body(content)
    return Body(content, ClientError("reset" if x.ending.how == "reset" else "cut", "terminated"))


@cached_reader
def body_on_node_22(x: Exchange) -> Body:
    """The body as fetch of Node 22 (undici 6.28) gives it: a chunked body without its last chunk is never complete."""
    read, answer = body(x), reply(x)
    if read.error or answer.complete or answer.framing != "chunked" or not has_body(x):
        return read
    return Body(read.content, ClientError("cut", "terminated"))


def is_last(x: Exchange) -> bool:
    """Whether the server announced that it would close the connection: its end then counts as the response's end.

    So a chunked body without its last chunk is complete for Node 20.
    """
    answer = reply(x)
    options = {part.strip().lower() for value in answer.values("connection") for part in value.split(",")}
    return (
        answer.framing == "close"
        or "close" in options
        or (answer.version == "HTTP/1.0" and "keep-alive" not in options)
    )


def is_lost(x: Exchange) -> bool:
    """Whether the connection failed in the body, in a way that counts as passing: not so a body of a wrong length."""
    error = body(x).error
    return error is not None and error.kind in ("cut", "reset") and not reply(x).faults and not is_last(x)


def is_uncertain(x: Exchange) -> bool:
    """Whether more than the bytes decides.

    A reset may discard what was not read yet; after a fault in the content coding, fetch may wait for ever, by when the
    last bytes arrive; and what may be Brotli is not decoded here.
    """
    answer, error = reply(x), body(x).error
    may_be_brotli = "br" in _codings(answer) and not (_is_plain(answer.raw) or _is_packed(answer.raw))
    return x.ending.how == "reset" or may_be_brotli or (error is not None and error.kind == "coding")


def _codings(answer: Reply) -> list[str]:
    """The content codings that are decoded; none if one of them is not known."""
    codings = [part.strip().lower() for value in answer.values("content-encoding") for part in value.split(",")]
    return codings if set(codings) <= set(DECODED) else []


def _decoded(answer: Reply) -> tuple[bytes, str]:
    """The content, and why the rest can't be decoded. A body that is cut in its coding is not at fault."""
    codings = _codings(answer)
    if len(codings) > MOST_CODINGS:
        return b"", "too many content-encodings in response"
    if codings == [answer.coding] and answer.coding in GZIP:
        return answer.content, answer.coding_fault
    content, fault = answer.raw if codings or answer.undecodable else answer.content, ""
    for coding in reversed(codings):
        content, failed = _unpacked(content, coding)
        fault = fault or failed
    return content, fault


def _unpacked(content: bytes, coding: str) -> tuple[bytes, str]:
    """One coding undone. What is plainly not Brotli is at fault; what may be is left: there is no decoder here."""
    if coding == "br":
        wrong = content and (_is_plain(content) or _is_packed(content))
        return (b"", "the body is not Brotli") if wrong else (content, "")
    wrapped = content[:1] != b"" and content[0] & 15 == 8
    try:
        return zlib.decompressobj(31 if coding in GZIP else 15 if wrapped else -15).decompress(content, MAX_CONTENT), ""
    except zlib.error as error:
        return b"", str(error)


def _is_plain(content: bytes) -> bool:
    """Whether bytes begin like the text that a server sends: JSON, events, HTML."""
    return content.lstrip()[:1] in (b"{", b"<", b":", b'"') or content.startswith((b"data", b"event", b"id", b"null"))


def _is_packed(content: bytes) -> bool:
    return content.startswith(tuple(PACKED))


def text_of(x: Exchange) -> str:
    """The body as text: a BOM is removed, and bytes that are not UTF-8 are replaced."""
    return body(x).content.decode("utf-8-sig", "replace")


def refusal(x: Exchange) -> ClientError | None:
    """The error raised instead of a response, or None for a 2xx status; the body of an error response is read."""
    failed = status_error(x)
    unread = body(x).error if failed and failed.kind == "status" else None
    return unread if unread and unread.kind == "hang" else failed


def fetch_requests(x: Exchange) -> int:
    """How many requests openai-node sends if each gets this response; the body is read outside the attempt."""
    failed = no_response(x)
    if failed:
        return 1 if failed.kind == "hang" else ATTEMPTS
    return ATTEMPTS if not answered_2xx(x) and should_retry(x) else 1
