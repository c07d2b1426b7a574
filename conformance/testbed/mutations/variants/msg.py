"""Legal variants of the Messages API's events and answers."""

from collections.abc import Iterator
from dataclasses import replace

from conformance.testbed.mutations.defects.msg import thought_first
from conformance.testbed.mutations.mutate_chat import Edit, allowed, in_turn, less, more
from conformance.testbed.mutations.mutate_messages import (
    Body,
    Events,
    each_block,
    each_end,
    each_head,
    each_of,
    on_events,
    on_message,
    regrouped,
    usage,
    within,
    without,
)
from conformance.testbed.server.refusal import Refusal, refuse
from conformance.testbed.server.reply import Answer, Asked, Event

PING = Event(name="ping", data={"type": "ping"})
SEARCH = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "hello"}}
FOUND = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []}
HIDDEN = {"type": "redacted_thinking", "data": "c2VjcmV0"}


def pinged(events: Events) -> Iterator[Event]:
    """Pings before, between and after the events."""
    yield PING
    for event in events[:-1]:
        yield event
        yield PING
    yield events[-1]


def with_news(events: Events) -> Iterator[Event]:
    """Events of a type that nobody knows yet."""
    for event in events[:-1]:
        yield event
        yield Event(name="of_tomorrow", data={"type": "of_tomorrow", "index": 7})
    yield events[-1]


def told_twice(events: Events) -> Iterator[Event]:
    """The usage told on the way, in a message_delta of its own."""
    for event in events:
        if event.name == "message_delta":
            yield Event(name=event.name, data=event.data | {"delta": {}})
        yield event


def behind(*blocks: Body) -> Edit:
    """Blocks before those of a whole message."""
    return lambda message: message | {"content": [*blocks, *message["content"]]}


def blocks_first(events: Events, *blocks: Body) -> Iterator[Event]:
    """Blocks without deltas before the others, which move on."""
    yield events[0]
    for index, block in enumerate(blocks):
        for kind, facts in (("content_block_start", {"content_block": block}), ("content_block_stop", {})):
            yield Event(name=kind, data={"type": kind, "index": index, **facts})
    for event in events[1:]:
        moved = {"index": event.data["index"] + len(blocks)} if "index" in event.data else {}
        yield replace(event, data=event.data | moved)


def cited(events: Events) -> Iterator[Event]:
    """A citation after the text of a block."""
    citation = {"type": "char_location", "cited_text": "Hello", "document_index": 0, "document_title": None}
    where = {"start_char_index": 0, "end_char_index": 5}
    for event in events:
        if event.name == "content_block_stop" and not any("partial_json" in e.data.get("delta", {}) for e in events):
            delta = {"type": "citations_delta", "citation": citation | where}
            yield Event(name="content_block_delta", data=event.data | {"type": "content_block_delta", "delta": delta})
        yield event


def in_two_blocks(events: Events) -> Iterator[Event]:
    """A text goes on in a second block."""
    texts = [event for event in events if "text" in event.data.get("delta", {})]
    if len(texts) < 2 or any("partial_json" in event.data.get("delta", {}) for event in events):
        yield from events
        return
    opened = next(event for event in events if event.name == "content_block_start")
    closed = next(event for event in events if event.name == "content_block_stop")
    for event in events:
        if event is texts[-1]:
            yield closed
            yield replace(opened, data=opened.data | {"index": 1})
        late = event is texts[-1] or event.name == "content_block_stop"
        yield replace(event, data=event.data | {"index": 1}) if late else event


def uncounted(answer: Answer, asked: Asked) -> Answer:
    """Tokens can't be counted."""
    if not asked.path.endswith("/count_tokens"):
        return answer
    return refuse(Refusal(status=404, message="Nothing is served here.", code="unknown_url"), asked)


FULL_USAGE = {
    "service_tier": "standard",
    "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
    "server_tool_use": None,
    "inference_geo": "not_available",
}

EVENTS = (
    allowed("pings-everywhere", "Pings stand everywhere", on_events(pinged)),
    allowed("no-pings", "There are no pings", without("ping")),
    allowed("events-of-tomorrow", "Events of an unknown type stand between the others", on_events(with_news)),
    allowed("usage-on-the-way", "A message_delta tells the usage before the last one", on_events(told_twice)),
    allowed(
        "thinking-first", "A thinking block comes first", on_events(lambda events: thought_first(events, "c2lnbmVk"))
    ),
    allowed(
        "search-first",
        "A search of the vendor's own comes first",
        in_turn(on_events(lambda events: blocks_first(events, SEARCH, FOUND)), on_message(behind(SEARCH, FOUND))),
    ),
    allowed(
        "thinking-redacted",
        "A thought that nobody may read comes first",
        in_turn(on_events(lambda events: blocks_first(events, HIDDEN)), on_message(behind(HIDDEN))),
    ),
    allowed("citations", "Texts are cited", on_events(cited)),
    allowed("text-in-two-blocks", "A text comes in two blocks", on_events(in_two_blocks)),
    allowed("deltas-empty", "An empty delta comes first in each text", regrouped(lambda pieces: ["", *pieces])),
    allowed(
        "input-deltas-empty",
        "An empty piece comes first in each input",
        regrouped(lambda pieces: ["", *pieces], "partial_json"),
    ),
    allowed(
        "input-in-one-delta",
        "The input of a call comes in one piece",
        regrouped(lambda pieces: ["".join(pieces)], "partial_json"),
    ),
)
MESSAGES = (
    allowed("usage-in-full", "The usage tells all that the API knows", usage(more(**FULL_USAGE))),
    allowed(
        "message-with-more", "A message has further fields", each_head(more(container=None, context_management=None))
    ),
    allowed("stop-details", "The reason comes with details", each_end(more(stop_details=None))),
    allowed(
        "text-with-citations",
        "Texts say that they cite nothing",
        each_block(more(citations=None), lambda b: b["type"] == "text"),
    ),
    allowed(
        "calls-with-a-caller",
        "Calls say who made them",
        each_block(more(caller={"type": "direct"}), lambda b: b["type"] == "tool_use"),
    ),
    allowed(
        "message-start-without-nulls",
        "message_start leaves out what is null",
        each_of("message_start", within("message", less("stop_reason", "stop_sequence"))),
    ),
    allowed("tokens-uncounted", "Counting tokens is not offered", uncounted),
)
