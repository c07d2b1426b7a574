"""Assemble a Messages response, streaming or not, from arbitrary JSON.

The formats are those of https://platform.claude.com/docs/en/api/messages/create and of the guide to streaming.
Anything else is ignored here; the rules report it.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import takewhile

from conformance.apis.content import Choice, ResponseContent, ToolCall
from conformance.model.exchange import Exchange, cached_reader
from conformance.parsing.json_body import json_body
from conformance.parsing.json_values import Object, as_array, as_object, as_string, is_integer
from conformance.parsing.sse import Event, looks_like_events
from conformance.parsing.typed_events import Part, invalid_json, of_type, parts

TERMINAL_EVENTS = ("message_stop",)
SKIPPED_EVENTS = ("", "ping")
"""The names of events whose data the SDK does not read."""
THOUGHTS = ("thinking", "redacted_thinking")
CALLS = ("tool_use", "server_tool_use", "mcp_tool_use")
"""The types of blocks that call a tool; the client runs only the first type."""


@cached_reader
def building(x: Exchange) -> tuple[Part, ...]:
    """The events that build the message: those before message_stop."""
    return tuple(takewhile(lambda part: part.type != "message_stop", parts(x)))


@dataclass(slots=True)
class Block:
    """A content block: its content_block_start, and the texts of its deltas by field.

    `events` are those of the block, beginning with content_block_start, and `last` is the last one with content; none
    in a non-streaming response.
    """

    start: Object
    added: dict[str, list[str]] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    last: Event | None = None
    stopped: bool = False

    @property
    def type(self) -> str:
        """The `type` of the block."""
        return as_string(self.start.get("type"))

    def all_of(self, name: str) -> str:
        """A text field of the block: its initial value and its deltas, joined."""
        return as_string(self.start.get(name)) + "".join(self.added.get(name, ()))

    @property
    def arguments(self) -> str:
        """The JSON text of a call's input; deltas replace the initial value."""
        if pieces := "".join(self.added.get("partial_json", ())):
            return pieces
        return json.dumps(self.start["input"], ensure_ascii=False) if "input" in self.start else ""


@cached_reader
def blocks(x: Exchange) -> tuple[Block, ...]:
    """The content blocks that are objects, in the order of their indexes."""
    whole = json_body(x)
    if whole is not None:
        return tuple(Block(block, stopped=True) for block in as_array(whole.get("content")) if isinstance(block, dict))
    found: dict[int, Block] = {}
    for part in building(x):
        index = part.value.get("index")
        if not is_integer(index):
            continue
        if part.type == "content_block_start":
            started = as_object(part.value.get("content_block"))
            found[int(index)] = Block(started, events=[part.event], last=part.event)
        elif block := found.get(int(index)):
            _take(block, part)
    return tuple(found[index] for index in sorted(found))


def _take(block: Block, part: Part) -> None:
    block.events.append(part.event)
    if part.type == "content_block_stop":
        block.stopped = True
    elif part.type == "content_block_delta":
        block.last = part.event
        for name, text in as_object(part.value.get("delta")).items():
            if name != "type" and isinstance(text, str):
                block.added.setdefault(name, []).append(text)


def message_states(x: Exchange) -> list[Object]:
    """The objects with the message's own fields: the non-streaming response, or message_start and message_deltas."""
    return [state for _, state in located_states(x)]


def located_states(x: Exchange) -> list[tuple[Event | None, Object]]:
    """As message_states, each with its event; None in a non-streaming response."""
    whole = json_body(x)
    return [(None, whole)] if whole is not None else list(_located_states(building(x)))


def _located_states(found: Iterable[Part]) -> Iterator[tuple[Event, Object]]:
    for part in found:
        if part.type == "message_start":
            yield part.event, as_object(part.value.get("message"))
        elif part.type == "message_delta":
            yield part.event, as_object(part.value.get("delta")) | {"usage": part.value.get("usage")}


