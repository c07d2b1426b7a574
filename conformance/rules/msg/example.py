"""Messages and their streams, for the rules' examples."""

from typing import Any

from conformance.model.exchange import Exchange
from conformance.parsing.json_values import Object, as_object
from conformance.rules.example import SSE, answered, as_json, exchange, http

BASELINE_RESPONSE: Object = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "m",
    "content": [{"type": "text", "text": "Hello there."}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 3, "output_tokens": 3},
}
START: Object = {"type": "message_start", "message": BASELINE_RESPONSE | {"content": [], "stop_reason": None}}
OPEN: Object = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
BLOCK_DELTA: Object = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hello."}}
CLOSE: Object = {"type": "content_block_stop", "index": 0}
MESSAGE_DELTA: Object = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 3}}
STOP: Object = {"type": "message_stop"}
PING: Object = {"type": "ping"}
CALL: Object = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}
BY_CODE: Object = {"type": "code_execution_20250825", "tool_id": "srvtoolu_1"}
"""The caller of a tool that code on the server calls."""
CHUNK: Object = {"object": "chat.completion.chunk", "choices": []}


def events(*values: Any, probe: str = "messages.hello", **facts: Any) -> Exchange:
    """A stream of these values, each named after its type; `message` is the default name, None is a ping without data."""
    named = (
        f"event: {as_object(v).get('type', 'message' if v else 'ping')}\ndata: {as_json(v) if v else ''}\n\n"
        for v in values
    )
    raw = http(200, (SSE,), "".join(named).encode())
    return exchange(raw, probe=probe, **facts)


def message(*, body_fields: Object | None = None, **changes: Any) -> Exchange:
    """A non-streaming response with these changes, to a request with these fields."""
    return answered(BASELINE_RESPONSE | changes, probe="messages.hello", body=body_fields)


GOOD = events(START, PING, OPEN, BLOCK_DELTA, CLOSE, MESSAGE_DELTA, STOP)


def block(start: Object, *deltas: Object, index: int = 0, stop: bool = True) -> list[Object]:
    """The events of one content block."""
    added = [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
    opened = {"type": "content_block_start", "index": index, "content_block": start}
    return [opened, *added, *([CLOSE | {"index": index}] if stop else [])]


def text(*pieces: str, index: int = 0) -> list[Object]:
    """The events of a text in these pieces."""
    deltas = ({"type": "text_delta", "text": piece} for piece in pieces)
    return block({"type": "text", "text": ""}, *deltas, index=index)


def call(*pieces: str, index: int = 0, **changes: Any) -> list[Object]:
    """The events of a tool call whose input is sent in these pieces."""
    deltas = ({"type": "input_json_delta", "partial_json": piece} for piece in pieces)
    return block(CALL | changes, *deltas, index=index)


def message_delta(reason: str | None, tokens: int = 3, sequence: str | None = None) -> Object:
    """A message_delta with this stop_reason."""
    delta = {"stop_reason": reason, "stop_sequence": sequence}
    return {"type": "message_delta", "delta": delta, "usage": {"output_tokens": tokens}}


def streamed(*values: Object, reason: str = "end_turn", **facts: Any) -> Exchange:
    """A complete stream around these blocks' events."""
    return events(START, *values, message_delta(reason), STOP, **facts)
