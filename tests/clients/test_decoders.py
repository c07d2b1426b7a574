"""The decoders deviate from the specification where the SDKs do, and never raise."""

import json
from typing import get_args

import pytest
from client_replies import (
    GOOD,
    NO_TEXT,
    WORDS,
    answered,
    chunk,
    chunked,
    cut,
    http,
    received,
    reply_to,
    stream,
    streamed,
    whole,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.clients import CLIENTS, affected_clients, impact
from conformance.clients.openai_python import read_3
from conformance.clients.sdk import messages, sdk_requests
from conformance.model.impact import Outcome
from conformance.model.target import Prices
from conformance.model.words import CONVERSATIONAL, MODES
from conformance.rules.example import exchange

OUTCOMES = get_args(Outcome)
EVERY = [client for clients in CLIENTS.values() for client in clients]
BY_NAME = {client.name: client for client in EVERY}
PRICES = Prices(input=1.0, output=2.0)
ERROR = {"error": {"message": "no", "type": "x", "param": None, "code": None}}


def of(body, **how):
    return received("chat", "stream", chunked(body, **how))


def requests(name, x, fallback=None):
    seen = impact(BY_NAME[name], x, fallback, Prices())
    return seen.outcome, seen.requests


def test_a_bom_costs_the_first_line():
    assert [e.data for e in messages(of(b"\xef\xbb\xbfdata: 1\n\ndata: 2\n\n")).events] == ["2"]


def test_a_retry_field_alone_is_an_event_without_data_and_breaks_the_stream():
    x = of(b"retry: 3000\n\n" + stream(GOOD["chat"]))
    assert read_3(x).error.kind == "json"
    assert requests("LangGraph 1.2", x) == ("exception", 1)
    assert requests("hermes 0.19", x) == ("exception", 3)


def test_an_id_is_never_forgotten_so_that_a_comment_becomes_an_event():
    assert [e.data for e in messages(of(b"id: 1\ndata: a\n\n: still there\n\n")).events] == ["a", ""]
    assert [e.data for e in messages(of(b"id: 1\ndata: a\n\nid\n: still there\n\n")).events] == ["a"]


def test_the_end_marker_may_go_on_and_an_unfinished_event_is_dropped():
    assert read_3(of(stream(GOOD["chat"][:-1]) + b"data: [DONE], really\n\n")).ended
    assert messages(of(b"data: 1\n\ndata: 2\n")).events == messages(of(b"data: 1\n\n")).events


def test_bytes_that_are_not_utf8_end_a_stream():
    x = of(b'data: {"x": "\xff"}\n\n')
    assert read_3(x).error.kind == "unicode"
    assert requests("hermes 0.19", x) == ("exception", 1)


def test_a_held_connection_hangs_only_those_who_read_to_the_end():
    for name, api in (("openai-python 3.54", "chat"), ("Letta 0.16", "chat"), ("Claude SDK 2.12", "messages")):
        outcome, sent = requests(name, reply_to(api, "stream", "text", "done_then_hold"))
        assert (outcome, sent) == ("hang" if api == "messages" else "text", 1)


def test_a_stream_without_end_hangs_everybody_once():
    x = received("chat", "stream", chunked(stream(GOOD["chat"][:3]), ended=False), "limit")
    assert {(seen.outcome, seen.requests) for seen in affected_clients(x, None, PRICES)} == {("hang", 1)}


def test_a_whole_reply_that_breaks_off_is_asked_for_again():
    raw = http(200, (("content-type", "application/json"), ("content-length", "900")), b'{"id"', length=False)
    x = received("chat", "unary", raw)
    assert sdk_requests(x) == 3
    assert requests("hermes 0.19", x) == ("exception", 6)


def test_a_long_retry_after_ends_the_retries_of_openai_python_3_only():
    raw = http(429, (("content-type", "application/json"), ("retry-after", "121")), json.dumps(ERROR).encode())
    x = received("chat", "stream", raw)
    assert requests("openai-python 3.54", x) == ("exception", 1)
    assert requests("openai-python 2.24", x) == ("exception", 3)


@pytest.mark.parametrize(("value", "sent"), [("false", 1), ("true", 3), ("False", 3), ("0", 3)])
def test_the_header_against_retries_has_two_exact_values(value, sent):
    x = received("chat", "stream", http(500, (("x-should-retry", value),), b"{}"))
    assert sdk_requests(x) == sent


def test_an_interrupted_recording_hurts_nobody():
    assert affected_clients(received("chat", "stream", b"", "interrupted"), None, PRICES) == ()


@pytest.mark.parametrize(
    ("body", "fate"),
    [
        (stream([chunk({"reasoning_content": "Well."}), chunk({}, "stop")]), ("empty_silent", 6)),
        (stream([chunk({"content": "<think>well</think>"}), chunk({}, "stop")]), ("empty_silent", 6)),
        (stream([chunk({"content": "Half of"}), chunk({}, "length"), ("", "[DONE]")]), ("text+", 4)),
        (b'data: {"error": {"message": "Network connection lost."}}\n\n', ("exception", 9)),
        (b"data: [1]\n\n", ("exception", 3)),
    ],
)
def test_hermes_0_19_on_what_it_was_also_run_with(body, fate):
    assert requests("hermes 0.19", of(body)) == fate


def test_hermes_0_19_sends_eighteen_requests_where_the_stream_breaks_before_any_text():
    x = of(b": hi\n", ended=False)
    assert requests("hermes 0.19", x) == ("exception", 18)


@pytest.mark.parametrize(("finish", "sent"), [("tool_calls", 5), (None, 4)])
def test_hermes_0_19_asks_again_for_arguments_that_are_no_json(finish, sent):
    call = {"index": 0, "id": "c", "type": "function", "function": {"name": "todo", "arguments": '{"todos": @@'}}
    x = streamed("chat", [chunk({"tool_calls": [call]}), chunk({}, finish), ("", "[DONE]")])
    assert requests("hermes 0.19", x) == ("tool_bad", sent)


def test_a_tool_name_that_comes_again_doubles_where_clients_join_names():
    parts = [
        {"index": 0, "id": "c", "type": "function", "function": {"name": "todo", "arguments": part}}
        for part in ("{", "}")
    ]
    x = streamed("chat", [NO_TEXT, *(chunk({"tool_calls": [part]}) for part in parts), chunk({}, "tool_calls")])
    joining = ("LangGraph 1.2", "Letta 0.16", "Pydantic AI 2.68", "openai-python 3.54 (stream helper)")
    asked = (*joining, "hermes 0.19", "openai-python 3.54")
    names = {client.name: client.simulate(x, None).turn.tools[0].name for client in EVERY if client.name in asked}
    assert {names[name] for name in joining} == {"todotodo"}
    assert names["hermes 0.19"] == names["openai-python 3.54"] == "todo"


@pytest.mark.parametrize(
    ("later", "outcome"),
    [
        ({}, "tool_ok"),
        ({"type": "function"}, "tool_ok"),
        ({"id": None}, "tool_ok"),
        ({"type": None}, "exception"),
        ({"type": ""}, "exception"),
    ],
)
def test_a_call_that_loses_its_type_breaks_the_stream_helper_of_openai_python(later, outcome):
    """As run with openai-python 3.54 and 3.57."""
    first = {"index": 0, "id": "c", "type": "function", "function": {"name": "todo", "arguments": ""}}
    parts = [first, {"index": 0, "function": {"arguments": "{}"}} | later]
    x = streamed("chat", [NO_TEXT, *(chunk({"tool_calls": [part]}) for part in parts), chunk({}, "tool_calls")])
    assert requests("openai-python 3.54 (stream helper)", x) == (outcome, 1)
    assert requests("openai-python 3.54", x) == ("tool_ok", 1)


def test_the_text_is_what_was_said():
    assert read_3(streamed("chat", GOOD["chat"])).text == "".join(WORDS)
    assert read_3(answered("chat", "unary", whole("chat"))).text == "".join(WORDS)
    assert read_3(cut("chat", half=True)).text == "".join(WORDS[:3])


KEYS = ["choices", "delta", "message", "content", "tool_calls", "function", "name", "arguments", "index", "id", "usage"]
KEYS += ["finish_reason", "error", "type", "content_block", "role", "text", "partial_json", "stop_reason", "input"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=12,
)
KINDS = [
    "message_start",
    "content_block_start",
    "content_block_delta",
    "message_delta",
    "content_block_stop",
    "error",
    "",
    "response.created",
    "response.output_text.delta",
    "response.output_item.done",
    "response.completed",
    "response.failed",
]


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(KINDS), JSON), max_size=5),
    st.sampled_from(CONVERSATIONAL),
    st.sampled_from(MODES),
)
def test_no_json_makes_a_client_raise(events, api, mode):
    bodies = [({"type": kind} | value if isinstance(value, dict) else value) for kind, value in events]
    body = b"".join(
        f"event: {kind}\ndata: {json.dumps(value)}\n\n".encode()
        for (kind, _), value in zip(events, bodies, strict=True)
    )
    for raw in (chunked(body), http(200, (), json.dumps(bodies[0] if bodies else None).encode())):
        x = received(api, mode, raw)
        seen = [impact(client, x, x if mode == "unary" else None, PRICES) for client in EVERY if client.api == api]
        assert seen
        assert all(one.requests >= 1 and one.outcome in OUTCOMES for one in seen)


