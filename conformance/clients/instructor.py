"""Instructor: openai-python 3 under a loop that needs one tool call, whose arguments become an object."""

import json
from dataclasses import replace
from typing import Any, Final

from conformance.clients.client import Client
from conformance.clients.openai_python import simulator_3
from conformance.clients.openai_sdk import Calls, completed, first, streamed, text_in
from conformance.clients.required_tool import requires_tool_call
from conformance.clients.turn import ClientError, DecodedResponse, DecodedToolCall, as_text
from conformance.model.exchange import Exchange

ATTEMPTS: Final = 4
"""The first request and `max_retries=3`, for a response that can't be parsed."""


def handle_delta(delta: Any, calls: Calls) -> str:
    """Take the arguments of a delta's first tool call, whichever it belongs to; what is not an object is skipped."""
    if not isinstance(delta, dict):
        return ""
    fragment = first(delta.get("tool_calls")) if delta.get("tool_calls") else None
    function = fragment.get("function") if isinstance(fragment, dict) else None
    arguments = function.get("arguments") if isinstance(function, dict) else None
    if arguments is not None:
        arguments = arguments if isinstance(arguments, str) else as_text(arguments)
        calls.add({"id": "-", "function": {"name": "-", "arguments": arguments}}, 0)
    return text_in(delta.get("content"))


def _has_no_fields(chunk: Any) -> bool:
    """Whether a chunk is skipped: it is not an object."""
    return not isinstance(chunk, dict)


def create_partial(x: Exchange) -> DecodedResponse:
    """A stream: the object as received so far; unfinished JSON is delivered as it is, text is ignored."""
    turn = streamed(x, handle_delta, on_chunk=_has_no_fields, whole_body=False)
    if not requires_tool_call(x) and turn.text and not turn.tools:
        return turn
    turn = replace(turn, text="")
    for tool in turn.tools:
        if not turn.error and not _begins_an_object(tool):
            return turn.with_error(ClientError("type", "key must be a string at line 1 column 2"))
    return turn


def _begins_an_object(tool: DecodedToolCall) -> bool:
    arguments = tool.arguments.lstrip()
    return not arguments or (arguments[0] == "{" and arguments[1:].lstrip()[:1] in ("", '"', "}"))


def _is_no_object(value: Any) -> None:
    if not isinstance(value, dict):
        raise ClientError("invalid", "No choices in OpenAI response")


def create(x: Exchange) -> DecodedResponse:
    """A non-streaming response: the arguments of its first tool call, which may be an object already."""
    turn = completed(x, on_chunk=_is_no_object, whole_body=False)
    if turn.error or (turn.text and not turn.tools and not requires_tool_call(x)):
        return turn
    if turn.finish == "length":
        return turn.with_error(ClientError("api", "The output is incomplete due to a max_tokens length limit."))
    for tool in turn.tools[:1]:
        arguments = tool.arguments if isinstance(tool.arguments, str) else json.dumps(tool.arguments)
        called = replace(tool, arguments=arguments)
        if called.callable:
            return replace(turn, text="", tools=(called,))
    return replace(turn, text="").with_error(ClientError("invalid", "No tool calls or function call found in response"))


def read(x: Exchange) -> DecodedResponse:
    """`create_partial` on a stream, `create` otherwise."""
    return create_partial(x) if x.mode == "stream" else create(x)


def _attempts(turn: DecodedResponse) -> int:
    """A response that can't be parsed is retried, with the error in the prompt, if there is a message to quote."""
    return ATTEMPTS if turn.error and turn.error.kind in ("invalid", "json") else 1


INSTRUCTOR = Client(
    profile="instructor",
    name="Instructor 1.17",
    version="1.17.0 (openai 3.3.0)",
    api="chat",
    simulate=simulator_3(read, framework_attempts=_attempts),
)
