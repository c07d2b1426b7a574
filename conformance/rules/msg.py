"""MSG: the Messages API's own shapes: the message, and the events that build it."""

import json
from collections.abc import Iterator
from itertools import takewhile
from typing import Any, NamedTuple

from conformance.exchange import Exchange, view
from conformance.read.json_text import NOT_JSON
from conformance.read.refusal import body, error_at, refusal
from conformance.read.sse import DONE, Event, ends, payloads, span, stream
from conformance.read.value import Object, held, is_integer, mapping, shown, string
from conformance.rule import rule
from conformance.rules.example import CLOSED, SSE, answered, completion, exchange, http
from conformance.rules.sse.lines import excerpt, lost_lines, merged_events
from conformance.rules.sse.when import answering, eventful
from conformance.rules.when import answered_whole, whole
from conformance.verdict import MUST, Finding, Skip, not_applicable, untestable

MESSAGE = "https://platform.claude.com/docs/en/api/messages/create"
EVENTS = "https://platform.claude.com/docs/en/build-with-claude/streaming#event-types"

FITTING = {
    "text_delta": ("text",),
    "citations_delta": ("text",),
    "input_json_delta": ("tool_use", "server_tool_use", "mcp_tool_use"),
    "thinking_delta": ("thinking",),
    "signature_delta": ("thinking",),
}
"""The blocks that each known kind of delta adds to."""
KNOWN_BLOCKS = {block for blocks in FITTING.values() for block in blocks}
UNREAD = ("", "ping")
"""The names of events whose data Anthropic's SDKs don't read."""
FLOW = ("message_start", "content_block_start", "content_block_delta", "content_block_stop", "message_delta")
"""The events that build a message, in the order in which they first come; others may stand anywhere."""


class Part(NamedTuple):
    """One event of a Messages stream: what it holds, and its type."""

    event: Event
    value: Object
    type: str


@view
def parts(x: Exchange) -> tuple[Part, ...]:
    """The events that say their type."""
    pairs = zip(stream(x).dispatched, payloads(x), strict=True)
    found = (Part(event, mapping(value), string(mapping(value).get("type"))) for event, value in pairs)
    return tuple(part for part in found if part.type)


def of(x: Exchange, kind: str) -> list[Part]:
    """The events of one type."""
    return [part for part in parts(x) if part.type == kind]


def unbroken(x: Exchange) -> Skip | None:
    """A stream of events came, its lines are where they belong, and no event lost its JSON."""
    if skip := eventful(x):
        return skip
    if lost_lines(x) or merged_events(x):
        return untestable("the stream's lines are not where they belong")
    pairs = zip(stream(x).dispatched, payloads(x), strict=True)
    torn = any(value is NOT_JSON and event.name not in UNREAD for event, value in pairs)
    return untestable("an event holds no JSON") if torn else None


def typed(x: Exchange) -> Skip | None:
    """Such a stream came, no error ended it, and its events say their types."""
    return unbroken(x) or answering(x) or (None if parts(x) else untestable("no event says its type"))


def ended(x: Exchange) -> Skip | None:
    """Such a stream came to its end marker, or at least to its end."""
    return typed(x) or (None if ends(x) else whole(x))


def whole_message(x: Exchange) -> Skip | None:
    """One whole answer was asked for, and JSON came that is no error."""
    if skip := answered_whole(x) or whole(x):
        return skip
    if refusal(x):
        return not_applicable("an error came under a success status")
    return untestable("the body is no JSON") if body(x) is NOT_JSON else None


GREETING: Object = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "m",
    "content": [{"type": "text", "text": "Hello there."}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 3, "output_tokens": 3},
}
START: Object = {"type": "message_start", "message": GREETING | {"content": [], "stop_reason": None}}
OPEN: Object = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
ADD: Object = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hello."}}
CLOSE: Object = {"type": "content_block_stop", "index": 0}
TELL: Object = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 3}}
STOP: Object = {"type": "message_stop"}
PING: Object = {"type": "ping"}
CALL: Object = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}
CHUNK: Object = {"object": "chat.completion.chunk", "choices": []}


def events(*values: Any) -> Exchange:
    """A stream of these values, each named after its type."""
    named = (f"event: {mapping(v).get('type', 'ping')}\ndata: {json.dumps(v) if v else ''}\n\n" for v in values)
    octets = http(200, (SSE,), "".join(named).encode())
    return exchange(octets, probe="messages.hello", ending=CLOSED)


def message(**changes: Any) -> Exchange:
    """A whole answer with these changes."""
    return answered(GREETING | changes, probe="messages.hello")


GOOD = events(START, PING, OPEN, ADD, CLOSE, TELL, STOP)


