"""Capabilities: what one exchange shows of one field."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.field_support.capability import effect_shown, field_result, warned
from conformance.field_support.effects import effects
from conformance.field_support.fields import field_observations
from conformance.field_support.states import WORST_FIRST, merge
from conformance.model.exchange import Ending
from conformance.model.words import MODES
from conformance.rules.example import (
    HELLO,
    JSON,
    SSE,
    answered,
    chunk,
    completion,
    error,
    exchange,
    http,
    sse,
    streamed,
)

HI = answered(completion())
CHOICE = completion()["choices"][0]
NO_STREAM = error("Streaming is not supported.", param="stream", code="streaming_not_supported")
TEMPERATURE = {"probe": "chat.wrong-type.temperature", "body": {"temperature": {}, "max_tokens": 1}}
CANARY = {"probe": "chat.unknown-field.tools.x_canary", "body": {"tools": [{"x_canary": 1}]}}


def state(x, hello=HI):
    found = told(x, hello)
    return found[1] if found else None


def told(x, hello):
    """The field and its state, without the reason."""
    found = field_result(x, hello)
    return (found[0], found[1].state) if found else None


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        (streamed(*HELLO), "honoured"),
        (answered(completion(), mode="stream"), "dropped"),
        (answered(completion(), mode="stream", headers=(JSON, ("x-ignored-params", "stream"))), "announced"),
        (answered(NO_STREAM, status=501, mode="stream"), "refused"),
        (answered(error(), status=500, mode="stream"), "unknown"),
        (exchange(b""), "unknown"),
        (streamed(error("It failed.")), "unknown"),
    ],
)
def test_stream(x, expected):
    assert told(x, x) == ("stream", expected)


def test_a_baseline_request_without_streaming_asks_about_no_field():
    assert field_result(HI, HI) is None


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        (answered(completion(), **TEMPERATURE), "dropped"),
        (answered(error("'temperature' is no number."), status=400, **TEMPERATURE), "validated"),
        (answered(error("Bad."), status=422, **TEMPERATURE), "validated"),
        (
            answered(error("max_tokens is not supported, use max_completion_tokens"), status=400, **TEMPERATURE),
            "unknown",
        ),
        (answered(error("'temperature' is not supported."), status=400, **TEMPERATURE), "refused"),
        (answered(error("temperature"), status=501, **TEMPERATURE), "refused"),
        (answered(error("temperature"), status=500, **TEMPERATURE), "unknown"),
        (answered(completion(warnings=["temperature was ignored"]), **TEMPERATURE), "announced"),
        (exchange(b"", **TEMPERATURE), "unknown"),
        (answered("", status=302, **TEMPERATURE), "unknown"),
        (answered(completion(), probe="chat.wrong-type.n"), "unknown"),
    ],
)
def test_wrong_types(x, expected):
    assert state(x) == expected


def test_an_unspecific_refusal_says_nothing_where_the_baseline_request_fails_too():
    x = answered(error("Bad."), status=400, **TEMPERATURE)
    assert state(x, answered(error("Bad."), status=400)) == "unknown"
    assert state(x, None) == "unknown"


def test_a_mode_that_is_declared_missing_says_nothing_of_other_fields():
    x = answered(NO_STREAM, status=501, mode="stream", **TEMPERATURE)
    assert field_result(x, answered(NO_STREAM, status=501, mode="stream")) is None


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        (answered(completion(), **CANARY), "dropped"),
        (answered(error("tools[0].x_canary is unknown"), status=400, **CANARY), "refused"),
        (answered(error("Bad."), status=400, **CANARY), "unknown"),
        (answered(completion(), headers=(JSON, ("Warning", '199 - "x_canary ignored"')), **CANARY), "announced"),
        (answered(completion(), headers=(JSON, ("server", "x_canary")), **CANARY), "dropped"),
    ],
)
def test_canaries(x, expected):
    assert told(x, HI) == ("tools.x_canary", expected)


def test_an_announcement_in_a_stream():
    x = streamed(chunk(warnings=[{"param": "x_canary"}]), *HELLO, **CANARY)
    assert warned(x, "tools.x_canary")
    assert not warned(streamed(*HELLO, **CANARY), "tools.x_canary")


CAP = {"probe": "chat.witness.max_tokens", "body": {"max_tokens": 1}}
SCHEMA = {"json_schema": {"schema": {"properties": {"a": {"enum": ["b"]}}}}}
FORMAT = {"probe": "chat.witness.response_format", "body": {"response_format": SCHEMA}}
LOGPROBS = {"probe": "chat.witness.logprobs", "body": {"logprobs": True, "top_logprobs": 3}}
TOKEN = {"logprob": -1, "top_logprobs": [{}]}
CALL = {"content": None, "tool_calls": [{"id": "c"}]}
TOOLS = {"probe": "chat.tools", "body": {"tool_choice": "required"}}
NONE = {"probe": "chat.tools.none", "body": {"tool_choice": "none"}}
NAMED = {"probe": "chat.tools.named", "body": {"tool_choice": {"type": "function", "function": {"name": "f"}}}}
SINGLE = {"probe": "chat.tools.single", "body": {"tool_choice": "required", "parallel_tool_calls": False}}
TWO = {"probe": "chat.n", "body": {"n": 2}}
STOP = {"probe": "chat.witness.stop", "body": {"stop": [",", "t"]}}
USAGE = {"probe": "chat.usage", "body": {}}


def calls(*names):
    return {"content": None, "tool_calls": [{"id": f"c{n}", "function": {"name": f}} for n, f in enumerate(names)]}


@pytest.mark.parametrize(
    ("x", "field", "expected"),
    [
        (answered(completion({"content": "One"}, "length", usage=None), **CAP), "max_tokens", "honoured"),
        (answered(completion({"content": "word " * 13}, usage=None), **CAP), "max_tokens", "dropped"),
        (answered(completion({"content": "One"}, usage=None), **CAP), "max_tokens", "unknown"),
        (answered(completion(usage={"completion_tokens": 2}), **CAP), "max_tokens", "dropped"),
        (answered(completion(choices=[CHOICE, CHOICE | {"index": 1}]), **TWO), "n", "honoured"),
        (answered(completion({"content": "One, two"}), **STOP), "stop", "dropped"),
        (answered(completion({"content": "One"}), **STOP), "stop", "honoured"),
        (answered(completion({"content": "One"}, "length"), **STOP), "stop", "unknown"),
        (streamed(*HELLO, **TWO), "n", "dropped"),
        (streamed(HELLO[0], **TWO), "n", "unknown"),
        (answered(completion(CALL, "tool_calls"), **TOOLS), "tool_choice", "honoured"),
        (answered(completion({"function_call": {"name": "f"}}, "function_call"), **TOOLS), "tool_choice", "honoured"),
        (answered(completion(), **TOOLS), "tool_choice", "dropped"),
        (answered(completion(finish="length"), **TOOLS), "tool_choice", "unknown"),
        (answered(completion({"refusal": "I won't."}), **TOOLS), "tool_choice", "unknown"),
        (answered(completion(), **NONE), "tool_choice", "honoured"),
        (answered(completion(CALL, "tool_calls"), **NONE), "tool_choice", "dropped"),
        (answered(completion(calls("f"), "stop"), **NAMED), "tool_choice", "honoured"),
        (answered(completion(calls("g"), "tool_calls"), **NAMED), "tool_choice", "dropped"),
        (answered(completion(), **NAMED), "tool_choice", "dropped"),
        (answered(completion(finish="length"), **NAMED), "tool_choice", "unknown"),
        (answered(completion(calls("f"), "tool_calls"), **SINGLE), "parallel_tool_calls", "honoured"),
        (answered(completion(calls("f", "f"), "tool_calls"), **SINGLE), "parallel_tool_calls", "dropped"),
        (answered(completion(), **SINGLE), "parallel_tool_calls", "unknown"),
        (answered(error("No.", param="parallel_tool_calls"), status=400, **SINGLE), "parallel_tool_calls", "refused"),
        (streamed(*HELLO, **USAGE), "stream_options", "dropped"),
        (streamed(*HELLO[:3], **USAGE), "stream_options", "unknown"),
        (streamed(*HELLO, chunk(choices=[], usage={"total_tokens": 6}), **USAGE), "stream_options", "honoured"),
        (streamed(*HELLO, chunk(choices=[], usage={"total_tokens": 0}), **USAGE), "stream_options", "unknown"),
        (answered(completion(), mode="stream", **USAGE), "stream_options", "unknown"),
        (answered(completion(), **LOGPROBS), "logprobs", "dropped"),
        (
            answered(completion(choices=[CHOICE | {"logprobs": {"content": [TOKEN]}}]), **LOGPROBS),
            "logprobs",
            "honoured",
        ),
        (answered(completion({"content": None}), **LOGPROBS), "logprobs", "unknown"),
        (answered(completion({"content": ' {"a":"b"}'}), **FORMAT), "response_format", "honoured"),
        (answered(completion({"content": '```json\n{"a":"b"}\n```'}), **FORMAT), "response_format", "dropped"),
        (answered(completion({"content": '{"a":'}, "length"), **FORMAT), "response_format", "unknown"),
        (answered(error("n must be 1"), status=400, **TWO), "n", "refused"),
        (answered(error("Bad."), status=400, **TWO), "n", "unknown"),
        (answered(error("It needs 'logprobs'.", param="top_logprobs"), status=400, **LOGPROBS), "logprobs", "unknown"),
        (
            answered(completion(choices=[CHOICE | {"logprobs": {"content": [{"logprob": -1}]}}]), **LOGPROBS),
            "top_logprobs",
            "dropped",
        ),
        (answered(completion({"content": "One"}, usage={"completion_tokens": 1}), **CAP), "max_tokens", "honoured"),
        (streamed(*HELLO[:2], "{", *HELLO[2:], **TWO), "n", "unknown"),
        (streamed(chunk({"content": [1]}), *HELLO[2:], **TWO), "n", "unknown"),
        (streamed(chunk({"content": "O"}), chunk({"content": "On"}), HELLO[3], **STOP), "stop", "unknown"),
    ],
)
def test_witnesses(x, field, expected):
    assert told(x, HI) == (field, expected)


def test_a_witness_s_field_that_is_announced_as_ignored():
    x = answered(completion(), headers=(JSON, ("x-ignored-params", "n")), **TWO)
    assert told(x, HI) == ("n", "announced")


WHOLE = http(200, [JSON], json.dumps(completion()).encode())
STREAM = http(200, [SSE], sse(*HELLO), length=False)
LIMIT = Ending("limit", "body", 0, "the response has 100 bytes or more")
PARTS = [
    {"received": b""},
    {"received": http(200, [JSON], b"")},
    {"received": http(204, [], b"")},
    {"received": WHOLE[:-1], "ending": LIMIT},
    {"received": STREAM[:-90], "ending": LIMIT},
    {"received": http(200, [SSE], b"")},
    {"received": http(200, [], b"<html>Welcome</html>")},
    {"received": http(200, [JSON], json.dumps(error("'temperature' is no number.")).encode())},
    {"received": http(200, [SSE], sse(error("x_canary n stop tool_choice max_tokens")))},
    {"received": http(429, [JSON], json.dumps(error("temperature, n, stop: slow down")).encode())},
    {"received": http(503, [JSON], json.dumps(error("temperature")).encode())},
]
"""Responses that are missing, empty, truncated (also by the harness's own limit), failed, or no completion."""


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "asked", [TEMPERATURE, CANARY, CAP, TWO, STOP, TOOLS, NONE, NAMED, SINGLE, USAGE, LOGPROBS, FORMAT]
)
def test_what_is_no_answer_is_no_evidence(part, mode, asked):
    x = exchange(**part, mode=mode, **asked)
    assert {one.sight.state for one in field_observations(x, HI)} <= {"unknown"}


