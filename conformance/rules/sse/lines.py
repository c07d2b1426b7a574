"""Misplaced lines; shared, so that one defect triggers exactly one rule."""

import re
from collections.abc import Iterator

from conformance.apis.errors import quoted
from conformance.model.exchange import Exchange, cached_reader
from conformance.parsing.json_text import NOT_JSON, parse_json
from conformance.parsing.sse import BOM, FIELDS, Event, Line, stream

LIKE_END = re.compile(rb"\[DONE\]")
LAX_FIELD = re.compile(rb"[\s\xef\xbb\xbf]*(?:data|event)\s*:", re.IGNORECASE)


@cached_reader
def stray_lines(x: Exchange) -> tuple[Line, ...]:
    """The lines that are neither a comment nor a known field."""
    lines = (line for event in stream(x).irregular for line in event.lines)
    return tuple(line for line in lines if not line.text.startswith(b":") and line.name not in FIELDS)


@cached_reader
def lost_lines(x: Exchange) -> tuple[Line, ...]:
    """The stray lines that hold response content: JSON, or a misspelled field name."""
    return tuple(line for line in stray_lines(x) if is_lost(line.text))


def is_lost(text: bytes) -> bool:
    """Whether a stray line holds response content."""
    bare = text.strip().removeprefix(BOM)
    return bare[:1] in (b"{", b"[", b'"', b"}", b"]") or bool(LAX_FIELD.match(text))


@cached_reader
def merged_events(x: Exchange) -> tuple[Event, ...]:
    """Blocks of several events: each data line is valid JSON on its own, joined they are not."""
    return tuple(e for e in stream(x).irregular if b"\n" in e.data and _is_merged(e))


def _is_merged(event: Event) -> bool:
    values = [parse_json(line) for line in event.data.split(b"\n")]
    alone = sum(isinstance(v, dict) for v in values) + sum(line == b"[DONE]" for line in event.data.split(b"\n"))
    return alone > 1 and parse_json(event.data) is NOT_JSON


def unfinished(x: Exchange) -> Event | None:
    """The last event, if the stream ends before its blank line, or None."""
    events = stream(x).events
    return events[-1] if events and events[-1].has_data and not events[-1].terminated else None


def _is_retry(line: Line) -> bool:
    return line.name == "retry" and line.value.isdigit()


def without_data(x: Exchange) -> Iterator[tuple[int, int, str]]:
    """Where SDKs dispatch an event without data, before the end marker: start, end, and why, as a clause.

    They do so at a blank line after an event, id or retry line; an id stays set for all blank lines that follow.
    """
    if not stream(x).irregular and b"id:" not in stream(x).content:
        return
    identified, fields, data = False, set[str](), False
    start = 0
    for line in stream(x).lines:
        end = line.start + len(line.text) + len(line.eol)
        if line.text:
            if line.name == "data" and LIKE_END.match(line.value):
                return
            data = data or line.name == "data"
            fields |= {line.name} if line.value and (line.name == "event" or _is_retry(line)) else set()
            identified = bool(line.value) if line.name == "id" and b"\0" not in line.value else identified
            continue
        if not data and (identified or fields):
            yield start, end, "after an event with an id" if identified else f"with {min(fields)} alone"
        start, fields, data = end, set(), False


def excerpt(data: bytes) -> str:
    """The first characters of some bytes of a stream, for a finding."""
    return quoted(data[:200].decode("utf-8", "replace"), 60)
