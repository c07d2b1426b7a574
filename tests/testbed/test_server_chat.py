import itertools
import json

import jsonschema
import pytest

from conformance import schemas
from conformance.testbed.server.deployments import DEPLOYMENTS, NATIVE_SSE, SSE_PROXY

CITY = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
TIME = {"type": "object", "properties": {"zone": {"enum": ["UTC", "CET"]}}, "required": ["zone"]}
TOOLS = [
    {"type": "function", "function": {"name": "get_weather", "parameters": CITY}},
    {"type": "function", "function": {"name": "get_time", "parameters": TIME}},
]
LAMP = {
    "type": "object",
    "properties": {"lamp": {"const": "green"}},
    "required": ["lamp"],
    "additionalProperties": False,
}
LAMPS = {"type": "json_schema", "json_schema": {"name": "lamp", "strict": True, "schema": LAMP}}
COUNT = "Count from one to forty in words."

BODIES = [
    {},
    {"n": 3, "max_tokens": 2},
    {"logprobs": True, "top_logprobs": 3},
    {"tools": TOOLS, "tool_choice": "required", "service_tier": "auto"},
    {"response_format": {"type": "json_object"}},
    {"prompt": COUNT, "stop": [" five"]},
]


@pytest.mark.parametrize("fields", BODIES, ids=lambda fields: "-".join(fields) or "plain")
@pytest.mark.parametrize("usage", [None, {"include_usage": True, "include_obfuscation": True}])
@pytest.mark.parametrize("deployment", DEPLOYMENTS.values(), ids=list(DEPLOYMENTS))
def test_every_reply_satisfies_its_schema(deployment, usage, fields, chat):
    whole = chat(deployment, **fields)
    schemas.validator("chat-completion").validate(whole.json)
    received = chat(deployment, **fields, stream=True, stream_options=usage)
    if received.status == 501:
        schemas.validator("error").validate(received.json)
    elif received.events is None:
        schemas.validator("chat-completion").validate(received.json)
    else:
        *chunks, last = received.events
        assert last == "[DONE]"
        for chunk in chunks:
            schemas.validator("chat-chunk").validate(chunk)


@pytest.mark.parametrize("fields", BODIES, ids=lambda fields: "-".join(fields) or "plain")
@pytest.mark.parametrize("deployment", [NATIVE_SSE, SSE_PROXY], ids=lambda d: d.name)
def test_a_stream_amounts_to_the_whole_answer(deployment, fields, chat, choices):
    whole = chat(**fields)
    received = chat(deployment, **fields, stream=True, stream_options={"include_usage": True})
    assert choices(received) == choices(whole)
    *_, last, done = received.events
    assert done == "[DONE]"
    assert last["choices"] == []
    assert last["usage"] == whole.json["usage"]


def test_the_chunks_of_a_stream_share_their_frame_and_begin_with_the_role(chat):
    *chunks, _ = chat(stream=True, n=2).events
    assert {(c["id"], c["created"], c["model"]) for c in chunks} == {("chatcmpl-1", 1_760_000_000, "reference")}
    for index in (0, 1):
        mine = [c["choices"][0] for c in chunks if c["choices"][0]["index"] == index]
        assert [choice["delta"].get("role") for choice in mine] == ["assistant"] + [None] * (len(mine) - 1)
        assert [choice["finish_reason"] for choice in mine] == [None] * (len(mine) - 1) + ["stop"]


def test_usage_stands_on_the_last_chunk_alone_and_only_where_it_was_asked_for(chat):
    assert all("usage" not in chunk for chunk in chat(stream=True).events[:-1])
    asked = chat(stream=True, stream_options={"include_usage": True}).events[:-1]
    assert [chunk["usage"] is None for chunk in asked] == [True] * (len(asked) - 1) + [False]


def test_usage_adds_up_over_all_choices(both):
    one, three = (both(n=n, stream_options=None) for n in (1, 3))
    if one.events is None:
        used, thrice = one.json["usage"], three.json["usage"]
        assert thrice["completion_tokens"] == 3 * used["completion_tokens"]
        assert thrice["total_tokens"] == thrice["prompt_tokens"] + thrice["completion_tokens"]
        assert thrice["prompt_tokens"] == used["prompt_tokens"] > 0


@pytest.mark.parametrize(
    "cap", [{"max_tokens": 3}, {"max_completion_tokens": 3}, {"max_tokens": 3, "max_completion_tokens": 9}]
)
def test_caps_end_the_answer(cap, both, choices):
    (choice,) = choices(both(prompt=COUNT, logprobs=True, **cap))
    assert choice["finish"] == "length"
    assert choice["content"] == "one, two"
    assert len(choice["logprobs"]) == 3