@cached_reader
def messages_content(x: Exchange) -> ResponseContent:
    """The completion, with one choice; without choices if nothing could be read."""
    heads, found = message_states(x), blocks(x)
    failed = as_object(json_body(x)).get("type") == "error" or bool(of_type(x, "error"))
    if failed or not (heads or found):
        return ResponseContent(error=failed)
    ends = _ends(x)
    choice = Choice(
        index=0,
        role=next((role for head in heads if (role := as_string(head.get("role")))), ""),
        pieces=tuple(_pieces(found)),
        reasoning="".join(block.all_of("thinking") for block in found),
        reasons=any(block.type in THOUGHTS for block in found),
        calls=tuple(call_of(block) for block in found if block.type == CALLS[0]),
        finishes=tuple(reason for _, reason in ends),
        other=frozenset(b.type for b in found if b.type not in ("text", *THOUGHTS, CALLS[0])),
        last_text=next((block.last for block in reversed(found) if any(_pieces([block]))), None),
        finish_events=tuple(event for event, _ in ends),
    )
    return ResponseContent(
        choices=(choice,),
        ids=tuple(dict.fromkeys(name for head in heads if (name := as_string(head.get("id"))))),
        models=tuple(dict.fromkeys(name for head in heads if (name := as_string(head.get("model"))))),
        usage=next((v for head in reversed(heads) if isinstance(v := head.get("usage"), dict)), None),
    )


def _ends(x: Exchange) -> list[tuple[Event | None, str]]:
    """The stop_reasons, each with its event: of the non-streaming response, or of the message_deltas."""
    whole = json_body(x)
    if whole is not None:
        ends: Iterable[tuple[Event | None, Object]] = [(None, whole)]
    else:
        ends = ((part.event, as_object(part.value.get("delta"))) for part in of_type(x, "message_delta"))
    return [(event, reason) for event, end in ends if (reason := as_string(end.get("stop_reason")))]


def _pieces(found: Iterable[Block]) -> Iterator[str]:
    for block in found:
        if block.type == "text":
            yield from (text for text in (as_string(block.start.get("text")), *block.added.get("text", ())) if text)


def is_called_by_code(block: Object) -> bool:
    """Whether code that runs on the server calls the tool (programmatic tool calling), not the model itself."""
    return as_string(as_object(block.get("caller")).get("type")) not in ("", "direct")


def call_of(block: Block) -> ToolCall:
    """The tool call in a block."""
    return ToolCall(
        id=as_string(block.start.get("id")),
        type=block.type,
        name=as_string(block.start.get("name")),
        arguments=block.arguments,
        sent=block.start,
        first=block.events[0] if block.events else None,
        last=block.last,
    )


@cached_reader
def unreadable_reason(x: Exchange) -> str:
    """Why the response is unreadable, as a clause; empty if it can be read."""
    whole = json_body(x)
    if whole is not None:
        return "" if isinstance(whole.get("content"), list) else "the message has no `content` list"
    if not looks_like_events(x):
        return "the response is not a JSON object"
    if invalid_json(x, SKIPPED_EVENTS):
        return "an event is not JSON"
    if not of_type(x, "message_start"):
        return "the stream has no message_start event"
    lost = sum(part.type == "content_block_delta" for part in building(x)) - sum(
        len(block.events) - 1 - block.stopped for block in blocks(x)
    )
    return "a content_block_delta belongs to no content block" if lost > 0 else ""


def first_call(x: Exchange) -> Event | None:
    """The event of the first block that calls a tool."""
    return next((found.events[0] for found in blocks(x) if found.events and found.type in CALLS), None)


def left_open(x: Exchange) -> str:
    """Which content blocks of a stream have no content_block_stop, as the end of a sentence; or empty."""
    kinds = [found.type or "unknown" for found in blocks(x) if not found.stopped]
    return f", and leaves a content block open ({', '.join(kinds)})" if kinds else ""
