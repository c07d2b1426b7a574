"""Edit responses of the Responses API: small changes to events, items and responses, to build defects and variants.

Other responses are left alone.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

from conformance.model.words import Api
from conformance.testbed.mutations.mutate_chat import Edit, in_turn
from conformance.testbed.mutations.mutate_messages import within
from conformance.testbed.server.reply import Event, ModelResponse, OnResponse, ServerRequest

Body = dict[str, Any]
Events = tuple[Event, ...]
RESPONSES: tuple[Api, ...] = ("responses",)
STATES = ("response.created", "response.in_progress", "response.completed", "response.incomplete")
ENDS = STATES[2:]


def on_events(edit: Callable[[Events], Iterable[Event]]) -> OnResponse:
    """Edit the events of a streamed response."""

    def change(response: ModelResponse, request: ServerRequest) -> ModelResponse:
        if request.api != "responses" or not response.events:
            return response
        return replace(response, events=tuple(edit(response.events)))

    return change


def renumbered(edit: Callable[[Events], Iterable[Event]]) -> OnResponse:
    """Edit the events, and renumber them."""

    def change(events: Events) -> Iterator[Event]:
        for number, event in enumerate(edit(events)):
            yield replace(event, data=event.data | {"sequence_number": number})

    return on_events(change)


def without(*kinds: str) -> OnResponse:
    """Leave out the events of these types."""
    return renumbered(lambda events: [event for event in events if event.name not in kinds])


def each_of(edit: Edit, *kinds: str) -> OnResponse:
    """Edit the events of these types, or all."""
    return on_events(
        lambda events: [
            replace(event, data=edit(event.data)) if not kinds or event.name in kinds else event for event in events
        ]
    )


def on_response(edit: Edit) -> OnResponse:
    """Edit a non-streaming response."""

    def change(response: ModelResponse, request: ServerRequest) -> ModelResponse:
        is_response = (
            request.api == "responses"
            and isinstance(response.whole, dict)
            and response.whole.get("object") == "response"
        )
        return replace(response, whole=edit(response.whole)) if is_response else response

    return change


def each_state(edit: Edit, *kinds: str) -> OnResponse:
    """Edit the response in these events of a stream."""
    return each_of(within("response", edit), *(kinds or STATES))


def each_end(edit: Edit) -> OnResponse:
    """Edit the finished response, in either mode."""
    return in_turn(each_state(edit, *ENDS), on_response(edit))


def each_item(edit: Edit, where: Callable[[Body], object] = bool) -> OnResponse:
    """Edit the items for which `where` holds, wherever they occur."""

    def chosen(item: Body) -> Body:
        return edit(item) if where(item) else item

    def listed(response: Body) -> Body:
        return response | {"output": [chosen(item) for item in response["output"]]}

    added = each_of(within("item", chosen), "response.output_item.added", "response.output_item.done")
    return in_turn(added, each_end(listed))


def each_part(edit: Edit) -> OnResponse:
    """Edit the content parts, wherever they occur."""
    parts = each_of(within("part", edit), "response.content_part.added", "response.content_part.done")
    inside = each_item(lambda item: item | {"content": [edit(part) for part in item["content"]]}, is_message)
    return in_turn(parts, inside)


def is_message(item: Body) -> bool:
    """Whether an item is a message."""
    return bool(item["type"] == "message")


def is_call(item: Body) -> bool:
    """Whether an item calls a function."""
    return bool(item["type"] == "function_call")


def usage(edit: Edit) -> OnResponse:
    """Edit the usage wherever it is reported."""
    return each_end(within("usage", edit))


def regrouped(pieces: Callable[[list[str]], Iterable[str]], kind: str = "response.output_text.delta") -> OnResponse:
    """Split each item's content into other deltas; the first keeps the delay of the original first."""

    def edit(events: Events) -> Iterator[Event]:
        held: list[Event] = []
        for event in events:
            if event.name == kind:
                held.append(event)
                continue
            for at, piece in enumerate(pieces([e.data["delta"] for e in held]) if held else ()):
                like = held[min(at, len(held) - 1)]
                yield replace(like, data=like.data | {"delta": piece})
            held = []
            yield event

    return renumbered(edit)
