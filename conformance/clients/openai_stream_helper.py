"""openai-python 3's `client.chat.completions.stream()`: it accumulates all chunks into one completion."""

from typing import Any, Final

from conformance.clients.openai_sdk import attribute, chunks, text_in
from conformance.clients.sdk import head_error
from conformance.clients.turn import ClientError, DecodedResponse, DecodedToolCall
from conformance.clients.validators import as_integer, fields, items, nullish, one_of, text, whole
from conformance.model.exchange import Exchange

REFUSED_FINISHES: Final = ("length", "content_filter")
"""Finish reasons with which the complete completion can't be had."""


def read_stream(x: Exchange) -> DecodedResponse:
    """Read a stream: the texts of all `content.delta` events, and the tool calls of the final completion."""
    failed = head_error(x, whole_body=False)
    if failed:
        return DecodedResponse(error=failed)
    received, completion = chunks(x), Completion()
    text: list[str] = []
    error, tools = received.error, tuple[DecodedToolCall, ...]()
    try:
        for chunk in received.values:
            if attribute(chunk, "object") == "chat.completion.chunk":
                text += map(text_in, completion.take(chunk))
        tools = () if error else completion.final_calls()
    except ClientError as raised:
        error = raised
    except (OverflowError, RecursionError) as raised:
        error = ClientError("type", str(raised)[:300])
    return DecodedResponse(
        text="".join(text),
        text_after_end=completion.mixed,
        tools=tools,
        finish=str(completion.finish)[:40],
        seen=bool(received.values),
        ended=received.done or bool(completion.finish),
        error=error,
    )


class Completion:
    """The completion so far: its choices, each with the message that its deltas have become.

    `mixed`: texts of several choices were shown, which the helper's events do not tell apart.
    """

    def __init__(self) -> None:
        self.choices: list[Any] | None = None
        self._current = dict[int, int]()
        self._shown = set[int]()

    @property
    def mixed(self) -> bool:
        """Whether texts of several choices were shown."""
        return len(self._shown) > 1

    @property
    def finish(self) -> Any:
        """The finish reason of the first choice."""
        return (self.choices[0].get("finish_reason") if self.choices else None) or ""

    def take(self, chunk: dict[str, Any]) -> list[Any]:
        """Take one chunk, and return the contents of its `content.delta` events. Raises ClientError."""
        choices = [_coerced(choice) for choice in _iterated(chunk.get("choices"))]
        if self.choices is None:
            if "choices" not in chunk:
                raise ClientError("shape", "'choices'")
            self.choices = _begun(choices)
        else:
            for choice in choices:
                self._accumulate(self.choices, choice)
        return [text for choice in choices for text in self._events(self.choices, choice)]

    def _accumulate(self, known: list[Any], choice: Any) -> None:
        index = _position(choice)
        if -len(known) <= index < len(known):
            snapshot = known[index]
            snapshot["message"] = _grown(attribute(snapshot, "message"), attribute(choice, "delta"))
        else:
            snapshot = _snapshot(choice)
            known.append(snapshot)
        snapshot["finish_reason"] = choice.get("finish_reason") or snapshot.get("finish_reason")
        for fragment in _iterated(attribute(choice["delta"], "tool_calls") or ()):
            _named(_at(_calls(snapshot), _position(fragment)))

    def _events(self, known: list[Any], choice: Any) -> list[Any]:
        index = _position(choice)
        snapshot, delta = _at(known, index), attribute(choice, "delta")
        message = attribute(snapshot, "message")
        content = attribute(delta, "content")
        fragments = attribute(delta, "tool_calls") or ()
        for fragment in _iterated(fragments):
            if _named(_at(_calls(snapshot), _position(fragment))):
                attribute(fragment.get("function"), "arguments")
        if choice.get("logprobs") is not None:
            attribute(choice["logprobs"], "content")
        self._finish_calls(index, snapshot, fragments)
        if content is None or attribute(message, "content") is None:
            return []
        if content:
            self._shown.add(index)
        return [content]

    def _finish_calls(self, index: int, snapshot: Any, fragments: Any) -> None:
        """Look at each call that is complete: at the end, or when another begins."""
        begun = [_position(fragment) for fragment in fragments]
        over = [self._current.get(index), *begun[:-1]]
        if snapshot.get("finish_reason") or begun:
            for place in (place for place in over if place is not None):
                _named(_at(_calls(snapshot), place))
        if begun:
            self._current[index] = begun[-1]

    def final_calls(self) -> tuple[DecodedToolCall, ...]:
        """The tool calls of the first choice. Raises ClientError where the final completion can't be made."""
        if self.choices is None:
            raise ClientError("shape", "AssertionError")
        for choice in self.choices:
            if choice.get("finish_reason") in REFUSED_FINISHES:
                raise ClientError("invalid", f"Could not parse response content: {choice['finish_reason']}")
            for call in _iterated(attribute(attribute(choice, "message"), "tool_calls") or ()):
                _named(call)
        return tuple(map(_called, _calls(self.choices[0]))) if self.choices else ()


