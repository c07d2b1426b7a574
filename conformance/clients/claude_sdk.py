"""anthropic-python's Messages decoder: the raw event stream, and the helper that builds a message from it."""

from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any, Final

from conformance.clients import jiter
from conformance.clients.client import Client
from conformance.clients.openai_sdk import Calls, attribute, slot_of, text_in
from conformance.clients.sdk import head_error, json_reply, messages, simulator
from conformance.clients.transport import json_value
from conformance.clients.turn import ClientError, DecodedResponse, DecodedToolCall, as_text
from conformance.clients.validators import as_integer, fields, nullish, one_of, text
from conformance.model.exchange import Exchange


def events(x: Exchange) -> Iterator[Any]:
    """The JSON values that the raw stream yields. Raises ClientError if it ends before the end of the body.

    Events without a name are skipped, an `error` event raises, and the body is read to its end: no event ends it.
    """
    received = messages(x)
    for event in received.events:
        if event.name in (None, "ping"):
            continue
        value = json_value(event.data)
        if event.name == "error":
            message = event.data if isinstance(value, ClientError) else as_text(value)
            raise ClientError("api", message or "Error code: 200", 200)
        if not event.data:
            continue
        if isinstance(value, ClientError):
            raise value
        yield value
    if received.error:
        raise received.error


class Snapshot:
    """The message that the `stream()` helper builds while it passes the events on."""

    def __init__(self) -> None:
        self.message: dict[str, Any] | None = None
        self._inputs: dict[int, str] = {}

    def add(self, event: Any) -> None:
        """Take one event. Raises ClientError where the helper's code would."""
        kind = attribute(event, "type")
        if self.message is None:
            self.message = deepcopy(_object(attribute(event, "message"))) if kind == "message_start" else None
        elif kind == "content_block_start":
            block = deepcopy(_object(attribute(event, "content_block")))
            self._blocks().append(block)
        elif kind == "content_block_stop":
            attribute(self._block(event), "type")
        elif kind == "content_block_delta":
            self._grow(self._block(event), attribute(event, "delta"), place_of(event))
        elif kind == "message_delta":
            attribute(attribute(event, "delta"), "stop_reason")
            attribute(attribute(event, "usage"), "output_tokens")
            _object(self.message.get("usage"))

    def _blocks(self) -> list[Any]:
        content = self.message.get("content") if self.message is not None else None
        if not isinstance(content, list):
            raise ClientError("shape", f"'{type(content).__name__}' object has no attribute 'append'")
        return content

    def _block(self, event: Any) -> Any:
        index, blocks = place_of(event), self._blocks()
        if not isinstance(index, int):
            raise ClientError("type", f"list indices must be integers or slices, not {type(index).__name__}")
        if not -len(blocks) <= index < len(blocks):
            raise ClientError("shape", "list index out of range")
        return blocks[index]

    def _grow(self, block: Any, delta: Any, index: Any) -> None:
        kind = attribute(delta, "type")
        if kind == "input_json_delta":
            self._read_input(block, attribute(delta, "partial_json"), index)
        for grown, type_, name in (("text_delta", "text", "text"), ("thinking_delta", "thinking", "thinking")):
            if kind == grown and attribute(block, "type") == type_:
                block[name] = _required_text(block.get(name)) + _required_text(attribute(delta, name))

    def _read_input(self, block: Any, part: Any, index: Any) -> None:
        """Read a tool's input as far as it has come."""
        if not isinstance(block, dict) or block.get("type") not in ("tool_use", "server_tool_use"):
            return
        text = self._inputs[index] = self._inputs.get(index, "") + _required_text(part)
        if not _is_utf8(text):
            raise ClientError("unicode", "surrogates not allowed")
        if text and not jiter.accepts(text):
            raise ClientError("json", f"Unable to parse tool parameter JSON from model. JSON: {text[:200]}")


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ClientError("shape", f"'{type(value).__name__}' object has no attribute 'to_dict'")
    return value


def _required_text(value: Any) -> str:
    if not isinstance(value, str):
        raise ClientError("type", f'can only concatenate str (not "{type(value).__name__}") to str')
    return value


TEXTS_OF: Final = {
    "text_delta": "text",
    "input_json_delta": "partial_json",
    "thinking_delta": "thinking",
    "signature_delta": "signature",
}
"""The required text of each type of delta."""

STOP_REASONS: Final = (
    "end_turn", "max_tokens", "stop_sequence", "tool_use", "pause_turn", "refusal", "model_context_window_exceeded",
)  # fmt: skip
COUNT: Final = nullish(as_integer)
ENDING: Final = fields(
    delta=fields(stop_reason=nullish(one_of(*STOP_REASONS)), stop_sequence=nullish(text)),
    usage=fields(
        output_tokens=as_integer,
        input_tokens=COUNT,
        cache_read_input_tokens=COUNT,
        cache_creation_input_tokens=COUNT,
    ),
)
"""A `message_delta` that is as the SDK's types want it: its texts become numbers."""


def place_of(event: Any) -> Any:
    """An event's index: text and floats become numbers if the event is otherwise valid, as pydantic reads them."""
    index = attribute(event, "index")
    if isinstance(index, int) or not _is_valid(event):
        return index
    try:
        number = float(index)
    except (TypeError, ValueError):
        return index
    return int(number) if number.is_integer() else index


def _is_valid(event: dict[str, Any]) -> bool:
    if event.get("type") != "content_block_delta":
        return event.get("type") == "content_block_stop"
    delta = event.get("delta")
    name = TEXTS_OF.get(delta["type"]) if isinstance(delta, dict) and isinstance(delta.get("type"), str) else None
    return name is not None and isinstance(delta, dict) and isinstance(delta.get(name), str)


