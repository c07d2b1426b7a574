"""Parse an event stream byte by byte (WHATWG HTML, section 9.2), keeping what a tolerant client would accept."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, Final, NamedTuple

from conformance.model.exchange import Exchange, Span, cached_reader
from conformance.parsing.http1 import Reply, reply
from conformance.parsing.json_text import Sentinel, parse_json

BOM = b"\xef\xbb\xbf"
DONE: Final = Sentinel.DONE

FIELDS = ("data", "event", "id", "retry")
LINE = re.compile(rb"([^\r\n]*)(\r\n|\r|\n|\Z)")
OPENING = re.compile(rb"(?:\xef\xbb\xbf)?[ \t\r\n]*(?:(?:data|event|id|retry)[ \t]*)?:")
PLAIN = re.compile(
    rb"(?:event:[ ]?([^\r\n]*+)(?:\r\n|\n|\r(?!\n)))?data:[ ]?([^\r\n]*+)(?:\n\n|\r\n\r\n|\r\r(?!\n))",
)
"""The block that nearly all events are: an optional event line, one data line, a blank line, one kind of line end."""
PLAIN_LF = re.compile(rb"(?:event:[ ]?(.*+)\n)?data:[ ]?(.*+)\n\n")
"""The same in content without a CR, where it is found in half the time."""


class Line(NamedTuple):
    """One line: where it starts, its text, and its end: LF, CR, CRLF, or nothing at the stream's end."""

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
    """One block of lines up to a blank line: the bytes of `content` from `start` to `end`.

    `data` and `name` are parsed as the specification requires. `is_simple`: it has one data line, at most one event
    line before it, and nothing else.
    """

    start: int
    end: int
    content: bytes
    name: str
    data: bytes
    has_data: bool
    terminated: bool
    is_simple: bool = False

    @property
    def raw(self) -> bytes:
        """The block's bytes."""
        return self.content[self.start : self.end]

    @property
    def lines(self) -> tuple[Line, ...]:
        """The block's lines, including comments, without blank lines."""
        return tuple(line for line in _lines(self.raw, 0, self.start) if line.text)

    @property
    def dispatched(self) -> bool:
        """Whether a client sees this event: the specification drops a block without data, or unfinished at the end."""
        return self.has_data and self.terminated

    @property
    def is_done(self) -> bool:
        """Whether this is the end marker of the OpenAI APIs."""
        return self.data.strip() == b"[DONE]"


@dataclass(frozen=True)
class Stream:
    """An event stream: its blocks in order, including those with comments only. `bom`: it begins with a BOM."""

    events: tuple[Event, ...] = ()
    bom: bool = False
    content: bytes = b""

    @cached_property
    def lines(self) -> tuple[Line, ...]:
        """All lines, blank ones included."""
        return tuple(_lines(self.content, len(BOM) if self.bom else 0))

    @cached_property
    def dispatched(self) -> tuple[Event, ...]:
        """The events that a client sees."""
        return tuple([event for event in self.events if event.has_data and event.terminated])

    @cached_property
    def irregular(self) -> tuple[Event, ...]:
        """The events that are not simple."""
        return tuple([event for event in self.events if not event.is_simple])


def parse(content: bytes) -> Stream:
    """Parse the bytes of an event stream. Nothing is rejected: unknown fields and invalid lines stay in `lines`."""
    bom = content.startswith(BOM)
    return Stream(tuple(_events(content, len(BOM) if bom else 0)), bom, content)


def _events(content: bytes, at: int) -> list[Event]:
    plain = (PLAIN if b"\r" in content else PLAIN_LF).match
    make, size = partial(tuple.__new__, Event), len(content)  # without the constructor's overhead
    events: list[Event] = []
    while at < size:
        if found := plain(content, at):
            named, data = found.groups()
            name = named.decode("utf-8", "replace") if named else ""
            events.append(make((at, at := found.end(), content, name, data, True, True, True)))
        elif content[at] in b"\r\n":
            at += 1
        else:
            events.append(event := _block(content, at))
            at = event.end
    return events


def _block(content: bytes, start: int) -> Event:
    """The block that begins at `start`, up to and including its blank line, or to the end."""
    name, data, end, terminated = b"", [], start, False
    for line in _lines(content, start):
        end = line.start + len(line.text) + len(line.eol)
        if not line.text:
            terminated = True
            break
        if line.name == "data":
            data.append(line.value)
        elif line.name == "event":
            name = line.value
    text = name.decode("utf-8", "replace")
    return Event(start, end, content, text, b"\n".join(data), bool(data), terminated)


def _lines(content: bytes, at: int, offset: int = 0) -> Iterator[Line]:
    """The lines from `at` on; `offset` is added to their start."""
    while at < len(content):
        found = LINE.match(content, at)
        if found is None:  # LINE matches everywhere; this is for the type checker
            break
        yield Line(at + offset, found[1], found[2])
        at = found.end()


@cached_reader
def stream(x: Exchange) -> Stream:
    """The response body parsed as an event stream, whatever its Content-Type."""
    return parse(reply(x).content)


@cached_reader
def payloads(x: Exchange) -> tuple[Any, ...]:
    """The value of each dispatched event, in order: a JSON value, DONE for the end marker, or NOT_JSON."""
    return tuple(
        [
            parse_json(event.data) if event.data.startswith(b"{") or not event.is_done else DONE
            for event in stream(x).dispatched
        ]
    )


@cached_reader
def looks_like_events(x: Exchange) -> bool:
    """Whether the body begins like an event stream: with a field of the specification, or a comment."""
    return bool(OPENING.match(reply(x).content[:4096]))


def is_labelled(answer: Reply) -> bool:
    """Whether Content-Type is text/event-stream."""
    return answer.media_type == "text/event-stream"


def span(x: Exchange, event: Event | Line) -> Span:
    """The span of an event or line in the received bytes."""
    end = event.end if isinstance(event, Event) else event.start + len(event.text) + len(event.eol)
    return reply(x).locate(event.start, end)


def at_ns(x: Exchange, event: Event) -> int:
    """When the last byte of an event arrived."""
    return reply(x).at_ns(event.end)
