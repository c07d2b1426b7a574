"""A conversation over a WebSocket: every byte of it, within the limits, whatever the target sends."""

import asyncio
import json
from tempfile import TemporaryDirectory

import msgspec
import pytest
from wsproto.connection import Connection, ConnectionType
from wsproto.events import Pong, TextMessage

from conformance.model.turn import Turn
from conformance.parsing.websocket import BINARY, CLOSE, PING, frame, read
from conformance.rules.rsp.websocket_example import answered, messages
from conformance.testbed.server.virtual_time import IN_VIRTUAL_TIME
from conformance.transport.client import Limits, exchange_once

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.parametrize("anyio_backend", [("asyncio", IN_VIRTUAL_TIME)], ids=["virtual-time"]),
]

HEAD = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: OACtaThkj+GWp4zORarYhh4YDMQ=\r\n\r\n"
)
HEADERS = {
    "connection": "Upgrade",
    "upgrade": "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": "dGhlLWxhbXBzLWFyZS1ncg==",
    "authorization": "Bearer {key}",
}
FIRST = Turn(event=b'{"type":"response.create","input":"Hi"}')
NEXT = Turn(event=b'{"type":"response.create","input":"And?"}', continues=0)
LIMITS = Limits(timeout_s=20.0, silence_s=5.0, post_response_s=0.1, post_error_s=0.2)


@pytest.fixture
def unix_socket():
    with TemporaryDirectory() as folder:
        yield f"{folder}/server"


@pytest.fixture
def converse(wire, unix_socket):
    """Send turns to a server that accepts the handshake, and handles the connection then."""

    async def send(handle, *turns, limits=LIMITS):
        async def handled(reader, writer):
            writer.write(HEAD)
            await handle(reader, writer)

        async with wire.serving(handled, unix_socket=unix_socket) as server:
            asked = wire.request_to(server.url(), method="GET", body=b"", **HEADERS)
            request = msgspec.structs.replace(asked, turns=turns or (FIRST, NEXT))
            return await exchange_once(request, wire.key, limits, unix_socket=unix_socket)

    return send


async def received(reader, socket):
    """The next event of the client that is not about its connection."""
    while True:
        for event in socket.events():
            if isinstance(event, TextMessage | Pong):
                return event
        socket.receive_data(await reader.read(65_536) or None)


def playing(*answers, then="close"):
    """Answer each message with the bytes that come next; then close, or hold the connection."""

    async def handle(reader, writer):
        socket = Connection(ConnectionType.SERVER)
        for answer in answers:
            await received(reader, socket)
            writer.write(answer)
            await writer.drain()
        if then == "hold":
            await reader.read()

    return handle


def sent_events(x):
    """The events that the harness sent."""
    return [json.loads(message.data) for message in read(x.sent, x.sent.index(b"\r\n\r\n") + 4, "sent").messages]


async def test_each_turn_is_sent_when_the_one_before_is_over_and_all_bytes_are_recorded(converse, wire):
    first, second = b"".join(answered("resp_7")), b"".join(answered("resp_8"))
    x = await converse(playing(first, second, then="hold"))
    assert x.received.startswith(HEAD + first + second)
    assert sent_events(x) == [json.loads(FIRST.event), json.loads(NEXT.event) | {"previous_response_id": "resp_7"}]
    assert read(x.sent, x.sent.index(b"\r\n\r\n") + 4, "sent").is_closed
    assert x.ending.phase == "after"
    assert wire.key.encode() not in x.sent
    assert sum(arrival.length for arrival in x.arrivals) == len(x.received)


async def test_what_would_continue_a_response_without_an_id_is_not_sent(converse):
    x = await converse(playing(b"".join(messages({"type": "response.completed", "response": {}})), then="hold"))
    assert len(sent_events(x)) == 1
    assert x.ending.phase == "after"


async def test_the_last_of_several_pings_is_returned(converse):
    pongs = []

    async def handle(reader, writer):
        socket = Connection(ConnectionType.SERVER)
        await received(reader, socket)
        writer.write(frame(b"one", PING) + frame(b"two", PING))
        pongs.append(await received(reader, socket))
        writer.write(b"".join(answered()))
        await reader.read()

    assert (await converse(handle, FIRST)).ending.phase == "after"
    assert [pong.payload for pong in pongs] == [b"two"]


