"""One side of a relayed connection: what happens on it, and what is done to it."""

import asyncio
import socket
import struct
from typing import Final, Literal, Protocol, cast

NO_LINGER: Final = struct.pack("ii", 1, 0)

End = Literal["closed", "reset"]


class Pair(Protocol):
    """Who owns both sides."""

    def received(self, side: "Side", data: bytes) -> None:
        """Bytes came from one side."""

    def ended(self, side: "Side", how: End, detail: str = "") -> None:
        """One side has closed its direction, or reset the connection."""

    def lost(self, side: "Side", error: Exception | None) -> None:
        """One side's connection is gone."""

    def hold(self, side: "Side") -> None:
        """One side does not read."""

    def release(self, side: "Side") -> None:
        """One side reads again."""


class Side(asyncio.Protocol):
    """One of the two connections of a pair. While one side does not read, the other is not read from."""

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        self.transport: asyncio.Transport | None = None
        self.has_ended = False
        self._is_blocked = self._resets_when_flushed = self._is_finished = False

    @property
    def is_open(self) -> bool:
        """Whether the connection is open, at least in one direction."""
        return self.transport is not None and not self.transport.is_closing()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Hold no more bytes than those of one read."""
        self.transport = cast("asyncio.Transport", transport)
        self.transport.set_write_buffer_limits(high=0)

    def data_received(self, data: bytes) -> None:
        """Pass bytes on."""
        self.pair.received(self, data)

    def eof_received(self) -> bool:
        """Keep the other direction open, where that is possible: not in TLS."""
        self.has_ended = True
        self.pair.ended(self, "closed")
        return self.transport is not None and self.transport.get_extra_info("ssl_object") is None

    def connection_lost(self, error: Exception | None) -> None:
        """Tell the other side how the connection ended."""
        self._is_blocked = False
        self.pair.lost(self, error)

    def pause_writing(self) -> None:
        """Stop reading from the other side."""
        self._is_blocked = True
        self.pair.hold(self)

    def resume_writing(self) -> None:
        """Go on reading from the other side, or do what had to wait for the last byte."""
        self._is_blocked = False
        if self._resets_when_flushed:
            self.reset()
        else:
            self.pair.release(self)

    def write(self, data: bytes) -> None:
        """Write, unless the connection has ended."""
        if self.transport and self.is_open and not self._is_finished:
            self.transport.write(data)

    def finish(self) -> None:
        """Close this direction after the last byte; in TLS, the connection."""
        if not self.transport or not self.is_open:
            return
        self._is_finished = True
        if self.transport.can_write_eof():
            self.transport.write_eof()
        else:
            self.transport.close()

    def close(self) -> None:
        """Close after the last byte."""
        if self.transport:
            self.transport.close()

    def abort(self) -> None:
        """Close at once."""
        if self.transport:
            self.transport.abort()

    def reset(self) -> None:
        """Reset the connection after the last byte (TCP RST; other sockets are closed)."""
        if not self.transport:
            return
        if self._is_blocked:
            self._resets_when_flushed = True
            return
        sock: socket.socket | None = self.transport.get_extra_info("socket")
        if sock is not None and sock.fileno() >= 0:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
        self.transport.abort()

    def pause(self) -> None:
        """Stop reading."""
        if self.transport and self.is_open and self.transport.is_reading():
            self.transport.pause_reading()

    def resume(self) -> None:
        """Go on reading."""
        if self.transport and self.is_open and not self.has_ended and not self.transport.is_reading():
            self.transport.resume_reading()

    @property
    def is_blocked(self) -> bool:
        """Whether the peer does not read what is written."""
        return self._is_blocked
