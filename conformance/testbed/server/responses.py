"""Responses: read a request body, and write the model's output as a response or as events."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from conformance.testbed.server.chat import SECONDS_A_TOKEN, format_of, text_of
from conformance.testbed.server.model import Generation, GenerationRequest, Tool, generate, tokenize
from conformance.testbed.server.reply import Event, ModelResponse, ServerRequest
from conformance.testbed.server.seal import seal
from conformance.testbed.server.usage import prompt_tokens

Body = dict[str, Any]
SUMMARY_TOKENS = 16
"""The most tokens of a compacted conversation."""
OutputItem = tuple[str, Body, float]
"""An event before numbering: its type, its fields, and the delay before it."""

ECHOED_FIELDS: Body = {
    "frequency_penalty": 0.0,
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "parallel_tool_calls": True,
    "presence_penalty": 0.0,
    "prompt_cache_key": None,
    "reasoning": {"effort": None, "summary": None},
    "safety_identifier": None,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "metadata": {},
    "user": None,
}
"""The request fields that a response echoes, with their defaults."""
ECHOED_TOOL: Body = {"description": None, "parameters": None, "strict": None}
"""The members of a function that a response echoes, with their defaults."""


def answer_responses(request: ServerRequest) -> ModelResponse:
    """The response to a valid Responses request."""
    body: Body = request.json
    generation = generate(replace(turn_of(body), reasoning=request.reasoning.tokens))
    whole = _response(request, body, generation)
    if request.mode == "stream":
        return ModelResponse(events=tuple(events_of(whole, _pieces(generation), SECONDS_A_TOKEN)))
    return ModelResponse(whole=whole, wait_s=generation.tokens * SECONDS_A_TOKEN)


def items_of(body: Body) -> list[Body]:
    """The input as items: a string is one user message."""
    given = body.get("input") or []
    return [{"role": "user", "content": given}] if isinstance(given, str) else given


def turn_of(body: Body) -> GenerationRequest:
    """The Turn that the body requests."""
    items = items_of(body)
    users = [item for item in items if item.get("role") == "user"]
    choice: Any = body.get("tool_choice") or "auto"
    tools = [tool for tool in body.get("tools") or () if tool["type"] == "function"]
    if isinstance(choice, dict):
        tools, choice = [tool for tool in tools if tool["name"] == choice["name"]], "required"
    return GenerationRequest(
        prompt=text_of(users[-1]["content"]) if users else "",
        instructions=body.get("instructions") or "",
        after_tool=bool(items) and items[-1].get("type") == "function_call_output",
        tools=tuple(Tool(name=tool["name"], parameters=tool.get("parameters") or {}) for tool in tools),
        choice=choice,
        parallel=body.get("parallel_tool_calls") is not False,
        format=format_of(_format(body)),
        cap=body.get("max_output_tokens"),
    )


def _format(body: Body) -> Body:
    """The requested format, as Chat Completions nests it."""
    wanted: Body = (body.get("text") or {}).get("format") or {}
    return wanted | {"json_schema": wanted} if wanted.get("type") == "json_schema" else wanted


def input_tokens(body: Body) -> int:
    """The input tokens of a request."""
    messages = [item for item in items_of(body) if "role" in item]
    others = [item for item in items_of(body) if "role" not in item]
    return prompt_tokens(messages, *others, body.get("instructions"), body.get("tools"), body.get("text"))


def _response(request: ServerRequest, body: Body, generation: Generation) -> Body:
    is_cut = generation.finish == "length"
    prompt = input_tokens(body)
    echoed = {name: body[name] if body.get(name) is not None else usual for name, usual in ECHOED_FIELDS.items()}
    return {
        "id": f"resp_{request.id}",
        "object": "response",
        "created_at": request.at,
        "completed_at": None if is_cut else request.at,
        "status": "incomplete" if is_cut else "completed",
        "background": False,
        "error": None,
        "incomplete_details": {"reason": "max_output_tokens"} if is_cut else None,
        "model": body["model"],
        "output": _output(request, generation, "incomplete" if is_cut else "completed"),
        "previous_response_id": None,
        "service_tier": "default",
        "store": False,
        **echoed,
        "tools": [ECHOED_TOOL | tool for tool in echoed["tools"]],
        "usage": usage_of(prompt, generation.tokens, len(generation.reasoning)),
    }


def usage_of(prompt: int, generated: int, reasoning: int = 0) -> Body:
    """The usage of a response, with `reasoning` of the generated tokens."""
    return {
        "input_tokens": prompt,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": generated,
        "output_tokens_details": {"reasoning_tokens": reasoning},
        "total_tokens": prompt + generated,
    }


def answer_compact(request: ServerRequest) -> ModelResponse:
    """The conversation of a valid request as one item, which a client can send back but not read."""
    items = items_of(request.json)
    summary = tokenize(" ".join(text_of(item["content"]) for item in items if "content" in item))[:SUMMARY_TOKENS]
    sealed = {"type": "compaction", "id": f"cmp_{request.id}", "encrypted_content": seal("".join(summary))}
    return ModelResponse(
        whole={
            "id": f"resp_{request.id}",
            "object": "response.compaction",
            "created_at": request.at,
            "output": [sealed],
            "usage": usage_of(input_tokens(request.json), len(summary)),
        },
        wait_s=len(summary) * SECONDS_A_TOKEN,
    )


def _output(request: ServerRequest, generation: Generation, status: str) -> list[Body]:
    thoughts = [_thought(request, generation, status)] if generation.reasoning else []
    return thoughts if _is_thought_only(generation) else [*thoughts, *_visible(request, generation, status)]


def _is_thought_only(generation: Generation) -> bool:
    """Whether the cap ended the output before anything visible."""
    return bool(generation.reasoning) and not generation.text and generation.finish == "length" and not generation.calls


def _thought(request: ServerRequest, generation: Generation, status: str) -> Body:
    """The reasoning item: hidden, sealed, or with its text."""
    text = "".join(generation.reasoning)
    item: Body = {"type": "reasoning", "id": f"rs_{request.id}", "summary": []}
    if request.reasoning.is_text:
        done = status if _is_thought_only(generation) else "completed"
        item |= {"content": [{"type": "reasoning_text", "text": text}], "status": done}
    return item | ({"encrypted_content": seal(text)} if request.reasoning.is_sealed else {})


def _visible(request: ServerRequest, generation: Generation, status: str) -> list[Body]:
    if not generation.calls:
        part = {"type": "output_text", "text": "".join(generation.text), "annotations": [], "logprobs": []}
        message = {
            "type": "message",
            "id": f"msg_{request.id}",
            "status": status,
            "role": "assistant",
            "content": [part],
        }
        return [message]
    return [
        {
            "type": "function_call",
            "id": f"fc_{request.id}_{number}",
            "call_id": f"call_{request.id}_{number}",
            "name": call.name,
            "arguments": "".join(call.arguments),
            "status": status if number == len(generation.calls) - 1 else "completed",
        }
        for number, call in enumerate(generation.calls)
    ]


def _pieces(generation: Generation) -> list[tuple[str, ...]]:
    """The tokens of each item."""
    generated = [call.arguments for call in generation.calls] or [generation.text]
    thoughts = [generation.reasoning] if generation.reasoning else []
    return thoughts if _is_thought_only(generation) else [*thoughts, *generated]


def events_of(whole: Body, pieces: list[tuple[str, ...]], wait_s: float) -> Iterator[Event]:
    """A response as the events of its stream; `pieces` split each item's text, with `wait_s` before each of them."""
    begun: Body = {"status": "in_progress", "output": [], "usage": None, "incomplete_details": None}
    begun |= {"completed_at": None} if "completed_at" in whole else {}
    opening = {"response": whole | begun}
    made: list[OutputItem] = [("response.created", opening, 0.0), ("response.in_progress", opening, 0.0)]
    for index, (item, tokens) in enumerate(zip(whole["output"], pieces, strict=True)):
        events = ITEM_EVENTS[item["type"]](item, tokens, wait_s)
        made += [(kind, {"output_index": index, **facts}, wait) for kind, facts, wait in events]
    made.append((f"response.{whole['status']}", {"response": whole}, 0.0))
    for number, (kind, facts, wait) in enumerate(made):
        yield Event(name=kind, data={"type": kind, "sequence_number": number, **facts}, wait_s=wait)


