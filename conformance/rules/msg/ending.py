"""The end of a message: its stop_reason and usage, and nothing after it."""

from collections.abc import Iterator
from itertools import pairwise

from conformance.apis.chat import span_of
from conformance.apis.messages import building, located_states, message_states
from conformance.apis.request_fields import requested_stops
from conformance.model.exchange import Exchange
from conformance.model.verdict import MUST, SHOULD, Finding
from conformance.parsing.json_values import as_object, as_string, describe_member, display, is_integer
from conformance.parsing.sse import span
from conformance.parsing.typed_events import of_type, parts
from conformance.rules.msg.conditions import finished, has_content
from conformance.rules.msg.example import (
    BLOCK_DELTA,
    CLOSE,
    GOOD,
    MESSAGE_DELTA,
    OPEN,
    START,
    STOP,
    events,
    message,
    message_delta,
    streamed,
    text,
)
from conformance.rules.msg.shape import message_rule, stream_rule
from conformance.rules.msg.spec import EVENTS, STOPS
from conformance.rules.shared_checks import undefined_reasons
from conformance.rules.typed_events import ended, typed

REASONS = (
    "end_turn",
    "max_tokens",
    "stop_sequence",
    "tool_use",
    "pause_turn",
    "refusal",
    "compaction",
    "model_context_window_exceeded",
)
ASKED = {"model": "m", "max_tokens": 9, "stop_sequences": ["e", ","], "messages": []}


@stream_rule(
    "MSG006",
    MUST,
    "Every message_delta has usage.output_tokens, and one has the stop_reason",
    spec=EVENTS,
    fix="Send message_delta with delta.stop_reason and usage.output_tokens after the last block, before message_stop.",
    applies_to=ended,
    good=[GOOD, events(START, OPEN, BLOCK_DELTA, CLOSE, MESSAGE_DELTA | {"delta": {}}, MESSAGE_DELTA, STOP)],
    bad=[
        events(START, OPEN, BLOCK_DELTA, CLOSE, STOP),
        events(START, OPEN, BLOCK_DELTA, CLOSE, MESSAGE_DELTA | {"delta": {"stop_reason": None}}, STOP),
        events(START, OPEN, BLOCK_DELTA, CLOSE, {"type": "message_delta", "delta": {"stop_reason": "end_turn"}}, STOP),
    ],
)
def unexplained_end(x: Exchange) -> Iterator[Finding]:
    """An agent can't tell a final text from a tool call or truncated content; Anthropic's helper fails without the usage."""
    deltas = of_type(x, "message_delta")
    for part in deltas:
        if not is_integer(as_object(part.value.get("usage")).get("output_tokens")):
            yield Finding("a message_delta has no usage with output_tokens", at=span(x, part.event))
    if not any(as_string(as_object(part.value.get("delta")).get("stop_reason")) for part in deltas):
        seen = "no message_delta has a stop_reason" if deltas else "the stream has no message_delta event"
        yield Finding(seen, at=span(x, (deltas or parts(x))[-1].event))


@message_rule(
    "MSG019",
    SHOULD,
    "stop_reason is one of the defined values",
    spec=STOPS,
    fix=f"Map the model's own value to one of {', '.join(REASONS)}.",
    applies_to=finished,
    good=[GOOD, message(), message(stop_reason="max_tokens")],
    bad=[message(stop_reason="stop"), streamed(*text("Hi"), reason="length")],
)
def unknown_stop_reason(x: Exchange) -> Iterator[Finding]:
    """Agents choose the next step by stop_reason: an unknown value mostly ends the run."""
    sent = ((as_string(head.get("stop_reason")), event) for event, head in located_states(x))
    yield from undefined_reasons(x, "stop_reason", REASONS, (pair for pair in sent if pair[0]))


@stream_rule(
    "MSG020",
    MUST,
    "No content block or delta follows the stop_reason",
    spec=EVENTS,
    fix="Send the message_delta with the stop_reason after the last content_block_stop.",
    applies_to=typed,
    good=[GOOD, events(START, OPEN, BLOCK_DELTA, CLOSE, MESSAGE_DELTA, MESSAGE_DELTA | {"delta": {}}, STOP)],
    bad=[
        events(START, OPEN, MESSAGE_DELTA, BLOCK_DELTA, CLOSE, STOP),
        events(START, MESSAGE_DELTA, OPEN, BLOCK_DELTA, CLOSE, STOP),
    ],
)
def block_after_the_reason(x: Exchange) -> Iterator[Finding]:
    """Clients treat the stop_reason as the end: later content is not read, or a tool runs before its call is complete."""
    over = False
    for part in building(x):
        if over and part.type in ("content_block_start", "content_block_delta"):
            yield Finding(f"{part.type} follows the stop_reason", at=span(x, part.event))
            return
        over = over or bool(as_string(as_object(part.value.get("delta")).get("stop_reason")))


@message_rule(
    "MSG021",
    SHOULD,
    "stop_sequence is set if stop_reason is stop_sequence, and null otherwise",
    spec=STOPS,
    fix="Set stop_sequence to the sequence that stopped the model, or null if none did.",
    applies_to=finished,
    needs=("request",),
    good=[
        GOOD,
        message(body_fields=ASKED, stop_reason="stop_sequence", stop_sequence="e"),
        streamed(*text("On"), body=ASKED),
    ],
    bad=[
        message(body_fields=ASKED, stop_reason="stop_sequence", stop_sequence=None),
        message(body_fields=ASKED, stop_reason="stop_sequence", stop_sequence="t"),
        message(body_fields=ASKED, stop_sequence="e"),
        events(START, *text("On"), message_delta("stop_sequence"), STOP, body=ASKED),
    ],
)
def stop_sequence_not_reported(x: Exchange) -> Iterator[Finding]:
    """Clients with several stop sequences act on the one that matched: they need both fields, and need them to agree."""
    for head in message_states(x):
        reason, sequence = as_string(head.get("stop_reason")), head.get("stop_sequence")
        if reason == "stop_sequence" and sequence not in requested_stops(x):
            wanted = "one of the request's stop_sequences"
            yield Finding(f"the message has {describe_member(head, 'stop_sequence')}", at=span_of(x), expected=wanted)
        elif reason in REASONS and reason != "stop_sequence" and sequence:
            yield Finding(f"stop_sequence is {display(sequence)}, but stop_reason is {display(reason)}", at=span_of(x))


@stream_rule(
    "MSG022",
    SHOULD,
    "usage.output_tokens never decreases from one message_delta to the next",
    spec=EVENTS,
    fix="Send the cumulative output_tokens in each message_delta, not the increment.",
    applies_to=has_content,
    good=[GOOD, events(START, *text("Hi"), message_delta(None, 1), message_delta("end_turn", 3), STOP)],
    bad=[events(START, *text("Hi"), message_delta(None, 9), message_delta("end_turn", 3), STOP)],
)
def usage_that_shrinks(x: Exchange) -> Iterator[Finding]:
    """Clients keep the last value: an increment, or a restarted count, makes the bill too small."""
    counted = [(as_object(part.value.get("usage")).get("output_tokens"), part) for part in of_type(x, "message_delta")]
    for (before, _), (after, part) in pairwise(counted):
        if is_integer(before) and is_integer(after) and after < before:
            yield Finding(
                f"usage.output_tokens decreases from {display(before)} to {display(after)}", at=span(x, part.event)
            )
