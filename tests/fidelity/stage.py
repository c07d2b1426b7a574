"""The stage: a server that plays a scene to a real client and records the bytes of every exchange."""

import itertools
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from urllib.parse import unquote

from anyio.from_thread import start_blocking_portal

from conformance.model.case import CaseId, Kind
from conformance.model.exchange import Arrival, Ending, Exchange
from conformance.testbed.server.body import parse
from conformance.testbed.server.endpoints import api_of
from conformance.testbed.server.framing import writes
from conformance.testbed.server.raw_server import listening
from conformance.testbed.server.reply import ServerRequest, WireResponse
from conformance.testbed.server.state import ServerState

Scene = Callable[[ServerRequest], WireResponse]
ENDINGS = {
    "clean": Ending("closed", "after", 0),
    "abort": Ending("closed", "body", 0),
    "reset": Ending("reset", "body", 0),
    "hold": Ending("timeout", "body", 0),
}


@dataclass
class Stage:
    """One scene on its own port. `exchanges` and `requests` hold those on the APIs' paths, in order."""

    scene: Scene
    url: str = ""
    exchanges: list[Exchange] = field(default_factory=list)
    requests: list[tuple[str, tuple[tuple[str, str], ...], bytes]] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def on_request(self, request, body, _earlier):
        """Return the scene's reply to one request, and record the exchange."""
        target = request.target.decode("latin-1")
        path, _, query = target.partition("?")
        raw = tuple((n.decode("latin-1"), v.decode("latin-1")) for n, v in request.headers.raw_items())
        headers = tuple((name.lower(), value) for name, value in raw)
        method, number = request.method.decode(), next(self._numbers)
        asked = ServerRequest(
            method=method,
            path=unquote(path),
            query=query,
            headers=headers,
            body=body,
            json=parse(body).value,
            api=api_of(unquote(path)),
            id=f"stage{number:06d}",
            at=int(time.time()),
        )
        reply = self.scene(asked)
        if asked.api and method == "POST" and not asked.path.endswith("/count_tokens"):
            self.requests.append((target, raw, body))
            self.exchanges.append(exchange(asked, raw, reply, number))
        return reply


def exchange(request, headers, reply, number):
    """The exchange of a request and its reply."""
    head = "".join(f"{name}: {value}\r\n" for name, value in headers)
    pieces = writes(reply)
    received = b"".join(piece.data for piece in pieces)
    at = itertools.accumulate(int(piece.wait_s * 1e9) for piece in pieces)
    return Exchange(
        id=f"x{number}",
        case=CaseId(request.api, "stage", request.mode, Kind.BASELINE),
        sent=f"{request.method} {request.path} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + request.body,
        received=received,
        arrivals=tuple(Arrival(when, len(piece.data)) for when, piece in zip(at, pieces, strict=True)),
        ending=ENDINGS[reply.end],
    )


@asynccontextmanager
async def _serve(part):
    with socket.create_server(("127.0.0.1", 0), backlog=64) as sock:
        sock.setblocking(False)  # noqa: FBT003 - the socket's own signature
        async with listening(part.on_request, sock, ServerState()):
            part.url = f"http://127.0.0.1:{sock.getsockname()[1]}"
            yield part


@contextmanager
def serving(parts):
    """Serve whatever has `on_request`, each on its own port, until the context exits; sets its `url`."""
    with start_blocking_portal("asyncio") as portal, ExitStack() as running:
        for part in parts:
            running.enter_context(portal.wrap_async_context_manager(_serve(part)))
        yield parts


@contextmanager
def playing(scenes):
    """Play the scenes, each on its own port, until the context exits."""
    with serving([Stage(scene) for scene in scenes]) as stages:
        for stage in stages:
            stage.url += "/v1"
        yield stages
