"""Defects in what a gateway makes of responses that break off or fail, and of errors."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any, Final

from conformance.testbed.gateway.events import DONE, Events, StreamEvent, each_event, is_stream, on_events
from conformance.testbed.gateway.handling import (
    Forward,
    GatewayChange,
    GatewayReply,
    GatewayRequest,
    GatewayState,
    Handler,
    Pieces,
    on_stream,
)
from conformance.testbed.server.reply import to_json

Json = dict[str, Any]
FRAME: Final = {"id": "chatcmpl-0", "object": "chat.completion.chunk", "created": 1_760_000_000, "model": "reference"}
STOP: Final = {"index": 0, "delta": {}, "finish_reason": "stop"}
EMPTY: Final = {"id": "", "model": "", "choices": [{"index": 0, "delta": {}, "finish_reason": None}]}
TRUNCATED: Final = {"error": {"message": "The upstream's stream was cut.", "type": "api_error"}}


def ended_by(*values: Json, done: bool = True) -> Handler:
    """Where the upstream breaks off, send these events in place of an error, and the end marker."""

    async def ended(found: Events) -> Events:
        try:
            async for event in found:
                yield event
        except OSError:
            for value in values:
                yield StreamEvent(to_json(value))
            if done:
                yield DONE

    return on_events(ended)


async def _silently(pieces: Pieces) -> Pieces:
    try:
        async for piece in pieces:
            yield piece
    except OSError:
        return


async def _broken_by_errors(found: Events) -> AsyncIterator[StreamEvent]:
    async for event in found:
        if isinstance(event.json, dict) and (event.json.get("error") or event.json.get("type") == "error"):
            raise ConnectionResetError
        yield event


async def _suspicious(found: Events) -> AsyncIterator[StreamEvent]:
    """A stream without [DONE] is taken for a truncated one."""
    last = None
    async for event in found:
        last = event
        yield event
    if last != DONE:
        yield StreamEvent(to_json(TRUNCATED))


def _as_completed(event: Json) -> list[Json]:
    if event.get("type") != "response.failed":
        return [event]
    response = event["response"] | {"status": "completed", "error": None}
    return [event | {"type": "response.completed", "response": response}]


async def _bodiless(request: GatewayRequest, forward: Forward, _state: GatewayState) -> GatewayReply:
    """The body of a refused stream is lost, its Content-Length stays."""
    reply = await forward(request)
    is_affected = reply.status >= 400 and isinstance(request.json, dict) and request.json.get("stream")

    async def nothing() -> Pieces:
        raise ConnectionResetError
        yield b""

    return replace(reply, body=nothing()) if is_affected else reply


def _labelled_as_events(request: GatewayRequest, reply: GatewayReply) -> GatewayReply:
    body = request.json
    kept = tuple(item for item in reply.headers if item[0].lower() != "content-type")
    is_affected = isinstance(body, dict) and body.get("stream") and reply.status >= 400
    return replace(reply, headers=(*kept, ("content-type", "text/event-stream"))) if is_affected else reply


async def _errors_as_events(request: GatewayRequest, forward: Forward, _state: GatewayState) -> GatewayReply:
    return _labelled_as_events(request, await forward(request))


async def _calls_unlabelled(request: GatewayRequest, forward: Forward, _state: GatewayState) -> GatewayReply:
    """A stream of tool calls has no Content-Type."""
    reply = await forward(request)
    is_affected = is_stream(reply) and isinstance(request.json, dict) and request.json.get("tools")
    kept = tuple(item for item in reply.headers if item[0].lower() != "content-type")
    return replace(reply, headers=kept) if is_affected else reply


BROKEN = (
    GatewayChange(
        name="reset-told-as-stop",
        title="Ends a stream that breaks off with finish_reason stop and [DONE]",
        caught_by="GW036",
        handle=ended_by(FRAME | {"choices": [STOP]}),
    ),
    GatewayChange(
        name="dead-stream-told-as-empty",
        title="Ends a stream that breaks off with an empty chunk and [DONE]",
        caught_by="GW036",
        handle=ended_by(EMPTY),
    ),
    GatewayChange(
        name="failed-told-as-completed",
        title="Sends response.completed for response.failed",
        caught_by="GW036",
        handle=each_event(_as_completed),
        apis=("responses",),
    ),
    GatewayChange(
        name="cut-ends-silently",
        title="Ends a stream that breaks off silently, as if it was over",
        caught_by="GW037",
        handle=on_stream(_silently),
        apis=("messages",),
    ),
    GatewayChange(
        name="error-event-cuts",
        title="Closes the connection at an error event, which the client does not get",
        caught_by="GW038",
        handle=on_events(_broken_by_errors),
    ),
    GatewayChange(
        name="no-done-is-an-error",
        title="Sends an error after a complete response that ends without [DONE]",
        caught_by="GW035",
        handle=on_events(_suspicious),
    ),
)
ERRORS = (
    GatewayChange(
        name="refusal-without-body",
        title="Loses the body of an error to a streaming request",
        caught_by="GW039",
        handle=_bodiless,
    ),
    GatewayChange(
        name="errors-labelled-as-events",
        title="Labels the error to a streaming request as an event stream",
        caught_by="GW040",
        handle=_errors_as_events,
    ),
    GatewayChange(
        name="calls-unlabelled",
        title="A stream of tool calls has no Content-Type",
        caught_by="GW040",
        handle=_calls_unlabelled,
    ),
)
