"""Defects of gateways that translate between two APIs: in what arrives upstream."""

from dataclasses import replace
from typing import Any, Final

from conformance.testbed.gateway.handling import (
    NO_CHANGES,
    Forward,
    GatewayChange,
    GatewayReply,
    GatewayRequest,
    GatewayState,
    Handler,
    in_turn,
    on_json,
    on_request,
)
from conformance.testbed.gateway.translation.edits import each, on_messages
from conformance.testbed.gateway.translation.fields import Body
from conformance.testbed.gateway.translation.lanes import translating
from conformance.testbed.gateway.variants.lanes import DROPPING

CHAT: Final = translating("chat")
MESSAGES: Final = translating("messages")


def without(*names: str) -> Handler:
    """Forget fields of the translated request, or before it is translated."""
    return on_json(lambda body: {name: value for name, value in body.items() if name not in names})


def messages_lane(name: str, title: str, caught_by: str, *handlers: Handler, **more: Any) -> GatewayChange:
    """A defect on the way from Messages to a chat upstream."""
    return GatewayChange(
        name=name,
        title=title,
        caught_by=caught_by,
        apis=("messages",),
        handle=in_turn(*handlers),
        **({"policy": DROPPING} | more),
    )


def chat_lane(name: str, title: str, caught_by: str, *handlers: Handler, **more: Any) -> GatewayChange:
    """A defect on the way from Chat Completions to a Messages upstream."""
    return GatewayChange(name=name, title=title, caught_by=caught_by, handle=in_turn(*handlers), **more)


def _at_messages(request: GatewayRequest) -> GatewayRequest:
    """The chat request at the path of Messages."""
    return replace(request, target=request.target.replace("/chat/completions", "/messages"))


def _tool_roles(messages: list[Body]) -> list[Body]:
    """Results as chat has them, in a request of Messages."""
    made: list[Body] = []
    for message in messages:
        results = [b for b in message["content"] if b["type"] == "tool_result"]
        made += [{"role": "tool", "tool_call_id": b["tool_use_id"], "content": b["content"]} for b in results]
        if others := [b for b in message["content"] if b["type"] != "tool_result"]:
            made.append(message | {"content": others})
    return made


def _without_text_after_results(messages: list[Body]) -> list[Body]:
    return [
        m for at, m in enumerate(messages) if not (at and m["role"] == "user" and messages[at - 1]["role"] == "tool")
    ]


def _one_result(messages: list[Body]) -> list[Body]:
    """Only the first of several results in a row, with all calls: as a table by message keeps them."""
    return [m for at, m in enumerate(messages) if not (m["role"] == "tool" and messages[at - 1]["role"] == "tool")]


def _crossed(messages: list[Body]) -> list[Body]:
    """Results in their order, linked to calls in the opposite one."""
    ids = [m["tool_call_id"] for m in messages if m["role"] == "tool"]
    return [m | {"tool_call_id": ids.pop()} if m["role"] == "tool" else m for m in messages]


def _without_parameters(value: Body) -> Body:
    return value | {"input_schema": {"type": "object"}} if "input_schema" in value else value


def _without_images(value: Body) -> Body | None:
    return None if value.get("type") == "image_url" else value


def _without_audio(value: Body) -> Body | None:
    return None if value.get("type") == "input_audio" else value


def _images_as_sent(value: Body) -> Body:
    """An image in a form that only Chat Completions has."""
    source = value.get("source", {})
    if value.get("type") != "image" or source.get("type") != "base64":
        return value
    return {"type": "image_url", "image_url": {"url": f"data:{source['media_type']};base64,{source['data']}"}}


def _functions_only(body: Body) -> Body:
    tools = [tool for tool in body.get("tools") or () if "input_schema" in tool]
    kept = {name: value for name, value in body.items() if name != "tools"}
    return kept | ({"tools": tools} if tools else {})


def _keyed(body: Body) -> Body:
    """The beginning of the user's ID as the key of the prompt cache."""
    return body | ({"prompt_cache_key": body["user"][:64]} if "user" in body else {})


async def _forwarding_all(request: GatewayRequest, forward: Forward, state: GatewayState) -> GatewayReply:
    """Translate, and forward the fields of Messages as well."""
    given: Any = request.json or {}

    async def forwarded(translated: GatewayRequest) -> GatewayReply:
        body: Any = translated.json
        more = {name: value for name, value in given.items() if name in ("system", "stop_sequences")}
        both = on_json(lambda _: body | more) if isinstance(body, dict) else on_request(lambda same: same)
        return await both(translated, forward, state)

    return await CHAT(request, forwarded, state)


DEFECTS = (
    messages_lane("lane-path-kept", "Translates the body and not the path", "GW121", CHAT, on_request(_at_messages)),
    chat_lane(
        "lane-tool-role-kept", "Sends tool results with the role tool", "GW121", MESSAGES, on_messages(_tool_roles)
    ),
    messages_lane("lane-fields-of-both", "Forwards the fields of both APIs", "GW122", _forwarding_all),
    messages_lane(
        "lane-text-beside-result-lost",
        "Loses the text beside tool results",
        "GW123",
        CHAT,
        on_messages(_without_text_after_results),
    ),
    messages_lane("lane-system-lost", "Loses the system text", "GW123", without("system"), CHAT),
    chat_lane(
        "lane-parameters-lost", "Loses the parameters of tools", "GW124", MESSAGES, on_json(each(_without_parameters))
    ),
    chat_lane("lane-tool-choice-lost", "Loses tool_choice", "GW125", MESSAGES, without("tool_choice")),
    messages_lane(
        "lane-parallel-calls-allowed", "Loses the limit to one call", "GW125", CHAT, without("parallel_tool_calls")
    ),
    messages_lane("lane-second-result-lost", "Keeps one of two results", "GW126", CHAT, on_messages(_one_result)),
    messages_lane("lane-results-crossed", "Links results to other calls", "GW126", CHAT, on_messages(_crossed)),
    messages_lane("lane-images-lost", "Leaves images out", "GW127", CHAT, on_json(each(_without_images))),
    chat_lane("lane-audio-lost", "Leaves audio out", "GW127", on_json(each(_without_audio)), MESSAGES),
    chat_lane(
        "lane-images-untranslated",
        "Sends images in the form of the client's API",
        "GW121",
        MESSAGES,
        on_json(each(_images_as_sent)),
    ),
    messages_lane("lane-stop-lost", "Loses stop sequences", "GW128", CHAT, without("stop")),
    messages_lane("lane-zero-lost", "Loses a temperature of 0", "GW128", CHAT, without("temperature")),
    chat_lane("lane-json-lost", "Loses the format of the response", "GW128", without("response_format"), MESSAGES),
    GatewayChange(
        name="lane-history-forgotten",
        title="Loses previous_response_id",
        caught_by="GW128",
        apis=("responses",),
        handle=in_turn(without("previous_response_id"), CHAT),
    ),
    messages_lane("lane-user-lost", "Loses the user's ID", "GW129", CHAT, without("user")),
    messages_lane(
        "lane-cache-control-lost", "Loses cache_control, and does not say so", "GW130", CHAT, policy=NO_CHANGES
    ),
    messages_lane(
        "lane-one-cache-key",
        "Keeps the first 64 characters of the user's ID as prompt_cache_key",
        "GW142",
        CHAT,
        on_json(_keyed),
    ),
    messages_lane(
        "lane-tools-left-out", "Leaves out tools that are no functions", "GW139", on_json(_functions_only), CHAT
    ),
)
