"""Gateways that translate correctly, each in its way."""

from typing import Any, Final

from conformance.model.target import GatewayPolicy
from conformance.parsing.json_values import as_object
from conformance.testbed.gateway.handling import GatewayChange, in_turn, on_json
from conformance.testbed.gateway.translation.edits import each, on_events, on_messages, on_wholes
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
    return kept | {"messages": [{"role": "system", "content": "Write one JSON object."}, *body["messages"]]}


OWN: Final = "own_"


def _own_names(body: Body) -> Body:
    """Other names of tools, wherever they are in a request of Messages."""

    def edit(value: Any) -> Any:
        is_tool = "input_schema" in value or value.get("type") in ("tool_use", "tool")
        return value | {"name": f"{OWN}{value['name']}"} if is_tool else value

    return each(edit)(body)


def _named_back(value: Any) -> Any:
    """The client's names of tools."""
    name = value.get("name")
    return value | {"name": name.removeprefix(OWN)} if isinstance(name, str) else value


JSON_TOOL: Final = "json_output"


def _calling_for_json(body: Body) -> Body:
    """JSON by a tool that has to be called, where the upstream's API has no such format; without other tools only."""
    if "response_format" not in body or "tools" in body:
        return body
    kept = {name: value for name, value in body.items() if name != "response_format"}
    tool = {"type": "function", "function": {"name": JSON_TOOL, "parameters": {"type": "object"}}}
    return kept | {"tools": [tool], "tool_choice": {"type": "function", "function": {"name": JSON_TOOL}}}


def _error_as_text(value: Any) -> Any:
    """The arguments of that call as the text of the message."""
    for call in value.get("tool_calls") or ():
        if call["function"]["name"] == JSON_TOOL:
            kept = {name: item for name, item in value.items() if name != "tool_calls"}
            return kept | {"content": call["function"]["arguments"]}
    calls = as_object(value.get("message")).get("tool_calls")
    is_own = value.get("finish_reason") == "tool_calls" and not calls and as_object(value.get("message")).get("content")
    return value | {"finish_reason": "stop"} if is_own else value


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
    GatewayChange(
        name="lane-json-by-tool",
        title="Translates, and gets JSON by a tool of its own where the upstream's API has no such format",
        handle=in_turn(on_wholes(each(_error_as_text)), on_json(_calling_for_json), translating("messages")),
    ),
    GatewayChange(
        name="lane-tools-renamed",
        title="Translates, and has names of its own for tools",
        handle=in_turn(
            on_wholes(each(_named_back)), on_events(each(_named_back)), translating("messages"), on_json(_own_names)
        ),
    ),
)
