"""Write a WireResponse byte by byte with asyncio's streams, including what no HTTP library would send."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

import h11
from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import CloseConnection, Ping, TextMessage

from conformance.testbed.server.body import MAX_BODY
from conformance.testbed.server.framing import writes
from conformance.testbed.server.reply import Converse, SocketReply, WireResponse
from conformance.testbed.server.state import ServerState, wait_for_client

OnRequest = Callable[[h11.Request, bytes, int], WireResponse]
"""From a request, its body, and the number of earlier requests on the connection."""

ReceivedRequest = tuple[h11.Request, bytes, bytes]
"""A request, its body, and the bytes read beyond it."""

READ_SIZE = 65_536
BACKLOG = 1024
"""Connections that may wait to be accepted: more than asyncio's usual 100."""
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
NO_LINGER = struct.pack("ii", 1, 0)


async def read_request(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, early: bytes
) -> ReceivedRequest | None:
    """The next request; None when the client closes or sends invalid HTTP. `early` was read with the last one."""
    parser = h11.Connection(h11.SERVER)
    if early:
        parser.receive_data(early)
    request, body = None, b""
    try:
        while True:
            event = parser.next_event()
            if event is h11.NEED_DATA:
                if parser.they_are_waiting_for_100_continue:
                    writer.write(CONTINUE)
                parser.receive_data(await reader.read(READ_SIZE))
            elif isinstance(event, h11.Request):
                request = event
            elif isinstance(event, h11.Data):
                body += event.data if len(body) <= MAX_BODY else b""
            elif isinstance(event, h11.EndOfMessage) and request is not None:
                return request, body, parser.trailing_data[0]
            else:
                return None
    except (h11.RemoteProtocolError, OSError):
        return None


async def write_reply(
    reply: WireResponse,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    *,
    closing: bool,
    bodiless: bool,
    is_cut: Callable[[], bool],
) -> bool:
    """Write the reply; true if the connection can be reused. It is cut before a piece if `is_cut`.

    Raises:
        OSError: the client disconnected before the end.
    """

    async def is_gone() -> bool:
        return _is_gone(reader, writer)

    for piece in writes(reply, closing=closing, bodiless=bodiless):
        await wait_for_client(piece.wait_s, is_gone)
        if await is_gone():
            raise ConnectionResetError
        if is_cut():
            return False
        writer.write(piece.data)
        await writer.drain()
    if reply.end == "reset":
        connection: socket.socket = writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
    if reply.end == "hold":
        await wait_for_client(reply.hold_s, is_gone)
    announced = any(name.lower() == "connection" and "close" in value.lower() for name, value in reply.headers)
    return not (closing or announced or reply.end != "clean" or reply.framing == "close" or reply.after)


def _is_gone(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    return reader.at_eof() or writer.is_closing()


def _wants_close(request: h11.Request) -> bool:
    tokens = [v.lower() for name, v in request.headers if name == b"connection"]
    return any(b"close" in v for v in tokens) or (request.http_version < b"1.1" and b"keep-alive" not in tokens)


@asynccontextmanager
async def listening(on_request: OnRequest, sock: socket.socket, state: ServerState) -> AsyncIterator[None]:
    """Respond to every request on the bound socket with what `on_request` returns, byte by byte."""
    connections: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine runs in a task
        connections.add(task)
        try:
            await _serve_connection(on_request, reader, writer, state)
        except (OSError, asyncio.CancelledError):
            writer.transport.abort()
        finally:
            writer.close()
            connections.discard(task)

    server = await asyncio.start_server(handle, sock=sock, backlog=BACKLOG)
    try:
        yield
    finally:
        server.close()
        for task in tuple(connections):
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)


def _cut_by_others(reply: WireResponse, state: ServerState) -> Callable[[], bool]:
    """Whether a client has disconnected meanwhile, and the reply ends with it."""
    before = state.disconnects if reply.ends_with_others else 0
    return lambda: reply.ends_with_others and state.disconnects > before


async def _serve_connection(
    on_request: OnRequest, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, state: ServerState
) -> None:
    early, going, earlier = b"", True, 0
    while going:
        received = await read_request(reader, writer, early)
        if received is None:
            return
        request, body, early = received
        reply = on_request(request, body, earlier)
        bodiless, is_cut = request.method == b"HEAD", _cut_by_others(reply, state)
        with state.in_progress(partial(_is_gone, reader, writer)):
            try:
                going = await write_reply(
                    reply, reader, writer, closing=_wants_close(request), bodiless=bodiless, is_cut=is_cut
                )
            except OSError:
                await asyncio.sleep(reply.ignore_disconnect_s)
                raise
        earlier += 1
        if reply.converse:
            await serve_websocket(reply.converse, reader, writer, early)
            return


async def serve_websocket(
    converse: Converse, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, early: bytes
) -> None:
    """Answer each message of a WebSocket, until it is closed. `early` was read with the handshake.

    Raises:
        OSError: the client disconnected within an answer.
    """
    frames = Connection(ConnectionType.SERVER, trailing_data=early)
    messages: tuple[str, ...] = ()
    begun = ""
    while True:
        for event in frames.events():
            if isinstance(event, CloseConnection):
                if frames.state is ConnectionState.REMOTE_CLOSING:
                    writer.write(frames.send(event.response()))
                return
            if isinstance(event, Ping):
                writer.write(frames.send(event.response()))
            elif isinstance(event, TextMessage):
                begun += event.data
                if event.message_finished:
                    messages, begun = (*messages, begun), ""
                    if await _write_answer(converse(messages), reader, writer):
                        return
        data = await reader.read(READ_SIZE)
        if not data:
            return
        frames.receive_data(data)


async def _write_answer(answer: SocketReply, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    """Write an answer; true if the connection is closed then."""

    async def is_gone() -> bool:
        return _is_gone(reader, writer)

    for piece in answer.pieces:
        await wait_for_client(piece.wait_s, is_gone)
        writer.write(piece.data)
        await writer.drain()
    return answer.closes
