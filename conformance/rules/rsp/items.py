"""The output items of a stream: added, filled, done, and equal to the final output."""

from collections.abc import Iterator

from conformance.apis.chat import span_of
from conformance.apis.responses import (
    WHOLE_FIELDS,
    Item,
    Place,
    building,
    contents,
    final_calls,
    items,
    output,
    response_states,
    summaries,
)
from conformance.model.exchange import Exchange
from conformance.model.verdict import MUST, SHOULD, Finding, NotJudged, untestable
from conformance.parsing.json_values import Object, as_object, as_string, describe_member, display, is_integer
from conformance.parsing.sse import Event, span
from conformance.rules.rsp.conditions import OF_ITEMS, finished, has_indexed_items
from conformance.rules.rsp.example import (
    CALL,
    CALLED,
    CUT,
    GOOD,
    call,
    message_item,
    own_item,
    response,
    streamed,
    text,
)
from conformance.rules.rsp.shape import response_rule, stream_rule
from conformance.rules.rsp.spec import EVENTS, OBJECT
from conformance.rules.shared_checks import arguments_not_object
from conformance.rules.typed_events import typed

READ_FROM_DELTAS = ("message", "function_call")
"""The items that clients assemble from deltas; other items, of the server's own tools, may come whole."""
RUN = own_item({"type": "code_interpreter_call", "code": "1+1"}, "response.code_interpreter_call_code", "code")
RAN = streamed(*RUN)
THOUGHT = streamed(
    *own_item({"type": "reasoning", "content": [{"type": "reasoning_text", "text": "Hm."}]}, "response.reasoning_text")
)
MOVED = [value | {"output_index": 1} for value in text("Hi")]


@stream_rule(
    "RSP010",
    MUST,
    "response.output_item.added precedes the item's events, and indexes count from 0",
    spec=EVENTS,
    fix="Send response.output_item.added with the item's position in the output as output_index, then its events with that index.",
    applies_to=typed,
    good=[GOOD, CALLED, streamed(*text("Hi"), *text("there", index=1))],
    bad=[
        streamed(*text("Hi")[1:]),
        streamed(*MOVED),
        streamed(*(value | {"output_index": None} for value in text("Hi"))),
        streamed({"type": "response.output_item.added", "output_index": 0}, *text("Hi")[1:]),
    ],
)
def item_out_of_place(x: Exchange) -> Iterator[Finding]:
    """Clients look up an event's item by output_index: if none was added, they raise an error or lose the text."""
    added = 0
    for part in building(x):
        index, at = part.value.get("output_index"), span(x, part.event)
        if part.type == "response.output_item.added":
            if index != added or index is False:
                yield Finding(
                    f"response.output_item.added {added} has {describe_member(part.value, 'output_index')}",
                    at=at,
                    expected=f"output_index {added}",
                )
            if not as_string(as_object(part.value.get("item")).get("type")):
                yield Finding(f"response.output_item.added {added} has no item with a type", at=at)
            added += 1
        elif part.type.startswith(OF_ITEMS) and not (is_integer(index) and 0 <= index < added):
            yield Finding(
                f"{part.type} has {describe_member(part.value, 'output_index')}, but no such item was added", at=at
            )
            return


@stream_rule(
    "RSP011",
    MUST,
    "response.content_part.added precedes the part's deltas",
    spec=EVENTS,
    fix="Send response.content_part.added with content_index 0, 1, ... before the first delta of each part.",
    applies_to=has_indexed_items,
    good=[GOOD, CALLED],
    bad=[
        streamed(*(v for v in text("Hi") if v["type"] != "response.content_part.added")),
        streamed(*({**v, "content_index": 1} if v["type"].endswith("delta") else v for v in text("Hi"))),
    ],
)
def part_out_of_place(x: Exchange) -> Iterator[Finding]:
    """OpenAI's streaming helper looks up the part by index, and raises an error if there is none."""
    known: set[tuple[str, str]] = set()
    for part in building(x):
        where = (display(part.value.get("output_index")), display(part.value.get("content_index")))
        if part.type == "response.content_part.added":
            known.add(where)
        elif part.type in ("response.output_text.delta", "response.refusal.delta") and where not in known:
            yield Finding(
                f"a delta has {describe_member(part.value, 'content_index')}, but no such part was added",
                at=span(x, part.event),
            )
            return


