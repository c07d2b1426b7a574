"""Gateways that translate: what becomes of a request's tools on the way to the upstream."""

from collections.abc import Collection, Iterator
from typing import Any, Final

from conformance.apis.conversation import bare
from conformance.apis.counterparts import SETTINGS, sent
from conformance.apis.errors import one_line
from conformance.apis.request import request_body
from conformance.apis.tools import allows_one_call, offered, required_name, tool_choice_mode
from conformance.model.exchange import Exchange
from conformance.model.rule import rule
from conformance.model.verdict import MUST, Finding, NotJudged, not_applicable
from conformance.model.words import CONVERSATIONAL
from conformance.parsing.json_values import Object, as_array, as_object, as_string
from conformance.rules.gw.conditions import through_gateway
from conformance.rules.gw.lane_conditions import FIX, request_lane
from conformance.rules.gw.lane_example import BY_CHAT, BY_MESSAGES, messages_by_chat

MESSAGES_SPEC: Final = "https://platform.claude.com/docs/en/api/messages/create"
CHOICE_SPEC: Final = "https://platform.openai.com/docs/api-reference/chat/create#chat-create-tool_choice"

TOOL: Object = {"name": "f", "description": "Tell.", "input_schema": {"type": "object", "properties": {"city": {}}}}
OFFERING: Object = BY_MESSAGES | {"tools": [TOOL], "tool_choice": {"type": "any"}}


def offered_in_chat(parameters: Any, choice: Any = "required") -> Object:
    """A chat request with a tool of these parameters."""
    function = {"name": "f", "description": "Tell.", "parameters": parameters}
    return BY_CHAT | {"tools": [{"type": "function", "function": function}], "tool_choice": choice}


@rule(
    "GW124",
    MUST,
    "Every function that a client offers arrives at an upstream of another API, with its parameters",
    spec=MESSAGES_SPEC,
    fix=FIX.format(what="each tool's name, description and JSON Schema"),
    applies_to=through_gateway(),
    apis=CONVERSATIONAL,
    good=[messages_by_chat(OFFERING, offered_in_chat(TOOL["input_schema"] | {"additionalProperties": False}))],
    bad=[messages_by_chat(OFFERING, BY_CHAT), messages_by_chat(OFFERING, offered_in_chat({"type": "object"}))],
)
def tool_lost_upstream(x: Exchange, upstream: tuple[Exchange, ...]) -> Iterator[Finding | NotJudged]:
    """The model can't call what it did not receive, or calls it with the wrong arguments; the agent does nothing, and
    says so in good prose.
    """
    arrived = request_lane(x, upstream)
    if isinstance(arrived, NotJudged):
        yield arrived
        return
    functions = _functions(x)
    if tool_choice_mode(x) == "none" or not functions:
        yield not_applicable("the request offers no function that may be called")
        return
    required = required_name(x)
    for name, tool in functions.items():
        if required and name != required and name not in offered(arrived):
            continue  # a tool that may not be called
        if name not in offered(arrived) and not _is_renamed(tool, arrived, functions):
            yield Finding(f"the tool {one_line(name, 64)} did not arrive upstream")
        elif name in offered(arrived) and (lost := _lost(tool, offered(arrived)[name])):
            yield Finding(f"`{lost}` of the tool {one_line(name, 64)} did not arrive upstream as it was sent")


def _is_renamed(tool: Object, arrived: Exchange, mine: Collection[str]) -> bool:
    """Whether the tool arrived under a name of the gateway's own: the APIs allow names of different lengths."""
    return any(not _lost(tool, other) for name, other in offered(arrived).items() if name not in mine)


def _functions(x: Exchange) -> dict[str, Object]:
    """The offered functions; tools of other types have a rule of their own."""
    types = {as_string(_inner(tool).get("name")): tool.get("type") for tool in _tools(x)}
    return {name: tool for name, tool in offered(x).items() if is_function(x, types.get(name))}


def is_function(x: Exchange, kind: Any) -> bool:
    """Whether this is a type of tools that each API has: a function that the client runs, with a JSON Schema."""
    return kind in ((None, "custom") if x.api == "messages" else ("function",))


def _tools(x: Exchange) -> list[Object]:
    return [tool for tool in as_array(request_body(x).get("tools")) if isinstance(tool, dict)]


def _inner(tool: Object) -> Object:
    return as_object(tool.get("function") or tool.get("custom") or tool)