@rule(
    "MSG001",
    MUST,
    "A whole answer is a message",
    spec=MESSAGE,
    fix="Answer with a message object: type, role, a list of content blocks, stop_reason and usage.",
    when=whole_message,
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
    apis=("messages",),
    modes=("unary",),
)
def answer_is_no_message(x: Exchange) -> Iterator[Finding]:
    """The SDKs check nothing: the program fails where it first reads the content, the usage or the stop_reason."""
    value = body(x)
    if mapping(value).get("type") != "message":
        yield Finding(f"the answer has {held(value, 'type')}: it is no message")
        return
    if value.get("role") != "assistant":
        yield Finding(f"the message has {held(value, 'role')}, not assistant")
    if not isinstance(value.get("content"), list) or not all(string(mapping(b).get("type")) for b in value["content"]):
        yield Finding("the message has no list of content blocks that say their types")
    if not string(value.get("stop_reason")):
        yield Finding(f"the message has {held(value, 'stop_reason')}")
    for name in ("input_tokens", "output_tokens"):
        if not is_integer(mapping(value.get("usage")).get(name)):
            yield Finding(f"the usage of the message has {held(value.get('usage'), name)}")


@rule(
    "MSG002",
    MUST,
    "The data of each event is an object that says its type",
    spec=EVENTS,
    fix='Send each event as a JSON object with its type, a ping as {"type": "ping"}; translate the chunks of another API.',
    when=unbroken,
    good=[GOOD, events(START, {"type": "of_tomorrow"}, STOP)],
    bad=[events(CHUNK, STOP), events(START, None, STOP), events(START, [], STOP), events(START, {"type": 1}, STOP)],
    apis=("messages",),
    modes=("stream",),
)
def untyped_event(x: Exchange) -> Iterator[Finding]:
    """Clients choose by the type what an event adds: without one its text is lost, or raises an error."""
    for at, (event, value) in enumerate(zip(stream(x).dispatched, payloads(x), strict=True)):
        if event in ends(x)[:1]:
            return
        if value is not DONE and at != error_at(x) and not string(mapping(value).get("type")):
            what = "is no JSON" if value is NOT_JSON else f"has {held(value, 'type')}"
            yield Finding(f"the data of an event {what}: {excerpt(event.data)}", at=span(x, event))


@rule(
    "MSG003",
    MUST,
    "A stream begins with message_start, which holds the message",
    spec=EVENTS,
    fix="Send message_start, with the message as it is before its first block, before all else (a ping may come earlier).",
    when=typed,
    good=[GOOD, events(PING, START, OPEN, ADD, CLOSE, TELL, STOP)],
    bad=[
        events(OPEN, ADD, CLOSE, TELL, STOP),
        events(OPEN, START, ADD, CLOSE, TELL, STOP),
        events({"type": "message_start"}, TELL, STOP),
        events(START | {"message": {"content": []}}, TELL, STOP),
    ],
    apis=("messages",),
    modes=("stream",),
)
def missing_message_start(x: Exchange) -> Iterator[Finding]:
    """Anthropic's streaming helper raises an error at whatever else comes first, and at a message without usage."""
    first = next((part for part in parts(x) if part.type in (*FLOW, "message_stop")), None)
    if first is None:
        return
    at = span(x, first.event)
    if first.type != "message_start":
        yield Finding(f"the first event is {first.type}", at=at)
        return
    told = mapping(first.value.get("message"))
    if not isinstance(told.get("content"), list) or not isinstance(told.get("usage"), dict):
        yield Finding("message_start holds no message with a list of content and a usage", at=at)


@rule(
    "MSG004",
    MUST,
    "Content blocks start before their deltas, and are numbered from 0",
    spec=EVENTS,
    fix="Send content_block_start with the block's place in the content (0, 1, ...) as its index, then its deltas under that index.",
    when=typed,
    good=[GOOD, events(START, OPEN, ADD, CLOSE, OPEN | {"index": 1}, ADD | {"index": 1}, TELL, STOP)],
    bad=[
        events(START, ADD, CLOSE, TELL, STOP),
        events(START, OPEN | {"index": 1}, ADD | {"index": 1}, CLOSE, TELL, STOP),
        events(START, OPEN, ADD | {"index": 1}, CLOSE, TELL, STOP),
        events(START, OPEN, CLOSE, ADD, TELL, STOP),
        events(START, {"type": "content_block_start", "index": 0}, ADD, CLOSE, TELL, STOP),
    ],
    apis=("messages",),
    modes=("stream",),
)
def block_out_of_place(x: Exchange) -> Iterator[Finding]:
    """Clients look a delta's block up by its index: where none started there, they raise an error or lose the text."""
    started, stopped = 0, set()
    for part in takewhile(lambda part: part.type != "message_stop", parts(x)):
        index, at = part.value.get("index"), span(x, part.event)
        if part.type == "content_block_start":
            if index != started or index is False:
                yield Finding(f"block {started} starts with {held(part.value, 'index')}", at=at)
            if not string(mapping(part.value.get("content_block")).get("type")):
                yield Finding(f"the start of block {started} holds no block that says its type", at=at)
            started += 1
        elif part.type == "content_block_stop":
            stopped.add(shown(index))
        elif part.type == "content_block_delta":
            if not is_integer(index) or not 0 <= index < started:
                yield Finding(f"a delta has {held(part.value, 'index')}, and no such block was started", at=at)
            elif shown(index) in stopped:
                yield Finding(f"a delta follows the stop of its block, {shown(index)}", at=at)


