"""Raw servers on loopback that do exactly what a test specifies."""

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import pytest

from conformance.model.case import named_case
from conformance.model.exchange import Request
from conformance.transport.client import Limits
from conformance.transport.proxies import Trust
from conformance.transport.relay import relaying
from conformance.transport.upstream import upstream

CASE = named_case("chat.hello", "example", "stream")
KEY = "sk-test-1234567890abcdef"

LIMITS = Limits(post_response_s=0.05, post_error_s=0.2)

RELAY_LIMITS = Limits(post_response_s=0.02)

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Server:
    port: int = 0
    scheme: str = "http"
    unix_socket: str | None = None
    requests: list[bytes] = field(default_factory=list)
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    def url(self, path: str = "/v1/x", host: str = "127.0.0.1") -> str:
        return f"{self.scheme}://{host}:{self.port}{path}"


async def read_request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next((int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0)
    return head + await reader.readexactly(length)


@contextlib.asynccontextmanager
async def serving(
    handle_request: Handler, *, tls: ssl.SSLContext | None = None, read: bool = True, unix_socket: str | None = None
) -> AsyncIterator[Server]:
    """Serve until the block ends: read each request (unless disabled), then play, then close."""
    server = Server(scheme="https" if tls else "http", unix_socket=unix_socket)
    tasks: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.current_task())
        try:
            if read:
                server.requests.append(await read_request(reader))
            await handle_request(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            server.gone.set()  # the client has disconnected, or the test is over
        finally:
            writer.transport.abort() if writer.transport.is_closing() else writer.close()
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                await writer.wait_closed()

    if unix_socket:
        listener = await asyncio.start_unix_server(handle, unix_socket, limit=2**22)
    else:
        listener = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=tls, limit=2**22)
        server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await listener.wait_closed()  # for the connections, too, since Python 3.12


def writing(*raw: bytes, then: str = "close") -> Handler:
    """Write these bytes, then `close`, `reset` or `hold` the connection until the client disconnects."""

    async def handle_request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for piece in raw:
            writer.write(piece)
            await writer.drain()
        if then == "hold":
            await reader.read()
        elif then == "reset":
            reset(writer)

    return handle_request


def reset(writer: asyncio.StreamWriter) -> None:
    line = writer.get_extra_info("socket")
    line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@contextlib.asynccontextmanager
async def relayed(handle, *, limits=RELAY_LIMITS, tls=None, trust=None):
    """A relay in front of a server that handles each connection; yields the relay, its exchanges, and a client."""
    tasks = []

    async def handled(reader, writer):
        tasks.append(asyncio.current_task())
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                await handle(reader, writer)
            writer.close()
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                await writer.wait_closed()
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(handled, "127.0.0.1", 0, ssl=tls)
    url = f"http{'s' if tls else ''}://localhost:{server.sockets[0].getsockname()[1]}/v1"
    exchanges = asyncio.Queue()
    address = upstream(url, trust or Trust())
    async with relaying(address, on_exchange=exchanges.put_nowait, limits=limits) as relay:
        try:
            yield relay, exchanges, url.split("/")[2].encode()
        finally:
            server.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def connect(relay):
    return await asyncio.open_connection("127.0.0.1", relay.port)


async def head(reader):
    return await reader.readuntil(b"\r\n\r\n")


def answering(*pieces, then="close"):
    """Read one request, head and two bytes if it is a POST, and write the pieces."""

    async def handle(reader, writer):
        got = await head(reader)
        if got.startswith(b"POST"):
            got += await reader.readexactly(2)
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        if then == "reset":
            reset(writer)
        elif then == "hold":
            await reader.read()

    return handle


def request_to(url: str, *, body: bytes = b"{}", method: str = "POST", id: str = "one", **headers: str) -> Request:  # noqa: A002
    given = tuple(headers.items()) or (("accept", "*/*"), ("Authorization", "Bearer {key}"))
    return Request(id=id, cases=(CASE,), method=method, url=url, headers=given, body=body)


@dataclass(frozen=True)
class Wire:
    """The helpers of the tests; a fixture, because a conftest is not imported."""

    key: str = KEY
    limits: Limits = LIMITS
    serving = staticmethod(serving)
    writing = staticmethod(writing)
    request_to = staticmethod(request_to)
    reset = staticmethod(reset)
    relayed = staticmethod(relayed)
    connect = staticmethod(connect)
    head = staticmethod(head)
    answering = staticmethod(answering)
    read_request = staticmethod(read_request)


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Wire:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    return Wire()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
