"""A key that the target repeats is nowhere in a run folder."""

import base64
import gzip
import json

import anyio
import pytest

from conformance.model.case import named_case
from conformance.model.exchange import Request
from conformance.storage.folder import RunFolder
from conformance.transport.client import Limits
from conformance.transport.send_all import send_all

KEY = 'sk-proj-"1234567890/abcdef'
HEADER = "gateway-secret-0987"


def replies():
    key = KEY.encode()
    body = json.dumps({"error": {"message": f"bad key {KEY} or {HEADER}"}}).encode()
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    yield b"HTTP/1.1 401 No\r\nX-Key: " + key + b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    yield chunked + b"".join(b"1\r\n%c\r\n" % byte for byte in key) + b"0\r\n\r\n" + key
    yield b"HTTP/1.1 200 OK\r\n\r\n" + base64.b64encode(b"user:" + key + b"!")
    yield b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + gzip.compress(b"hello " + key, mtime=0)
    yield key + b"\r\n\r\n"
    yield b"HTTP/1.1 200 OK\r\n" + key + b"\r\n\r\n"


@pytest.mark.parametrize("reply", list(replies()), ids=["json", "chunks", "base64", "gzip", "no-http", "bad-header"])
def test_no_secret_reaches_the_disk(tmp_path, reply):
    folder = RunFolder.create(tmp_path / "run")

    async def serve(stream):
        async with stream:
            await stream.receive()
            await stream.send(reply)

    async def run():
        async with (
            await anyio.create_tcp_listener(local_host="127.0.0.1") as listener,
            anyio.create_task_group() as tasks,
        ):
            tasks.start_soon(listener.serve, serve)
            port = listener.extra(anyio.abc.SocketAttribute.local_port)  # noqa: S610 - anyio, not Django
            request = Request(
                id="one",
                cases=(named_case("chat.hello", "example", "unary"),),
                method="GET",
                url=f"http://127.0.0.1:{port}/v1",
                headers=(("Authorization", "Bearer {key}"), ("X-Gateway", HEADER)),
                body=b"",
            )
            limits = Limits(post_error_s=0.1)
            await send_all(
                [request], key=KEY, secrets=(HEADER, KEY), limits=limits, concurrency=1, on_exchange=folder.write
            )
            tasks.cancel_scope.cancel()

    anyio.run(run)
    written = b"".join(p.read_bytes() for p in folder.path.rglob("*") if p.is_file())
    x = folder.exchange("one")
    assert x.sent
    assert len(x.received) == len(reply)
    for text in (written, x.received.replace(b"\r\n1\r\n", b"")):
        for secret in (KEY, HEADER, json.dumps(KEY)[1:-1]):
            assert secret.encode() not in text
    assert base64.b64encode(b"user:" + KEY.encode() + b"!")[9:-6] not in written
    assert b"hello" not in (gzip.decompress(x.received[-40:]) if x.received[-40:-38] == b"\x1f\x8b" else b"")
    assert x.masked
