"""Decode a body's content coding, within bounds on memory."""

import contextlib
import importlib
import zlib
from collections.abc import Callable
from typing import Any, Final, NamedTuple

MAX_CONTENT: Final = 8 * 1024 * 1024
"""Decoded bytes of a body that are read: as many as the transport reads of a response, so compression gains nothing."""
MAX_LINES: Final = 250_000
"""Lines of a body that are read: parsed ones need many times their size. A stream of 70,000 events has fewer."""
MAX_VALUES: Final = 1_000_000
"""JSON values of a body that are read, by the commas and brackets. Of usual chunks, 8 MiB hold half as many."""
BEGINNING: Final = 256 * 1024
"""Bytes that are kept of a body beyond these bounds, or of one that the harness stopped reading.

Enough to see what it is: a thousand events.
"""

GZIP = b"\x1f\x8b"
MAX_MEMBERS = 64
SEALED = ("br", "zstd", "compress", "x-compress", "dcb", "dcz", "exi", "pack200-gzip", "aes128gcm")
"""Registered content codings that this parser can't decode."""

ZSTD: Final = ("compression.zstd", "backports.zstd", "zstandard")
"""Modules that decompress zstd, of which Python 3.14 has the first."""


class Decoded(NamedTuple):
    """A decoded body: `timeline` maps its bytes to time, `fault` says why it is corrupt, `cut` why it is incomplete."""

    content: bytes = b""
    timeline: tuple[tuple[int, int], ...] = ()
    coding: str = ""
    undecodable: bool = False
    fault: str = ""
    cut: str = ""


def decode(raw: bytes, arrived: list[tuple[int, int]], coding: str) -> Decoded:
    """Decode the content coding arrival by arrival, so that each byte of content has the time when it was available.

    A coding that is not registered counts as none: clients do not decode such a body.
    """
    if any(part.strip() in SEALED for part in coding.split(",")) or coding.count(","):
        return Decoded(coding=coding, undecodable=True)
    if coding not in ("gzip", "x-gzip", "deflate"):
        return Decoded(raw, tuple(arrived))
    decoder = _inflater(coding, raw)
    out, have, timeline, fault = bytearray(), 0, [], ""
    for body_end, at_ns in arrived:
        try:
            out += decoder(raw[have:body_end], MAX_CONTENT + 1 - len(out))
        except zlib.error as error:
            fault = f"Content-Encoding is {coding}, but the body is not valid {coding}: {str(error)[:80]}"
            break
        have = body_end
        timeline.append((len(out), at_ns))
        if len(out) > MAX_CONTENT:
            break
    return Decoded(bytes(out), tuple(timeline), coding, fault=fault)


def decoded_request(body: bytes, coding: str) -> bytes | None:
    """The body of a request without its content codings, as far as it is valid; None for one that has no decoder here.

    What is beyond MAX_CONTENT is dropped.
    """
    for name in reversed([part.strip() for part in coding.lower().split(",")]):
        if name == "zstd":
            plain = _unzstd(body)
        else:
            found = decode(body, [(len(body), 0)], name)
            plain = None if found.undecodable else found.content
        if plain is None:
            return None
        body = plain
    return body


def _unzstd(body: bytes) -> bytes | None:
    for name in ZSTD:
        with contextlib.suppress(ImportError):
            return _unzstd_with(importlib.import_module(name), body)
    return None


def _unzstd_with(zstd: Any, body: bytes) -> bytes:
    try:
        if hasattr(zstd, "decompress") and not hasattr(zstd, "ZstdDecompressionReader"):
            plain: bytes = zstd.ZstdDecompressor().decompress(body, MAX_CONTENT)
        else:
            plain = zstd.ZstdDecompressor().stream_reader(body).read(MAX_CONTENT)
    except (zstd.ZstdError, EOFError):
        return b""
    return plain


def bounded(decoded: Decoded, stopped: str = "") -> Decoded:
    """Keep only the beginning of a body beyond the bounds, or of a large one that the harness `stopped` reading."""
    content, reads = decoded.content, "decompresses to" if decoded.coding else "has"
    if len(content) > MAX_CONTENT:
        cut = f"the body {reads} more than {MAX_CONTENT} bytes"
    elif max(content.count(b"\n"), content.count(b"\r")) > MAX_LINES:
        cut = f"the body {reads} more than {MAX_LINES} lines"
    elif sum(map(content.count, (b",", b"{", b"["))) > MAX_VALUES:
        cut = f"the body {reads} more than {MAX_VALUES} JSON values"
    elif stopped and len(content) > BEGINNING:
        cut = f"the harness stopped reading: {stopped}"
    else:
        return decoded
    return decoded._replace(content=content[:BEGINNING], cut=cut)


def _inflater(coding: str, raw: bytes) -> Callable[[bytes, int], bytes]:
    """Decode gzip, also of several members, or deflate, with or without the zlib wrapper that many omit.

    Data after the last member is dropped, as clients do.
    """
    wrapped = len(raw) > 1 and raw[0] & 15 == 8 and (raw[0] * 256 + raw[1]) % 31 == 0
    wbits = 31 if coding != "deflate" else 15 if wrapped else -15
    inflate, members = zlib.decompressobj(wbits), MAX_MEMBERS

    def decode(data: bytes, bound: int) -> bytes:
        nonlocal inflate, members
        out = b""
        while data and len(out) < bound:
            if inflate.eof:
                if not members or not data.startswith(GZIP):
                    break
                inflate, members = zlib.decompressobj(wbits), members - 1
            out += inflate.decompress(data, bound - len(out))
            data = inflate.unused_data
        return out

    return decode
