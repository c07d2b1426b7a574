"""What a gateway may make of a reply."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final

from conformance.model.target import GatewayPolicy
from conformance.model.words import GENERATIVE
from conformance.testbed.gateway.defects.endings import TRUNCATED, ended_by
from conformance.testbed.gateway.defects.replies import in_choices, reading, without
from conformance.testbed.gateway.defects.usage import ESTIMATE, asking_always, estimating
from conformance.testbed.gateway.events import (
    DONE,
    Events,
    StreamEvent,
    both,
    content,
    each_event,
    events,
    is_stream,
    on_events,
    on_whole,
    rewritten,
    spelt_anew,
    written,
)
from conformance.testbed.gateway.handling import (
    Forward,
    GatewayChange,
    GatewayReply,
    GatewayRequest,
    GatewayState,
    Pieces,
    on_json,
    on_reply,
    on_stream,
    own_reply,
)

Json = dict[str, Any]
SIZE: Final = 100
DELAY_S: Final = 0.4
EVERY_API: Final = GENERATIVE


async def _in_hundreds(pieces: Pieces) -> Pieces:
    """Pieces of up to a hundred bytes, as they come."""
    async for piece in pieces:
        for at in range(0, len(piece), SIZE):
            yield piece[at : at + SIZE]


async def _anew(found: Events) -> Events:
    async for event in found:
        yield event if event.json is None else StreamEvent(spelt_anew(event.json), event.name)


def _own_frame(value: Json) -> Json:
    """Another id, time and fingerprint."""
    return value | {"id": "gen-1", "created": 1_790_000_000, "system_fingerprint": "fp_gateway"}


async def _alive(pieces: Pieces) -> Pieces:
    """A comment first, and after every fourth event."""
    yield b": connected\n\n"
    at = 0
    async for piece in pieces:
        yield piece
        at += piece.endswith(b"\n\n")
        if at % 4 == 3 and piece.endswith(b"\n\n"):
            yield b": keep-alive\n\n"


async def _in_pairs(found: Events) -> Events:
    """Two deltas of text in one, where they follow each other."""
    held: Json | None = None
    async for event in found:
        value = event.json
        text = _text(value)
        if text and held:
            choice = held["choices"][0]
            joined = choice | {"delta": choice["delta"] | {"content": _text(held) + text}}
            yield event.with_json(held | {"choices": [joined]})
            held = None
        elif text:
            held = value
        else:
            if held:
                yield event.with_json(held)
            held = None
            yield event


def _text(value: Any) -> str:
    """The text of a chunk that has nothing else."""
    choices = value.get("choices") if isinstance(value, dict) else None
    if not choices or len(choices) != 1 or choices[0].get("index") or choices[0].get("logprobs"):
        return ""
    delta = choices[0].get("delta")
    is_text = isinstance(delta, dict) and delta.keys() == {"content"} and not choices[0].get("finish_reason")
    return delta["content"] if is_text and isinstance(delta["content"], str) else ""


def _renamed(delta: Json) -> Json:
    return without(delta, "reasoning") | {"reasoning_content": delta["reasoning"]} if "reasoning" in delta else delta


def _hidden(value: Json) -> Json:
    return without(value, "reasoning", "reasoning_content")


async def _ended(found: Events) -> AsyncIterator[StreamEvent]:
    """[DONE] after every stream whose choices have their finish reasons."""
    last, is_finished = None, False
    async for event in found:
        value = event.json if isinstance(event.json, dict) else {}
        is_finished = is_finished or any(choice.get("finish_reason") for choice in value.get("choices") or ())
        last = event
        yield event
    if is_finished and last != DONE:
        yield DONE


async def _slow(request: GatewayRequest, forward: Forward, _state: GatewayState) -> GatewayReply:
    reply = await forward(request)
    await asyncio.sleep(DELAY_S)
    return reply


async def _labelled_only(request: GatewayRequest, forward: Forward, _state: GatewayState) -> GatewayReply:
    """A success without Content-Type can't be read: 502."""
    reply = await forward(request)
    if reply.header("content-type") or reply.status != 200:
        return reply
    return own_reply(502, {"error": {"message": "The upstream's reply has no Content-Type.", "type": "api_error"}})


def _unpacked(reply: GatewayReply) -> GatewayReply:
    return rewritten(reply, content(reply)) if is_stream(reply) else reply


VARIANTS = (
    GatewayChange(name="re-chunked", title="Cuts the pieces anew", handle=on_stream(_in_hundreds), apis=EVERY_API),
    GatewayChange(name="events-written-anew", title="Writes every event anew", handle=on_events(_anew), apis=EVERY_API),
    GatewayChange(
        name="own-ids",
        title="Has ids, times and fingerprints of its own",
        handle=both(each_event(lambda chunk: [_own_frame(chunk)]), on_whole(_own_frame)),
    ),
    GatewayChange(
        name="keep-alives",
        title="Adds comments to streams",
        handle=reading(lambda pieces: _alive(written(events(pieces)))),
    ),
    GatewayChange(name="deltas-in-pairs", title="Joins two deltas of text", handle=on_events(_in_pairs)),
    GatewayChange(
        name="reasoning-renamed",
        title="Sends reasoning as reasoning_content",
        handle=both(
            each_event(in_choices(lambda c: c | {"delta": _renamed(c["delta"])})),
            on_whole(lambda w: w | {"choices": [c | {"message": _renamed(c["message"])} for c in w["choices"]]}),
        ),
    ),
    GatewayChange(
        name="reasoning-hidden",
        title="Hides reasoning, as its policy says",
        policy=GatewayPolicy(hides_reasoning=True),
        handle=both(
            each_event(in_choices(lambda c: c | {"delta": _hidden(c["delta"])})),
            on_whole(lambda w: w | {"choices": [c | {"message": _hidden(c["message"])} for c in w["choices"]]}),
        ),
    ),
    GatewayChange(name="end-marker-added", title="Adds [DONE] where only that is missing", handle=on_events(_ended)),
    GatewayChange(
        name="cuts-told-as-errors",
        title="Ends a stream that breaks off with an error event and [DONE]",
        handle=ended_by(TRUNCATED),
    ),
    GatewayChange(
        name="cuts-told-as-errors-without-done",
        title="Ends a stream that breaks off with an error event",
        handle=ended_by(TRUNCATED, done=False),
    ),
    GatewayChange(name="slow-throughout", title="Is slow from the beginning", handle=_slow),
    GatewayChange(
        name="labels-needed", title="Responds with 502 to a reply without Content-Type", handle=_labelled_only
    ),
    GatewayChange(name="streams-unpacked", title="Decompresses streams", handle=on_reply(_unpacked)),
    GatewayChange(
        name="usage-for-all",
        title="Shows usage to clients that did not ask for it, as its policy says",
        policy=GatewayPolicy(usage=True),
        handle=on_json(asking_always),
    ),
    GatewayChange(
        name="usage-estimate-marked",
        title="Estimates the usage that the upstream does not send, and marks it",
        handle=estimating(ESTIMATE | {"is_estimated": True}),
        is_full=True,
    ),
)
