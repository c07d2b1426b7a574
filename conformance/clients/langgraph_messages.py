"""LangGraph on Messages: ChatAnthropic, which turns anthropic-python's raw events into chunks that are merged."""

import json
from functools import reduce
from typing import Any, Final

from conformance.clients.claude_sdk import ENDING, events, place_of
from conformance.clients.client import Client
from conformance.clients.langchain_merge import (
    becomes_a_call,
    content_of,
    dumped,
    merge_dicts,
    merge_lists,
    reject,
    text_of,
    text_or_none,
    whole_number,
)
from conformance.clients.openai_sdk import attribute
from conformance.clients.sdk import head_error, json_reply, simulator
from conformance.clients.turn import ClientError, DecodedResponse, DecodedToolCall
from conformance.clients.validators import whole
from conformance.model.exchange import Exchange

TOOL_BLOCKS: Final = ("tool_result", "tool_use", "document", "redacted_thinking")
LISTED_DELTAS: Final = ("thinking_delta", "signature_delta", "citations_delta", "compaction_delta")
"""Deltas whose chunks have no text."""
COUNTS: Final = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens", "output_tokens")
NO_ID: Final = "ToolMessage: tool_call_id: Input should be a valid string"


class Reading:
    """The chunks so far: their texts, tool call fragments, metadata, and content blocks that are no text."""

    def __init__(self) -> None:
        self.text: list[str] = []
        self.metadata: list[dict[str, Any]] = []
        self.fragments: list[Any] = []
        self.blocks: list[Any] = []
        self.block: Any = None
        self.finish: Any = ""
        self.seen = self.stopped = self.text_after_end = False

    def take(self, event: Any) -> None:
        """Take one event. Raises ClientError where its conversion would."""
        self.seen = True
        kind = attribute(event, "type")
        if kind == "message_start":
            message = event.get("message")
            self.metadata.append({"model_name": message.get("model")} if isinstance(message, dict) else {})
        elif kind == "content_block_start" and event.get("content_block") is not None:
            self._start(event["content_block"], event)
        elif kind == "content_block_delta":
            self._delta(attribute(event, "delta"), event)
        elif kind == "message_delta":
            self._end(event)
        elif kind == "message_stop":
            self.stopped = True

    def _start(self, block: Any, event: Any) -> None:
        kind = attribute(block, "type")
        if not isinstance(kind, str | list | dict):
            raise ClientError("type", f"argument of type '{type(kind).__name__}' is not iterable")
        if any(word in kind for word in TOOL_BLOCKS):
            self.block = block
            if kind == "tool_use":
                given = block.get("input")
                arguments = json.dumps(given) if given and isinstance(given, dict) else ""
                self._fragment(event, id=block.get("id"), name=block.get("name"), args=arguments)
            self._keep(block, event)
        elif kind == "text":
            self.block = block
            if block.get("text"):
                self._show(block["text"])
        elif kind == "thinking":
            self.block = block

    def _delta(self, delta: Any, event: Any) -> None:
        kind = attribute(delta, "type")
        if kind == "text_delta":
            self._show(delta.get("text"))
            return
        if isinstance(kind, dict | list):
            raise ClientError("type", f"unhashable type: '{type(kind).__name__}'")
        if kind == "input_json_delta":
            if isinstance(self.block, dict) and self.block.get("type") == "tool_use":
                self._fragment(event, id=None, name=None, args=delta.get("partial_json"))
            self._keep(delta, event)
        elif kind in LISTED_DELTAS:
            self._keep(delta, event)

    def _keep(self, block: Any, event: Any) -> None:
        self.blocks.append(dumped(block) | {"index": place_of(event)})
        self.metadata.append({})

    def _show(self, text: Any) -> None:
        self.text.append(text_of(content_of(text)))
        self.text_after_end = self.text_after_end or self.stopped
        self.metadata.append({})

    def _fragment(self, event: Any, **fields: Any) -> None:
        for name, value in fields.items():
            text_or_none(f"tool_call_chunks.0.{name}", value)
        index = place_of(event)
        number = None if index is None else whole_number("tool_call_chunks.0.index", index)
        self.fragments.append({"index": number, **fields})

    def _end(self, event: Any) -> None:
        usage = _usage(event.get("usage"), valid=ENDING(event))
        for name, count in usage.items():
            whole_number(f"usage_metadata.{name}", count)
        delta = event.get("delta")
        reason = attribute(dumped(delta), "stop_reason")
        self.metadata.append({name: delta.get(name) for name in ("stop_reason", "stop_sequence", "stop_details")})
        self.finish = reason or self.finish

    def calls(self) -> tuple[DecodedToolCall, ...]:
        """The merged tool calls. Raises ClientError if there are no chunks to merge, or a call has no ID."""
        if not self.metadata:
            raise ClientError("invalid", "No generations found in stream.")
        reduce(merge_dicts, self.metadata, dict[str, Any]())
        merge_lists([], self.blocks)
        calls = merge_lists([], self.fragments)
        if any(call["id"] is None and becomes_a_call(call["args"]) for call in calls):
            raise ClientError("invalid", NO_ID)
        return tuple(DecodedToolCall(name=c["name"], arguments=c["args"] or "", id=c["id"]) for c in calls)


