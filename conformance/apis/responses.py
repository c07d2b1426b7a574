"""Assemble a response of the Responses API, streaming or not, from arbitrary JSON.

The formats are those of https://platform.openai.com/docs/api-reference/responses/object and .../responses-streaming.
Anything else is ignored here; the rules report it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from conformance.apis.content import Answer, Choice, ToolCall
from conformance.model.exchange import Exchange, view
from conformance.parsing.json_body import whole_object
from conformance.parsing.json_values import Object, is_integer, mapping, sequence, string
from conformance.parsing.sse import TERMINAL, Event, looks_like_events
from conformance.parsing.typed_events import Part, is_torn, of, parts

OPENINGS = ("response.created", "response.queued", "response.in_progress")
"""The events that have the response object before it has any output."""
UNFINISHED = ("in_progress", "queued", "")


@view
def terminal(x: Exchange) -> Part | None:
    """The first event that ends the stream."""
    return next((part for part in parts(x) if part.type in TERMINAL["responses"]), None)


@view
def building(x: Exchange) -> tuple[Part, ...]:
    """The events that build the response: those before the one that ends it."""
    end = terminal(x)
    return tuple(part for part in parts(x) if end is None or part.event.start < end.event.start)


@view
def told(x: Exchange) -> tuple[Object, ...]:
    """The response objects, in order: the non-streaming response, or each state of it in a stream."""
    whole = whole_object(x)
    if whole is not None:
        return (whole,)
    ends = (terminal(x),) if terminal(x) else ()
    found = [*(part for part in building(x) if part.type in OPENINGS), *ends]
    return tuple(mapping(part.value.get("response")) for part in found if part)


@dataclass(slots=True)
class Item:
    """An item of a streamed output: its output_item.added, its deltas, and its output_item.done.

    `texts` are the deltas by content index, those of arguments under None; `ends` are the texts of the `.done` events,
    likewise; `events` are the events of the item in order.
    """

    added: Object
    done: Object | None = None
    texts: dict[int | None, list[str]] = field(default_factory=dict)
    ends: dict[int | None, str] = field(default_factory=dict)
    refusals: list[str] = field(default_factory=list)
    thoughts: list[str] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    @property
    def type(self) -> str:
        """The `type` of the item."""
        return string(self.added.get("type"))


@view
def items(x: Exchange) -> tuple[Item, ...]:
    """The items of a stream, in the order of their indexes; events of an index that was not added are ignored."""
    found: dict[int, Item] = {}
    for part in building(x):
        index = part.value.get("output_index")
        if not is_integer(index):
            continue
        if part.type == "response.output_item.added":
            found[int(index)] = Item(mapping(part.value.get("item")), events=[part.event])
        elif item := found.get(int(index)):
            item.events.append(part.event)
            _take(item, part)
    return tuple(found[index] for index in sorted(found))


def _take(item: Item, part: Part) -> None:
    value, place = part.value, part.value.get("content_index")
    index = int(place) if is_integer(place) else None
    delta = string(value.get("delta"))
    if part.type == "response.output_text.delta":
        item.texts.setdefault(index, []).append(delta)
    elif part.type == "response.output_text.done":
        item.ends[index] = string(value.get("text"))
    elif part.type == "response.function_call_arguments.delta":
        item.texts.setdefault(None, []).append(delta)
    elif part.type == "response.function_call_arguments.done":
        item.ends[None] = string(value.get("arguments"))
    elif part.type == "response.refusal.delta":
        item.refusals.append(delta)
    elif part.type.startswith("response.reasoning") and part.type.endswith(".delta"):
        item.thoughts.append(delta)
    elif part.type == "response.output_item.done":
        item.done = mapping(value.get("item"))


def output(value: Object) -> list[Object]:
    """The items of a response that are objects."""
    return [item for item in sequence(value.get("output")) if isinstance(item, dict)]


def contents(item: Object) -> list[Object]:
    """The content parts of a message."""
    return [part for part in sequence(item.get("content")) if isinstance(part, dict)]


@view
def has_failed(x: Exchange) -> bool:
    """Whether there is an error instead of or inside the response, or its status is `failed`."""
    whole = whole_object(x)
    if whole is not None:
        return bool(whole.get("error")) or whole.get("status") == "failed"
    return bool(of(x, "error", "response.failed"))


@view
def answer(x: Exchange) -> Answer:
    """The completion, with one choice; without choices if nothing could be read."""
    whole, states, failed = whole_object(x), told(x), has_failed(x)
    if failed or not (states or items(x)):
        return Answer(error=failed)
    choice = _choice_of_whole(whole) if whole is not None else _choice_of_stream(x)
    return Answer(
        choices=(choice,),
        ids=tuple(dict.fromkeys(name for state in states if (name := string(state.get("id"))))),
        models=tuple(dict.fromkeys(name for state in states if (name := string(state.get("model"))))),
        created=tuple(dict.fromkeys(v for state in states if is_integer(v := state.get("created_at")))),
        usage=next((v for state in reversed(states) if isinstance(v := state.get("usage"), dict)), None),
    )


SAID = ("message", "function_call", "reasoning")


def _choice_of_whole(whole: Object) -> Choice:
    found = output(whole)
    spoken = [part for item in found if item.get("type") == "message" for part in contents(item)]
    thoughts = [part for item in found if item.get("type") == "reasoning" for part in _thoughts(item)]
    return Choice(
        index=0,
        role=next((role for item in found if (role := string(item.get("role")))), ""),
        pieces=tuple(text for part in spoken if (text := string(part.get("text")))),
        refusal="".join(string(part.get("refusal")) for part in spoken),
        reasoning="".join(string(part.get("text")) for part in thoughts),
        calls=tuple(
            _call(item, string(item.get("arguments"))) for item in found if item.get("type") == "function_call"
        ),
        finishes=_finishes(whole, any(item.get("type") == "function_call" for item in found)),
        other=frozenset(kind for item in found if (kind := string(item.get("type"))) and kind not in SAID),
    )


def _thoughts(item: Object) -> Iterator[Object]:
    for name in ("summary", "content"):
        yield from (part for part in sequence(item.get(name)) if isinstance(part, dict))


def _choice_of_stream(x: Exchange) -> Choice:
    found, end = items(x), terminal(x)
    calls = tuple(
        _call(item.added, "".join(item.texts.get(None, ()))) for item in found if item.type == "function_call"
    )
    return Choice(
        index=0,
        role=next((role for item in found if (role := string(item.added.get("role")))), ""),
        pieces=tuple(text for item in found if item.type == "message" for text in _texts(item)),
        refusal="".join(text for item in found for text in item.refusals),
        reasoning="".join(text for item in found for text in item.thoughts),
        calls=calls,
        finishes=_finishes(mapping(end.value.get("response")), bool(calls)) if end else (),
        other=frozenset(item.type for item in found if item.type and item.type not in SAID),
    )


def _texts(item: Item) -> Iterable[str]:
    return (
        text for index in sorted(item.texts, key=lambda i: -1 if i is None else i) for text in item.texts[index] if text
    )


def _call(item: Object, arguments: str) -> ToolCall:
    return ToolCall(
        id=string(item.get("call_id")), type="function_call", name=string(item.get("name")), arguments=arguments
    )


def _finishes(response: Object, calls: bool) -> tuple[str, ...]:  # noqa: FBT001 - private, and named at the call
    """The finish reason: `stop` or, with a tool call, `tool_calls` if completed; else the reason in the response."""
    status = string(response.get("status"))
    if status == "incomplete":
        return (string(mapping(response.get("incomplete_details")).get("reason")) or status,)
    if status in UNFINISHED:
        return ()
    return ("tool_calls" if calls else "stop",) if status == "completed" else (status,)


@view
def illegible(x: Exchange) -> str:
    """Why the response is unreadable, as a clause; empty if it can be read."""
    whole = whole_object(x)
    if whole is not None:
        return "" if isinstance(whole.get("output"), list) else "the response has no `output` list"
    if not looks_like_events(x):
        return "the response is not a JSON object"
    if is_torn(x):
        return "an event is not JSON"
    deltas = [part for part in building(x) if part.type.endswith(".delta")]
    kept = {event.start for item in items(x) for event in item.events}
    return "a delta event belongs to no output item" if any(part.event.start not in kept for part in deltas) else ""
