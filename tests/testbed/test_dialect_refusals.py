"""What the vendors' dialects refuse, by name and in the vendor's words; and that they serve the frameworks."""

import json

import pytest

from conformance import schemas
from conformance.model.case import Kind
from conformance.model.target import Target
from conformance.plan import plan
from conformance.selftest import DEFAULT_PROFILES
from conformance.testbed.mutations import changes
from conformance.testbed.mutations.openai_words import open_objects
from conformance.testbed.mutations.variants import (
    dialects_anthropic,
    dialects_chat,
    dialects_openai,
    dialects_responses,
)
from conformance.testbed.server.reply import Mutation
from conformance.testbed.server.seal import seal, unseal
from conformance.testbed.server.simulate import BASE_URL, simulate_exchange

SAID = [{"role": "user", "content": "say hello"}]
CITY = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
FUNCTION = {"name": "get_weather", "parameters": CITY, "strict": True}
CALL = {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}
CALLED = {"role": "assistant", "content": None, "tool_calls": [CALL]}
RESULT = {"role": "tool", "tool_call_id": "call_1", "content": "Rain."}
CLAUDE_TOOLS = [{"name": "get_weather", "input_schema": CITY}]
CLAUDE_CALL = {"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {"city": "Oslo"}}
CLAUDE_RESULT = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "Rain."}]}
BUDGET = {"thinking": {"type": "enabled", "budget_tokens": 1024}, "max_tokens": 2000}
ADAPTIVE = {"thinking": {"type": "adaptive"}, "max_tokens": 2000}
SIGNED = {"type": "thinking", "thinking": "A greeting.", "signature": seal("A greeting.")}
CHANGED = SIGNED | {"thinking": "No."}
OPEN_FORMAT = {"type": "json_schema", "json_schema": {"name": "any", "strict": True, "schema": {"type": "object"}}}
OPEN_TOOL = {"type": "function", "function": FUNCTION | {"parameters": CITY | {"required": []}}}
SEALED = {"include": ["reasoning.encrypted_content"]}


def refusal_of(received):
    """The error, which satisfies its schema."""
    assert received.status == 400
    if received.json.get("type") != "error":
        schemas.validator("error").validate(received.json)
    return received.json["error"]


@pytest.mark.parametrize(
    ("field", "value", "code", "words"),
    [
        ("max_tokens", 100, "unsupported_parameter", "Use 'max_completion_tokens' instead."),
        ("temperature", 0.2, "unsupported_value", "does not support 0.2 with this model. Only the default (1)"),
        ("top_p", 0.5, "unsupported_parameter", "is not supported with this model."),
        ("stop", ["x"], "unsupported_parameter", "is not supported with this model."),
        ("presence_penalty", 0.5, "unsupported_parameter", "is not supported with this model."),
        ("logprobs", True, "unsupported_parameter", "is not supported with this model."),
        ("logit_bias", {"1": 1}, "unsupported_parameter", "is not supported with this model."),
        ("reasoning_effort", "none", "unsupported_value", "Supported values are: 'minimal', 'low'"),
    ],
)
def test_a_model_that_reasons_refuses_sampling_by_name(field, value, code, words, tell):
    for streamed in (True, False):
        error = refusal_of(tell("openai-reasoning", "chat", messages=SAID, stream=streamed, **{field: value}))
        assert (error["param"], error["code"]) == (field, code)
        assert words in error["message"]
        assert f"'{field}'" in error["message"]


@pytest.mark.parametrize("field", [{"temperature": 1}, {"logprobs": False}, {"top_p": None}, {"n": 2}])
def test_a_model_that_reasons_accepts_what_changes_nothing(field, tell):
    assert tell("openai-reasoning", "chat", messages=SAID, **field).status == 200


@pytest.mark.parametrize(
    ("name", "fields", "param"),
    [
        ("openai-reasoning", {"temperature": 0.2}, "temperature"),
        ("openai-reasoning", {"top_p": 0.5}, "top_p"),
        ("openai-reasoning", {"max_output_tokens": 1}, "max_output_tokens"),
        ("openai-reasoning", {"reasoning": {"effort": "none"}}, "reasoning.effort"),
        ("openai-reasoning", {"include": ["file_search_call.results"]}, "include"),
        ("openai-reasoning", {"input": [{"type": "reasoning", "id": "rs_1", "summary": []}]}, "input"),
        ("openai-classic", {"max_output_tokens": 1}, "max_output_tokens"),
        ("openai-classic", {"reasoning": {"effort": "low"}}, "reasoning.effort"),
        ("openai-classic", SEALED, "include"),
    ],
)
def test_responses_refuses_by_name(name, fields, param, tell):
    assert refusal_of(tell(name, "responses", **{"input": "say hello"} | fields))["param"] == param


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"stop": []}, "stop"),
        ({"tools": []}, "tools"),
        ({"metadata": {"a": "b"}}, "metadata"),
        ({"parallel_tool_calls": True}, "parallel_tool_calls"),
        ({"tool_choice": "auto"}, "tool_choice"),
        ({"max_tokens": 5, "max_completion_tokens": 5}, "max_tokens"),
        ({"reasoning_effort": "low"}, "reasoning_effort"),
        ({"response_format": OPEN_FORMAT}, "response_format"),
        ({"tools": [OPEN_TOOL]}, "tools[0].function.parameters"),
    ],
)
def test_the_classic_dialect_refuses_by_name(fields, param, tell):
    assert refusal_of(tell("openai-classic", "chat", messages=SAID, **fields))["param"] == param


def test_metadata_is_accepted_where_it_is_stored(tell):
    assert tell("openai-classic", "chat", messages=SAID, metadata={"a": "b"}, store=True).status == 200