def _usage(usage: Any, *, valid: bool = False) -> dict[str, Any]:
    """The counts of a usage, as they are added; texts in what is `valid` become numbers. Raises ClientError."""
    counts = {name: usage.get(name) or 0 for name in COUNTS} if isinstance(usage, dict) else {}
    counts = {name: whole(count) for name, count in counts.items()} if valid else counts
    for count in counts.values():
        if not isinstance(count, int | float):
            raise ClientError("type", f"unsupported operand type(s) for +: 'int' and '{type(count).__name__}'")
    return counts


def stream(x: Exchange) -> DecodedResponse:
    """`graph.stream(stream_mode="messages")`."""
    failed = head_error(x, whole_body=True)
    if failed:
        return DecodedResponse(error=failed)
    reading, tools, error = Reading(), tuple[DecodedToolCall, ...](), None
    try:
        for event in events(x):
            reading.take(event)
        tools = reading.calls()
    except ClientError as raised:
        error = raised
    return DecodedResponse(
        text="".join(reading.text),
        tools=tools,
        finish=str(reading.finish)[:40],
        seen=reading.seen and bool(reading.metadata),
        ended=reading.stopped or bool(reading.finish),
        text_after_end=reading.text_after_end,
        error=error,
    )


def invoke(x: Exchange) -> DecodedResponse:
    """`graph.invoke()`, which sends a non-streaming request."""
    failed = head_error(x, whole_body=True)
    if failed:
        return DecodedResponse(error=failed)
    try:
        value = json_reply(x)
        dumped(value)
        blocks = _content(attribute(value, "content"))
        text = _text(blocks)
        used = [block for block in blocks if isinstance(block, dict) and block.get("type") == "tool_use"]
        for block in used:
            _used(block)
        _usage(value.get("usage"))
        if any(block.get("id") is None for block in used):
            raise ClientError("invalid", NO_ID)  # noqa: TRY301 - as the client's own code raises
    except ClientError as raised:
        return DecodedResponse(error=raised)
    tools = tuple(DecodedToolCall(name=b["name"], arguments="{}", id=b.get("id")) for b in used)
    finish = str(value.get("stop_reason") or "")[:40]
    return DecodedResponse(text=text, tools=tools, finish=finish, seen=True, ended=True)


def _content(content: Any) -> list[Any]:
    if content == "":
        return []
    if not isinstance(content, list):
        raise ClientError("type", f"'{type(content).__name__}' object is not iterable")
    return content


def _text(blocks: list[Any]) -> str:
    """The text of a message of these blocks. A single text block becomes plain text."""
    kinds = []
    for block in blocks:
        if not isinstance(block, dict):
            raise ClientError("type", f"'{type(block).__name__}' object is not subscriptable")
        kinds.append(block.get("type"))
        if kinds[-1] == "tool_use":
            break
    if kinds == ["text"] and len(blocks) == 1 and not blocks[0].get("citations"):
        return text_of(content_of(blocks[0].get("text")))
    untyped = any(isinstance(block, dict) and block.get("type") is None for block in blocks)
    for block in blocks if untyped else ():
        if isinstance(block, dict) and block.get("type") in (None, "text") and not isinstance(block.get("text"), str):
            raise ClientError("type", f"expected str instance, {type(block.get('text')).__name__} found")
    return text_of(content_of(blocks))


def _used(block: dict[str, Any]) -> None:
    text_or_none("tool_calls.0.id", block.get("id"))
    if block.get("name") is None:
        raise reject("tool_calls.0.name", None)
    text_or_none("tool_calls.0.name", block["name"])
    if not isinstance(block.get("input"), dict):
        raise reject("tool_calls.0.args", block.get("input"))


def read(x: Exchange) -> DecodedResponse:
    """`graph.stream` on a stream, `graph.invoke` otherwise."""
    return stream(x) if x.mode == "stream" else invoke(x)


LANGGRAPH_ANTHROPIC = Client(
    profile="langgraph",
    name="LangGraph 1.2 (ChatAnthropic)",
    version="1.2.22 (langchain-anthropic 1.7.7, anthropic 2.12.0)",
    api="messages",
    simulate=simulator(read),
)
