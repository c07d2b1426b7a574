"""The fields of a message, and its message_start event."""

from collections.abc import Iterator

from conformance.apis.chat import span_of
from conformance.apis.errors import body
from conformance.apis.messages import message_states
from conformance.model.exchange import Exchange
from conformance.model.verdict import MUST, SHOULD, Finding
from conformance.parsing.json_values import as_object, as_string, describe_member, is_integer
from conformance.parsing.sse import span
from conformance.parsing.typed_events import of_type, parts
from conformance.rules.example import answered, completion
from conformance.rules.msg.conditions import has_content, whole_message
from conformance.rules.msg.example import (
    BLOCK_DELTA,
    CHUNK,
    CLOSE,
    GOOD,
    MESSAGE_DELTA,
    OPEN,
    PING,
    START,
    STOP,
    events,
    message,
)
from conformance.rules.msg.shape import message_rule, stream_rule, whole_rule
from conformance.rules.msg.spec import EVENTS, MESSAGE
from conformance.rules.shared_checks import wrong_object
from conformance.rules.typed_events import typed, unbroken, untyped

FLOW = ("message_start", "content_block_start", "content_block_delta", "content_block_stop", "message_delta")
"""The events that build a message, in order of first occurrence; others may be anywhere."""


@whole_rule(
    "MSG001",
    MUST,
    "A non-streaming response is a message object",
    spec=MESSAGE,
    fix="Return a message object: type, role, a list of content blocks, stop_reason and usage.",
    applies_to=whole_message,
    good=[message(), message(content=[], stop_reason="tool_use", container=None)],
    bad=[
        answered(completion(), probe="messages.hello"),
        answered([], probe="messages.hello"),
        message(role="user"),
        message(content="Hello there."),
        message(content=["Hello there."]),
        message(stop_reason=None),
        message(usage={"prompt_tokens": 3, "completion_tokens": 3}),
    ],
)
def response_is_not_a_message(x: Exchange) -> Iterator[Finding]:
    """The SDKs validate nothing: the program fails when it first reads the content, the usage or the stop_reason."""
    if found := [*wrong_object(x, "type", "message")]:
        yield from found
        return
    value = body(x)
    if value.get("role") != "assistant":
        yield Finding(f"the message has {describe_member(value, 'role')}", expected="role assistant")
    if not isinstance(value.get("content"), list) or not all(
        as_string(as_object(b).get("type")) for b in value["content"]
    ):
        yield Finding("the message has no list of content blocks with types")
    if not as_string(value.get("stop_reason")):
        yield Finding(f"the message has {describe_member(value, 'stop_reason')}")
    for name in ("input_tokens", "output_tokens"):
        if not is_integer(as_object(value.get("usage")).get(name)):
            yield Finding(f"the usage of the message has {describe_member(value.get('usage'), name)}")


@stream_rule(
    "MSG002",
    MUST,
    "The data of each event is a JSON object with a type",
    spec=EVENTS,
    fix='Send each event as a JSON object with its type, a ping as {"type": "ping"}; convert chunks of another API.',
    applies_to=unbroken,
    good=[GOOD, events(START, {"type": "of_tomorrow"}, STOP)],
    bad=[events(CHUNK, STOP), events(START, None, STOP), events(START, [], STOP), events(START, {"type": 1}, STOP)],
)
def untyped_event(x: Exchange) -> Iterator[Finding]:
    """Clients dispatch events by type: without one, they lose the text or raise an error."""
    yield from untyped(x)


@stream_rule(
    "MSG003",
    MUST,
    "The first event is message_start, with a message that has content and usage",
    spec=EVENTS,
    fix="Send message_start, with the message before its first block, as the first event (a ping may precede it).",
    applies_to=typed,
    good=[GOOD, events(PING, START, OPEN, BLOCK_DELTA, CLOSE, MESSAGE_DELTA, STOP)],
    bad=[
        events(OPEN, BLOCK_DELTA, CLOSE, MESSAGE_DELTA, STOP),
        events(OPEN, START, BLOCK_DELTA, CLOSE, MESSAGE_DELTA, STOP),
        events({"type": "message_start"}, MESSAGE_DELTA, STOP),
        events(START | {"message": {"content": []}}, MESSAGE_DELTA, STOP),
    ],
)
def missing_message_start(x: Exchange) -> Iterator[Finding]:
    """Anthropic's streaming helper raises an error on any other first event, and on a message without usage."""
    first = next((part for part in parts(x) if part.type in (*FLOW, "message_stop")), None)
    if first is None:
        return
    at = span(x, first.event)
    if first.type != "message_start":
        yield Finding(f"the first event is {first.type}", at=at)
        return
    started = as_object(first.value.get("message"))
    if not isinstance(started.get("content"), list) or not isinstance(started.get("usage"), dict):
        yield Finding("message_start has no message with a content list and a usage object", at=at)


