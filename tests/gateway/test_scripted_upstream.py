"""The scripted upstream: what it understands of HTTP, and what it bears."""

import asyncio
import gzip
import importlib
import json
import sys
import zlib

import h11
import pytest

from conformance.apis.nonce import nonce
from conformance.gateway.arrived import exchange_of, nonce_of
from conformance.testbed.upstream import answer
from conformance.testbed.upstream.arriving import arriving, usual_path
from conformance.testbed.upstream.serve import serve_upstreams
from conformance.transport import relay

pytestmark = pytest.mark.anyio


def content(received):
    """The body of a response with a length."""
    return json.loads(received.rpartition(b"\r\n\r\n")[2])


@pytest.mark.parametrize(
    ("path", "usual"),
    [
        ("/v1/chat/completions", "/v1/chat/completions"),
        ("/chat/completions", "/v1/chat/completions"),
        ("/openai/deployments/gpt/chat/completions/", "/v1/chat/completions"),
        ("/v1//responses", "/v1/responses"),
        ("/anthropic/v1/messages", "/v1/messages"),
        ("/x/v1/messages/count_tokens", "/v1/messages/count_tokens"),
        ("/proxy/models", "/v1/models"),
        ("/v1/models/vendor/name", "/v1/models/vendor/name"),
        ("/v1/embeddings", "/v1/embeddings"),
        ("/v1/completions", "/v1/completions"),
        ("/v1/responses/resp_1", "/v1/responses/resp_1"),
    ],
)
def test_an_api_is_found_after_any_prefix(path, usual):
    assert usual_path(path) == usual


@pytest.mark.parametrize("coding", ["gzip", "deflate", "identity", "gzip, deflate"])
async def test_a_compressed_body_is_understood(gw, coding):
    body = gw.chat()
    for name in coding.split(", "):
        body = {"gzip": gzip.compress, "deflate": zlib.compress}.get(name, bytes)(body)
    async with gw.upstream() as (running, arrived):
        received = await gw.exchange(running.ports[0], gw.post(body, f"content-encoding: {coding}"))
        x = await arrived.get()
    assert nonce(0, "one") in content(received)["choices"][0]["message"]["content"]
    assert nonce_of(x) == nonce(0, "one")


@pytest.mark.skipif(sys.version_info < (3, 14), reason="Python 3.14 is the first that decompresses zstd")
async def test_zstd_is_understood_where_python_does(gw):
    packed = importlib.import_module("compression.zstd").compress(gw.chat())
    async with gw.upstream() as (running, arrived):
        received = await gw.exchange(running.ports[0], gw.post(packed, "content-encoding: zstd"))
        assert nonce_of(await arrived.get()) == nonce(0, "one")
    assert received.startswith(b"HTTP/1.1 200 ")


async def test_an_unknown_content_coding_is_refused_with_those_that_are_known(gw):
    async with gw.upstream() as (running, _):
        received = await gw.exchange(running.ports[0], gw.post(gw.chat(), "content-encoding: br"))
    assert received.startswith(b"HTTP/1.1 415 ")
    assert b"accept-encoding: gzip, deflate\r\n" in received


async def test_a_chunked_request_that_expects_to_continue_is_understood(gw):
    body = gw.chat()
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-type: application/json\r\n"
    async with gw.upstream() as (running, arrived):
        reader, writer = await asyncio.open_connection("127.0.0.1", running.ports[0])
        writer.write(head + b"transfer-encoding: chunked\r\nexpect: 100-continue\r\n\r\n")
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:50], body[50:])) + b"0\r\n\r\n")
        received = await reader.read()
        writer.close()
        x = await arrived.get()
    assert received.startswith(b"HTTP/1.1 200 ")
    assert nonce_of(x) == nonce(0, "one")
    assert x.ending.phase == "after"


async def test_a_stream_to_a_client_of_http_1_0_ends_with_the_connection(gw):
    async with gw.upstream() as (running, _):
        received = await gw.exchange(running.ports[0], gw.post(gw.chat(stream=True), version="1.0"))
    head, _, body = received.partition(b"\r\n\r\n")
    assert b"connection: close" in head
    assert b"transfer-encoding" not in head.lower()
    assert body.startswith(b"data: ")
    assert body.endswith(b"data: [DONE]\n\n")


async def test_pipelined_requests_are_answered_in_order(gw):
    sent = gw.post(gw.chat("first"), connection="keep-alive") + gw.post(gw.chat("second"))
    async with gw.upstream() as (running, arrived):
        received = await gw.exchange(running.ports[0], sent)
        found = [nonce_of(await arrived.get()) for _ in range(2)]
    assert found == [nonce(0, "first"), nonce(0, "second")]
    assert received.index(found[0].encode()) < received.index(found[1].encode())


@pytest.mark.parametrize(
    ("path", "envelope"),
    [
        ("/v1/moderations", {"error"}),
        ("/v1/audio/speech", {"error"}),
        ("/v1/messages/batches", {"type", "error", "request_id"}),
    ],
)
async def test_another_api_gets_404_in_its_own_envelope(gw, path, envelope):
    async with gw.upstream() as (running, _):
        received = await gw.exchange(running.ports[0], gw.post(gw.chat(), path=path))
    assert received.startswith(b"HTTP/1.1 404 ")
    assert content(received).keys() == envelope
    assert path in content(received)["error"]["message"]


