"""Defects in the usage that a gateway passes on."""

from typing import Any, Final

from conformance.testbed.gateway.events import DONE, Events, StreamEvent, each_event, on_events, on_whole
from conformance.testbed.gateway.handling import (
    Forward,
    GatewayChange,
    GatewayReply,
    GatewayRequest,
    GatewayState,
    Handler,
    on_json,
    pass_on,
)
from conformance.testbed.server.reply import to_json

Json = dict[str, Any]
ESTIMATE: Final = {"prompt_tokens": 17, "completion_tokens": 55, "total_tokens": 72}


async def _added_up(found: Events) -> Events:
    """The input tokens of message_start are added to those of message_delta, which has them, too."""
    started = 0
    async for event in found:
        value = event.json or {}
        if value.get("type") == "message_start":
            started = value["message"]["usage"]["input_tokens"]
        if value.get("type") == "message_delta":
            usage = value["usage"] | {"input_tokens": value["usage"].get("input_tokens", started) + started}
            yield event.with_json(value | {"usage": usage})
        else:
            yield event


def _lost_if_incomplete(event: Json) -> list[Json]:
    if event.get("type") != "response.incomplete":
        return [event]
    return [event | {"response": event["response"] | {"usage": None}}]


def _lost_beside_choices(chunk: Json) -> list[Json]:
    return [{name: value for name, value in chunk.items() if name != "usage"} if chunk.get("choices") else chunk]


def asking_always(body: Json) -> Json:
    """Ask for usage where the client says nothing about it."""
    options = {"include_usage": True} | (body.get("stream_options") or {})
    return body | {"stream_options": options} if body.get("stream") else body


def _from_a_field(chunk: Json) -> list[Json]:
    """A usage chunk for the usage in a vendor's field, too."""
    usage = (chunk.get("x_groq") or {}).get("usage")
    return [chunk, chunk | {"choices": [], "usage": usage}] if usage else [chunk]


def estimating(usage: Json) -> Handler:
    """Send this usage where the upstream sends none, and the client asked for it."""

    async def estimated(found: Events) -> Events:
        seen, last = False, None
        async for event in found:
            value = event.json or {}
            seen = seen or bool(value.get("usage"))
            if event == DONE and last and not seen:
                yield StreamEvent(to_json(last | {"choices": [], "usage": usage}))
            last = value or last
            yield event.with_json({"usage": None} | value) if "choices" in value else event

    streamed = on_events(estimated)
    in_whole = on_whole(lambda whole: {"usage": usage} | whole if "choices" in whole else whole)

    async def handle(request: GatewayRequest, forward: Forward, state: GatewayState) -> GatewayReply:
        body = request.json if isinstance(request.json, dict) else {}
        handler = in_whole if not body.get("stream") else streamed if body.get("stream_options") else pass_on
        return await handler(request, forward, state)

    return handle


USAGE = (
    GatewayChange(
        name="input-tokens-added-up",
        title="Adds up the input tokens of message_start and message_delta",
        caught_by="GW044",
        handle=on_events(_added_up),
        apis=("messages",),
    ),
    GatewayChange(
        name="usage-lost-if-incomplete",
        title="response.incomplete lacks its usage",
        caught_by="GW044",
        handle=each_event(_lost_if_incomplete),
        apis=("responses",),
    ),
    GatewayChange(
        name="usage-lost-beside-a-delta",
        title="Drops usage in a chunk that has a choice",
        caught_by="GW044",
        handle=each_event(_lost_beside_choices),
    ),
    GatewayChange(
        name="usage-from-two-places",
        title="Sends a usage chunk for each place where the upstream tells its usage",
        caught_by="GW045",
        handle=each_event(_from_a_field),
    ),
    GatewayChange(
        name="usage-asked-and-shown",
        title="Asks for usage itself, and shows it to clients that did not",
        caught_by="GW046",
        handle=on_json(asking_always),
    ),
    GatewayChange(
        name="usage-estimated",
        title="Estimates the usage that the upstream does not send",
        caught_by="GW047",
        handle=estimating(ESTIMATE),
        is_full=True,
    ),
)
