"""Assemble a response of Chat Completions or Completions, streaming or not, from arbitrary JSON.

The formats are those of https://platform.openai.com/docs/api-reference/chat/streaming and .../chat/object. The
choices of Completions differ: see `text_choices.py`. Anything else is ignored here; the rules report it.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from conformance.apis.content import Choice, ResponseContent, ToolCall
from conformance.apis.text_choices import as_message, in_chat_form
from conformance.model.exchange import Exchange, Span, cached_reader
from conformance.parsing.http1 import reply
from conformance.parsing.json_body import json_body
from conformance.parsing.json_values import Object, as_array, as_object, as_string, is_integer
from conformance.parsing.sse import DONE, Event, payloads, span, stream

REASONING = ("reasoning_content", "reasoning", "thinking", "reasoning_details", "thinking_blocks")
"""Where vendors put reasoning; the specification has no field for it."""

ORDINARY = frozenset({"role", "content", "refusal", "tool_calls", "annotations", *REASONING})


class Chunk(NamedTuple):
    """One event of the stream that is a JSON object."""

    event: Event
    value: Object


class Part(NamedTuple):
    """One entry of a chunk's `choices`; `delta` is empty if it is not an object, `slot` is 0 if there is no index."""

    chunk: Chunk
    choice: Object
    delta: Object
    slot: int


class Fragment(NamedTuple):
    """One entry of `tool_calls`, of any type, in a delta or (then without event) in a non-streaming message."""

    event: Event | None
    choice: int
    value: Any


@cached_reader
def chunks(x: Exchange) -> tuple[Chunk, ...]:
    """The events that are JSON objects, including those after the end marker."""
    pairs = zip(stream(x).dispatched, payloads(x), strict=True)
    new = tuple.__new__  # there are many, and a named tuple's own constructor is twice as slow
    return tuple([new(Chunk, pair) for pair in pairs if type(pair[1]) is dict])


@cached_reader
def answer_chunks(x: Exchange) -> tuple[Chunk, ...]:
    """The chunks that make up the completion: those before the end marker.

    Left out are errors, Azure's annotations, and objects that no client would treat as a chunk.
    """
    end = _finish_reason(x)
    return tuple(
        [
            chunk
            for chunk in chunks(x)
            if chunk.event.start < end and is_chunk(chunk.value) and not chunk.value.get("error")
            if chunk.value.get("object") or not is_annotation(chunk.value)
        ]
    )


FRAME_FIELDS = ("id", "object", "created", "model", "choices", "usage")
"""The fields that every chunk, or non-streaming response, should have or may have."""


@cached_reader
def columns(x: Exchange) -> dict[str, tuple[Any, ...]]:
    """The values of each of FRAME_FIELDS in the frames, in order; None where a frame has none."""
    values = frames(x)
    return {name: tuple([value.get(name) for value in values]) for name in FRAME_FIELDS}


def are_all(values: Iterable[Any], kind: type) -> bool:
    """Whether all values are of one type, and none of a type derived from it."""
    return set(map(type, values)) <= {kind}


@cached_reader
def _finish_reason(x: Exchange) -> int:
    """The offset of the end marker, or else of the end of the content."""
    pairs = zip(stream(x).dispatched, payloads(x), strict=True)
    return next((event.start for event, value in pairs if value is DONE), len(reply(x).content))


def is_chunk(value: Object) -> bool:
    """Whether an object looks like a chunk: it has `choices` or `object`."""
    return "choices" in value or "object" in value


def is_annotation(value: Object) -> bool:
    """Whether a chunk only has Azure's content filter: no text, empty id, object and model.

    https://learn.microsoft.com/azure/ai-foundry/openai/concepts/content-streaming
    """
    choices = as_array(value.get("choices"))
    if not choices:
        return "prompt_filter_results" in value
    return all(
        "content_filter_offsets" in as_object(choice) and not as_object(choice).get("delta") for choice in choices
    )


@cached_reader
def has_error(x: Exchange) -> bool:
    """Whether there is an error instead of or inside the completion."""
    whole = json_body(x)
    return bool(whole.get("error")) if whole is not None else any(c.value.get("error") for c in chunks(x))


@cached_reader
def parts(x: Exchange) -> tuple[Part, ...]:
    """All entries of `choices` that are objects, chunk by chunk."""
    found = _parts(answer_chunks(x))
    if x.api == "completions":
        return tuple(part._replace(delta=as_message(part.choice)) for part in found)
    return tuple(found)


