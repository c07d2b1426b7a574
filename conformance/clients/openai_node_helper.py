"""openai-node's `chat.completions.stream()`: it builds a completion from the chunks, and emits events meanwhile."""

from typing import Any, Final

from conformance.clients.client import Client
from conformance.clients.javascript import (
    get,
    is_array_index,
    iterated,
    optional_get,
    property_name,
    shown,
    truthy,
)
from conformance.clients.node_fetch import fetch_requests, is_uncertain, refusal
from conformance.clients.openai_node import VERSION, VERSION_6, Version, read
from conformance.clients.sdk import simulator
from conformance.clients.turn import ClientError, DecodedResponse, DecodedToolCall
from conformance.model.exchange import Exchange

HOLE: Final = "Cannot read properties of undefined"
TAKEN: Final = ("delta", "finish_reason", "index", "logprobs")
"""The members of a choice that are not simply copied."""
TAKEN_OF_DELTA: Final = ("audio", "content", "refusal", "function_call", "role", "tool_calls")
TAKEN_OF_CALL: Final = ("index", "id", "type", "function")
FUNCTION_LEVEL: Final = 4
"""Of a message, where its calls' functions are."""


def _rest(value: Any, taken: tuple[str, ...]) -> dict[str, Any]:
    """`const {a, b, ...rest} = value`: raises for null."""
    if value is None:
        raise ClientError("type", "Cannot destructure null")
    return {name: held for name, held in value.items() if name not in taken} if isinstance(value, dict) else {}


def _holder(value: Any) -> dict[str, Any]:
    """An object whose properties can be set. Raises for a primitive value."""
    if not isinstance(value, dict):
        raise ClientError("type", f"Cannot create property on {shown(value)[:40]}")
    return value


def _concatenated(before: Any, more: Any) -> str:
    return (shown(before) if truthy(before) else "") + shown(more)


def _copied(value: Any, levels: int) -> Any:
    """A copy of a value down to this level; deeper ones are shared, as they are not changed."""
    if not levels or not isinstance(value, dict | list):
        return value
    if isinstance(value, list):
        return [_copied(item, levels - 1) for item in value]
    return {name: _copied(held, levels - 1) for name, held in value.items()}


