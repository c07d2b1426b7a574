"""The vendors' dialects: their shapes, caps that reasoning uses up, and streams that amount to the whole."""

import itertools
import json
from collections import Counter

import msgspec
import pytest

from conformance import schemas
from conformance.judging import judge
from conformance.model.case import Kind
from conformance.model.target import Policy, Target
from conformance.model.verdict import MUST, Status
from conformance.model.words import CONVERSATIONAL
from conformance.plan import plan
from conformance.testbed.mutations import changes
from conformance.testbed.server.seal import seal, unseal
from conformance.testbed.server.simulate import BASE_URL, simulate_exchange

WHOLE = {"chat": "chat-completion", "messages": "messages-message", "responses": "responses-response"}
PART = {"chat": "chat-chunk", "messages": "messages-event", "responses": "responses-event"}

SAID = [{"role": "user", "content": "say hello"}]
CITY = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
FUNCTION = {"name": "get_weather", "parameters": CITY, "strict": True}
TOOLS = [{"type": "function", "function": FUNCTION}]
ASK_TOOL = [{"role": "user", "content": "Call the tool get_weather."}]
FORMAT = {"type": "json_schema", "json_schema": {"name": "city", "strict": True, "schema": CITY}}
CALL = {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city":"Oslo"}'}}
RESULT = {"role": "tool", "tool_call_id": "call_1", "content": "Rain."}
CLAUDE_TOOLS = [{"name": "get_weather", "input_schema": CITY}]
CLAUDE_CALL = {"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {"city": "Oslo"}}
CLAUDE_RESULT = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "Rain."}]}
BUDGET = {"thinking": {"type": "enabled", "budget_tokens": 1024}, "max_tokens": 2000}
ADAPTIVE = {"thinking": {"type": "adaptive"}, "max_tokens": 2000}
SIGNED = {"type": "thinking", "thinking": "A greeting.", "signature": seal("A greeting.")}
REDACTED = "ANTHROPIC_MAGIC_STRING_TRIGGER_REDACTED_THINKING_46C9"
SEALED = {"include": ["reasoning.encrypted_content"]}

REASONING = {
    "openai-reasoning": None,
    "slow-first-byte": None,
    "openrouter": "reasoning",
    "deepseek-reasoning": "reasoning_content",
    "deepseek-reasoning-required": "reasoning_content",
    "qwen-reasoning": "reasoning_content",
    "vllm-reasoning": "reasoning",
    "vllm-reasoning-content": "reasoning_content",
}
"""The dialects of chat whose model reasons, and where its text is."""
CHAT = ("openai-classic", "azure-chat", *REASONING)
CLAUDE = {"anthropic-classic": {"max_tokens": 2000}, "anthropic-thinking": BUDGET, "anthropic-adaptive": ADAPTIVE}
RESPONSES = ("openai-classic", "openai-reasoning", "slow-first-byte", "gpt-oss-responses")

CHAT_BODIES = {
    "plain": {"messages": SAID},
    "tool": {"messages": ASK_TOOL, "tools": TOOLS},
    "json": {"messages": SAID, "response_format": FORMAT},
    "two": {"messages": SAID, "n": 2},
    "history": {
        "messages": [*SAID, {"role": "assistant", "content": None, "tool_calls": [CALL]}, RESULT],
        "tools": TOOLS,
    },
}
RESPONSES_BODIES = {
    "plain": {"input": "say hello"},
    "tool": {"input": "Call the tool get_weather.", "tools": [{"type": "function"} | FUNCTION]},
    "json": {"input": "say hello", "text": {"format": {"type": "json_schema", "name": "city", "schema": CITY}}},
    "history": {
        "input": [
            *SAID,
            {"type": "reasoning", "id": "rs_1", "summary": []},
            {"type": "function_call", "call_id": "call_1", "name": "get_weather", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "call_1", "output": "Rain."},
        ]
    },
}
CLAUDE_BODIES = {
    "plain": {"messages": SAID},
    "tool": {"messages": ASK_TOOL, "tools": CLAUDE_TOOLS},
    "history": {
        "messages": [*SAID, {"role": "assistant", "content": [SIGNED, CLAUDE_CALL]}, CLAUDE_RESULT],
        "tools": CLAUDE_TOOLS,
    },
    "redacted": {"messages": [{"role": "user", "content": REDACTED}]},
}


def is_refused(name, body):
    """Whether the vendor refuses the body by name: a schema of the output, and a call without its reasoning."""
    is_replay = any(message.get("tool_calls") for message in body["messages"])
    return name.startswith("deepseek") and ("response_format" in body or (is_replay and name.endswith("required")))


