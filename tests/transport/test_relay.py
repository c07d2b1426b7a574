"""The relay passes bytes, closes and resets on, both ways, and records each exchange."""

import asyncio
import contextlib
import ssl

import pytest
import trustme

from conformance.transport import relay_connection
from conformance.transport.limits import Limits
from conformance.transport.proxies import Trust
from conformance.transport.relay import relaying
from conformance.transport.upstream import upstream

pytestmark = pytest.mark.anyio

GET = b"GET /v1/models HTTP/1.1\r\nHost: 127.0.0.1:1\r\nAccept: */*\r\n\r\n"
POST = b"POST /v1/chat/completions HTTP/1.1\r\nhOST:here\r\nContent-Length: 2\r\n\r\n{}"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
LIMITS = Limits(post_response_s=0.02)


@contextlib.asynccontextmanager
async def relayed(handle, *, limits=LIMITS, tls=None, trust=None):
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


def answering(*pieces, wire=None, then="close"):
    """Read one request, head and two bytes if it is a POST, and write the pieces."""

    async def handle(reader, writer):
        got = await head(reader)
        if got.startswith(b"POST"):
            got += await reader.readexactly(2)
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        if then == "reset":
            wire.reset(writer)
        elif then == "hold":
            await reader.read()

    return handle


async def test_only_the_value_of_host_changes():
    seen = asyncio.Queue()

    async def handle(reader, writer):
        seen.put_nowait(await head(reader) + await reader.readexactly(2))
        writer.write(OK)

    async with relayed(handle) as (relay, exchanges, netloc):
        reader, writer = await connect(relay)
        writer.write(POST)
        assert await reader.read() == OK
        assert await seen.get() == POST.replace(b"here", netloc)
        x = await exchanges.get()
        writer.close()
    assert (x.sent, x.received) == (POST.replace(b"here", netloc), OK)
    assert (x.method, x.path) == (b"POST", b"/v1/chat/completions")
    assert (x.ending.how, x.ending.phase, x.peer) == ("closed", "after", "open")
    assert sum(a.length for a in x.arrivals) == len(OK)
    assert sum(a.length for a in x.sent_arrivals) == len(x.sent)
    assert x.sent_arrivals[-1].at_ns <= x.sent_at_ns <= x.arrivals[0].at_ns


