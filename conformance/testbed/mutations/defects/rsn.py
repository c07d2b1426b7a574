"""Defects in where reasoning is, how it is named, and how it is counted."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from conformance.testbed.mutations.mutate_chat import (
    each_choice,
    each_delta,
    each_message,
    in_turn,
    on_stream,
    usage,
    with_delta,
    without_fields,
)
from conformance.testbed.mutations.mutate_dialects import Body, reasoning
from conformance.testbed.mutations.mutate_messages import on_events, on_message
from conformance.testbed.server.reply import Event, Mutation, OnRequest, OnResponse, Reasoning, ServerRequest

FIELD = "reasoning_content"
TOKENS = 16
EFFORT = {"low": 8, "high": 32}
"""Tokens of reasoning for an effort."""
OPEN, CLOSE = "<think>\n", "\n</think>\n\n"


def always(request: ServerRequest, body: Body) -> Reasoning:
    """A chat model reasons before each response."""
    is_chat = request.api == "chat"
    return Reasoning(tokens=by_effort(body.get("reasoning_effort")), field=FIELD) if is_chat else Reasoning()


def on_request(tokens: Callable[[Any], int]) -> OnRequest:
    """A chat model that reasons if the request sets an effort."""

    def read(request: ServerRequest, body: Body) -> Reasoning:
        wanted = body.get("reasoning_effort")
        is_on = request.api == "chat" and isinstance(wanted, str)
        return Reasoning(tokens=tokens(wanted), field=FIELD) if is_on else Reasoning()

    return reasoning(read)


def by_effort(wanted: Any) -> int:
    """The tokens of an effort."""
    return EFFORT.get(wanted, TOKENS) if isinstance(wanted, str) else TOKENS


def defect(name: str, title: str, caught_by: str, change: OnResponse, reads: OnRequest | None = None) -> Mutation:
    """A defect of a chat model that reasons, by default if an effort is set."""
    return Mutation(
        name=name, title=title, caught_by=caught_by, on_request=reads or on_request(by_effort), on_response=change
    )


def inline_whole(opening: str) -> OnResponse:
    """The reasoning in the content of a non-streaming message."""

    def edit(message: Body) -> Body:
        content = f"{opening}{message.get(FIELD, '')}{CLOSE}{message['content'] or ''}"
        return without_fields(FIELD)(message) | ({"content": content} if message.get(FIELD) else {})

    return each_message(edit)


def inline_stream(opening: str) -> OnResponse:
    """The reasoning in the content of a stream."""

    def edit(chunks: list[Body]) -> Iterator[Body]:
        before, is_open = opening, False
        for chunk in chunks:
            delta = chunk["choices"][0]["delta"] if chunk["choices"] else {}
            if FIELD in delta:
                is_open = True
                yield with_delta(chunk, {"content": before + delta[FIELD]})
                before = ""
            elif is_open and delta:
                is_open = False
                yield with_delta(chunk, {"content": CLOSE})
                yield chunk
            else:
                yield chunk

    return on_stream(edit)


def inline_blocks(events: tuple[Event, ...]) -> Iterator[Event]:
    """The thinking of a stream of Messages in a block of text."""
    for event in events:
        data = event.data
        if data.get("content_block", {}).get("type") == "thinking":
            yield replace(event, data=data | {"content_block": {"type": "text", "text": ""}})
            opening = {"type": "text_delta", "text": OPEN}
            yield Event(
                name="content_block_delta",
                data={"type": "content_block_delta", "index": data["index"], "delta": opening},
            )
        elif "thinking" in data.get("delta", {}):
            yield replace(event, data=data | {"delta": {"type": "text_delta", "text": data["delta"]["thinking"]}})
        elif "signature" in data.get("delta", {}):
            yield replace(event, data=data | {"delta": {"type": "text_delta", "text": CLOSE}})
        else:
            yield event


def inline_message(message: Body) -> Body:
    """The same in a non-streaming message."""
    return message | {"content": [_inline(block) for block in message["content"]]}


def _inline(block: Body) -> Body:
    return {"type": "text", "text": OPEN + block["thinking"] + CLOSE} if block["type"] == "thinking" else block


def without_thoughts(chunks: list[Body]) -> list[Body]:
    """The chunks without reasoning."""
    return [chunk for chunk in chunks if not (chunk["choices"] and FIELD in chunk["choices"][0]["delta"])]


def renamed(delta: Body) -> Body:
    """The reasoning under another name."""
    return without_fields(FIELD)(delta) | ({"reasoning": delta[FIELD]} if FIELD in delta else {})


def alternating(chunks: list[Body]) -> list[Body]:
    """Every other chunk names the reasoning otherwise."""
    return [
        with_delta(chunk, renamed(chunk["choices"][0]["delta"])) if at % 2 and _has_thought(chunk) else chunk
        for at, chunk in enumerate(chunks)
    ]


def _has_thought(chunk: Body) -> bool:
    return bool(chunk["choices"]) and FIELD in chunk["choices"][0]["delta"]


def thoughts_last(chunks: list[Body]) -> list[Body]:
    """The reasoning after the text, before the finish_reason."""
    thoughts = [chunk for chunk in chunks if _has_thought(chunk)]
    rest = [chunk for chunk in chunks if not _has_thought(chunk)]
    end = next((at for at, c in enumerate(rest) if c["choices"] and c["choices"][0]["finish_reason"]), len(rest))
    return [*rest[:end], *thoughts, *rest[end:]]


def uncounted(reported: Body) -> Body:
    """A usage whose details count no reasoning."""
    return reported | {"completion_tokens_details": reported["completion_tokens_details"] | {"reasoning_tokens": 0}}


def natural(choice: Body) -> Body:
    """A choice without text or calls has the finish_reason `stop` in place of `length`."""
    message = choice.get("message") or {}
    is_cut = choice["finish_reason"] == "length" and not message.get("content") and not message.get("tool_calls")
    return choice | {"finish_reason": "stop"} if is_cut else choice


def natural_end(chunks: list[Body]) -> list[Body]:
    """The same for a stream."""
    deltas = [choice["delta"] for chunk in chunks for choice in chunk["choices"]]
    is_silent = not any(delta.get("content") or delta.get("tool_calls") for delta in deltas)
    return (
        [chunk | {"choices": [natural(choice) for choice in chunk["choices"]]} for chunk in chunks]
        if is_silent
        else chunks
    )


def without_thinking(message: Body) -> Body:
    """A non-streaming message without thinking blocks."""
    return message | {"content": [block for block in message["content"] if block["type"] != "thinking"]}


IN_CONTENT = (
    defect(
        "reasoning-in-content",
        "The content begins with the reasoning between <think> and </think>",
        "RSN001",
        in_turn(inline_whole(OPEN), inline_stream(OPEN)),
        reasoning(always),
    ),
    defect(
        "reasoning-in-content-half-marked",
        "The content begins with the reasoning and </think>: the template has opened the tag",
        "RSN001",
        in_turn(inline_whole(""), inline_stream("")),
    ),
    defect(
        "reasoning-in-content-of-streams",
        "The content of a stream has the reasoning between tags; a non-streaming response has it in its own field",
        "RSN001",
        inline_stream(OPEN),
    ),
    Mutation(
        name="thinking-in-text-block",
        title="Thinking is in a text block, between <think> and </think>",
        caught_by="RSN001",
        on_response=in_turn(on_events(inline_blocks), on_message(inline_message)),
    ),
)

PLACES = (
    defect(
        "reasoning-lost-in-whole",
        "A non-streaming response does not show the reasoning that the stream shows",
        "RSN002",
        each_message(without_fields(FIELD)),
    ),
    defect(
        "reasoning-lost-in-stream",
        "A stream does not show the reasoning that a non-streaming response shows",
        "RSN002",
        on_stream(without_thoughts),
    ),
    Mutation(
        name="thinking-lost-in-whole",
        title="A non-streaming message does not have the thinking block that the stream has",
        caught_by="RSN002",
        on_response=on_message(without_thinking),
    ),
    defect(
        "reasoning-renamed-in-stream",
        "Reasoning is in `reasoning` in a stream, and in `reasoning_content` without one",
        "RSN003",
        each_delta(renamed),
    ),
    defect(
        "reasoning-names-alternate",
        "The deltas of a stream have their reasoning in `reasoning` and `reasoning_content` by turns",
        "RSN004",
        on_stream(alternating),
    ),
    defect(
        "reasoning-after-content",
        "The reasoning is streamed after the content",
        "RSN005",
        on_stream(thoughts_last),
    ),
)

COUNTS = (
    defect(
        "reasoning-tokens-zero",
        "Usage counts 0 reasoning_tokens for reasoning that the response shows",
        "RSN006",
        usage(uncounted),
    ),
    defect(
        "reasoning-cap-stop",
        "A completion whose reasoning used up its cap has finish_reason stop",
        "RSN007",
        in_turn(on_stream(natural_end), each_choice(natural)),
        reasoning(always),
    ),
    defect(
        "hidden-reasoning-cap-stop",
        "A completion whose hidden reasoning used up its cap has finish_reason stop",
        "RSN007",
        in_turn(
            each_message(without_fields(FIELD)),
            on_stream(without_thoughts),
            on_stream(natural_end),
            each_choice(natural),
        ),
        reasoning(always),
    ),
)
EFFORTS = (
    defect(
        "reasoning-effort-ignored",
        "`reasoning_effort` has no effect: low and high give the same reasoning",
        "RSN008",
        in_turn(),
        on_request(lambda _: TOKENS),
    ),
)
