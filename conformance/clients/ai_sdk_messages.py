"""The Vercel AI SDK on Messages: its provider for Anthropic."""

import json
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from conformance.clients.ai_sdk import (
    VERSIONS,
    Part,
    cut_off,
    parts,
    refusal,
    reported,
    retryable,
    runs,
    simulated,
    whole,
)
from conformance.clients.ai_sdk_messages_types import ERROR, EVENT, MESSAGE_6, MESSAGE_7
from conformance.clients.client import Client, Simulation
from conformance.clients.javascript import shown
from conformance.clients.node_fetch import BodyReader, body, body_on_node_22, is_lost
from conformance.clients.turn import ClientError, DecodedResponse, DecodedToolCall
from conformance.clients.validators import Check
from conformance.model.exchange import Exchange

RUNS_TOOLS: Final = ("pause_turn", "end_turn", "stop_sequence", "tool_use")
"""The stop reasons after which the SDK executes tools."""
SAID: Final = ("text", "compaction")
"""The blocks that are shown as text."""
OPENS: Final = ("text", "thinking", "redacted_thinking", "compaction")
"""The blocks of text and reasoning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """What differs between versions.

    `message`: what a complete response must be; `read_body`: fetch of the Node that it runs on; `any_part`: a block
    that begins or ends is output, not only what it says.
    """

    message: Check
    read_body: BodyReader
    any_part: bool


@dataclass
class _Block:
    """A block that is open: a tool call with its arguments so far, or one without (None)."""

    call: DecodedToolCall | None = None
    arguments: str = ""


class _Reading:
    """What the provider has read. `emitted`: it passed something on; `has_output`: the SDK took that for output."""

    def __init__(self, version: Version) -> None:
        self.version = version
        self.text: list[str] = []
        self.blocks: dict[str, _Block] = {}
        self.waiting: list[DecodedToolCall] = []
        self.tools: list[DecodedToolCall] = []
        self.kind = self.finish = ""
        self.opened: tuple[Any, ...] = ()
        self.has_reasoning = self.text_after_end = self.seen = False
        self.stopped = self.emitted = self.has_output = self.invalid = False
        self.error: ClientError | None = None

    def add(self, part: Part) -> None:
        """Take one part; the first error is the one reported to the user. Raises ClientError if the stream fails."""
        if part.ends or self.invalid:
            return
        if part.error or part.value["type"] == "error":
            self._fail(part.error or reported(part.value["error"]))
            return
        self.seen = self.seen or part.value["type"] != "ping"
        getattr(self, part.value["type"], lambda _value: None)(part.value)

    def _fail(self, error: ClientError) -> None:
        self.error, self.emitted = self.error or error, True

    def _output(self, *, says_something: bool = True) -> None:
        self.emitted = True
        self.has_output = self.has_output or says_something or self.version.any_part

    def message_start(self, value: dict[str, Any]) -> None:
        """A message begins; it may have complete tool calls. Another one inside it ends the stream for the SDK."""
        message = value["message"]
        identity = ("id" in message, message.get("id"))
        if self.opened:
            if self.opened != identity:
                self.invalid = True
                self._fail(ClientError("invalid", "Received message_start while another message is open"))
            return
        self.opened, self.emitted = identity, True
        self.finish = message.get("stop_reason") or self.finish
        for block in message.get("content") or ():
            self._output()
            given = block.get("input")
            self._call(block, json.dumps({} if given is None else given))

    def _call(self, block: dict[str, Any], arguments: str) -> None:
        self.waiting.append(DecodedToolCall(name=block["name"], arguments=arguments, id=block["id"]))

    def content_block_start(self, value: dict[str, Any]) -> None:
        """A block begins."""
        block, index = value["content_block"], shown(value["index"])
        if block["type"] == "fallback":
            return
        self.kind = block["type"]
        if self.kind == "mcp_tool_result":
            raise ClientError("type", "Cannot read properties of undefined (reading 'toolName')")
        if self.kind in OPENS:
            self.blocks[index] = _Block()
        elif self.kind == "tool_use":
            call = DecodedToolCall(name=block["name"], id=block["id"])
            self.blocks[index] = _Block(call, json.dumps(block["input"]) if block.get("input") else "")
        self._output(says_something=False)

    def content_block_delta(self, value: dict[str, Any]) -> None:
        """A block grows; text needs none."""
        delta, block = value["delta"], self.blocks.get(shown(value["index"]))
        match delta["type"]:
            case "text_delta":
                self._say(delta["text"])
            case "compaction_delta" if delta.get("content") is not None:
                self._say(delta["content"])
            case "thinking_delta":
                self.has_reasoning = True
                self._output(says_something=bool(delta["thinking"]))
            case "signature_delta" if self.kind == "thinking":
                self._output(says_something=False)
            case "input_json_delta" if block and block.call and delta["partial_json"]:
                block.arguments += delta["partial_json"]
                self._output()

    def _say(self, text: str) -> None:
        self.text_after_end = self.text_after_end or bool(self.stopped and text)
        self.text.append(text)
        self._output(says_something=bool(text))

    def content_block_stop(self, value: dict[str, Any]) -> None:
        """A block ends, and with it a tool call."""
        block = self.blocks.pop(shown(value["index"]), None)
        self.kind = ""
        if block is None:
            return
        self._output(says_something=block.call is not None)
        if block.call:
            self._call({"name": block.call.name, "id": block.call.id}, block.arguments or "{}")

    def message_delta(self, value: dict[str, Any]) -> None:
        """The message reports its stop_reason."""
        self.finish = value["delta"].get("stop_reason") or ""

    def message_stop(self, _value: dict[str, Any]) -> None:
        """The message ends: only now are tools executed."""
        self.tools += runs(self.waiting, finish=self.finish in RUNS_TOOLS)
        self.waiting, self.opened = [], ()
        self.stopped = self.emitted = True

    def turn(self) -> DecodedResponse:
        """What the program has in the end."""
        error = self.error
        if not (error or self.stopped or self.has_output):
            error = ClientError("invalid", "No output generated. The model stream ended without a finish chunk.")
        return DecodedResponse(
            text="".join(self.text),
            tools=(*self.tools, *runs(self.waiting, finish=False)),
            finish=self.finish[:40],
            seen=self.seen,
            ended=self.stopped or bool(self.finish),
            text_after_end=self.text_after_end,
            has_reasoning=self.has_reasoning,
            error=error,
        )


def simulate(version: Version, x: Exchange, _fallback: Exchange | None) -> Simulation:
    """`streamText` on a stream, `generateText` otherwise."""
    failed = refusal(x, ERROR)
    if not failed and x.mode == "stream":
        return _streamed(x, version)
    turn = DecodedResponse(error=failed) if failed else _completed(x, version)
    return simulated(x, turn, retried=retryable(x, turn.error))


def _streamed(x: Exchange, version: Version) -> Simulation:
    """An error before anything was passed on fails the request; it is retried if the server is overloaded."""
    reading, broken = _Reading(version), version.read_body(x).error
    try:
        for part in parts(x, EVENT):
            first = not reading.emitted
            reading.add(part)
            if first and reading.error:
                overloaded = part.value is not None and part.value["error"]["type"] == "overloaded_error"
                return simulated(x, DecodedResponse(seen=True, error=reading.error), retried=overloaded)
    except ClientError as raised:
        return simulated(x, DecodedResponse(text="".join(reading.text), seen=True, error=raised), retried=False)
    if broken and not reading.emitted:
        return simulated(x, DecodedResponse(error=broken), retried=is_lost(x))
    cut = cut_off(x, broken, "".join(reading.text), reading.error)
    return cut or simulated(x, reading.turn(), retried=False)


def _completed(x: Exchange, version: Version) -> DecodedResponse:
    try:
        value = whole(x, version.message, version.read_body)
    except ClientError as raised:
        return DecodedResponse(error=raised)
    blocks, finish = value["content"], value.get("stop_reason") or ""
    calls = (
        DecodedToolCall(name=block["name"], arguments=json.dumps(block["input"]), id=block["id"])
        for block in blocks
        if block["type"] == "tool_use"
    )
    texts = (block["text" if block["type"] == "text" else "content"] for block in blocks if block["type"] in SAID)
    return DecodedResponse(
        text="".join(texts), tools=runs(calls, finish=finish in RUNS_TOOLS), finish=finish[:40], seen=True, ended=True
    )


AI_SDK_ANTHROPIC = Client(
    profile="vercel-ai-sdk",
    name="AI SDK 6 (anthropic)",
    version=f"{VERSIONS['6']} (@ai-sdk/anthropic 3.0.138)",
    api="messages",
    simulate=partial(simulate, Version(message=MESSAGE_6, read_body=body, any_part=True)),
)
AI_SDK_7_ANTHROPIC = Client(
    profile="vercel-ai-sdk",
    name="AI SDK 7 (anthropic)",
    version=f"{VERSIONS['7']} (@ai-sdk/anthropic 4.0.105)",
    api="messages",
    simulate=partial(simulate, Version(message=MESSAGE_7, read_body=body_on_node_22, any_part=False)),
)
