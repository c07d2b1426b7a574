"""Speak WebSocket over a connection that the target has upgraded: turn after turn, each when the one before is over.

wsproto frames what the harness sends, and shows when a turn has ended. What the bytes mean is judged later.
"""

import json
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

import anyio
import anyio.lowlevel
import httpcore
from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Event, Ping, TextMessage

from conformance.model.turn import Turn, TurnsSeen
from conformance.transport.record import Record

READ: Final = 65_536
YIELD_EVERY: Final = 256
"""Frames after which other exchanges get their turn."""


class TurnLostError(Exception):
    """The target ended the connection, or broke it, within a turn."""


async def converse(turns: Sequence[Turn], stream: httpcore.AsyncNetworkStream, record: Record) -> None:
    """Send the turns over the stream, then close the WebSocket.

    What would continue a response without an id is not sent, nor is anything after it. A target may close the
    connection between two turns.

    Raises:
        TurnLostError: the target closed the connection within a turn, or sent no WebSocket frames.
        httpcore.NetworkError, httpcore.TimeoutException: the connection failed, or a limit is reached.
    """
    socket = _Socket(stream, record)
    for number, turn in enumerate(turns):
        event = _event(turn, socket.seen.ids)
        if event is None:
            break
        record.begin_turn()
        await socket.send(TextMessage(data=event))
        with anyio.move_on_after(turn.patience_s):
            await socket.receive_turn(number)
        if socket.is_over:
            return
    await socket.send(CloseConnection(code=1000))


def _event(turn: Turn, ids: Sequence[str]) -> str | None:
    """The event to send, as JSON, or None if the response that it continues has no id."""
    if turn.continues is None:
        return turn.event.decode()
    name = ids[turn.continues]
    if not name:
        return None
    event = json.loads(turn.event) | {"previous_response_id": name}
    return json.dumps(event, ensure_ascii=False, separators=(",", ":"))


class _Socket:
    """The client's end of a WebSocket. `seen` sorts what arrives into turns; `is_over`: nothing can be sent now."""

    def __init__(self, stream: httpcore.AsyncNetworkStream, record: Record) -> None:
        self.seen = TurnsSeen()
        self.is_over = False
        self._stream, self._record = stream, record
        self._frames = Connection(ConnectionType.CLIENT)
        self._message: list[bytes] = []

    async def send(self, event: Event) -> None:
        """Send a message or a control frame; if the target has closed the connection, reading shows it."""
        with suppress(httpcore.WriteError):
            await self._stream.write(self._frames.send(event))

    async def receive_turn(self, number: int) -> None:
        """Read until the turn has ended, or the connection has before the turn began."""
        while self.seen.ended <= number and not self.is_over:
            data = await self._stream.read(READ)
            if not data:
                self._end(number, "the target closed the connection")
                return
            self._frames.receive_data(data)
            await self._handle(number)

    async def _handle(self, number: int) -> None:
        """Handle what has arrived; of several pings, the last one is answered (RFC 6455, section 5.5.3)."""
        ping = None
        for count, event in enumerate(self._frames.events(), 1):
            self._record.blocks += 1
            if isinstance(event, Ping):
                ping = event
            elif isinstance(event, TextMessage | BytesMessage):
                self._take(event)
            elif isinstance(event, CloseConnection):
                await self._close(event, number)
                return
            if not count % YIELD_EVERY:
                await anyio.lowlevel.checkpoint()
        if ping:
            await self.send(ping.response())

    def _take(self, event: TextMessage | BytesMessage) -> None:
        data = event.data.encode() if isinstance(event.data, str) else bytes(event.data)
        self._message.append(data)
        if event.message_finished:
            self.seen.take(_value(b"".join(self._message)))
            self._message.clear()

    async def _close(self, event: CloseConnection, number: int) -> None:
        """Handle a close frame, or what wsproto makes of bytes that are no frame: as if one had been received."""
        code, reason = int(event.code), event.reason or ""
        if self._frames.state is not ConnectionState.REMOTE_CLOSING:
            self._end(number, f"the target sent an invalid WebSocket frame ({reason})")
            return
        await self.send(event.response())
        self._end(number, f"the target closed the WebSocket (code {code}{', ' if reason else ''}{reason})")

    def _end(self, number: int, why: str) -> None:
        """Note that the connection is over. Raises TurnLostError if that is within a turn."""
        self.is_over = True
        if self.seen.ended <= number and (self.seen.is_begun or self._message or not number):
            raise TurnLostError(f"{why} before turn {number + 1} was over")


def _value(data: bytes) -> Any:
    """The JSON value of a message, without its numbers; None if it is not JSON."""
    try:
        return json.loads(data.decode(), parse_int=len, parse_float=len, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None


def _refuse(name: str) -> None:
    raise ValueError(name)
