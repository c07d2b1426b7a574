"""Responses and their streams, for the rules' examples."""

from typing import Any

from conformance.model.exchange import Exchange
from conformance.parsing.json_values import Object, as_object
from conformance.rules.example import SSE, answered, as_json, exchange, http

PART: Object = {"type": "output_text", "text": "Hello there.", "annotations": []}
SPOKEN: Object = {"type": "message", "id": "msg_1", "status": "completed", "role": "assistant", "content": [PART]}
CALL: Object = {
    "type": "function_call",
    "id": "fc_1",
    "call_id": "call_1",
    "name": "f",
    "arguments": "{}",
    "status": "completed",
}
USAGE: Object = {
    "input_tokens": 3,
    "input_tokens_details": {"cached_tokens": 0},
    "output_tokens": 3,
    "output_tokens_details": {"reasoning_tokens": 0},
    "total_tokens": 6,
}
BASELINE_RESPONSE: Object = {
    "id": "resp_1",
    "object": "response",
    "created_at": 1_760_000_000,
    "status": "completed",
    "error": None,
    "incomplete_details": None,
    "model": "m",
    "output": [SPOKEN],
    "metadata": {},
    "usage": USAGE,
}
CUT: Object = {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}


def response(*, body_fields: Object | None = None, probe: str = "responses.hello", **changes: Any) -> Exchange:
    """A non-streaming response with these changes, to a request with these fields."""
    return answered(BASELINE_RESPONSE | changes, probe=probe, body=body_fields)


def events(*values: Any, name: str | None = None, probe: str = "responses.hello", **facts: Any) -> Exchange:
    """A stream of these values, numbered, each named after its type or by `name`."""
    numbered = ({"sequence_number": n} | v if isinstance(v, dict) else v for n, v in enumerate(values))
    named = (f"event: {name or as_object(v).get('type', 'x')}\ndata: {as_json(v)}\n\n" for v in numbered)
    return exchange(http(200, (SSE,), "".join(named).encode()), probe=probe, **facts)


def state(kind: str, **changes: Any) -> Object:
    """An event that contains the response object."""
    begun: Object = {"status": "in_progress", "output": [], "usage": None} if kind in ("created", "in_progress") else {}
    return {"type": f"response.{kind}", "response": BASELINE_RESPONSE | begun | changes}


def text(*pieces: str, whole: str | None = None, index: int = 0) -> list[Object]:
    """The events of a message with this text in these pieces; `whole` is the text in the done events."""
    content = "".join(pieces) if whole is None else whole
    at: Object = {"output_index": index, "item_id": "msg_1"}
    inside = at | {"content_index": 0}
    return [
        {"type": "response.output_item.added", "output_index": index, "item": SPOKEN | {"content": []}},
        {"type": "response.content_part.added", "part": PART | {"text": ""}} | inside,
        *({"type": "response.output_text.delta", "delta": piece} | inside for piece in pieces),
        {"type": "response.output_text.done", "text": content} | inside,
        {"type": "response.content_part.done", "part": PART | {"text": content}} | inside,
        {"type": "response.output_item.done", "output_index": index, "item": message_item(content)},
    ]


def message_item(content: str) -> Object:
    """A message with this text."""
    return SPOKEN | {"content": [PART | {"text": content}]}


def call(*pieces: str, whole: str | None = None, **changes: Any) -> list[Object]:
    """The events of a call whose arguments are sent in these pieces."""
    content = "".join(pieces) if whole is None else whole
    at: Object = {"output_index": 0, "item_id": "fc_1"}
    return [
        {"type": "response.output_item.added", "output_index": 0, "item": CALL | {"arguments": ""} | changes},
        *({"type": "response.function_call_arguments.delta", "delta": piece} | at for piece in pieces),
        {"type": "response.function_call_arguments.done", "arguments": content, "name": "f"} | at,
        {"type": "response.output_item.done", "output_index": 0, "item": CALL | {"arguments": content} | changes},
    ]


def own_item(item: Object, kind: str, field: str = "text") -> list[Object]:
    """The events of the server's own item, whose `field` is sent in one delta and one done event of this kind."""
    complete: Object = {"id": "own_1", "status": "completed"} | item
    content = item[field] if field in item else item["content"][0]["text"]
    at: Object = {"output_index": 0, "item_id": "own_1"} | ({} if field in item else {"content_index": 0})
    return [
        {"type": "response.output_item.added", "output_index": 0, "item": complete | {field: "", "content": []}},
        {"type": f"{kind}.delta", "delta": content} | at,
        {"type": f"{kind}.done", field: content} | at,
        {"type": "response.output_item.done", "output_index": 0, "item": complete},
    ]


def streamed(*values: Object, end: str = "completed", output: Any = None, **facts: Any) -> Exchange:
    """A complete stream around these events; `output` is the output in the last event."""
    done = [value["item"] for value in values if value["type"] == "response.output_item.done"]
    cut = CUT if end == "incomplete" else {}
    return events(
        state("created"), *values, state(end, **{"output": done if output is None else output} | cut), **facts
    )


GOOD = streamed(*text("Hello", " there."))
CALLED = streamed(*call('{"a":', " 1}"))
