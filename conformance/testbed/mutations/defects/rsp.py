"""Defects in the Responses API's own shapes: the response, its events and their order."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import accumulate

from conformance.testbed.mutations.mutate_chat import in_turn, less, more, planted
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
    """A response as the chat API would put it."""
    said = "".join(part.get("text", "") for item in response["output"] for part in item.get("content", ()))
    choice = {"index": 0, "message": {"role": "assistant", "content": said}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 3, "completion_tokens": 3, "total_tokens": 6}
    frame = {"id": response["id"], "object": "chat.completion", "created": 1_760_000_000, "model": response["model"]}
    return frame | {"choices": [choice], "usage": usage}


def as_chunks(events: Events) -> Iterator[Event]:
    """The deltas of a response in chunks of the chat API."""
    for event in events:
        if event.name in (DELTA, ARGUMENTS):
            choice = {"index": 0, "delta": {"content": event.data["delta"]}, "finish_reason": None}
            yield Event(data={"object": "chat.completion.chunk", "choices": [choice]}, wait_s=event.wait_s)
    yield Event(data="[DONE]")


def second_first(events: Events) -> Iterator[Event]:
    """The second event comes first."""
    one, two, *rest = events
    yield from (two, one, *rest)


def lost_delta(pieces: list[str]) -> list[str]:
    """All pieces but the second."""
    return [piece for at, piece in enumerate(pieces) if at != 1]


def uncalled(response: Body) -> Body:
    """A response whose last event has lost its calls."""
    return response | {"output": [item for item in response["output"] if not is_call(item)]}


def twice(events: Events) -> Iterator[Event]:
    """The end comes twice."""
    yield from events
    yield events[-1]


def goes_on(events: Events) -> Iterator[Event]:
    """A delta comes after the end."""
    yield from events
    yield from [event for event in events if event.name == DELTA][:1]


WHOLES = (
    planted("response-as-completion", "A response comes as a chat completion", "RSP001", on_response(as_completion)),
    planted("response-output-as-text", "The output of a response is a text", "RSP001", on_response(more(output="Hi"))),
    planted("response-without-id", "A whole response has no id", "RSP001", on_response(less("id"))),
    planted("response-without-status", "A whole response has no status", "RSP001", on_response(less("status"))),
    planted("response-model-null", "A whole response names no model", "RSP001", on_response(more(model=None))),
)
EVENTS = (
    planted("response-in-chunks", "A response is streamed in chat chunks", "RSP002", on_events(as_chunks)),
    planted("no-response-created", "A stream has no response.created", "RSP003", without("response.created")),
    planted("response-created-late", "response.created comes second", "RSP003", renumbered(second_first)),
    planted(
        "response-created-empty",
        "response.created holds no response",
        "RSP003",
        each_of(less("response"), "response.created"),
    ),
    planted(
        "sequence-from-one",
        "Events are numbered from 1",
        "RSP004",
        each_of(lambda e: e | {"sequence_number": e["sequence_number"] + 1}),
    ),
    planted("sequence-missing", "Events are not numbered", "RSP004", each_of(less("sequence_number"))),
    planted(
        "response-events-unnamed",
        "Events have no names",
        "RSP005",
        on_events(lambda events: [replace(event, name=None) for event in events]),
    ),
    planted(
        "response-events-misnamed",
        "All events are named message",
        "RSP005",
        on_events(lambda events: [replace(event, name="message") for event in events]),
    ),
    planted("response-ends-twice", "The event that ends a response comes twice", "SSE008", on_events(twice)),
    planted("response-goes-on", "A delta follows the end of a response", "SSE009", on_events(goes_on)),
    planted("response-without-end", "No event ends a response", "SSE007", without(*ENDS)),
    planted(
        "response-renamed",
        "The last event tells of another response",
        "RSP019",
        each_state(lambda r: r | {"id": f"{r['id']}_end"}, *ENDS),
    ),
    planted(
        "response-created-finished",
        "response.created says that the response is completed",
        "RSP020",
        each_state(more(status="completed"), "response.created"),
    ),
    planted(
        "response-ends-in-progress",
        "The last event says that the response is in progress",
        "RSP017",
        each_state(more(status="in_progress"), *ENDS),
    ),
    planted(
        "response-cut-called-completed",
        "A response that was cut ends with response.completed",
        "RSP017",
        on_events(
            lambda events: [
                replace(e, name=ENDS[0], data=e.data | {"type": ENDS[0]}) if e.name == ENDS[1] else e for e in events
            ]
        ),
    ),
)
ITEMS = (
    planted("item-unannounced", "Items are not added", "RSP010", without("response.output_item.added")),
    planted(
        "item-numbers-skip",
        "Items are numbered from 2",
        "RSP010",
        each_of(lambda e: e | {"output_index": e["output_index"] + 2} if "output_index" in e else e),
    ),
    planted("item-numbers-missing", "Events have no output_index", "RSP010", each_of(less("output_index"))),
    planted("part-unannounced", "Content parts are not added", "RSP011", without("response.content_part.added")),
    planted(
        "part-numbers-skip",
        "Deltas have the content_index 1",
        "RSP011",
        each_of(more(content_index=1), DELTA, DONE),
    ),
    planted("item-never-done", "Items are not done", "RSP012", without("response.output_item.done")),
    planted("delta-lost", "The second delta of each text is lost", "RSP013", regrouped(lost_delta)),
    planted("text-deltas-so-far", "Each delta has all the text so far", "RSP013", regrouped(accumulate)),
    planted("argument-delta-lost", "The second piece of arguments is lost", "RSP013", regrouped(lost_delta, ARGUMENTS)),
    planted("text-done-empty", "What is done of a text is empty", "RSP013", each_of(more(text=""), DONE)),
    planted(
        "arguments-done-empty",
        "What is done of arguments is empty",
        "RSP013",
        each_of(more(arguments=""), ARGUMENTS_DONE),
    ),
    planted("end-without-output", "The last event has no output", "RSP014", each_state(more(output=[]), *ENDS)),
    planted("end-without-calls", "The last event has lost the calls", "RSP014", each_state(uncalled, *ENDS)),
    planted(
        "events-of-nobody",
        "Events carry the id of another item",
        "RSP015",
        each_of(lambda e: e | {"item_id": "msg_0"} if "item_id" in e else e),
    ),
)
SHAPES = (
    planted("output-of-the-user", "Messages have the role user", "RSP006", each_item(more(role="user"), is_message)),
    planted(
        "output-text-null",
        "Texts of whole responses are null",
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
    planted("output-parts-as-text", "Content parts have the type text", "RSP006", each_part(more(type="text"))),
    planted("function-call-without-call-id", "Calls have no call_id", "RSP007", each_item(less("call_id"), is_call)),
    planted("function-call-without-name", "Calls name no function", "RSP007", each_item(more(name=None), is_call)),
    planted(
        "function-call-arguments-as-object",
        "The arguments of whole calls are an object",
        "RSP007",
        on_response(
            lambda r: r | {"output": [i | {"arguments": {"city": "Oslo"}} if is_call(i) else i for i in r["output"]]}
        ),
    ),
    planted(
        "items-without-ids",
        "Items have no ids",
        "RSP008",
        on_response(lambda r: r | {"output": [less("id")(i) for i in r["output"]]}),
    ),
    planted(
        "items-with-one-id",
        "All items have the same id",
        "RSP008",
        in_turn(each_item(more(id="item_1")), each_of(lambda e: e | {"item_id": "item_1"} if "item_id" in e else e)),
    ),
    planted(
        "arguments-cut",
        "The arguments of whole calls lack their last character",
        "RSP016",
        on_response(
            lambda r: r | {"output": [i | {"arguments": i["arguments"][:-1]} if is_call(i) else i for i in r["output"]]}
        ),
    ),
)
ENDINGS = (
    planted("response-without-usage", "A response tells no usage", "RSP009", each_end(more(usage=None))),
    planted(
        "response-usage-in-chat-words",
        "The usage of a response has the names of the chat API",
        "RSP009",
        each_end(more(usage={"prompt_tokens": 3, "completion_tokens": 3, "total_tokens": 6})),
    ),
    planted(
        "response-total-wrong",
        "Total tokens are not the sum",
        "RSP009",
        usage(lambda u: u | {"total_tokens": u["total_tokens"] + 5}),
    ),
    planted(
        "incomplete-without-reason",
        "A response that was cut gives no reason",
        "RSP018",
        each_end(more(incomplete_details=None)),
    ),
    planted(
        "incomplete-for-length",
        "The reason of a cut is in the words of the chat API",
        "RSP018",
        each_end(lambda r: r | {"incomplete_details": {"reason": "length"}} if r["incomplete_details"] else r),
    ),
    planted(
        "failed-without-error",
        "Streams fail, and say no more",
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