@pytest.mark.parametrize("part", PARTS)
def test_only_events_show_that_streaming_is_honoured(part):
    has_events = b"chat.completion.chunk" in part["received"]
    assert state(exchange(**part)) == ("honoured" if has_events else "unknown")


@pytest.mark.parametrize(
    ("said", "asked", "expected"),
    [
        ({"content": "word " * 40}, CAP, "dropped"),
        ({"content": "One, two"}, STOP, "dropped"),
        ({"content": "One,"}, STOP, "unknown"),
        (CALL, NONE, "dropped"),
        (calls("g"), NAMED, "dropped"),
        (calls("f", "f"), SINGLE, "dropped"),
        ({"content": "Sunny."}, TOOLS, "unknown"),
    ],
)
def test_what_a_truncated_response_has_is_evidence_and_what_it_lacks_is_not(said, asked, expected):
    x = exchange(http(200, [SSE], sse(chunk(said)), length=False), ending=LIMIT, mode="stream", **asked)
    assert state(x) == expected


TO_THE_CAP = TOOLS | {"body": {"tool_choice": "required", "max_tokens": 64, "tools": [{"function": {"name": "f"}}]}}
PROSE = "The weather in Oslo is a matter of " * 6


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ({"content": PROSE}, "dropped"),
        ({"content": "I look that up with the tool."}, "unknown"),
        ({"content": "", "reasoning_content": PROSE}, "unknown"),
        ({"content": f"<think>{PROSE}"}, "unknown"),
        ({"content": f"{PROSE}<tool_call>"}, "unknown"),
        ({"content": f'{{"name": "f", "arguments": {{"text": "{PROSE}'}, "unknown"),
        ({"content": PROSE, **CALL}, "honoured"),
    ],
)
def test_a_required_call_for_which_the_model_writes_text_up_to_the_cap(message, expected):
    x = answered(completion(message, "length"), **TO_THE_CAP)
    assert told(x, HI) == ("tool_choice", expected)


