"""What clients know items and calls by: the same in all events of a stream, and in the output of the last one."""

from collections.abc import Iterator
from typing import Final

from conformance.apis.chat import span_of
from conformance.apis.responses import Item, building, items, output, response_states, terminal_event
from conformance.model.exchange import Exchange
from conformance.model.verdict import MUST, SHOULD, Finding
from conformance.parsing.json_values import Object, as_string, describe_member, display
from conformance.parsing.sse import Event, span
from conformance.rules.rsp.conditions import finished, has_indexed_items
from conformance.rules.rsp.example import CALL, CALLED, GOOD, SPOKEN, call, streamed, text
from conformance.rules.rsp.shape import stream_rule
from conformance.rules.rsp.spec import EVENTS, SPECIFICATION

CALLS: Final = ("function_call", "custom_tool_call")
OF_CALL: Final = ("call_id", "name")
"""What the client sends a result back under, and what it runs."""
Later = tuple[str, Object, Event | None]
"""Where an item is sent once more, the item, and the event."""
TEXT: Final = "response.output_text.delta"
OTHER_ID: Final[Object] = {"id": "msg_2"}


def _later(x: Exchange, number: int, item: Item) -> tuple[Later, Later]:
    """The item when it is done, and in the output of the last event, where that has all items of the stream."""
    end = terminal_event(x)
    listed = output(response_states(x)[-1]) if end else []
    copy = listed[number] if len(listed) == len(items(x)) else {}
    return ("response.output_item.done", item.done or {}, item.events[-1]), ("the last event", copy, end)


@stream_rule(
    "RSP015",
    SHOULD,
    "The id of an item is the same in all of its events, and in the output",
    spec=EVENTS,
    fix="Generate an item's id once, and set it as `id` of the item and as `item_id` in all events of the item.",
    applies_to=has_indexed_items,
    good=[GOOD, CALLED],
    bad=[
        streamed(*(v | {"item_id": "msg_2"} if "item_id" in v else v for v in text("Hi"))),
        streamed(*text("Hi")[:-1], text("Hi")[-1] | {"item": text("Hi")[-1]["item"] | OTHER_ID}),
        streamed(*text("Hello there."), output=[SPOKEN | OTHER_ID]),
    ],
)
def events_of_another_item(x: Exchange) -> Iterator[Finding]:
    """Clients that store text by item_id assign it to an item that does not exist."""
    for number, item in enumerate(items(x)):
        if found := next(_other_ids(x, number, item), None):
            yield found
            return


def _other_ids(x: Exchange, number: int, item: Item) -> Iterator[Finding]:
    """Where an item has another id than in its first event."""
    name = item.added.get("id")
    for part in building(x):
        item_id = part.value.get("item_id")
        if part.event in item.events and item_id is not None and item_id != name:
            seen = f"{part.type} has {describe_member(part.value, 'item_id')}, but the item's id is {display(name)}"
            yield Finding(seen, at=span(x, part.event))
    for where, copy, event in _later(x, number, item):
        if copy.get("id") is not None and copy["id"] != name:
            seen = f"the item in {where} has {describe_member(copy, 'id')}, but its id was {display(name)}"
            yield Finding(seen, at=span_of(x, event))


@stream_rule(
    "RSP062",
    MUST,
    "A delta of text has the id of its item",
    spec=EVENTS,
    fix="Set item_id of each delta to the id that the item has in response.output_item.added.",
    applies_to=has_indexed_items,
    good=[GOOD, CALLED],
    bad=[
        streamed(*(v | {"item_id": "msg_2"} if v["type"] == TEXT else v for v in text("Hi"))),
        streamed(*({k: value for k, value in v.items() if k != "item_id"} for v in text("Hi"))),
    ],
)
def text_of_no_item(x: Exchange) -> Iterator[Finding]:
    """Text is lost: the Vercel AI SDK up to August 2026 joins it by item_id, and reports `text part … not found`.

    It passes over a delta without item_id.
    """
    for item in items(x):
        name = item.added.get("id")
        for part in building(x):
            if part.event in item.events and part.type == TEXT and part.value.get("item_id") != name:
                seen = describe_member(part.value, "item_id")
                yield Finding(f"{TEXT} has {seen}, but the item's id is {display(name)}", at=span(x, part.event))
                return


@stream_rule(
    "RSP059",
    MUST,
    "A call has its call_id and name in its first event, and the same ones in all others",
    spec=f"{SPECIFICATION}#items-are-streamable",
    fix="Generate the call_id once, and send it with the name in output_item.added, output_item.done and the output.",
    applies_to=finished,
    good=[GOOD, CALLED],
    bad=[
        streamed(call("{}", name="")[0], *call("{}")[1:]),
        streamed(call("{}", call_id="call_2")[0], *call("{}")[1:]),
        streamed(*call("{}")[:-1], call("{}", name="g")[-1], output=[CALL]),
        streamed(*call("{}"), output=[CALL | {"call_id": "call_2"}]),
    ],
)
def call_under_two_names(x: Exchange) -> Iterator[Finding]:
    """Clients read a call from different events: its result is sent back under an id that the server does not know.

    LangChain takes both from output_item.added, Vercel's AI SDK from output_item.done, the Agents SDK from the output.
    """
    for number, item in enumerate(items(x)):
        if item.type in CALLS:
            yield from _other_names(x, number, item)


def _other_names(x: Exchange, number: int, item: Item) -> Iterator[Finding]:
    """Where a call has no call_id or name, or others than in its first event."""
    later = _later(x, number, item)
    for member in OF_CALL:
        first = as_string(item.added.get(member))
        if not first and any(as_string(copy.get(member)) for _, copy, _ in later):  # otherwise see RSP007
            seen = f"response.output_item.added of a call has {describe_member(item.added, member)}"
            yield Finding(seen, at=span(x, item.events[0]))
        for where, copy, event in later if first else ():
            if as_string(copy.get(member)) not in ("", first):
                seen = f"the call in {where} has {describe_member(copy, member)}, but {display(first)} at first"
                yield Finding(seen, at=span_of(x, event))
