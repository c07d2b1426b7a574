import json
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance import catalogue
from conformance.apis.chat import answer_chunks, chat_content, chunks, fragments, has_error, parts
from conformance.apis.request import request_body
from conformance.apis.request_fields import requested_cap, requested_choices
from conformance.apis.usage import usage
from conformance.parsing.json_body import json_body
from conformance.parsing.json_values import describe_member, display, is_integer
from conformance.rules.example import HELLO, answered, chunk, error, exchange, http, streamed
from conformance.rules.example import completion as whole

FAMILIES = [rule for rule in catalogue.rules() if rule.family in ("CHK", "CMP", "TOOL", "USE")]
RULES = [rule for rule in FAMILIES if rule.parameters == ("x",)]
CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}


def fragment(index, arguments, **more):
    return chunk({"tool_calls": [{"index": index, "function": {"arguments": arguments}, **more}]})


def test_a_stream_and_a_whole_answer_read_alike():
    for x in (streamed(*HELLO), answered(whole())):
        found = chat_content(x)
        assert [(c.index, c.role, c.text, c.finish) for c in found.choices] == [
            (0, "assistant", "Hello there.", "stop")
        ]
        assert (found.ids, found.models, found.created) == (("chatcmpl-1",), ("m",), (1_760_000_000,))
        assert not found.error


def test_choices_are_distinguished_by_index():
    def of(index, text, finish=None):
        return chunk(choices=[{"index": index, "delta": {"content": text}, "finish_reason": finish}])

    found = chat_content(streamed(of(1, "b"), of(0, "a"), of(1, "B", "stop"), of(0, "A", "length"), "[DONE]"))
    assert [(c.index, c.text, c.finish) for c in found.choices] == [(0, "aA", "length"), (1, "bB", "stop")]


def test_calls_are_joined_by_index():
    x = streamed(
        chunk(
            {"tool_calls": [{"index": 0, "id": "c0", "type": "function", "function": {"name": "f", "arguments": ""}}]}
        ),
        fragment(1, "{", id="c1"),
        fragment(0, '{"a"'),
        fragment(1, "}"),
        fragment(0, ": 1}", id="", type=None),
    )
    calls = chat_content(x).choices[0].calls
    assert [(c.index, c.id, c.name, c.arguments) for c in calls] == [(0, "c0", "f", '{"a": 1}'), (1, "c1", "", "{}")]
    assert len(fragments(x)) == 5


def test_calls_without_index_are_joined_by_id():
    def of(arguments, **more):
        return chunk({"tool_calls": [{"function": {"arguments": arguments}, **more}]})

    calls = chat_content(streamed(of("{", id="a"), of("}"), of("[", id="b"), of("]"))).choices[0].calls
    assert [(c.id, c.arguments) for c in calls] == [("a", "{}"), ("b", "[]")]


def test_calls_of_a_whole_answer_stay_apart_even_with_one_id():
    found = chat_content(answered(whole({"content": None, "tool_calls": [CALL, CALL]}))).choices[0]
    assert [c.arguments for c in found.calls] == ['{"a": 1}', '{"a": 1}']
    assert not found.is_empty


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_thoughts_are_no_answer(name):
    found = chat_content(answered(whole({"content": "", name: "Hm."}))).choices[0]
    assert (found.reasoning, found.is_empty) == ("Hm.", True)


def test_what_the_reader_does_not_know_is_still_something():
    found = chat_content(answered(whole({"content": None, "audio": {"id": "a"}}))).choices[0]
    assert (found.other, found.is_empty) == (frozenset({"audio"}), False)


def test_the_answer_ends_at_the_end_marker():
    x = streamed(*HELLO, chunk({"content": " More."}))
    assert chat_content(x).choices[0].text == "Hello there."
    assert (len(chunks(x)), len(answer_chunks(x))) == (5, 4)


def test_errors_and_annotations_are_no_chunks():
    blank = chunk(id="", object="", created=0, model="", choices=[], prompt_filter_results=[])
    x = streamed(blank, HELLO[0], error("No."))
    assert len(answer_chunks(x)) == 1
    assert has_error(x)
    assert chat_content(answered(error())).error
    assert not has_error(streamed(*(c | {"error": None} for c in HELLO[:3])))


