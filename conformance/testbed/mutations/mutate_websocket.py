"""A server that accepts WebSocket handshakes on /responses, for defects and variants of what it says there."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from wsproto.utilities import generate_accept_token

from conformance.testbed.server.reply import Event, OnWire, ServerRequest, WireResponse, Write
from conformance.testbed.server.websocket import Speech, conversing

Events = tuple[Event, ...]
PATH = "/v1/responses"
NOT_OFFERED = 405
"""The status of a handshake on the embedded server."""
LOCKED = 401
"""Its status if the request does not have the key."""


def switching(speech: Speech | None, accept: str = "", *more: str, needs_key: bool = True) -> OnWire:
    """Accept WebSocket handshakes, and speak, or do nothing then. `accept` replaces the Sec-WebSocket-Accept.

    `more` are further lines of the head. `needs_key`: the handshake must have the API key.
    """
    replaced = (NOT_OFFERED,) if needs_key else (NOT_OFFERED, LOCKED)

    def change(reply: WireResponse, request: ServerRequest) -> WireResponse:
        key = next((value for name, value in request.headers if name == "sec-websocket-key"), "")
        if request.path != PATH or not key or reply.status not in replaced:
            return reply
        named = (
            "HTTP/1.1 101 Switching Protocols",
            "upgrade: websocket",
            "connection: Upgrade",
            f"sec-websocket-accept: {accept or generate_accept_token(key.encode()).decode()}",
            *more,
        )
        return replace(
            reply,
            status=101,
            head="\r\n".join([*named, "", ""]).encode(),
            pieces=(Write(data=b""),),
            framing="close",
            converse=conversing(request, speech) if speech else None,
        )

    return change


def in_warm_ups(edit: Callable[[Events], Iterable[Event]]) -> Callable[[Events, int], Iterable[Event]]:
    """Edit the events of warm-ups: those of responses without output."""

    def change(events: Events, _: int) -> Iterable[Event]:
        is_warm_up = not any("output_index" in event.data for event in events)
        return edit(events) if is_warm_up else events

    return change


def counting(usage: dict[str, Any] | None) -> Callable[[Events], Events]:
    """Replace the usage of the finished response."""

    def change(events: Events) -> Events:
        *begun, end = events
        return (*begun, replace(end, data=end.data | {"response": end.data["response"] | {"usage": usage}}))

    return change
