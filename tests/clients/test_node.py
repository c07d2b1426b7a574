"""Differences of fetch and the Node SDKs from Python's."""

import json

import pytest
from client_replies import (
    CALL_START,
    GOOD,
    GROWN,
    SAID,
    called,
    chunk,
    chunked,
    http,
    received,
    stream,
    streamed,
    whole,
)

from conformance.clients import CLIENTS, impact
from conformance.clients.javascript import parse_json, shown
from conformance.clients.node import messages, no_response
from conformance.clients.turn import ClientError
from conformance.model.target import Prices

BY_NAME = {client.name: client for clients in CLIENTS.values() for client in clients}
JSON = ("content-type", "application/json")


def fate(name, x):
    seen = impact(BY_NAME[name], x, None, Prices())
    return seen.outcome, seen.requests


def of(body, **how):
    return received("chat", "stream", chunked(body, **how))


def test_a_bom_is_taken_off_and_bad_bytes_are_replaced():
    assert [e.data for e in messages(of(b"\xef\xbb\xbfdata: 1\n\ndata: \xff\n\n")).events] == [
        "1",
        "\N{REPLACEMENT CHARACTER}",
    ]
    whole_text = json.dumps(whole("chat")).encode()
    x = received("chat", "unary", http(200, (JSON,), b"\xef\xbb\xbf" + whole_text))
    assert fate("openai-node 6.49", x) == ("text", 1)


def test_ids_and_retries_are_no_events_but_a_name_alone_is():
    assert messages(of(b"id: 1\n\nretry: 5\n\n")).events == ()
    assert [(e.name, e.data) for e in messages(of(b"event: x\n\n")).events] == [("x", "")]


@pytest.mark.parametrize("text", ["NaN", "Infinity", "{oops", ""])
def test_json_is_what_json_parse_takes_for_it(text):
    assert isinstance(parse_json(text), ClientError)


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\ncontent-length: 2\n\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx: " + b"a" * 17_000 + b"\r\ncontent-length: 2\r\n\r\n",
    ],
)
def test_fetch_refuses_heads_that_httpx_takes(head):
    x = received("chat", "unary", head + b"{}")
    assert no_response(x)
    assert fate("openai-node 6.49", x) == ("exception", 3)


def test_a_blank_before_a_colon_only_makes_another_header_of_it():
    body = json.dumps(whole("chat")).encode()
    x = received("chat", "unary", http(200, (("content-type ", "application/json"),), body))
    assert no_response(x) is None
    assert fate("AI SDK 6 (openai-compatible)", x) == ("text", 1)


def test_the_ai_sdk_reads_on_after_a_chunk_that_it_refuses_and_after_the_end():
    odd = ("", chunk({"content": "x"})[1] | {"choices": None})
    x = streamed("chat", [*GOOD["chat"][:3], odd, *GOOD["chat"][3:]])
    assert fate("AI SDK 6 (openai)", x) == ("partial_text+exception", 1)
    assert fate("AI SDK 6 (openai)", streamed("chat", [*GOOD["chat"], SAID[0]])) == ("text+", 1)


@pytest.mark.parametrize(
    ("error", "requests"),
    [
        ({"message": "no", "type": "server_error", "code": "upstream_error"}, 3),
        ({"message": "no", "code": 503}, 3),
        ({"message": "no", "type": "rate_limit_error"}, 3),
        ({"message": "no", "code": "insufficient_quota"}, 1),
        ({"message": "no", "type": "invalid_request_error"}, 1),
        ({"message": "no", "code": "404"}, 1),
    ],
)
def test_an_error_before_any_output_is_worth_another_try_by_the_status_that_it_stands_for(error, requests):
    x = streamed("chat", [("", {"error": error})])
    assert fate("AI SDK 6 (openai)", x) == ("exception", requests)
    assert fate("AI SDK 6 (openai-compatible)", x) == ("exception", 1)


def test_a_connection_lost_before_any_output_is_tried_again_and_a_broken_chunk_is_not():
    assert fate("AI SDK 6 (openai)", of(b": hi\n", ended=False)) == ("exception", 3)
    broken = http(
        200, (("content-type", "text/event-stream"), ("transfer-encoding", "chunked")), b"zz\r\n", length=False
    )
    assert fate("AI SDK 6 (openai)", received("chat", "stream", broken)) == ("exception", 1)


def test_the_helper_builds_its_choices_by_index():
    def shifted(to):
        changed = [
            (n, v | {"choices": [v["choices"][0] | {"index": to}]} if isinstance(v, dict) else v)
            for n, v in GOOD["chat"]
        ]
        return streamed("chat", changed)

    assert fate("openai-node 6.49 (stream helper)", shifted(0)) == ("text", 1)
    assert fate("openai-node 6.49 (stream helper)", shifted(1)) == ("partial_text+exception", 1)
    assert fate("openai-node 6.49", shifted(1)) == ("text", 1)