SPEECH = (
    *(
        ("chat", name, body)
        for name, body in itertools.product(CHAT, CHAT_BODIES.values())
        if not is_refused(name, body)
    ),
    *(("responses", name, body) for name, body in itertools.product(RESPONSES, RESPONSES_BODIES.values())),
    *(("messages", name, body | CLAUDE[name]) for name, body in itertools.product(CLAUDE, CLAUDE_BODIES.values())),
)


DEVIATIONS = {
    "openai-reasoning": {"logprobs"},
    "slow-first-byte": {"logprobs"},
    "vllm-reasoning": {"annotations", "function_call"},
    "vllm-reasoning-content": {"annotations", "function_call"},
    "azure-chat": {"object"},
}
"""Fields in which the vendor itself deviates from the API's reference: left out, null or empty."""


def faulty(schema, value):
    """The fields that violate a schema."""
    for error in schemas.validator(schema).iter_errors(value):
        if error.validator == "required":
            yield from (name for name in error.validator_value if name not in error.instance)
        else:
            yield error.absolute_path[-1]


def by_choice(chunks):
    """What the choices of a stream amount to: content, reasoning, calls, finish_reason."""
    found = {}
    for choice in (choice for chunk in chunks for choice in chunk["choices"]):
        mine = found.setdefault(choice["index"], Counter())
        for key, value in choice["delta"].items():
            if isinstance(value, str) and key != "role":
                mine[key] = (mine[key] or "") + value
        for call in choice["delta"].get("tool_calls") or ():
            mine["calls"] = (mine["calls"] or "") + call["function"]["arguments"]
        mine["finish"] = choice["finish_reason"] or mine["finish"]
    return [generated(found[index]) for index in sorted(found)]


def generated(choice):
    names = ("content", "reasoning", "reasoning_content", "calls", "finish")
    return {name: choice.get(name) or "" for name in names}


def of_message(choice):
    calls = "".join(call["function"]["arguments"] for call in choice["message"].get("tool_calls") or ())
    return generated(choice["message"] | {"calls": calls, "finish": choice["finish_reason"]})


def assembled(events):
    """The blocks of a streamed message."""
    blocks = {}
    for event in events:
        if event["type"] == "content_block_start":
            blocks[event["index"]] = event["content_block"] | {"partial": ""}
        if event["type"] == "content_block_delta":
            block, delta = blocks[event["index"]], event["delta"]
            key = {"text_delta": "text", "thinking_delta": "thinking", "signature_delta": "signature"}.get(
                delta["type"]
            )
            block[key or "partial"] += delta[key or "partial_json"]
    return [closed(blocks[index]) for index in sorted(blocks)]


def closed(block):
    partial = block.pop("partial")
    return block | {"input": json.loads(partial)} if block["type"] == "tool_use" else block


@pytest.mark.parametrize(("api", "name", "body"), SPEECH)
def test_responses_and_events_satisfy_their_schemas(api, name, body, tell):
    whole, streamed = tell(name, api, **body), tell(name, api, **body, stream=True)
    assert (whole.status, streamed.status) == (200, 200), whole.json
    parts = [event for event in streamed.events if event != "[DONE]"]
    faults = {fault for event in parts for fault in faulty(PART[api], event)} | set(faulty(WHOLE[api], whole.json))
    assert faults <= DEVIATIONS.get(name, set())


@pytest.mark.parametrize("body", CHAT_BODIES.values(), ids=list(CHAT_BODIES))
@pytest.mark.parametrize("name", CHAT)
def test_a_chat_stream_amounts_to_the_whole_response(name, body, tell):
    whole = tell(name, "chat", **body)
    if whole.status == 400:
        assert is_refused(name, body)
        return
    *chunks, done = tell(name, "chat", **body, stream=True, stream_options={"include_usage": True}).events
    assert done == "[DONE]"
    assert by_choice(chunks) == [of_message(choice) for choice in whole.json["choices"]]
    assert [chunk["usage"] for chunk in chunks if chunk.get("usage")] == [whole.json["usage"]]


@pytest.mark.parametrize("body", CLAUDE_BODIES.values(), ids=list(CLAUDE_BODIES))
@pytest.mark.parametrize("name", CLAUDE)
def test_a_streamed_message_amounts_to_the_whole_one(name, body, tell):
    whole = tell(name, "messages", **body | CLAUDE[name]).json
    events = tell(name, "messages", **body | CLAUDE[name], stream=True).events
    assert assembled(events) == whole["content"]
    ended = events[-2]
    assert ended["delta"]["stop_reason"] == whole["stop_reason"]
    assert ended["usage"].items() <= whole["usage"].items()


