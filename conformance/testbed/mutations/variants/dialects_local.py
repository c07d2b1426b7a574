"""Legal variants: dialects of servers that people run themselves.

https://github.com/ml-explore/mlx-lm, https://github.com/theroyallab/tabbyAPI, https://github.com/LostRuins/koboldcpp,
https://lmstudio.ai/docs/app/api/endpoints/openai, https://github.com/NVIDIA/TensorRT-LLM,
https://docs.ollama.com/api/anthropic-compatibility
"""

from collections.abc import Iterator
from dataclasses import replace

from conformance.testbed.mutations.defects.tool_choice import in_function
from conformance.testbed.mutations.mutate_bytes import each, is_stream, streams
from conformance.testbed.mutations.mutate_chat import (
    Body,
    each_chunk,
    each_delta,
    each_fragment,
    each_message,
    each_part,
    in_turn,
    on_stream,
    on_whole,
    usage,
    variant,
    with_delta,
    with_fields,
    without_fields,
)
from conformance.testbed.mutations.mutate_messages import Events, on_events, on_message, within
from conformance.testbed.mutations.mutate_messages import each_of as each_event
from conformance.testbed.mutations.mutate_responses import each_part as each_output_part
from conformance.testbed.mutations.mutate_responses import without
from conformance.testbed.mutations.variants.chk import call_at_once
from conformance.testbed.mutations.variants.rsp import SUMMARIZED_THOUGHT, SUMMARY, led_by
from conformance.testbed.server.reply import Event, Mutation, ServerRequest, WireResponse, Write

EMPTY: Body = {"role": "assistant", "content": "", "reasoning": "", "tool_calls": []}
SPEED: Body = {"prompt_time": 0.02, "prompt_tokens_per_sec": 1200.5, "completion_tokens_per_sec": "Indeterminate"}
"""What TabbyAPI adds to the usage: numbers that are no counts, and a text where there is none."""
PROGRESS = b": keepalive 0/12\n\n: keepalive 12/12\n\n"
GUESSED = 3
"""The prompt tokens that Ollama guesses from the length of the request, before it has counted them."""


def filled(body: Body) -> Body:
    """A delta or message with every key, empty where it has nothing."""
    return EMPTY | {name: value for name, value in body.items() if value is not None}


def at_work(reply: WireResponse, request: ServerRequest) -> WireResponse:
    """Comments about the prompt before the first event."""
    if request.api != "chat" or not is_stream(reply):
        return reply
    return replace(reply, pieces=(Write(data=PROGRESS), *reply.pieces))


def ended_with_usage(chunks: list[Body]) -> Iterator[Body]:
    """The last finish_reason is in the chunk with the usage, whose choices are not empty."""
    last = chunks[-1]
    if not last.get("usage") or last["choices"] or not chunks[-2]["choices"][0]["finish_reason"]:
        yield from chunks
        return
    *rest, end = chunks[:-1]
    yield from rest
    yield end | {"usage": last["usage"]}


def scored_at_the_end(chunks: list[Body]) -> Iterator[Body]:
    """The log probabilities of all tokens in a chunk of their own, after the text of their choice."""
    scores: dict[int, list[Body]] = {}
    for chunk in chunks:
        choice = next(iter(chunk["choices"]), None)
        if choice and choice["finish_reason"] and (found := scores.get(choice["index"])):
            first = with_delta(chunk, {"role": "assistant", "content": ""})
            yield first | {"choices": [first["choices"][0] | {"logprobs": {"content": found}}]}
        if choice and choice["logprobs"]:
            scores.setdefault(choice["index"], []).extend(choice["logprobs"]["content"])
            yield chunk | {"choices": [choice | {"logprobs": None}]}
        else:
            yield chunk


def unended(choice: Body) -> Body:
    """A choice of a chunk without the key finish_reason, unless it ends."""
    return choice if choice["finish_reason"] else without_fields("finish_reason")(choice)


def padded(raw: bytes) -> bytes:
    """Events with a space before the line end."""
    return raw.replace(b"}\n\n", b"} \n\n")


def without_nulls(body: Body) -> Body:
    """The fields that have a value."""
    return {name: value for name, value in body.items() if value is not None}


def counted_at_the_end(events: Events) -> Iterator[Event]:
    """A guess of the input tokens in message_start, and their number in message_delta."""
    counted = events[0].data.get("message", {}).get("usage", {}).get("input_tokens")
    for event in events:
        if event.name == "message_start":
            guess = within("message", within("usage", with_fields(input_tokens=GUESSED)))
            yield replace(event, data=guess(event.data))
        elif event.name == "message_delta":
            yield replace(event, data=within("usage", with_fields(input_tokens=counted))(event.data))
        else:
            yield event


LATER_NAMES = in_function(with_fields(name=""))

LOCAL = (
    Mutation(
        name="mlx-lm",
        title="mlx-lm's dialect of chat: all keys in every delta, empty where there is nothing, and comments first",
        on_response=in_turn(each_delta(filled), each_message(filled)),
        on_wire=at_work,
    ),
    variant(
        "tabby-api",
        "TabbyAPI's dialect of chat: no role in a stream, finish_reason beside the usage, and speeds in the usage",
        in_turn(
            each_delta(without_fields("role", "refusal")),
            on_stream(call_at_once),
            on_stream(ended_with_usage),
            usage(with_fields(**SPEED)),
        ),
    ),
    variant(
        "koboldcpp",
        "KoboldCpp's dialect of chat: the role in every delta, and all log probabilities at the end",
        in_turn(on_stream(call_at_once), on_stream(scored_at_the_end), each_delta(with_fields(role="assistant"))),
    ),
    variant(
        "lm-studio",
        "LM Studio's dialect of chat: later fragments of a call have an empty name, and responses have stats",
        in_turn(
            each_fragment(LATER_NAMES, lambda fragment: "id" not in fragment),
            on_whole(with_fields(stats={}, system_fingerprint="tiny")),
            each_chunk(with_fields(system_fingerprint="tiny")),
        ),
    ),
    Mutation(
        name="tensorrt-llm",
        title="TensorRT-LLM's dialect of chat: no key without a value, empty reasoning, and a space after the data",
        apis=("chat",),
        on_response=in_turn(
            each_delta(
                with_fields(reasoning_content=""), lambda delta: delta.get("content") or delta.get("tool_calls")
            ),
            each_part(unended),
            each_part(lambda choice: choice if choice["logprobs"] else without_fields("logprobs")(choice)),
        ),
        on_wire=streams(each(padded)),
    ),
    variant(
        "ollama-messages",
        "Ollama's dialect of Messages: no null fields, and a guess of the input tokens until the end",
        in_turn(
            on_events(counted_at_the_end),
            each_event("message_start", within("message", without_nulls)),
            each_event("message_delta", within("delta", without_nulls)),
            on_message(without_nulls),
        ),
    ),
    variant(
        "ollama-responses",
        "Ollama's dialect of Responses: a summary of the reasoning, without events for its parts, is sent first",
        led_by(
            without_fields("status")(SUMMARIZED_THOUGHT) | {"encrypted_content": "A welcome."},
            *(event for event in SUMMARY if "part" not in event.data),
        ),
    ),
    variant(
        "koboldcpp-responses",
        "KoboldCpp's dialect of Responses: no response.in_progress, and parts without logprobs",
        in_turn(
            without("response.in_progress"),
            each_output_part(without_fields("logprobs")),
        ),
    ),
)
