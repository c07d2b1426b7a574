"""Pydantic AI on Messages: anthropic-python, which always streams, under an agent that needs text or a tool call."""

from typing import Any, Final

from conformance.clients.claude_sdk import completed, events
from conformance.clients.client import Client
from conformance.clients.openai_sdk import attribute, slot_of
from conformance.clients.pydantic_ai_parts import Part, Parts, attempts, held, is_race, judged
from conformance.clients.sdk import head_error, simulator
from conformance.clients.turn import ClientError, DecodedResponse
from conformance.clients.validators import as_integer, text, whole
from conformance.model.exchange import Exchange

STARTS: Final = "message_start"
OTHER_EVENTS: Final = (
    "message_delta",
    "message_stop",
    "content_block_start",
    "content_block_delta",
    "content_block_stop",
)
OTHER_BLOCKS: Final = frozenset({
    "thinking", "redacted_thinking", "tool_use", "server_tool_use", "web_search_tool_result", "web_fetch_tool_result",
    "advisor_tool_result", "code_execution_tool_result", "bash_code_execution_tool_result",
    "text_editor_code_execution_tool_result", "tool_search_tool_result", "mcp_tool_use", "mcp_tool_result",
    "container_upload", "compaction", "fallback", "mcp_tool_listing",
})  # fmt: skip
"""Types of content blocks that are no text; a block of any other type, or of none, is read as text."""
OTHER_DELTAS: Final = frozenset({
    "input_json_delta", "citations_delta", "thinking_delta", "signature_delta", "compaction_delta",
})  # fmt: skip


class _Stream:
    """What the streamed response keeps of the events."""

    def __init__(self) -> None:
        self.parts = Parts()
        self.finish: Any = ""
        self.seen = self.stopped = self.text_after_end = self.has_reasoning = False

    def add(self, event: Any) -> None:
        """Take one event; what is not an object is skipped, except as the first one."""
        kind = _kind(event, OTHER_EVENTS, STARTS)
        if not self.seen and kind != STARTS:
            raise ClientError("shape", "AssertionError")
        self.seen = True
        before = len(self.parts.shown)
        if kind == STARTS:
            _start(event.get("message"))
        elif kind == "content_block_start":
            self._block(_position(event), event.get("content_block"))
        elif kind == "content_block_delta":
            self._delta(slot_of(_position(event)), event.get("delta"))
        elif kind == "content_block_stop":
            slot_of(_position(event))
        elif kind == "message_delta":
            self._end(event)
        self.text_after_end = self.text_after_end or (self.stopped and len(self.parts.shown) > before)
        self.stopped = self.stopped or kind == "message_stop"

    def _block(self, index: Any, block: Any) -> None:
        kind = _kind(block, OTHER_BLOCKS, "text")
        if kind == "text" and block.get("text"):
            self.parts.add_text(index, block["text"])
        elif kind == "tool_use":
            self.parts.add_call(index, block.get("name"), block.get("input") or None, block.get("id"))
        elif kind in ("thinking", "redacted_thinking"):
            self.has_reasoning = True

    def _delta(self, index: Any, delta: Any) -> None:
        kind = _kind(delta, OTHER_DELTAS, "text_delta")
        if kind == "text_delta":
            self.parts.add_text(index, delta.get("text"))
        elif kind == "input_json_delta":
            self.parts.add_call(index, None, delta.get("partial_json"), None)
        elif kind == "thinking_delta":
            self.has_reasoning = True

    def _end(self, event: dict[str, Any]) -> None:
        _count(event.get("usage"))
        delta = event.get("delta")
        self.finish = slot_of(attribute(delta, "stop_reason")) or self.finish
        for found in (attribute(delta, "stop_details"), attribute(delta, "container")):
            if found:
                attribute(found, "type")


def _kind(value: Any, known: Any, otherwise: str) -> str:
    """The type of an object, "" for anything else; an unknown type is read as the first one that the SDK knows."""
    if not isinstance(value, dict):
        return ""
    kind = value.get("type")
    return kind if isinstance(kind, str) and kind in known else otherwise


def _position(event: dict[str, Any]) -> Any:
    """The index of an event; in an event that is valid, the SDK makes a number of a text."""
    index = event.get("index")
    return whole(index) if as_integer(index) and _is_valid(event) else index


def _is_valid(event: dict[str, Any]) -> bool:
    """Whether an event is as the SDK's types want it."""
    block, delta = event.get("content_block"), event.get("delta")
    if event["type"] == "content_block_start":
        wanted = {"text": ("text",), "tool_use": ("id", "name")}
        return isinstance(block, dict) and all(
            text(block.get(name)) for name in wanted.get(str(block.get("type")), ("type",))
        )
    if event["type"] == "content_block_delta":
        needed = {"text_delta": "text", "input_json_delta": "partial_json"}
        return isinstance(delta, dict) and text(delta.get(needed.get(str(delta.get("type")), "type")))
    return True


def _start(message: Any) -> None:
    """Take the opening message; none at all is skipped."""
    if message is None:
        return
    _count(attribute(message, "usage"))
    for name in ("container", "diagnostics"):
        if message.get(name):
            attribute(message[name], "id")


def _count(usage: Any) -> None:
    """Take the usage, which must be an object."""
    for name in ("cache_creation", "output_tokens_details", "server_tool_use"):
        if attribute(usage, name) is not None:
            attribute(usage[name], "count")


def _read_stream(x: Exchange) -> DecodedResponse:
    failed = head_error(x, whole_body=True)
    if failed:
        return DecodedResponse(error=failed)
    reading, error = _Stream(), None
    try:
        for event in events(x):
            reading.add(event)
        if not reading.seen:
            error = ClientError("invalid", "Streamed response ended without content or tool calls")
    except ClientError as raised:
        error = raised
    turn = DecodedResponse(
        text="".join(reading.parts.shown),
        finish=str(reading.finish)[:40],
        seen=reading.seen,
        ended=reading.stopped or bool(reading.finish),
        text_after_end=reading.text_after_end,
        has_reasoning=reading.has_reasoning,
        error=error,
    )
    return judged(x, turn, reading.parts)


def read(x: Exchange) -> DecodedResponse:
    """The agent on a stream; a non-streaming response is read as the SDK reads it."""
    if x.mode == "stream":
        return held(x, _read_stream(x))
    turn = completed(x)
    parts = [Part("text", turn.text)] if turn.text else []
    calls = [Part("call", name=tool.name, arguments=tool.arguments, id=tool.id) for tool in turn.tools]
    return judged(x, turn, Parts([*parts, *calls]))


def _uncertain(x: Exchange) -> bool:
    return x.mode == "stream" and is_race(_read_stream(x))


PYDANTIC_AI_ANTHROPIC = Client(
    profile="pydantic-ai",
    name="Pydantic AI 2.68 (Anthropic)",
    version="2.68.0 (anthropic 2.12.0)",
    api="messages",
    simulate=simulator(read, framework_attempts=attempts, uncertain=_uncertain),
)
