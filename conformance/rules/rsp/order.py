"""The order of a stream's events: within an item, and `[DONE]` after the event that ends the response."""

from collections.abc import Iterator

from conformance.apis.ending import terminal_events
from conformance.apis.responses import STREAMED, building, items
from conformance.model.exchange import Exchange
from conformance.model.verdict import MUST, SHOULD, Finding, NotJudged, not_applicable
from conformance.parsing.http1 import reply
from conformance.parsing.json_values import Object, display
from conformance.parsing.sse import span, stream
from conformance.parsing.typed_events import Part
from conformance.rules.example import SSE, exchange, http
from conformance.rules.rsp.conditions import OF_ITEMS, has_indexed_items
from conformance.rules.rsp.example import CALLED, GOOD, call, streamed, text
from conformance.rules.rsp.shape import stream_rule
from conformance.rules.rsp.spec import ITEMS, STREAMS
from conformance.rules.typed_events import typed

ADDED, DELTA, TEXT_DONE, PART_DONE, ITEM_DONE = range(5)
"""The stages of an item, in order."""
HI = text("Hi", " there")


def _moved(kind: str, to: int) -> list[Object]:
    """The events of an item, with the one of this type at another place."""
    (one,) = (value for value in HI if value["type"] == kind)
    rest = [value for value in HI if value is not one]
    return [*rest[:to], one, *rest[to:]]


@stream_rule(
    "RSP040",
    SHOULD,
    "The events of an item are in order: deltas, the done events of its parts, and then its own",
    spec=ITEMS,
    fix="Send all deltas of a part before its done events, and response.output_item.done as the last event of the item.",
    applies_to=has_indexed_items,
    good=[GOOD, CALLED, streamed(*HI)],
    bad=[
        streamed(*_moved("response.output_item.done", 4)),
        streamed(*_moved("response.content_part.done", 2)),
        streamed(*_moved("response.output_text.done", 2)),
        streamed(*call("{}")[:1], *reversed(call("{}")[1:3]), *call("{}")[3:]),
    ],
)
def events_of_an_item_out_of_order(x: Exchange) -> Iterator[Finding]:
    """Clients close a part or an item at its done event: what follows is an error, or shown nowhere."""
    for item in items(x):
        own, closed = {event.start for event in item.events}, dict[str, str]()
        for part in (part for part in building(x) if part.event.start in own and part.type.startswith(OF_ITEMS)):
            if why := _too_late(part, closed):
                yield Finding(f"{part.type} follows {why} of its item", at=span(x, part.event))
                return
            _close(part, closed)


def _place(part: Part) -> str:
    """The part of the item that an event belongs to; empty for the item as a whole."""
    index = next((part.value[name] for name in ("content_index", "summary_index") if name in part.value), "")
    return f"{'summary' if 'summary' in part.type else 'part'} {display(index)}"


def _close(part: Part, closed: dict[str, str]) -> None:
    """Note what ends at an event: the item, a part, or the text of one."""
    kind, _, stage = part.type.rpartition(".")
    if part.type == "response.output_item.done":
        closed["item"] = part.type
    elif stage == "done" and kind.endswith("_part"):
        closed[_place(part)] = part.type
    elif stage == "done" and kind in STREAMED:
        closed[f"text of {_place(part)}"] = part.type


def _too_late(part: Part, closed: dict[str, str]) -> str:
    """The event that already ended what this one belongs to, or empty."""
    if "item" in closed:
        return closed["item"]
    kind, _, stage = part.type.rpartition(".")
    if kind in STREAMED and _place(part) in closed:
        return closed[_place(part)]
    is_text = kind in STREAMED and stage == "delta"
    return closed.get(f"text of {_place(part)}", "") if is_text else ""


def _marked(x: Exchange) -> NotJudged | None:
    """The stream has `[DONE]`, and the event that ends the response."""
    if skip := typed(x):
        return skip
    if not any(event.is_done for event in stream(x).dispatched):
        return not_applicable("the stream has no [DONE]: Open Responses requires it, and OpenAI's API does not send it")
    return None if terminal_events(x) else not_applicable("no event ends the response (see SSE007)")


def _with_done(at: int) -> Exchange:
    """A correct stream with `[DONE]` at this place among its bytes."""
    sent = reply(GOOD).content
    received = sent[:at] + b"data: [DONE]\n\n" + sent[at:]
    return exchange(http(200, (SSE,), received), probe="responses.hello")


END = reply(GOOD).content.rindex(b"event: ")


@stream_rule(
    "RSP041",
    MUST,
    "[DONE] is not sent before the event that ends the response",
    spec=STREAMS,
    fix="Send response.completed, response.incomplete or response.failed first, and `data: [DONE]` after it or not at all.",
    applies_to=_marked,
    good=[_with_done(len(reply(GOOD).content))],
    bad=[_with_done(END), _with_done(0)],
)
def done_before_the_end(x: Exchange) -> Iterator[Finding]:
    """OpenAI's SDKs stop reading at [DONE]: they never get the event that has the status, the usage and the output.

    Open Responses requires [DONE] at the end of a stream, OpenAI's own streams end without it, and clients accept both.
    """
    first = next(event for event in stream(x).dispatched if event.is_done)
    if first.start < terminal_events(x)[0].start:
        yield Finding("[DONE] precedes the event that ends the response", at=span(x, first))