def test_a_content_that_is_no_text_is_no_answer():
    x = of(stream([chunk({"role": "assistant", "content": [{"type": "text", "text": "Hi"}]}), *GOOD["chat"][-2:]]))
    assert fate("openai-node 6.49", x) == ("partial_text", 1)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1.0", "1"),
        ("1e400", "Infinity"),
        ("-1e30", "-1e+30"),
        ("123456789012345678901", "123456789012345680000"),
        ("1.5e-7", "1.5e-7"),
        ("0.000001", "0.000001"),
        ("[1,null,[true]]", "1,,true"),
        ("[[],[1,[2]],3]", ",1,2,3"),
        ("{}", "[object Object]"),
    ],
)
def test_a_value_becomes_the_text_that_javascript_makes_of_it(text, said):
    assert shown(parse_json(text)) == said


def test_the_announced_end_of_the_connection_ends_a_chunked_body():
    body, announced = stream(GOOD["chat"][:3]), ("connection", "close")
    assert fate("openai-node 6.49", of(body, ended=False)) == ("partial_text+exception", 1)
    assert fate("openai-node 6.49", of(body, ended=False, headers=(announced,))) == ("partial_text", 1)


def test_a_status_without_a_body_has_no_stream():
    x = received("chat", "stream", http(204, (), b"", length=False))
    assert fate("openai-node 6.49", x) == ("exception", 1)
    assert fate("AI SDK 6 (openai)", x) == ("exception", 1)


def test_an_empty_error_object_is_true_in_javascript():
    x = streamed("chat", [*GOOD["chat"][:-1], ("", {"choices": [], "error": {}}), GOOD["chat"][-1]])
    assert fate("openai-node 6.49", x) == ("partial_text+exception", 1)


@pytest.mark.parametrize(("finish", "outcome"), [("tool_calls", "tool_ok"), ("length", "empty_silent")])
def test_the_ai_sdk_executes_tools_only_after_some_finish_reasons(finish, outcome):
    assert fate("AI SDK 6 (openai)", called({"index": 0} | CALL_START, *GROWN, finish=finish)("chat")) == (outcome, 1)


def test_a_hole_between_tool_calls_breaks_the_helper():
    x = called({"index": 1} | CALL_START, *({**part, "index": 1} for part in GROWN))("chat")
    assert fate("openai-node 6.49 (stream helper)", x) == ("exception", 1)
    assert fate("openai-node 6.49", x) == ("tool_ok", 1)


SEVEN, SEVEN_HELPER = "openai-node 7.59", "openai-node 7.59 (stream helper)"


def test_node_22_reports_a_chunked_body_without_its_last_chunk_even_where_the_connection_was_to_end():
    x = of(stream(GOOD["chat"][:3]), ended=False, headers=(("connection", "close"),))
    assert fate(SEVEN, x) == ("partial_text+exception", 1)
    assert fate("AI SDK 7 (openai)", x) == ("partial_text+exception", 1)
    assert fate("AI SDK 6 (openai)", x) == ("partial_text", 1)


def with_choice(choice):
    return streamed("chat", [*GOOD["chat"][:3], ("", {"choices": [choice]}), *GOOD["chat"][3:]])


def test_openai_node_7_copies_each_choice_so_that_null_fails_and_a_text_does_not():
    assert fate(SEVEN, with_choice(None)) == ("partial_text+exception", 1)
    assert fate(SEVEN, with_choice("text")) == ("text", 1)


@pytest.mark.parametrize("index", [None, "0", -1, 0.5, 128, True])
def test_the_helper_of_openai_node_7_requires_an_index(index):
    assert fate(SEVEN_HELPER, with_choice({"index": index, "delta": {}})) == ("partial_text+exception", 1)


def test_the_helper_of_openai_node_7_takes_a_call_of_any_type():
    x = called({"index": 0} | CALL_START | {"type": "tool"}, *GROWN)("chat")
    assert fate(SEVEN_HELPER, x) == ("tool_ok", 1)
    assert fate("openai-node 6.49 (stream helper)", x) == ("exception", 1)
    assert fate(SEVEN_HELPER, called({"index": 128} | CALL_START)("chat")) == ("exception", 1)


def test_the_helper_of_openai_node_7_shows_a_number_as_content():
    assert fate(SEVEN_HELPER, with_choice({"index": 0, "delta": {"content": 0}})) == ("partial_text", 1)


@pytest.mark.parametrize("logprobs", [{"content": 7}, {"content": 0}])
def test_the_helper_of_openai_node_7_copies_log_probabilities(logprobs):
    again = {"index": 0, "delta": {}, "logprobs": {"content": [{}]}}
    x = streamed(
        "chat", [*GOOD["chat"][:2], *(("", {"choices": [c]}) for c in (again | {"logprobs": logprobs}, again))]
    )
    assert fate(SEVEN_HELPER, x) == ("partial_text+exception", 1)
