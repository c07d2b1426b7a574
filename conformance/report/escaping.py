"""Escaping of bytes and text from a target: no control character reaches a terminal or a file."""

import re

from conformance.model.exchange import Span

MARK = ("»", "«")
"""Markers around the bytes that a finding points at."""
ELLIPSIS = "…"
AROUND = 48
POINTED_AT = 160
HALF_AT_START = re.compile(rb"\A[\x80-\xbf]{1,3}")
HALF_AT_END = re.compile(rb"[\xc0-\xff][\x80-\xbf]{0,2}\Z")
LINE = re.compile(rb"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
NAMED = {"\r": "\\r", "\n": "\\n", "\t": "\\t", "\\": "\\\\"}


def escape(data: bytes) -> str:
    r"""Bytes as printable text: printable UTF-8 as it is, else `\r`, `\n`, `\t`, `\\` or `\xNN` per byte.

    Characters that Unicode calls unprintable are escaped: cursor movement, text direction, invisible ones.
    """
    return "".join(map(_escape, data.decode("utf-8", "surrogateescape")))


def _escape(char: str) -> str:
    if char in NAMED:
        return NAMED[char]
    if char.isprintable():
        return char
    return "".join(f"\\x{byte:02x}" for byte in char.encode("utf-8", "surrogateescape"))


def lines(data: bytes, most: int) -> tuple[str, ...]:
    """Bytes as escaped lines, each with its line end; long input is shortened in the middle."""
    if len(data) <= most:
        return tuple(map(escape, LINE.findall(data)))
    head, tail = HALF_AT_END.sub(b"", data[: most * 2 // 3]), HALF_AT_START.sub(b"", data[-most // 3 :])
    left_out = f"{ELLIPSIS}({len(data) - len(head) - len(tail)} bytes){ELLIPSIS}"
    return (*map(escape, LINE.findall(head)), left_out, *map(escape, LINE.findall(tail)))


def safe(text: str, limit: int = 2000) -> str:
    r"""Text that may quote a target, on one printable line; unprintable characters become `\xNN` or `\uNNNN`.

    Longer text is truncated to `limit` characters, ending in `…`.
    """
    if len(text) > limit:
        text = text[: limit - 1] + ELLIPSIS
    if text.isprintable():
        return text
    return "".join(_safe(char) for char in text)


def _safe(char: str) -> str:
    if char.isprintable():
        return char
    if char in "\n\t ":
        return " "
    return f"\\x{ord(char):02x}" if ord(char) < 256 else f"\\u{ord(char):04x}"


def window(data: bytes, span: Span) -> str:
    """The bytes of a span between markers, with some context; long spans are shortened in the middle.

    Empty for a span out of range. An empty span shows where something is missing.
    """
    found = parts(data, span)
    return "".join((found[0], MARK[0], found[1], MARK[1], found[2])) if found else ""


def parts(data: bytes, span: Span) -> tuple[str, str, str] | None:
    """The bytes before, in and after a span, escaped and shortened as in `window`; None if out of range."""
    start, end = span.start, min(span.end, len(data))
    if not 0 <= start <= end or not data:
        return None
    return _before(data, start), _pointed_at(data[start:end]), _after(data, end)


def _before(data: bytes, start: int) -> str:
    if start <= AROUND:
        return escape(data[:start])
    return ELLIPSIS + escape(HALF_AT_START.sub(b"", data[start - AROUND : start]))


def _after(data: bytes, end: int) -> str:
    if end + AROUND >= len(data):
        return escape(data[end:])
    return escape(HALF_AT_END.sub(b"", data[end : end + AROUND])) + ELLIPSIS


def _pointed_at(data: bytes) -> str:
    if len(data) <= POINTED_AT:
        return escape(data)
    head = HALF_AT_END.sub(b"", data[: POINTED_AT * 3 // 4])
    tail = HALF_AT_START.sub(b"", data[-POINTED_AT // 4 :])
    left_out = len(data) - len(head) - len(tail)
    return f"{escape(head)}{ELLIPSIS}({left_out} bytes){ELLIPSIS}{escape(tail)}"
