"""What a gateway may make of a request."""

import json
from dataclasses import replace
from typing import Any, Final

from conformance.model.target import GatewayPolicy
from conformance.model.words import CONVERSATIONAL
from conformance.testbed.gateway.events import (
    Events,
    both,
    content,
    each_event,
    events,
    is_stream,
    on_whole,
    rewritten,
    written,
)
from conformance.testbed.gateway.handling import (
    Forward,
    GatewayChange,
    GatewayReply,
    GatewayRequest,
    GatewayState,
    on_json,
    on_request,
    own_reply,
)
from conformance.testbed.gateway.json_edits import Body, each_item, each_message, each_part, without
from conformance.testbed.server.deployments import MODEL
from conformance.testbed.server.reply import to_json

LARGEST: Final = 100_000
ALIAS: Final = "upstream-model"


def _spaced(request: GatewayRequest) -> GatewayRequest:
    body = request.json
    return (
        replace(request, body=json.dumps(body, indent=1, ensure_ascii=True).encode()) if body is not None else request
    )


def _as_go_writes(request: GatewayRequest) -> GatewayRequest:
    """Fields in the order of a struct, fractions in their shortest form, integers exact, and HTML escaped."""

    def shortest(digits: str) -> float | int:
        value = float(digits)
        return int(value) if value.is_integer() and abs(value) < 1e21 else value

    try:
        body = json.loads(request.body, parse_float=shortest)
    except ValueError:
        return request
    fields = {name: body[name] for name in sorted(body)} if isinstance(body, dict) else body
    text = json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
    return replace(request, body=text.replace("<", "\\u003c").replace("\u2028", "\\u2028").encode())


def _renamed(reply: Body) -> Body:
    """What a client of the model sees."""
    return reply | ({"model": MODEL} if reply.get("model") == ALIAS else {})


def _newer_names(body: Body) -> Body:
    """Names and roles that the API's reference recommends in place of older ones."""
    names = {"max_tokens": "max_completion_tokens", "user": "safety_identifier"}
    newer = {names.get(name, name): value for name, value in body.items()}
    return each_message(lambda m: m | ({"role": "developer"} if m.get("role") == "system" else {}))(newer)


async def _counting(request: GatewayRequest, forward: Forward, _state: GatewayState) -> GatewayReply:
    """Usage is requested in each stream, and hidden from the client that did not."""
    body: Any = request.json
    if not isinstance(body, dict) or body.get("stream") is not True:
        return await forward(request)
    options = body.get("stream_options") or {}
    with_usage = to_json(body | {"stream_options": options | {"include_usage": True}})
    reply = await forward(replace(request, body=with_usage))
    if options.get("include_usage") or not is_stream(reply):
        return reply
    return rewritten(reply, written(_without_usage(events(content(reply)))))


async def _without_usage(found: Events) -> Events:
    async for event in found:
        value = event.json
        if not isinstance(value, dict):
            yield event
        elif value.get("choices") != []:
            yield event.with_json(without("usage")(value))


def _explicit(body: Body) -> Body:
    """`stream` and `logprobs` are always there; what is the default anyway is not."""
    kept = {name: value for name, value in body.items() if (name, value) != ("tool_choice", "auto")}
    return {"stream": False, "logprobs": False} | each_item("tools", _default_tool)(kept)


def _default_tool(tool: Body) -> Body:
    """A tool without the members that have their defaults."""
    function = tool.get("function")
    if not isinstance(function, dict):
        return tool
    return tool | {"function": {name: item for name, item in function.items() if (name, item) != ("strict", False)}}


def _untyped_tools(body: Body) -> Body:
    """Tools of Messages without the type that is the default."""
    return each_item("tools", lambda tool: tool if tool.get("type") != "custom" else without("type")(tool))(body)


def _one_part_a_message(body: Body) -> Body:
    """User messages with one part each: the API combines them into one turn."""
    split: list[Any] = []
    for message in body.get("messages", ()):
        parts = message.get("content")
        is_split = message.get("role") == "user" and isinstance(parts, list)
        split.extend([message | {"content": [part]} for part in parts] if is_split else [message])
    return body | {"messages": split}


def _instructed(body: Body) -> Body:
    return body | {"messages": [{"role": "system", "content": "Write in English."}, *body["messages"]]}


def _limited(body: Body) -> Body:
    return body | {"temperature": 0.2, "service_tier": "default"}