@stream_rule(
    "RSP012",
    MUST,
    "Every output item ends with response.output_item.done",
    spec=EVENTS,
    fix="Send response.output_item.done with the complete item after its last event.",
    applies_to=finished,
    good=[GOOD, CALLED, streamed(*text("Hi")[:-1], end="incomplete", output=[message_item("Hi")])],
    bad=[
        streamed(*text("Hi")[:-1], output=[message_item("Hi")]),
        streamed(*call("{}")[:-1], output=[CALL]),
    ],
)
def item_without_done(x: Exchange) -> Iterator[Finding]:
    """Vercel's AI SDK and LangChain read a tool call from this event: without it no tool is run."""
    if response_states(x)[-1].get("status") == "incomplete":
        return
    for item in items(x):
        if item.done is None:
            yield Finding(
                f"an output item of type {display(item.type)} has no response.output_item.done",
                at=span(x, item.events[0]),
            )


UNTOLD = [value for value in text("Hi") if value["type"] != "response.content_part.done"]


@stream_rule(
    "RSP029",
    SHOULD,
    "The deltas and parts of a finished item end with done events, which have all of the text",
    spec=EVENTS,
    fix="Send the done events of a text, of arguments and of a part, each with all of it, before response.output_item.done.",
    applies_to=has_indexed_items,
    good=[GOOD, CALLED, streamed(*text("Hi")[:4], end="incomplete", output=[message_item("Hi")])],
    bad=[
        streamed(*UNTOLD),
        streamed(*text("Hi")[:4], text("")[4], *text("Hi")[5:]),
        streamed(*call("{}")[:2], call("{}")[3]),
    ],
)
def part_without_done(x: Exchange) -> Iterator[Finding]:
    """A user interface that renders part by part shows the last one as unfinished, or never stores it."""
    for item in items(x):
        begun = {at: event for kind, at, event in _part_events(x, item) if kind == "response.content_part.added"}
        ended = {at for kind, at, _ in _part_events(x, item) if kind == "response.content_part.done"}
        lost = [begun[at] for at in begun if at not in ended]
        if lost and item.done and item.done.get("status") != "incomplete":
            yield Finding("a content part has no response.content_part.done, but its item is done", at=span(x, lost[0]))
            return
        yield from (*_unfinished(x, item), *_emptied(x, item))


def _unfinished(x: Exchange, item: Item) -> Iterator[Finding]:
    """The deltas of a finished item that no done event ends."""
    is_whole = item.done is not None and item.done.get("status") != "incomplete"
    for what in dict.fromkeys(map(_what, item.texts)) if is_whole and item.type in READ_FROM_DELTAS else ():
        if what not in map(_what, item.ends):
            yield Finding(f"the deltas of the {what} have no done event, but their item is done", at=span(x, item.last))


def _emptied(x: Exchange, item: Item) -> Iterator[Finding]:
    """The done events of parts whose text is not that of the deltas."""
    is_readable = item.type in READ_FROM_DELTAS and not any(True for _ in _differing(item))  # otherwise see RSP013
    own = {event.start for event in item.events} if is_readable else set()
    for part in building(x):
        index = part.value.get("content_index")
        if part.type != "response.content_part.done" or part.event.start not in own or not is_integer(index):
            continue
        joined = "".join(item.texts.get(("content", int(index)), ()))
        text = as_string(as_object(part.value.get("part")).get("text"))
        if joined and _made_whole(text) != _made_whole(joined):
            seen = f"the part in response.content_part.done has the text {display(text)}"
            yield Finding(seen, at=span(x, part.event), expected=display(joined))


def _part_events(x: Exchange, item: Item) -> Iterator[tuple[str, str, Event]]:
    """The type, content_index and event of what an item's content parts begin and end with."""
    own = {event.start for event in item.events}
    for part in building(x):
        if part.event.start in own and part.type.startswith("response.content_part."):
            yield part.type, display(part.value.get("content_index")), part.event


