"""The fields of a response, its output items, and its first event."""

from collections.abc import Iterator

from conformance.apis.chat import span_of
from conformance.apis.errors import body
from conformance.apis.responses import (
    building,
    contents,
    final_calls,
    output,
    response_states,
    terminal,
    terminal_event,
)
from conformance.model.exchange import Exchange
from conformance.model.verdict import MUST, OUT_OF_SCOPE, SHOULD, Finding, NotJudged
from conformance.parsing.json_values import Object, as_object, as_string, describe_member, display
from conformance.parsing.sse import span
from conformance.parsing.typed_events import parts
from conformance.rules.example import answered, completion
from conformance.rules.rsp.conditions import finished, whole_response
from conformance.rules.rsp.example import (
    CALL,
    CALLED,
    GOOD,
    PART,
    SPOKEN,
    USAGE,
    events,
    response,
    state,
    streamed,
    text,
)
from conformance.rules.rsp.shape import response_rule, stream_rule, whole_rule
from conformance.rules.rsp.spec import EVENTS, OBJECT
from conformance.rules.shared_checks import (
    calls_without_id,
    calls_without_name,
    invalid_counts,
    wrong_object,
    wrong_total,
)
from conformance.rules.typed_events import typed, unbroken, untyped

COUNTS = ("input_tokens", "output_tokens", "total_tokens")
STATES = ("completed", "incomplete", "failed", "in_progress", "queued", "cancelled")


@whole_rule(
    "RSP001",
    MUST,
    "A non-streaming response is a response object",
    spec=OBJECT,
    fix="Return a response object: object, id, model, status, and a list of output items with types.",
    applies_to=whole_response,
    good=[response(), response(output=[{"type": "of_tomorrow"}]), response(output=[])],
    bad=[
        answered(completion(), probe="responses.hello"),
        answered([], probe="responses.hello"),
        response(output="Hello there."),
        response(output=["Hello there."]),
        response(status="done"),
        response(id=None),
        response(model=7),
    ],
)
def answer_is_no_response(x: Exchange) -> Iterator[Finding]:
    """The SDKs validate nothing: the program fails when it first reads the output, or assumes that it is empty."""
    if wrong := [*wrong_object(x, "object", "response")]:
        yield from wrong
        return
    value = body(x)
    for name in ("id", "model"):
        if not as_string(value.get(name)):
            yield Finding(f"the response has {describe_member(value, name)}")
    if value.get("status") not in STATES:
        yield Finding(f"the response has {describe_member(value, 'status')}", expected=f"one of {', '.join(STATES)}")
    found = value.get("output")
    if not isinstance(found, list) or not all(as_string(as_object(item).get("type")) for item in found):
        yield Finding("the response has no list of output items with types")


@stream_rule(
    "RSP002",
    MUST,
    "The data of each event is a JSON object with a type",
    spec=EVENTS,
    fix="Send each event as a JSON object with its type; convert chunks of another API.",
    applies_to=unbroken,
    good=[GOOD, events(state("created"), {"type": "response.of_tomorrow"}, state("completed"))],
    bad=[events({"object": "chat.completion.chunk", "choices": []}), events(state("created"), [], state("completed"))],
)
def untyped_response_event(x: Exchange) -> Iterator[Finding]:
    """Clients dispatch events by type: without one, they lose the text or raise an error."""
    yield from untyped(x)


@stream_rule(
    "RSP003",
    MUST,
    "The first event is response.created, with a response that has an id",
    spec=EVENTS,
    fix="Send response.created, with the response before its first item, as the first event.",
    applies_to=typed,
    good=[GOOD, CALLED],
    bad=[
        events(state("in_progress"), *text("Hi"), state("completed")),
        events(*text("Hi"), state("completed")),
        events({"type": "response.created"}, *text("Hi"), state("completed")),
    ],
)
def missing_response_created(x: Exchange) -> Iterator[Finding]:
    """OpenAI's streaming helper raises an error on any other first event; agents read the response id from it."""
    first = parts(x)[0]
    if first.type != "response.created":
        yield Finding(f"the first event is {display(first.type)}", at=span(x, first.event))
    elif not as_string(as_object(first.value.get("response")).get("id")):
        yield Finding("response.created has no response with an id", at=span(x, first.event))


@stream_rule(
    "RSP004",
    SHOULD,
    "sequence_number counts the events of a stream from 0, without gaps",
    spec=EVENTS,
    fix="Increment sequence_number by one with each event of the stream.",
    applies_to=typed,
    good=[GOOD],
    bad=[
        events(state("created"), *(v | {"sequence_number": 7} for v in text("Hi")), state("completed")),
        events(*(v | {"sequence_number": None} for v in (state("created"), state("completed")))),
    ],
)
def events_out_of_sequence(x: Exchange) -> Iterator[Finding]:
    """Clients resume an interrupted stream after a sequence_number: events are shown twice, or never."""
    end = terminal(x)
    for number, part in enumerate((*building(x), *([end] if end else []))):
        if part.value.get("sequence_number") != number or part.value.get("sequence_number") is False:
            yield Finding(
                f"event {number} has {describe_member(part.value, 'sequence_number')}", at=span(x, part.event)
            )
            return


def _named(x: Exchange) -> NotJudged | None:
    """Events with types are named by lines of their own; the messages of a WebSocket are not."""
    return OUT_OF_SCOPE if x.turn is not None else typed(x)


