"""Serve the embedded gateway in front of one or more upstreams, with one change."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Final
from urllib.parse import urlsplit

import h11

from conformance.testbed.gateway.handling import (
    TRANSPARENT,
    Forward,
    GatewayChange,
    GatewayReply,
    GatewayRequest,
    GatewayState,
    Pieces,
    own_error,
)
from conformance.testbed.gateway.headers import for_upstream, without_hops
from conformance.testbed.gateway.wire import Wire, is_sized
from conformance.testbed.server.raw_server import NO_LINGER, READ_SIZE, read_request
from conformance.testbed.server.reply import Headers

LOOPBACK: Final = "127.0.0.1"


@asynccontextmanager
async def serve_gateway(
    upstreams: Sequence[str], change: GatewayChange = TRANSPARENT, *, port: int = 0, key: str = ""
) -> AsyncIterator[str]:
    """Serve the gateway until the context exits; yields its base URL, which ends in `/v1`.

    `upstreams` are URLs of hosts, the first of which is asked unless a change asks another; `key` is the credential
    that the upstream gets in place of the client's, which it gets as it is if there is none.
    """
    gateway = _Gateway(upstreams=tuple(map(_host_and_port, upstreams)), change=change, key=key)
    server = await asyncio.start_server(gateway.connected, sock=socket.create_server((LOOPBACK, port), backlog=1024))
    try:
        yield f"http://{LOOPBACK}:{server.sockets[0].getsockname()[1]}/v1"
    finally:
        server.close()
        for task in tuple(gateway.tasks):
            task.cancel()
        await asyncio.gather(*gateway.tasks, return_exceptions=True)


def _host_and_port(url: str) -> tuple[str, int]:
    """Host and port of a URL."""
    parts = urlsplit(url)
    return parts.hostname or LOOPBACK, parts.port or 80


@dataclass(kw_only=True)
class _Gateway:
    upstreams: tuple[tuple[str, int], ...]
    change: GatewayChange
    key: str
    state: GatewayState = field(default_factory=GatewayState)
    tasks: set["asyncio.Task[None]"] = field(default_factory=set)

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Handle the requests of one connection of a client."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine runs in a task
        self.tasks.add(task)
        try:
            await self._converse(reader, writer)
        except (OSError, asyncio.CancelledError):
            writer.transport.abort()
        finally:
            writer.close()
            self.tasks.discard(task)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        early, going = b"", True
        while going and (received := await read_request(reader, writer, early)):
            request, body, early = received
            answering = asyncio.create_task(self._answer(_forwarded(request, body), writer))
            watching = asyncio.create_task(reader.read(READ_SIZE))
            try:
                await asyncio.wait((answering, watching), return_when=asyncio.FIRST_COMPLETED)
                if not answering.done() and (watching.exception() or not watching.result()):  # the client has left
                    return
                going = await answering
            finally:
                answering.cancel()
                watching.cancel()
                _, read = await asyncio.gather(answering, watching, return_exceptions=True)
            early += read if isinstance(read, bytes) else b""

    async def _answer(self, request: GatewayRequest, writer: asyncio.StreamWriter) -> bool:
        """Serve a request; whether the connection can be used again."""
        async with contextlib.AsyncExitStack() as stack:
            forward = self._asking(stack)
            reply = await self.change.handle(request, forward, self.state)
            wire = self.change.wire
            is_whole = is_sized(reply.headers)
            writer.write(wire.head(reply.status, reply.headers))
            await writer.drain()
            try:
                async for piece in reply.body:
                    writer.write(piece if is_whole else wire.chunk(piece))
                    await writer.drain()
            except OSError:
                _reset(writer)
                return False
            writer.write(b"" if is_whole else wire.last_chunk)
            await writer.drain()
        return not wire.closes

    def _asking(self, stack: contextlib.AsyncExitStack) -> Forward:
        """What asks an upstream, over a connection of its own that is closed with the stack."""

        async def ask(request: GatewayRequest) -> GatewayReply:
            request = self.change.outgoing(for_upstream(request, self.key))
            host, port = self.upstreams[request.upstream % len(self.upstreams)]
            try:
                reader, writer = await asyncio.open_connection(host, port)
            except OSError:
                return unavailable(request, "The upstream can't be reached.")
            stack.callback(writer.close)
            try:
                return await _exchange(request, f"{host}:{port}", self.change.wire, reader, writer)
            except OSError:
                return unavailable(request, "The upstream closed the connection.")

        return ask


async def _exchange(
    request: GatewayRequest, host: str, wire: Wire, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> GatewayReply:
    """The upstream's reply to a request. Raises OSError if there is none."""
    sent = h11.Connection(h11.CLIENT)
    headers = [("host", host), *request.headers, *wire.fields(len(request.body))]
    start = h11.Request(method=request.method, target=request.target, headers=headers)
    writer.write(wire.in_version(sent.send(start) or b""))
    head = await _next(sent, reader) if wire.expects else None
    if head is None or isinstance(head, h11.InformationalResponse):
        writer.write((sent.send(h11.Data(data=request.body)) or b"") + (sent.send(h11.EndOfMessage()) or b""))
        head = await _next(sent, reader)
    while isinstance(head, h11.InformationalResponse):
        head = await _next(sent, reader)
    if not isinstance(head, h11.Response):
        raise ConnectionResetError("no response")
    given = _texts(head.headers.raw_items())
    is_coded = any(name.lower() == "transfer-encoding" for name, _ in given)
    left_out = ("content-length",) if is_coded else ()  # RFC 9112, section 6.3
    kept = tuple(item for item in without_hops(given) if item[0].lower() not in left_out)
    return GatewayReply(status=head.status_code, headers=kept, body=_pieces(sent, reader))


def _forwarded(request: h11.Request, body: bytes) -> GatewayRequest:
    received, target = _texts(request.headers.raw_items()), request.target.decode("latin-1")
    kept = (item for item in without_hops(received) if item[0].lower() not in ("host", "content-length"))
    return GatewayRequest(
        method=request.method.decode(),
        target=target,
        headers=tuple(kept),
        body=body,
        received=received,
        received_target=target,
    )


def _texts(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    return tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in headers)


def _reset(writer: asyncio.StreamWriter) -> None:
    """Break off, so that the client sees that the reply is not whole."""
    connection: socket.socket = writer.get_extra_info("socket")
    with suppress(OSError):  # the client may have left
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)


def unavailable(request: GatewayRequest, message: str) -> GatewayReply:
    """The gateway's own 502."""
    return replace(own_error(request, 502, message), is_lost=True)


async def _next(sent: h11.Connection, reader: asyncio.StreamReader) -> h11.Event:
    """The next part of an upstream's reply. Raises OSError if there is none."""
    while True:
        try:
            event = sent.next_event()
            if event is h11.NEED_DATA:
                sent.receive_data(await reader.read(READ_SIZE))
                continue
        except h11.RemoteProtocolError as error:
            raise ConnectionResetError(str(error)) from error
        if not isinstance(event, h11.Event) or isinstance(event, h11.ConnectionClosed):
            raise ConnectionResetError("closed")
        return event


async def _pieces(sent: h11.Connection, reader: asyncio.StreamReader) -> Pieces:
    while not isinstance(event := await _next(sent, reader), h11.EndOfMessage):
        if isinstance(event, h11.Data):
            yield bytes(event.data)