@pytest.mark.parametrize("body", RESPONSES_BODIES.values(), ids=list(RESPONSES_BODIES))
@pytest.mark.parametrize("name", RESPONSES)
def test_a_streamed_response_ends_with_the_whole_one(name, body, tell):
    whole = tell(name, "responses", **body).json
    events = tell(name, "responses", **body, stream=True).events
    assert events[-1]["response"] == whole
    assert [e["item"] for e in events if e["type"] == "response.output_item.done"] == whole["output"]
    assert [e["sequence_number"] for e in events] == list(range(len(events)))


@pytest.mark.parametrize(("name", "field"), REASONING.items())
def test_reasoning_comes_first_is_counted_and_stands_in_its_own_field(name, field, tell):
    whole = tell(name, "chat", messages=SAID).json
    message, counted = whole["choices"][0]["message"], whole["usage"]
    assert message["content"] == "Hello! How can I help you today?"
    assert bool(message.get(field)) == bool(field)
    assert counted["completion_tokens"] > 9
    assert counted["total_tokens"] == counted["prompt_tokens"] + counted["completion_tokens"]
    if "completion_tokens_details" in counted:
        assert counted["completion_tokens"] == counted["completion_tokens_details"]["reasoning_tokens"] + 9
    chunks = tell(name, "chat", messages=SAID, stream=True).events[:-1]
    texts = [
        next(iter(d)) for c in chunks for x in c["choices"] for d in [{k: v for k, v in x["delta"].items() if v}] if d
    ]
    shown = [key for key in texts if key in ("content", "reasoning", "reasoning_content")]
    assert shown == sorted(shown, reverse=True)


@pytest.mark.parametrize("name", REASONING)
@pytest.mark.parametrize("cap", [1, 8])
def test_a_small_cap_is_used_up_by_reasoning(name, cap, tell):
    body = {"messages": SAID, "max_completion_tokens": cap}
    whole = tell(name, "chat", **body).json
    (choice,) = whole["choices"]
    assert (choice["message"]["content"] or "", choice["finish_reason"]) == ("", "length")
    assert whole["usage"]["completion_tokens"] == cap
    *chunks, _ = tell(name, "chat", **body, stream=True).events
    assert by_choice(chunks) == [of_message(choice)]


@pytest.mark.parametrize("name", ["openai-reasoning", "gpt-oss-responses"])
def test_a_response_whose_cap_is_used_up_has_only_reasoning(name, tell):
    whole = tell(name, "responses", input="say hello", max_output_tokens=16).json
    assert whole["status"] == "incomplete"
    assert whole["incomplete_details"] == {"reason": "max_output_tokens"}
    assert [item["type"] for item in whole["output"]] == ["reasoning"]
    assert (whole["usage"]["output_tokens"], whole["usage"]["output_tokens_details"]["reasoning_tokens"]) == (16, 16)


EFFORTS = {"deepseek-reasoning": ("minimal", "high", "max")}
"""Efforts that differ, where the vendor maps several to one."""


@pytest.mark.parametrize("name", ["openai-reasoning", "deepseek-reasoning", "vllm-reasoning"])
def test_more_effort_is_more_reasoning_in_chat(name, tell):
    spent = [
        tell(name, "chat", messages=SAID, reasoning_effort=effort).json["usage"]["completion_tokens"]
        for effort in EFFORTS.get(name, ("minimal", "low", "medium", "high"))
    ]
    assert spent == sorted(set(spent))


@pytest.mark.parametrize("name", ["openai-reasoning", "gpt-oss-responses"])
def test_more_effort_is_more_reasoning_in_responses(name, tell):
    spent = [
        tell(name, "responses", input="hello", reasoning={"effort": e}).json["usage"]["output_tokens_details"]
        for e in ("minimal", "low", "high")
    ]
    assert [s["reasoning_tokens"] for s in spent] == sorted({s["reasoning_tokens"] for s in spent})


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("openrouter", {"reasoning": {"enabled": False}}),
        ("deepseek-reasoning", {"thinking": {"type": "disabled"}}),
        ("qwen-reasoning", {"enable_thinking": False}),
        ("vllm-reasoning", {"chat_template_kwargs": {"enable_thinking": False}}),
    ],
)
def test_reasoning_can_be_turned_off(name, fields, tell):
    for streamed in (True, False):
        received = tell(name, "chat", messages=SAID, stream=streamed, **fields)
        assert received.status == 200
        assert b"They wrote" not in received.content
    assert received.json["usage"]["completion_tokens"] == 9