MEANING: Final = (
    *("type", "description", "enum", "const", "required"),
    *("properties", "items", "prefixItems", "anyOf", "oneOf", "allOf"),
)
"""The keywords that say what arguments a tool takes; others are limits, which APIs restrict and gateways adapt."""


DEEPEST: Final = 64
"""Levels of a JSON Schema that are compared."""


def _lost(tool: Object, other: Object) -> str:
    """What a tool has that the other has not: its description, or a part of its parameters; or empty."""
    if bare(as_string(tool.get("description"))) not in bare(as_string(other.get("description"))):
        return "description"
    return _lost_keyword(as_object(tool.get("parameters")), as_object(other.get("parameters")), "parameters")


def _lost_keyword(schema: Object, other: Object, path: str) -> str:
    """The place of a keyword that another schema lacks or has with another value; or empty.

    A reference may be resolved, and more properties may be required.
    """
    for name in MEANING if path.count(".") < DEEPEST else ():
        value, theirs, place = schema.get(name), other.get(name), f"{path}.{name}"
        if name not in schema or "$ref" in other or value in ({}, []):
            continue
        if name == "required":
            found = "" if {*map(str, as_array(value))} <= {*map(str, as_array(theirs))} else place
        elif isinstance(value, dict) and isinstance(theirs, dict):
            found = (
                _lost_property(value, theirs, place) if name == "properties" else _lost_keyword(value, theirs, place)
            )
        elif name in ("anyOf", "oneOf", "allOf") and isinstance(value, list):
            found = "" if len(value) <= len(as_array(theirs)) else place
        else:
            found = "" if theirs == value else place
        if found:
            return found
    return ""


def _lost_property(properties: Object, others: Object, path: str) -> str:
    for name, schema in properties.items():
        if name not in others:
            return f"{path}.{name}"
        if found := _lost_keyword(as_object(schema), as_object(others[name]), f"{path}.{name}"):
            return found
    return ""


@rule(
    "GW125",
    MUST,
    "tool_choice and the limit to one call mean the same at an upstream of another API",
    spec=CHOICE_SPEC,
    fix="Translate tool_choice: auto, none, required (any in Messages), and the tool that it names; and "
    "parallel_tool_calls: false, which is disable_parallel_tool_use in Messages.",
    applies_to=through_gateway(),
    apis=CONVERSATIONAL,
    good=[messages_by_chat(OFFERING, offered_in_chat(TOOL["input_schema"]))],
    bad=[messages_by_chat(OFFERING, offered_in_chat(TOOL["input_schema"], "auto"))],
)
def tool_choice_lost_upstream(x: Exchange, upstream: tuple[Exchange, ...]) -> Iterator[Finding | NotJudged]:
    """A forced call becomes a chat: the parser that waits for arguments gets prose. A forbidden call is made after all,
    and an agent that can run one call at a time gets two.
    """
    arrived = request_lane(x, upstream)
    if isinstance(arrived, NotJudged):
        yield arrived
        return
    mode, theirs = tool_choice_mode(x), tool_choice_mode(arrived)
    tools, their_tools = offered(x), offered(arrived)
    if not tools or mode == "unclear":
        yield not_applicable("the request offers no tools, or its tool_choice is not clear")
        return
    if their_tools.keys() - tools.keys() and _requests_format(x):
        yield not_applicable("the gateway offers a tool of its own, as to get JSON by its arguments")
        return
    is_single = allows_one_call(x) and mode != "none"
    if is_single and their_tools and not allows_one_call(arrived):
        yield Finding("the request allows one call at most, and the upstream is free to make several")
    if not their_tools and mode in ("none", "auto"):
        return  # forbidden calls need no tools; lost tools have a rule of their own
    is_only = {mode, theirs} == {"required", "named"} and len(their_tools if theirs == "required" else tools) == 1
    if mode != theirs and not is_only:
        yield Finding(f"tool_choice is {mode}, and {theirs} upstream", expected=mode)
    elif mode == theirs == "named" and required_name(arrived) in tools.keys() - {required_name(x)}:
        yield Finding(f"tool_choice names another tool upstream: {one_line(required_name(arrived), 64)}")


def _requests_format(x: Exchange) -> bool:
    return any(dict(sent(setting, x.api, request_body(x))) for setting in SETTINGS if setting.name == "format")
