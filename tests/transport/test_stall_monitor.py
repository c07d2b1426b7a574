"""Harness stalls are recorded in the exchange; without stalls, none is."""

import time

import anyio
import pytest

from conformance.transport.send_all import send_all
from conformance.transport.stall_monitor import LEAST_NS, StallMonitor

BLOCKED_S = 0.08


def watched(block):
    """The stalls that a watch reports while this runs, and afterwards."""

    async def run():
        monitor = StallMonitor()
        async with anyio.create_task_group() as group:
            group.start_soon(monitor.tick)
            began = time.monotonic_ns()
            await block()
            seen = monitor.longest_stall_ns(began)
            await anyio.sleep(0.02)
            after = monitor.longest_stall_ns(time.monotonic_ns())
            group.cancel_scope.cancel()
        return seen, after

    return anyio.run(run)


async def hold_the_loop():
    time.sleep(BLOCKED_S)  # noqa: ASYNC251 - simulates a stall of the harness


async def hold_the_loop_and_go_on():
    await hold_the_loop()
    await anyio.sleep(0.02)


@pytest.mark.parametrize("block", [hold_the_loop, hold_the_loop_and_go_on])
def test_a_held_up_harness_is_noticed_at_once_and_later(block):
    seen, _ = watched(block)
    assert seen >= BLOCKED_S * 1e9 - LEAST_NS


def test_an_old_delay_is_not_held_against_what_began_later():
    _, after = watched(hold_the_loop_and_go_on)
    assert after < BLOCKED_S * 1e9 / 2


@pytest.mark.anyio
async def test_each_exchange_carries_it(wire):
    received = []

    async def play(reader, writer):
        await hold_the_loop()
        await wire.writing(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")(reader, writer)

    async with wire.serving(play) as server:
        request = wire.request_to(server.url())
        await send_all([request], key=None, limits=wire.limits, concurrency=1, on_exchange=received.append)
    assert received[0].harness_stall_ns >= BLOCKED_S * 1e9 / 2


def test_many_short_stalls_add_up_and_none_before_counts():
    async def run():
        monitor = StallMonitor()
        async with anyio.create_task_group() as group:
            group.start_soon(monitor.tick)
            await hold_the_loop_and_go_on()
            began = time.monotonic_ns()
            for _ in range(3):
                await hold_the_loop_and_go_on()
            together, longest = monitor.all_stalls_ns(began), monitor.longest_stall_ns(began)
            after = monitor.all_stalls_ns(time.monotonic_ns())
            group.cancel_scope.cancel()
        return together, longest, after

    together, longest, after = anyio.run(run)
    assert together >= 3 * (BLOCKED_S * 1e9 - LEAST_NS - 5_000_000)
    assert longest < together
    assert after < longest
