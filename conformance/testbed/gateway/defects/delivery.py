"""Defects in when a gateway passes on what it has of a stream."""

from dataclasses import replace
from typing import Final

from conformance.testbed.gateway.defects.replies import Json
from conformance.testbed.gateway.events import Events, StreamEvent, is_stream, on_events
from conformance.testbed.gateway.handling import (
    Forward,
    GatewayChange,
    GatewayReply,
    GatewayRequest,
    GatewayState,
    Pieces,
    on_stream,
)
from conformance.testbed.server.reply import to_json

BUFFER: Final = 16_384


async def _held(pieces: Pieces) -> Pieces:
    held = b""
    async for piece in pieces:
        held += piece
        if len(held) >= BUFFER:
            yield held
            held = b""
    yield held


async def _in_one_event(found: Events) -> Events:
    """All text in one event at the end."""
    kept: list[Json] = []
    rest: list[StreamEvent] = []
    async for event in found:
        value = event.json
        delta = value["choices"][0]["delta"] if value and value.get("choices") else {}
        if delta.get("content") and not (value["choices"][0]["index"] or value["choices"][0].get("logprobs")):
            kept.append(value)
        else:
            rest.append(event)
    text = "".join(value["choices"][0]["delta"]["content"] for value in kept)
    for at, event in enumerate(rest):
        yield event
        if not at and kept:
            choice = kept[0]["choices"][0] | {"delta": {"content": text}}
            yield StreamEvent(to_json(kept[0] | {"choices": [choice]}))


async def _late_head(request: GatewayRequest, forward: Forward, _state: GatewayState) -> GatewayReply:
    reply = await forward(request)
    if not is_stream(reply):
        return reply
    first = b""
    while not first and (piece := await anext(reply.body, None)) is not None:
        first = piece

    async def all_of_it() -> Pieces:
        yield first
        async for more in reply.body:
            yield more

    return replace(reply, body=all_of_it())


DEFECTS = (
    GatewayChange(name="held-to-16-kb", title="Buffers 16 kB of a stream", caught_by="GW042", handle=on_stream(_held)),
    GatewayChange(
        name="text-in-one-event",
        title="Sends all text in one event, at the end",
        caught_by="GW042",
        handle=on_events(_in_one_event),
    ),
    GatewayChange(
        name="head-with-the-first-token",
        title="Sends the head of a stream with the first token",
        caught_by="GW043",
        handle=_late_head,
    ),
)
