"""The embedded gateway's translator: what it makes of requests, of whole replies, and of streams cut anywhere."""

import asyncio
import json

import pytest

from conformance.testbed.gateway.translation.failures import FailedError
from conformance.testbed.gateway.translation.lanes import LANES, lane
from conformance.testbed.gateway.translation.wire import encoded, events_in

ASK = {"role": "user", "content": "What is the weather in Oslo and Rome?"}
CITIES = ("Oslo", "Rome")


def chat_turn():
    calls = [
        {"id": city, "type": "function", "function": {"name": "f", "arguments": json.dumps({"city": city})}}
        for city in CITIES
    ]
    results = [{"role": "tool", "tool_call_id": city, "content": f"{city}: cold"} for city in CITIES]
    return [
        ASK,
        {"role": "assistant", "content": "I look.", "tool_calls": calls},
        *results,
        {"role": "user", "content": "So?"},
    ]


def chunk(delta, finish=None):
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}


def fragment(index, **function):
    return chunk({"tool_calls": [{"index": index, "id": f"call_{index}", "type": "function", "function": function}]})


def stream(*chunks, end="data: [DONE]\n\n"):
    return ("".join(f"data: {json.dumps(one)}\n\n" for one in chunks) + end).encode()


def translated(raw, client, upstream="chat", asked=None, size=1 << 20):
    """The events for the client of an upstream's stream, which arrives in pieces of this size."""

    async def pieces():
        for at in range(0, len(raw), size):
            yield raw[at : at + size]

    async def collected():
        events = lane(client, upstream).events(events_in(pieces()), asked or {"model": "m", "stream": True})
        return [event.data async for event in events]

    return asyncio.run(collected())


def test_results_of_parallel_calls_become_one_message_of_messages():
    body = lane("chat", "messages").request({"model": "m", "messages": chat_turn()})
    roles = [message["role"] for message in body["messages"]]
    assert roles == ["user", "assistant", "user"]
    assert [block["type"] for block in body["messages"][2]["content"]] == ["tool_result", "tool_result", "text"]
    assert body["max_tokens"] > 0


@pytest.mark.parametrize("through", ["messages", "responses"])
def test_a_turn_with_calls_survives_the_way_there_and_back(through):
    there = lane("chat", through).request({"model": "m", "max_tokens": 64, "messages": chat_turn()})
    back = lane(through, "chat").request(there)
    called = [call["function"] for message in back["messages"] for call in message.get("tool_calls", ())]
    assert [json.loads(function["arguments"])["city"] for function in called] == ["Oslo", "Rome"]
    assert [(m["tool_call_id"], m["content"]) for m in back["messages"] if m["role"] == "tool"] == [
        (city, f"{city}: cold") for city in CITIES
    ]
    assert [m["content"] for m in back["messages"] if m["role"] == "user"] == [ASK["content"], "So?"]


@pytest.mark.parametrize(
    ("client", "field", "body"),
    [
        ("chat", "response_format.type", {"messages": [ASK], "response_format": {"type": "json_object"}}),
        ("chat", "n", {"messages": [ASK], "n": 2}),
        ("chat", "messages[0].content[0].type", {"messages": [{"role": "user", "content": [{"type": "input_audio"}]}]}),
        ("responses", "previous_response_id", {"input": "Hi", "previous_response_id": "resp_1"}),
        ("responses", "tools[0].type", {"input": "Hi", "tools": [{"type": "web_search"}]}),
    ],
)
def test_what_has_no_counterpart_is_refused_by_name(client, field, body):
    with pytest.raises(FailedError) as error:
        lane(client, "messages").request({"model": "m"} | body)
    assert error.value.failure.param == field


def test_two_interleaved_calls_become_two_blocks_one_after_the_other():
    raw = stream(
        chunk({"role": "assistant"}),
        fragment(0, name="f", arguments='{"city":'),
        fragment(1, name="f", arguments='{"city":'),
        fragment(0, arguments='"Oslo"}'),
        fragment(1, arguments='"Rome"}'),
        chunk({}, "tool_calls"),
    )
    events = translated(raw, "messages")
    order = [(e["type"], e["index"]) for e in events if "index" in e and e["type"] != "content_block_delta"]
    assert order == [(f"content_block_{what}", index) for index in (0, 1) for what in ("start", "stop")]
    pieces = {0: "", 1: ""}
    for event in events:
        if event["type"] == "content_block_delta":
            pieces[event["index"]] += event["delta"]["partial_json"]
    assert [json.loads(text)["city"] for text in pieces.values()] == ["Oslo", "Rome"]
    assert events[-2]["delta"]["stop_reason"] == "tool_use"


@pytest.mark.parametrize("eol", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_a_stream_may_be_cut_anywhere_and_have_any_line_end(size, eol):
    raw = stream(chunk({"content": "é"}), chunk({"content": "☂"}), chunk({}, "stop")).replace(b"\n", eol.encode())
    events = translated(raw, "messages", size=size)
    assert "".join(e["delta"]["text"] for e in events if e["type"] == "content_block_delta") == "é☂"
    assert events[-1]["type"] == "message_stop"


@pytest.mark.parametrize("client", ["messages", "responses"])
def test_a_stream_without_finish_reason_is_no_whole_answer(client):
    with pytest.raises(FailedError):
        translated(stream(chunk({"content": "Hel"}), end=""), client)


@pytest.mark.parametrize(
    ("finish", "stop_reason", "status"),
    [
        ("stop", "end_turn", "completed"),
        ("length", "max_tokens", "incomplete"),
        ("content_filter", "refusal", "incomplete"),
    ],
)
def test_each_ending_has_its_counterpart_in_both_modes(finish, stop_reason, status):
    raw = stream(chunk({"content": "Hi"}), chunk({}, finish))
    message = {"role": "assistant", "content": "Hi"}
    whole = {"id": "1", "model": "m", "choices": [{"index": 0, "message": message, "finish_reason": finish}]}
    assert translated(raw, "messages")[-2]["delta"]["stop_reason"] == stop_reason
    assert lane("messages", "chat").reply(whole, {})["stop_reason"] == stop_reason
    assert translated(raw, "responses")[-1]["response"]["status"] == status
    assert lane("responses", "chat").reply(whole, {})["status"] == status


def test_events_become_the_bytes_that_they_came_from():
    raw = stream(chunk({"content": "Hi"}), end="event: ping\ndata: {}\n\n")

    async def again():
        async def pieces():
            yield raw

        return [value async for value in encoded(events_in(pieces()))]

    assert json.loads(b"".join(asyncio.run(again())).split(b"\n\n")[0].removeprefix(b"data: ")) == chunk(
        {"content": "Hi"}
    )


def test_every_lane_leads_through_chat():
    assert {pair for pair in LANES if "chat" not in pair} == set()
    assert (
        lane("messages", "responses").request({"model": "m", "max_tokens": 9, "messages": [ASK]})["max_output_tokens"]
        == 9
    )
