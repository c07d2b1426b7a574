"""Legal variants of the Messages API's events and responses."""

import json
from collections.abc import Iterator
from dataclasses import replace

from conformance.testbed.mutations.defects.msg import thought_first
from conformance.testbed.mutations.mutate_chat import Edit, in_turn, variant, with_fields, without_fields
from conformance.testbed.mutations.mutate_messages import (
    MESSAGES as OF_MESSAGES,
)
from conformance.testbed.mutations.mutate_messages import (
    Body,
    Events,
    each_block,
    each_end,
    each_head,
    each_of,
    is_call,
    on_events,
    on_message,
    regrouped,
    usage,
    within,
    without,
)
from conformance.testbed.mutations.mutate_requests import rewriting
from conformance.testbed.server.refusal import Refusal, refuse
from conformance.testbed.server.reply import Event, ModelResponse, Mutation, ServerRequest

PING = Event(name="ping", data={"type": "ping"})
SEARCH = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "hello"}}
FOUND = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []}
OWN = "You are a helpful assistant, and know much of the world. " * 40
BY_CODE = {"type": "code_execution_20250825", "tool_id": "srvtoolu_1"}
HIDDEN = {"type": "redacted_thinking", "data": "c2VjcmV0"}


def pinged(events: Events) -> Iterator[Event]:
    """A ping event before, between and after the others."""
    yield PING
    for event in events[:-1]:
        yield event
        yield PING
    yield events[-1]


def with_news(events: Events) -> Iterator[Event]:
    """Events of an unknown type."""
    for event in events[:-1]:
        yield event
        yield Event(name="of_tomorrow", data={"type": "of_tomorrow", "index": 7})
    yield events[-1]


def with_earlier_usage(events: Events) -> Iterator[Event]:
    """An additional message_delta with usage before the last one."""
    for event in events:
        if event.name == "message_delta":
            yield Event(name=event.name, data=event.data | {"delta": {}})
        yield event


def behind(*blocks: Body) -> Edit:
    """Blocks before those of a non-streaming message."""
    return lambda message: message | {"content": [*blocks, *message["content"]]}


def blocks_first(events: Events, *blocks: Body) -> Iterator[Event]:
    """Blocks without deltas before the others, whose indexes shift."""
    yield events[0]
    for index, block in enumerate(blocks):
        for kind, facts in (("content_block_start", {"content_block": block}), ("content_block_stop", {})):
            yield Event(name=kind, data={"type": kind, "index": index, **facts})
    for event in events[1:]:
        moved = {"index": event.data["index"] + len(blocks)} if "index" in event.data else {}
        yield replace(event, data=event.data | moved)


def is_text(events: Events) -> bool:
    """Whether every block is a text: neither thinking nor a tool call."""
    blocks = [event.data["content_block"] for event in events if event.name == "content_block_start"]
    return all(block["type"] == "text" for block in blocks)


def cited(events: Events) -> Iterator[Event]:
    """A citation after the text of a block."""
    citation = {"type": "char_location", "cited_text": "Hello", "document_index": 0, "document_title": None}
    where = {"start_char_index": 0, "end_char_index": 5}
    for event in events:
        if event.name == "content_block_stop" and is_text(events):
            delta = {"type": "citations_delta", "citation": citation | where}
            yield Event(name="content_block_delta", data=event.data | {"type": "content_block_delta", "delta": delta})
        yield event


def in_two_blocks(events: Events) -> Iterator[Event]:
    """A text continues in a second block."""
    texts = [event for event in events if "text" in event.data.get("delta", {})]
    if len(texts) < 2 or not is_text(events):
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


def by_code(block: Body) -> Body:
    """A block that code on the server calls, if it is a call."""
    return block | {"caller": BY_CODE} if is_call(block) else block


def all_by_code(message: Body) -> Body:
    """A non-streaming message whose calls are those of code on the server, which goes on."""
    ended = {"stop_reason": "end_turn"} if message.get("stop_reason") == "tool_use" else {}
    return message | {"content": [by_code(block) for block in message["content"]]} | ended


