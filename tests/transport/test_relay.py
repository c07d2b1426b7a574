"""The relay passes bytes, closes and resets on, both ways, and records each exchange."""

import asyncio
import ssl

import pytest
import trustme

from conformance.transport.limits import Limits
from conformance.transport.proxies import Trust

pytestmark = pytest.mark.anyio

GET = b"GET /v1/models HTTP/1.1\r\nHost: 127.0.0.1:1\r\nAccept: */*\r\n\r\n"
POST = b"POST /v1/chat/completions HTTP/1.1\r\nhOST:here\r\nContent-Length: 2\r\n\r\n{}"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


async def test_only_the_value_of_host_changes(wire):
    seen = asyncio.Queue()

    async def handle(reader, writer):
        seen.put_nowait(await wire.head(reader) + await reader.readexactly(2))
        writer.write(OK)

    async with wire.relayed(handle) as (relay, exchanges, netloc):
        reader, writer = await wire.connect(relay)
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


async def test_bytes_pass_before_the_message_is_complete(wire):
    proceed = asyncio.Event()

    async def handle(reader, writer):
        await wire.head(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab")
        await proceed.wait()
        writer.write(b"c\r\n0\r\n\r\n")
        await reader.read()

    async with wire.relayed(handle) as (relay, exchanges, _):
        reader, writer = await wire.connect(relay)
        writer.write(GET)
        assert (await reader.readuntil(b"ab")).endswith(b"3\r\nab")
        proceed.set()
        assert await reader.readuntil(b"0\r\n\r\n") == b"c\r\n0\r\n\r\n"
        x = await exchanges.get()
        writer.close()
    assert (x.ending.how, x.ending.phase) == ("idle", "after")
    assert len(x.arrivals) == 2


async def test_pipelined_requests_are_exchanges_of_their_own(wire):
    async def handle(reader, writer):
        for number in range(3):
            await wire.head(reader)
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n" * (number == 1) + OK.replace(b"hi", b"h%d" % number))
        await reader.read()

    async with wire.relayed(handle) as (relay, exchanges, _):
        reader, writer = await wire.connect(relay)
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


async def test_a_request_body_in_chunks_passes_as_it_comes(wire):
    async def handle(reader, writer):
        await wire.head(reader)
        assert await reader.readexactly(6) == b"1\r\na\r\n"
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        assert await reader.readuntil(b"0\r\nT: x\r\n\r\n")
        writer.write(OK)
        await reader.read()

    start = b"POST /x HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with wire.relayed(handle) as (relay, exchanges, _):
        reader, writer = await wire.connect(relay)
        writer.write(start + b"1\r\na\r\n")
        await wire.head(reader)
        writer.write(b"2;x=y\r\nbc\r\n0\r\nT: x\r\n\r\n")
        await reader.readuntil(b"hi")
        x = await exchanges.get()
        writer.close()
    assert x.sent.endswith(b"\r\n\r\n1\r\na\r\n2;x=y\r\nbc\r\n0\r\nT: x\r\n\r\n")
    assert len(x.sent_arrivals) == 3
    assert x.ending.phase == "after"


async def test_a_reset_of_the_server_resets_the_client_after_the_last_byte(wire):
    begun = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nbeg"
    async with wire.relayed(wire.answering(begun, then="reset")) as (relay, exchanges, _):
        reader, writer = await wire.connect(relay)
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
        await wire.head(reader)
        writer.write(OK[:-1])
        try:
            gone.put_nowait(await reader.read())
        except ConnectionResetError as error:
            gone.put_nowait(error)

    async with wire.relayed(handle) as (relay, exchanges, _):
        reader, writer = await wire.connect(relay)
        writer.write(GET)
        await reader.readuntil(b"\r\n\r\n")
        wire.reset(writer)
        assert isinstance(await gone.get(), ConnectionResetError)
        x = await exchanges.get()
    assert (x.ending.how, x.ending.phase, x.peer) == ("hung-up", "body", "reset")


async def test_a_client_that_has_closed_its_direction_still_gets_the_response(wire):
    async def handle(reader, writer):
        assert (await reader.read()).startswith(b"GET ")  # to the end
        writer.write(b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nall")

    async with wire.relayed(handle) as (relay, exchanges, _):
        reader, writer = await wire.connect(relay)
        writer.write(GET.replace(b"1.1", b"1.0"))
        writer.write_eof()
        assert (await reader.read()).endswith(b"\r\n\r\nall")
        x = await exchanges.get()
        writer.close()
    assert (x.ending.how, x.ending.phase, x.peer) == ("closed", "after", "closed")


async def test_the_end_of_a_response_without_framing_is_not_known_once_the_client_has_left(wire):
    async def handle(reader, writer):
        await reader.read()
        writer.write(b"HTTP/1.0 200 OK\r\n\r\nbeg")

    async with wire.relayed(handle) as (relay, exchanges, _):
        reader, writer = await wire.connect(relay)
        writer.write(GET)
        writer.write_eof()
        assert await reader.read() == b"HTTP/1.0 200 OK\r\n\r\nbeg"
        x = await exchanges.get()
        writer.close()
    assert (x.ending.how, x.ending.phase) == ("hung-up", "body")


async def test_a_client_that_hangs_up_is_passed_on_to_the_server(wire):
    gone = asyncio.Event()

    async def handle(reader, writer):
        await wire.head(reader)
        await reader.read()
        gone.set()

    async with wire.relayed(handle) as (relay, exchanges, _):
        _, writer = await wire.connect(relay)
        writer.write(GET)
        writer.close()
        await gone.wait()
        x = await exchanges.get()
    assert (x.ending.how, x.ending.phase, x.received) == ("hung-up", "first-byte", b"")


async def test_bytes_after_the_response_pass_and_belong_to_it(wire):
    async with wire.relayed(wire.answering(OK, b"more")) as (relay, exchanges, _):
        reader, writer = await wire.connect(relay)
        writer.write(GET)
        assert await reader.read() == OK + b"more"
        x = await exchanges.get()
        writer.close()
    assert x.received == OK + b"more"
    assert x.ending.how == "closed"


async def test_what_is_not_http_passes_back_as_it_comes(wire):
    async with wire.relayed(wire.answering(b"hello\nworld")) as (relay, exchanges, _):
        reader, writer = await wire.connect(relay)
        writer.write(GET)
        assert await reader.read() == b"hello\nworld"
        x = await exchanges.get()
        writer.close()
    assert (x.received, x.ending.how, x.ending.phase) == (b"hello\nworld", "closed", "body")


async def test_a_request_after_the_server_has_closed_is_reset(wire):
    async with wire.relayed(wire.answering(OK)) as (relay, exchanges, _):
        reader, writer = await wire.connect(relay)
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


async def test_tls_to_the_server_is_verified(wire, tmp_path):
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    for trust, status in ((Trust(), b"502"), (Trust(str(tmp_path / "ca.pem")), b"200"), (Trust(insecure=True), b"200")):
        async with wire.relayed(wire.answering(OK), tls=context, trust=trust) as (relay, exchanges, _):
            reader, writer = await wire.connect(relay)
            writer.write(GET)
            response = await reader.read()
            writer.close()
            x = await exchanges.get()
        assert response[9:12] == status
        assert x.received == (OK if status == b"200" else b"")
    assert (x.ending.how, x.ending.phase) == ("closed", "after")


async def test_where_the_bytes_are_cut_changes_nothing_of_what_is_recorded(wire):
    head = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunked = head + b"2;x\r\nab\r\n0\r\nT: x\r\n\r\n"
    requests, responses = POST + GET, chunked + OK
    cuts = []

    async def handle(reader, writer):
        await wire.head(reader)
        await reader.readexactly(2)
        await wire.head(reader)
        writer.write(responses[: cuts[-1]])
        await asyncio.sleep(0)
        writer.write(responses[cuts[-1] :])
        await reader.read()

    async with wire.relayed(handle, limits=Limits(post_response_s=0)) as (relay, exchanges, netloc):
        for cut in range(1, len(requests), 2):
            cuts.append(cut)
            reader, writer = await wire.connect(relay)
            writer.write(requests[:cut])
            await asyncio.sleep(0)
            writer.write(requests[cut:])
            assert await reader.readexactly(len(responses)) == responses
            first, second = await exchanges.get(), await exchanges.get()
            writer.close()
            assert (first.sent, first.received) == (POST.replace(b"here", netloc), chunked), cut
            assert (second.sent, second.received) == (GET.replace(b"127.0.0.1:1", netloc), OK), cut
            assert (first.ending.how, second.ending.how, second.ending.phase) == ("idle", "idle", "after"), cut
