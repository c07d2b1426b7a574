"""Parse the frames and messages of a WebSocket from bytes (RFC 6455): lenient in parsing, exact in reporting."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from conformance.model.exchange import Span
from conformance.model.turn import TurnsSeen
from conformance.model.words import Direction
from conformance.parsing.json_text import parse_json

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
OPCODES: Final = (CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG)
LONGEST_CONTROL: Final = 125
"""Bytes of the payload of a close, ping or pong frame."""
MOST_FRAMES: Final = 200_000
"""Frames of a connection that are read; the harness stops receiving at fewer."""
MOST_FAULTS: Final = 100
ON_ONE_LINE: Final = bytes.maketrans(b"\r\n", b"  ")
"""Writes white space of JSON as other white space."""


class Frame(NamedTuple):
    """One frame: its bytes from `start` to `end`, of which those from `payload_at` on are the payload as sent.

    `payload` is unmasked. `length_size` is the number of bytes after the first two that hold its length.
    """

    start: int
    payload_at: int
    end: int
    bits: int
    is_masked: bool
    length_size: int
    payload: bytes

    @property
    def opcode(self) -> int:
        """What the frame is."""
        return self.bits & 0x0F

    @property
    def is_final(self) -> bool:
        """Whether it is the last one of its message."""
        return bool(self.bits & 0x80)

    @property
    def is_control(self) -> bool:
        """Whether it is a close, ping or pong frame, or one of an unknown opcode of these."""
        return self.opcode >= CLOSE


class Fault(NamedTuple):
    """What RFC 6455 forbids, as a clause, and its bytes."""

    what: str
    span: Span


class Message(NamedTuple):
    """One text or binary message: its data, and the frames that it was sent in."""

    is_text: bool
    data: bytes
    frames: tuple[Frame, ...]

    @property
    def is_event_marker(self) -> bool:
        """Whether it is the end marker of the OpenAI APIs, which is no event."""
        return self.data.strip() == b"[DONE]"


@dataclass(frozen=True, slots=True)
class Received:
    """What one side sent: its data messages in order, and whether a close frame ended them.

    `faults` are the first violations, `unfinished` the bytes of a frame or message without its end. `is_too_much`: it
    has more frames than are read. `is_empty`: it has not one byte.
    """

    messages: tuple[Message, ...] = ()
    is_closed: bool = False
    faults: tuple[Fault, ...] = ()
    unfinished: Span | None = None
    is_too_much: bool = False
    is_empty: bool = True


@dataclass(slots=True)
class _Reading:
    """The state while the frames are read."""

    side: Direction
    messages: list[Message] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    begun: list[Frame] = field(default_factory=list)

    def blame(self, what: str, frame: Frame) -> None:
        if len(self.faults) < MOST_FAULTS:
            self.faults.append(Fault(what, Span(frame.start, frame.end, self.side)))

    def take(self, frame: Frame) -> None:
        """Add a data frame to its message."""
        if frame.opcode == CONTINUATION and not self.begun:
            self.blame("a continuation frame continues no message", frame)
            return
        if frame.opcode != CONTINUATION and self.begun:
            self.blame("a message begins within another, fragmented one", frame)
            self.begun = []
        self.begun.append(frame)
        if frame.is_final:
            self._finish(tuple(self.begun))
            self.begun = []

    def _finish(self, frames: tuple[Frame, ...]) -> None:
        message = Message(frames[0].opcode == TEXT, b"".join([frame.payload for frame in frames]), frames)
        if message.is_text and not is_utf8(message.data):
            self.blame("a text message is not UTF-8", frames[0]._replace(end=frames[-1].end))
        self.messages.append(message)


def read(data: bytes, at: int, side: Direction = "received") -> Received:
    """Read the frames in `data` from the offset `at` on, up to a close frame; nothing is rejected."""
    reading, is_closed, end = _Reading(side), False, at
    for count, frame in enumerate(_frames(data, at)):
        if count == MOST_FRAMES:
            return Received(tuple(reading.messages), faults=tuple(reading.faults), is_too_much=True, is_empty=False)
        end = frame.end
        for what in _violations(frame, side):
            reading.blame(what, frame)
        if frame.opcode == CLOSE:
            is_closed = True
            break
        if frame.opcode in (CONTINUATION, TEXT, BINARY):
            reading.take(frame)
    start = reading.begun[0].start if reading.begun else end
    unfinished = Span(start, len(data), side) if start < len(data) and not is_closed else None
    return Received(tuple(reading.messages), is_closed, tuple(reading.faults), unfinished, is_empty=at >= len(data))


def is_utf8(data: bytes) -> bool:
    """Whether bytes are UTF-8."""
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def frame(payload: bytes, opcode: int = TEXT, *, is_final: bool = True, mask: bytes = b"", reserved: int = 0) -> bytes:
    """The bytes of a frame; `mask` has four, or none for no mask; `reserved` are the three reserved bits."""
    length, masked = len(payload), 0x80 if mask else 0
    bits = (0x80 if is_final else 0) | reserved << 4 | opcode
    if length <= LONGEST_CONTROL:
        size = bytes([masked | length])
    elif length < 65_536:
        size = bytes([masked | 126]) + length.to_bytes(2)
    else:
        size = bytes([masked | 127]) + length.to_bytes(8)
    return bytes([bits]) + size + mask + (unmasked(payload, mask) if mask else payload)


def _frames(data: bytes, at: int) -> Iterator[Frame]:
    """The complete frames (section 5.2)."""
    while at + 2 <= len(data):
        bits, second = data[at], data[at + 1]
        size = {126: 2, 127: 8}.get(second & 0x7F, 0)
        mask_at = at + 2 + size
        payload_at = mask_at + (4 if second & 0x80 else 0)
        length = int.from_bytes(data[at + 2 : mask_at]) if size else second & 0x7F
        if payload_at > len(data) or length > len(data) - payload_at:
            return
        end = payload_at + length
        payload = data[payload_at:end]
        if second & 0x80:
            payload = unmasked(payload, data[mask_at:payload_at])
        yield Frame(at, payload_at, end, bits, bool(second & 0x80), size, payload)
        at = end


def unmasked(payload: bytes, mask: bytes) -> bytes:
    """The payload with a mask removed, or applied (section 5.3)."""
    whole = (mask * (len(payload) // 4 + 1))[: len(payload)]
    return (int.from_bytes(payload) ^ int.from_bytes(whole)).to_bytes(len(payload))


def _violations(frame: Frame, side: Direction) -> Iterator[str]:
    """What clients reject a frame for, as clauses."""
    if frame.is_masked is (side == "received"):
        yield "a frame of the server is masked" if frame.is_masked else "a frame of the client is not masked"
    if frame.bits & 0x70:
        yield "a reserved bit is set, and no extension was agreed on"
    if frame.opcode not in OPCODES:
        yield f"a frame has the unknown opcode {frame.opcode}"
    if frame.is_control and not frame.is_final:
        yield "a control frame is fragmented"
    length = frame.end - frame.payload_at
    if frame.is_control and length > LONGEST_CONTROL:
        yield f"a control frame has a payload of {length} bytes"
    if length < {0: 0, 2: 126, 8: 65_536}[frame.length_size]:
        yield f"the length {length} is sent in {frame.length_size} bytes, more than it needs"


class Answer(NamedTuple):
    """What the server sent in one turn, and whether the turn ended; its response begins with the message `begins`."""

    messages: tuple[Message, ...] = ()
    is_ended: bool = False
    begins: int = 0


def by_turn(received: Received) -> tuple[Answer, ...]:
    """The messages of the server, turn by turn."""
    seen, turns, begins = TurnsSeen(), list[list[Message]](), dict[int, int]()
    for message in received.messages:
        ended, number = seen.ended, seen.take(parse_json(message.data))
        turns += [[]] if number == len(turns) else []
        if seen.is_begun or seen.ended > ended:
            begins.setdefault(number, len(turns[number]))
        turns[number].append(message)
    return tuple(Answer(tuple(turns[n]), n < seen.ended, begins.get(n, 0)) for n in range(len(turns)))


def as_events(messages: Iterable[Message]) -> tuple[bytes, list[tuple[int, int, int]]]:
    """Messages as an event stream; and where it comes from, run by run: offset in it, offset as received, length."""
    content, places = bytearray(), list[tuple[int, int, int]]()
    for message in messages:
        places.append((len(content), message.frames[0].start, 0))
        content += b"data: "
        for part in message.frames:
            places.append((len(content), part.payload_at, len(part.payload)))
            content += part.payload.translate(ON_ONE_LINE)
        content += b"\n\n"
        places.append((len(content) - 1, message.frames[-1].end - 1, 1))  # the event ends with the message
    return bytes(content), places
