"""Defects in what a gateway makes of the fields and the bytes of a request."""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from conformance.model.words import CONVERSATIONAL
from conformance.testbed.gateway.handling import (
    Forward,
    GatewayChange,
    GatewayReply,
    GatewayRequest,
    GatewayState,
    Handler,
    on_json,
    on_request,
    own_reply,
)
from conformance.testbed.gateway.json_edits import Body, of_each_object, without

LARGEST: Final = 100_000


def _as_doubles(request: GatewayRequest) -> GatewayRequest:
    """The JSON as a parser writes it that reads each number as a double."""

    def double(digits: str) -> float | int:
        value = float(digits)
        return int(value) if value.is_integer() and abs(value) < 1e21 else value

    return _written_anew(request, parse_int=double, parse_float=double)


def _lowered(value: Body) -> Body:
    return value | ({"name": value["name"].lower()} if isinstance(value.get("name"), str) else {})


def _as_floats(request: GatewayRequest) -> GatewayRequest:
    """The JSON as a parser writes it that holds fractions in 32 bits."""

    def short(digits: str) -> float:
        mantissa, exponent = math.frexp(float(digits))
        return math.ldexp(round(mantissa * 2**24) / 2**24, exponent)

    return _written_anew(request, parse_float=short)


def _written_anew(request: GatewayRequest, **hooks: Any) -> GatewayRequest:
    """The JSON written anew as a parser with these hooks reads it; a body that is not JSON passes as it is."""
    try:
        body = json.loads(request.body, **hooks)
    except ValueError:
        return request
    return replace(request, body=json.dumps(body, ensure_ascii=False).encode())


def _without_falsy(body: Body) -> Body:
    return {name: value for name, value in body.items() if value is not False and (value != 0 or value is None)}


def _without_empty(body: Body) -> Body:
    return {name: value for name, value in body.items() if value is not None and value not in ("", {}, [])}


def _clamped(body: Body) -> Body:
    most = {"temperature": 2 if "seed" in body or "input" in body else 1.2, "top_p": 1}
    return body | {name: min(body[name], top) for name, top in most.items() if isinstance(body.get(name), int | float)}


def _first_of_twice(request: GatewayRequest) -> GatewayRequest:
    def first(pairs: list[tuple[str, Any]]) -> Body:
        return {name: next(value for other, value in pairs if other == name) for name, _ in pairs}

    return _written_anew(request, object_pairs_hook=first)


def _wrapped(body: Body) -> Body:
    """Texts as lists of one."""
    if isinstance(body.get("input"), str):
        return body | {"input": [{"role": "user", "content": body["input"]}]}
    messages = [
        message | ({"content": [{"type": "text", "text": message["content"]}]} if _has_text(message) else {})
        for message in body.get("messages", ())
    ]
    return body | ({"messages": messages} if messages else {})


def _has_text(message: Body) -> bool:
    return isinstance(message.get("content"), str) and bool(message["content"])


def _emptied(request: GatewayRequest) -> GatewayRequest:
    return replace(request, body=b"") if len(request.body) > LARGEST else request


def _cut(request: GatewayRequest) -> GatewayRequest:
    return replace(request, body=request.body[:65_536])


@of_each_object
def _without_strictness(value: Body) -> Body:
    """A JSON Schema, or what has one, without the members that make it strict."""
    return {
        name: item
        for name, item in value.items()
        if name != "additionalProperties" and (name, item) != ("strict", True)
    }


def _refusing_without_name(where: Callable[[Body], bool]) -> Handler:
    """Some requests are refused, but nothing says why."""
    error = {"message": "Bad Request", "type": "invalid_request_error", "param": None, "code": None}

    async def handle(request: GatewayRequest, forward: Forward, _state: GatewayState) -> GatewayReply:
        body = request.json
        is_refused = isinstance(body, dict) and where(body)
        return own_reply(400, {"error": error}) if is_refused else await forward(request)

    return handle


def _has_other_tools(body: Body) -> bool:
    return any(tool.get("type", "function") != "function" for tool in body.get("tools") or ())


def _has_image(body: Body) -> bool:
    contents = [message.get("content") for message in body.get("messages") or ()]
    parts = [part for content in contents if isinstance(content, list) for part in content]
    return any(part.get("type") == "image_url" for part in parts)


