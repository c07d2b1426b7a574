"""Serve the scripted upstreams, and record what arrives at them."""

import asyncio
import itertools
import secrets
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Final

import anyio
import h11

from conformance.apis.nonce import marker
from conformance.testbed.server.raw_server import listening
from conformance.testbed.server.reply import WireResponse
from conformance.testbed.server.state import ServerState
from conformance.testbed.upstream.answer import EVERYTHING, Offer, answer, refused
from conformance.testbed.upstream.arriving import arriving
from conformance.transport.accepted import AcceptedExchange
from conformance.transport.limits import Limits
from conformance.transport.relay import Relay, relaying
from conformance.transport.stall_monitor import StallMonitor
from conformance.transport.upstream import Upstream
from conformance.transport.upstream import upstream as address

LOOPBACK: Final = "127.0.0.1"
LIMITS: Final = Limits(post_response_s=0.05)
POLL_S: Final = 0.02
MOST_CONNECTIONS: Final = 1000
"""Connections of an upstream; beyond them, an old one without a request is closed for each new one."""

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
    monitor: StallMonitor = field(default_factory=StallMonitor)

    @property
    def ports(self) -> tuple[int, ...]:
        """The port of each upstream."""
        return tuple(relay.port for relay in self.relays)

    @property
    def in_progress(self) -> int:
        """Requests that are not over."""
        return sum(len(connection.exchanges) for relay in self.relays for connection in relay.connections)

    @property
    def refused(self) -> dict[str, int]:
        """How often something else than a request of HTTP/1.1 arrived, by reason."""
        found: dict[str, int] = {}
        for why, count in (each for relay in self.relays for each in relay.refused.items()):
            found[why] = found.get(why, 0) + count
        return found

    def nonces_in_progress(self) -> frozenset[str]:
        """The nonces of the requests that are not over, as far as they have arrived."""
        found = (marker(sent) for sent in self._sent_so_far())
        return frozenset(mark.nonce for mark in found if mark)

    def _sent_so_far(self) -> Iterator[bytes]:
        for relay in self.relays:
            for connection in relay.connections:
                yield from (bytes(exchange.record.sent) for exchange in connection.exchanges)

    async def idle(self, within_s: float) -> bool:
        """Wait until no request is in progress; whether that was so in time."""
        with anyio.move_on_after(within_s):
            while self.in_progress:  # noqa: ASYNC110 - the relays count their requests, and signal nothing
                await anyio.sleep(POLL_S)
        return not self.in_progress

    def _passed(self, relay: Relay, number: int) -> Callable[[AcceptedExchange], None]:
        def passed(x: AcceptedExchange) -> None:
            self.on_arrival(x._replace(stall_ns=self.monitor.all_stalls_ns(x.began_ns)), number)
            relay.memory.give_back(x.size)

        return passed

    async def listen(self, places: Sequence[_Place]) -> None:
        """Listen at each place. Raises OSError if a port can't be bound."""
        self.relays.clear()
        for number, place in enumerate(places):
            tapped = relaying(
                place.server,
                host=self.host,
                port=place.port,
                limits=self.limits,
                keeps_host=True,
                most_connections=MOST_CONNECTIONS,
            )
            relay = await self.listening.enter_async_context(tapped)
            relay.on_exchange = self._passed(relay, number)
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
    on_arrival: OnArrival,
    *,
    ports: Sequence[int] = (0,),
    host: str = LOOPBACK,
    limits: Limits = LIMITS,
    offer: Offer = EVERYTHING,
) -> AsyncIterator[Upstreams]:
    """Serve an upstream at each port until the context exits; port 0 selects a free one.

    They count the requests with one nonce together. Raises OSError if a port can't be bound.
    """
    attempts: dict[str, int] = {}
    running = Upstreams(on_arrival=on_arrival, host=host, limits=limits)
    async with AsyncExitStack() as servers, _ticking(running.monitor), running.listening:
        places: list[_Place] = []
        for number, port in enumerate(ports):
            sock = socket.create_server((LOOPBACK, 0), backlog=1024)
            sock.setblocking(False)  # noqa: FBT003 - the socket's own signature
            await servers.enter_async_context(listening(_responder(attempts, number, offer), sock, ServerState()))
            behind = address(f"http://{LOOPBACK}:{sock.getsockname()[1]}")
            places.append(_Place(server=behind, port=port))
        await running.listen(places)
        yield running


@asynccontextmanager
async def _ticking(monitor: StallMonitor) -> AsyncIterator[None]:
    """Notice stalls of the harness within the context."""
    ticking = asyncio.create_task(monitor.tick())
    try:
        yield
    finally:
        ticking.cancel()
        await asyncio.gather(ticking, return_exceptions=True)


def _responder(
    attempts: dict[str, int], number: int, offer: Offer
) -> Callable[[h11.Request, bytes, int], WireResponse]:
    server, numbers = secrets.token_hex(4), itertools.count(1)

    def respond(request: h11.Request, body: bytes, earlier: int) -> WireResponse:
        name = f"{server}{next(numbers):06d}"
        received, refusal = arriving(request, body, id=name, at=int(time.time()), earlier=earlier)
        reply = refused(received, refusal) if refusal else answer(received, attempts, number, offer)
        return _without_chunks(reply) if request.http_version == b"1.0" else reply

    return respond


def _without_chunks(reply: WireResponse) -> WireResponse:
    """The reply to a client of HTTP/1.0, which knows no chunked coding (RFC 9112, section 6.1)."""
    return replace(reply, framing="close") if reply.framing == "chunked" else reply