@stream_rule(
    "RSP005",
    SHOULD,
    "The name of an event equals the type in its data",
    spec=EVENTS,
    fix="Send `event: <type>` before the data line, with the type that the data has.",
    applies_to=_named,
    good=[GOOD],
    bad=[events(state("created"), *text("Hi"), state("completed"), name="message")],
)
def misnamed_response_event(x: Exchange) -> Iterator[Finding]:
    """EventSource clients listen for names: they receive nothing from events with another name, or none."""
    for part in parts(x):
        if part.event.name != part.type:
            name = f"is named {display(part.event.name)}" if part.event.name else "has no name"
            yield Finding(f"an event of type {display(part.type)} {name}", at=span(x, part.event))
            return


@response_rule(
    "RSP006",
    MUST,
    "A message item has role assistant and content parts with text",
    spec=OBJECT,
    fix="Send message items with role assistant and a list of parts: output_text with text, or refusal with refusal.",
    applies_to=finished,
    good=[GOOD, response(), response(output=[SPOKEN | {"content": [{"type": "refusal", "refusal": "No."}]}])],
    bad=[
        response(output=[SPOKEN | {"role": "user"}]),
        response(output=[SPOKEN | {"content": "Hello there."}]),
        response(output=[SPOKEN | {"content": [PART | {"text": None}]}]),
        response(output=[SPOKEN | {"content": [{"type": "text", "text": "Hi"}]}]),
        streamed(*text("Hi"), output=[SPOKEN | {"content": None}]),
    ],
)
def odd_message(x: Exchange) -> Iterator[Finding]:
    """The SDKs join the texts of the parts: from other shapes they produce an empty text, or an exception."""
    for item in output(response_states(x)[-1]):
        if item.get("type") == "message":
            yield from (Finding(seen, at=span_of(x)) for seen in _oddities(item))


def _oddities(item: Object) -> Iterator[str]:
    if item.get("role") != "assistant":
        yield f"a message item has {describe_member(item, 'role')}, not assistant"
    if not isinstance(item.get("content"), list):
        yield f"a message item has {describe_member(item, 'content')}, not a list of parts"
    for part in contents(item):
        name = {"output_text": "text", "refusal": "refusal"}.get(as_string(part.get("type")))
        if name is None and part.get("type") in ("text", "input_text"):
            yield f"a content part has {describe_member(part, 'type')}, not output_text"
        elif name and not isinstance(part.get(name), str):
            yield f"a content part has {describe_member(part, name)}"


@response_rule(
    "RSP007",
    MUST,
    "A function_call item has a call_id, a name and its arguments as a string",
    spec=OBJECT,
    fix="Send function_call items with call_id, name, and arguments as JSON text in a string.",
    applies_to=finished,
    good=[CALLED, response(output=[CALL]), GOOD],
    bad=[
        response(output=[CALL | {"call_id": None}]),
        response(output=[CALL | {"name": ""}]),
        response(output=[CALL | {"arguments": {}}]),
        streamed(*text("Hi"), output=[CALL | {"arguments": None}]),
    ],
)
def odd_function_call(x: Exchange) -> Iterator[Finding]:
    """The agent runs a tool by name and sends the result back under call_id: without them it runs nothing, or fails."""
    calls = final_calls(x)
    yield from calls_without_id(x, calls, "call_id", "function_call item")
    yield from calls_without_name(x, calls, "function_call item")
    for call in calls:
        if not isinstance(call.sent.get("arguments"), str):
            seen = f"a function_call item has {describe_member(call.sent, 'arguments')}"
            yield Finding(seen, at=span_of(x, call.first), expected="a string")


@response_rule(
    "RSP008",
    SHOULD,
    "Each output item has a unique id",
    spec=OBJECT,
    fix="Give each output item a unique id, the same in all events of a stream and in the response.",
    applies_to=finished,
    good=[GOOD, CALLED, response(output=[SPOKEN, CALL])],
    bad=[response(output=[SPOKEN, CALL | {"id": "msg_1"}]), response(output=[SPOKEN | {"id": None}])],
)
def items_without_ids(x: Exchange) -> Iterator[Finding]:
    """Agents store items by id: the later item overwrites the earlier one."""
    seen: set[str] = set()
    for item in output(response_states(x)[-1]):
        name = as_string(item.get("id"))
        if not name:
            yield Finding(f"an output item has {describe_member(item, 'id')}", at=span_of(x))
        elif name in seen:
            yield Finding(f"two output items have the id {display(name)}", at=span_of(x))
        seen.add(name)


@response_rule(
    "RSP009",
    MUST,
    "A finished response has usage: integer counts, and total_tokens as their sum",
    spec=OBJECT,
    fix="Send usage with input_tokens, output_tokens and total_tokens; in a stream, in the event that ends it.",
    applies_to=finished,
    needs=("request",),
    good=[
        GOOD,
        response(),
        response(usage=USAGE | {"cost": 0.1}),
    ],
    bad=[
        response(status="queued", usage=None),
        response(usage=None),
        response(usage={"prompt_tokens": 3, "completion_tokens": 3, "total_tokens": 6}),
        response(usage=USAGE | {"total_tokens": 7}),
        response(usage=USAGE | {"output_tokens": -1}),
        events(state("created"), *text("Hi"), state("completed", usage=None)),
    ],
)
def response_without_usage(x: Exchange) -> Iterator[Finding]:
    """OpenAI's Agents SDK adds these numbers up after each turn: without them, cost and limits are unknown."""
    usage, at = response_states(x)[-1].get("usage"), terminal_event(x)
    if not usage:
        yield Finding("the response has no usage", at=span_of(x, at))
        return
    yield from [*invalid_counts(x, (usage, at), COUNTS)] or wrong_total(x, (usage, at), COUNTS)