def _made_whole(text: str) -> str:
    """The text with its surrogate pairs joined (SSE017 reports lone surrogates)."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _differing(item: Item) -> Iterator[tuple[str, str, str]]:
    """The kind, joined deltas and text of a done event, where they differ."""
    for place, end in item.ends.items():
        joined = "".join(item.texts.get(place, ()))
        if _made_whole(joined) != _made_whole(end):
            yield _what(place), joined, end
    if item.texts and item.done is not None and item.type in READ_FROM_DELTAS:
        joined, end = _streamed(item), _whole(item.done)
        if _made_whole(joined) != _made_whole(end):
            yield _what(next(iter(item.texts))), joined, end


def _what(place: Place) -> str:
    """What is at a place, for people."""
    return place[0] if place[0] in WHOLE_FIELDS else "text"


@stream_rule(
    "RSP013",
    MUST,
    "The text, arguments and code in done events equal the joined deltas",
    spec=EVENTS,
    fix="Send every piece once and in order, as a delta, and all of them joined in the done event.",
    applies_to=has_indexed_items,
    good=[GOOD, CALLED, RAN, THOUGHT],
    bad=[
        streamed(*RUN[:2], RUN[2] | {"code": "1"}, RUN[3]),
        streamed(*text("Hello", " there.", whole="Hello there. And more.")),
        streamed(*text("Hel", "Hello", whole="Hello")),
        streamed(*call("{", whole="{}")),
        streamed(*text("Hi")[:-1], text("")[-1], output=[message_item("Hi")]),
        streamed(*call("{}")[:-1], call("")[-1], output=[CALL]),
    ],
)
def done_differs_from_deltas(x: Exchange) -> Iterator[Finding]:
    """Some clients read the deltas, others a done event: they get different texts of the same response.

    Codex takes a message from response.output_item.done, as LangChain and Vercel's AI SDK take a call.
    """
    for item in items(x):
        for what, joined, end in _differing(item):
            yield Finding(
                f"the joined deltas of the {what} are {display(joined)}, but the done event has {display(end)}",
                at=span(x, item.events[-1]),
            )


@stream_rule(
    "RSP014",
    MUST,
    "The output in the last event has the text, arguments and code of the stream",
    spec=EVENTS,
    fix="Send all items, complete, in the output of the response in the last event.",
    applies_to=finished,
    good=[GOOD, CALLED, RAN, THOUGHT, streamed(*RUN[::3])],
    bad=[
        streamed(*RUN, output=[RUN[-1]["item"] | {"code": "1"}]),
        streamed(*text("Hello", " there."), output=[]),
        streamed(*text("Hello", " there."), output=[message_item("Hello")]),
        streamed(*call("{}"), output=[CALL | {"arguments": '{"a": 1}'}]),
    ],
)
def end_differs_from_stream(x: Exchange) -> Iterator[Finding | NotJudged]:
    """OpenAI's Agents SDK reads only the last event: what is missing there is lost, and no tool is run."""
    if any(True for item in items(x) for _ in _differing(item)):
        yield untestable("the joined deltas differ from the done event (see RSP013)")
        return
    mine, theirs = [_streamed(item) for item in items(x)], [_whole(item) for item in output(response_states(x)[-1])]
    mine, theirs = [s for s in mine if s], [s for s in theirs if s]
    if mine != theirs:
        lost = next((s for s in mine if s not in theirs), "") or next((s for s in theirs if s not in mine), "")
        yield Finding(
            f"the output in the last event differs from the deltas of the stream in {display(lost)}", at=span_of(x)
        )


def _streamed(item: Item) -> str:
    """What clients have of an item before the last event: its deltas, and of the server's own items its done event."""
    if item.type not in READ_FROM_DELTAS and not item.texts:
        return _whole(item.done or {})
    return "".join(text for place in sorted(item.texts) for text in item.texts[place])


def _whole(item: Object) -> str:
    """The same text of a complete item."""
    if found := next(filter(None, (as_string(item.get(name)) for name in WHOLE_FIELDS)), ""):
        return found
    return "".join(as_string(part.get("text")) for part in (*contents(item), *summaries(item)))


@response_rule(
    "RSP016",
    SHOULD,
    "The arguments of a function call in a completed response are one JSON object",
    spec=OBJECT,
    fix="Send every piece of the arguments once and in order, and {} if a function takes none.",
    applies_to=finished,
    good=[CALLED, response(output=[CALL]), response(output=[CALL | {"arguments": '{"a'}], **CUT)],
    bad=[response(output=[CALL | {"arguments": '{"a'}]), streamed(*call("{}", "{}"))],
)
def call_without_json(x: Exchange) -> Iterator[Finding]:
    """Agents run tools with what they can parse: nothing, or half."""
    if response_states(x)[-1].get("status") == "completed":
        calls = (call for call in final_calls(x) if isinstance(call.sent.get("arguments"), str))
        yield from arguments_not_object(x, calls)