class Choice:
    """One choice of the completion, begun by a chunk's. `current`: the index of the tool call being received."""

    def __init__(self, begun: Any) -> None:
        self.index, self.current = optional_get(begun, "index"), None
        self.finish: Any = None
        self.message: Any = {}
        self.garbled = False
        self.logprobs: Any = _copied(optional_get(begun, "logprobs"), 1)

    def accumulate(self, choice: Any) -> None:
        """Take one chunk's choice into the completion; a `message` in it replaces what was built so far."""
        self.log(optional_get(choice, "logprobs"))
        if truthy(finish := optional_get(choice, "finish_reason")):
            self.finish = finish
        if "message" in (other := _rest(choice, TAKEN)):
            self.message = _copied(other["message"], FUNCTION_LEVEL)
        delta = optional_get(choice, "delta")
        if not truthy(delta):
            return
        if rest := _rest(delta, TAKEN_OF_DELTA):
            _holder(self.message).update(rest)
        for name, is_piece in (("refusal", truthy), ("content", self.is_piece)):
            if is_piece(piece := optional_get(delta, name)):
                message = _holder(self.message)
                message[name] = _concatenated(message.get(name), piece)
        for name in ("role", "function_call"):
            if truthy(given := optional_get(delta, name)):
                _holder(self.message)[name] = given
        if truthy(optional_get(delta, "tool_calls")):
            self._accumulate_calls(self.fragments(delta))

    @staticmethod
    def is_piece(value: Any) -> bool:
        """Whether a value is concatenated to the content, or the arguments."""
        return truthy(value)

    @staticmethod
    def fragments(delta: Any) -> list[Any]:
        """The fragments of tool calls in a delta. Raises ClientError for what can't be iterated over."""
        found = optional_get(delta, "tool_calls")
        return [] if found is None else list(iterated(found))

    def log(self, logprobs: Any) -> None:
        """Take log probabilities. Raises ClientError where they can't be appended to those before."""
        if not truthy(logprobs):
            return
        if not truthy(self.logprobs):
            self.logprobs = dict(logprobs) if isinstance(logprobs, dict) else {}
            return
        if isinstance(logprobs, str) and isinstance(self.logprobs, str):
            raise ClientError("type", "Cannot assign to read only property '0'")
        for name in ("content", "refusal"):
            if truthy(more := optional_get(logprobs, name)):
                kept = _holder(self.logprobs)
                before = [] if kept.get(name) is None else kept[name]
                if not (isinstance(before, list) and isinstance(more, list)):
                    raise ClientError("type", "push is not a function")
                kept[name] = [*before, *more]

    def _accumulate_calls(self, fragments: list[Any]) -> None:
        message = _holder(self.message)
        if not truthy(message.get("tool_calls")):
            message["tool_calls"] = {}
        if isinstance(calls := message["tool_calls"], list):
            message["tool_calls"] = {str(at): call for at, call in enumerate(calls)}
        calls = _holder(message["tool_calls"])
        for fragment in fragments:
            rest, index = _rest(fragment, TAKEN_OF_CALL), property_name(fragment, "index")
            if calls.get(index) is None:
                calls[index] = {}
            self._grow(_holder(calls[index]), fragment, rest)

    def _grow(self, call: dict[str, Any], fragment: Any, rest: dict[str, Any]) -> None:
        call.update(rest)
        for name in ("id", "type"):
            if truthy(given := optional_get(fragment, name)):
                call[name] = given
        function = optional_get(fragment, "function")
        if not truthy(function):
            return
        name, arguments = optional_get(function, "name"), optional_get(function, "arguments")
        if call.get("function") is None:
            call["function"] = {"name": "" if name is None else name, "arguments": ""}
        if truthy(name):
            _holder(call["function"])["name"] = name
        if self.is_piece(arguments):
            held = _holder(call["function"])
            held["arguments"] = shown(held.get("arguments")) + shown(arguments)

    def emit(self, choice: Any, text: list[str]) -> None:
        """Emit the events of one chunk's choice: that of its content adds to the text, others may fail."""
        delta = optional_get(choice, "delta")
        content, message = optional_get(delta, "content"), self.message
        if optional_get(message, "role") == "assistant" and truthy(message.get("content")) and content is not None:
            text.append(shown(content))
            self.garbled = self.garbled or not isinstance(content, str)
        if truthy(self.finish):
            get(message, "content")
            self._call_done()
        begun = self.fragments(delta)
        for fragment in begun:
            index = get(fragment, "index")
            if not _is_same(self.current, index):
                get(message, "content")
                self._call_done()
            self.current = index
        for fragment in begun:
            call = optional_get(get(message, "tool_calls"), property_name(fragment, "index"))
            if optional_get(call, "type") == "function":
                get(get(call, "function"), "arguments")

    def _call_done(self) -> None:
        """Emit that the current tool call is complete. Raises ClientError unless it has a type."""
        if self.current is None:
            return
        call = optional_get(get(self.message, "tool_calls"), shown(self.current))
        if not truthy(call):
            raise ClientError("shape", "no tool call snapshot")
        if not truthy(kind := optional_get(call, "type")):
            raise ClientError("shape", "tool call snapshot missing `type`")
        if kind == "function":
            get(get(call, "function"), "name")

    def finished(self) -> tuple[DecodedToolCall, ...]:
        """The tool calls of the final choice. Raises ClientError for what is missing."""
        calls = get(self.message, "tool_calls")
        for name, value in (("finish_reason", self.finish), ("role", get(self.message, "role"))):
            if not truthy(value):
                raise ClientError("shape", f"missing {name} for choice {shown(self.index)}")
        if truthy(call := get(self.message, "function_call")):
            if optional_get(call, "arguments") is None or not truthy(optional_get(call, "name")):
                raise ClientError("shape", "missing function_call.name or function_call.arguments")
            return ()
        return tuple(map(self.finished_call, _elements(calls))) if truthy(calls) else ()

    @staticmethod
    def finished_call(call: Any) -> DecodedToolCall:
        """One tool call of the final choice. Raises ClientError for what is missing, and for another type."""
        function = optional_get(call, "function")
        kind, name, arguments = get(call, "type"), optional_get(function, "name"), optional_get(function, "arguments")
        if name is None or arguments is None:
            raise ClientError("shape", "missing function.name or function.arguments")
        if kind != "function":
            given = shown(kind)[:40]
            raise ClientError("shape", f"Currently only `function` tool calls are supported; Received `{given}`")
        return DecodedToolCall(name=name, arguments=arguments, id=optional_get(call, "id"))


