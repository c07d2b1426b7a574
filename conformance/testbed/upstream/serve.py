"""Serve the scripted upstreams, and record what arrives at them."""

import itertools
import secrets
import socket
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote

import anyio
import h11

from conformance.testbed.server.body import parse
from conformance.testbed.server.deployments import api_of
from conformance.testbed.server.raw_server import listening
from conformance.testbed.server.reply import ServerRequest, WireResponse
from conformance.testbed.server.state import ServerState
from conformance.testbed.upstream.answer import answer
from conformance.transport.accepted import AcceptedExchange
from conformance.transport.limits import Limits
from conformance.transport.relay import Relay, relaying
from conformance.transport.upstream import Upstream
from conformance.transport.upstream import upstream as address

LOOPBACK: Final = "127.0.0.1"
LIMITS: Final = Limits(post_response_s=0.05)
POLL_S: Final = 0.02

OnArrival = Callable[[AcceptedExchange, int], None]
"""Gets each exchange of an upstream, whose number counts from 0, once it is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where an upstream is reached: its server behind the tap, and the port of the tap, 0 for a free one."""

    server: Upstream
    port: int


@dataclass(kw_only=True)
class Upstreams:
    """The upstreams that run. `ports` are those that a gateway is to connect to."""

    on_arrival: OnArrival
    host: str
    limits: Limits
    relays: list[Relay] = field(default_factory=list)
    listening: AsyncExitStack = field(default_factory=AsyncExitStack)

    @property
    def ports(self) -> tuple[int, ...]:
        """The port of each upstream."""
        return tuple(relay.port for relay in self.relays)

    @property
    def in_progress(self) -> int:
        """Requests that are not over."""
        return sum(len(connection.exchanges) for relay in self.relays for connection in relay.connections)

    async def idle(self, within_s: float) -> bool:
        """Wait until no request is in progress; whether that was so in time."""
        with anyio.move_on_after(within_s):
            while self.in_progress:  # noqa: ASYNC110 - the relays count their requests, and signal nothing
                await anyio.sleep(POLL_S)
        return not self.in_progress

    async def listen(self, places: Sequence[_Place]) -> None:
        """Listen at each place. Raises OSError if a port can't be bound."""
        self.relays.clear()
        for number, place in enumerate(places):
            tapped = relaying(place.server, host=self.host, port=place.port, limits=self.limits)
            relay = await self.listening.enter_async_context(tapped)
            relay.on_exchange = _passed(relay, self.on_arrival, number)
            self.relays.append(relay)

    @asynccontextmanager
    async def refusing(self) -> AsyncIterator[None]:
        """Refuse connections within the context, and close those that are idle; the ports stay the same."""
        places = [_Place(server=relay.upstream, port=relay.port) for relay in self.relays]
        await self.listening.aclose()
        try:
            yield
        finally:
            await self.listen(places)


@asynccontextmanager
async def serve_upstreams(
    on_arrival: OnArrival, *, ports: Sequence[int] = (0,), host: str = LOOPBACK, limits: Limits = LIMITS
) -> AsyncIterator[Upstreams]:
    """Serve an upstream at each port until the context exits; port 0 selects a free one.

    They count the requests with one nonce together. Raises OSError if a port can't be bound.
    """
    attempts: dict[str, int] = {}
    running = Upstreams(on_arrival=on_arrival, host=host, limits=limits)
    async with AsyncExitStack() as servers, running.listening:
        places: list[_Place] = []
        for number, port in enumerate(ports):
            sock = socket.create_server((LOOPBACK, 0), backlog=1024)
            sock.setblocking(False)  # noqa: FBT003 - the socket's own signature
            await servers.enter_async_context(listening(_responder(attempts, number), sock, ServerState()))
            behind = address(f"http://{LOOPBACK}:{sock.getsockname()[1]}")
            places.append(_Place(server=behind, port=port))
        await running.listen(places)
        yield running


def _passed(relay: Relay, on_arrival: OnArrival, number: int) -> Callable[[AcceptedExchange], None]:
    def passed(x: AcceptedExchange) -> None:
        on_arrival(x, number)
        relay.memory.give_back(x.size)

    return passed


def _responder(attempts: dict[str, int], number: int) -> Callable[[h11.Request, bytes, int], WireResponse]:
    server, numbers = secrets.token_hex(4), itertools.count(1)

    def respond(request: h11.Request, body: bytes, earlier: int) -> WireResponse:
        path, _, query = request.target.decode("latin-1").partition("?")
        asked = ServerRequest(
            method=request.method.decode(),
            path=unquote(path),
            query=query,
            headers=tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers),
            body=body,
            json=parse(body).value,
            api=api_of(unquote(path)),
            id=f"{server}{next(numbers):06d}",
            at=int(time.time()),
            earlier=earlier,
        )
        return answer(asked, attempts, number)

    return respond
