"""The Vercel AI SDK on Messages: its provider for Anthropic."""

from functools import partial
from typing import Any, Final

from conformance.clients.ai_sdk import LOST, VERSIONS, Part, parts, refusal, reported, retryable, simulated, whole
from conformance.clients.client import Client, Simulation
from conformance.clients.node import broken_off
from conformance.clients.openai_sdk import Calls
from conformance.clients.turn import ClientError, DecodedResponse, DecodedToolCall
from conformance.clients.validators import (
    Check,
    anything,
    both,
    fields,
    items,
    never_null,
    nullish,
    number,
    one_of,
    text,
    typed,
)
from conformance.model.exchange import Exchange

ERROR: Final = fields(type=one_of("error"), error=fields(type=text, message=text))
RESULTS: Final = (
    "bash_code_execution_tool_result",
    "code_execution_tool_result",
    "mcp_tool_result",
    "text_editor_code_execution_tool_result",
    "tool_search_tool_result",
    "web_fetch_tool_result",
    "web_search_tool_result",
)
"""The result blocks of the vendor's own tools."""
BLOCKS: Final[dict[str, Check]] = dict(
    thinking=fields(thinking=text),
    redacted_thinking=fields(data=text),
    tool_use=fields(id=text, name=text),
    server_tool_use=fields(id=text, name=text),
    mcp_tool_use=fields(id=text, name=text),
    **dict.fromkeys(RESULTS, fields(tool_use_id=text)),
)
OPENED: Final = typed(text=fields(text=text), **BLOCKS)
WHOLE: Final = typed(text=both(fields(text=text), never_null("citations")), **BLOCKS)
"""A block as it begins in a stream, and a complete one, whose citations may be absent but not null until version 7."""
DELTA: Final = typed(
    text_delta=fields(text=text),
    input_json_delta=fields(partial_json=text),
    thinking_delta=fields(thinking=text),
    signature_delta=fields(signature=text),
    compaction_delta=fields(content=nullish(text)),
    citations_delta=anything,
)
EVENT: Final = typed(
    message_start=fields(
        message=fields(
            id=nullish(text),
            model=nullish(text),
            role=nullish(text),
            usage=fields(input_tokens=number),
            content=nullish(items(typed(tool_use=fields(id=text, name=text)))),
            stop_reason=nullish(text),
        )
    ),
    content_block_start=fields(index=number, content_block=OPENED),
    content_block_delta=fields(index=number, delta=DELTA),
    content_block_stop=fields(index=number),
    message_delta=fields(
        delta=fields(stop_reason=nullish(text), stop_sequence=nullish(text)), usage=fields(output_tokens=number)
    ),
    message_stop=anything,
    ping=anything,
    error=fields(error=fields(type=text, message=text)),
)


def _message(block: Check) -> Check:
    return fields(
        type=one_of("message"),
        id=nullish(text),
        model=nullish(text),
        content=items(block),
        stop_reason=nullish(text),
        stop_sequence=nullish(text),
        usage=fields(input_tokens=number, output_tokens=number),
    )


MESSAGE_6: Final = _message(WHOLE)
MESSAGE_7: Final = _message(OPENED)


class _Reading:
    def __init__(self) -> None:
        self.text: list[str] = []
        self.calls = Calls()
        self.finish, self.stopped, self.text_after_end, self.seen, self.has_reasoning = "", False, False, False, False
        self.error: ClientError | None = None

    def add(self, part: Part) -> None:
        """Take one part; the first error is the one reported to the user."""
        if part.ends:
            return
        if part.error or part.value["type"] == "error":
            self.error = self.error or part.error or reported(part.value["error"])
            return
        self.seen = self.seen or part.value["type"] != "ping"
        getattr(self, part.value["type"], lambda _value: None)(part.value)

    def content_block_start(self, value: dict[str, Any]) -> None:
        """A block begins."""
        block = value["content_block"]
        if block["type"] == "tool_use":
            self.calls.add({"id": block["id"], "function": {"name": block["name"]}}, value["index"])

    def content_block_delta(self, value: dict[str, Any]) -> None:
        """A block grows."""
        delta = value["delta"]
        if delta["type"] == "text_delta":
            self.text_after_end = self.text_after_end or self.stopped
            self.text.append(delta["text"])
        elif delta["type"] == "input_json_delta":
            self.calls.add({"function": {"arguments": delta["partial_json"]}}, value["index"])
        self.has_reasoning = self.has_reasoning or delta["type"] == "thinking_delta"

    def message_delta(self, value: dict[str, Any]) -> None:
        """The message reports its stop_reason."""
        self.finish = value["delta"].get("stop_reason") or self.finish

    def message_stop(self, _value: dict[str, Any]) -> None:
        """The message ends."""
        self.stopped = True

    def turn(self) -> DecodedResponse:
        tools = tuple(tool for tool in self.calls.tools() if tool.name)
        error = self.error
        if not (error or self.stopped or tools or any(self.text)):
            error = ClientError("invalid", "No output generated. The model stream ended without a finish chunk.")
        ended = self.stopped or bool(self.finish)
        return DecodedResponse(
            text="".join(self.text),
            tools=tools,
            finish=self.finish[:40],
            seen=self.seen,
            ended=ended,
            text_after_end=self.text_after_end,
            has_reasoning=self.has_reasoning,
            error=error,
        )


def simulate(message: Check, x: Exchange, _fallback: Exchange | None) -> Simulation:
    """`streamText` on a stream, `generateText` otherwise."""
    failed = refusal(x, ERROR)
    if not failed and x.mode == "stream":
        return _streamed(x)
    turn = DecodedResponse(error=failed) if failed else _completed(x, message)
    return simulated(x, turn, retried=retryable(x, turn.error))


def _streamed(x: Exchange) -> Simulation:
    """An error in the first relevant event fails the request; it is retried if the server is overloaded."""
    reading = _Reading()
    for part in parts(x, EVENT):
        first = not reading.seen
        reading.add(part)
        if first and reading.error:
            overloaded = part.error is None and part.value["error"]["type"] == "overloaded_error"
            lost = part.error is not None and part.error.kind in LOST and broken_off(x)
            return simulated(x, DecodedResponse(error=reading.error), retried=overloaded or lost)
    return simulated(x, reading.turn(), retried=False)


def _completed(x: Exchange, message: Check) -> DecodedResponse:
    try:
        value = whole(x, message)
    except ClientError as raised:
        return DecodedResponse(error=raised)
    blocks = value["content"]
    tools = tuple(
        DecodedToolCall(name=block["name"], arguments="{}", id=block["id"])
        for block in blocks
        if block["type"] == "tool_use"
    )
    text = "".join(block["text"] for block in blocks if block["type"] == "text")
    return DecodedResponse(
        text=text, tools=tools, finish=str(value.get("stop_reason") or "")[:40], seen=True, ended=True
    )


AI_SDK_ANTHROPIC = Client(
    profile="vercel-ai-sdk",
    name="AI SDK 6 (anthropic)",
    version=f"{VERSIONS['6']} (@ai-sdk/anthropic 3.0.138)",
    api="messages",
    simulate=partial(simulate, MESSAGE_6),
)
AI_SDK_7_ANTHROPIC = Client(
    profile="vercel-ai-sdk",
    name="AI SDK 7 (anthropic)",
    version=f"{VERSIONS['7']} (@ai-sdk/anthropic 4.0.105)",
    api="messages",
    simulate=partial(simulate, MESSAGE_7),
)
