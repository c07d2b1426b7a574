"""One exchange: every byte, its time, and how it ended."""

import asyncio
import gzip
from itertools import pairwise

import anyio
import msgspec
import pytest

from conformance.model.exchange import NANOSECONDS_PER_MILLISECOND
from conformance.transport.client import Limits, exchange_once

pytestmark = pytest.mark.anyio

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
HELLO = OK + b"Content-Length: 5\r\n\r\nhello"


async def test_request_is_written_in_the_given_order_and_case(wire):
    async with wire.serving(wire.writing(HELLO)) as server:
        request = wire.request_to(
            server.url("/v1/x?a=1"), **{"x-B": "2", "Accept": "*/*", "aUTHorization": "Bearer {key}"}
        )
        x = await exchange_once(request, wire.key, wire.limits)
    expected = (
        f"POST /v1/x?a=1 HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nx-B: 2\r\nAccept: */*\r\n"
        f"aUTHorization: Bearer {wire.key}\r\nContent-Length: 2\r\n\r\n{{}}"
    ).encode()
    assert server.requests == [expected]
    assert x.sent == expected.replace(wire.key.encode(), b"*" * len(wire.key))


async def test_get_has_no_length_and_empty_post_has_one(wire):
    async with wire.serving(wire.writing(HELLO)) as server:
        got = await exchange_once(wire.request_to(server.url(), method="GET", body=b"", a="1"), None, wire.limits)
        posted = await exchange_once(wire.request_to(server.url(), body=b"", a="1"), None, wire.limits)
    host = f"Host: 127.0.0.1:{server.port}\r\n".encode()
    assert got.sent == b"GET /v1/x HTTP/1.1\r\n" + host + b"a: 1\r\n\r\n"
    assert posted.sent == b"POST /v1/x HTTP/1.1\r\n" + host + b"a: 1\r\nContent-Length: 0\r\n\r\n"


async def test_without_a_key_a_stand_in_is_sent(wire):
    async with wire.serving(wire.writing(HELLO)) as server:
        x = await exchange_once(wire.request_to(server.url()), None, wire.limits)
    assert b"Authorization: Bearer no-key\r\n" in x.sent == server.requests[0]


async def test_every_byte_is_received_in_order_with_rising_times(wire):
    reply = CHUNKED + b"".join(b"1\r\n%c\r\n" % c for c in b"one at a time") + b"0\r\n\r\n"
    async with wire.serving(wire.writing(*(bytes([c]) for c in reply))) as server:
        x = await exchange_once(wire.request_to(server.url()), wire.key, wire.limits)
    assert x.received == reply
    assert sum(a.length for a in x.arrivals) == len(reply)
    assert all(a.at_ns <= b.at_ns for a, b in pairwise(x.arrivals))
    assert 0 < x.sent_at_ns <= x.ending.at_ns
    assert x.arrivals[-1].at_ns <= x.ending.at_ns


async def test_late_bytes_have_late_times(wire):
    async def late(reader, writer):
        writer.write(CHUNKED + b"1\r\na\r\n")
        await asyncio.sleep(0.05)
        writer.write(b"0\r\n\r\n")

    async with wire.serving(late) as server:
        x = await exchange_once(wire.request_to(server.url()), wire.key, wire.limits)
    assert x.arrivals[-1].at_ns - x.sent_at_ns > 25 * NANOSECONDS_PER_MILLISECOND


async def test_a_kept_connection_ends_idle(wire):
    async with wire.serving(wire.writing(HELLO, then="hold")) as server:
        x = await exchange_once(wire.request_to(server.url()), wire.key, wire.limits)
    assert (x.ending.how, x.ending.phase, x.ending.detail) == ("idle", "after", "")


async def test_a_closed_connection_ends_closed(wire):
    async with wire.serving(wire.writing(HELLO)) as server:
        x = await exchange_once(
            wire.request_to(server.url()), wire.key, msgspec.structs.replace(wire.limits, post_response_s=10)
        )
    assert (x.ending.how, x.ending.phase) == ("closed", "after")


