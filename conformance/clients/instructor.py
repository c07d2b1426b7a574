"""Instructor: openai-python 3 under a loop that needs one tool call, whose arguments become an object."""

import json
import re
from typing import Any, Final

from conformance.clients import jiter
from conformance.clients.client import Client
from conformance.clients.openai_python import simulator_3
from conformance.clients.openai_sdk import attribute, chunks, completed, first, streamed
from conformance.clients.required_tool import requires_tool_call
from conformance.clients.sdk import head_error, json_reply
from conformance.clients.turn import ClientError, DecodedResponse, DecodedToolCall
from conformance.clients.validators import has_odd_names
from conformance.model.exchange import Exchange

ATTEMPTS: Final = 4
"""The first request and `max_retries=3`, for a response that can't be parsed."""
CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class _Stream:
    """The object as received so far."""

    def __init__(self) -> None:
        self.text = ""
        self.value: Any = {}

    def add(self, arguments: Any) -> None:
        """Take the arguments of one chunk. Raises ClientError if the object can't begin so."""
        self.text += CONTROLS.sub("", arguments if isinstance(arguments, str) else str(arguments))
        so_far = self.text.strip() or "{}"
        try:
            so_far.encode()
            self.value = jiter.partial(so_far)
        except UnicodeEncodeError as error:
            raise ClientError("unicode", str(error)[:300]) from None
        except (ValueError, RecursionError) as error:
            raise ClientError("type", str(error)[:300]) from None
        if not isinstance(self.value, dict) and jiter.is_complete(so_far):
            raise ClientError("invalid", "Input should be a valid dictionary or instance of the response model")

    def tools(self) -> tuple[DecodedToolCall, ...]:
        """The object as a call, if it has any value. Raises ClientError if it is none."""
        if not isinstance(self.value, dict):
            raise ClientError("shape", f"'{type(self.value).__name__}' object has no attribute 'model_dump'")
        if all(value is None for value in self.value.values()):
            return ()
        arguments = "{}" if jiter.is_complete(self.text.strip()) else "{"
        return (DecodedToolCall(name="-", arguments=arguments, id="-"),)


def _arguments(chunk: Any) -> Any:
    """The arguments of the first call of a chunk's first choice, or None; what has no such attribute is skipped."""
    choices = chunk.get("choices") if isinstance(chunk, dict) else None
    choice = _first(choices) if choices else None
    delta = choice.get("delta") if isinstance(choice, dict) else None
    fragments = delta.get("tool_calls") if isinstance(delta, dict) else None
    fragment = _first(fragments) if fragments else None
    function = fragment.get("function") if isinstance(fragment, dict) else None
    return function.get("arguments") if isinstance(function, dict) else None


def _first(values: Any) -> Any:
    """The first of a list; the first letter of a text has none of the attributes."""
    return None if isinstance(values, str) else first(values)


def create_partial(x: Exchange) -> DecodedResponse:
    """A stream: the object as received so far; unfinished JSON is delivered as it is, text is ignored."""
    failed = head_error(x, whole_body=False)
    if failed:
        return DecodedResponse(error=failed)
    received, reading = chunks(x), _Stream()
    tools: tuple[DecodedToolCall, ...] = ()
    error = received.error
    try:
        for chunk in received.values:
            if (arguments := _arguments(chunk)) is not None:
                reading.add(arguments)
        tools = () if error else reading.tools()
    except ClientError as raised:
        error = raised
    return DecodedResponse(tools=tools, seen=bool(received.values), ended=received.done, error=error)


def create(x: Exchange) -> DecodedResponse:
    """A non-streaming response: the arguments of its first tool call, which may be an object already."""
    failed = head_error(x, whole_body=False)
    if failed:
        return DecodedResponse(error=failed)
    try:
        tool = _called(json_reply(x))
    except ClientError as raised:
        return DecodedResponse(error=raised)
    return DecodedResponse(tools=(tool,), seen=True, ended=True)


def _called(value: Any) -> DecodedToolCall:
    """The first call. Raises ClientError; of the kind `invalid` if the model is told and asked again."""
    choices = value.get("choices") if isinstance(value, dict) else None
    if not choices:
        raise _validation_error(value) if value is None or not isinstance(value, dict) else _none("choices")
    choice = first(choices)
    if attribute(choice, "finish_reason") == "length":
        raise ClientError("api", "The output is incomplete due to a max_tokens length limit.")
    message = choice.get("message")
    found = message if isinstance(message, dict) else {}
    if found.get("refusal") is not None:
        raise ClientError("api", f"Unable to generate a response due to {found['refusal']}"[:300])
    calls, old = found.get("tool_calls") or (), found.get("function_call")
    function = attribute(first(calls), "function") if calls else old
    if calls or old is not None:
        arguments = attribute(function, "arguments") if calls or isinstance(old, dict) else None
        text = arguments if isinstance(arguments, str) else json.dumps(arguments)
        if _is_object(text):
            return DecodedToolCall(name="-", arguments="{}", id="-")
    raise _validation_error(value, message)


def _is_object(text: str) -> bool:
    try:
        return isinstance(jiter.complete(text), dict)
    except (ValueError, RecursionError):
        return False


def _none(name: str) -> ClientError:
    return ClientError("type", f"{name}: 'NoneType' object is not subscriptable")


def _validation_error(value: Any, message: Any = None) -> ClientError:
    """The error of a response that can't be parsed: the message is quoted, which fails for what is none."""
    error = ClientError("invalid", "No tool calls or function call found in response")
    if value is None or not isinstance(value, dict):
        return error
    if not isinstance(message, dict):
        return ClientError("shape", f"'{type(message).__name__}' object has no attribute 'role'")
    calls = message.get("tool_calls")
    if calls is not None and has_odd_names(message):
        return ClientError("unicode", "'utf-8' codec can't encode character: surrogates not allowed")
    for call in calls or ():
        if not isinstance(call, dict) or not isinstance(call.get("function"), dict):
            return ClientError("shape", f"'{type(call).__name__}' object has no attribute 'name'")
    return error


def read(x: Exchange) -> DecodedResponse:
    """`create_partial` on a stream, `create` otherwise; a text that need not be a call is read as the SDK does."""
    if not requires_tool_call(x):
        turn = streamed(x, whole_body=False) if x.mode == "stream" else completed(x, whole_body=False)
        if turn.text and not turn.tools:
            return turn
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