DEFECTS = (
    GatewayChange(
        name="cap-dropped",
        title="Drops the token cap: the response is as long as it gets",
        caught_by="GW001",
        apis=("chat", "responses"),
        handle=on_json(without("max_tokens", "max_completion_tokens", "max_output_tokens")),
    ),
    GatewayChange(
        name="user-and-metadata-dropped",
        title="Drops the user's name and the metadata, and keeps unknown fields",
        caught_by="GW001",
        apis=CONVERSATIONAL,
        handle=on_json(without("user", "metadata")),
    ),
    GatewayChange(
        name="strict-dropped",
        title="Drops members of schemas that its own model of a schema does not have",
        caught_by="GW001",
        apis=("chat", "responses"),
        handle=on_json(_without_strictness),
    ),
    GatewayChange(
        name="unknown-fields-dropped",
        title="Silently drops the fields of vendors",
        caught_by="GW001",
        handle=on_json(without("top_a", "x_vendor_option")),
    ),
    GatewayChange(
        name="usage-option-dropped",
        title="Drops stream_options: no usage at the end of streams",
        caught_by="GW001",
        handle=on_json(without("stream_options")),
    ),
    GatewayChange(
        name="fields-added",
        title="Adds fields that the client did not send",
        caught_by="GW002",
        handle=on_json(lambda body: body | {"ignore_eos": False, "stream_reasoning": True}),
    ),
    GatewayChange(
        name="fields-of-other-api",
        title="Adds the cap in the spelling of another API",
        caught_by="GW002",
        apis=CONVERSATIONAL,
        handle=on_json(lambda body: body | {"max_tokens_to_sample": 64}),
    ),
    GatewayChange(
        name="cap-lowered",
        title="Lowers the token cap to its own limit",
        caught_by="GW003",
        handle=on_json(lambda body: body | ({"max_tokens": 7} if "max_tokens" in body else {})),
    ),
    GatewayChange(
        name="names-lowered",
        title="Writes names of tools in lower case",
        caught_by="GW003",
        apis=CONVERSATIONAL,
        handle=on_json(of_each_object(_lowered)),
    ),
    GatewayChange(
        name="zero-dropped",
        title="Drops what is 0 or false",
        caught_by="GW004",
        apis=CONVERSATIONAL,
        handle=on_json(_without_falsy),
    ),
    GatewayChange(
        name="null-dropped",
        title="Drops what is null or empty",
        caught_by="GW005",
        apis=CONVERSATIONAL,
        handle=on_json(_without_empty),
    ),
    GatewayChange(
        name="integers-as-doubles",
        title="Reads integers as doubles: those above 2^53 change",
        caught_by="GW006",
        handle=on_request(_as_doubles),
    ),
    GatewayChange(
        name="fractions-as-floats",
        title="Reads fractions as floats of 32 bits",
        caught_by="GW006",
        handle=on_request(_as_floats),
    ),
    GatewayChange(
        name="range-clamped",
        title="Replaces numbers outside of their range by its end",
        caught_by="GW007",
        apis=CONVERSATIONAL,
        handle=on_json(_clamped),
    ),
    GatewayChange(
        name="text-wrapped",
        title="Wraps a text in a list",
        caught_by="GW008",
        apis=CONVERSATIONAL,
        handle=on_json(_wrapped),
    ),
    GatewayChange(
        name="model-replaced",
        title="Asks a cheaper model than the client did",
        caught_by="GW009",
        apis=CONVERSATIONAL,
        handle=on_json(lambda body: body | {"model": "small-and-cheap"}),
    ),
    GatewayChange(
        name="body-emptied",
        title="Forwards long bodies empty",
        caught_by="GW020",
        handle=on_request(_emptied),
    ),
    GatewayChange(
        name="body-cut",
        title="Forwards the first 64 kB of a body",
        caught_by="GW020",
        handle=on_request(_cut),
    ),
    GatewayChange(
        name="options-without-stream",
        title="Asks for usage in requests that do not stream, too",
        caught_by="GW021",
        handle=on_json(lambda body: body | ({} if body.get("stream") else {"stream_options": {"include_usage": True}})),
    ),
    GatewayChange(
        name="nulls-added",
        title="Writes null for fields that were not sent",
        caught_by="GW022",
        handle=on_json(lambda body: {"tools": None, "tool_choice": None, "user": None} | body),
    ),
    GatewayChange(
        name="first-value-kept",
        title="Keeps the first of two values with one name",
        caught_by="GW023",
        is_full=True,
        handle=on_request(_first_of_twice),
    ),
    GatewayChange(
        name="refusal-without-name",
        title="Refuses tools of other types than function, and does not say what it refuses",
        caught_by="GW024",
        handle=_refusing_without_name(_has_other_tools),
    ),
    GatewayChange(
        name="images-refused-without-name",
        title="Refuses requests with images, and does not say that it is because of them",
        caught_by="GW024",
        handle=_refusing_without_name(_has_image),
    ),
)