def test_parts_of_another_type_are_passed_over():
    odd = chunk(
        choices=[None, 7, {"index": "0", "delta": []}, {"index": 2.0, "delta": {"content": [{"text": "a"}, 1]}}]
    )
    x = streamed(odd)
    assert [(p.slot, p.delta) for p in parts(x)] == [(0, {}), (2, {"content": [{"text": "a"}, 1]})]
    assert chat_content(x).choices[1].text == "a"


def test_a_completion_is_read_in_whichever_mode_it_came():
    assert json_body(answered(whole(), mode="stream"))["id"] == "chatcmpl-1"
    assert json_body(streamed(*HELLO)) is None
    assert json_body(answered([1])) is None
    assert json_body(answered("no JSON")) is None


def test_the_request_is_read_from_what_was_sent():
    x = answered({}, body={"n": 2, "max_tokens": 9, "max_completion_tokens": 7.0})
    assert (request_body(x)["n"], requested_choices(x), requested_cap(x)) == (2, 2, 7)
    x = answered({}, body={"n": True, "max_tokens": "9"})
    assert (requested_choices(x), requested_cap(x)) == (1, 0)
    assert request_body(answered({}, body=[1])) == {}


def test_values_are_shown_short_and_safe():
    assert [display(v) for v in (None, True, 1.5, {}, [])] == ["null", "true", "1.5", "an object", "an array"]
    assert display("\ud800é") == r"'\ud800\xe9'"
    assert len(display("x" * 1000)) < 70
    assert (describe_member({"a": 1}, "a"), describe_member({}, "a"), describe_member(None, "a")) == (
        "a 1",
        "no a",
        "no a",
    )
    assert [is_integer(v) for v in (1, 1.0, True, 1.5, float("inf"), "1")] == [True, True, False, False, False, False]


NAMES = st.sampled_from(
    [
        "id",
        "object",
        "created",
        "model",
        "choices",
        "index",
        "delta",
        "message",
        "content",
        "role",
        "finish_reason",
        "tool_calls",
        "function",
        "name",
        "arguments",
        "usage",
        "prompt_tokens",
        "completion_tokens",
        "total_tokens",
        "prompt_tokens_details",
        "completion_tokens_details",
        "cached_tokens",
        "reasoning_tokens",
        "error",
        "type",
        "logprobs",
        "refusal",
        "reasoning_content",
        "audio",
        "response",
        "input_tokens",
    ]
)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5) | NAMES
ANYTHING = st.recursive(
    LEAVES, lambda v: st.lists(v, max_size=3) | st.dictionaries(NAMES, v, max_size=5), max_leaves=20
)
CHOICE = st.dictionaries(st.sampled_from(["index", "delta", "message", "finish_reason", "logprobs"]), ANYTHING)
LIKELY = st.builds(
    lambda choices, more: {"object": "chat.completion.chunk", "choices": choices, **more},
    st.lists(CHOICE | ANYTHING, max_size=3),
    st.dictionaries(NAMES, ANYTHING, max_size=3),
)


@given(values=st.lists(LIKELY | ANYTHING, max_size=5), request=st.none() | ANYTHING)
def test_nothing_raises_on_any_json(values, request):
    stream = streamed(*(json.dumps(v) for v in values), "[DONE]", body=request)
    one = answered(json.dumps(values[0]) if values else "", body=request)
    for x, rule in product((stream, one), RULES):
        assert chat_content(x) is not None
        usage(x)
        if x.mode in rule.modes and rule.applies_to(x) is None:
            for finding in rule.check(x):
                assert finding.seen.isprintable()


@pytest.mark.parametrize("deep", [b"[" * 100_000, b'{"choices":' * 100_000, b'{"choices":[{"delta":' * 50_000])
def test_deep_nesting_is_survived(deep):
    for x in (
        exchange(http(200, (("content-type", "text/event-stream"),), b"data: " + deep + b"\n\n")),
        exchange(http(200, (), deep), mode="unary"),
    ):
        assert chat_content(x).choices == ()
        for rule in RULES:
            if rule.applies_to(x) is None:
                list(rule.check(x))