@pytest.mark.parametrize(
    ("text", "finish", "count", "expected"),
    [
        ("One", "length", 9, "honoured"),
        ("One", "stop", 9, "unknown"),
        ("one two three", "length", 9, "dropped"),
        ("\u4e00" * 60, "stop", 60, "dropped"),
        ("One", "length", 0, "honoured"),
    ],
)
def test_a_cap_that_held_under_a_wrong_usage(text, finish, count, expected):
    x = answered(completion({"content": text}, finish, usage={"completion_tokens": count}), **CAP)
    assert told(x, HI) == ("max_tokens", expected)


@pytest.mark.parametrize(
    ("text", "finish", "expected"),
    [("One", "length", "honoured"), ("One, two.", "stop", "dropped"), ("", "length", "dropped")],
)
def test_a_cap_that_limits_the_text_but_not_the_reasoning(text, finish, expected):
    message = {"content": text, "reasoning_content": "so I count " * 20}
    x = answered(completion(message, finish, usage={"completion_tokens": 61}), **CAP)
    assert told(x, HI) == ("max_tokens", expected)


def observed(x, hello=HI):
    return {one.place[1]: one.sight.state for one in field_observations(x, hello)}


OLDER = error("Unsupported parameter: 'max_tokens' is not supported. Use 'max_completion_tokens' instead.")
COLD = error("Unsupported value: 'temperature' does not support 0.2 with this model. Only 1 is supported.")


