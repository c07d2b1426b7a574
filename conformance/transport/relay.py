"""Accept connections, pass their bytes on to a server and back as they come, and record each exchange.

Each client's connection has its own to the server, so that whatever one side does to its connection, the other side
sees: bytes, a close, a half-close, a reset. Of a request only the value of Host changes, unless it is to be kept.
"""

import asyncio
import itertools
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from conformance.transport.accepted import Memory, OnExchange
from conformance.transport.limits import Limits
from conformance.transport.relay_connection import Connection
from conformance.transport.stall_monitor import StallMonitor
from conformance.transport.upstream import Upstream

BACKLOG: Final = 1024
TOO_MANY: Final = "too many connections at once"
QUIET_S: Final = 10.0
"""Seconds without a byte after which a connection with an exchange in progress may be closed for a new one."""


@dataclass(kw_only=True)
class Relay:
    """What all connections have in common. `refused` counts what was answered without the server, by reason.

    `keeps_host`: the server gets the client's Host, as a server does that is reached without a relay.

    Beyond `most_connections`, the oldest one is closed for a new one: of those without an exchange, or else of those
    that have been silent for QUIET_S. If all are busy, the new one is closed. Whoever gets an exchange gives its memory
    back (`memory.give_back`) once it does not hold it any more.
    """

    upstream: Upstream
    limits: Limits
    on_exchange: OnExchange
    port: int = 0
    keeps_host: bool = False
    most_connections: int | None = None
    memory: Memory = field(default_factory=Memory)
    refused: dict[str, int] = field(default_factory=dict)
    connections: dict[Connection, None] = field(default_factory=dict)
    numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))
    monitor: StallMonitor = field(default_factory=StallMonitor)

    def accept(self) -> asyncio.Protocol:
        """The client's side of a new connection."""
        if self.most_connections is not None and len(self.connections) >= self.most_connections:
            spare = self._spare()
            if spare is None:
                self.refuse(TOO_MANY)
                return Refused()
            spare.interrupt()
        connection = Connection(self, next(self.numbers))
        self.connections[connection] = None
        return connection.client

    def _spare(self) -> Connection | None:
        """The connection to close for a new one, or None."""
        idle = (one for one in self.connections if one.client.transport and not one.exchanges)
        silent = (one for one in self.connections if one.client.transport and one.silent_s >= QUIET_S)
        return next(idle, None) or next(silent, None)

    def refuse(self, why: str) -> None:
        """Count a request that is not passed on."""
        self.refused[why] = self.refused.get(why, 0) + 1


class Refused(asyncio.Protocol):
    """A connection that is closed at once."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Close it."""
        transport.close()


@asynccontextmanager
async def relaying(  # noqa: PLR0913 - all but the first are named
    upstream: Upstream,
    *,
    on_exchange: OnExchange = lambda _: None,
    host: str = "127.0.0.1",
    port: int = 0,
    unix_socket: str | None = None,
    limits: Limits | None = None,
    keeps_host: bool = False,
    most_connections: int | None = None,
) -> AsyncIterator[Relay]:
    """Relay connections until the context exits; exchanges that are then in progress are `interrupted`.

    Port 0 selects a free one; `unix_socket`, the path of a socket to create, replaces host and port. Of the limits,
    those on sizes bound what is recorded, `connect_s` bounds connecting, and `post_response_s` is how long bytes after
    a response, or a close, belong to it. Raises OSError if the address can't be bound.
    """
    relay = Relay(
        upstream=upstream,
        limits=limits or Limits(),
        on_exchange=on_exchange,
        keeps_host=keeps_host,
        most_connections=most_connections,
    )
    loop = asyncio.get_running_loop()
    if unix_socket:
        server = await loop.create_unix_server(relay.accept, unix_socket, backlog=BACKLOG)
    else:
        sock = socket.create_server((host, port), backlog=BACKLOG)
        relay.port = sock.getsockname()[1]
        server = await loop.create_server(relay.accept, sock=sock, backlog=BACKLOG)
    ticking = asyncio.create_task(relay.monitor.tick())
    try:
        yield relay
    finally:
        server.close()
        ticking.cancel()
        for connection in tuple(relay.connections):
            connection.interrupt()
        await asyncio.gather(ticking, return_exceptions=True)