def _parts(found: Iterable[Chunk]) -> Iterator[Part]:
    new = tuple.__new__  # as in `chunks`
    for chunk in found:
        choices = chunk.value.get("choices")
        if type(choices) is not list:
            continue
        for choice in choices:
            if type(choice) is dict:
                delta, index = choice.get("delta"), choice.get("index")
                delta = delta if type(delta) is dict else {}
                slot = index if type(index) is int else int(index) if is_integer(index) else 0
                yield new(Part, (chunk, choice, delta, slot))


@cached_reader
def _parts_by_field(x: Exchange) -> dict[str, list[Part]]:
    found: dict[str, list[Part]] = {}
    for part in parts(x):
        for name, value in part.delta.items():
            if value is not None:
                found.setdefault(name, []).append(part)
    return found


def parts_with(x: Exchange, name: str) -> Sequence[Part]:
    """The parts whose delta has a field that is not null."""
    return _parts_by_field(x).get(name, ())


@cached_reader
def finishing(x: Exchange) -> tuple[Part, ...]:
    """The parts that have a finish_reason."""
    return tuple([part for part in parts(x) if part.choice.get("finish_reason")])


@cached_reader
def is_shaped(x: Exchange) -> bool:
    """Whether all choices have what is said: a delta in a chunk, a message in a non-streaming response, or a text."""
    whole = json_body(x)
    choices = [part.choice for part in parts(x)] if whole is None else [choice for _, choice, _ in whole_choices(whole)]
    if x.api == "completions":
        return all(type(choice.get("text")) is str for choice in choices)
    name = "delta" if whole is None else "message"
    return all(type(choice.get(name)) is dict for choice in choices)


@cached_reader
def fragments(x: Exchange) -> tuple[Fragment, ...]:
    """All entries of `tool_calls`, in order."""
    whole = json_body(x)
    if whole is not None:
        return tuple(
            Fragment(None, index, call)
            for index, _, message in whole_choices(whole)
            for call in as_array(message.get("tool_calls"))
        )
    return tuple(
        Fragment(part.chunk.event, part.slot, call)
        for part in parts_with(x, "tool_calls")
        for call in as_array(part.delta["tool_calls"])
    )


def span_of(x: Exchange, at: Chunk | Part | Fragment | Event | None = None) -> Span:
    """The bytes of a chunk or event, or of the complete content."""
    event = at.chunk.event if isinstance(at, Part) else at.event if isinstance(at, Chunk | Fragment) else at
    return span(x, event) if event is not None else reply(x).locate(0, len(reply(x).content))


def whole_choices(whole: Object) -> Iterator[tuple[int, Object, Object]]:
    """The choices of a non-streaming response that are objects: index (or else list position), choice, message."""
    for at, choice in enumerate(as_array(whole.get("choices"))):
        if isinstance(choice, dict):
            index = choice.get("index")
            yield int(index) if is_integer(index) else at, choice, as_object(choice.get("message"))


@dataclass(slots=True)
class _ChoiceBuilder:
    """A choice while it is assembled."""

    index: int
    pieces: list[str] = field(default_factory=list)
    finishes: list[str] = field(default_factory=list)
    texts: dict[str, list[str]] = field(default_factory=dict)
    calls: list[Fragment] = field(default_factory=list)
    logprobs: list[Any] = field(default_factory=list)
    other: set[str] = field(default_factory=set)
    last_text: Event | None = None
    finish_events: list[Event | None] = field(default_factory=list)

    def add(self, event: Event | None, choice: Object, message: Object) -> None:
        """Add a delta of an event, or a complete message."""
        content, finish = message.get("content"), choice.get("finish_reason")
        if content:
            self.pieces += [content] if type(content) is str else _texts(content)
            self.last_text = event
        if len(message) > 1 or "content" not in message:
            self._add_rest(event, message)
        if finish and isinstance(finish, str):
            self.finishes.append(finish)
            self.finish_events.append(event)
        if logprobs := choice.get("logprobs"):
            self.logprobs += as_array(as_object(logprobs).get("content"))

    def _add_rest(self, event: Event | None, message: Object) -> None:
        for key, value in message.items():
            if not value or key == "content":
                continue
            if key == "tool_calls":
                self.calls += [Fragment(event, self.index, call) for call in as_array(value) if isinstance(call, dict)]
            elif key in ORDINARY:
                self.texts.setdefault(key, []).extend(_texts(value))
            else:
                self.other.add(key)

    def finished(self, *, whole: bool) -> Choice:
        """The choice; in a non-streaming response (`whole`) each entry of `tool_calls` is a call."""
        reasoning = next((name for name in REASONING if name in self.texts), "")
        return Choice(
            index=self.index,
            role=next(iter(self.texts.get("role", ())), ""),
            pieces=tuple(self.pieces),
            refusal="".join(self.texts.get("refusal", ())),
            reasoning="".join(self.texts.get(reasoning, ())),
            calls=tuple(_call(None, [call]) for call in self.calls) if whole else join(self.calls),
            finishes=tuple(self.finishes),
            logprobs=tuple(self.logprobs),
            other=frozenset(self.other),
            last_text=self.last_text,
            finish_events=tuple(self.finish_events),
        )


