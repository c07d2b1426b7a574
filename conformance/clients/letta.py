"""Letta: an async openai-python 2 under a server that forwards text and validates non-streaming responses strictly."""

from dataclasses import replace
from typing import Any, Final

from conformance.clients.client import Client
from conformance.clients.letta_response import require, response
from conformance.clients.openai_sdk import Calls, attribute, completed, items, streamed
from conformance.clients.sdk import simulator
from conformance.clients.turn import ClientError, DecodedResponse
from conformance.clients.validators import as_integer, nullish, text
from conformance.model.exchange import Exchange

COMPACTIONS: Final = 3
"""Requests for a summary of the conversation, after a response that it is too long."""
TOO_LONG: Final = (
    "exceeds the context window",
    "maximum context length",
    "context_length_exceeded",
    "Input tokens exceed the configured limit",
    "exceeds the maximum allowed input length",
)
"""Words of an error by which Letta knows that."""


class JoinedCalls(Calls):
    """Tool call fragments by index (default 0); each received name is appended to the one before."""

    def add(self, fragment: Any, slot: Any) -> None:
        """Add one fragment; its name and arguments must be strings."""
        function = attribute(fragment, "function")
        name = attribute(function, "name") if function else None
        arguments = attribute(function, "arguments") if function else None
        for value in (name, arguments):
            if value and not isinstance(value, str):
                raise ClientError(
                    "invalid", f"ToolCallDelta: Input should be a valid string, not {type(value).__name__}"
                )
        call = self._parts.setdefault(slot, {"id": None, "name": "", "arguments": ""})
        call["id"] = call["id"] or attribute(fragment, "id")
        call["name"] += name or ""
        call["arguments"] += arguments or ""


def tool_calls(delta: Any) -> Any:
    """The tool calls of a delta; Letta takes their length, unless they are null."""
    calls = attribute(delta, "tool_calls")
    if isinstance(calls, int | float):
        raise ClientError("type", f"object of type '{type(calls).__name__}' has no len()")
    return calls


def process_chunk(delta: Any, calls: Calls) -> str:
    """Take one delta as Letta's streaming interface does; it must not be None."""
    content = attribute(delta, "content")
    if content and not isinstance(content, str | list):
        raise ClientError("invalid", f"AssistantMessage: content should be a string, not {type(content).__name__}")
    for fragment in items(tool_calls(delta)):
        index = attribute(fragment, "index")
        calls.add(fragment, index if isinstance(index, int) else 0)
    return content if isinstance(content, str) else ""


def _count(chunk: Any) -> None:
    usage = attribute(chunk, "usage")
    if usage:
        attribute(usage, "prompt_tokens")


def send_streamed(x: Exchange) -> DecodedResponse:
    """The streaming route: a tool call without ID or name is silently dropped."""
    turn = streamed(x, process_chunk, on_chunk=_count, calls=JoinedCalls())
    return replace(turn, tools=tuple(tool for tool in turn.tools if tool.id and tool.name))


RESPONSE: Final = response(finish_reason=nullish(text), counted=nullish(as_integer))


def _validate(value: Any) -> None:
    require(value, RESPONSE)
    message = value["choices"][0]["message"]
    if message.get("content") is None and not message.get("tool_calls"):
        raise ClientError("invalid", "LLM provider returned empty content in response")


def read(x: Exchange) -> DecodedResponse:
    """Read a response as Letta does."""
    return send_streamed(x) if x.mode == "stream" else completed(x, on_chunk=_validate)


def _attempts(turn: DecodedResponse) -> int:
    """The request, and those that summarize a conversation that is too long; they get the same response."""
    error = turn.error
    if error is None:
        return 1
    is_named = any(words in error.message for words in TOO_LONG)
    too_long = error.status == 413 or (is_named and (error.status == 400 or error.kind == "api"))
    return 1 + COMPACTIONS if too_long else 1


LETTA = Client(
    profile="letta",
    name="Letta 0.16",
    version="0.16.8 (openai 2.54.0)",
    api="chat",
    simulate=simulator(read, framework_attempts=_attempts),
)
