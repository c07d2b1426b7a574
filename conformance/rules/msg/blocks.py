"""The content blocks of a stream: start, deltas and stop."""

from collections.abc import Iterator
from typing import Any

from conformance.apis.chat import span_of
from conformance.apis.messages import blocks, building, is_called_by_code
from conformance.model.exchange import Exchange
from conformance.model.verdict import MUST, SHOULD, Finding, NotJudged
from conformance.parsing.json_values import as_object, as_string, describe_member, display, is_integer
from conformance.parsing.sse import span
from conformance.parsing.typed_events import Part, of_type
from conformance.rules.msg.conditions import finished, has_indexed_blocks, misfits
from conformance.rules.msg.example import (
    BLOCK_DELTA,
    BY_CODE,
    CALL,
    CLOSE,
    GOOD,
    MESSAGE_DELTA,
    OPEN,
    START,
    STOP,
    block,
    events,
    message,
    streamed,
    text,
)
from conformance.rules.msg.shape import message_rule, stream_rule
from conformance.rules.msg.spec import EVENTS, THINKING
from conformance.rules.shared_checks import cumulative, in_pieces
from conformance.rules.typed_events import ended, typed


@stream_rule(
    "MSG004",
    MUST,
    "content_block_start precedes the block's deltas and stop, and indexes count from 0",
    spec=EVENTS,
    fix="Send content_block_start with the block's position in the content (0, 1, ...) as index, then its deltas with that index.",
    applies_to=typed,
    good=[
        GOOD,
        events(START, OPEN, BLOCK_DELTA, CLOSE, OPEN | {"index": 1}, BLOCK_DELTA | {"index": 1}, MESSAGE_DELTA, STOP),
    ],
    bad=[
        events(START, BLOCK_DELTA, CLOSE, MESSAGE_DELTA, STOP),
        events(START, OPEN | {"index": 1}, BLOCK_DELTA | {"index": 1}, CLOSE, MESSAGE_DELTA, STOP),
        events(START, OPEN, BLOCK_DELTA | {"index": 1}, CLOSE, MESSAGE_DELTA, STOP),
        events(START, OPEN, CLOSE, BLOCK_DELTA, MESSAGE_DELTA, STOP),
        events(START, {"type": "content_block_start", "index": 0}, BLOCK_DELTA, CLOSE, MESSAGE_DELTA, STOP),
        events(START, OPEN, BLOCK_DELTA, CLOSE, CLOSE | {"index": 1}, MESSAGE_DELTA, STOP),
        events(START, OPEN, BLOCK_DELTA, {"type": "content_block_stop"}, MESSAGE_DELTA, STOP),
    ],
)
def block_out_of_place(x: Exchange) -> Iterator[Finding]:
    """Clients look up an event's block by index: if none was started, they raise an error or lose the text."""
    started, stopped = 0, set()
    for part in building(x):
        index = part.value.get("index")
        if part.type == "content_block_start":
            yield from _misplaced_start(x, part, started)
            started += 1
        elif part.type in ("content_block_delta", "content_block_stop"):
            what = "a delta" if part.type == "content_block_delta" else "content_block_stop"
            if not is_integer(index) or not 0 <= index < started:
                seen = f"{what} has {describe_member(part.value, 'index')}, but no such block was started"
                yield Finding(seen, at=span(x, part.event))
            elif display(index) in stopped:
                seen = f"{what} follows the content_block_stop of its block {display(index)}"
                yield Finding(seen, at=span(x, part.event))
            if part.type == "content_block_stop":
                stopped.add(display(index))


def _misplaced_start(x: Exchange, part: Part, place: int) -> Iterator[Finding]:
    """A content_block_start whose index is not its place, or whose block has no type."""
    at, index = span(x, part.event), part.value.get("index")
    if index != place or index is False:
        seen = f"content_block_start {place} has {describe_member(part.value, 'index')}"
        yield Finding(seen, at=at, expected=f"index {place}")
    if not as_string(as_object(part.value.get("content_block")).get("type")):
        yield Finding(f"content_block_start {place} has no block with a type", at=at)


@stream_rule(
    "MSG005",
    MUST,
    "Every content block ends with a content_block_stop",
    spec=EVENTS,
    fix="Send content_block_stop with the block's index after its last delta.",
    applies_to=ended,
    good=[GOOD, events(START, OPEN, CLOSE, OPEN | {"index": 1}, CLOSE | {"index": 1}, MESSAGE_DELTA, STOP)],
    bad=[
        events(START, OPEN, BLOCK_DELTA, MESSAGE_DELTA, STOP),
        events(START, OPEN, BLOCK_DELTA, OPEN | {"index": 1}, CLOSE | {"index": 1}, MESSAGE_DELTA, STOP),
    ],
)
def block_without_stop(x: Exchange) -> Iterator[Finding]:
    """Agents run a tool at content_block_stop: without it the arguments are never parsed, and nothing runs."""
    stopped = {display(part.value.get("index")) for part in of_type(x, "content_block_stop")}
    for part in of_type(x, "content_block_start"):
        if display(part.value.get("index")) not in stopped:
            seen = f"the content block with {describe_member(part.value, 'index')} has no content_block_stop"
            yield Finding(seen, at=span(x, part.event))