def _texts(value: Any) -> list[str]:
    """The texts in a string, or in a list of content parts, as some vendors send it."""
    if isinstance(value, str):
        return [value] if value else []
    return [text for part in as_array(value) if isinstance(part, dict) and (text := as_string(part.get("text")))]


def join(fragments: Iterable[Fragment]) -> tuple[ToolCall, ...]:
    """Join objects into calls: by index; without one, a new ID begins a call and the rest goes to the last call."""
    calls: dict[Any, list[Fragment]] = {}
    for fragment in fragments:
        index, name = fragment.value.get("index"), as_string(fragment.value.get("id"))
        if is_integer(index):
            key: Any = int(index)
        else:
            key = ("id", name) if name else next(reversed(calls), None)
        calls.setdefault(key, []).append(fragment)
    return tuple(_call(key if isinstance(key, int) else None, found) for key, found in calls.items())


def _call(index: int | None, fragments: list[Fragment]) -> ToolCall:
    values: list[Object] = [fragment.value for fragment in fragments]
    functions = [as_object(value.get("function") or value.get("custom")) for value in values]
    return ToolCall(
        index=index,
        id=next((name for value in values if (name := as_string(value.get("id")))), ""),
        type=next((name for value in values if (name := as_string(value.get("type")))), ""),
        name=next((name for f in functions if (name := as_string(f.get("name")))), ""),
        arguments="".join(as_string(function.get("arguments") or function.get("input")) for function in functions),
        sent=values[0],
        first=fragments[0].event,
        last=fragments[-1].event,
    )


def frames(x: Exchange) -> list[Object]:
    """The objects that have the choices: the non-streaming response, or the chunks."""
    whole = json_body(x)
    return [whole] if whole is not None else [chunk.value for chunk in answer_chunks(x)]


def distinct_values(x: Exchange, name: str) -> tuple[str, ...]:
    """The distinct strings of a field next to the choices, such as `model`, in the order of appearance."""
    return _distinct(value.get(name) for value in frames(x))


def _distinct(values: Iterable[Any]) -> tuple[str, ...]:
    return tuple(dict.fromkeys([value for value in values if value and type(value) is str]))


@cached_reader
def chat_content(x: Exchange) -> ResponseContent:
    """The completion, in one format for both modes; without choices if nothing could be read."""
    whole, found = json_body(x), columns(x)
    drafts: dict[int, _ChoiceBuilder] = {}
    for event, index, choice, message in _located(x):
        draft = drafts.get(index)
        if draft is None:
            draft = drafts[index] = _ChoiceBuilder(index)
        draft.add(event, choice, message)
    return ResponseContent(
        choices=tuple(drafts[index].finished(whole=whole is not None) for index in sorted(drafts)),
        ids=_distinct(found["id"]),
        models=_distinct(found["model"]),
        created=tuple(dict.fromkeys([time for time in found["created"] if type(time) is int or is_integer(time)])),
        usage=next((value for value in reversed(found["usage"]) if type(value) is dict), None),
        error=has_error(x),
    )


def _located(x: Exchange) -> Iterator[tuple[Event | None, int, Object, Object]]:
    """The parts of the choices: event (None in a non-streaming response), index, choice, and delta or message."""
    whole = json_body(x)
    found: Iterator[tuple[Event | None, int, Object, Object]]
    if whole is None:
        found = ((part.chunk.event, part.slot, part.choice, part.delta) for part in parts(x))
    else:
        found = ((None, index, choice, message) for index, choice, message in whole_choices(whole))
    if x.api != "completions":
        return found
    return ((event, index, in_chat_form(choice), as_message(choice)) for event, index, choice, _ in found)


def first_call(x: Exchange) -> Event | None:
    """The event of the first tool call; None in a non-streaming response."""
    return next((fragment.event for fragment in fragments(x)), None)
