"""Mask secrets in recorded bytes without changing their length, so that offsets and arrivals stay valid.

Sent bytes hold a secret in headers. Received bytes hold it where the target repeats it: verbatim, split by chunked
coding, escaped as JSON, URL or HTML, as base64 or hexadecimal, or inside a compressed body.
"""

import base64
import html
import json
import math
import re
import zlib
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from urllib.parse import quote, quote_plus

from conformance.model.exchange import Span
from conformance.schemas import protocol_words
from conformance.transport.record import HEAD_END, INTERIM

MIN_LENGTH = 6
"""A shorter word ("x", "EMPTY") is not a secret, and masking it would falsify the response."""

MIN_VALUE_LENGTH = 12
"""The same for words of the target's own headers, which hold versions and media types as well as secrets."""

RANDOM_LENGTH = 10
RANDOM_BITS = 2.0
"""What makes a value a credential where its name only hints at one: so many characters, and bits of entropy in each.

The rule `generic-api-key` of gitleaks asks for 10 and 3.5, and for a digit. Here the bits only exclude placeholders:
16 random hexadecimal digits have about 3.2 bits, and the name of a model has as many: a run of letters and digits
tells them apart.
"""

MAX_SPANS = 1000
"""Further occurrences are masked, but not listed."""

MAX_INFLATED = 64 * 1024 * 1024
STEP = 1024 * 1024

RUN = re.compile(r"[A-Za-z0-9]{8,}")
UUID = re.compile(r"(?i)[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
LONGEST_WORD = 20
LONG = 16
"""Characters of a secret with letters and digits that is in no other text by chance."""
HARMLESS = re.compile(r"(?:application|audio|image|multipart|text|\*)/|charset=")
PARTS = re.compile(r"[=;,:\"'{}]+")
CHUNKED = re.compile(rb"(?im)^transfer-encoding:[^\n]*chunked")
COMPRESSED = re.compile(rb"(?im)^content-encoding:[^\n]*(gzip|deflate)")
SWITCHED = re.compile(rb"HTTP/1\.\d 101\b")
CHUNK_SIZE = re.compile(rb"\r?\n?([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n]*)?\r?\n")

Range = tuple[int, int]


def to_bytes(text: str) -> bytes:
    """Text as bytes on the wire; non-UTF-8 bytes of an environment variable are preserved."""
    return text.encode("utf-8", "surrogateescape")


@lru_cache(maxsize=64)
def is_random(value: str) -> bool:
    """Whether a value is so random that it is a credential: no word, number, date or name of a model.

    A run of 8 letters and digits has both ("claude-sonnet-4-20250514" has none), or one of 20 letters both cases.
    """
    if len(value) < RANDOM_LENGTH or not (any(map(_is_mixed_run, RUN.findall(value))) or UUID.search(value)):
        return False
    shares = [count / len(value) for count in Counter(value).values()]
    return -sum(share * math.log2(share) for share in shares) >= RANDOM_BITS


def _is_mixed_run(run: str) -> bool:
    return is_mixed(run) or (len(run) >= LONGEST_WORD and not (run.islower() or run.isupper()))


@lru_cache(maxsize=64)
def forms(secret: str) -> frozenset[bytes]:
    """All encodings of a secret to search for."""
    return spellings(secret) | encodings(secret)


def spellings(secret: str) -> frozenset[bytes]:
    """The secret as text: as it is, or escaped."""
    raw = to_bytes(secret)
    escaped = {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1], html.escape(secret)}
    escaped |= {secret.replace("/", "\\/"), quote(raw, safe=""), quote(raw), quote_plus(raw)}
    escaped |= {re.sub("%[0-9A-F]{2}", lambda found: found[0].lower(), each) for each in escaped}
    return frozenset(each for each in {raw, *map(to_bytes, escaped)} if len(each) >= MIN_LENGTH)


def encodings(secret: str) -> frozenset[bytes]:
    """The secret in hexadecimal and base64."""
    raw = to_bytes(secret)
    encoded = {raw.hex().encode(), raw.hex().upper().encode(), *_base64(raw)}
    return frozenset(each for each in encoded if len(each) >= MIN_LENGTH)