@rule(
    "MSG005",
    MUST,
    "Each content block is stopped",
    spec=EVENTS,
    fix="Send content_block_stop with the block's index after its last delta.",
    when=ended,
    good=[GOOD, events(START, OPEN, CLOSE, OPEN | {"index": 1}, CLOSE | {"index": 1}, TELL, STOP)],
    bad=[
        events(START, OPEN, ADD, TELL, STOP),
        events(START, OPEN, ADD, OPEN | {"index": 1}, CLOSE | {"index": 1}, TELL, STOP),
    ],
    apis=("messages",),
    modes=("stream",),
)
def block_without_stop(x: Exchange) -> Iterator[Finding]:
    """Agents run a tool when its block stops: without the stop its arguments are never parsed, and nothing runs."""
    stopped = {shown(part.value.get("index")) for part in of(x, "content_block_stop")}
    for part in of(x, "content_block_start"):
        if shown(part.value.get("index")) not in stopped:
            seen = f"the block with {held(part.value, 'index')} is never stopped"
            yield Finding(seen, at=span(x, part.event))


@rule(
    "MSG006",
    MUST,
    "A message_delta tells why the message ends, and its usage",
    spec=EVENTS,
    fix="Send message_delta with delta.stop_reason and usage.output_tokens after the last block, before message_stop.",
    when=ended,
    good=[GOOD, events(START, OPEN, ADD, CLOSE, TELL | {"delta": {}}, TELL, STOP)],
    bad=[
        events(START, OPEN, ADD, CLOSE, STOP),
        events(START, OPEN, ADD, CLOSE, TELL | {"delta": {"stop_reason": None}}, STOP),
        events(START, OPEN, ADD, CLOSE, {"type": "message_delta", "delta": {"stop_reason": "end_turn"}}, STOP),
    ],
    apis=("messages",),
    modes=("stream",),
)
def unexplained_end(x: Exchange) -> Iterator[Finding]:
    """An agent can't tell an answer from a call of a tool or a cut; Anthropic's helper fails without the usage."""
    told = of(x, "message_delta")
    for part in told:
        if not is_integer(mapping(part.value.get("usage")).get("output_tokens")):
            yield Finding("a message_delta has no usage with output_tokens", at=span(x, part.event))
    if not any(string(mapping(part.value.get("delta")).get("stop_reason")) for part in told):
        seen = "no message_delta has a stop_reason" if told else "no message_delta came"
        yield Finding(seen, at=span(x, (told or parts(x))[-1].event))


@rule(
    "MSG007",
    MUST,
    "A delta is of a kind that its block can take",
    spec=EVENTS,
    fix="Send text_delta to text blocks, input_json_delta to tool_use blocks, thinking_delta to thinking blocks.",
    when=typed,
    good=[GOOD, events(START, OPEN, ADD | {"delta": {"type": "of_tomorrow"}}, CLOSE, TELL, STOP)],
    bad=[
        events(START, OPEN, ADD | {"delta": {"type": "input_json_delta", "partial_json": "{}"}}, CLOSE, TELL, STOP),
        events(START, OPEN | {"content_block": CALL}, ADD, CLOSE, TELL, STOP),
        events(START, OPEN, ADD | {"delta": {"text": "Hello."}}, CLOSE, TELL, STOP),
    ],
    apis=("messages",),
    modes=("stream",),
)
def delta_of_another_kind(x: Exchange) -> Iterator[Finding]:
    """The SDKs pass over a delta that does not fit its block: the text or the arguments are lost without an error."""
    blocks: dict[str, str] = {}
    for part in parts(x):
        index = shown(part.value.get("index"))
        if part.type == "content_block_start":
            blocks[index] = string(mapping(part.value.get("content_block")).get("type"))
        elif part.type == "content_block_delta":
            kind, block = string(mapping(part.value.get("delta")).get("type")), blocks.get(index, "")
            if not kind:
                yield Finding(f"a delta of block {index} does not say its type", at=span(x, part.event))
            elif kind in FITTING and block in KNOWN_BLOCKS and block not in FITTING[kind]:
                yield Finding(f"a {kind} came for block {index}, which is {block}", at=span(x, part.event))