async def test_what_gets_no_answer_in_time_is_given_up_and_the_connection_closed(converse):
    x = await converse(playing(b"", then="hold"), msgspec.structs.replace(FIRST, patience_s=1.0))
    assert (x.ending.phase, x.is_lost) == ("after", False)
    assert x.ending.at_ns < 2e9
    assert read(x.sent, x.sent.index(b"\r\n\r\n") + 4, "sent").is_closed


async def test_each_turn_has_the_time_of_an_exchange_and_silence_ends_it(converse):
    async def slow(reader, writer):
        for name in ("resp_1", "resp_2"):
            await reader.read(1000)
            await asyncio.sleep(15)
            writer.write(b"".join(answered(name)))
        await reader.read()

    assert (await converse(slow)).ending.phase == "after"
    x = await converse(playing(b"".join(answered()[:2]), then="hold"))
    assert (x.ending.how, x.ending.phase, x.ending.detail) == ("timeout", "body", "silent for 5 s")
    late = await converse(playing(b"".join(answered()), b"", then="hold"))
    assert late.ending.detail == "the turn was not complete within 20 s"


async def test_a_target_may_close_between_two_turns(converse):
    x = await converse(playing(b"".join(answered()) + frame((1000).to_bytes(2), CLOSE)))
    assert (x.ending.phase, x.is_lost) == ("after", False)
    bare = await converse(playing(b"".join(answered())))
    assert bare.is_lost is False


@pytest.mark.parametrize(
    ("answer", "detail"),
    [
        (b"", "the target closed the connection before turn 1 was over"),
        (b"".join(answered()[:2]), "the target closed the connection before turn 1 was over"),
        (
            answered()[0] + frame((1011).to_bytes(2) + b"out of memory", CLOSE),
            "the target closed the WebSocket (code 1011, out of memory) before turn 1 was over",
        ),
        (
            frame(b"{}", mask=b"abcd"),
            "the target sent an invalid WebSocket frame (client received unexpected masked frame)",
        ),
        (b"HTTP/1.1 200 OK\r\n\r\n" + bytes(200), "the target sent an invalid WebSocket frame"),
        (frame(b"\xff"), "the target sent an invalid WebSocket frame"),
    ],
)
async def test_a_turn_that_is_cut_says_how(converse, answer, detail):
    x = await converse(playing(answer))
    assert (x.ending.phase, x.is_lost) == ("body", True)
    assert detail in x.ending.detail


async def forever(reader, writer, piece):
    while True:
        writer.write(piece)
        await writer.drain()


@pytest.mark.parametrize(
    ("piece", "limit"),
    [
        (frame(b"", PING) * 1000, "the response has 2000 events or more"),
        (frame(b"{}") * 1000, "the response has 2000 events or more"),
        (frame(b"x" * 100_000, is_final=False), "bytes or more"),
        (b"\x81\x7f" + (2**62).to_bytes(8) + b"x" * 100_000, "bytes or more"),
        (frame(b"x" * 100_000, BINARY), "bytes or more"),
    ],
    ids=["pings", "events", "fragments", "length", "binary"],
)
async def test_an_endless_answer_ends_at_a_limit(converse, piece, limit):
    limits = msgspec.structs.replace(LIMITS, max_blocks=2000, max_bytes=300_000)
    x = await converse(lambda reader, writer: forever(reader, writer, piece), limits=limits)
    assert x.ending.how == "limit"
    assert limit in x.ending.detail
    assert len(x.received) <= limits.max_bytes


async def test_a_rejected_handshake_is_an_exchange_like_others(wire, unix_socket):
    async with wire.serving(
        wire.writing(b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}"), unix_socket=unix_socket
    ) as server:
        asked = wire.request_to(server.url(), method="GET", body=b"", **HEADERS)
        request = msgspec.structs.replace(asked, turns=(FIRST,))
        x = await exchange_once(request, wire.key, LIMITS, unix_socket=unix_socket)
    assert x.received.endswith(b"{}")
    assert sent_events(x) == []
    assert x.ending.phase == "after"


async def test_a_key_that_fragments_split_is_masked(converse, wire):
    key = wire.key.encode()
    parts = frame(b'{"key": "' + key[:7], is_final=False), frame(b"?", PING), frame(key[7:] + b'"}', 0)
    x = await converse(playing(b"".join(parts) + b"".join(answered()), then="hold"), FIRST)
    assert read(x.received, len(HEAD)).messages[0].data == b'{"key": "' + b"*" * len(key) + b'"}'
    assert x.masked