def _is_same(one: Any, other: Any) -> bool:
    """`one === other`."""
    if isinstance(one, dict | list) or isinstance(one, bool) != isinstance(other, bool):
        return False
    return bool(one == other)


def _elements(values: Any) -> list[Any]:
    """The elements of an array that was filled by index. Raises ClientError for a hole in it, or for no array."""
    if isinstance(values, list):
        return values
    indices = {int(name) for name in _holder(values) if is_array_index(name)}
    if indices and len(indices) <= max(indices):
        raise ClientError("type", HOLE)
    return [values[str(at)] for at in sorted(indices)]


class Snapshot:
    """All choices, by index as the name of a property: the completion has those whose index is one of an array."""

    def __init__(self, choice: type[Choice]) -> None:
        self._choice = choice
        self.choices: dict[str, Choice] = {}

    def add(self, chunk: Any, text: list[str]) -> None:
        """Take one chunk: first all its choices, then their events."""
        _rest(chunk, ())
        choices = list(iterated(optional_get(chunk, "choices")))
        for choice in choices:
            _rest(choice, TAKEN)
            self._kept(choice).accumulate(choice)
        for choice in choices:
            self._kept(choice).emit(choice, text)

    def _kept(self, choice: Any) -> Choice:
        return self.choices.setdefault(property_name(choice, "index"), self._choice(choice))

    @property
    def garbled(self) -> bool:
        """Whether some content is no text."""
        return any(choice.garbled for choice in self.choices.values())

    def end(self, *, begun: bool) -> tuple[DecodedToolCall, ...]:
        """The tool calls of the completion. Raises ClientError for what is missing."""
        if not begun:
            raise ClientError("shape", "request ended without sending any chunks")
        choices = _elements(self.choices)
        tools: list[tuple[DecodedToolCall, ...]] = [choice.finished() for choice in choices]
        if not choices or choices[0].message.get("role") != "assistant":
            raise ClientError("shape", "stream ended without producing a ChatCompletionMessage with role=assistant")
        return tools[0]


def read_with_helper(x: Exchange, version: Version = VERSION_6, choice: type[Choice] = Choice) -> DecodedResponse:
    """`client.chat.completions.stream()`; tool calls are there only in the end."""
    if x.mode != "stream" or refusal(x):
        return read(x, version)
    received, snapshot = version.chunks(x), Snapshot(choice)
    error = received.error
    text: list[str] = []
    tools: tuple[DecodedToolCall, ...] = ()
    try:
        for chunk in received.values:
            snapshot.add(chunk, text)
        tools = () if error else snapshot.end(begun=bool(received.values))
    except ClientError as raised:
        error = raised
    return DecodedResponse(
        text="".join(text), tools=tools, seen=bool(received.values), ended=not snapshot.garbled, error=error
    )


OPENAI_NODE_HELPER = Client(
    profile="openai-node",
    name="openai-node 6.49 (stream helper)",
    version=VERSION,
    api="chat",
    simulate=simulator(read_with_helper, sdk_requests=fetch_requests, uncertain=is_uncertain),
)
