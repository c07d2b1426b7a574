"""Edits of what passes through a gateway, value by value: for planted defects and legal variants of translators."""

from collections.abc import Callable
from typing import Any

from conformance.testbed.gateway.handling import (
    Forward,
    GatewayReply,
    GatewayRequest,
    GatewayState,
    Handler,
    Pieces,
    on_json,
    whole,
    with_body,
)
from conformance.testbed.gateway.handling import on_stream as on_pieces
from conformance.testbed.gateway.translation.fields import Body
from conformance.testbed.gateway.translation.wire import Events, encoded, events_in
from conformance.testbed.server.body import parse
from conformance.testbed.server.reply import Event, to_json

Edit = Callable[[Body], Body | None]
"""Edits a JSON object; None leaves it out."""


def on_events(edit: Edit) -> Handler:
    """Edit each event of a stream whose data is an object."""

    async def edited(events: Events) -> Events:
        async for event in events:
            data = edit(event.data) if isinstance(event.data, dict) else event.data
            if data is not None:
                yield Event(data=data, name=event.name and data.get("type", event.name))

    def pieces(given: Pieces) -> Pieces:
        return encoded(edited(events_in(given)))

    return on_pieces(pieces)


def on_wholes(edit: Callable[[Body], Body]) -> Handler:
    """Edit each whole reply that is a JSON object, whatever its status."""

    async def handle(request: GatewayRequest, forward: Forward, _state: GatewayState) -> GatewayReply:
        reply = await forward(request)
        if reply.is_stream or not reply.header("content-type").startswith("application/json"):
            return reply
        data = await whole(reply.body)
        value = parse(data).value
        return with_body(reply, to_json(edit(value)) if isinstance(value, dict) else data)

    return handle


def each(edit: Callable[[Any], Any]) -> Callable[[Body], Body]:
    """Edit every object within an object, from the inside out; None leaves out what is in a list."""

    def walked(value: Any) -> Any:
        if isinstance(value, list):
            return [made for item in value if (made := walked(item)) is not None]
        if isinstance(value, dict):
            return edit({name: walked(item) for name, item in value.items()})
        return value

    return lambda body: walked(body) or {}


def on_messages(edit: Callable[[list[Body]], list[Body]], place: str = "messages") -> Handler:
    """Edit the conversation of each request."""
    return on_json(lambda body: body | {place: edit(body[place])} if isinstance(body.get(place), list) else body)
