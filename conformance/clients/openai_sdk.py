"""openai-python's chat decoder: the chunks of a stream, the object of a non-streaming response, and their readers."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from conformance.clients.sdk import head_error, json_reply, messages
from conformance.clients.transport import json_value
from conformance.clients.turn import ClientError, DecodedResponse, DecodedToolCall, as_text
from conformance.model.exchange import Exchange, cached_reader

ASSISTANTS = "thread."
"""Events with such a name are wrapped, for the Assistants API."""
DEFAULT_ERROR = "An error occurred during streaming"


@dataclass(frozen=True, slots=True)
class Chunks:
    """The JSON values that the stream yields; `done` if `[DONE]` ended it, `error` if something else did.

    `rest` is the error of a client that continues reading after `[DONE]`.
    """

    values: tuple[Any, ...] = ()
    done: bool = False
    error: ClientError | None = None
    rest: ClientError | None = None


@cached_reader
def chunks(x: Exchange) -> Chunks:
    """Read the events up to `[DONE]`, whatever the Content-Type; what follows is not read."""
    received = messages(x)
    values: list[Any] = []
    for event in received.events:
        if event.data.startswith("[DONE]"):
            return Chunks(tuple(values), done=True, rest=received.error)
        value = json_value(event.data)
        if isinstance(value, ClientError):
            return Chunks(tuple(values), error=value)
        if event.name and event.name.startswith(ASSISTANTS):
            value = {"data": value, "event": event.name}
        if isinstance(value, dict) and value.get("error"):
            return Chunks(tuple(values), error=ClientError("api", _error_of(value["error"])))
        values.append(value)
    return Chunks(tuple(values), error=received.error)


def _error_of(error: Any) -> str:
    message = error.get("message") if isinstance(error, dict) else None
    return message if isinstance(message, str) and message else DEFAULT_ERROR


def attribute(value: Any, name: str) -> Any:
    """`value.name` as in the SDK's models: None for an absent field of an object; raises for anything else."""
    if isinstance(value, dict):
        return value.get(name)
    kind = "NoneType" if value is None else type(value).__name__
    raise ClientError("shape", f"'{kind}' object has no attribute '{name}'")


def first(values: Any) -> Any:
    """`values[0]`, raising as Python does."""
    if isinstance(values, list | str) and values:
        return values[0]
    if values is None:
        raise ClientError("type", "'NoneType' object is not subscriptable")
    raise ClientError("shape", "list index out of range" if values == [] else f"{type(values).__name__} has no item 0")


def text_in(value: Any) -> str:
    """Content that is text or falsy; anything else raises, as it can't be concatenated."""
    if not value:
        return ""
    if not isinstance(value, str):
        raise ClientError("type", f'can only concatenate str (not "{type(value).__name__}") to str')
    return value


def items(values: Any) -> Iterator[Any]:
    """What a `for` loop iterates over; empty for None."""
    if values and not isinstance(values, list):
        raise ClientError("shape", f"'{type(values).__name__}' is not a list of tool calls")
    yield from values or ()


class Calls:
    """Tool calls, assembled from fragments by index."""

    def __init__(self, *, last_name: bool = False) -> None:
        self._parts: dict[Any, dict[str, Any]] = {}
        self._last_name = last_name

    def add(self, fragment: Any, slot: Any) -> None:
        """Add one fragment to the call in that slot. Raises ClientError if its arguments are not text."""
        call = self._parts.setdefault(slot, {"id": None, "name": None, "arguments": ""})
        function = attribute(fragment, "function")
        call["id"] = call["id"] or attribute(fragment, "id")
        if function is None:
            return
        name = attribute(function, "name")
        call["name"] = (name or call["name"]) if self._last_name else (call["name"] or name)
        call["arguments"] += text_in(attribute(function, "arguments"))

    def knows(self, slot: Any) -> bool:
        """Whether a call has begun in that slot."""
        return slot in self._parts

    def tools(self) -> tuple[DecodedToolCall, ...]:
        """The calls in the order in which they began."""
        return tuple(DecodedToolCall(**call) for call in self._parts.values())


