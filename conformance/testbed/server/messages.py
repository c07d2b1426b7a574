"""Messages: read a request body, and write the model's output as a message or as events."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from conformance.testbed.server.chat import SECONDS_A_TOKEN, text_of
from conformance.testbed.server.model import Generation, GenerationRequest, Tool, as_json, generate
from conformance.testbed.server.reply import Event, ModelResponse, Reasoning, ServerRequest
from conformance.testbed.server.seal import seal
from conformance.testbed.server.usage import prompt_tokens

CHOICES = {"auto": "auto", "any": "required", "tool": "required", "none": "none"}

TOKENS_OF_BUDGET = 64
"""The budget of one token of thinking: 1,024, the least, gives 16."""
MOST_THINKING = 64

Body = dict[str, Any]


def answer_messages(request: ServerRequest) -> ModelResponse:
    """The response to a valid Messages request."""
    body: Body = request.json
    if not request.reasoning.tokens:
        request = replace(request, reasoning=thinking_of(body))
    generation = generate(replace(turn_of(body), reasoning=request.reasoning.tokens))
    whole = _message(request, body, generation)
    if request.mode == "stream":
        return ModelResponse(events=tuple(events_of(whole, _pieces(request, generation), SECONDS_A_TOKEN)))
    return ModelResponse(whole=whole, wait_s=generation.tokens * SECONDS_A_TOKEN)


def thinking_of(body: Body) -> Reasoning:
    """Thinking within the requested budget."""
    thinking = body.get("thinking") or {}
    if thinking.get("type") != "enabled":
        return Reasoning()
    return Reasoning(tokens=min(thinking["budget_tokens"] // TOKENS_OF_BUDGET, MOST_THINKING), is_text=True)


def turn_of(body: Body) -> GenerationRequest:
    """The Turn that the body requests."""
    users = [m for m in body["messages"] if m["role"] == "user"]
    last = users[-1]["content"] if users else ""
    choice = body.get("tool_choice") or {"type": "auto"}
    tools = [t for t in body.get("tools") or () if choice["type"] != "tool" or t["name"] == choice["name"]]
    return GenerationRequest(
        prompt=text_of(last),
        instructions=text_of(body.get("system")),
        after_tool=isinstance(last, list) and any(part["type"] == "tool_result" for part in last),
        tools=tuple(Tool(name=t["name"], parameters=t.get("input_schema") or {}) for t in tools),
        choice=CHOICES[choice["type"]],  # type: ignore[arg-type]
        parallel=not choice.get("disable_parallel_tool_use", False),
        cap=int(body["max_tokens"]),
        stops=tuple(body.get("stop_sequences") or ()),
    )


def _message(request: ServerRequest, body: Body, generation: Generation) -> Body:
    return {
        "id": f"msg_{request.id}",
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "content": _content(request, generation),
        "stop_reason": _stop_reason(generation),
        "stop_sequence": generation.stop,
        "usage": {
            "input_tokens": input_tokens(body),
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": generation.tokens,
            **_thinking_tokens(generation),
        },
    }


def _thinking_tokens(generation: Generation) -> Body:
    thought = len(generation.reasoning)
    return {"output_tokens_details": {"thinking_tokens": thought}} if thought else {}


def input_tokens(body: Body) -> int:
    """The input tokens of a request."""
    return prompt_tokens(body["messages"], body.get("system"), body.get("tools"))


def _stop_reason(generation: Generation) -> str:
    if generation.stop is not None:
        return "stop_sequence"
    return {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}[generation.finish]


def _content(request: ServerRequest, generation: Generation) -> list[Body]:
    calls = [
        {"type": "tool_use", "id": f"toolu_{request.id}_{number}", "name": call.name, "input": call.value}
        for number, call in enumerate(generation.calls)
    ]
    text = [{"type": "text", "text": "".join(generation.text)}] if generation.text else []
    return [*_thoughts(request, generation), *text, *calls]


def _thoughts(request: ServerRequest, generation: Generation) -> list[Body]:
    """The block that holds the reasoning, which the client carries to the next turn."""
    text = "".join(generation.reasoning)
    if not text:
        return []
    if request.reasoning.is_redacted:
        return [{"type": "redacted_thinking", "data": seal(text)}]
    return [{"type": "thinking", "thinking": text if request.reasoning.is_text else "", "signature": seal(text)}]


def _pieces(request: ServerRequest, generation: Generation) -> list[tuple[str, ...]]:
    """The tokens of each content block."""
    generated = [tokens for tokens in (generation.text, *(call.arguments for call in generation.calls)) if tokens]
    shown = generation.reasoning if request.reasoning.is_text and not request.reasoning.is_redacted else ()
    return [shown, *generated] if generation.reasoning else generated


def events_of(whole: Body, pieces: list[tuple[str, ...]], wait_s: float) -> Iterator[Event]:
    """A message as the events of its stream; `pieces` split each block's text, with `wait_s` before each of them."""
    opening: Body = {"content": [], "stop_reason": None, "stop_sequence": None}
    counted = {name: value for name, value in whole["usage"].items() if name != "output_tokens_details"}
    yield _event("message_start", message=whole | opening | {"usage": counted | {"output_tokens": 0}})
    for index, (block, tokens) in enumerate(zip(whole["content"], pieces, strict=True)):
        yield _event("content_block_start", index=index, content_block=block | EMPTIED[block["type"]])
        yield from [] if index else [_event("ping")]
        for delta in _deltas(block, tokens):
            yield _event("content_block_delta", wait_s, index=index, delta=delta)
        yield _event("content_block_stop", index=index)
    ended = {key: whole[key] for key in ("stop_reason", "stop_sequence")}
    counts = ("output_tokens", "output_tokens_details")
    yield _event("message_delta", delta=ended, usage={n: whole["usage"][n] for n in counts if n in whole["usage"]})
    yield _event("message_stop")


EMPTIED: dict[str, Body] = {
    "text": {"text": ""},
    "tool_use": {"input": {}},
    "thinking": {"thinking": "", "signature": ""},
    "redacted_thinking": {},
}
"""What a block of each type does not yet have when it starts."""

DELTAS = {
    "text": ("text_delta", "text"),
    "tool_use": ("input_json_delta", "partial_json"),
    "thinking": ("thinking_delta", "thinking"),
}
"""The type of the deltas of a block, and the field of their text."""


def _deltas(block: Body, tokens: tuple[str, ...]) -> Iterator[Body]:
    for token in tokens:
        kind, key = DELTAS[block["type"]]
        yield {"type": kind, key: token}
    if block["type"] == "thinking":
        yield {"type": "signature_delta", "signature": block["signature"]}


def buffered_events(whole: Body, _: Body) -> Iterator[Event]:
    """A non-streaming message as a proxy wraps it: all events at once, one delta per block."""
    return events_of(whole, [_whole_piece(block) for block in whole["content"]], 0.0)


def _whole_piece(block: Body) -> tuple[str, ...]:
    if block["type"] == "tool_use":
        return (as_json(block["input"]),)
    return tuple(block[name] for name in ("text", "thinking") if block.get(name))


def _event(kind: str, wait_s: float = 0.0, **facts: Any) -> Event:
    return Event(name=kind, data={"type": kind, **facts}, wait_s=wait_s)
