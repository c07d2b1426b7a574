"""openai-node: the raw stream read with an ordinary loop, and the `stream()` helper that builds a completion."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from conformance.clients.client import Client
from conformance.clients.node import (
    first,
    get,
    listed,
    messages,
    node_requests,
    optional_get,
    parse_json,
    refusal,
    shown,
    text_of,
)
from conformance.clients.openai_sdk import Chunks
from conformance.clients.sdk import simulator
from conformance.clients.transport import body
from conformance.clients.turn import ClientError, DecodedResponse, DecodedToolCall
from conformance.model.exchange import Exchange, cached_reader
from conformance.parsing.http1 import reply


@cached_reader
def chunks(x: Exchange) -> Chunks:
    """Read the events; those after `[DONE]` are ignored, but the body is read to its end."""
    received = messages(x)
    values: list[Any] = []
    for event in received.events:
        if event.data.startswith("[DONE]"):
            return Chunks(tuple(values), done=True, error=received.error)
        value = parse_json(event.data)
        if isinstance(value, ClientError):
            return Chunks(tuple(values), error=value)
        if optional_get(value, "error"):
            message = optional_get(optional_get(value, "error"), "message")
            return Chunks(tuple(values), error=ClientError("api", shown(message or optional_get(value, "error"))[:500]))
        values.append(value)
    return Chunks(tuple(values), error=received.error)


class Calls:
    """Tool calls, assembled by index, with arguments concatenated as JavaScript does it."""

    def __init__(self) -> None:
        self.parts: dict[str, dict[str, Any]] = {}

    def add(self, fragment: Any) -> dict[str, Any]:
        """Add one fragment."""
        call = self.parts.setdefault(shown(get(fragment, "index")), {"id": None, "name": None, "arguments": ""})
        function = optional_get(fragment, "function")
        call["id"] = call["id"] or optional_get(fragment, "id")
        call["name"] = call["name"] or optional_get(function, "name")
        if optional_get(function, "arguments"):
            call["arguments"] += shown(optional_get(function, "arguments"))
        return call

    def tools(self) -> tuple[DecodedToolCall, ...]:
        """The calls in the order in which they began."""
        return tuple(DecodedToolCall(name=c["name"], arguments=c["arguments"], id=c["id"]) for c in self.parts.values())


class Reading:
    """What a loop over the chunks collects."""

    def __init__(self) -> None:
        self.calls, self.text, self.finish, self.has_reasoning = Calls(), list[str](), "", False
        self.garbled = False

    def add(self, choice: Any) -> None:
        """Take the first choice of a chunk, if there is one."""
        delta = optional_get(choice, "delta")
        content = optional_get(delta, "content") or ""
        self.text.append(shown(content))
        self.garbled = self.garbled or not isinstance(content, str)
        for fragment in listed(optional_get(delta, "tool_calls")):
            self.calls.add(fragment)
        self.finish = shown(optional_get(choice, "finish_reason") or self.finish)
        self.has_reasoning = self.has_reasoning or bool(
            optional_get(delta, "reasoning_content") or optional_get(delta, "reasoning")
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """What differs between major versions.

    `chunks`: the events as decoded; `any_case`: a Content-Type may be in capitals; `indexed`: the helper raises for a
    choice without an index.
    """

    chunks: Callable[[Exchange], Chunks]
    any_case: bool = False
    indexed: bool = False


VERSION_6: Final = Version(chunks=chunks)


def read(x: Exchange, version: Version = VERSION_6) -> DecodedResponse:
    """`create({stream: true})` on a stream, `create` otherwise."""
    failed = refusal(x)
    if failed:
        return DecodedResponse(error=failed)
    return _streamed(version.chunks(x)) if x.mode == "stream" else completed(x, any_case=version.any_case)


def _streamed(received: Chunks) -> DecodedResponse:
    reading, error = Reading(), received.error
    try:
        for chunk in received.values:
            reading.add(first(get(chunk, "choices")))
    except ClientError as raised:
        error = raised
    return _turn(reading, received, error)


def _turn(reading: Reading, received: Chunks, error: ClientError | None) -> DecodedResponse:
    return DecodedResponse(
        text="".join(reading.text),
        tools=reading.calls.tools(),
        finish=reading.finish[:40],
        seen=bool(received.values),
        ended=not reading.garbled and (received.done or bool(reading.finish)),
        has_reasoning=reading.has_reasoning,
        error=error,
    )


def completed(x: Exchange, *, any_case: bool) -> DecodedResponse:
    """Read a non-streaming response; unless its Content-Type is JSON, the caller gets a string without choices."""
    content_type = reply(x).value("content-type").split(";")[0].strip()
    content_type = content_type.lower() if any_case else content_type
    labelled = "application/json" in content_type or content_type.endswith("+json")
    if body(x).error:
        return DecodedResponse(error=body(x).error)
    if not labelled:
        return DecodedResponse(seen=True, ended=True)
    value = parse_json(text_of(x))
    if isinstance(value, str):
        return DecodedResponse(seen=True, ended=True)
    try:
        if isinstance(value, ClientError):
            raise value
        message = get(_first(get(value, "choices")), "message")
        tools = tuple(map(_called, listed(get(message, "tool_calls"))))
    except ClientError as raised:
        return DecodedResponse(error=raised)
    content = optional_get(message, "content")
    return DecodedResponse(
        text=shown(content or ""), tools=tools, seen=True, ended=not content or isinstance(content, str)
    )


def _first(values: Any) -> Any:
    if values is None:
        raise ClientError("type", "Cannot read properties of null (reading '0')")
    return first(values)


def _called(call: Any) -> DecodedToolCall:
    function = get(call, "function")
    return DecodedToolCall(
        name=optional_get(function, "name"), arguments=optional_get(function, "arguments"), id=optional_get(call, "id")
    )


class Choice:
    """One choice of the completion that the `stream()` helper builds."""

    def __init__(self) -> None:
        self.role = self.finish = None
        self.kinds: dict[str, Any] = {}
        self.current: str | None = None

    def add(self, choice: Any) -> None:
        """Take one chunk's choice. Raises ClientError if a tool call ends without a type."""
        self.finish = optional_get(choice, "finish_reason") or self.finish
        delta = optional_get(choice, "delta")
        if optional_get(choice, "message") is not None:  # it replaces what was built so far
            self.role = optional_get(choice["message"], "role")
        self.role = optional_get(delta, "role") or self.role
        fragments = listed(optional_get(delta, "tool_calls"))
        for fragment in fragments:
            index = shown(get(fragment, "index"))
            self.kinds[index] = optional_get(fragment, "type") or self.kinds.get(index)
        if self.finish:
            self._leave(None)
        for fragment in fragments:
            self._leave(shown(get(fragment, "index")))

    def _leave(self, index: str | None) -> None:
        if self.current not in (None, index, "null") and not self.kinds.get(self.current or ""):
            raise ClientError("shape", "tool call snapshot missing `type`")
        self.current = index if index is not None else self.current

    def end(self, index: int) -> None:
        """Finalize the choice. Raises ClientError for what is missing."""
        for name, value in (("finish_reason", self.finish), ("role", self.role)):
            if not value:
                raise ClientError("shape", f"missing {name} for choice {index}")
        if any(kind is None for at, kind in self.kinds.items() if at != "null"):
            raise ClientError("shape", f"missing choices[{index}].tool_calls[0].type")