@pytest.mark.parametrize(("name", "field"), [(name, field) for name, field in REASONING.items() if field])
def test_the_reasoning_that_a_client_sends_back_is_accepted(name, field, tell):
    message = tell(name, "chat", messages=ASK_TOOL, tools=TOOLS).json["choices"][0]["message"]
    assert message[field]
    result = RESULT | {"tool_call_id": message["tool_calls"][0]["id"]}
    sent = {key: value for key, value in message.items() if value is not None}
    received = tell(name, "chat", messages=[*ASK_TOOL, sent, result], tools=TOOLS)
    assert received.status == 200
    assert received.json["choices"][0]["message"]["content"].startswith("Thank you")


def test_reasoning_is_sealed_on_request_only(tell):
    thought = tell("openai-reasoning", "responses", input="say hello").json["output"][0]
    assert (thought["type"], thought["summary"], "encrypted_content" in thought) == ("reasoning", [], False)


def test_gpt_oss_shows_its_reasoning_in_events_of_their_own(tell):
    events = tell("gpt-oss-responses", "responses", input="say hello", stream=True).events
    deltas = [e["delta"] for e in events if e["type"] == "response.reasoning_text.delta"]
    (done,) = [e["text"] for e in events if e["type"] == "response.reasoning_text.done"]
    thought, message = events[-1]["response"]["output"]
    assert "".join(deltas) == done == thought["content"][0]["text"]
    assert message["content"][0]["text"].startswith("Hello!")


@pytest.mark.parametrize("name", CLAUDE)
def test_nothing_is_thought_unless_it_is_asked_for(name, tell):
    for more in ({}, {"temperature": 1}, {"thinking": {"type": "disabled"}}):
        message = tell(name, "messages", messages=SAID, max_tokens=100, **more).json
        assert [block["type"] for block in message["content"]] == ["text"]


def test_thinking_shows_its_text_and_adaptive_thinking_only_on_request(tell):
    shown = tell("anthropic-thinking", "messages", messages=SAID, **BUDGET).json["content"][0]
    hidden = tell("anthropic-adaptive", "messages", messages=SAID, **ADAPTIVE).json["content"][0]
    told = ADAPTIVE | {"thinking": {"type": "adaptive", "display": "summarized"}}
    asked = tell("anthropic-adaptive", "messages", messages=SAID, **told).json["content"][0]
    assert [bool(block["thinking"]) for block in (shown, hidden, asked)] == [True, False, True]
    assert all(unseal(block["signature"]) for block in (shown, hidden, asked))


def test_a_forced_tool_is_called_without_adaptive_thinking(tell):
    forced = {"messages": ASK_TOOL, "tools": CLAUDE_TOOLS, "tool_choice": {"type": "any"}}
    message = tell("anthropic-adaptive", "messages", **forced, **ADAPTIVE).json
    assert [block["type"] for block in message["content"]] == ["tool_use"]


BASELINES = {
    (request.cases[0].api, request.cases[0].mode): request
    for request in plan(
        Target(base_url=BASE_URL, model="reference", apis=CONVERSATIONAL), ("openai-python", "claude-sdk"), "smoke"
    )
    if request.cases[0].kind is Kind.BASELINE
}


def judged(api, mode, name, body, facts):
    """The verdicts on a dialect's response to a baseline request with this body."""
    full = {"model": "reference", "stream": mode == "stream"} | body
    if (api, mode) == ("chat", "stream"):
        full["stream_options"] = {"include_usage": True}
    request = msgspec.structs.replace(BASELINES[api, mode], body=json.dumps(full).encode())
    x = simulate_exchange(request, "native-sse", (changes.find(name),))
    return judge(facts, {x.id: x}.__getitem__, (x.id,)).verdicts


@pytest.mark.parametrize("name", sorted({name for _, name, _ in SPEECH}))
def test_no_rule_fails_a_must_on_a_dialect_that_reasons_calls_or_is_cut(name, recorded_once):
    facts = recorded_once("native-sse", Policy(), "smoke").facts
    caps = {"chat": "max_completion_tokens", "messages": "max_tokens", "responses": "max_output_tokens"}
    mine = [(api, body) for api, other, body in SPEECH if other == name]
    mine += [(api, body | {caps[api]: 26}) for api, body in mine if body.get("thinking") != BUDGET["thinking"]]
    found = [v for api, body in mine for mode in ("stream", "unary") for v in judged(api, mode, name, body, facts)]
    assert [v for v in found if v.status is Status.FAIL and v.level is MUST] == []
    assert sum(v.status is Status.PASS for v in found) > 100
    assert not any(v.status is Status.ERROR for v in found)