def _message_events(item: Body, tokens: tuple[str, ...], wait_s: float) -> Iterator[OutputItem]:
    (part,) = item["content"]
    where = {"item_id": item["id"], "content_index": 0}
    yield "response.output_item.added", {"item": item | {"status": "in_progress", "content": []}}, 0.0
    yield "response.content_part.added", where | {"part": part | {"text": ""}}, 0.0
    for token in tokens:
        yield "response.output_text.delta", where | {"delta": token, "logprobs": []}, wait_s
    yield "response.output_text.done", where | {"text": part["text"], "logprobs": []}, 0.0
    yield "response.content_part.done", where | {"part": part}, 0.0
    yield "response.output_item.done", {"item": item}, 0.0


def _call_events(item: Body, tokens: tuple[str, ...], wait_s: float) -> Iterator[OutputItem]:
    where = {"item_id": item["id"]}
    yield "response.output_item.added", {"item": item | {"status": "in_progress", "arguments": ""}}, 0.0
    for token in tokens:
        yield "response.function_call_arguments.delta", where | {"delta": token}, wait_s
    call = {"name": item["name"], "arguments": item["arguments"]}
    yield "response.function_call_arguments.done", where | call, 0.0
    yield "response.output_item.done", {"item": item}, 0.0


def _reasoning_events(item: Body, tokens: tuple[str, ...], wait_s: float) -> Iterator[OutputItem]:
    """The text of a reasoning item in deltas; one that shows no text only takes its time."""
    shown: Body = {"status": "in_progress", "content": []} if "content" in item else {}
    yield "response.output_item.added", {"item": item | shown}, 0.0
    for part in item.get("content", ()):
        where = {"item_id": item["id"], "content_index": 0}
        yield "response.content_part.added", where | {"part": part | {"text": ""}}, 0.0
        for token in tokens:
            yield "response.reasoning_text.delta", where | {"delta": token}, wait_s
        yield "response.reasoning_text.done", where | {"text": part["text"]}, 0.0
        yield "response.content_part.done", where | {"part": part}, 0.0
    yield "response.output_item.done", {"item": item}, 0.0 if "content" in item else len(tokens) * wait_s


ITEM_EVENTS: dict[str, Callable[[Body, tuple[str, ...], float], Iterator[OutputItem]]] = {
    "message": _message_events,
    "function_call": _call_events,
    "reasoning": _reasoning_events,
}
"""The events of an item of each type."""


def buffered_response(whole: Body, _: Body) -> Iterator[Event]:
    """A non-streaming response as a proxy wraps it: all events at once, one delta per item."""
    return events_of(whole, [_whole_piece(item) for item in whole["output"]], 0.0)


def _whole_piece(item: Body) -> tuple[str, ...]:
    if item["type"] == "function_call":
        return (item["arguments"],)
    return tuple(part["text"] for part in item.get("content", ()))
