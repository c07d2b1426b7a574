"""Defects specific to the Responses API: the response, its events and their order."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import accumulate

from conformance.testbed.mutations.mutate_chat import defect, in_turn, with_fields, without_fields
from conformance.testbed.mutations.mutate_responses import (
    ENDS,
    Body,
    Events,
    each_end,
    each_item,
    each_of,
    each_part,
    each_state,
    is_call,
    is_message,
    on_events,
    on_response,
    regrouped,
    renumbered,
    usage,
    without,
)
from conformance.testbed.server.reply import Event

DELTA, DONE = "response.output_text.delta", "response.output_text.done"
ARGUMENTS, ARGUMENTS_DONE = "response.function_call_arguments.delta", "response.function_call_arguments.done"


def as_completion(response: Body) -> Body:
    """A response in the shape of a chat completion."""
    text = "".join(part.get("text", "") for item in response["output"] for part in item.get("content", ()))
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 3, "completion_tokens": 3, "total_tokens": 6}
    frame = {"id": response["id"], "object": "chat.completion", "created": 1_760_000_000, "model": response["model"]}
    return frame | {"choices": [choice], "usage": usage}


def as_chunks(events: Events) -> Iterator[Event]:
    """The deltas of a response in chat chunks."""
    for event in events:
        if event.name in (DELTA, ARGUMENTS):
            choice = {"index": 0, "delta": {"content": event.data["delta"]}, "finish_reason": None}
            yield Event(data={"object": "chat.completion.chunk", "choices": [choice]}, wait_s=event.wait_s)
    yield Event(data="[DONE]")


def second_first(events: Events) -> Iterator[Event]:
    """The second event is sent first."""
    one, two, *rest = events
    yield from (two, one, *rest)


def lost_delta(pieces: list[str]) -> list[str]:
    """All pieces but the second."""
    return [piece for at, piece in enumerate(pieces) if at != 1]


def uncalled(response: Body) -> Body:
    """A response whose output lacks the function calls."""
    return response | {"output": [item for item in response["output"] if not is_call(item)]}


def called_completed(event: Event) -> Event:
    """The event that ends a truncated response, as response.completed."""
    return replace(event, name=ENDS[0], data=event.data | {"type": ENDS[0]}) if event.name == ENDS[1] else event


AS_IF_WHOLE = in_turn(
    each_end(with_fields(status="completed", incomplete_details=None)),
    on_events(lambda events: map(called_completed, events)),
)
"""A truncated response has status completed; its items are left as they are."""


def twice(events: Events) -> Iterator[Event]:
    """The terminal event is sent twice."""
    yield from events
    yield events[-1]


def goes_on(events: Events) -> Iterator[Event]:
    """A delta follows the terminal event."""
    yield from events
    yield from [event for event in events if event.name == DELTA][:1]


WHOLES = (
    defect("response-as-completion", "A response is sent as a chat completion", "RSP001", on_response(as_completion)),
    defect(
        "response-output-as-text",
        "The output of a response is a string",
        "RSP001",
        on_response(with_fields(output="Hi")),
    ),
    defect(
        "response-without-tools",
        "A non-streaming response lacks tools and instructions",
        "RSP026",
        on_response(without_fields("tools", "instructions")),
    ),
    defect(
        "deltas-without-content-index",
        "The deltas of a text lack content_index",
        "RSP026",
        each_of(without_fields("content_index"), DELTA),
    ),
    defect("response-without-id", "A non-streaming response has no id", "RSP001", on_response(without_fields("id"))),
    defect(
        "response-without-status",
        "A non-streaming response has no status",
        "RSP001",
        on_response(without_fields("status")),
    ),
    defect(
        "response-model-null",
        "The model of a non-streaming response is null",
        "RSP001",
        on_response(with_fields(model=None)),
    ),
)
EVENTS = (
    defect("response-in-chunks", "A response is streamed in chat chunks", "RSP002", on_events(as_chunks)),
    defect("no-response-created", "A stream has no response.created", "RSP003", without("response.created")),
    defect("response-created-late", "response.created is the second event", "RSP003", renumbered(second_first)),
    defect(
        "response-created-empty",
        "response.created has no response object",
        "RSP003",
        each_of(without_fields("response"), "response.created"),
    ),
    defect(
        "sequence-from-one",
        "sequence_number starts at 1",
        "RSP004",
        each_of(lambda e: e | {"sequence_number": e["sequence_number"] + 1}),
    ),
    defect("sequence-missing", "Events have no sequence_number", "RSP004", each_of(without_fields("sequence_number"))),
    defect(
        "response-events-unnamed",
        "Events have no `event:` field",
        "RSP005",
        on_events(lambda events: [replace(event, name=None) for event in events]),
    ),
    defect(
        "response-events-misnamed",
        "All events have `event: message`",
        "RSP005",
        on_events(lambda events: [replace(event, name="message") for event in events]),
    ),
    defect("response-ends-twice", "The terminal event is sent twice", "SSE008", on_events(twice)),
    defect("response-goes-on", "A delta follows the terminal event", "SSE009", on_events(goes_on)),
    defect("response-without-end", "The stream has no terminal event", "SSE007", without(*ENDS)),
    defect(
        "response-renamed",
        "The terminal event has another response id",
        "RSP019",
        each_state(lambda r: r | {"id": f"{r['id']}_end"}, *ENDS),
    ),
    defect(
        "response-created-finished",
        "response.created has status completed",
        "RSP020",
        each_state(with_fields(status="completed"), "response.created"),
    ),
    defect(
        "response-ends-in-progress",
        "The terminal event has status in_progress",
        "RSP017",
        each_state(with_fields(status="in_progress"), *ENDS),
    ),
    defect(
        "response-cut-called-completed",
        "A truncated response ends with response.completed",
        "RSP017",
        on_events(lambda events: map(called_completed, events)),
    ),
    defect(
        "response-cut-in-its-item-only",
        "A truncated response has status completed, and only its last item has status incomplete",
        "RSP028",
        AS_IF_WHOLE,
    ),
    defect(
        "response-cut-told-nowhere",
        "A truncated response and all of its items have status completed",
        "FLD017",
        in_turn(AS_IF_WHOLE, each_item(lambda item: item | {"status": "completed"} if "status" in item else item)),
    ),
)
ITEMS = (
    defect(
        "item-unannounced", "response.output_item.added is missing", "RSP010", without("response.output_item.added")
    ),
    defect(
        "item-numbers-skip",
        "output_index starts at 2",
        "RSP010",
        each_of(lambda e: e | {"output_index": e["output_index"] + 2} if "output_index" in e else e),
    ),
    defect("item-numbers-missing", "Events have no output_index", "RSP010", each_of(without_fields("output_index"))),
    defect(
        "part-unannounced", "response.content_part.added is missing", "RSP011", without("response.content_part.added")
    ),
    defect(
        "part-numbers-skip",
        "Deltas have content_index 1",
        "RSP011",
        each_of(with_fields(content_index=1), DELTA, DONE),
    ),
    defect("item-never-done", "response.output_item.done is missing", "RSP012", without("response.output_item.done")),
    defect("part-never-done", "response.content_part.done is missing", "RSP029", without("response.content_part.done")),
    defect("delta-lost", "The second delta of each text is lost", "RSP013", regrouped(lost_delta)),
    defect(
        "text-deltas-so-far", "Deltas are cumulative: each repeats all earlier text", "RSP013", regrouped(accumulate)
    ),
    defect(
        "argument-delta-lost", "The second delta of the arguments is lost", "RSP013", regrouped(lost_delta, ARGUMENTS)
    ),
    defect(
        "text-done-empty", "response.output_text.done has an empty text", "RSP013", each_of(with_fields(text=""), DONE)
    ),
    defect(
        "arguments-done-empty",
        "response.function_call_arguments.done has empty arguments",
        "RSP013",
        each_of(with_fields(arguments=""), ARGUMENTS_DONE),
    ),
    defect(
        "end-without-output", "The terminal event has no output", "RSP014", each_state(with_fields(output=[]), *ENDS)
    ),
    defect(
        "end-without-calls",
        "The terminal event's output lacks the function calls",
        "RSP014",
        each_state(uncalled, *ENDS),
    ),
    defect(
        "events-of-nobody",
        "Events carry another item's item_id",
        "RSP062",
        each_of(lambda e: e | {"item_id": "msg_0"} if "item_id" in e else e),
    ),
    defect(
        "deltas-without-item-id",
        "Deltas of text have no item_id",
        "RSP062",
        each_of(without_fields("item_id"), DELTA),
    ),
)
SHAPES = (
    defect(
        "output-of-the-user",
        "Output messages have the role user",
        "RSP006",
        each_item(with_fields(role="user"), is_message),
    ),
    defect(
        "output-text-null",
        "Texts of non-streaming responses are null",
        "RSP006",
        on_response(
            lambda r: (
                r
                | {
                    "output": [
                        i | {"content": [p | {"text": None} for p in i["content"]]} if is_message(i) else i
                        for i in r["output"]
                    ]
                }
            )
        ),
    ),
    defect(
        "output-parts-as-text",
        "Content parts have the type text instead of output_text",
        "RSP006",
        each_part(with_fields(type="text")),
    ),
    defect(
        "function-call-without-call-id",
        "Function calls have no call_id",
        "RSP007",
        each_item(without_fields("call_id"), is_call),
    ),
    defect(
        "function-call-without-name",
        "Function calls have no name",
        "RSP007",
        each_item(with_fields(name=None), is_call),
    ),
    defect(
        "function-call-arguments-as-object",
        "Arguments of non-streaming function calls are an object, not a string",
        "RSP007",
        on_response(
            lambda r: r | {"output": [i | {"arguments": {"city": "Oslo"}} if is_call(i) else i for i in r["output"]]}
        ),
    ),
    defect(
        "items-without-ids",
        "Output items have no id",
        "RSP008",
        on_response(lambda r: r | {"output": [without_fields("id")(i) for i in r["output"]]}),
    ),
    defect(
        "items-with-one-id",
        "All output items have the same id",
        "RSP008",
        in_turn(
            each_item(with_fields(id="item_1")), each_of(lambda e: e | {"item_id": "item_1"} if "item_id" in e else e)
        ),
    ),
    defect(
        "arguments-cut",
        "Arguments of non-streaming function calls lack their last character",
        "RSP016",
        on_response(
            lambda r: r | {"output": [i | {"arguments": i["arguments"][:-1]} if is_call(i) else i for i in r["output"]]}
        ),
    ),
)
ENDINGS = (
    defect("response-without-usage", "A response has no usage", "RSP009", each_end(with_fields(usage=None))),
    defect(
        "response-usage-in-chat-words",
        "The usage of a response has the chat API's field names",
        "RSP009",
        each_end(with_fields(usage={"prompt_tokens": 3, "completion_tokens": 3, "total_tokens": 6})),
    ),
    defect(
        "response-total-wrong",
        "total_tokens is not the sum",
        "RSP009",
        usage(lambda u: u | {"total_tokens": u["total_tokens"] + 5}),
    ),
    defect(
        "response-cached-above-input",
        "More input tokens are cached than there are",
        "USE007",
        usage(lambda u: u | {"input_tokens_details": {"cached_tokens": u["input_tokens"] + 5}}),
    ),
    defect(
        "incomplete-without-reason",
        "An incomplete response has no reason",
        "RSP018",
        each_end(with_fields(incomplete_details=None)),
    ),
    defect(
        "incomplete-for-length",
        "The reason of an incomplete response is the chat API's `length`",
        "RSP018",
        each_end(lambda r: r | {"incomplete_details": {"reason": "length"}} if r["incomplete_details"] else r),
    ),
    defect(
        "failed-without-error",
        "response.failed has no error",
        "RSP021",
        on_events(
            lambda events: [
                *events[:2],
                Event(
                    name="response.failed",
                    data={
                        "type": "response.failed",
                        "sequence_number": 2,
                        "response": events[0].data["response"] | {"status": "failed", "error": None},
                    },
                ),
            ]
        ),
    ),
)