def test_a_refused_cap_is_refused_and_the_field_beside_it_is_not():
    beside = {"probe": "chat.wrong-type.temperature", "body": {"temperature": {}, "max_tokens": 1}}
    assert observed(answered(OLDER, status=400, **beside)) == {"temperature": "unknown", "max_tokens": "refused"}
    both = {"body": {"max_completion_tokens": None, "max_tokens": 1}}
    assert observed(answered(OLDER, status=400, **both)) == {"max_tokens": "refused"}
    assert observed(answered(OLDER, status=400, **CAP)) == {"max_tokens": "refused"}


@pytest.mark.parametrize("asked", [{"probe": "chat.twin", "body": {"temperature": 0.2}}, TEMPERATURE])
def test_a_value_that_is_refused_by_name(asked):
    assert observed(answered(COLD, status=400, **asked)) == {"temperature": "refused"}


def test_two_fields_that_are_refused_together_may_each_be_supported():
    both = {"probe": "chat.form.both-caps", "body": {"max_tokens": 8, "max_completion_tokens": 1}}
    said = error("'max_tokens' and 'max_completion_tokens' are not supported together.")
    assert observed(answered(said, status=400, **both)) == {}


def test_a_request_that_fails_as_the_baseline_does_shows_nothing():
    said = error("temperature, user: the model is not loaded")
    assert state(answered(said, status=400, **TEMPERATURE), answered(said, status=400)) == "unknown"