async def test_a_reply_that_ends_by_closing_is_complete(wire):
    reply = b"HTTP/1.0 200 OK\r\n\r\nhello"
    async with wire.serving(wire.writing(reply)) as server:
        x = await exchange_once(wire.request_to(server.url()), wire.key, wire.limits)
    assert (x.received, x.ending.how, x.ending.phase) == (reply, "closed", "after")


async def test_bytes_after_the_reply_are_recorded(wire):
    async with wire.serving(wire.writing(HELLO, b"data: more\n\n")) as server:
        x = await exchange_once(
            wire.request_to(server.url()), wire.key, msgspec.structs.replace(wire.limits, post_response_s=10)
        )
    assert x.received == HELLO + b"data: more\n\n"
    assert (x.ending.how, x.ending.phase) == ("closed", "after")


async def test_endless_bytes_after_the_reply_end_with_the_linger(wire):
    async def endless(reader, writer):
        writer.write(HELLO)
        while True:
            writer.write(b"more" * 8)
            await writer.drain()
            await asyncio.sleep(0.001)

    async with wire.serving(endless) as server:
        x = await exchange_once(wire.request_to(server.url()), wire.key, wire.limits)
    assert x.received.startswith(HELLO + b"more")
    assert x.ending.phase == "after"


async def test_interim_replies_are_part_of_the_record(wire):
    reply = b"HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n" + HELLO
    async with wire.serving(wire.writing(reply, then="hold")) as server:
        x = await exchange_once(wire.request_to(server.url()), wire.key, wire.limits)
    assert (x.received, x.ending.how, x.ending.phase) == (reply, "idle", "after")


async def test_closing_without_a_word(wire):
    async with wire.serving(wire.writing()) as server:
        x = await exchange_once(wire.request_to(server.url()), wire.key, wire.limits)
    assert (x.received, x.ending.how, x.ending.phase) == (b"", "closed", "first-byte")


@pytest.mark.parametrize("received", [b"", b"HTTP/1.1 2", CHUNKED + b"5\r\nhel", HELLO[:-1]])
async def test_a_reset_is_a_fact_wherever_it_happens(wire, received):
    async with wire.serving(wire.writing(received, then="reset")) as server:
        x = await exchange_once(wire.request_to(server.url()), wire.key, wire.limits)
    assert x.ending.how == "reset"
    assert x.ending.phase == ("body" if x.received else "first-byte")
    assert received.startswith(x.received)
    assert "reset" in x.ending.detail


@pytest.mark.parametrize(
    "reply", [CHUNKED + b"5\r\nhello\r\n", CHUNKED + b"5\r\nhel", HELLO[:-1], b"HTTP/1.1 200 OK\r\nA: b"]
)
async def test_an_early_close_leaves_the_reply_incomplete(wire, reply):
    async with wire.serving(wire.writing(reply)) as server:
        x = await exchange_once(wire.request_to(server.url()), wire.key, wire.limits)
    assert (x.received, x.ending.how, x.ending.phase) == (reply, "closed", "body")
    assert x.ending.detail


@pytest.mark.parametrize(
    "reply",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"data: no head at all\n\n" * 3,
        OK + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\nx",
        OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        CHUNKED + b"zz\r\nhello\r\n",
        CHUNKED + b"5\r\nhello there\r\n0\r\n\r\n",
        OK + b"bad header\r\n\r\n",
        bytes(range(256)) * 9,
    ],
)
@pytest.mark.parametrize("then", ["hold", "close"])
async def test_what_is_not_http_is_recorded_whole(wire, reply, then):
    async with wire.serving(wire.writing(reply[:9], reply[9:], b"and this", then=then)) as server:
        x = await exchange_once(wire.request_to(server.url()), wire.key, wire.limits)
    assert x.received == reply + b"and this"
    assert (x.ending.how, x.ending.phase) == ("idle" if then == "hold" else "closed", "body")
    assert 0 < len(x.ending.detail) <= 300


