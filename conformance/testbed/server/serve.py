"""Run a deployment: correct ones on uvicorn and starlette, changed ones on the raw server."""

import asyncio
import itertools
import secrets
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import unquote

from anyio.from_thread import start_blocking_portal

from conformance.testbed.server.body import MAX_BODY, parse
from conformance.testbed.server.deployments import Deployment, reply_to
from conformance.testbed.server.endpoints import api_of
from conformance.testbed.server.reply import Headers, Mutation, ServerRequest, WireResponse, Write
from conformance.testbed.server.state import ServerState, wait_for_client

if TYPE_CHECKING:
    import h11
    import uvicorn
    from starlette.applications import Starlette
    from starlette.types import Receive, Scope, Send

Respond = Callable[[ServerRequest], WireResponse]
Read = Callable[[str, str, str, Headers, bytes], ServerRequest]


@asynccontextmanager
async def serve(
    deployment: Deployment,
    changes: Sequence[Mutation] = (),
    *,
    port: int = 0,
    host: str = "127.0.0.1",
    unix_socket: str | None = None,
    key: str | None = None,
) -> AsyncIterator[str]:
    """Serve a deployment with the changes applied; yields the base URL, which ends in `/v1`.

    Port 0 selects a free one; `unix_socket`, the path of a socket to create, replaces host and port. Where `key` is
    given, every request must carry it. Needs a running asyncio loop. Raises OSError if the address can't be bound.
    """

    def respond(request: ServerRequest) -> WireResponse:
        return reply_to(request, deployment, changes, key=key)

    with _listener(host, port, unix_socket) as sock:
        sock.setblocking(False)  # noqa: FBT003 - the socket's own signature
        on = _on_raw_server if changes else _on_uvicorn
        state = ServerState()
        async with on(respond, _reader(state), sock, state):
            yield f"http://{host}/v1" if unix_socket else f"http://{host}:{sock.getsockname()[1]}/v1"


def _listener(host: str, port: int, unix_socket: str | None) -> socket.socket:
    """A bound socket; the server makes it listen."""
    if unix_socket is None:
        return socket.create_server((host, port), backlog=1024)
    sock = socket.socket(socket.AF_UNIX)
    sock.bind(unix_socket)
    return sock


@contextmanager
def running(
    deployment: Deployment, changes: Sequence[Mutation] = (), *, key: str | None = None, port: int = 0
) -> Iterator[str]:
    """As `serve`, for callers without a loop: the server runs in its own thread."""
    with (
        start_blocking_portal("asyncio") as portal,
        portal.wrap_async_context_manager(serve(deployment, changes, key=key, port=port)) as base_url,
    ):
        yield base_url


def _reader(state: ServerState) -> Read:
    """Makes the ServerRequest of each request, with a unique id."""
    last: ServerRequest | None = None
    server, numbers = secrets.token_hex(4), itertools.count(1)
    loop = asyncio.get_running_loop()
    epoch_s = time.time() - loop.time()  # the loop's clock may be virtual

    def read(method: str, path: str, query: str, headers: Headers, body: bytes) -> ServerRequest:
        nonlocal last
        request = ServerRequest(
            method=method,
            path=path,
            query=query,
            headers=headers,
            body=body,
            json=parse(body).value,
            api=api_of(path),
            id=f"{server}{next(numbers):06d}",
            at=int(epoch_s + loop.time()),
            disconnects=state.disconnects,
            running=state.running,
            peak=state.peak,
            neighbour=last if state.running else None,
        )
        last = replace(request, neighbour=None)
        return request

    return read


def _on_raw_server(
    respond: Respond, read: Read, sock: socket.socket, state: ServerState
) -> AbstractAsyncContextManager[None]:
    from conformance.testbed.server.raw_server import listening

    def on_request(request: "h11.Request", body: bytes, earlier: int) -> WireResponse:
        path, _, query = request.target.decode("latin-1").partition("?")
        headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers)
        received = read(request.method.decode(), unquote(path), query, headers, body)
        return respond(replace(received, earlier=earlier) if earlier else received)

    return listening(on_request, sock, state)


@asynccontextmanager
async def _on_uvicorn(respond: Respond, read: Read, sock: socket.socket, state: ServerState) -> AsyncIterator[None]:
    import uvicorn

    config = uvicorn.Config(
        _app(respond, read, state),
        loop="asyncio",
        http="h11",
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        log_level="critical",
        server_header=False,
    )
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup(sockets=[sock])
    ticking = asyncio.create_task(server.main_loop())
    try:
        yield
    finally:
        await _stop(server, ticking)


async def _stop(server: "uvicorn.Server", ticking: asyncio.Task[None]) -> None:
    """Stop at once: uvicorn's own shutdown waits for clients that may never disconnect."""
    for listener in server.servers:
        listener.close()
    for connection in tuple(server.server_state.connections):
        connection.transport.abort()
    tasks = (ticking, *server.server_state.tasks)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _app(respond: Respond, read: Read, state: ServerState) -> "Starlette":
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.routing import Route

    class Everything:
        """Every path and method: the deployment decides what it serves."""

        async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
            request = Request(scope, receive)
            headers = tuple((name, value) for name, value in request.headers.items())
            body = await _bounded(request.stream())
            reply = respond(read(request.method, scope["path"], request.url.query, headers, body))
            with suppress(ConnectionResetError), state.in_progress():
                await _send(reply, send, request.is_disconnected)

    return Starlette(routes=[Route("/{path:path}", Everything())])


async def _bounded(parts: AsyncIterator[bytes]) -> bytes:
    """The body; bytes beyond the limit are read but not kept, so that the client receives the error."""
    body = b""
    async for part in parts:
        body += part if len(body) <= MAX_BODY else b""
    return body


async def _send(reply: WireResponse, send: "Send", is_gone: Callable[[], Awaitable[bool]]) -> None:
    pieces = reply.pieces or (Write(data=b""),)
    length = (("content-length", str(sum(len(p.data) for p in pieces))),) if reply.framing == "length" else ()
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in (*reply.headers, *length)]
    await wait_for_client(pieces[0].wait_s, is_gone)
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    for number, piece in enumerate(pieces):
        await wait_for_client(piece.wait_s if number else 0.0, is_gone)
        if await is_gone():
            raise ConnectionResetError
        await send({"type": "http.response.body", "body": piece.data, "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})
