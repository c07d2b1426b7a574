"""Hostile clients and servers: what the relay refuses, and how much it holds, for how long."""

import asyncio

import pytest

from conformance.transport import relay_connection
from conformance.transport.limits import Limits
from conformance.transport.relay import relaying
from conformance.transport.upstream import upstream

pytestmark = pytest.mark.anyio

GET = b"GET /v1/models HTTP/1.1\r\nHost: 127.0.0.1:1\r\nAccept: */*\r\n\r\n"
POST = b"POST /v1/chat/completions HTTP/1.1\r\nhOST:here\r\nContent-Length: 2\r\n\r\n{}"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


@pytest.mark.parametrize(
    ("sent", "status", "why"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00", 400, "not an HTTP/1.1 request"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, "not an HTTP/1.1 request"),
        (b"hello world\r\n", 400, "not an HTTP/1.1 request"),
        (b"CONNECT api.example:443 HTTP/1.1\r\nHost: api.example\r\n\r\n", 501, "CONNECT or an absolute URL"),
        (b"GET http://api.example/v1 HTTP/1.1\r\nHost: api.example\r\n\r\n", 501, "CONNECT or an absolute URL"),
        (b"GET /v1 HTTP/1.1\r\nA: " + b"a" * 300_000, 431, "a head without end"),
    ],
)
async def test_what_is_no_request_is_refused_and_counted(wire, sent, status, why):
    async with wire.relayed(wire.answering(OK)) as (relay, exchanges, _):
        reader, writer = await wire.connect(relay)
        writer.write(sent)
        response = await reader.read()
        writer.close()
    assert response.startswith(b"HTTP/1.1 %d " % status)
    assert relay.refused == {why: 1}
    assert exchanges.empty()


