"""Raw clients of the upstreams, and runs through gateways that are written byte by byte."""

import asyncio
import contextlib
import json
import re

import anyio
import pytest

from conformance.apis.nonce import Marker, nonce
from conformance.catalogue import installed
from conformance.gateway.judging import judge_pairs
from conformance.gateway.record import GatewayOptions, record_through
from conformance.model.target import Target
from conformance.runner import RunOptions
from conformance.storage.memory import InMemoryRun
from conformance.testbed.upstream.serve import serve_upstreams
from conformance.transport.limits import Limits

KEY = "sk-client-0123456789"
LIMITS = Limits(timeout_s=20.0, post_response_s=0.02)


def chat(name="one", script="native-sse", **more):
    """The body of a request with a marker."""
    mark = Marker(nonce(0, name), script)
    return json.dumps({"model": "any", "messages": [{"role": "user", "content": f"Hi ({mark})"}], **more}).encode()


def post(body, *lines, path="/v1/chat/completions", version="1.1", connection="close"):
    """A request in bytes."""
    fields = (
        "host: upstream",
        f"connection: {connection}",
        "content-type: application/json",
        f"content-length: {len(body)}",
        *lines,
    )
    return "\r\n".join((f"POST {path} HTTP/{version}", *fields, "", "")).encode() + body


@contextlib.asynccontextmanager
async def upstream(**options):
    """An upstream, and what arrives at it."""
    arrived = asyncio.Queue()
    async with serve_upstreams(lambda x, number: arrived.put_nowait(x), **options) as running:
        yield running, arrived


async def exchange(port, sent):
    """Send bytes over a connection; the bytes that come back until it is closed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    received = await reader.read()
    writer.close()
    return received


class Through:
    """A recorded and judged run through a gateway."""

    def __init__(self, facts, store):
        self.facts, self.store = facts, store
        self.judgement = judge_pairs(facts, store.exchange, store.ids(), installed())
        self.clients = [x for x in store.written.values() if x.hop == "client"]
        self.upstream = [x for x in store.written.values() if x.hop == "upstream"]


def options_of(gateway=None, *, base_url="http://127.0.0.1:9/v1", apis=("chat",), suite="smoke", wait_s=5.0, **run):
    """Options of a run through a gateway: a handler of connections that gets the ports of the upstreams, too."""
    target = Target(name="gateway", base_url=base_url, model="reference", apis=apis, headers=run.pop("headers", {}))
    given = {"key": KEY, "limits": LIMITS, "profiles": ("hermes", "claude-sdk")} | run
    return GatewayOptions(
        run=RunOptions(target=target, suite=suite, **given), wait_s=wait_s, embedded=gateway and _serving(gateway)
    )


def _serving(gateway):
    @contextlib.asynccontextmanager
    async def started(urls):
        ports = [int(url.rpartition(":")[2]) for url in urls]
        tasks = set()

        async def handle(reader, writer):
            tasks.add(asyncio.current_task())
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await gateway(reader, writer, ports)
                await writer.drain()
            writer.close()

        server = await asyncio.start_server(handle, "127.0.0.1", 0, limit=2**24)
        try:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        finally:
            server.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    return started


def through(gateway=None, **options):
    """A run in memory through a gateway, recorded and judged."""
    store = InMemoryRun()
    return Through(anyio.run(record_through, options_of(gateway, **options), store), store)


async def read_request(reader):
    """One request in bytes."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
    return head + await reader.readexactly(length)


def forwarded(request):
    """A request that asks the upstream to close the connection."""
    kept = re.sub(rb"(?i)\r\nconnection:[^\r]*", b"", request)
    return kept.replace(b"\r\n", b"\r\nconnection: close\r\n", 1)


async def passed_on(reader, writer, ports, request=None):
    """Handle a connection as a gateway that changes nothing, one request a connection."""
    asked = request or await read_request(reader)
    upstream, there = await asyncio.open_connection("127.0.0.1", ports[0])
    there.write(forwarded(asked))
    try:
        while piece := await upstream.read(65536):
            writer.write(piece)
            await writer.drain()
    finally:
        there.transport.abort()


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture
def gw():
    """The helpers of the tests; a fixture, because a conftest is not imported."""
    return Helpers


class Helpers:
    key = KEY
    chat = staticmethod(chat)
    post = staticmethod(post)
    upstream = staticmethod(upstream)
    exchange = staticmethod(exchange)
    through = staticmethod(through)
    options = staticmethod(options_of)
    judged = Through
    read_request = staticmethod(read_request)
    passed_on = staticmethod(passed_on)
    forwarded = staticmethod(forwarded)
