"""Assemble a response of the Responses API, streaming or not, from arbitrary JSON.

The formats are those of https://platform.openai.com/docs/api-reference/responses/object and .../responses-streaming.
Anything else is ignored here; the rules report it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from conformance.apis.content import Choice, ResponseContent, ToolCall
from conformance.model.exchange import Exchange, cached_reader
from conformance.parsing.json_body import json_body
from conformance.parsing.json_values import Object, as_array, as_object, as_string, is_integer
from conformance.parsing.sse import Event, looks_like_events
from conformance.parsing.typed_events import Part, invalid_json, of_type, parts

TERMINAL_EVENTS = ("response.completed", "response.incomplete", "response.failed")
OPENINGS = ("response.created", "response.queued", "response.in_progress")
"""The events that have the response object before it has any output."""
UNFINISHED = ("in_progress", "queued", "")
STREAMED = {
    "response.output_text": "text",
    "response.reasoning_text": "text",
    "response.reasoning_summary_text": "text",
    "response.function_call_arguments": "arguments",
    "response.mcp_call_arguments": "arguments",
    "response.custom_tool_call_input": "input",
    "response.code_interpreter_call_code": "code",
}
"""What is sent piece by piece: the events' types without `.delta` or `.done`, and the field that has it as a whole."""
WHOLE_FIELDS = ("arguments", "input", "code")
"""The fields of items that are streamed, but for the texts of their parts."""


@cached_reader
def terminal(x: Exchange) -> Part | None:
    """The first event that ends the stream."""
    return next((part for part in parts(x) if part.type in TERMINAL_EVENTS), None)


def terminal_event(x: Exchange) -> Event | None:
    """The event that ends the stream; None in a non-streaming response."""
    end = terminal(x)
    return end.event if end else None


@cached_reader
def building(x: Exchange) -> tuple[Part, ...]:
    """The events that build the response: those before the one that ends it."""
    end = terminal(x)
    return tuple(part for part in parts(x) if end is None or part.event.start < end.event.start)


@cached_reader
def response_states(x: Exchange) -> tuple[Object, ...]:
    """The response objects, in order: the non-streaming response, or each state of it in a stream."""
    whole = json_body(x)
    if whole is not None:
        return (whole,)
    ends = (terminal(x),) if terminal(x) else ()
    found = [*(part for part in building(x) if part.type in OPENINGS), *ends]
    return tuple(as_object(part.value.get("response")) for part in found if part)


Place = tuple[str, int]
"""Where a text of an item is: `content` or `summary` with the index of the part, or a field of the item with -1."""


@dataclass(slots=True)
class Item:
    """An item of a streamed output: its output_item.added, its deltas, and its output_item.done.

    `texts` are the deltas by place: the list and index of a part, or the field of the item; `ends` are the texts of the
    `.done` events, likewise; `events` are the events of the item in order, `last` is the last one with content.
    """

    added: Object
    last: Event
    done: Object | None = None
    texts: dict[Place, list[str]] = field(default_factory=dict)
    ends: dict[Place, str] = field(default_factory=dict)
    refusals: list[str] = field(default_factory=list)
    thoughts: list[str] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    @property
    def type(self) -> str:
        """The `type` of the item."""
        return as_string(self.added.get("type"))


@cached_reader
def items(x: Exchange) -> tuple[Item, ...]:
    """The items of a stream, in the order of their indexes; events of an index that was not added are ignored."""
    found: dict[int, Item] = {}
    for part in building(x):
        index = part.value.get("output_index")
        if not is_integer(index):
            continue
        if part.type == "response.output_item.added":
            found[int(index)] = Item(as_object(part.value.get("item")), part.event, events=[part.event])
        elif item := found.get(int(index)):
            item.events.append(part.event)
            _take(item, part)
    return tuple(found[index] for index in sorted(found))


def _take(item: Item, part: Part) -> None:
    kind, _, stage = part.type.rpartition(".")
    delta = as_string(part.value.get("delta"))
    if stage == "delta":
        item.last = part.event
    if kind in STREAMED and stage == "delta":
        item.texts.setdefault(_place(part, STREAMED[kind]), []).append(delta)
    elif kind in STREAMED and stage == "done":
        item.ends[_place(part, STREAMED[kind])] = as_string(part.value.get(STREAMED[kind]))
    if part.type == "response.refusal.delta":
        item.refusals.append(delta)
    elif kind.startswith("response.reasoning") and stage == "delta":
        item.thoughts.append(delta)
    elif part.type == "response.output_item.done":
        item.done = as_object(part.value.get("item"))


def _place(part: Part, name: str) -> Place:
    """Where the item has what an event adds to its field `name`."""
    if name != "text":
        return name, -1
    parts_of = "summary" if "summary" in part.type else "content"
    index = part.value.get(f"{parts_of}_index")
    return parts_of, int(index) if is_integer(index) else -1


def output(value: Object) -> list[Object]:
    """The items of a response that are objects."""
    return [item for item in as_array(value.get("output")) if isinstance(item, dict)]


def contents(item: Object) -> list[Object]:
    """The content parts of a message, or the thoughts of a reasoning item."""
    return [part for part in as_array(item.get("content")) if isinstance(part, dict)]


def summaries(item: Object) -> list[Object]:
    """The parts of the summary of a reasoning item."""
    return [part for part in as_array(item.get("summary")) if isinstance(part, dict)]