async def test_another_protocol_passes_after_the_server_has_switched_to_it(wire):
    switch = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    asked = b"GET /v1 HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n"

    async def echo(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(switch)
        writer.write(await reader.readexactly(3))
        writer.close()

    async with wire.relayed(echo) as (relay, exchanges, _):
        reader, writer = await wire.connect(relay)
        writer.write(asked)
        head = await reader.readuntil(b"\r\n\r\n")
        writer.write(b"\x81\x01a")
        rest = await reader.read()
        writer.close()
        x = await exchanges.get()
    assert (head, rest) == (switch, b"\x81\x01a")
    assert x.ending.how == "interrupted"
    assert "another protocol" in x.ending.detail
    assert relay.refused == {}


async def test_garbage_after_a_request_is_answered_after_the_response(wire):
    async with wire.relayed(wire.answering(OK, then="hold")) as (relay, exchanges, _):
        reader, writer = await wire.connect(relay)
        writer.write(GET + b"\x00\x01")
        response = await reader.read()
        x = await exchanges.get()
        writer.close()
    assert response.startswith(OK + b"HTTP/1.1 400 ")
    assert x.received == OK


async def test_an_unreachable_server_is_reported_as_such(wire):
    address = upstream("http://127.0.0.1:9/v1")
    exchanges = asyncio.Queue()
    async with relaying(address, on_exchange=exchanges.put_nowait) as relay:
        reader, writer = await wire.connect(relay)
        writer.write(POST)
        response = await reader.read()
        writer.close()
    x = await exchanges.get()
    assert response.startswith(b"HTTP/1.1 502 Bad Gateway\r\n")
    assert b"the upstream 127.0.0.1:9 can't be reached: the connection was refused" in response
    assert (x.ending.how, x.ending.phase, x.received) == ("unreachable", "connect", b"")


async def test_bodies_beyond_the_limit_pass_but_are_not_recorded(wire):
    body = b"x" * 3_000_000
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body

    async def handle(reader, writer):
        await wire.head(reader)
        await reader.readexactly(len(body))
        writer.write(answer)
        await reader.read()

    async with wire.relayed(handle, limits=Limits(max_bytes=1000, post_response_s=0)) as (relay, exchanges, _):
        reader, writer = await wire.connect(relay)
        writer.write(b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        assert await reader.readexactly(len(answer)) == answer
        x = await exchanges.get()
        writer.close()
        await asyncio.sleep(0)
    assert len(x.sent) <= 1000
    assert x.received == b""
    assert (x.ending.how, x.ending.detail) == (
        "interrupted",
        "the rest was not recorded: the request has more than 1000 bytes",
    )


def _is_held(connection):
    """Whether the relay reads no more from the server of a connection, because its client does not read."""
    server = connection.server.transport
    return server is not None and not server.is_reading()


async def test_a_client_that_does_not_read_stops_the_server_and_nothing_else(wire):
    written = 0

    async def handle(reader, writer):
        nonlocal written
        if (await wire.head(reader)).startswith(b"GET /endless"):
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
            while True:
                writer.write(b"x" * 65536)
                await writer.drain()
                written += 65536
        writer.write(OK)

    async with wire.relayed(handle) as (relay, _, _):
        _, stuck = await wire.connect(relay)
        stuck.transport.pause_reading()
        stuck.write(b"GET /endless HTTP/1.1\r\n\r\n")
        _, slow = await wire.connect(relay)
        slow.write(b"G")
        reader, writer = await wire.connect(relay)
        writer.write(GET)
        assert await reader.read() == OK
        while not any(map(_is_held, relay.connections)):  # noqa: ASYNC110 - nothing tells when a transport is paused
            await asyncio.sleep(0)
        assert written < 64 * 1024 * 1024
        for each in (stuck, slow, writer):
            each.transport.abort()


async def test_exchanges_in_progress_are_interrupted_when_the_relay_stops(wire):
    async with wire.relayed(wire.answering(OK[:-1], then="hold")) as (relay, exchanges, _):
        reader, writer = await wire.connect(relay)
        writer.write(GET)
        await reader.readuntil(b"h")
    x = await exchanges.get()
    assert (x.ending.how, x.ending.phase, x.received) == ("interrupted", "body", OK[:-1])
    writer.close()


async def test_hundreds_of_connections_at_once(wire):
    async def handle(reader, writer):
        got = await wire.head(reader)
        writer.write(OK.replace(b"hi", got[5:7]))

    async with wire.relayed(handle) as (relay, exchanges, _):

        async def one(number):
            reader, writer = await wire.connect(relay)
            writer.write(b"GET /%02d HTTP/1.1\r\n\r\n" % (number % 100))
            response = await reader.read()
            writer.close()
            return response[-2:]

        assert await asyncio.gather(*map(one, range(300))) == [b"%02d" % (n % 100) for n in range(300)]
        assert exchanges.qsize() == 300
    assert not relay.connections


async def test_the_head_of_a_request_has_a_time_limit(wire, monkeypatch):
    monkeypatch.setattr(relay_connection, "HEAD_S", 0.05)
    async with wire.relayed(wire.answering(OK)) as (relay, _, _):
        reader, writer = await wire.connect(relay)
        writer.write(GET[:-2])
        assert (await reader.read()).startswith(b"HTTP/1.1 408 ")
        writer.close()


async def test_all_exchanges_together_are_bounded(wire):
    async with wire.relayed(wire.answering(OK, then="hold")) as (relay, exchanges, _):
        relay.memory.take(relay.memory.left - len(GET) - 20)
        found = []
        for _ in range(2):
            reader, writer = await wire.connect(relay)
            writer.write(GET)
            assert await reader.readexactly(len(OK)) == OK
            found.append(await exchanges.get())
            writer.close()
            relay.memory.give_back(found[-1].size)
    assert [x.ending.how for x in found] == ["interrupted", "interrupted"]
    assert all("too many bytes of other exchanges" in x.ending.detail for x in found)
    assert relay.memory.left == len(GET) + 20


async def test_a_client_that_has_closed_its_direction_may_wait_for_its_response(wire, monkeypatch):
    monkeypatch.setattr(relay_connection, "HALF_OPEN_S", 0.05)

    async def handle(reader, writer):
        await reader.read()
        await asyncio.sleep(0.2)
        writer.write(OK)

    async with wire.relayed(handle) as (relay, exchanges, _):
        reader, writer = await wire.connect(relay)
        writer.write(GET)
        writer.write_eof()
        assert await reader.read() == OK
        assert (await exchanges.get()).ending.how == "closed"
        writer.close()


async def test_a_client_that_never_closes_is_closed_after_the_server(wire, monkeypatch):
    monkeypatch.setattr(relay_connection, "HALF_OPEN_S", 0.05)
    async with wire.relayed(wire.answering(OK)) as (relay, _, _):
        reader, writer = await wire.connect(relay)
        writer.write(GET)
        assert await reader.read() == OK
        while relay.connections:  # noqa: ASYNC110 - nothing tells when a connection is gone
            await asyncio.sleep(0)
        writer.close()