class Snapshot:
    """All choices by index: the helper requires a first one with role `assistant`."""

    def __init__(self) -> None:
        self.choices: dict[int, Choice] = {}
        self.lost = Choice()

    def add(self, choice: Any) -> bool:
        """Take one choice of a chunk; whether the helper yields its content, which needs role `assistant`."""
        index = optional_get(choice, "index")
        kept = self.choices.setdefault(index, Choice()) if _is_index(index) else self.lost
        kept.add(choice)
        return kept.role == "assistant"

    def end(self, *, begun: bool) -> None:
        """Turn the snapshot into a completion. Raises ClientError for what is missing."""
        if not begun:
            raise ClientError("shape", "request ended without sending any chunks")
        for index in sorted(self.choices):
            self.choices[index].end(index)
        if self.choices.get(0, self.lost).role != "assistant" or 0 not in self.choices:
            raise ClientError("shape", "stream ended without producing a ChatCompletionMessage with role=assistant")


def _is_index(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _require_index(choice: Any) -> None:
    if not _is_index(optional_get(choice, "index")):
        raise ClientError("shape", "Chat completion stream contains an invalid choice index")


def _iterated(choices: Any) -> list[Any]:
    if not isinstance(choices, list):
        raise ClientError("type", "chunk.choices is not iterable")
    return choices


def read_with_helper(x: Exchange, version: Version = VERSION_6) -> DecodedResponse:
    """`client.chat.completions.stream()`; it loses a tool call without an index."""
    if x.mode != "stream" or refusal(x):
        return read(x, version)
    received, reading, snapshot = version.chunks(x), Reading(), Snapshot()
    error = received.error
    try:
        for chunk in received.values:
            for choice in _iterated(get(chunk, "choices")):
                if version.indexed:
                    _require_index(choice)
                if snapshot.add(choice):
                    reading.add(choice)
        if error is None:
            snapshot.end(begun=bool(received.values))
    except ClientError as raised:
        error = raised
    reading.calls.parts.pop("null", None)
    return _turn(reading, received, error)


OPENAI_NODE = Client(
    profile="openai-node",
    name="openai-node 6.49",
    version="6.49.0",
    api="chat",
    simulate=simulator(read, sdk_requests=node_requests),
)
OPENAI_NODE_HELPER = Client(
    profile="openai-node",
    name="openai-node 6.49 (stream helper)",
    version="6.49.0",
    api="chat",
    simulate=simulator(read_with_helper, sdk_requests=node_requests),
)