@cached_reader
def has_failed(x: Exchange) -> bool:
    """Whether there is an error instead of or inside the response, or its status is `failed`."""
    whole = json_body(x)
    if whole is not None:
        return bool(whole.get("error")) or whole.get("status") == "failed"
    return bool(of_type(x, "error", "response.failed"))


@cached_reader
def responses_content(x: Exchange) -> ResponseContent:
    """The completion, with one choice; without choices if nothing could be read."""
    whole, states, failed = json_body(x), response_states(x), has_failed(x)
    if failed or not (states or items(x)):
        return ResponseContent(error=failed)
    choice = _choice_of_whole(whole) if whole is not None else _choice_of_stream(x)
    return ResponseContent(
        choices=(choice,),
        ids=tuple(dict.fromkeys(name for state in states if (name := as_string(state.get("id"))))),
        models=tuple(dict.fromkeys(name for state in states if (name := as_string(state.get("model"))))),
        created=tuple(dict.fromkeys(v for state in states if is_integer(v := state.get("created_at")))),
        usage=next((v for state in reversed(states) if isinstance(v := state.get("usage"), dict)), None),
    )


OUTPUT_TEXT_TYPES = ("message", "function_call", "reasoning")


def _choice_of_whole(whole: Object) -> Choice:
    found = output(whole)
    texts = [part for item in found if item.get("type") == "message" for part in contents(item)]
    thoughts = [
        part for item in found if item.get("type") == "reasoning" for part in (*summaries(item), *contents(item))
    ]
    finishes = _finishes(whole, any(item.get("type") == "function_call" for item in found))
    return Choice(
        index=0,
        role=next((role for item in found if (role := as_string(item.get("role")))), ""),
        pieces=tuple(text for part in texts if (text := as_string(part.get("text")))),
        refusal="".join(as_string(part.get("refusal")) for part in texts),
        reasoning="".join(as_string(part.get("text")) for part in thoughts),
        reasons=any(item.get("type") == "reasoning" for item in found),
        calls=tuple(
            _call(item, as_string(item.get("arguments"))) for item in found if item.get("type") == "function_call"
        ),
        finishes=finishes,
        finish_events=(None,) * len(finishes),
        other=frozenset(
            kind for item in found if (kind := as_string(item.get("type"))) and kind not in OUTPUT_TEXT_TYPES
        ),
    )


def _choice_of_stream(x: Exchange) -> Choice:
    found, end = items(x), terminal(x)
    calls = tuple(
        _call(item.added, "".join(item.texts.get(("arguments", -1), ())), item.events[0], item.last)
        for item in found
        if item.type == "function_call"
    )
    finishes = _finishes(as_object(end.value.get("response")), bool(calls)) if end else ()
    return Choice(
        index=0,
        role=next((role for item in found if (role := as_string(item.added.get("role")))), ""),
        pieces=tuple(text for item in found if item.type == "message" for text in _texts(item)),
        refusal="".join(text for item in found for text in item.refusals),
        reasoning="".join(text for item in found for text in item.thoughts),
        reasons=any(item.type == "reasoning" for item in found),
        calls=calls,
        finishes=finishes,
        other=frozenset(item.type for item in found if item.type and item.type not in OUTPUT_TEXT_TYPES),
        last_text=next((item.last for item in reversed(found) if item.type == "message" and any(_texts(item))), None),
        finish_events=(end.event,) * len(finishes) if end else (),
    )


def _texts(item: Item) -> Iterable[str]:
    return (text for place in sorted(item.texts) for text in item.texts[place] if text)


def final_calls(x: Exchange) -> tuple[ToolCall, ...]:
    """The function calls in the last state of the response; in a stream, all from the event that ends it."""
    at = terminal_event(x)
    return tuple(
        _call(item, as_string(item.get("arguments")), at, at)
        for item in output(response_states(x)[-1])
        if item.get("type") == "function_call"
    )


def _call(item: Object, arguments: str, first: Event | None = None, last: Event | None = None) -> ToolCall:
    return ToolCall(
        id=as_string(item.get("call_id")),
        type="function_call",
        name=as_string(item.get("name")),
        arguments=arguments,
        sent=item,
        first=first,
        last=last,
    )


def _finishes(response: Object, calls: bool) -> tuple[str, ...]:  # noqa: FBT001 - private, and named at the call
    """The finish reason: `stop` or, with a tool call, `tool_calls` if completed; else the reason in the response."""
    status = as_string(response.get("status"))
    if status == "incomplete":
        return (as_string(as_object(response.get("incomplete_details")).get("reason")) or status,)
    if status in UNFINISHED:
        return ()
    return ("tool_calls" if calls else "stop",) if status == "completed" else (status,)


@cached_reader
def unreadable_reason(x: Exchange) -> str:
    """Why the response is unreadable, as a clause; empty if it can be read."""
    whole = json_body(x)
    if whole is not None:
        return "" if isinstance(whole.get("output"), list) else "the response has no `output` list"
    if not looks_like_events(x):
        return "the response is not a JSON object"
    if invalid_json(x, ()):
        return "an event is not JSON"
    deltas = [part for part in building(x) if part.type.endswith(".delta")]
    kept = {event.start for item in items(x) for event in item.events}
    return "a delta event belongs to no output item" if any(part.event.start not in kept for part in deltas) else ""


def first_call(x: Exchange) -> Event | None:
    """The event of the first function call."""
    return next((found.events[0] for found in items(x) if found.type == "function_call"), None)