async def test_a_switch_of_protocols_is_recorded(wire):
    reply = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n..."
    async with wire.serving(wire.writing(reply)) as server:
        x = await exchange_once(wire.request_to(server.url()), wire.key, wire.limits)
    assert (x.received, x.ending.how) == (reply, "closed")


async def test_a_compressed_body_stays_compressed(wire):
    packed = gzip.compress(b"hello")
    reply = OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed) + packed
    async with wire.serving(wire.writing(reply)) as server:
        x = await exchange_once(wire.request_to(server.url()), wire.key, wire.limits)
    assert x.received == reply


async def test_no_redirect_is_followed(wire):
    async with wire.serving(wire.writing(HELLO)) as elsewhere:
        location = elsewhere.url("/stolen").encode()
        moved = b"HTTP/1.1 307 Go\r\nLocation: " + location + b"\r\nContent-Length: 0\r\n\r\n"
        async with wire.serving(wire.writing(moved)) as server:
            x = await exchange_once(wire.request_to(server.url()), wire.key, wire.limits)
    assert (x.received, len(server.requests), elsewhere.requests) == (moved, 1, [])


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_nothing_is_tried_twice(wire, status):
    reply = b"HTTP/1.1 %d Try again\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n" % status
    async with wire.serving(wire.writing(reply)) as server:
        await exchange_once(wire.request_to(server.url()), wire.key, wire.limits)
    assert len(server.requests) == 1


async def test_a_reply_before_the_request_was_read_is_received(wire):
    reply = b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n"
    async with wire.serving(wire.writing(reply, then="hold"), read=False) as server:
        x = await exchange_once(wire.request_to(server.url(), body=b"x" * 50_000), wire.key, wire.limits)
    assert (x.received, x.ending.how) == (reply, "idle")


async def test_cancellation_closes_the_connection_and_goes_on(wire):
    asked, left = asyncio.Event(), asyncio.Event()

    async def hold(reader, writer):
        writer.write(CHUNKED)
        asked.set()
        await reader.read()
        left.set()

    async with wire.serving(hold) as server:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(exchange_once, wire.request_to(server.url()), wire.key, Limits())
            await asked.wait()
            tasks.cancel_scope.cancel()
        assert await asyncio.wait_for(left.wait(), 10)
        assert tasks.cancel_scope.cancelled_caught


async def test_the_client_has_left_when_fetch_returns(wire):
    left = asyncio.Event()

    async def hold(reader, writer):
        writer.write(HELLO)
        await reader.read()
        left.set()

    async with wire.serving(hold) as server:
        await exchange_once(wire.request_to(server.url()), wire.key, wire.limits)
        assert await asyncio.wait_for(left.wait(), 10)


async def test_a_header_that_http_cannot_carry_is_named_but_not_repeated(wire):
    async with wire.serving(wire.writing(HELLO)) as server:
        x = await exchange_once(wire.request_to(server.url()), "sk-1234567890\n", wire.limits)
    assert (x.sent, x.ending.how, server.requests) == (b"", "unreachable", [])
    assert "Authorization" in x.ending.detail
    assert "sk-" not in x.ending.detail


@pytest.mark.parametrize("key", ["sk-\udcff-1234567", "schlüssel-1234567"])
async def test_a_key_beside_ascii_is_sent_as_the_environment_holds_it(wire, key):
    async with wire.serving(wire.writing(HELLO)) as server:
        x = await exchange_once(wire.request_to(server.url()), key, wire.limits)
    raw = key.encode("utf-8", "surrogateescape")
    assert server.requests == [x.sent.replace(b"*" * len(raw), raw)]


