"""Play a Reply octet by octet over asyncio's streams: also what no HTTP library would send."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from email.utils import formatdate
from http.client import responses

import h11

from conformance.reference.body import MAX_BODY
from conformance.reference.reply import Headers, Piece, Reply

OnRequest = Callable[[h11.Request, bytes], Reply]

Heard = tuple[h11.Request, bytes, bytes]
"""A request, its body, and what was read beyond it."""

READ_SIZE = 65_536
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
NO_LINGER = struct.pack("ii", 1, 0)


def encode_head(reply: Reply, *, closing: bool) -> bytes:
    """The status line and headers, with those of the framing where the reply brings none of its own."""
    if reply.head is not None:
        return reply.head
    own = {name.lower() for name, _ in reply.headers}
    framing = {
        "length": ("content-length", str(sum(len(p.octets) for p in reply.pieces))),
        "chunked": ("transfer-encoding", "chunked"),
        "close": ("connection", "close"),
    }[reply.framing]
    added: Headers = (("date", formatdate(usegmt=True)), framing, *((("connection", "close"),) if closing else ()))
    headers = [*reply.headers, *dict.fromkeys(h for h in added if h[0] not in own)]
    lines = [f"{name}: {value}" for name, value in headers]
    status = f"HTTP/1.1 {reply.status} {responses.get(reply.status, '')}"
    return "\r\n".join([status, *lines, "", ""]).encode("latin-1")


def script(reply: Reply, *, closing: bool = False, bodiless: bool = False) -> list[Piece]:
    """What to write and when, from the head to the reply's end."""
    head = encode_head(reply, closing=closing)
    first, *rest = reply.pieces or (Piece(octets=b""),)
    body = () if bodiless else (Piece(octets=first.octets), *rest)
    framed = [Piece(octets=_frame(reply, p.octets), wait_s=p.wait_s) for p in body]
    last = b"0\r\n\r\n" if reply.framing == "chunked" and not bodiless else b""
    if reply.end == "clean":
        framed.append(Piece(octets=last + reply.after))
    elif reply.framing == "length":
        framed = _without_last_octet(framed)
    opening = Piece(octets=head + (framed[0].octets if framed else b""), wait_s=first.wait_s)
    return [opening, *framed[1:]]


def _frame(reply: Reply, octets: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(octets), octets) if octets and reply.framing == "chunked" else octets


def _without_last_octet(pieces: list[Piece]) -> list[Piece]:
    for at in range(len(pieces) - 1, -1, -1):
        if pieces[at].octets:
            return [*pieces[:at], Piece(octets=pieces[at].octets[:-1], wait_s=pieces[at].wait_s), *pieces[at + 1 :]]
    return pieces


async def read_request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, early: bytes) -> Heard | None:
    """The next request; None when the client is done or speaks no HTTP. `early` was read with the one before."""
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


async def play(reply: Reply, writer: asyncio.StreamWriter, *, closing: bool, bodiless: bool) -> bool:
    """Write the reply; true where the connection can carry another request."""
    for piece in script(reply, closing=closing, bodiless=bodiless):
        if piece.wait_s:
            await asyncio.sleep(piece.wait_s)
        writer.write(piece.octets)
        await writer.drain()
    if reply.end == "reset":
        connection: socket.socket = writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
    if reply.end == "hold":
        await asyncio.sleep(reply.hold_s)
    announced = any(name.lower() == "connection" and "close" in value.lower() for name, value in reply.headers)
    return not (closing or announced or reply.end != "clean" or reply.framing == "close" or reply.after)


def _wants_close(request: h11.Request) -> bool:
    tokens = [v.lower() for name, v in request.headers if name == b"connection"]
    return any(b"close" in v for v in tokens) or (request.http_version < b"1.1" and b"keep-alive" not in tokens)


@asynccontextmanager
async def listening(on_request: OnRequest, sock: socket.socket) -> AsyncIterator[None]:
    """Answer every request that reaches the bound socket with what `on_request` returns, octet by octet."""
    talks: set[asyncio.Task[None]] = set()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine runs in a task
        talks.add(task)
        try:
            await _converse(on_request, reader, writer)
        except (OSError, asyncio.CancelledError):
            writer.transport.abort()
        finally:
            writer.close()
            talks.discard(task)

    server = await asyncio.start_server(talk, sock=sock)
    try:
        yield
    finally:
        server.close()
        for task in tuple(talks):
            task.cancel()
        await asyncio.gather(*talks, return_exceptions=True)


async def _converse(on_request: OnRequest, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    early, going = b"", True
    while going:
        heard = await read_request(reader, writer, early)
        if heard is None:
            return
        request, body, early = heard
        reply = on_request(request, body)
        going = await play(reply, writer, closing=_wants_close(request), bodiless=request.method == b"HEAD")