def test_an_open_object_is_found_wherever_it_is():
    closed = {"type": "object", "properties": {"a": {"anyOf": [CITY, {"items": CITY}]}}, "required": ["a"]}
    assert list(open_objects(closed | {"additionalProperties": False})) == []
    inner = CITY | {"required": []}
    (fault,) = open_objects(closed | {"additionalProperties": False, "$defs": {"b": {"anyOf": [inner]}}})
    assert fault.startswith("In context=('$defs', 'b', 'anyOf', '0')")
    assert fault.endswith("Missing 'city'.")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"response_format": OPEN_FORMAT}, "response_format"),
        ({"logprobs": True}, "logprobs"),
        ({"tools": [OPEN_TOOL], "tool_choice": "required"}, "tool_choice"),
        ({"messages": [*SAID, CALLED, RESULT]}, "reasoning_content"),
    ],
)
def test_deepseek_refuses_by_name_in_the_message(fields, words, tell):
    error = refusal_of(tell("deepseek-reasoning-required", "chat", **{"messages": SAID} | fields))
    assert words in error["message"]
    assert (error["param"], error["code"]) == (None, "invalid_request_error")


def test_deepseek_is_content_with_the_reasoning_of_a_call(tell):
    history = [*SAID, CALLED | {"reasoning_content": "They greet me."}, RESULT]
    assert tell("deepseek-reasoning-required", "chat", messages=history).status == 200
    off = {"thinking": {"type": "disabled"}}
    assert tell("deepseek-reasoning-required", "chat", messages=[*SAID, CALLED, RESULT], **off).status == 200


def test_sealed_reasoning_is_accepted_unchanged_only(tell):
    (thought, said) = tell("openai-reasoning", "responses", input="say hello", **SEALED).json["output"]
    assert unseal(thought["encrypted_content"])
    items = [*SAID, thought, said, *SAID]
    assert tell("openai-reasoning", "responses", input=items, **SEALED).status == 200
    items[1] = thought | {"encrypted_content": "x" + thought["encrypted_content"]}
    assert refusal_of(tell("openai-reasoning", "responses", input=items))["code"] == "invalid_encrypted_content"


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"temperature": 0.5}, "temperature"),
        ({"top_p": 0.5}, "top_p"),
        ({"top_k": 5}, "top_k"),
        ({"tools": CLAUDE_TOOLS, "tool_choice": {"type": "any"}}, "tool_choice"),
        ({"messages": [*SAID, {"role": "assistant", "content": [CLAUDE_CALL]}, CLAUDE_RESULT]}, "messages.1.content.0"),
        ({"messages": [*SAID, {"role": "assistant", "content": [CHANGED, CLAUDE_CALL]}, CLAUDE_RESULT]}, "signature"),
        ({"max_tokens": 1024}, "max_tokens"),
        ({"thinking": {"type": "enabled", "budget_tokens": 1000}}, "budget_tokens"),
    ],
)
def test_thinking_refuses_by_name(fields, named, tell):
    error = refusal_of(tell("anthropic-thinking", "messages", **{"messages": SAID} | BUDGET | fields))
    assert named in error["message"]


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        (BUDGET, "thinking.type.enabled"),
        ({"temperature": 0.5}, "temperature"),
        ({"output_config": {"effort": "xhigh"}}, "effort"),
    ],
)
def test_adaptive_thinking_refuses_by_name(fields, named, tell):
    error = refusal_of(tell("anthropic-adaptive", "messages", **{"messages": SAID} | ADAPTIVE | fields))
    assert named in error["message"]


@pytest.mark.parametrize(("header", "status"), [("x-api-key", 200), ("authorization", 401), ("accept", 401)])
def test_anthropic_takes_the_key_from_its_own_header_only(header, status, ask):
    headers = (("content-type", "application/json"), (header, "Bearer k"))
    body = {"model": "reference", "max_tokens": 9, "messages": SAID}
    received = ask(body, path="/v1/messages", headers=headers, changes=(changes.find("anthropic-classic"),))
    assert received.status == status
    if status == 401:
        assert received.json["error"]["type"] == "authentication_error"


DIALECTS = sorted(
    change.name
    for module in (dialects_anthropic, dialects_chat, dialects_openai, dialects_responses)
    for value in vars(module).values()
    for change in (value if isinstance(value, tuple) else (value,))
    if isinstance(change, Mutation)
)

ALWAYS_REFUSED = {"max_tokens"}
"""What a default profile always sends and OpenAI's models that reason refuse."""


@pytest.mark.parametrize("name", [name for name in DIALECTS if name != "anthropic-classic"])
def test_what_the_frameworks_send_is_served_or_refused_by_name(name):
    target = Target(base_url=BASE_URL, model="reference")
    requests = [r for r in plan(target, DEFAULT_PROFILES, "smoke") if r.cases[0].kind is Kind.BASELINE]
    assert {case.profile for request in requests for case in request.cases} >= set(DEFAULT_PROFILES)
    for request in requests:
        exchange = simulate_exchange(request, "native-sse", (changes.find(name),))
        head, _, body = exchange.received.partition(b"\r\n\r\n")
        if b" 200 " not in head.partition(b"\r\n")[0]:
            assert json.loads(body)["error"]["param"] in ALWAYS_REFUSED


@pytest.mark.parametrize("sealed", ["", "x", "not base64", "AAAA", seal("text")[:-4]])
def test_what_was_never_sealed_is_not_unsealed(sealed):
    assert unseal(sealed) is None
    assert unseal(seal("Text, 文.")) == "Text, 文."
