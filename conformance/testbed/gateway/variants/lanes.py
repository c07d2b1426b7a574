"""Gateways that translate correctly, each in its way."""

from typing import Any, Final

from conformance.model.target import GatewayPolicy
from conformance.testbed.gateway.handling import GatewayChange, in_turn, on_json
from conformance.testbed.gateway.translation.edits import each, on_messages
from conformance.testbed.gateway.translation.fields import Body
from conformance.testbed.gateway.translation.lanes import translating

DROPPING: Final = GatewayPolicy(dropped=("cache_control",))
"""Chat Completions and Responses of OpenAI cache by themselves."""


def _developer(messages: list[Body]) -> list[Body]:
    return [m | {"role": "developer"} if m["role"] == "system" else m for m in messages]


def _in_parts(messages: list[Body]) -> list[Body]:
    """Texts as content parts."""
    return [
        m | {"content": [{"type": "text", "text": m["content"]}]} if isinstance(m["content"], str) else m
        for m in messages
    ]


def _with_own_ids(value: Any) -> Any:
    """Other IDs of calls, the same for a call and its result."""
    new = {name: f"own_{value[name]}" for name in ("tool_use_id",) if name in value}
    return value | new | ({"id": f"own_{value['id']}"} if value.get("type") == "tool_use" else {})


def _named(body: Body) -> Body:
    """One tool that has to be called, by its name."""
    tools = body.get("tools") or []
    if body.get("tool_choice") != "required" or len(tools) != 1:
        return body
    return body | {"tool_choice": {"type": "function", "function": {"name": tools[0]["function"]["name"]}}}


def _newer_cap(body: Body) -> Body:
    kept = {name: value for name, value in body.items() if name != "max_tokens"}
    return kept | ({"max_completion_tokens": body["max_tokens"]} if "max_tokens" in body else {})


def _asking_for_json(body: Body) -> Body:
    """JSON by a prompt, where the upstream's API has no such format."""
    if "response_format" not in body:
        return body
    kept = {name: value for name, value in body.items() if name != "response_format"}
    return kept | {"messages": [{"role": "system", "content": "Answer with one JSON object."}, *body["messages"]]}


VARIANTS = (
    GatewayChange(
        name="messages-by-chat",
        title="Speaks Messages to clients and Chat Completions to its upstream",
        policy=DROPPING,
        apis=("messages",),
        handle=translating("chat"),
    ),
    GatewayChange(
        name="responses-by-chat",
        title="Speaks Responses to clients and Chat Completions to its upstream",
        apis=("responses",),
        handle=translating("chat"),
    ),
    GatewayChange(
        name="chat-by-messages",
        title="Speaks Chat Completions to clients and Messages to its upstream",
        handle=translating("messages"),
    ),
    GatewayChange(
        name="chat-by-responses",
        title="Speaks Chat Completions to clients and Responses to its upstream",
        handle=translating("responses"),
    ),
    GatewayChange(
        name="messages-by-responses",
        title="Speaks Messages to clients and Responses to its upstream",
        policy=DROPPING,
        apis=("messages",),
        handle=translating("responses"),
    ),
    GatewayChange(
        name="responses-by-messages",
        title="Speaks Responses to clients and Messages to its upstream",
        apis=("responses",),
        handle=translating("messages"),
    ),
    GatewayChange(
        name="lane-with-own-ids",
        title="Translates, with IDs of calls of its own",
        handle=in_turn(translating("messages"), on_json(each(_with_own_ids))),
    ),
    GatewayChange(
        name="lane-in-other-words",
        title="Translates to developer messages, content parts, the newer cap, and the only tool by its name",
        policy=DROPPING,
        apis=("messages",),
        handle=in_turn(
            translating("chat"),
            on_messages(_developer),
            on_messages(_in_parts),
            on_json(_named),
            on_json(_newer_cap),
        ),
    ),
    GatewayChange(
        name="lane-json-by-prompt",
        title="Translates, and asks for JSON in the system text where the upstream's API has no such format",
        handle=in_turn(on_json(_asking_for_json), translating("messages")),
    ),
)
