"""Concurrent exchanges."""

import asyncio
import itertools
from tempfile import TemporaryDirectory

import anyio
import msgspec
import pytest

from conformance.testbed.server.virtual_time import IN_VIRTUAL_TIME
from conformance.transport.send_all import send_all

pytestmark = pytest.mark.anyio

HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


async def test_never_more_than_the_limit_at_once(wire):
    now, peak, full = 0, 0, asyncio.Event()

    async def count(reader, writer):
        nonlocal now, peak
        now += 1
        peak = max(peak, now)
        if now == 7:
            full.set()
        await full.wait()
        now -= 1  # before the response, which lets the client start another exchange
        writer.write(HELLO)

    done = []
    async with wire.serving(count) as server:
        requests = [wire.request_to(server.url(), id=f"{n}") for n in range(30)]
        await send_all(requests, key=wire.key, limits=wire.limits, concurrency=7, on_exchange=done.append)
    assert sorted(x.id for x in done) == sorted(r.id for r in requests)
    assert all(x.received == HELLO for x in done)
    assert peak == 7


async def test_a_fault_of_ours_loses_one_exchange_only(wire):
    done = []

    def keep(x):
        if x.id == "1":
            raise OSError("the disk is full")
        done.append(x.id)

    async with wire.serving(wire.writing(HELLO)) as server:
        requests = [wire.request_to(server.url(), id=f"{n}") for n in range(4)]
        with pytest.raises(ExceptionGroup, match="1 of 4 exchanges") as raised:
            await send_all(requests, key=wire.key, limits=wire.limits, concurrency=1, on_exchange=keep)
    assert done == ["0", "2", "3"]
    assert raised.value.exceptions[0].__notes__ == ["in the exchange 1"]


async def test_cancellation_keeps_what_is_done(wire):
    turn = itertools.count()
    stuck = asyncio.Event()

    async def first_answers(reader, writer):
        if next(turn) == 0:
            writer.write(HELLO)
        else:
            stuck.set()
        await reader.read()

    done = []
    async with wire.serving(first_answers) as server, anyio.create_task_group() as tasks:

        async def run():
            requests = [wire.request_to(server.url(), id=f"{n}") for n in range(3)]
            await send_all(requests, key=wire.key, limits=wire.limits, concurrency=1, on_exchange=done.append)

        tasks.start_soon(run)
        await stuck.wait()
        tasks.cancel_scope.cancel()
    assert [x.id for x in done] == ["0"]


async def test_nothing_to_fire(wire):
    done = []
    await send_all([], key=None, limits=wire.limits, concurrency=3, on_exchange=done.append)
    assert done == []


@pytest.mark.parametrize("anyio_backend", [("asyncio", IN_VIRTUAL_TIME)], ids=["virtual-time"])
@pytest.mark.parametrize(("concurrency", "connections"), [(1, 1), (3, 12)])
async def test_requests_go_on_while_connections_linger(wire, concurrency, connections):
    """A concurrency of 1 means one connection at a time; otherwise three more linger per request in flight."""
    under_way = opened = most_under_way = most_opened = 0

    async def count(reader, writer):
        nonlocal under_way, opened, most_under_way, most_opened
        under_way, opened = under_way + 1, opened + 1
        most_under_way, most_opened = max(under_way, most_under_way), max(opened, most_opened)
        await anyio.sleep(0.01)
        under_way -= 1
        writer.write(HELLO)
        await reader.read()  # the connection stays open until the client closes it
        opened -= 1

    done = []
    limits = msgspec.structs.replace(wire.limits, post_response_s=0.5)
    with TemporaryDirectory() as folder:
        async with wire.serving(count, unix_socket=f"{folder}/server") as server:
            requests = [wire.request_to(server.url(), id=f"{n}") for n in range(20)]
            await send_all(
                requests,
                key=wire.key,
                limits=limits,
                unix_socket=server.unix_socket,
                concurrency=concurrency,
                on_exchange=done.append,
            )
    assert len(done) == 20
    assert (most_under_way, most_opened) == (concurrency, connections)
