"""How the embedded gateway writes HTTP, where it has a choice; both sides read it."""

import json

import anyio
import pytest

from conformance.testbed.gateway.handling import GatewayChange, pass_on
from conformance.testbed.gateway.serve import serve_gateway
from conformance.testbed.gateway.wire import Wire
from conformance.testbed.upstream.serve import LOOPBACK, serve_upstreams

TEXT = "Hi (qabcdefabcdefabc:native-sse)"
BODY = json.dumps({"model": "reference", "stream": True, "messages": [{"role": "user", "content": TEXT}]}).encode()
HEAD = (
    b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nConnection: close\r\n"
    b"Content-Length: %d\r\n\r\n" % len(BODY)
)
HINTS = b"HTTP/1.1 103 Early Hints\r\n\r\n"


async def through(change):
    """The request that arrived upstream, and the reply that the client got."""
    arrived = []
    async with (
        serve_upstreams(lambda x, _number: arrived.append(x)) as upstreams,
        serve_gateway([f"http://{LOOPBACK}:{upstreams.ports[0]}"], change) as url,
    ):
        port = int(url.removesuffix("/v1").rpartition(":")[2])
        with anyio.fail_after(20):
            async with await anyio.connect_tcp(LOOPBACK, port) as client:
                await client.send(HEAD + BODY)
                got = b""
                while b"[DONE]" not in got or not got.endswith(b"\r\n\r\n"):
                    got += await client.receive()
        await upstreams.idle(5)
    return arrived[0].sent, got


@pytest.mark.parametrize(
    ("wire", "upstream", "client"),
    [
        (Wire(version=b"1.0"), b" HTTP/1.0\r\n", b"HTTP/1.1 200 OK\r\n"),
        (Wire(is_chunked=True, expects=True), b"\r\nexpect: 100-continue\r\n", b"HTTP/1.1 200 OK\r\n"),
        (Wire(extension=b";a=1", trailers=b"x: y\r\n"), b"", b"\r\n0;a=1\r\nx: y\r\n\r\n"),
        (Wire(closes=True), b"", b"\r\nconnection: close\r\n"),
        (Wire(interim=HINTS), b"", HINTS + b"HTTP/1.1 200 OK\r\n"),
        (Wire(line="{}:\t{} ".format), b"", b"\r\ncontent-type:\ttext/event-stream"),
    ],
)
def test_the_gateway_writes_http_in_its_way_and_both_sides_read_it(wire, upstream, client):
    sent, got = anyio.run(through, GatewayChange(name="wire", title="", handle=pass_on, wire=wire))
    assert upstream in sent
    assert client in got
    assert b"qabcdefabcdefabc:native-sse" in sent
    assert b"[DONE]" in got