TextOf = Callable[[Any], str | None]
"""Reads an event's text as a program does; None if it has none."""


def delta_text(event: Any) -> str | None:
    """The text of a `text_delta`, as the documentation's loop reads it."""
    if event.get("type") != "content_block_delta":
        return None
    delta = attribute(event, "delta")
    return text_in(attribute(delta, "text")) if attribute(delta, "type") == "text_delta" else None


def block_text(event: Any) -> str | None:
    """The text of a `text_delta`, or the initial text of a text block."""
    if event.get("type") != "content_block_start":
        return delta_text(event)
    block = attribute(event, "content_block")
    text = attribute(block, "text") if attribute(block, "type") == "text" else None
    return text if isinstance(text, str) and text else None


def streamed(x: Exchange, *, helper: bool, text_of: TextOf = delta_text) -> DecodedResponse:
    """Read a stream, with the `stream()` helper or as `create(stream=True)` gives it."""
    failed = head_error(x, whole_body=True)
    if failed:
        return DecodedResponse(error=failed)
    reading = _Reading(Snapshot() if helper else None, text_of)
    error = None
    try:
        for event in events(x):
            reading.add(event)
    except ClientError as raised:
        error = raised
    if helper and reading.is_empty and not error:
        error = ClientError("shape", "AssertionError")
    return reading.turn(error)


class _Reading:
    def __init__(self, snapshot: Snapshot | None, text_of: TextOf) -> None:
        self.snapshot, self.text_of, self.calls, self.text = snapshot, text_of, Calls(), list[str]()
        self.seen = self.stopped = self.text_after_end = self.has_reasoning = False
        self.finish: Any = ""

    def add(self, event: Any) -> None:
        kind = attribute(event, "type")
        self.seen = True
        if self.snapshot:
            self.snapshot.add(event)
        if (text := self.text_of(event)) is not None:
            self.text.append(text)
            self.text_after_end = self.text_after_end or self.stopped
        if kind == "content_block_start":
            self._start(event)
        elif kind == "content_block_delta":
            self._delta(attribute(event, "delta"), event)
        elif kind == "message_delta":
            delta = attribute(event, "delta")
            self.finish = (isinstance(delta, dict) and delta.get("stop_reason")) or self.finish
        elif kind == "message_stop":
            self.stopped = True

    def _start(self, event: Any) -> None:
        block = attribute(event, "content_block")
        if attribute(block, "type") == "tool_use":
            begun = {"id": block.get("id"), "function": {"name": block.get("name")}}
            self.calls.add(begun, slot_of(place_of(event)))

    def _delta(self, delta: Any, event: Any) -> None:
        kind = attribute(delta, "type")
        slot = slot_of(place_of(event)) if kind == "input_json_delta" else None
        if kind == "input_json_delta" and self.calls.knows(slot):
            part = attribute(delta, "partial_json")
            self.calls.add({"function": {"arguments": "" if part is None else _required_text(part)}}, slot)
        elif kind == "thinking_delta":
            self.has_reasoning = True

    @property
    def is_empty(self) -> bool:
        return self.snapshot is None or self.snapshot.message is None

    def turn(self, error: ClientError | None) -> DecodedResponse:
        return DecodedResponse(
            text="".join(self.text),
            tools=self.calls.tools(),
            finish=str(self.finish)[:40],
            seen=self.seen,
            ended=self.stopped or bool(self.finish),
            text_after_end=self.text_after_end,
            has_reasoning=self.has_reasoning,
            error=error,
        )


def completed(x: Exchange) -> DecodedResponse:
    """Read a non-streaming response: its text blocks and tool calls."""
    failed = head_error(x, whole_body=True)
    if failed:
        return DecodedResponse(error=failed)
    try:
        value = json_reply(x)
        blocks = _iterable(attribute(value, "content"))
        kinds = [attribute(block, "type") for block in blocks]
        text = "".join(_required_text(b.get("text")) for b, kind in zip(blocks, kinds, strict=True) if kind == "text")
    except ClientError as raised:
        return DecodedResponse(error=raised)
    tools = tuple(_used(block) for block, kind in zip(blocks, kinds, strict=True) if kind == "tool_use")
    finish = str(value.get("stop_reason") or "")[:40]
    return DecodedResponse(text=text, tools=tools, finish=finish, seen=True, ended=True)


def _iterable(blocks: Any) -> list[Any]:
    if blocks in ("", {}):
        return []
    if not isinstance(blocks, list):
        raise ClientError("type", f"'{type(blocks).__name__}' object is not iterable")
    return blocks


def _used(block: dict[str, Any]) -> DecodedToolCall:
    wanted = "{}" if isinstance(block.get("input"), dict) else None
    return DecodedToolCall(name=block.get("name"), arguments=wanted, id=block.get("id"))


def with_helper(x: Exchange) -> DecodedResponse:
    """The `stream()` helper on a stream, `create` otherwise."""
    return streamed(x, helper=True) if x.mode == "stream" else completed(x)


def raw(x: Exchange) -> DecodedResponse:
    """`create(stream=True)` on a stream, `create` otherwise."""
    return streamed(x, helper=False) if x.mode == "stream" else completed(x)


CLAUDE_SDK = Client(
    profile="claude-sdk", name="Claude SDK 2.12", version="2.12.0", api="messages", simulate=simulator(with_helper)
)
CLAUDE_SDK_RAW = Client(
    profile="claude-sdk", name="Claude SDK 2.12 (raw stream)", version="2.12.0", api="messages", simulate=simulator(raw)
)