FRAGMENTS: Final = items(
    fields(
        index=as_integer,
        id=nullish(text),
        type=nullish(one_of("function")),
        function=nullish(fields(name=nullish(text), arguments=nullish(text))),
    )
)
"""Tool call fragments that are as the SDK's types want them."""


def _coerced(choice: Any) -> Any:
    """A choice, in whose tool call fragments Pydantic makes numbers of texts, if all of them are valid."""
    delta = choice.get("delta") if isinstance(choice, dict) else None
    fragments = delta.get("tool_calls") if isinstance(delta, dict) else None
    if delta is None or fragments is None or not FRAGMENTS(fragments):
        return choice
    numbered = [fragment | {"index": whole(fragment["index"])} for fragment in fragments]
    return choice | {"delta": delta | {"tool_calls": numbered}}


def _begun(choices: list[Any]) -> list[Any]:
    """The choices of the first chunk, each at its own index."""
    made = list(choices)
    for choice in choices:
        index = _position(choice)
        if not -len(made) <= index < len(made):
            raise ClientError("shape", "list assignment index out of range")
        made[index] = _snapshot(choice)
    return made


def _snapshot(choice: Any) -> dict[str, Any]:
    kept = {name: value for name, value in choice.items() if name != "delta"}
    return kept | {"message": accumulate({}, _object(attribute(choice, "delta")))}


def _grown(message: Any, delta: Any) -> dict[str, Any]:
    """The message with one delta more. A call that was of a function must still be of one."""
    before = list(_iterated(attribute(message, "tool_calls") or ()))
    were = [_named(call) for call in before]
    after = accumulate(message, _object(delta))
    calls = after.get("tool_calls") or ()
    for call, was in zip(_iterated(calls), were, strict=False):
        if was and not _named(call):
            raise ClientError("shape", "AssertionError")
    return after


def accumulate(known: dict[str, Any], delta: dict[str, Any]) -> dict[str, Any]:
    """Add a delta to what is known: texts are joined, numbers added, lists merged by the index of their entries."""
    made = dict(known)
    for name, new in delta.items():
        old = made.get(name)
        indexed = isinstance(new, list) and any(isinstance(entry, dict) and "index" in entry for entry in new)
        if (old is None and not indexed) or name in ("index", "type"):
            made[name] = new
        else:
            made[name] = _joined([] if old is None else old, new, indexed=indexed)
    return made


def _joined(old: Any, new: Any, *, indexed: bool) -> Any:
    if isinstance(old, str) and isinstance(new, str):
        return old + new
    if isinstance(old, int | float) and isinstance(new, int | float):
        return old + new
    if isinstance(old, dict) and isinstance(new, dict):
        return accumulate(old, new)
    if not (isinstance(old, list) and isinstance(new, list)):
        return old
    if all(isinstance(entry, str | int | float) for entry in old) and (old or not indexed):
        return [*old, *new]
    merged = list(old)
    for entry in new:
        _merge(merged, entry)
    return merged


def _merge(entries: list[Any], entry: Any) -> None:
    if not isinstance(entry, dict):
        raise ClientError("type", "Unexpected list delta entry is not a dictionary")
    index = entry.get("index")
    if not isinstance(index, int):
        raise ClientError("type", "Unexpected, list delta entry `index` value is not an integer")
    if not -len(entries) <= index < len(entries):
        entries.insert(index, entry)
    else:
        entries[index] = accumulate(_object(entries[index]), entry)


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ClientError("shape", f"'{type(value).__name__}' object has no attribute 'to_dict'")
    return value


def _iterated(values: Any) -> Any:
    """What a `for` loop over choices or tool calls goes through; anything but a list raises there or at its entries."""
    if isinstance(values, list | tuple):
        return values
    if values in ("", {}):
        return ()
    raise ClientError("type", f"'{type(values).__name__}' object is not iterable")


def _position(entry: Any) -> int:
    """The index of a choice or fragment, which must be an integer."""
    index = attribute(entry, "index")
    if not isinstance(index, int):
        raise ClientError("type", f"list indices must be integers or slices, not {type(index).__name__}")
    return index


def _at(entries: Any, index: int) -> Any:
    if not -len(entries) <= index < len(entries):
        raise ClientError("shape", "list index out of range")
    return entries[index]


def _calls(snapshot: Any) -> Any:
    return _iterated(attribute(attribute(snapshot, "message"), "tool_calls") or ())


def _named(call: Any) -> bool:
    """Whether a call is of a function, whose name is then looked at."""
    if attribute(call, "type") != "function":
        return False
    attribute(call.get("function"), "name")
    return True


def _called(call: Any) -> DecodedToolCall:
    function = attribute(call, "function")
    return DecodedToolCall(
        name=attribute(function, "name"), arguments=attribute(function, "arguments"), id=attribute(call, "id")
    )
