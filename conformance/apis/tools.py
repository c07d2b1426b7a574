"""Read which tools a request offers, and which ones the response calls.

The rules of `tool_choice` are in https://platform.openai.com/docs/api-reference/chat/create#chat-create-tool_choice and
https://platform.claude.com/docs/en/agents-and-tools/tool-use/implement-tool-use#controlling-claudes-output.
"""

import re
from collections.abc import Iterator
from typing import Any, Literal

from conformance.apis.content import ToolCall
from conformance.apis.request import request_body
from conformance.apis.response_content import response_content
from conformance.model.exchange import Exchange, cached_reader
from conformance.parsing.json_text import parse_json
from conformance.parsing.json_values import Object, as_array, as_object, as_string

ToolChoiceMode = Literal["none", "auto", "required", "named", "unclear"]

KINDS = ("", "function", "custom", "tool_use", "function_call")
"""The types of call that a request can offer; vendors report their own tools under other types."""

TOOL_CALL_MARKERS = re.compile(
    r"<\|?tool_calls?(?:_\w+)?\|?>|\[TOOL_CALLS?\]|<\|python_tag\|>|<function[=_]|<｜tool▁calls?▁begin｜>"
    r"|<\|tool_calls?_(?:section_)?begin\|>|\bto=functions\."
)
"""Chat templates' markers of a call, which a server must parse; a client sees them only if it does not."""
FENCE = re.compile(r"\A```(?:json)?\s*(.*?)\s*```\Z", re.DOTALL)
ARGUMENTS = ("arguments", "parameters")
MOST_TEXT = 100_000


@cached_reader
def offered(x: Exchange) -> dict[str, Object]:
    """The tools that the request defines, by name: each with its `parameters` and whether it is `strict`.

    This includes the older `functions` of Chat Completions, the tools of a namespace, and those that the conversation
    of Responses adds, but not the vendor's own tools.
    """
    body = request_body(x)
    listed = [*as_array(body.get("tools")), *(tool for item in as_array(body.get("input")) for tool in _tools_of(item))]
    found = [_definition(as_object(tool)) for outer in listed for tool in (outer, *_tools_of(outer))]
    found += map(as_object, as_array(body.get("functions")))
    return {name: tool for tool in found if (name := as_string(tool.get("name")))}


def _tools_of(value: Any) -> list[Any]:
    """The tools in a namespace, or in an item of the conversation that adds some."""
    return as_array(as_object(value).get("tools"))


def _definition(tool: Object) -> Object:
    """A tool's definition: nested on Chat Completions, next to `type` on the other APIs."""
    inner = as_object(tool.get("function") or tool.get("custom") or tool)
    return inner | {"parameters": inner["input_schema"]} if "input_schema" in inner else inner


TOOL_CHOICE_MODES: dict[str, ToolChoiceMode] = {
    "none": "none",
    "auto": "auto",
    "required": "required",
    "any": "required",
}
"""The meaning of the APIs' values of `tool_choice`; only Messages has `any`."""


@cached_reader
def tool_choice_mode(x: Exchange) -> ToolChoiceMode:
    """Whether the request allows, requires or forbids a tool call; `unclear` if `tool_choice` or `tools` is invalid."""
    body = request_body(x)
    if any(not isinstance(body.get(name), list | None) for name in ("tools", "functions")):
        return "unclear"
    choice = body.get("tool_choice") or ("auto" if offered(x) else "none")
    if required_name(x):
        return "named"
    if isinstance(choice, dict):
        choice = as_object(choice.get("allowed_tools") or choice).get("mode") or choice.get("type")
    return TOOL_CHOICE_MODES.get(as_string(choice), "unclear")


def required_name(x: Exchange) -> str:
    """The name of the one tool that `tool_choice` requires, or empty."""
    choice = as_object(request_body(x).get("tool_choice"))
    return as_string(as_object(choice.get("function") or choice.get("custom") or choice).get("name"))


def allowed_names(x: Exchange) -> frozenset[str] | None:
    """The names of the tools that `tool_choice` allows to be called, or None if it does not limit them."""
    choice = as_object(request_body(x).get("tool_choice"))
    if choice.get("type") != "allowed_tools":
        return None
    listed = as_object(choice.get("allowed_tools") or choice).get("tools")
    tools = map(as_object, listed if isinstance(listed, list) else ())
    return frozenset(as_string(as_object(tool.get("function") or tool).get("name")) for tool in tools)


def allows_one_call(x: Exchange) -> bool:
    """Whether the request allows no more than one call."""
    if x.api == "messages":
        return as_object(request_body(x).get("tool_choice")).get("disable_parallel_tool_use") is True
    return request_body(x).get("parallel_tool_calls") is False


def calls(x: Exchange) -> Iterator[tuple[int, ToolCall]]:
    """The calls of the response, each with the index of its choice."""
    for choice in response_content(x).choices:
        yield from ((choice.index, call) for call in choice.calls if call.type in KINDS)


def wrong_tool_calls(x: Exchange) -> Iterator[ToolCall]:
    """The calls of another tool than the required one."""
    wanted = required_name(x)
    yield from (call for _, call in calls(x) if wanted and call.name and call.name != wanted)


def tool_call_in_text(x: Exchange) -> str:
    """The text that contains a call as the model wrote it, or its markers next to a parsed call; or empty."""
    for choice in response_content(x).choices:
        text = choice.text[:MOST_TEXT].strip()
        is_named = any(re.search(rf"\b{re.escape(name)}\b", text) for name in offered(x))
        if TOOL_CALL_MARKERS.search(text) and (choice.calls or is_named):
            return text
        if not choice.calls and _is_call(text, offered(x)):
            return text
    return ""


def _is_call(text: str, tools: dict[str, Object]) -> bool:
    """Whether a text is only a call of one of the tools, as JSON."""
    fenced = FENCE.match(text)
    value: Any = parse_json((fenced[1] if fenced else text).encode("utf-8", "replace"))
    first = as_object(value[0] if isinstance(value, list) and value else value)
    call = as_object(first.get("function") or first.get("tool_call") or first)
    return as_string(call.get("name")) in tools and any(name in call for name in ARGUMENTS)
