"""anthropic-python's Messages decoder: the raw event stream, and the helper that builds a message from it."""

from collections.abc import Callable, Iterator
from typing import Any

from conformance.clients.client import Client
from conformance.clients.openai_sdk import Calls, attribute, slot_of, text_in
from conformance.clients.sdk import head_error, json_reply, messages, simulator
from conformance.clients.transport import json_value
from conformance.clients.turn import ClientError, DecodedResponse, DecodedToolCall, as_text
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
        self.blocks: list[Any] = []

    def add(self, event: Any) -> None:
        """Take one event. Raises ClientError where the helper's code would."""
        kind = attribute(event, "type")
        if self.message is None:
            self.message = self._start(event) if kind == "message_start" else None
        elif kind == "content_block_start":
            block = attribute(event, "content_block")
            if not isinstance(block, dict):
                raise ClientError("shape", "'NoneType' object has no attribute 'to_dict'")
            self.blocks.append(block)
        elif kind in ("content_block_delta", "content_block_stop"):
            self._block(event, kind)
        elif kind == "message_delta":
            attribute(attribute(event, "delta"), "stop_reason")
            attribute(attribute(event, "usage"), "output_tokens")
            if not isinstance(self.message.get("usage"), dict):
                raise ClientError("shape", "'NoneType' object has no attribute 'output_tokens'")

    def _start(self, event: Any) -> dict[str, Any]:
        message = attribute(event, "message")
        if not isinstance(message, dict):
            raise ClientError("shape", "'NoneType' object has no attribute 'to_dict'")
        content = message.get("content")
        self.blocks = list(content) if isinstance(content, list) else []
        return message

    def _block(self, event: Any, kind: str) -> None:
        index = attribute(event, "index")
        if not isinstance(index, int) or isinstance(index, bool):
            raise ClientError("type", f"list indices must be integers or slices, not {type(index).__name__}")
        if not -len(self.blocks) <= index < len(self.blocks):
            raise ClientError("shape", "list index out of range")
        if kind == "content_block_delta" and attribute(attribute(event, "delta"), "type") == "text_delta":
            _required_text(attribute(attribute(event, "delta"), "text"))


def _required_text(value: Any) -> str:
    if not isinstance(value, str):
        raise ClientError("type", f'can only concatenate str (not "{type(value).__name__}") to str')
    return value


TextOf = Callable[[Any], str | None]
"""Reads an event's text as a program does; None if it has none."""


def delta_text(event: Any) -> str | None:
    """The text of a `text_delta`, as the documentation's loop reads it."""
    if event.get("type") != "content_block_delta":
        return None
    delta = attribute(event, "delta")
    return _required_text(attribute(delta, "text")) if attribute(delta, "type") == "text_delta" else None


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
            self.calls.add(begun, slot_of(event.get("index")))

    def _delta(self, delta: Any, event: Any) -> None:
        kind = attribute(delta, "type")
        if kind == "input_json_delta" and self.calls.knows(slot_of(event.get("index"))):
            grown = {"function": {"arguments": text_in(attribute(delta, "partial_json"))}}
            self.calls.add(grown, slot_of(event.get("index")))
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
