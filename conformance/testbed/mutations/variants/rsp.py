"""Legal variants of the Responses API's events and responses."""

from collections.abc import Iterator
from dataclasses import replace

from conformance.testbed.mutations.mutate_chat import in_turn, variant, with_fields, without_fields
from conformance.testbed.mutations.mutate_requests import allows_some, rewriting
from conformance.testbed.mutations.mutate_responses import (
    ENDS,
    RESPONSES,
    Body,
    Events,
    each_end,
    each_item,
    each_of,
    each_part,
    each_state,
    is_call,
    on_events,
    on_response,
    regrouped,
    renumbered,
    usage,
    without,
)
from conformance.testbed.server.reply import Event, Mutation, OnResponse

DELTA, DONE = "response.output_text.delta", "response.output_text.done"
THOUGHT: Body = {"type": "reasoning", "id": "rs_1", "summary": [], "status": "completed"}
SEARCH: Body = {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search"}}


def calling_the_first(body: Body) -> Body:
    """The first allowed tool is the one to call."""
    return body | {"tool_choice": {"type": "function", "name": body["tool_choice"]["tools"][0]["name"]}}


def with_news(events: Events) -> Iterator[Event]:
    """Events of an unknown type, between the first and the last."""
    for event in events[:-1]:
        yield event
        yield Event(name="response.of_tomorrow", data={"type": "response.of_tomorrow"})
    yield events[-1]


def item_first(events: Events, item: Body, *inner: Event) -> Iterator[Event]:
    """An item before the others, whose indexes shift by one."""
    created, progress, *rest = events
    yield from (created, progress)
    added = {"type": "response.output_item.added", "output_index": 0, "item": item | {"status": "in_progress"}}
    yield Event(name="response.output_item.added", data=added)
    yield from inner
    done = {"type": "response.output_item.done", "output_index": 0, "item": item}
    yield Event(name="response.output_item.done", data=done)
    for event in rest:
        if "output_index" in event.data:
            yield replace(event, data=event.data | {"output_index": event.data["output_index"] + 1})
        elif event.name in ENDS:
            response = event.data["response"]
            whole = response | {"output": [item, *response["output"]]}
            yield replace(event, data=event.data | {"response": whole})
        else:
            yield event


def _inner(kind: str, place: Body, **facts: object) -> Event:
    return Event(name=f"response.{kind}", data={"type": f"response.{kind}", **place, **facts})


PLACE: Body = {"item_id": "rs_1", "output_index": 0, "summary_index": 0}
SUMMARY = (
    _inner("reasoning_summary_part.added", PLACE, part={"type": "summary_text", "text": ""}),
    _inner("reasoning_summary_text.delta", PLACE, delta="A welcome."),
    _inner("reasoning_summary_text.done", PLACE, text="A welcome."),
    _inner("reasoning_summary_part.done", PLACE, part={"type": "summary_text", "text": "A welcome."}),
)
RAW_THOUGHT = THOUGHT | {"content": [{"type": "reasoning_text", "text": "A welcome."}]}
RAW_PLACE = {"item_id": "rs_1", "output_index": 0, "content_index": 0}
RAW = (
    _inner("reasoning_text.delta", RAW_PLACE, delta="A "),
    _inner("reasoning_text.delta", RAW_PLACE, delta="welcome."),
    _inner("reasoning_text.done", RAW_PLACE, text="A welcome."),
)
MCP: Body = {"type": "mcp_call", "id": "mcp_1", "server_label": "wiki", "name": "ask", "status": "completed"}
MCP_CALL = MCP | {"arguments": '{"page": 1}', "output": "Nothing.", "error": None, "approval_request_id": None}
MCP_PLACE = {"item_id": "mcp_1", "output_index": 0}
MCP_EVENTS = (
    _inner("mcp_call.in_progress", MCP_PLACE),
    _inner("mcp_call_arguments.delta", MCP_PLACE, delta='{"page": 1}'),
    _inner("mcp_call_arguments.done", MCP_PLACE, arguments='{"page": 1}'),
    _inner("mcp_call.completed", MCP_PLACE),
)
SUMMARIZED_THOUGHT = THOUGHT | {"summary": [{"type": "summary_text", "text": "A welcome."}]}


def done_too(events: Events) -> Iterator[Event]:
    """The chat API's end marker after the terminal event."""
    yield from events
    yield Event(data="[DONE]")


def queued(events: Events) -> Iterator[Event]:
    """response.queued is sent first."""
    first, *rest = events
    yield first
    waiting = first.data | {"type": "response.queued"}
    yield replace(
        first, name="response.queued", data=waiting | {"response": first.data["response"] | {"status": "queued"}}
    )
    yield from rest


def led_by(item: Body, *inner: Event) -> OnResponse:
    """An item of the server's own comes first, with these events."""
    return in_turn(
        renumbered(lambda events: item_first(events, item, *inner)),
        on_response(lambda response: response | {"output": [item, *response["output"]]}),
    )


EVENTS = (
    variant("response-events-of-tomorrow", "There are events of an unknown type", renumbered(with_news)),
    variant("response-without-progress", "There is no response.in_progress", without("response.in_progress")),
    variant("response-queued", "response.queued is sent first", renumbered(queued)),
    variant("response-then-done", "[DONE] follows the terminal event", on_events(done_too)),
    variant(
        "response-thinks-first",
        "A reasoning item with a summary is sent first",
        led_by(SUMMARIZED_THOUGHT, *SUMMARY),
    ),
    variant(
        "response-searches-first",
        "A server-side web search is sent first",
        led_by(SEARCH),
    ),
    variant(
        "response-thinks-aloud",
        "A reasoning item with its text is sent first",
        led_by(RAW_THOUGHT, *RAW),
    ),
    variant(
        "response-calls-mcp-first",
        "A call of an MCP server is sent first",
        led_by(MCP_CALL, *MCP_EVENTS),
    ),
    variant(
        "response-deltas-padded",
        "Deltas are padded to one length (obfuscation)",
        each_of(with_fields(obfuscation="x7Kq"), DELTA),
    ),
    variant(
        "response-deltas-without-logprobs", "Deltas have no logprobs", each_of(without_fields("logprobs"), DELTA, DONE)
    ),
    variant("response-deltas-empty", "Each text starts with an empty delta", regrouped(lambda pieces: ["", *pieces])),
    variant(
        "response-arguments-at-once",
        "The arguments of a call are sent in one delta",
        regrouped(lambda pieces: ["".join(pieces)], "response.function_call_arguments.delta"),
    ),
    variant(
        "response-arguments-done-unnamed",
        "response.function_call_arguments.done has no name",
        each_of(without_fields("name"), "response.function_call_arguments.done"),
    ),
)
ANSWERS = (
    variant(
        "response-with-more",
        "Responses have further fields",
        each_end(with_fields(completed_at=1_760_000_001, billing=None, safety_identifier=None)),
    ),
    variant(
        "response-with-less",
        "Responses leave out null and default fields",
        each_end(without_fields("background", "previous_response_id", "user", "truncation", "service_tier")),
    ),
    variant(
        "response-usage-in-full", "The usage has further fields", usage(with_fields(cost=0.0001, num_sources_used=0))
    ),
    variant("response-text-with-logprobs", "Texts have no logprobs field", each_part(without_fields("logprobs"))),
    variant(
        "function-call-with-more", "Function calls have a namespace", each_item(with_fields(namespace=None), is_call)
    ),
    variant(
        "response-output-text",
        "Non-streaming responses repeat their text in output_text",
        on_response(
            lambda r: r | {"output_text": "".join(p["text"] for i in r["output"] for p in i.get("content", ()))}
        ),
    ),
    Mutation(
        name="allowed-tools-honoured",
        title="A tool_choice that allows one tool has it called",
        on_request=rewriting(calling_the_first, allows_some, RESPONSES),
    ),
    variant(
        "response-ids-of-another-form",
        "Response ids are UUIDs",
        each_state(lambda r: r | {"id": "0192b9a4-7c1e-7d3a-9f00-" + r["id"][-12:].rjust(12, "0")}),
    ),
)