def called_by_code(events: Events) -> Iterator[Event]:
    """Calls of code on the server: the input is in content_block_start, without deltas."""
    if not any(event.data.get("delta", {}).get("stop_reason") == "tool_use" for event in events):
        yield from events
        return
    inputs: dict[int, str] = {}
    for event in events:
        if "partial_json" in event.data.get("delta", {}):
            inputs[event.data["index"]] = inputs.get(event.data["index"], "") + event.data["delta"]["partial_json"]
    for event in events:
        if event.name == "content_block_start" and is_call(event.data["content_block"]):
            given = {"input": json.loads(inputs.get(event.data["index"]) or "{}")}
            yield replace(event, data=event.data | {"content_block": by_code(event.data["content_block"]) | given})
        elif event.name == "message_delta" and event.data["delta"].get("stop_reason") == "tool_use":
            yield replace(event, data=event.data | {"delta": event.data["delta"] | {"stop_reason": "end_turn"}})
        elif "partial_json" not in event.data.get("delta", {}):
            yield event


def is_count(request: ServerRequest) -> bool:
    """A request to count tokens."""
    return request.path.endswith("/count_tokens")


def uncounted(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """count_tokens is not served."""
    return (
        refuse(Refusal(status=404, message="Nothing is served here.", code="unknown_url"), request)
        if is_count(request)
        else response
    )


def unrouted(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """count_tokens is not served, and the web framework's router says so."""
    return ModelResponse(status=404, whole={"detail": "Not Found"}) if is_count(request) else response


FULL_USAGE = {
    "service_tier": "standard",
    "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
    "server_tool_use": None,
    "inference_geo": "not_available",
}

EVENTS = (
    variant("pings-everywhere", "ping events are sent everywhere", on_events(pinged)),
    variant("no-pings", "There are no ping events", without("ping")),
    variant("events-of-tomorrow", "There are events of an unknown type", on_events(with_news)),
    variant("usage-on-the-way", "An earlier message_delta has usage, too", on_events(with_earlier_usage)),
    variant(
        "thinking-first", "A thinking block is sent first", on_events(lambda events: thought_first(events, "c2lnbmVk"))
    ),
    variant(
        "search-first",
        "A server-side web search is sent first",
        in_turn(on_events(lambda events: blocks_first(events, SEARCH, FOUND)), on_message(behind(SEARCH, FOUND))),
    ),
    variant(
        "thinking-redacted",
        "A redacted_thinking block is sent first",
        in_turn(on_events(lambda events: blocks_first(events, HIDDEN)), on_message(behind(HIDDEN))),
    ),
    variant("citations", "Texts have citations", on_events(cited)),
    variant("text-in-two-blocks", "A text is split over two blocks", on_events(in_two_blocks)),
    variant("deltas-empty", "Each text starts with an empty delta", regrouped(lambda pieces: ["", *pieces])),
    variant(
        "input-deltas-empty",
        "Each tool input starts with an empty delta",
        regrouped(lambda pieces: ["", *pieces], "partial_json"),
    ),
    variant(
        "input-in-one-delta",
        "The input of a tool call is sent in one delta",
        regrouped(lambda pieces: ["".join(pieces)], "partial_json"),
    ),
)
MESSAGES = (
    variant("usage-in-full", "The usage has all documented fields", usage(with_fields(**FULL_USAGE))),
    variant(
        "message-with-more",
        "A message has further fields",
        each_head(with_fields(container=None, context_management=None)),
    ),
    variant("stop-details", "The stop_reason has details", each_end(with_fields(stop_details=None))),
    variant(
        "text-with-citations",
        "Texts have `citations: null`",
        each_block(with_fields(citations=None), lambda b: b["type"] == "text"),
    ),
    variant(
        "calls-with-a-caller",
        "Tool calls have `caller`",
        each_block(with_fields(caller={"type": "direct"}), lambda b: b["type"] == "tool_use"),
    ),
    variant(
        "calls-by-code",
        "Code on the server calls the tools: their input comes at once, and stop_reason is end_turn",
        in_turn(on_events(called_by_code), on_message(all_by_code)),
    ),
    variant(
        "message-start-without-nulls",
        "message_start leaves out null fields",
        each_of("message_start", within("message", without_fields("stop_reason", "stop_sequence"))),
    ),
    Mutation(
        name="own-system-prompt",
        title="The chat template has a long system prompt of its own, in place of one that the request lacks",
        on_request=rewriting(lambda body: {"system": OWN} | body, apis=OF_MESSAGES),
    ),
    variant("tokens-uncounted", "count_tokens is not served", uncounted),
    variant("tokens-unrouted", "count_tokens gets the web framework's 404", unrouted),
)