async def test_bytes_pass_before_the_message_is_complete():
    proceed = asyncio.Event()

    async def handle(reader, writer):
        await head(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab")
        await proceed.wait()
        writer.write(b"c\r\n0\r\n\r\n")
        await reader.read()

    async with relayed(handle) as (relay, exchanges, _):
        reader, writer = await connect(relay)
        writer.write(GET)
        assert (await reader.readuntil(b"ab")).endswith(b"3\r\nab")
        proceed.set()
        assert await reader.readuntil(b"0\r\n\r\n") == b"c\r\n0\r\n\r\n"
        x = await exchanges.get()
        writer.close()
    assert (x.ending.how, x.ending.phase) == ("idle", "after")
    assert len(x.arrivals) == 2


async def test_pipelined_requests_are_exchanges_of_their_own():
    async def handle(reader, writer):
        for number in range(3):
            await head(reader)
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n" * (number == 1) + OK.replace(b"hi", b"h%d" % number))
        await reader.read()

    async with relayed(handle) as (relay, exchanges, _):
        reader, writer = await connect(relay)
        writer.write(GET + b"\r\n" + GET + GET[:20])
        await reader.readuntil(b"h1")
        writer.write(GET[20:])
        await reader.readuntil(b"h2")
        found = [await exchanges.get() for _ in range(3)]
        writer.close()
    assert [x.received[-2:] for x in found] == [b"h0", b"h1", b"h2"]
    assert [(x.connection, x.number) for x in found] == [(1, 0), (1, 1), (1, 2)]
    assert [x.ending.how for x in found] == ["idle"] * 3
    assert found[1].received.startswith(b"HTTP/1.1 100")
    assert found[0].sent == found[2].sent


async def test_a_request_body_in_chunks_passes_as_it_comes():
    async def handle(reader, writer):
        await head(reader)
        assert await reader.readexactly(6) == b"1\r\na\r\n"
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        assert await reader.readuntil(b"0\r\nT: x\r\n\r\n")
        writer.write(OK)
        await reader.read()

    start = b"POST /x HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with relayed(handle) as (relay, exchanges, _):
        reader, writer = await connect(relay)
        writer.write(start + b"1\r\na\r\n")
        await head(reader)
        writer.write(b"2;x=y\r\nbc\r\n0\r\nT: x\r\n\r\n")
        await reader.readuntil(b"hi")
        x = await exchanges.get()
        writer.close()
    assert x.sent.endswith(b"\r\n\r\n1\r\na\r\n2;x=y\r\nbc\r\n0\r\nT: x\r\n\r\n")
    assert len(x.sent_arrivals) == 3
    assert x.ending.phase == "after"


async def test_a_reset_of_the_server_resets_the_client_after_the_last_byte(wire):
    begun = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nbeg"
    async with relayed(answering(begun, wire=wire, then="reset")) as (relay, exchanges, _):
        reader, writer = await connect(relay)
        writer.write(GET)
        assert await reader.readuntil(b"beg") == begun
        with pytest.raises(ConnectionResetError):
            await reader.read()
        x = await exchanges.get()
        writer.close()
    assert (x.ending.how, x.ending.phase, x.received) == ("reset", "body", begun)


async def test_a_reset_of_the_client_resets_the_server(wire):
    gone = asyncio.Queue()

    async def handle(reader, writer):
        await head(reader)
        writer.write(OK[:-1])
        try:
            gone.put_nowait(await reader.read())
        except ConnectionResetError as error:
            gone.put_nowait(error)

    async with relayed(handle) as (relay, exchanges, _):
        reader, writer = await connect(relay)
        writer.write(GET)
        await reader.readuntil(b"\r\n\r\n")
        wire.reset(writer)
        assert isinstance(await gone.get(), ConnectionResetError)
        x = await exchanges.get()
    assert (x.ending.how, x.ending.phase, x.peer) == ("hung-up", "body", "reset")


async def test_a_client_that_has_closed_its_direction_still_gets_the_response():
    async def handle(reader, writer):
        assert (await reader.read()).startswith(b"GET ")  # to the end
        writer.write(b"HTTP/1.0 200 OK\r\n\r\nall")

    async with relayed(handle) as (relay, exchanges, _):
        reader, writer = await connect(relay)
        writer.write(GET.replace(b"1.1", b"1.0"))
        writer.write_eof()
        assert await reader.read() == b"HTTP/1.0 200 OK\r\n\r\nall"
        x = await exchanges.get()
        writer.close()
    assert (x.ending.how, x.ending.phase, x.peer) == ("closed", "after", "closed")


async def test_a_client_that_hangs_up_is_told_to_the_server():
    gone = asyncio.Event()

    async def handle(reader, writer):
        await head(reader)
        await reader.read()
        gone.set()

    async with relayed(handle) as (relay, exchanges, _):
        _, writer = await connect(relay)
        writer.write(GET)
        writer.close()
        await gone.wait()
        x = await exchanges.get()
    assert (x.ending.how, x.ending.phase, x.received) == ("hung-up", "first-byte", b"")


async def test_bytes_after_the_response_pass_and_belong_to_it():
    async with relayed(answering(OK, b"more")) as (relay, exchanges, _):
        reader, writer = await connect(relay)
        writer.write(GET)
        assert await reader.read() == OK + b"more"
        x = await exchanges.get()
        writer.close()
    assert x.received == OK + b"more"
    assert x.ending.how == "closed"


async def test_what_is_not_http_passes_back_as_it_comes():
    async with relayed(answering(b"hello\nworld")) as (relay, exchanges, _):
        reader, writer = await connect(relay)
        writer.write(GET)
        assert await reader.read() == b"hello\nworld"
        x = await exchanges.get()
        writer.close()
    assert (x.received, x.ending.how, x.ending.phase) == (b"hello\nworld", "closed", "body")


@pytest.mark.parametrize(
    ("sent", "status", "why"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00", 400, "not an HTTP/1.1 request"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, "not an HTTP/1.1 request"),
        (b"hello world\r\n", 400, "not an HTTP/1.1 request"),
        (b"CONNECT api.example:443 HTTP/1.1\r\nHost: api.example\r\n\r\n", 501, "CONNECT or an absolute URL"),
        (b"GET http://api.example/v1 HTTP/1.1\r\nHost: api.example\r\n\r\n", 501, "CONNECT or an absolute URL"),
        (
            b"GET /v1 HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n",
            501,
            "an upgrade to another protocol",
        ),
        (b"GET /v1 HTTP/1.1\r\nA: " + b"a" * 300_000, 431, "a head without end"),
    ],
)
async def test_what_is_no_request_is_refused_and_counted(sent, status, why):
    async with relayed(answering(OK)) as (relay, exchanges, _):
        reader, writer = await connect(relay)
        writer.write(sent)
        response = await reader.read()
        writer.close()
    assert response.startswith(b"HTTP/1.1 %d " % status)
    assert relay.refused == {why: 1}
    assert exchanges.empty()


async def test_garbage_after_a_request_is_answered_after_the_response():
    async with relayed(answering(OK, then="hold")) as (relay, exchanges, _):
        reader, writer = await connect(relay)
        writer.write(GET + b"\x00\x01")
        response = await reader.read()
        x = await exchanges.get()
        writer.close()
    assert response.startswith(OK + b"HTTP/1.1 400 ")
    assert x.received == OK


async def test_an_unreachable_server_is_told_as_such():
    address = upstream("http://127.0.0.1:9/v1")
    exchanges = asyncio.Queue()
    async with relaying(address, on_exchange=exchanges.put_nowait) as relay:
        reader, writer = await connect(relay)
        writer.write(POST)
        response = await reader.read()
        writer.close()
    x = await exchanges.get()
    assert response.startswith(b"HTTP/1.1 502 Bad Gateway\r\n")
    assert b"the upstream 127.0.0.1:9 can't be reached: the connection was refused" in response
    assert (x.ending.how, x.ending.phase, x.received) == ("unreachable", "connect", b"")


async def test_bodies_beyond_the_limit_pass_but_are_not_recorded():
    body = b"x" * 3_000_000
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body

    async def handle(reader, writer):
        await head(reader)
        await reader.readexactly(len(body))
        writer.write(answer)
        await reader.read()

    async with relayed(handle, limits=Limits(max_octets=1000, post_response_s=0)) as (relay, exchanges, _):
        reader, writer = await connect(relay)
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


async def test_a_client_that_does_not_read_stops_the_server_and_nothing_else():
    written = 0

    async def handle(reader, writer):
        nonlocal written
        if (await head(reader)).startswith(b"GET /endless"):
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
            while True:
                writer.write(b"x" * 65536)
                await writer.drain()
                written += 65536
        writer.write(OK)

    async with relayed(handle) as (relay, _, _):
        _, stuck = await connect(relay)
        stuck.transport.pause_reading()
        stuck.write(b"GET /endless HTTP/1.1\r\n\r\n")
        _, slow = await connect(relay)
        slow.write(b"G")
        reader, writer = await connect(relay)
        writer.write(GET)
        assert await reader.read() == OK
        held = next(each.server.transport for each in relay.connections if each.exchanges)
        while held.is_reading():  # noqa: ASYNC110 - nothing tells when a transport is paused
            await asyncio.sleep(0)
        assert written < 64 * 1024 * 1024
        for each in (stuck, slow, writer):
            each.transport.abort()


async def test_a_request_after_the_server_has_closed_is_reset():
    async with relayed(answering(OK)) as (relay, exchanges, _):
        reader, writer = await connect(relay)
        writer.write(GET)
        assert await reader.read() == OK
        await exchanges.get()
        with pytest.raises(ConnectionError):  # noqa: PT012 - the kernel tells of a reset with a later write
            while True:
                writer.write(GET)
                await writer.drain()
                await asyncio.sleep(0)
        writer.transport.abort()
    assert exchanges.empty()


async def test_exchanges_in_progress_are_interrupted_when_the_relay_stops():
    async with relayed(answering(OK[:-1], then="hold")) as (relay, exchanges, _):
        reader, writer = await connect(relay)
        writer.write(GET)
        await reader.readuntil(b"h")
    x = await exchanges.get()
    assert (x.ending.how, x.ending.phase, x.received) == ("interrupted", "body", OK[:-1])
    writer.close()


async def test_hundreds_of_connections_at_once():
    async def handle(reader, writer):
        got = await head(reader)
        writer.write(OK.replace(b"hi", got[5:7]))

    async with relayed(handle) as (relay, exchanges, _):

        async def one(number):
            reader, writer = await connect(relay)
            writer.write(b"GET /%02d HTTP/1.1\r\n\r\n" % (number % 100))
            response = await reader.read()
            writer.close()
            return response[-2:]

        assert await asyncio.gather(*map(one, range(300))) == [b"%02d" % (n % 100) for n in range(300)]
        assert exchanges.qsize() == 300
    assert not relay.connections


async def test_tls_to_the_server_is_verified(tmp_path):
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    for trust, status in ((Trust(), b"502"), (Trust(str(tmp_path / "ca.pem")), b"200"), (Trust(insecure=True), b"200")):
        async with relayed(answering(OK), tls=context, trust=trust) as (relay, exchanges, _):
            reader, writer = await connect(relay)
            writer.write(GET)
            response = await reader.read()
            writer.close()
            x = await exchanges.get()
        assert response[9:12] == status
        assert x.received == (OK if status == b"200" else b"")
    assert (x.ending.how, x.ending.phase) == ("closed", "after")


async def test_the_head_of_a_request_has_a_time_limit(monkeypatch):
    monkeypatch.setattr(relay_connection, "HEAD_S", 0.05)
    async with relayed(answering(OK)) as (relay, _, _):
        reader, writer = await connect(relay)
        writer.write(GET[:-2])
        assert (await reader.read()).startswith(b"HTTP/1.1 408 ")
        writer.close()
