import json
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.model.turn import TurnsSeen
from conformance.parsing import websocket
from conformance.parsing.http1 import reply
from conformance.parsing.sse import payloads, span, stream
from conformance.parsing.websocket import BINARY, CLOSE, CONTINUATION, PING, by_turn, frame, read
from conformance.rules.rsp.websocket_example import conversation, create, one_turn

MASK = b"\x0f\xf0\x55\xaa"
CREATED = {"type": "response.created", "response": {"id": "resp_1"}}
COMPLETED = {"type": "response.completed", "response": {"id": "resp_1"}}
FAILED = {"type": "response.failed", "response": {"id": "resp_1"}}
ERROR = {"type": "error", "error": {"code": "x"}}


def faults(*frames):
    return [fault.what for fault in read(b"".join(frames), 0).faults]


@pytest.mark.parametrize("length", [0, 1, 125, 126, 65_535, 65_536])
@pytest.mark.parametrize("mask", [b"", MASK])
def test_a_frame_is_read_as_it_was_written(length, mask):
    data = bytes(number % 251 for number in range(length))
    found = read(b"head" + frame(data, BINARY, mask=mask), 4, "sent" if mask else "received")
    assert [(message.is_text, message.data) for message in found.messages] == [(False, data)]
    assert (found.faults, found.unfinished) == ((), None)


def test_a_fragmented_message_is_one_message_with_pings_between_its_frames():
    parts = frame("ä".encode()[:1], is_final=False), frame(b"?", PING), frame("ä".encode()[1:], CONTINUATION)
    found = read(b"".join(parts), 0)
    assert [message.data.decode() for message in found.messages] == ["ä"]
    assert found.faults == ()


@pytest.mark.parametrize(
    ("frames", "what"),
    [
        ([frame(b"{}", mask=MASK)], "a frame of the server is masked"),
        ([frame(b"{}", reserved=1)], "a reserved bit is set, and no extension was agreed on"),
        ([frame(b"", 5)], "a frame has the unknown opcode 5"),
        ([frame(b"", PING, is_final=False)], "a control frame is fragmented"),
        ([frame(b"x" * 126, PING)], "a control frame has a payload of 126 bytes"),
        ([b"\x81\x7f" + (2).to_bytes(8) + b"{}"], "the length 2 is sent in 8 bytes, more than it needs"),
        ([frame(b"{}", CONTINUATION)], "a continuation frame continues no message"),
        ([frame(b"{", is_final=False), frame(b"{}")], "a message begins within another, fragmented one"),
        ([frame(b"\xff")], "a text message is not UTF-8"),
    ],
)
def test_each_violation_is_reported_once_with_its_bytes(frames, what):
    assert faults(*frames, frame(b"{}")) == [what]
    assert read(b"".join(frames), 0).faults[0].span.end <= sum(map(len, frames))


def test_binary_messages_need_not_be_utf8():
    assert faults(frame(b"\xff", BINARY)) == []


@pytest.mark.parametrize("claimed", [126, 2**16, 2**62, 2**64 - 1])
def test_a_length_that_is_not_met_leaves_the_frame_unfinished(claimed):
    size = b"\x7e" + claimed.to_bytes(2) if claimed < 2**16 else b"\x7f" + claimed.to_bytes(8)
    found = read(frame(b"{}") + b"\x81" + size + b"{}", 0)
    assert len(found.messages) == 1
    assert found.unfinished.start == len(frame(b"{}"))


def test_nothing_is_read_after_a_close_frame():
    found = read(frame(b"", CLOSE) + frame(b"{}"), 0)
    assert (found.messages, found.is_closed, found.unfinished) == ((), True, None)


def test_the_frames_that_are_read_are_bounded(monkeypatch):
    monkeypatch.setattr(websocket, "MOST_FRAMES", 3)
    assert not read(frame(b"") * 3, 0).is_too_much
    assert read(frame(b"") * 4, 0).is_too_much


@given(st.binary(max_size=300), st.sampled_from(["sent", "received"]))
def test_any_bytes_can_be_read_and_each_message_is_within_them(data, side):
    found = read(data, 0, side)
    for message in found.messages:
        starts = [one.start for one in message.frames]
        assert 0 <= starts[0] <= starts[-1] < message.frames[-1].end <= len(data)
    assert all(fault.span.end <= len(data) for fault in found.faults)
    by_turn(found)


@pytest.mark.parametrize(
    ("events", "turns"),
    [
        ([CREATED, COMPLETED, CREATED, COMPLETED], [0, 0, 1, 1]),
        ([CREATED, ERROR, FAILED, CREATED, COMPLETED], [0, 0, 0, 1, 1]),
        ([ERROR, FAILED, CREATED, FAILED], [0, 0, 1, 1]),
        ([FAILED, FAILED], [0, 1]),
        ([COMPLETED, None, "[DONE]", COMPLETED], [0, 0, 0, 1]),
        ([None, COMPLETED], [0, 0]),
        ([{"error": {"code": "x"}}, COMPLETED], [0, 1]),
        ([{"type": "response.created", "error": None}, COMPLETED, {"type": "acme"}, CREATED], [0, 0, 0, 1]),
        ([{"type": "acme"}, CREATED, {"type": "acme"}, COMPLETED], [0, 0, 0, 0]),
    ],
)
def test_events_belong_to_the_turn_that_they_begin_or_end(events, turns):
    seen = TurnsSeen()
    assert [seen.take(event) for event in events] == turns


def test_the_vendor_s_own_events_before_a_response_are_not_the_first_of_it():
    own = frame(b'{"type": "acme:session"}')
    x = one_turn("first", (create(), [own, *(frame(json.dumps(event).encode()) for event in (CREATED, COMPLETED))]))
    assert payloads(x) == (CREATED, COMPLETED)


@pytest.mark.parametrize("name", ["", 7, None, "x" * 201, "a\nb", "ä"])
def test_an_id_that_no_client_can_send_back_is_not_used(name):
    seen = TurnsSeen()
    seen.take({"type": "response.completed", "response": {"id": name}})
    assert seen.ids == [""]


def test_a_turn_reads_as_a_stream_whose_events_point_at_their_own_bytes():
    pretty = json.dumps(CREATED, indent=2).replace("\n", "\r\n").encode()
    parts = [frame(pretty[:30], is_final=False), frame(b"", PING), frame(pretty[30:], CONTINUATION)]
    second = [frame(json.dumps(COMPLETED).encode())]
    x = one_turn("second", (create(), second), (create(input="Two"), [*parts, *second]))
    assert reply(x).status == 200
    assert reply(x).complete
    assert payloads(x) == (CREATED, COMPLETED)
    first, last = (span(x, event) for event in stream(x).dispatched)
    assert x.received[first.start : first.end].startswith(parts[0][:2])
    assert b"".join(parts).endswith(x.received[first.start : first.end][-30:])
    assert x.received[last.start : last.end] == second[0]


def test_an_event_has_arrived_when_its_last_byte_has():
    answers = [frame(json.dumps(event).encode()) for event in (CREATED, COMPLETED)]
    x = conversation((create(), answers))
    head = len(x.received) - sum(map(len, answers))
    reads = [head, *map(len, answers)]
    times = [type(x.arrivals[0])(at, length) for at, length in zip(accumulate([1, 10, 10]), reads, strict=True)]
    view = type(x)(id="x", case=x.case, sent=x.sent, received=x.received, arrivals=tuple(times), turn=0)
    assert [reply(view).at_ns(event.end) for event in stream(view).dispatched] == [11, 21]