async def test_merged_questions_all_stay_with_the_exchange(wire):
    async with wire.serving(wire.writing(HELLO)) as server:
        one = wire.request_to(server.url())
        other = msgspec.structs.replace(one.cases[0], profile="other")
        x = await exchange_once(msgspec.structs.replace(one, cases=(*one.cases, other)), wire.key, wire.limits)
    assert (x.id, x.case, x.merged_cases) == (one.id, one.cases[0], (other,))


async def test_the_harness_hangs_up_after_so_many_events_and_says_so(wire):
    events = [CHUNKED, *(b"b\r\ndata: %02d\n\n\n\r\n" % n for n in range(3))]
    async with wire.serving(wire.writing(*events, then="hold")) as server:
        x = await exchange_once(
            msgspec.structs.replace(wire.request_to(server.url()), disconnect_after_events=2), wire.key, wire.limits
        )
    assert (x.ending.how, x.ending.phase) == ("hung-up", "body")
    assert x.received.count(b"data:") >= 2


async def test_the_harness_can_hang_up_at_once(wire):
    async with wire.serving(wire.writing(HELLO, then="hold")) as server:
        x = await exchange_once(
            msgspec.structs.replace(wire.request_to(server.url()), disconnect_after_events=0), wire.key, wire.limits
        )
    assert (x.ending.how, x.ending.phase, x.received) == ("hung-up", "first-byte", b"")


async def test_the_harness_can_hang_up_after_a_time_without_a_byte(wire):
    async with wire.serving(wire.writing(b"", then="hold")) as server:
        x = await exchange_once(
            msgspec.structs.replace(wire.request_to(server.url()), disconnect_after_s=0.05), wire.key, wire.limits
        )
    assert (x.ending.how, x.ending.phase, x.received) == ("hung-up", "first-byte", b"")
    assert x.ending.at_ns >= x.sent_at_ns + 50_000_000


async def test_the_harness_can_hang_up_after_a_time_in_the_middle_of_a_response(wire):
    async with wire.serving(wire.writing(CHUNKED, b"b\r\ndata: 00\n\n\n\r\n", then="hold")) as server:
        x = await exchange_once(
            msgspec.structs.replace(wire.request_to(server.url()), disconnect_after_events=9, disconnect_after_s=0.05),
            wire.key,
            wire.limits,
        )
    assert (x.ending.how, x.ending.phase) == ("hung-up", "body")


@pytest.mark.parametrize("leaving", [{"disconnect_after_events": 9}, {"disconnect_after_s": 0.3}])
async def test_an_answer_that_is_over_before_is_no_hang_up(wire, leaving):
    async with wire.serving(wire.writing(HELLO, then="hold")) as server:
        x = await exchange_once(
            msgspec.structs.replace(wire.request_to(server.url()), **leaving), wire.key, wire.limits
        )
    assert x.ending.how == "idle"


async def test_the_second_exchange_over_one_connection_is_recorded(wire):
    async def twice(reader, writer):
        writer.write(OK + b"Content-Length: 5\r\n\r\nfirst")
        await wire.read_request(reader)
        writer.write(OK + b"Content-Length: 6\r\n\r\nsecond")
        await reader.read()

    async with wire.serving(twice) as server:
        x = await exchange_once(
            msgspec.structs.replace(wire.request_to(server.url()), reuse_connection=True), wire.key, wire.limits
        )
    assert x.received.endswith(b"second")
    assert x.sent.count(b"POST") == 1
    assert (len(server.requests), x.ending.how) == (1, "idle")


async def test_a_connection_that_is_closed_in_between_is_opened_again(wire):
    async with wire.serving(wire.writing(OK + b"Connection: close\r\nContent-Length: 5\r\n\r\nhello")) as server:
        x = await exchange_once(
            msgspec.structs.replace(wire.request_to(server.url()), reuse_connection=True), wire.key, wire.limits
        )
    assert x.received.endswith(b"hello")
    assert len(server.requests) == 2
