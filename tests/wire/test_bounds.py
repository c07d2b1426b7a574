"""Nothing that a target does holds the harness for ever or fills its memory."""

import asyncio

import msgspec
import pytest

from conformance.wire.courier import Limits, fetch

pytestmark = pytest.mark.anyio

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
SHORT = 0.15


def repeats(head, piece):
    async def play(reader, writer):
        writer.write(head)
        while True:
            writer.write(piece)
            await writer.drain()

    return play


@pytest.mark.parametrize(
    ("heard", "limit", "phase"),
    [
        (b"", {"first_byte_s": SHORT}, "first-byte"),
        (b"", {"timeout_s": SHORT}, "first-byte"),
        (b"HTTP/1.1 200", {"silence_s": SHORT}, "body"),
        (HEAD, {"silence_s": SHORT}, "body"),
        (HEAD + b"data: {", {"timeout_s": SHORT}, "body"),
    ],
)
async def test_waiting_ends_with_the_time_out_of_its_phase(wire, heard, limit, phase):
    async with wire.serving(wire.says(heard, then="hold")) as server:
        x = await fetch(wire.asking(server.url()), wire.key, msgspec.structs.replace(wire.limits, **limit))
    assert (x.heard, x.ending.how, x.ending.phase) == (heard, "timeout", phase)
    assert x.ending.at_ns >= SHORT * 1e9
    assert f"{SHORT:g} s" in x.ending.detail


async def test_a_request_that_is_not_taken_times_out(wire):
    async def deaf(reader, writer):
        await asyncio.Event().wait()

    async with wire.serving(deaf, read=False) as server:
        x = await fetch(wire.asking(server.url(), body=b"x" * 50_000_000), wire.key, Limits(timeout_s=0.5))
    assert (x.ending.how, x.ending.phase) == ("timeout", "send")


async def test_a_slow_drip_ends_with_the_whole_time(wire):
    async with wire.serving(repeats(HEAD, b": still here\n\n")) as server:
        limits = Limits(timeout_s=SHORT, max_octets=10**9, max_reads=10**9)
        x = await fetch(wire.asking(server.url()), wire.key, limits)
    assert (x.ending.how, x.ending.phase) == ("timeout", "body")
    assert "whole exchange" in x.ending.detail


@pytest.mark.parametrize("piece", [b"data: {}\n\n", b"an endless line ", b": comment\n"])
async def test_an_endless_stream_ends_with_the_octets(wire, piece):
    limits = msgspec.structs.replace(wire.limits, max_octets=300_001)
    async with wire.serving(repeats(HEAD, piece * 1000)) as server:
        x = await fetch(wire.asking(server.url()), wire.key, limits)
    assert (len(x.heard), x.ending.how, x.ending.phase) == (300_001, "limit", "body")
    assert "300001 octets" in x.ending.detail


async def test_very_many_pieces_end_with_the_reads(wire):
    limits = msgspec.structs.replace(wire.limits, max_reads=5)
    async with wire.serving(repeats(HEAD, b"data: {}\n\n" * 20_000)) as server:
        x = await fetch(wire.asking(server.url()), wire.key, limits)
    assert (len(x.arrivals), x.ending.how) == (5, "limit")
    assert "5 pieces" in x.ending.detail


@pytest.mark.parametrize("interim", [b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 2])
@pytest.mark.parametrize("head", [b"".join(b"x-%d: y\r\n" % n for n in range(100_000)), b"x: " + b"y" * 1_000_000])
async def test_an_endless_head_ends_with_its_bound(wire, interim, head):
    async with wire.serving(wire.says(interim + b"HTTP/1.1 200 OK\r\n" + head, then="hold")) as server:
        x = await fetch(wire.asking(server.url()), wire.key, wire.limits)
    assert (x.ending.how, x.ending.phase) == ("limit", "body")
    assert wire.limits.max_head_octets < len(x.heard) < wire.limits.max_head_octets + 2 * 65536
    assert "head" in x.ending.detail


async def test_endless_interim_replies_are_bounded(wire):
    async with wire.serving(repeats(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 10)) as server:
        x = await fetch(wire.asking(server.url()), wire.key, wire.limits)
    assert x.ending.how == "limit"
    assert "100 interim replies" in x.ending.detail


async def test_endless_tiny_chunks_are_bounded(wire):
    limits = msgspec.structs.replace(wire.limits, max_chunks=20_000)
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with wire.serving(repeats(head, b"1\r\nx\r\n" * 1000)) as server:
        x = await fetch(wire.asking(server.url()), wire.key, limits)
    assert (x.ending.how, x.ending.phase) == ("limit", "body")
    assert "20000 chunks" in x.ending.detail


async def test_octets_that_are_not_http_are_bounded(wire):
    limits = msgspec.structs.replace(wire.limits, max_octets=200_000)
    async with wire.serving(
        repeats(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", b"z" * 999)
    ) as server:
        x = await fetch(wire.asking(server.url()), wire.key, limits)
    assert (len(x.heard), x.ending.how, x.ending.phase) == (200_000, "limit", "body")


@pytest.mark.parametrize("event", [b"data: 1\n\n", b": still here\r\n\r\n", b"data: 1\r\r"])
async def test_endless_small_events_are_bounded_by_their_number(wire, event):
    async with wire.serving(repeats(HEAD, event * 100)) as server:
        x = await fetch(wire.asking(server.url()), wire.key, msgspec.structs.replace(wire.limits, max_blocks=1000))
    assert (x.ending.how, x.ending.phase) == ("limit", "body")
    assert "1000 events" in x.ending.detail
    assert x.heard.count(event) < 20_000
