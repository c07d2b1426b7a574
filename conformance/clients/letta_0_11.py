"""Letta 0.11: an agent that replies by calling a tool, on an async openai-python 2; text outside a call is lost."""

import json
import re
from dataclasses import replace
from typing import Any, Final

from conformance.clients.client import Client
from conformance.clients.letta import tool_calls
from conformance.clients.letta_response import require, response
from conformance.clients.openai_sdk import Calls, attribute, completed, first, streamed
from conformance.clients.required_tool import requires_tool_call
from conformance.clients.sdk import simulator
from conformance.clients.turn import ClientError, DecodedResponse, DecodedToolCall
from conformance.clients.validators import as_integer, text
from conformance.model.exchange import Exchange

SPEAKS: Final = "send_message"
NO_CALL: Final = ClientError("invalid", "No tool call ID available")


class OneCall(Calls):
    """The one tool call that is read: all received names, IDs and arguments are joined."""

    def add(self, fragment: Any, slot: Any) -> None:
        """Add the first fragment of a delta; it must have a function."""
        call = self._parts.setdefault(slot, {"id": "", "name": "", "arguments": ""})
        function = attribute(fragment, "function")
        parts = {"id": fragment.get("id"), **{part: attribute(function, part) for part in ("name", "arguments")}}
        for name, value in parts.items():
            if value and not isinstance(value, str):
                raise ClientError("type", f'can only concatenate str (not "{type(value).__name__}") to str')
            call[name] += value or ""


def process_chunk(delta: Any, calls: Calls) -> str:
    """Take one delta, which must not be None: only its first tool call."""
    content = attribute(delta, "content")
    fragments = tool_calls(delta)
    if fragments:
        calls.add(first(fragments), 0)
    return content if isinstance(content, str) else ""


class Head:
    """What is read of the chunks themselves: the model's name until it and an ID are there, and the usage."""

    def __init__(self) -> None:
        self.model: Any = None
        self.id: Any = None

    def take(self, chunk: Any) -> None:
        """Take one chunk. Raises ClientError unless the model has a name, and the prompt tokens are a number."""
        choices = attribute(chunk, "choices")
        if not (self.model and self.id):
            self.model, self.id = chunk.get("model"), chunk.get("id")
        if choices and not isinstance(self.model, str):
            raise ClientError("shape", f"'{type(self.model).__name__}' object has no attribute 'startswith'")
        usage = chunk.get("usage")
        if usage and not isinstance(attribute(usage, "prompt_tokens"), int):
            raise ClientError("type", "unsupported operand type(s) for +=: 'int' and 'NoneType'")


THOUGHT: Final = re.compile(r'"thinking"\s*:\s*"(?:[^"\\]|\\.)*"[^"]*"', re.DOTALL)
"""The thoughts in arguments, up to the next key: nothing is shown before that."""
MESSAGE_BEGUN: Final = re.compile(r'"message"\s*:\s*"((?:[^"\\]|\\.)*)', re.DOTALL)
"""The message in arguments that may end anywhere."""


def _so_far(call: DecodedToolCall | None) -> str:
    """The message that was shown while the arguments arrived."""
    if call is None or call.name != SPEAKS or not THOUGHT.search(call.arguments):
        return ""
    begun = MESSAGE_BEGUN.search(call.arguments)
    try:
        return str(json.loads(f'"{begun[1]}"')) if begun else ""
    except ValueError:
        return ""


def create_stream(x: Exchange) -> DecodedResponse:
    """The streaming route: the message is shown as it arrives, and truncated arguments silently end the turn."""
    turn = streamed(x, process_chunk, on_chunk=Head().take, calls=OneCall())
    if turn.text and not turn.tools and not requires_tool_call(x):
        return turn
    call = next(iter(turn.tools), None)
    if turn.error:
        return replace(turn, text=_so_far(call), tools=())
    if call is None or not (call.name and call.id):
        return replace(turn, text="").with_error(NO_CALL)
    if not call.callable or (call.name == SPEAKS and not THOUGHT.search(call.arguments)):
        return DecodedResponse(text=_so_far(call), seen=True)
    return _with_message(turn, call)


def _with_message(turn: DecodedResponse, call: DecodedToolCall) -> DecodedResponse:
    """What the user sees of the agent's call: the message that it sends, or another tool call."""
    if call.name != SPEAKS:
        return replace(turn, text="", tools=(call,))
    message = json.loads(call.arguments or "{}").get("message")
    return replace(turn, text=message if isinstance(message, str) else "", tools=(), ended=True)


RESPONSE: Final = response(finish_reason=text, counted=as_integer)


def _validate(value: Any) -> None:
    require(value, RESPONSE)


def create(x: Exchange) -> DecodedResponse:
    """The route without streaming."""
    turn = completed(x, on_chunk=_validate)
    if turn.error or (turn.text and not turn.tools and not requires_tool_call(x)):
        return turn
    if not turn.tools:
        message = "No tool calls found in response, model must make a tool call"
        return replace(turn, text="").with_error(ClientError("invalid", message))
    call = turn.tools[0]
    return (
        _with_message(turn, call)
        if call.callable
        else replace(turn, text="").with_error(ClientError("json", "arguments"))
    )


def read(x: Exchange) -> DecodedResponse:
    """Read a response as Letta 0.11 does."""
    return create_stream(x) if x.mode == "stream" else create(x)


LETTA_0_11 = Client(
    profile="letta", name="Letta 0.11", version="0.11.7 (openai 2.54.0)", api="chat", simulate=simulator(read)
)