@settings(deadline=None)
@given(st.binary(max_size=300), st.sampled_from(CONVERSATIONAL), st.sampled_from(MODES))
def test_no_bytes_make_a_client_raise(raw, api, mode):
    for given_bytes in (raw, b"HTTP/1.1 200 OK\r\n\r\n" + raw, b"HTTP/1.1 500 no\r\n" + raw):
        x = exchange(given_bytes, mode=mode, probe=f"{api}.hello")
        assert all(seen.requests >= 1 for seen in affected_clients(x, x, PRICES))


@pytest.mark.parametrize("value", [b"[" * 100_000, b"9" * 5000, b'"\\ud800"', b"NaN", b'{"a":' * 50_000])
def test_json_at_the_bounds_makes_no_client_raise(value):
    for raw in (chunked(b"data: " + value + b"\n\n"), http(200, (), value), http(501, (), value)):
        for mode in MODES:
            for api in CONVERSATIONAL:
                for seen in affected_clients(received(api, mode, raw), None, PRICES):
                    assert seen.outcome in OUTCOMES
                    assert (seen.detail + seen.error).encode().decode() == seen.detail + seen.error


def test_json_that_is_nested_deeply_makes_no_client_raise():
    nested = "[" * 900 + "]" * 900
    block = f'{{"type":"text","text":"hi","x":{nested}}}'
    message = f'{{"role":"assistant","content":[{block}],"x":{nested}}}'
    choices, output = f'[{{"index":0,"message":{message}}}]', f'[{{"type":"message","content":[{block}]}}]'
    value = f'{{"type":"message","choices":{choices},"content":[{block}],"output":{output}}}'.encode()
    for raw in (chunked(b"event: message\ndata: " + value + b"\n\n"), http(200, (), value)):
        for mode in MODES:
            for api in CONVERSATIONAL:
                assert affected_clients(received(api, mode, raw), None, PRICES)