@message_rule(
    "MSG008",
    MUST,
    "A message has a non-empty id and model",
    spec=MESSAGE,
    fix="Send a unique string as the message's id, and the model's name as its model.",
    applies_to=has_content,
    good=[GOOD, message()],
    bad=[
        message(id=None),
        message(model=""),
        events(START | {"message": START["message"] | {"id": 7}}, OPEN, BLOCK_DELTA, CLOSE, MESSAGE_DELTA, STOP),
        events(START | {"message": START["message"] | {"model": None}}, OPEN, BLOCK_DELTA, CLOSE, MESSAGE_DELTA, STOP),
    ],
)
def message_without_a_name(x: Exchange) -> Iterator[Finding]:
    """Agents store messages by id, and compute cost by model; typed clients reject a message without them."""
    head = message_states(x)[0]
    for name in ("id", "model"):
        if not as_string(head.get(name)):
            yield Finding(
                f"the message has {describe_member(head, name)}",
                at=span_of(x, next((part.event for part in of_type(x, "message_start")), None)),
            )


@stream_rule(
    "MSG009",
    MUST,
    "A stream has one message_start, with type message and role assistant",
    spec=EVENTS,
    fix="Send message_start once per stream, with type message and role assistant.",
    applies_to=has_content,
    good=[GOOD],
    bad=[
        events(START, OPEN, BLOCK_DELTA, CLOSE, START, MESSAGE_DELTA, STOP),
        events(START | {"message": START["message"] | {"role": "user"}}, OPEN, BLOCK_DELTA, CLOSE, MESSAGE_DELTA, STOP),
        events(START | {"message": START["message"] | {"type": "completion"}}, MESSAGE_DELTA, STOP),
    ],
)
def message_started_again(x: Exchange) -> Iterator[Finding]:
    """Anthropic's helper raises an error on a second message_start; with another role, the text is stored as the user's."""
    starts = of_type(x, "message_start")
    for part in starts[1:]:
        yield Finding("the stream has a second message_start event", at=span(x, part.event))
    for first in starts[:1]:
        head = as_object(first.value.get("message"))
        for name, wanted in (("type", "message"), ("role", "assistant")):
            if head.get(name) != wanted:
                yield Finding(
                    f"the message has {describe_member(head, name)}",
                    at=span(x, first.event),
                    expected=f"{name} {wanted}",
                )


@stream_rule(
    "MSG010",
    SHOULD,
    "message_start has empty content and a null stop_reason",
    spec=EVENTS,
    fix="Send message_start with content [] and stop_reason null; send the content in blocks and the stop_reason in message_delta.",
    applies_to=has_content,
    good=[GOOD],
    bad=[
        events(
            START | {"message": START["message"] | {"content": [{"type": "text", "text": "Hi"}]}}, MESSAGE_DELTA, STOP
        ),
        events(
            START | {"message": START["message"] | {"stop_reason": "end_turn"}},
            OPEN,
            BLOCK_DELTA,
            CLOSE,
            MESSAGE_DELTA,
            STOP,
        ),
    ],
)
def message_started_full(x: Exchange) -> Iterator[Finding]:
    """Clients do not show content from message_start, or show it twice."""
    for part in of_type(x, "message_start")[:1]:
        head = as_object(part.value.get("message"))
        if head.get("content"):
            yield Finding("message_start already has content", at=span(x, part.event))
        if head.get("stop_reason") is not None:
            yield Finding(f"message_start already has {describe_member(head, 'stop_reason')}", at=span(x, part.event))