def _refused(message: str, param: str) -> GatewayReply:
    error = {"message": message, "type": "invalid_request_error", "param": param, "code": "unsupported"}
    return own_reply(400, {"error": error})


async def _careful(request: GatewayRequest, forward: Forward, _state: GatewayState) -> GatewayReply:
    """What its upstreams do not have is refused by name."""
    body: Any = request.json
    if not isinstance(body, dict):
        return _refused("The body is not a JSON object, or has a name twice.", "body")
    kinds = {tool.get("type", "function") for tool in body.get("tools") or ()}
    if others := kinds - {"function"}:
        return _refused(f"Tools of type {min(others)} are not supported.", "tools")
    for name in ("logit_bias", "prediction", "x_vendor_option"):
        if name in body:
            return _refused(f"{name} is not supported.", name)
    media: list[str] = []
    each_part(lambda part: media.append(part.get("type", "")) if isinstance(part, dict) else None)(body)
    if unknown := {*media} - {"text", "image_url"}:
        return _refused(f"Content of type {min(unknown)} is not supported.", "messages")
    return await forward(request)


async def _bounded(request: GatewayRequest, forward: Forward, _state: GatewayState) -> GatewayReply:
    if len(request.body) <= LARGEST:
        return await forward(request)
    error = {"message": "The request is too large.", "type": "invalid_request_error", "param": None, "code": None}
    return own_reply(413, {"error": error})


VARIANTS = (
    GatewayChange(
        name="json-written-anew", title="Writes the JSON anew: equal values, other spaces", handle=on_request(_spaced)
    ),
    GatewayChange(
        name="json-as-go-writes-it",
        title="Writes the JSON anew: sorted fields, shortest numbers, other escapes",
        apis=CONVERSATIONAL,
        handle=on_request(_as_go_writes),
    ),
    GatewayChange(
        name="model-alias",
        title="The upstream has another name for the model",
        policy=GatewayPolicy(model=ALIAS),
        handle=both(
            on_json(lambda body: body | {"model": ALIAS}),
            both(on_whole(_renamed), each_event(lambda event: [_renamed(event)])),
        ),
    ),
    GatewayChange(
        name="model-alias-shown",
        title="The upstream has another name for the model, and the client sees it",
        apis=CONVERSATIONAL,
        policy=GatewayPolicy(model=ALIAS),
        handle=on_json(lambda body: body | {"model": ALIAS}),
    ),
    GatewayChange(
        name="model-alias-of-one",
        title="Renames one model, and forwards the names of others",
        policy=GatewayPolicy(model=ALIAS),
        handle=on_json(lambda body: body | ({"model": ALIAS} if body.get("model") == MODEL else {})),
    ),
    GatewayChange(
        name="newer-names",
        title="Uses the names and roles that the API recommends in place of older ones",
        handle=on_json(_newer_names),
    ),
    GatewayChange(
        name="usage-requested",
        title="Requests usage in each stream for its own accounts, and hides it",
        handle=_counting,
    ),
    GatewayChange(
        name="defaults-explicit",
        title="Always sends stream and logprobs, and leaves out other defaults",
        handle=on_json(_explicit),
    ),
    GatewayChange(
        name="tools-untyped",
        title="Leaves out the type of a tool where it is the default",
        apis=("messages",),
        handle=on_json(_untyped_tools),
    ),
    GatewayChange(
        name="user-turns-split",
        title="Sends each part of a user's turn as a message, which the API combines",
        apis=("messages",),
        handle=on_json(_one_part_a_message),
    ),
    GatewayChange(
        name="prompt-of-policy",
        title="Adds a system message, as its policy says",
        policy=GatewayPolicy(prompt=True),
        handle=on_json(_instructed),
    ),
    GatewayChange(
        name="fields-of-policy",
        title="Drops, changes and adds fields, as its policy says",
        policy=GatewayPolicy(
            dropped=("user", "metadata", "logit_*"),
            changed=("temperature", "service_tier"),
            added=("service_tier", "temperature"),
        ),
        handle=on_json(lambda body: without("user", "metadata", "logit_bias")(_limited(body))),
    ),
    GatewayChange(
        name="refusals-by-name", title="Refuses what its upstreams do not have, and names it", handle=_careful
    ),
    GatewayChange(name="bodies-bounded", title="Refuses long bodies with 413", handle=_bounded),
)
