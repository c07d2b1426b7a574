"""Edit Messages responses: small changes to events, blocks and messages, from which defects and variants are built.

Other responses are left alone.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

from conformance.model.words import Api
from conformance.testbed.mutations.mutate_chat import Edit, in_turn
from conformance.testbed.server.reply import Event, ModelResponse, OnResponse, ServerRequest

Body = dict[str, Any]
MESSAGES: tuple[Api, ...] = ("messages",)
Events = tuple[Event, ...]


def on_events(edit: Callable[[Events], Iterable[Event]]) -> OnResponse:
    """Edit the events of a streamed message."""

    def change(response: ModelResponse, request: ServerRequest) -> ModelResponse:
        is_message = request.api == "messages" and response.events
        return replace(response, events=tuple(edit(response.events))) if is_message and response.events else response

    return change


def without(kind: str) -> OnResponse:
    """Leave out the events of one type."""
    return on_events(lambda events: [event for event in events if event.name != kind])


def each_of(kind: str, edit: Callable[[Body], Body]) -> OnResponse:
    """Edit the events whose types start with `kind`."""
    return on_events(
        lambda events: [
            replace(event, data=edit(event.data)) if (event.name or "").startswith(kind) else event for event in events
        ]
    )


def on_message(edit: Callable[[Body], Body]) -> OnResponse:
    """Edit a non-streaming message."""

    def change(response: ModelResponse, request: ServerRequest) -> ModelResponse:
        is_message = (
            request.api == "messages" and isinstance(response.whole, dict) and response.whole.get("type") == "message"
        )
        return replace(response, whole=edit(response.whole)) if is_message else response

    return change


def within(name: str, edit: Edit) -> Edit:
    """Edit the object under this name, where there is one."""
    return lambda body: body | {name: edit(body[name])} if isinstance(body.get(name), dict) else body


def each_block(edit: Edit, where: Callable[[Body], object] = bool) -> OnResponse:
    """Edit the content blocks for which `where` holds: in content_block_start, or in a non-streaming message."""

    def chosen(block: Body) -> Body:
        return edit(block) if where(block) else block

    started = each_of("content_block_start", within("content_block", chosen))
    return in_turn(started, on_message(lambda m: m | {"content": [chosen(block) for block in m["content"]]}))


def each_delta(edit: Edit, kind: str = "") -> OnResponse:
    """Edit the deltas of one kind, or of all."""

    def chosen(delta: Body) -> Body:
        return edit(delta) if kind in ("", delta["type"]) else delta

    return each_of("content_block_delta", within("delta", chosen))


def each_head(edit: Edit) -> OnResponse:
    """Edit the message itself: in message_start, or non-streaming."""
    return in_turn(each_of("message_start", within("message", edit)), on_message(edit))


def each_end(edit: Edit) -> OnResponse:
    """Edit the object with the stop_reason: a message_delta's, or a non-streaming message."""
    return in_turn(each_of("message_delta", within("delta", edit)), on_message(edit))


def usage(edit: Edit) -> OnResponse:
    """Edit the usage wherever it is reported."""
    edited = within("usage", edit)
    started = each_of("message_start", within("message", edited))
    return in_turn(started, each_of("message_delta", edited), on_message(edited))


def is_call(block: Body) -> bool:
    """Whether a block calls a client tool."""
    return bool(block["type"] == "tool_use")


def regrouped(pieces: Callable[[list[str]], Iterable[str]], name: str = "text") -> OnResponse:
    """Split each block's content into other deltas; the first keeps the delay of the original first."""

    def edit(events: Events) -> Iterator[Event]:
        held: list[Event] = []
        for event in events:
            if event.name == "content_block_delta" and name in event.data["delta"]:
                held.append(event)
                continue
            yield from _with_pieces(held, pieces, name)
            held = []
            yield event

    return on_events(edit)


def _with_pieces(held: list[Event], pieces: Callable[[list[str]], Iterable[str]], name: str) -> Iterator[Event]:
    for at, piece in enumerate(pieces([event.data["delta"][name] for event in held]) if held else ()):
        like = held[min(at, len(held) - 1)]
        yield replace(like, data=like.data | {"delta": like.data["delta"] | {name: piece}})
