"""Exchanges one after the other over a connection that is kept."""

import asyncio

import anyio
import msgspec
import pytest

from conformance.transport.session import Session

pytestmark = pytest.mark.anyio

OK = b"HTTP/1.1 200 OK\r\n"
HELLO = OK + b"Content-Length: 5\r\n\r\nhello"


def answering(wire, *responses, pause=None):
    """Answer the requests of each connection with these responses, one each, then close it; counts connections."""

    connections = []

    async def handle(reader, writer):
        connections.append(writer)
        for response in responses:
            await wire.read_request(reader)
            writer.write(response)
            await writer.drain()
        if pause:
            await pause.wait()

    return connections, handle


async def exchanges(wire, handle, count, **changes):
    async with wire.serving(handle, read=False) as server, Session(key=wire.key, limits=wire.limits) as session:
        request = msgspec.structs.replace(wire.request_to(server.url()), **changes)
        return [await session.exchange(request) for _ in range(count)]


async def test_requests_share_one_connection(wire):
    connections, handle = answering(wire, HELLO, HELLO, HELLO, pause=asyncio.Event())
    found = await exchanges(wire, handle, 3)
    assert [x.is_reused for x in found] == [False, True, True]
    assert {x.received for x in found} == {HELLO}
    assert {(x.ending.how, x.ending.phase) for x in found} == {("idle", "after")}
    assert all(x.sent.startswith(b"POST ") and x.sent.endswith(b"{}") for x in found)
    assert len(connections) == 1


async def test_times_count_from_the_beginning_of_each_exchange(wire):
    _, handle = answering(wire, HELLO, HELLO, pause=asyncio.Event())
    first, second = await exchanges(wire, handle, 2)
    assert second.began_ns >= first.began_ns + first.ending.at_ns
    assert second.arrivals[0].at_ns >= second.sent_at_ns
    assert second.ending.at_ns < second.began_ns  # which counts from the start of the event loop


async def test_a_connection_that_the_target_closes_is_replaced(wire):
    closing = OK + b"Connection: close\r\nContent-Length: 5\r\n\r\nhello"
    connections, handle = answering(wire, closing)
    found = await exchanges(wire, handle, 2)
    assert [x.is_reused for x in found] == [False, False]
    assert {(x.ending.how, x.ending.phase) for x in found} == {("closed", "after")}
    assert len(connections) == 2


async def test_a_connection_that_was_closed_while_it_was_idle_is_replaced(wire):
    connections, handle = answering(wire, HELLO, pause=asyncio.Event())
    async with wire.serving(handle, read=False) as server, Session(key=wire.key, limits=wire.limits) as session:
        request = wire.request_to(server.url())
        first = await session.exchange(request)
        connections[0].close()
        await connections[0].wait_closed()
        second = await session.exchange(request)
    assert (first.received, second.received) == (HELLO, HELLO)
    assert (first.ending.how, second.is_reused) == ("idle", False)


async def test_bytes_after_a_response_belong_to_it_and_end_the_connection(wire):
    connections, handle = answering(wire, HELLO + b"and more", pause=asyncio.Event())
    found = await exchanges(wire, handle, 2)
    assert [x.received for x in found] == [HELLO + b"and more"] * 2
    assert len(connections) == 2


async def test_a_lost_response_is_recorded_and_the_next_request_has_a_new_connection(wire):
    connections, handle = answering(wire, HELLO, OK + b"Content-Length: 50\r\n\r\nhel")
    first, second, third = await exchanges(wire, handle, 3)
    assert (second.is_reused, second.is_lost, second.ending.how) == (True, True, "closed")
    assert (third.is_reused, third.received) == (False, first.received)
    assert len(connections) == 2


async def test_a_disconnect_on_purpose_closes_the_connection(wire):
    events = b"data: 1\n\ndata: 2\n\ndata: 3\n\n"
    stream = OK + b"Content-Type: text/event-stream\r\nContent-Length: 100\r\n\r\n" + events
    connections, handle = answering(wire, stream, pause=asyncio.Event())
    found = await exchanges(wire, handle, 2, disconnect_after_events=2)
    assert {x.ending.how for x in found} == {"hung-up"}
    assert len(connections) == 2


async def test_an_unreachable_target_is_recorded_and_tried_again(wire):
    async with wire.serving(wire.writing(HELLO)) as server:
        url = server.url()
    async with Session(key=None, limits=wire.limits) as session:
        found = [await session.exchange(wire.request_to(url)) for _ in range(2)]
    assert {x.ending.how for x in found} == {"unreachable"}


async def test_cancellation_closes_the_connection(wire):
    began, left = anyio.Event(), anyio.Event()

    async def hold(reader, writer):
        writer.write(OK)
        began.set()
        await reader.read()
        left.set()

    async with wire.serving(hold) as server, anyio.create_task_group() as tasks:
        session = Session(key=None, limits=wire.limits)
        tasks.start_soon(session.exchange, wire.request_to(server.url()))
        await began.wait()
        tasks.cancel_scope.cancel()
        with anyio.CancelScope(shield=True), anyio.move_on_after(20):
            await left.wait()
    assert left.is_set()


async def test_the_key_is_masked_in_each_exchange(wire):
    echo = OK + b"Content-Length: %d\r\n\r\n%s" % (len(wire.key), wire.key.encode())
    _, handle = answering(wire, echo, echo, pause=asyncio.Event())
    for x in await exchanges(wire, handle, 2):
        assert wire.key.encode() not in x.sent + x.received
        assert x.masked
