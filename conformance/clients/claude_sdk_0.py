"""anthropic-python 0.87, as hermes reads it: the final message that the stream helper builds, and a whole message.

Later versions skip events without data, and read those of any name.
"""

from typing import Any, Final

from conformance.clients.claude_sdk import OPENED, completed
from conformance.clients.openai_sdk import attribute
from conformance.clients.sdk import head_error, messages
from conformance.clients.transport import json_value
from conformance.clients.turn import ClientError, DecodedResponse, DecodedToolCall, as_text
from conformance.model.exchange import Exchange

KNOWN: Final = (
    "message_start",
    "message_delta",
    "message_stop",
    "content_block_start",
    "content_block_delta",
    "content_block_stop",
)
NAMES: Final = ("completion", *KNOWN)
"""The names of the events that are read; what an event is, its data says, or else its name."""
GROWING: Final = {"text_delta": ("text", "text"), "thinking_delta": ("thinking", "thinking")}
"""By a delta's type: the type of the block that it appends to, and the field of both."""
MAY_BE_EMPTY: Final = ("end_turn", "refusal")
"""The stop reasons with which a message without content is valid."""


def _events(x: Exchange) -> Any:
    """The JSON objects that the raw stream yields. Raises ClientError where the SDK would."""
    received = messages(x)
    for event in received.events:
        if event.name == "error":
            value = json_value(event.data)
            message = event.data if isinstance(value, ClientError) else as_text(value)
            raise ClientError("api", message or "Error code: 200", 200)
        if event.name not in NAMES:
            continue
        value = json_value(event.data)
        if isinstance(value, ClientError):
            raise value
        if not isinstance(value, dict):
            raise ClientError("type", "Unexpected event runtime type, after deserialising twice")
        yield {"type": event.name} | value
    if received.error:
        raise received.error


class _Message:
    """The message so far. Its methods raise ClientError where the helper's code raises."""

    def __init__(self) -> None:
        self.blocks: list[Any] | None = []
        self.usage: Any = None
        self.stop_reason: Any = None
        self.begun = self.stopped = False

    def add(self, event: dict[str, Any]) -> None:
        kind = event["type"]
        if not self.begun:
            self._begin(event)
        elif kind == "content_block_start":
            self._open(event.get("content_block"))
        elif kind in ("content_block_delta", "content_block_stop"):
            block = self._block(event.get("index"))
            if kind == "content_block_delta":
                _grow(block, event.get("delta"))
        elif kind == "message_delta":
            self.stop_reason = attribute(event.get("delta"), "stop_reason")
            for usage in (event.get("usage"), self.usage):
                attribute(usage, "output_tokens")
        self.stopped = self.stopped or kind == "message_stop"

    def _begin(self, event: dict[str, Any]) -> None:
        if event["type"] != "message_start":
            raise ClientError("shape", f'Unexpected event order, got {event["type"]} before "message_start"')
        message = event.get("message")
        content = attribute(message, "content")
        self.blocks = list(content) if isinstance(content, list) else None
        self.usage, self.begun = attribute(message, "usage"), True

    def _open(self, block: Any) -> None:
        if not OPENED(block) or self.blocks is None:  # any other block remains an object without methods
            raise ClientError("shape", "'dict' object has no attribute 'model_dump'")
        self.blocks.append(dict(block))

    def _block(self, index: Any) -> Any:
        if isinstance(index, str | float):
            index = int(index) if str(index).removesuffix(".0").isdecimal() else None
        if not isinstance(index, int):
            raise ClientError("type", f"list indices must be integers or slices, not {type(index).__name__}")
        blocks = self.blocks or []
        if not -len(blocks) <= index < len(blocks):
            raise ClientError("shape", "list index out of range")
        attribute(blocks[index], "type")
        return blocks[index]


def _grow(block: dict[str, Any], delta: Any) -> None:
    kind = attribute(delta, "type")
    if kind == "input_json_delta" and block["type"] == "tool_use":
        if not isinstance(delta.get("partial_json"), str):
            raise ClientError("type", "encoding without a string argument")
        block["input"] = {}
    name, field = GROWING.get(kind, ("", "")) if isinstance(kind, str) else ("", "")
    if name and block["type"] == name:
        for value in (block.get(field), delta.get(field)):
            if not isinstance(value, str):
                raise ClientError("type", f'can only concatenate str (not "{type(value).__name__}") to str')
        block[field] += delta[field]


def final_message(x: Exchange) -> DecodedResponse:
    """Read a stream to its end. Text received before an error is in the turn, too."""
    failed = head_error(x, whole_body=True)
    if failed:
        return DecodedResponse(error=failed)
    message, seen, error = _Message(), False, None
    try:
        for event in _events(x):
            message.add(event)
            seen = seen or event["type"] in KNOWN
    except ClientError as raised:
        error = raised
    return _turn(message, seen=seen, error=error)


def _turn(message: _Message, *, seen: bool, error: ClientError | None) -> DecodedResponse:
    blocks = [block for block in message.blocks or () if isinstance(block, dict)]
    unusable = _invalid(message) if seen and not error else None
    if unusable:
        return DecodedResponse(seen=True, error=unusable)
    calls = (block for block in blocks if block["type"] == "tool_use")
    tools = tuple(
        DecodedToolCall(name=call.get("name"), id=call.get("id"), arguments="{}" if call.get("input") == {} else None)
        for call in calls
    )
    return DecodedResponse(
        text="\n".join(block["text"] for block in blocks if block["type"] == "text" and block.get("text")),
        tools=tools,
        finish=str(message.stop_reason or ("stop" if seen else ""))[:40],
        seen=seen,
        ended=message.stopped or bool(message.stop_reason),
        has_reasoning=any(block["type"] == "thinking" and block.get("thinking") for block in blocks),
        error=error,
    )


def _invalid(message: _Message) -> ClientError | None:
    """Why hermes does not use the message."""
    if isinstance(message.stop_reason, list | dict):
        return ClientError("type", f"unhashable type: '{type(message.stop_reason).__name__}'")
    if not message.blocks and (message.blocks is None or message.stop_reason not in MAY_BE_EMPTY):
        return ClientError("invalid", "Invalid API response")
    return None


def read(x: Exchange) -> DecodedResponse:
    """The final message of a stream, or a whole one."""
    return final_message(x) if x.mode == "stream" else completed(x)