def _base64(raw: bytes) -> Iterator[bytes]:
    """The base64 characters that depend on `raw` alone, at each of its three possible alignments."""
    for before in range(3):
        text = base64.b64encode(bytes(before) + raw)
        known = text[(0, 2, 3)[before] : (before + len(raw)) * 8 // 6]
        yield known
        yield known.replace(b"+", b"-").replace(b"/", b"_")


def is_mixed(secret: str) -> bool:
    """Whether a secret has both letters and digits."""
    return any(map(str.isdigit, secret)) and any(map(str.isalpha, secret))


def words(values: Iterable[str]) -> tuple[str, ...]:
    """The words of header values that may be secrets, and their parts with a digit: a cookie's value, one of JSON.

    A part without a digit is more often a name, which may be that of a request field, too.
    """
    found = (part for value in values for word in value.split() for part in (word, *_with_digits(PARTS.split(word))))
    return tuple(dict.fromkeys(w for w in found if len(w) >= MIN_VALUE_LENGTH and not _is_harmless(w)))


def _is_harmless(word: str) -> bool:
    return bool(HARMLESS.match(word)) or word in protocol_words()


def _with_digits(parts: Iterable[str]) -> Iterator[str]:
    return (part for part in parts if any(map(str.isdigit, part)))


def mask_sent(sent: bytes, headers: Sequence[tuple[bytes, bytes]], secrets: Iterable[str]) -> bytes:
    """The sent bytes with secrets masked. `headers` are header lines with a secret, and the same lines masked."""
    for line, masked in headers:
        sent = sent.replace(b"\r\n" + line + b"\r\n", b"\r\n" + masked + b"\r\n")
    return blank(sent, _occurrences(sent, secrets))


def mask_received(received: bytes, secrets: Sequence[str]) -> tuple[bytes, tuple[Span, ...]]:
    """The received bytes with secrets masked, and the spans of the secrets."""
    ranges = _merge(_occurrences(received, secrets))
    pieces = [] if not secrets else list(_body(received))
    if len(pieces) > 1:  # what one chunk holds may be part of a longer word
        outside = [found for found in ranges if not any(start < found[1] and found[0] < end for start, end in pieces)]
        ranges = _merge([*outside, *_in_pieces(received, pieces, secrets)])
    spans = [Span(start, end) for start, end in ranges]
    if pieces and _compressed_secret(received, pieces, secrets):
        ranges = _merge([*ranges, *pieces])
        spans = [s for s in spans if s.end <= pieces[0][0]] + [Span(pieces[0][0], pieces[-1][1])]
    return blank(received, ranges), tuple(spans[:MAX_SPANS])


def mask_text(text: str, secrets: Iterable[str]) -> str:
    """A message of the harness (the detail of an ending) with secrets masked."""
    data = to_bytes(text)
    return blank(data, _occurrences(data, secrets)).decode("utf-8", "replace")


def blank(text: bytes, ranges: Iterable[Range]) -> bytes:
    """The bytes with `*` in these ranges."""
    masked = bytearray(text)
    for start, end in ranges:
        masked[start:end] = b"*" * (end - start)
    return bytes(masked)


def _occurrences(text: bytes, secrets: Iterable[str]) -> list[Range]:
    return [found for secret in secrets for found in _places(text, secret)]


def _places(text: bytes, secret: str) -> Iterator[Range]:
    """Where a secret is: a random one anywhere, another only as a word of its own, and not as a number in JSON."""
    if (len(secret) >= LONG and is_mixed(secret)) or is_random(secret):
        for form in forms(secret):
            yield from _find(text, form)
        return
    for form in encodings(secret):
        yield from _find(text, form)
    if any(form in text for form in spellings(secret)):
        number = secret.isdigit()
        spans = (found.span() for found in _word(secret).finditer(text))
        yield from (span for span in spans if not (number and _is_number(text, *span)))


@lru_cache(maxsize=64)
def _word(secret: str) -> re.Pattern[bytes]:
    """A secret that is not within a longer word, number or version; a digit makes `_` part of it (`call_123456`)."""
    inner = rb"[A-Za-z0-9_]" if any(map(str.isdigit, secret)) else rb"[A-Za-z0-9]"
    longest_first = sorted(spellings(secret), key=len, reverse=True)
    return re.compile(
        rb"(?:(?<!%b)|(?<=\\[nrt])|(?<=%%[0-9A-Fa-f]{2}))(?<!%b[.-])(?:%b)(?!%b)(?![.-]%b)"
        % (inner, inner, b"|".join(map(re.escape, longest_first)), inner, inner)
    )


def _is_number(text: bytes, start: int, end: int) -> bool:
    """Whether these digits are a number in JSON, a header field, or the size of a chunk."""
    before, after = text[max(0, start - 16) : start].rstrip(b" \t"), text[end : end + 16].lstrip(b" \t")
    return before[-1:] in b":[,\n" and after[:1] in b",]}\r\n;"


def _find(text: bytes, form: bytes) -> Iterator[Range]:
    at = text.find(form)
    while at >= 0:
        yield at, at + len(form)
        at = text.find(form, at + 1)


def _merge(ranges: Iterable[Range]) -> list[Range]:
    merged: list[Range] = []
    for start, end in sorted(ranges):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _body(received: bytes) -> Iterator[Range]:
    """The byte ranges of the final response's body: one, or one per chunk (RFC 9112, section 7.1) or frame."""
    at, head = final_head(received)
    if SWITCHED.match(head):
        yield from _payloads(received, at)
        return
    if CHUNKED.search(head):
        while size := CHUNK_SIZE.match(received, at):
            start = size.end()
            at = min(len(received), start + int(size[1], 16))
            if at == start:
                return
            yield start, at
    if at < len(received):
        yield at, len(received)


def _payloads(received: bytes, at: int) -> Iterator[Range]:
    """The payloads of the data frames of a WebSocket (RFC 6455, section 5.2), that of the unfinished one included."""
    while at + 2 <= len(received):
        is_data, length = not received[at] & 0x08, received[at + 1] & 0x7F
        size = {126: 2, 127: 8}.get(length, 0)
        start = at + 2 + size + (4 if received[at + 1] & 0x80 else 0)
        length = int.from_bytes(received[at + 2 : at + 2 + size]) if size else length
        at = min(len(received), start + length)
        if is_data and start < at:
            yield start, at


def final_head(received: bytes) -> tuple[int, bytes]:
    """The end offset of the final response's head, and the head."""
    start = 0
    while found := HEAD_END.search(received, start):
        if not INTERIM.match(received, start):
            return found.end(), received[start : found.end()]
        start = found.end()
    return len(received), received[start:]


def _in_pieces(received: bytes, pieces: Sequence[Range], secrets: Sequence[str]) -> Iterator[Range]:
    """Ranges of secrets that chunked coding splits: body bytes only, so that the framing stays valid."""
    starts, length = [], 0
    for start, end in pieces:
        starts.append(length)
        length += end - start
    body = b"".join(received[start:end] for start, end in pieces)
    for first, last in _occurrences(body, secrets):
        at = bisect_right(starts, first) - 1
        while at < len(pieces) and starts[at] < last:
            start, end = pieces[at]
            yield start + max(0, first - starts[at]), min(end, start + last - starts[at])
            at += 1


def _compressed_secret(received: bytes, pieces: Sequence[Range], secrets: Sequence[str]) -> bool:
    if not COMPRESSED.search(final_head(received)[1]):
        return False
    body = b"".join(received[start:end] for start, end in pieces)
    overlap = max((len(form) for secret in secrets for form in forms(secret)), default=0)
    tail = b""
    for plain in _inflate(body):
        window = tail + plain
        if _occurrences(window, secrets):
            return True
        tail = window[-overlap:]
    return False


def _inflate(body: bytes) -> Iterator[bytes]:
    """The body decompressed in steps, up to MAX_INFLATED bytes and as far as it is valid."""
    raw_deflate = body[:1] and (body[0] & 0x0F != 8 or int.from_bytes(body[:2]) % 31) and body[:2] != b"\x1f\x8b"
    inflate = zlib.decompressobj(wbits=-15 if raw_deflate else 47)
    total = 0
    while body and total < MAX_INFLATED:
        try:
            plain = inflate.decompress(body, STEP)
        except zlib.error:
            return
        if not plain:
            return
        total += len(plain)
        yield plain
        body = inflate.unconsumed_tail
