"""Defects that the acceptance tests of Open Responses see, and in the order of a stream's events."""

from collections.abc import Iterator
from dataclasses import replace

from conformance.testbed.mutations.mutate_chat import defect, in_turn, without_fields
from conformance.testbed.mutations.mutate_requests import sent
from conformance.testbed.mutations.mutate_responses import (
    ENDS,
    Events,
    each_end,
    each_state,
    on_events,
    renumbered,
)
from conformance.testbed.mutations.mutate_websocket import switching
from conformance.testbed.server.reply import Event, ModelResponse, Mutation, ServerRequest

PENALTIES = ("presence_penalty", "frequency_penalty")
DELTA, PART_DONE = "response.output_text.delta", "response.content_part.done"


def without_output(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """A system message in the input leaves nothing to generate."""
    items = sent(request).get("input")
    first = items[0] if isinstance(items, list) and items else None
    is_affected = isinstance(first, dict) and first.get("role") == "system" and first.get("type") == "message"
    if not is_affected or response.status >= 400 or response.events is not None:
        return response
    usage = response.whole["usage"]
    unspent = {"output_tokens": 0, "total_tokens": usage["input_tokens"]}
    return replace(response, whole=response.whole | {"output": [], "usage": usage | unspent})


def part_done_early(events: Events) -> Iterator[Event]:
    """The done event of a content part is sent before the last delta of its text."""
    done = {event.data["output_index"]: event for event in events if event.name == PART_DONE}
    last = {event.data["output_index"]: event for event in events if event.name == DELTA}
    for event in events:
        index = event.data.get("output_index")
        if event.name == DELTA and event is last[index]:
            yield done[index]
        if event.name != PART_DONE or index not in last:
            yield event


def marked_early(events: Events) -> Iterator[Event]:
    """The chat API's end marker precedes the event that ends the response."""
    for event in events:
        if event.name in ENDS:
            yield Event(data="[DONE]")
        yield event


DEFECTS = (
    Mutation(
        name="websocket-accepted-without-proof",
        title="WebSocket handshakes get 101 with the Sec-WebSocket-Accept of another key",
        caught_by="RSP042",
        on_wire=switching(None, accept="s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
    ),
    defect(
        "response-without-penalties",
        "A response does not have the penalties that were used",
        "RSP031",
        in_turn(each_state(without_fields(*PENALTIES)), each_end(without_fields(*PENALTIES))),
    ),
    defect(
        "created-without-tools",
        "The response in response.created lacks its tools",
        "RSP032",
        each_state(without_fields("tools"), "response.created"),
    ),
    defect(
        "system-item-without-output",
        "Input with a system message gets a completed response without output",
        "RSP033",
        without_output,
    ),
    defect(
        "part-done-early",
        "The done event of a content part is sent before its last delta",
        "RSP040",
        renumbered(part_done_early),
    ),
    defect(
        "done-before-completed",
        "[DONE] is sent before the event that ends the response",
        "RSP041",
        on_events(marked_early),
    ),
)