USER = {"probe": "chat.wrong-type.user", "body": {"user": {"unexpected": True}}}


def test_a_wrong_type_is_dropped_only_if_the_response_is_as_without_the_field():
    assert state(answered(completion(), **USER)) == "dropped"
    assert state(answered(completion(user={"unexpected": True}), **USER)) == "unknown"
    assert state(answered(completion(choices=[CHOICE, CHOICE | {"index": 1}]), **USER)) == "unknown"
    assert state(streamed(*HELLO, **USER)) == "unknown"
    needed = answered(completion(), probe="chat.wrong-type.messages", body={"messages": {"unexpected": True}})
    assert state(needed) == "unknown"


def test_a_repeated_setting_is_an_effect_where_it_differs_from_the_usual():
    asked = {"probe": "chat.seed", "body": {"seed": 7}}
    assert observed(answered(completion(seed=7), **asked)) == {"seed": "honoured"}
    assert observed(answered(completion(seed=7), **asked), answered(completion(seed=7))) == {}


def test_a_rare_word_that_only_the_prompt_has_shows_that_the_conversation_is_read():
    asked = {"probe": "chat.crowd.01", "body": {"messages": [{"role": "user", "content": "Say: amaranth"}]}}
    assert observed(answered(completion({"content": "Amaranth, amaranth."}), **asked)) == {"messages": "honoured"}
    assert observed(answered(completion({"content": "bergamot"}), **asked)) == {}


def test_a_question_that_is_no_witness():
    assert effect_shown(answered(completion(), probe="chat.long")) is None
    assert field_result(answered(completion(), probe="chat.mistake.no-model"), HI) is None


@given(st.sampled_from(WORST_FIRST), st.sampled_from(WORST_FIRST), st.sampled_from(WORST_FIRST))
def test_merging_does_not_depend_on_the_order(a, b, c):
    assert merge(a, b) == merge(b, a)
    assert merge(merge(a, b), c) == merge(a, merge(b, c))
    assert merge(a, a) == a == merge(a, "unknown")
    assert merge(a, "dropped") == "dropped"


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["choices", "delta", "message", "content", "tool_calls", "usage", "completion_tokens", "logprobs", "index",
             "finish_reason", "warnings", "top_logprobs", "logprob", "refusal", "error"]
        ),
        inner,
    ),
)  # fmt: skip
PROBES = ["chat.hello", "chat.tools", "chat.usage", "chat.n", "chat.wrong-type.n", *(c["probe"] for c in (CAP, FORMAT))]


@given(values, values, st.sampled_from(PROBES))
def test_no_value_harms(said, sent, probe):
    for x in (answered(said, probe=probe, body=sent), streamed(said, probe=probe, body=sent)):
        effects(x)
        assert (told(x, None) or ("", "unknown"))[1] in WORST_FIRST
        assert isinstance(warned(x, "n"), str)


@given(st.binary(max_size=80), st.sampled_from(PROBES))
def test_no_bytes_harm(raw, probe):
    for x in (exchange(raw, probe=probe), exchange(http(200, [], raw), probe=probe)):
        assert (told(x, x) or ("", "unknown"))[1] in WORST_FIRST