def test_a_cap_that_is_not_reached_changes_nothing(both, choices):
    assert choices(both(max_tokens=65_536, max_completion_tokens=None)) == choices(both())


def test_a_long_prompt_gets_a_long_answer_and_a_greeting_a_short_one(chat):
    assert chat(prompt=COUNT).json["usage"]["completion_tokens"] >= 48
    assert chat().json["usage"]["completion_tokens"] <= 12
    assert chat(prompt="Count from 3 to 5.").json["choices"][0]["message"]["content"] == "3, 4, 5."


def test_a_stop_text_ends_the_answer_before_itself(both, choices):
    (choice,) = choices(both(prompt=COUNT, stop=["nine", ", five"]))
    assert (choice["content"], choice["finish"]) == ("one, two, three, four", "stop")
    (choice,) = choices(both(stop="Hello"))
    assert (choice["content"], choice["finish"]) == ("", "stop")


def test_each_token_has_its_log_probability(both, choices):
    (choice,) = choices(both(logprobs=True, top_logprobs=2))
    assert "".join(entry["token"] for entry in choice["logprobs"]) == choice["content"]
    for entry in choice["logprobs"]:
        assert bytes(entry["bytes"]).decode() == entry["token"]
        assert entry["top_logprobs"][0]["token"] == entry["token"]
        assert len(entry["top_logprobs"]) == 2


@pytest.mark.parametrize(
    ("choice", "called"),
    [
        ("none", []),
        ("auto", []),
        ("required", ["get_weather"]),
        ({"type": "function", "function": {"name": "get_time"}}, ["get_time"]),
        (
            {
                "type": "allowed_tools",
                "allowed_tools": {
                    "mode": "required",
                    "tools": [{"type": "function", "function": {"name": "get_time"}}],
                },
            },
            ["get_time"],
        ),
    ],
    ids=["none", "auto", "required", "named", "allowed"],
)
def test_tool_choice_is_heeded(choice, called, both, choices):
    (answer,) = choices(both(tools=TOOLS, tool_choice=choice))
    assert [call["name"] for call in answer["calls"].values()] == called
    assert answer["finish"] == ("tool_calls" if called else "stop")
    assert bool(answer["content"]) is not bool(called)
    for call in answer["calls"].values():
        parameters = next(t["function"]["parameters"] for t in TOOLS if t["function"]["name"] == call["name"])
        jsonschema.validate(json.loads(call["arguments"]), parameters)


def test_auto_calls_the_tool_that_the_prompt_is_about(both, choices):
    (answer,) = choices(both(prompt="What time is it in Oslo?", tools=TOOLS))
    assert [call["name"] for call in answer["calls"].values()] == ["get_time"]


def test_parallel_calls_come_only_where_they_may(both, choices):
    asked = {"prompt": "Tell the weather in Oslo and Rome.", "tools": TOOLS, "tool_choice": "required"}
    (answer,) = choices(both(**asked))
    assert len({call["id"] for call in answer["calls"].values()}) == 2
    (answer,) = choices(both(**asked, parallel_tool_calls=False))
    assert len(answer["calls"]) == 1


def test_a_tools_answer_is_answered_with_text(both, choices):
    call = {"id": "call_1", "type": "function", "function": {"name": "get_time", "arguments": "{}"}}
    messages = [
        {"role": "user", "content": "What time is it?"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "noon"},
    ]
    (answer,) = choices(both(messages=messages, tools=TOOLS))
    assert (bool(answer["content"]), answer["calls"]) == (True, {})


def test_capped_calls_end_with_length(both, choices):
    (answer,) = choices(both(tools=TOOLS, tool_choice="required", max_tokens=1))
    assert answer["finish"] == "length"
    assert answer["calls"][0]["name"] == "get_weather"


def test_structured_answers_satisfy_their_schema(both, choices):
    (answer,) = choices(both(response_format=LAMPS))
    assert json.loads(answer["content"]) == {"lamp": "green"}
    (answer,) = choices(both(response_format={"type": "json_object"}))
    assert isinstance(json.loads(answer["content"]), dict)


def test_a_native_stream_is_paced_and_a_proxied_one_is_late(chat):
    waits = [piece.wait_s for piece in chat(stream=True).reply.pieces]
    assert waits[0] == 0
    assert sum(wait > 0 for wait in waits) == 9
    late = [piece.wait_s for piece in chat(SSE_PROXY, stream=True).reply.pieces]
    assert late[0] == pytest.approx(sum(waits))
    assert not any(late[1:])


def test_the_first_role_chunk_of_a_stream_comes_before_any_pause(chat):
    pieces = chat(stream=True, n=2).reply.pieces
    opening = list(itertools.takewhile(lambda piece: not piece.wait_s, pieces))
    assert len(opening) == 2