def slot_of(index: Any) -> Any:
    """A fragment's index as a key: any type that Python can hash."""
    if isinstance(index, dict | list):
        raise ClientError("type", f"unhashable type: '{type(index).__name__}'")
    return index


DeltaHandler = Callable[[Any, Calls], str]
"""Handles a chunk's first delta (None if it is missing) and returns its text."""


def plain_delta(delta: Any, calls: Calls) -> str:
    """The loop of the SDK's documentation: join content and tool call fragments."""
    text = text_in(attribute(delta, "content"))
    for fragment in items(attribute(delta, "tool_calls")):
        arguments = attribute(attribute(fragment, "function"), "arguments")
        if not isinstance(arguments, str | None):
            raise ClientError("type", f'can only concatenate str (not "{type(arguments).__name__}") to str')
        calls.add(fragment, slot_of(attribute(fragment, "index")))
    return text


ChunkHook = Callable[[Any], bool | None]
"""Handles any chunk, or a non-streaming response, before the client looks for choices.

It may raise ClientError, or return True to skip a chunk.
"""


def streamed(
    x: Exchange,
    handle_delta: DeltaHandler = plain_delta,
    *,
    on_chunk: ChunkHook | None = None,
    whole_body: bool = True,
    calls: Calls | None = None,
    drains: bool = False,
) -> DecodedResponse:
    """Read a stream chunk by chunk, with `handle_delta` for each delta; to the body's end if the client `drains` it."""
    failed = head_error(x, whole_body=whole_body)
    if failed:
        return DecodedResponse(error=failed)
    received, calls = chunks(x), calls or Calls()
    text: list[str] = []
    finish, has_reasoning, error = "", False, received.rest if drains and received.done else received.error
    try:
        for chunk in received.values:
            if on_chunk and on_chunk(chunk):
                continue
            choices = attribute(chunk, "choices")
            if not choices:
                continue
            choice = first(choices)
            delta = attribute(choice, "delta")
            text.append(handle_delta(delta, calls))
            finish = attribute(choice, "finish_reason") or finish
            has_reasoning = has_reasoning or _thinks(delta)
    except ClientError as raised:
        error = raised
    return DecodedResponse(
        text="".join(text),
        tools=calls.tools(),
        finish=str(finish)[:40],
        seen=bool(received.values),
        ended=received.done or bool(finish),
        has_reasoning=has_reasoning,
        error=error,
    )


def _thinks(message: Any) -> bool:
    return isinstance(message, dict) and bool(message.get("reasoning_content") or message.get("reasoning"))


def completed(x: Exchange, *, on_chunk: ChunkHook | None = None, whole_body: bool = True) -> DecodedResponse:
    """Read a non-streaming response: the first choice's message."""
    failed = head_error(x, whole_body=whole_body)
    if failed:
        return DecodedResponse(error=failed)
    try:
        value = json_reply(x)
        if on_chunk:
            on_chunk(value)
        choice = first(attribute(value, "choices"))
        message = attribute(choice, "message")
        content = attribute(message, "content")
        tools = tuple(_called(call) for call in items(attribute(message, "tool_calls")))
    except ClientError as raised:
        return DecodedResponse(error=raised)
    return DecodedResponse(
        text=content if isinstance(content, str) else as_shown(content),
        text_after_end=bool(content) and not isinstance(content, str),
        tools=tools,
        finish=str(attribute(choice, "finish_reason") or "")[:40],
        seen=True,
        ended=True,
        has_reasoning=_thinks(message),
    )


def as_shown(content: Any) -> str:
    """Content that is not text, as a program prints it."""
    return as_text(content, 4000) if content else ""


def _called(call: Any) -> DecodedToolCall:
    function = attribute(call, "function")
    return DecodedToolCall(
        name=attribute(function, "name"), arguments=attribute(function, "arguments"), id=attribute(call, "id")
    )