async def test_an_api_that_is_not_offered_gets_404(gw):
    async with gw.upstream(offer=answer.Offer(apis=("messages",))) as (running, _):
        received = await gw.exchange(running.ports[0], gw.post(gw.chat()))
    assert received.startswith(b"HTTP/1.1 404 ")


async def test_models_are_listed_and_health_checks_succeed(gw):
    async with gw.upstream(offer=answer.Offer(models=("ours", "reference"))) as (running, _):
        listed, one, health = [
            await gw.exchange(running.ports[0], b"GET %b HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n" % path)
            for path in (b"/v1/models", b"/v1/models/vendor/any", b"/health")
        ]
    assert [model["id"] for model in content(listed)["data"]] == ["ours", "reference"]
    assert content(one)["id"] == "vendor/any"
    assert health.startswith(b"HTTP/1.1 200 ")


async def test_an_unknown_script_is_refused_by_name(gw):
    async with gw.upstream() as (running, _):
        received = await gw.exchange(running.ports[0], gw.post(gw.chat(script="no-such-script")))
    assert received.startswith(b"HTTP/1.1 400 ")
    assert "no-such-script" in content(received)["error"]["message"]


async def test_a_body_of_many_megabytes_is_refused_and_not_kept(gw):
    body = b'{"x":"' + b"a" * 40_000_000 + b'"}'
    async with gw.upstream() as (running, arrived):
        received = await gw.exchange(running.ports[0], gw.post(body))
        x = await arrived.get()
    assert received.startswith(b"HTTP/1.1 413 ")
    assert x.size < 10_000_000
    assert running.relays[0].memory.left == relay.Memory().left


@pytest.mark.parametrize("body", [b"[" + b"1," * 1_000_001 + b"1]", b"[" * 100_000, b"\xff\xfe", b""])
def test_a_hostile_body_is_refused_without_being_parsed(gw, body):
    request = h11.Request(method="POST", target="/v1/chat/completions", headers=[("host", "a")])
    asked, refusal = arriving(request, body, id="0", at=0, earlier=0)
    assert asked.json is None
    assert refusal is None or refusal.status == 413


async def test_the_number_of_connections_is_bounded_and_idle_ones_give_way(gw, monkeypatch):
    monkeypatch.setattr("conformance.testbed.upstream.serve.MOST_CONNECTIONS", 5)
    async with gw.upstream() as (running, _):
        idle = [await asyncio.open_connection("127.0.0.1", running.ports[0]) for _ in range(30)]
        idle[0][1].write(b"POST /v1/chat")
        received = await gw.exchange(running.ports[0], gw.post(gw.chat()))
        assert len(running.relays[0].connections) <= 5
        for _, writer in idle:
            writer.close()
    assert received.startswith(b"HTTP/1.1 200 ")


async def test_busy_connections_do_not_give_way_until_they_are_silent_for_long(gw, monkeypatch):
    monkeypatch.setattr("conformance.testbed.upstream.serve.MOST_CONNECTIONS", 2)
    begun = gw.post(gw.chat(), connection="keep-alive")[:-1]
    async with gw.upstream() as (running, _):
        busy = [await asyncio.open_connection("127.0.0.1", running.ports[0]) for _ in range(2)]
        for _, writer in busy:
            writer.write(begun)
        while running.in_progress < 2:  # noqa: ASYNC110 - nothing signals it
            await asyncio.sleep(0)
        reader, refused = await asyncio.open_connection("127.0.0.1", running.ports[0])
        assert await reader.read() == b""
        monkeypatch.setattr(relay, "QUIET_S", 0.0)
        received = await gw.exchange(running.ports[0], gw.post(gw.chat()))
        for writer in (refused, *(writer for _, writer in busy)):
            writer.close()
    assert running.refused == {"too many connections at once": 1}
    assert received.startswith(b"HTTP/1.1 200 ")


def test_the_number_of_nonces_that_are_counted_is_bounded(monkeypatch):
    monkeypatch.setattr(answer, "MOST_NONCES", 3)
    attempts = {}
    for name in "abcab":
        answer._counted(name, attempts)
    assert attempts == {"a": 2, "b": 2, "c": 1}
    answer._counted("d", attempts)
    assert attempts == {"b": 2, "c": 1, "d": 1}


async def test_two_upstreams_count_the_attempts_together(gw):
    arrived = asyncio.Queue()
    async with serve_upstreams(lambda x, number: arrived.put_nowait((number, x)), ports=(0, 0)) as running:
        replies = [content(await gw.exchange(port, gw.post(gw.chat()))) for port in running.ports]
        found = [await arrived.get() for _ in replies]
    texts = [reply["choices"][0]["message"]["content"] for reply in replies]
    assert all(f"attempt {at}" in text for at, text in enumerate(texts, 1))
    assert [exchange_of(x, number).origin.host for number, x in found] == ["upstream 1", "upstream 2"]
