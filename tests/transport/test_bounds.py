"""No target can block the harness or exhaust its memory. Times are virtual, and so exact."""

import asyncio
from tempfile import TemporaryDirectory

import msgspec
import pytest

from conformance.testbed.server.virtual_time import IN_VIRTUAL_TIME
from conformance.transport.client import Limits, exchange_once
from conformance.transport.limits import limits_for

pytestmark = pytest.mark.anyio
in_virtual_time = pytest.mark.parametrize("anyio_backend", [("asyncio", IN_VIRTUAL_TIME)], ids=["virtual-time"])

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
SHORT = 0.15


def repeats(head, piece):
    async def play(reader, writer):
        writer.write(head)
        while True:
            writer.write(piece)
            await writer.drain()

    return play


@pytest.fixture
def unix_socket():
    with TemporaryDirectory() as folder:  # pytest's paths are too long for a socket
        yield f"{folder}/server"


@in_virtual_time
@pytest.mark.parametrize(
    ("received", "limit", "phase"),
    [
        (b"", {"first_byte_s": SHORT}, "first-byte"),
        (b"", {"timeout_s": SHORT}, "first-byte"),
        (b"HTTP/1.1 200", {"silence_s": SHORT}, "body"),
        (HEAD, {"silence_s": SHORT}, "body"),
        (HEAD + b"data: {", {"timeout_s": SHORT}, "body"),
    ],
)
async def test_waiting_ends_with_the_time_out_of_its_phase(wire, unix_socket, received, limit, phase):
    limits = msgspec.structs.replace(wire.limits, **limit)
    async with wire.serving(wire.writing(received, then="hold"), unix_socket=unix_socket) as server:
        x = await exchange_once(wire.request_to(server.url()), wire.key, limits, unix_socket=unix_socket)
    assert (x.received, x.ending.how, x.ending.phase) == (received, "timeout", phase)
    assert x.ending.at_ns == pytest.approx(SHORT * 1e9, abs=1000)
    assert f"{SHORT:g} s" in x.ending.detail


@in_virtual_time
async def test_a_request_that_is_not_taken_times_out(wire, unix_socket):
    async def deaf(reader, writer):
        await asyncio.Event().wait()

    async with wire.serving(deaf, read=False, unix_socket=unix_socket) as server:
        request = wire.request_to(server.url(), body=b"x" * 50_000_000)
        x = await exchange_once(request, wire.key, Limits(timeout_s=SHORT), unix_socket=unix_socket)
    assert (x.ending.how, x.ending.phase) == ("timeout", "send")


@in_virtual_time
async def test_a_slow_drip_ends_with_the_whole_time(wire, unix_socket):
    async def drip(reader, writer):
        writer.write(HEAD)
        while True:
            writer.write(b": still here\n\n")
            await asyncio.sleep(1)

    async with wire.serving(drip, unix_socket=unix_socket) as server:
        x = await exchange_once(wire.request_to(server.url()), wire.key, Limits(), unix_socket=unix_socket)
    assert (x.ending.how, x.ending.phase, x.ending.at_ns // 10**9) == ("timeout", "body", 60)
    assert x.received.count(b"here") == 60
    assert "the exchange was not complete" in x.ending.detail


@pytest.mark.parametrize("piece", [b"data: {}\n\n", b"an endless line ", b": comment\n"])
async def test_an_endless_stream_ends_with_the_bytes(wire, piece):
    limits = msgspec.structs.replace(wire.limits, max_bytes=300_001)
    async with wire.serving(repeats(HEAD, piece * 1000)) as server:
        x = await exchange_once(wire.request_to(server.url()), wire.key, limits)
    assert (len(x.received), x.ending.how, x.ending.phase) == (300_001, "limit", "body")
    assert "300001 bytes" in x.ending.detail


async def test_very_many_pieces_end_with_the_reads(wire):
    limits = msgspec.structs.replace(wire.limits, max_reads=5)
    async with wire.serving(repeats(HEAD, b"data: {}\n\n" * 20_000)) as server:
        x = await exchange_once(wire.request_to(server.url()), wire.key, limits)
    assert (len(x.arrivals), x.ending.how) == (5, "limit")
    assert "5 reads" in x.ending.detail


@pytest.mark.parametrize("interim", [b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 2])
@pytest.mark.parametrize("head", [b"".join(b"x-%d: y\r\n" % n for n in range(100_000)), b"x: " + b"y" * 1_000_000])
async def test_an_endless_head_ends_with_its_bound(wire, interim, head):
    async with wire.serving(wire.writing(interim + b"HTTP/1.1 200 OK\r\n" + head, then="hold")) as server:
        x = await exchange_once(wire.request_to(server.url()), wire.key, wire.limits)
    assert (x.ending.how, x.ending.phase) == ("limit", "body")
    assert wire.limits.max_head_bytes < len(x.received) < wire.limits.max_head_bytes + 2 * 65536
    assert "head" in x.ending.detail


async def test_endless_interim_replies_are_bounded(wire):
    async with wire.serving(repeats(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 10)) as server:
        x = await exchange_once(wire.request_to(server.url()), wire.key, wire.limits)
    assert x.ending.how == "limit"
    assert "100 or more interim" in x.ending.detail


async def test_endless_tiny_chunks_are_bounded(wire):
    limits = msgspec.structs.replace(wire.limits, max_chunks=20_000)
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with wire.serving(repeats(head, b"1\r\nx\r\n" * 1000)) as server:
        x = await exchange_once(wire.request_to(server.url()), wire.key, limits)
    assert (x.ending.how, x.ending.phase) == ("limit", "body")
    assert "20000 chunks" in x.ending.detail


async def test_bytes_that_are_not_http_are_bounded(wire):
    limits = msgspec.structs.replace(wire.limits, max_bytes=200_000)
    async with wire.serving(
        repeats(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", b"z" * 999)
    ) as server:
        x = await exchange_once(wire.request_to(server.url()), wire.key, limits)
    assert (len(x.received), x.ending.how, x.ending.phase) == (200_000, "limit", "body")


@pytest.mark.parametrize("event", [b"data: 1\n\n", b": still here\r\n\r\n", b"data: 1\r\r"])
async def test_endless_small_events_are_bounded_by_their_number(wire, event):
    async with wire.serving(repeats(HEAD, event * 100)) as server:
        x = await exchange_once(
            wire.request_to(server.url()), wire.key, msgspec.structs.replace(wire.limits, max_blocks=1000)
        )
    assert (x.ending.how, x.ending.phase) == ("limit", "body")
    assert "1000 events" in x.ending.detail
    assert x.received.count(event) < 20_000


@pytest.mark.parametrize(("timeout_s", "silence_s"), [(2.0, 30.0), (60.0, 30.0), (300.0, 150.0)])
def test_a_longer_timeout_allows_a_longer_silence(timeout_s, silence_s):
    assert limits_for(timeout_s) == Limits(timeout_s=timeout_s, silence_s=silence_s)
