"""The bytes of recorded bodies: text, base64, and content codings that the recorder did not decode."""

import contextlib
import importlib
import zlib
from collections.abc import Callable
from functools import partial
from typing import Any, Final, NamedTuple

from conformance.recordings.members import DamagedError

MAX_BODY: Final = 64 * 1024 * 1024
"""Bytes that a compressed body may decompress to."""
GZIP: Final = b"\x1f\x8b"
STEP: Final = 1024
"""Compressed bytes that are decompressed at once by a decoder without a bound of its own."""


class Body(NamedTuple):
    """A recorded body, and whether its bytes are those that were received."""

    content: bytes
    exact: bool = True


def encoded(text: str, charset: str = "utf-8") -> Body:
    """The bytes of a text that the recorder decoded.

    Recorders put a byte that is not UTF-8 into a lone surrogate, or replace it: then it is lost.
    """
    try:
        content = text.encode(charset, "surrogateescape")
    except (UnicodeEncodeError, LookupError):
        return Body(text.encode("utf-8", "replace"), exact=False)
    return Body(content, exact="\ufffd" not in text)


def utf8(text: str) -> str:
    """The text, with lone surrogates replaced that stand for no byte, so that it has an encoding."""
    return encoded(text).content.decode("utf-8", "surrogateescape")


def decoded(body: bytes, coding: str) -> bytes:
    """The body without its content coding, unless the recorder has decoded it already.

    Raises:
        DamagedError: it is truncated, not valid, too large, or of a coding that can't be decoded here.
    """
    names = [name.strip() for name in coding.lower().split(",") if name.strip() not in ("", "identity")]
    for name in reversed(names):
        if name in ("gzip", "x-gzip"):
            body = _inflated(body) if body.startswith(GZIP) else body
        elif not _is_text(body):
            body = _decoder(name)(body)
    return body


def _is_text(body: bytes) -> bool:
    """Whether a body begins as the decoded text of an API does: then the recorder has decoded it."""
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return not body.translate(None, b"\t\r\n").startswith(tuple(bytes([code]) for code in range(32)))


def _decoder(coding: str) -> Callable[[bytes], bytes]:
    if coding == "deflate":
        return _inflated
    if coding == "br":
        for module in ("brotli", "brotlicffi"):
            with contextlib.suppress(ImportError):
                return partial(_unbrotlied, importlib.import_module(module))
    raise DamagedError(f"the response body is compressed with {coding[:40]}, for which there is no decoder here")


def _unbrotlied(brotli: Any, body: bytes) -> bytes:
    decoder, out = brotli.Decompressor(), bytearray()
    try:
        for at in range(0, len(body), STEP):
            out += decoder.process(body[at : at + STEP])
            _check_size(len(out))
    except brotli.error as error:
        raise DamagedError(f"the response body is not valid br: {error}") from error
    if not decoder.is_finished():
        raise DamagedError("the response body is truncated br")
    return bytes(out)


def _inflated(body: bytes) -> bytes:
    """Decompress gzip, also of several members, or deflate, with or without the zlib wrapper that many omit."""
    is_wrapped = len(body) > 1 and body[0] & 15 == 8 and (body[0] * 256 + body[1]) % 31 == 0
    wbits = 31 if body.startswith(GZIP) else 15 if is_wrapped else -15
    out = bytearray()
    while True:
        inflate = zlib.decompressobj(wbits)
        try:
            out += inflate.decompress(body, MAX_BODY + 1 - len(out))
        except zlib.error as error:
            raise DamagedError(f"the response body is not validly compressed: {error}") from error
        _check_size(len(out))
        if not inflate.eof:
            raise DamagedError("the response body is truncated: its compressed data has no end")
        body = inflate.unused_data
        if not (wbits == 31 and body.startswith(GZIP)):
            return bytes(out)


def _check_size(size: int) -> None:
    if size > MAX_BODY:
        raise DamagedError(f"the response body decompresses to more than {MAX_BODY} bytes")
