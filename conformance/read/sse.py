"""Read an event stream octet by octet (WHATWG HTML, section 9.2), keeping what a tolerant client would forgive."""

import re
from dataclasses import dataclass
from typing import NamedTuple

from conformance.exchange import Exchange, Span, view
from conformance.read.http1 import Reply, reply

BOM = b"\xef\xbb\xbf"
LINE = re.compile(rb"([^\r\n]*)(\r\n|\r|\n|\Z)")
FIELDS = ("data", "event", "id", "retry")
OPENING = re.compile(rb"(?:\xef\xbb\xbf)?(?:[ \t]*[\r\n]+)*(?:data|event|id|retry)?:")


class Line(NamedTuple):
    """One line: where it starts, its text, and how it ends (`\\n`, `\\r`, `\\r\\n`, or nothing at the stream's end)."""

    start: int
    text: bytes
    eol: bytes

    @property
    def name(self) -> str:
        """The field's name; empty for a comment."""
        return self.text.partition(b":")[0].decode("utf-8", "replace")

    @property
    def value(self) -> bytes:
        """The field's value, without the one optional space."""
        return self.text.partition(b":")[2].removeprefix(b" ")


class Event(NamedTuple):
    """One block of lines up to a blank line. Offsets count octets of the content.

    `dispatched` is False for a block that the specification discards: one without data, or unfinished at the end.
    """

    start: int
    end: int
    lines: tuple[Line, ...]
    name: str
    data: bytes
    has_data: bool
    terminated: bool

    @property
    def dispatched(self) -> bool:
        """Whether a client that follows the specification sees this event."""
        return self.has_data and self.terminated

    @property
    def is_done(self) -> bool:
        """Whether this is the end marker of the OpenAI APIs."""
        return self.data.strip() == b"[DONE]"


@dataclass(frozen=True, slots=True)
class Stream:
    """An event stream: its events in order, comments included in `lines` only. `bom` tells of a leading BOM."""

    events: tuple[Event, ...] = ()
    lines: tuple[Line, ...] = ()
    bom: bool = False

    @property
    def dispatched(self) -> tuple[Event, ...]:
        """The events that a client sees."""
        return tuple(event for event in self.events if event.dispatched)


def parse(content: bytes) -> Stream:
    """Parse the octets of an event stream. Nothing is refused: unknown fields and odd lines stay in `lines`."""
    bom = content.startswith(BOM)
    lines, events, block = [], [], []
    at = len(BOM) if bom else 0
    start = at
    while at < len(content):
        found = LINE.match(content, at)
        if found is None:  # pragma: no cover - LINE matches everywhere
            break
        line = Line(at, found[1], found[2])
        at = found.end()
        lines.append(line)
        if line.text:
            block.append(line)
        else:
            if block:
                events.append(_event(block, start, at, terminated=True))
            block, start = [], at
    if block:
        events.append(_event(block, start, len(content), terminated=False))
    return Stream(tuple(events), tuple(lines), bom)


def _event(block: list[Line], start: int, end: int, *, terminated: bool) -> Event:
    data = [line.value for line in block if line.name == "data"]
    names = [line.value.decode("utf-8", "replace") for line in block if line.name == "event"]
    return Event(start, end, tuple(block), names[-1] if names else "", b"\n".join(data), bool(data), terminated)


@view
def stream(x: Exchange) -> Stream:
    """The reply's body read as an event stream, whatever it is labelled."""
    return parse(reply(x).content)


@view
def looks_like_events(x: Exchange) -> bool:
    """Whether the body opens like an event stream: with a field that the specification knows, or a comment."""
    return bool(OPENING.match(reply(x).content[:4096]))


def is_labelled(answer: Reply) -> bool:
    """Whether the reply says that it is an event stream."""
    return answer.media_type == "text/event-stream"


def span(x: Exchange, event: Event | Line) -> Span:
    """The octets of an event or line in what was heard."""
    end = event.end if isinstance(event, Event) else event.start + len(event.text) + len(event.eol)
    return reply(x).locate(event.start, end)


def at_ns(x: Exchange, event: Event) -> int:
    """When the last octet of an event arrived."""
    return reply(x).at_ns(event.end)
