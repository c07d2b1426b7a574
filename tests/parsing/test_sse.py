import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.apis.ending import terminal_events
from conformance.model.exchange import Span
from conformance.parsing.json_text import NOT_JSON, fault_of, parse_json
from conformance.parsing.sse import BOM, DONE, at_ns, looks_like_events, parse, payloads, span, stream
from conformance.rules.example import SSE, exchange, http, streamed

PIECES = [b"data: a", b"data:", b"data", b"data:  b", b"event: e", b"event:", b":c", b"id: 1", b" ", b"x", BOM]
ENDS = [b"\n", b"\r", b"\r\n", b"\n\n", b"\r\r", b"\r\n\r\n"]
STREAMS = st.lists(st.sampled_from(PIECES + ENDS), max_size=14).map(b"".join)


def raw(body, probe="chat.hello"):
    return exchange(http(200, (SSE,), body), probe=probe)


def by_the_letter(content):
    """The algorithm of WHATWG HTML, 9.2.6, word for word."""
    text = content.removeprefix(BOM).replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    found, data, name = [], b"", b""
    for line in text.split(b"\n")[:-1]:
        if not line:
            if data:
                found.append((name, data.removesuffix(b"\n")))
            data, name = b"", b""
            continue
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"event":
            name = value
        elif field == b"data":
            data += value + b"\n"
    return found


@given(STREAMS)
def test_events_are_those_of_the_specification(content):
    assert [(e.name.encode(), e.data) for e in parse(content).dispatched] == by_the_letter(content)


@given(STREAMS)
def test_blocks_and_lines_cover_the_content(content):
    read = parse(content)
    assert b"".join(line.text + line.eol for line in read.lines) == content[len(BOM) if read.bom else 0 :]
    for event in read.events:
        assert content[event.start : event.end] == event.raw
        assert all(content[line.start :].startswith(line.text) for line in event.lines)
        assert [line.text for line in event.lines] == [x for x in event.raw.replace(b"\r", b"\n").split(b"\n") if x]
    assert all(a.end <= b.start for a, b in zip(read.events, read.events[1:], strict=False))


@given(st.binary(max_size=200))
def test_no_bytes_do_harm(content):
    x = raw(content)
    assert len(payloads(x)) == len(stream(x).dispatched)
    assert all(0 <= span(x, e).start <= span(x, e).end <= len(x.received) for e in stream(x).events)


def test_what_the_specification_drops_is_kept_and_marked():
    read = parse(b": note\n\nevent: lone\n\ndata: x\n\ndata: cut")
    assert [(e.has_data, e.terminated, e.dispatched) for e in read.events] == [
        (False, True, False),
        (False, True, False),
        (True, True, True),
        (True, False, False),
    ]


def test_empty_data_is_dispatched():
    assert [e.data for e in parse(b"data:\n\ndata\n\nevent: a\n\n").dispatched] == [b"", b""]


def test_lines_tell_their_field():
    (event,) = parse(b"data:  a: b\r\nnote\r\n:c\r\n\r\n").events
    assert [(line.name, line.value, line.eol) for line in event.lines] == [
        ("data", b" a: b", b"\r\n"),
        ("note", b"", b"\r\n"),
        ("", b"c", b"\r\n"),
    ]


def test_payloads_stand_beside_their_events():
    x = streamed('{"a": 1}', "[DONE]", " [DONE]", "{", '"[DONE]"', "", "null")
    assert payloads(x) == ({"a": 1}, DONE, DONE, NOT_JSON, "[DONE]", NOT_JSON, None)


@pytest.mark.parametrize(
    ("probe", "body", "marks"),
    [
        ("chat.hello", b'data: {"type": "message_stop"}\n\ndata: [DONE]\n\n', [b"[DONE]"]),
        ("messages.hello", b'data: {"type": "message_stop"}\n\ndata: [DONE]\n\n', [b'{"type": "message_stop"}']),
        (
            "responses.hello",
            b'data: {"type": "response.failed"}\n\ndata: {"type": []}\n\n',
            [b'{"type": "response.failed"}'],
        ),
    ],
)
def test_each_api_has_its_end(probe, body, marks):
    assert [event.data for event in terminal_events(raw(body, probe))] == marks


@pytest.mark.parametrize("body", [b"data: x", b":c\n", BOM + b"event: x\n", b"\n\n data:x\n", b"id:1\n\n", b"data : x"])
def test_what_looks_like_events(body):
    assert looks_like_events(raw(body))


@pytest.mark.parametrize("body", [b"", b'{"data": 1}', b"<html>data:</html>", b"Hello: there", b"data, in words"])
def test_what_does_not_look_like_events(body):
    assert not looks_like_events(raw(body))


def test_where_and_when_an_event_came():
    head = http(200, (SSE,), b"", length=False)
    x = exchange(head + b"data: 1\n\ndata: 2\n\n", arrivals=[(1, len(head)), (2, 12), (5, 6)])
    first, second = stream(x).events
    assert (span(x, second), at_ns(x, first), at_ns(x, second)) == (
        Span(len(head) + 9, len(head) + 18),
        2 * 10**6,
        5 * 10**6,
    )


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(JSON_VALUES, st.booleans())
def test_json_is_read(value, ascii_only):
    raw = json.dumps(value, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    try:
        raw.decode()
    except UnicodeDecodeError:
        assert parse_json(raw) is NOT_JSON
    else:
        assert parse_json(raw) == json.loads(raw)


@pytest.mark.parametrize("raw", [b'"\\ud800"', b"1e999", b"1" * 5000, b' {"a":1,"a":2}\r\n', b"-0", b'"\x7f"'])
def test_odd_json_is_json(raw):
    assert parse_json(raw) is not NOT_JSON
    assert fault_of(raw) == ""


@pytest.mark.parametrize(
    ("raw", "fault"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"NaN", "NaN is not a JSON value"),
        (b'{"a": -Infinity}', "-Infinity is not a JSON value"),
        (b"{} {}", "more follows the value at character 3"),
        (b"\xef\xbb\xbf{}", "at character 0"),
        (b'"\xff"', "not UTF-8 at byte 1"),
        (b'"a\nb"', "character"),
        (b"[" * 100_000, "nested too deeply"),
        (b"01", "more follows"),
        (b"[1,]", "character"),
    ],
)
def test_what_is_no_json_is_reported_why(raw, fault):
    assert parse_json(raw) is NOT_JSON
    assert fault in fault_of(raw)


def test_numbers_beyond_the_reader_are_infinite():
    assert math.isinf(parse_json(b"1e999"))
    assert math.isinf(parse_json(b"-" + b"9" * 5000))
