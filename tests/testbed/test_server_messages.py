import json

import jsonschema
import pytest

from conformance.testbed.server.deployments import DEPLOYMENTS, NATIVE_SSE, SSE_PROXY, STOPGAP_501

HELLO = {"model": "reference", "max_tokens": 64, "messages": [{"role": "user", "content": "say hello"}]}
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS = [{"name": "get_weather", "input_schema": CITY}, {"name": "get_time", "input_schema": {"type": "object"}}]
JSON = ("content-type", "application/json")
COUNT = [{"role": "user", "content": "Count from one to forty in words."}]

CLAUDE_CODE = {
    "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
    "messages": [
        {"role": "user", "content": [{"type": "text", "text": "tools and time"}, {"type": "text", "text": "say hello"}]}
    ],
    "tools": TOOLS,
    "metadata": {"user_id": "{}"},
    "max_tokens": 32_000,
    "thinking": {"budget_tokens": 31_999, "type": "enabled", "display": "updates"},
    "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
    "something_new": True,
}


@pytest.fixture
def say(ask):
    def say(deployment=NATIVE_SSE, /, headers=(), **fields):
        return ask(HELLO | fields, deployment, path="/v1/messages", headers=[JSON, *headers])

    return say


def _assemble(events):
    """The message that a stream is assembled into; asserts the order of its events."""
    message, open_block = None, None
    for event in events:
        match event["type"]:
            case "message_start":
                assert message is None
                message = event["message"]
            case "content_block_start":
                assert open_block is None
                assert event["index"] == len(message["content"])
                open_block = event["content_block"] | {"json": ""}
            case "content_block_delta":
                delta = event["delta"]
                open_block["text"] = open_block.get("text", "") + delta.get("text", "")
                open_block["json"] += delta.get("partial_json", "")
            case "content_block_stop":
                made, kind = open_block, open_block["type"]
                text = {"text": made["text"]} if kind == "text" else {"input": json.loads(made["json"])}
                message["content"].append({k: v for k, v in made.items() if k not in ("json", "text")} | text)
                open_block = None
            case "message_delta":
                message |= event["delta"]
                message["usage"] |= event["usage"]
    assert open_block is None
    return message


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"messages": COUNT, "max_tokens": 5},
        {"messages": COUNT, "stop_sequences": ["five"]},
        {"tools": TOOLS, "tool_choice": {"type": "any"}},
        {"tools": TOOLS, "tool_choice": {"type": "tool", "name": "get_time"}},
        {"tools": TOOLS, "tool_choice": {"type": "none"}},
        {"stop_sequences": ["Hello"]},
    ],
    ids=["plain", "cap", "stop", "any", "named", "none", "nothing-said"],
)
@pytest.mark.parametrize("deployment", [NATIVE_SSE, SSE_PROXY], ids=lambda d: d.name)
def test_a_stream_amounts_to_the_whole_message(deployment, fields, say):
    whole = say(deployment, **fields)
    received = say(deployment, **fields, stream=True)
    assert _assemble(received.events) == whole.json
    assert [e["type"] for e in received.events][-2:] == ["message_delta", "message_stop"]


def test_every_event_is_named_like_its_type_and_no_done_follows(say):
    raw = say(stream=True).content.decode()
    for block in raw.strip().split("\n\n"):
        name, data = block.split("\n")
        assert name == f"event: {json.loads(data.removeprefix('data: '))['type']}"
    assert "[DONE]" not in raw


def test_stop_reasons_say_why_the_message_ended(say):
    assert say().json["stop_reason"] == "end_turn"
    capped = say(messages=COUNT, max_tokens=5).json
    assert (capped["stop_reason"], capped["usage"]["output_tokens"]) == ("max_tokens", 5)
    stopped = say(messages=COUNT, stop_sequences=["seven", ", five"]).json
    assert (stopped["stop_reason"], stopped["stop_sequence"]) == ("stop_sequence", ", five")
    assert stopped["content"][0]["text"] == "one, two, three, four"


def test_a_forced_tool_is_called_with_fitting_input(say):
    called = say(tools=TOOLS, tool_choice={"type": "any", "disable_parallel_tool_use": True}).json
    (block,) = called["content"]
    assert (block["type"], block["name"], called["stop_reason"]) == ("tool_use", "get_weather", "tool_use")
    jsonschema.validate(block["input"], CITY)


def test_a_greeting_beside_tools_gets_text_after_the_thinking_that_is_asked_for(say):
    beta = [("anthropic-beta", "context-management")]
    assert [block["type"] for block in say(headers=beta, **CLAUDE_CODE).json["content"]] == ["thinking", "text"]


def test_unknown_fields_are_taken_only_where_a_beta_is_asked_for(say):
    refused = say(something_new=True)
    assert refused.status == 400
    assert "something_new" in refused.json["error"]["message"]
    assert say(something_new=True, headers=[("anthropic-beta", "x")]).status == 200
    assert say(max_tokens="x", headers=[("anthropic-beta", "x")]).status == 400


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": True}, "max_tokens"),
        ({"temperature": 1.5}, "temperature"),
        ({"stream": "yes"}, "stream"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "system", "content": "Hi"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages[0].content[0].text"),
        ({"messages": [{"role": "user", "content": [{"type": "image", "source": {}}]}]}, "messages[0].content[0].type"),
        ({"tools": [{"name": "f"}]}, "tools[0].input_schema"),
        ({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, "tools[0].type"),
        ({"tool_choice": {"type": "any"}}, "tool_choice"),
        ({"tool_choice": {"type": "tool", "name": "f"}}, "tool_choice.name"),
        ({"thinking": {"type": "enabled", "budget_tokens": 5000}}, "thinking.budget_tokens"),
        ({"mcp_servers": [{}]}, "mcp_servers"),
        ({"model": "other"}, "other"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
@pytest.mark.parametrize("stream", [False, True])
def test_a_refusal_names_the_field(stream, fields, named, say):
    received = say(**{"stream": stream} | fields)
    assert received.status == (404 if named == "other" else 400)
    assert received.json["type"] == "error"
    assert received.json["error"]["type"] == ("not_found_error" if named == "other" else "invalid_request_error")
    assert f"'{named}'" in received.json["error"]["message"]
    assert received.json["request_id"] == received.headers["request-id"] == "req_1"


@pytest.mark.parametrize("field", ["model", "max_tokens", "messages"])
def test_a_missing_field_is_named(field, ask):
    body = {name: value for name, value in HELLO.items() if name != field}
    received = ask(body, path="/v1/messages")
    assert (received.status, received.json["error"]["message"]) == (400, f"'{field}' is required.")


def test_the_stopgap_speaks_this_api_s_envelope(say):
    received = say(STOPGAP_501, stream=True)
    assert (received.status, received.headers["x-should-retry"]) == (501, "false")
    assert received.json["error"]["type"] == "api_error"
    assert "not supported" in received.json["error"]["message"]


def test_silent_json_answers_whole(say):
    received = say(DEPLOYMENTS["silent-json"], stream=True)
    assert received.json["type"] == "message"