@stream_rule(
    "MSG007",
    MUST,
    "A delta's type matches the type of its content block",
    spec=EVENTS,
    fix="Send text_delta to text blocks, input_json_delta to tool_use blocks, thinking_delta to thinking blocks.",
    applies_to=typed,
    good=[GOOD, events(START, OPEN, BLOCK_DELTA | {"delta": {"type": "of_tomorrow"}}, CLOSE, MESSAGE_DELTA, STOP)],
    bad=[
        events(
            START,
            OPEN,
            BLOCK_DELTA | {"delta": {"type": "input_json_delta", "partial_json": "{}"}},
            CLOSE,
            MESSAGE_DELTA,
            STOP,
        ),
        events(START, OPEN | {"content_block": CALL}, BLOCK_DELTA, CLOSE, MESSAGE_DELTA, STOP),
        events(START, OPEN, BLOCK_DELTA | {"delta": {"text": "Hello."}}, CLOSE, MESSAGE_DELTA, STOP),
    ],
)
def delta_of_another_kind(x: Exchange) -> Iterator[Finding]:
    """The SDKs silently ignore a delta that does not match its block: the text or the arguments are lost."""
    for part, seen in misfits(x):
        yield Finding(seen, at=span(x, part.event))


@stream_rule(
    "MSG011",
    SHOULD,
    "Content blocks are sent one after another, not interleaved",
    spec=EVENTS,
    fix="Send each block's content_block_stop before the next content_block_start.",
    applies_to=typed,
    good=[GOOD, streamed(*text("Hi"), *text("there", index=1))],
    bad=[
        streamed(
            *block({"type": "text", "text": ""}, stop=False),
            *block({"type": "text", "text": ""}, index=1),
            BLOCK_DELTA,
            CLOSE,
        )
    ],
)
def blocks_interleaved(x: Exchange) -> Iterator[Finding]:
    """Clients that show each delta on arrival mix up the texts of two blocks."""
    newest: Any = None
    for part in building(x):
        index = part.value.get("index")
        if part.type == "content_block_start":
            newest = index
        elif part.type.startswith("content_block_") and newest is not None and index != newest:
            seen = f"{part.type} of block {display(index)} follows the start of block {display(newest)}"
            yield Finding(seen, at=span(x, part.event))


@stream_rule(
    "MSG012",
    MUST,
    "A content block starts empty",
    spec=EVENTS,
    fix='Start a text block with text "", a tool_use block with input {}, a thinking block with thinking ""; send the rest in deltas.',
    applies_to=typed,
    good=[
        GOOD,
        streamed(*block({"type": "of_tomorrow", "text": "Hi"})),
        streamed(*block(CALL | {"input": {"city": "Oslo"}, "caller": BY_CODE}), reason="tool_use"),
    ],
    bad=[
        streamed(*block({"type": "text", "text": "Hello."})),
        streamed(*block({"type": "thinking", "thinking": "Hm.", "signature": ""})),
        streamed(*block(CALL | {"input": {"city": "Oslo"}}), reason="tool_use"),
        streamed(*block(CALL | {"input": {"city": "Oslo"}, "caller": {"type": "direct"}}), reason="tool_use"),
    ],
)
def block_starts_full(x: Exchange) -> Iterator[Finding]:
    """Clients that read only deltas, as the SDKs' text streams and Vercel's AI SDK do, lose the content of the start event.

    Exception: a call of code that runs on the server has its input at once.
    """
    for part in of_type(x, "content_block_start"):
        opened = as_object(part.value.get("content_block"))
        if is_called_by_code(opened):
            continue
        name = {"text": "text", "thinking": "thinking", "tool_use": "input"}.get(as_string(opened.get("type")), "")
        if opened.get(name):
            yield Finding(f"content_block_start already has {describe_member(opened, name)}", at=span(x, part.event))


def piecemeal(x: Exchange) -> NotJudged | None:
    """A message whose blocks can be distinguished, with its text in several deltas."""
    return has_indexed_blocks(x) or in_pieces(x)


@stream_rule(
    "MSG013",
    MUST,
    "A delta contains only new text, not all the text so far",
    spec=EVENTS,
    fix="Send only the text generated since the previous delta.",
    applies_to=piecemeal,
    good=[streamed(*text("Hello", " there,", " you.", " Good", " day"))],
    bad=[streamed(*text(*("Hello there, you."[:n] for n in (5, 11, 12, 16, 17))))],
)
def cumulative_text_deltas(x: Exchange) -> Iterator[Finding | NotJudged]:
    """Clients join the deltas: the user reads `HelloHello there` and so on."""
    yield from cumulative(x)


@message_rule(
    "MSG014",
    SHOULD,
    "A thinking block has a signature",
    spec=THINKING,
    fix="Send the signature of each thinking block; while streaming, in a signature_delta before content_block_stop.",
    applies_to=finished,
    good=[
        GOOD,
        message(content=[{"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}]),
        streamed(
            *block(
                {"type": "thinking", "thinking": "", "signature": ""},
                {"type": "thinking_delta", "thinking": "Hm."},
                {"type": "signature_delta", "signature": "c2ln"},
            )
        ),
    ],
    bad=[
        message(content=[{"type": "thinking", "thinking": "Hm."}]),
        streamed(*block({"type": "thinking", "thinking": ""}, {"type": "thinking_delta", "thinking": "Hm."})),
    ],
)
def thinking_without_signature(x: Exchange) -> Iterator[Finding]:
    """With tools, clients must send thinking blocks back, which are rejected without a signature: the task ends midway."""
    for found in blocks(x):
        if found.type == "thinking" and not found.all_of("signature"):
            yield Finding("a thinking block has no signature", at=span_of(x, found.events[0] if found.events else None))
