"""Messages: request body to Turn, and the model's output as a message or as events."""

from collections.abc import Iterator
from typing import Any

from conformance.testbed.server.chat import SECONDS_A_TOKEN, text_of
from conformance.testbed.server.model import Generation, GenerationRequest, Tool, as_json, generate
from conformance.testbed.server.reply import Event, ModelResponse, ServerRequest
from conformance.testbed.server.usage import prompt_tokens

CHOICES = {"auto": "auto", "any": "required", "tool": "required", "none": "none"}

Body = dict[str, Any]


def answer_messages(request: ServerRequest) -> ModelResponse:
    """The response to a valid Messages request."""
    body: Body = request.json
    generation = generate(turn_of(body))
    whole = _message(request, body, generation)
    if request.mode == "stream":
        return ModelResponse(events=tuple(events_of(whole, _pieces(generation), SECONDS_A_TOKEN)))
    return ModelResponse(whole=whole, wait_s=generation.tokens * SECONDS_A_TOKEN)


def turn_of(body: Body) -> GenerationRequest:
    """The Turn that the body requests."""
    users = [m for m in body["messages"] if m["role"] == "user"]
    last = users[-1]["content"] if users else ""
    choice = body.get("tool_choice") or {"type": "auto"}
    tools = [t for t in body.get("tools") or () if choice["type"] != "tool" or t["name"] == choice["name"]]
    return GenerationRequest(
        prompt=text_of(last),
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
        },
    }


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
    return [{"type": "text", "text": "".join(generation.text)}, *calls] if generation.text else calls


def _pieces(generation: Generation) -> list[tuple[str, ...]]:
    """The tokens of each content block."""
    return [tokens for tokens in (generation.text, *(call.arguments for call in generation.calls)) if tokens]


def events_of(whole: Body, pieces: list[tuple[str, ...]], wait_s: float) -> Iterator[Event]:
    """A message as the events of its stream; `pieces` split each block's text, with `wait_s` before each of them."""
    opening: Body = {"content": [], "stop_reason": None, "stop_sequence": None}
    yield _event("message_start", message=whole | opening | {"usage": whole["usage"] | {"output_tokens": 0}})
    for index, (block, tokens) in enumerate(zip(whole["content"], pieces, strict=True)):
        key, kind = ("text", "text_delta") if block["type"] == "text" else ("partial_json", "input_json_delta")
        emptied: Body = {"text": ""} if block["type"] == "text" else {"input": {}}
        yield _event("content_block_start", index=index, content_block=block | emptied)
        yield from [] if index else [_event("ping")]
        for token in tokens:
            yield _event("content_block_delta", wait_s, index=index, delta={"type": kind, key: token})
        yield _event("content_block_stop", index=index)
    ended = {key: whole[key] for key in ("stop_reason", "stop_sequence")}
    yield _event("message_delta", delta=ended, usage={"output_tokens": whole["usage"]["output_tokens"]})
    yield _event("message_stop")


def buffered_events(whole: Body, _: Body) -> Iterator[Event]:
    """A non-streaming message as a proxy wraps it: all events at once, one delta per block."""
    texts = [b["text"] if b["type"] == "text" else as_json(b["input"]) for b in whole["content"]]
    return events_of(whole, [(text,) for text in texts], 0.0)


def _event(kind: str, wait_s: float = 0.0, **facts: Any) -> Event:
    return Event(name=kind, data={"type": kind, **facts}, wait_s=wait_s)
