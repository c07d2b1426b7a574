"""What a request says about tools: some frameworks can do nothing with a text, or with a tool that they do not have."""

from typing import Any

from conformance.apis.request import request_body
from conformance.model.exchange import Exchange


def requires_tool_call(x: Exchange) -> bool:
    """Whether `tool_choice` requires a tool call."""
    choice = request_body(x).get("tool_choice")
    return choice == "required" or isinstance(choice, dict)


def offered(x: Exchange) -> list[Any]:
    """The names of the tools that the request offers."""
    tools = request_body(x).get("tools")
    return [_name(tool) for tool in tools] if isinstance(tools, list) else []


def offers(x: Exchange, name: Any) -> bool:
    """Whether a tool of this name can be called: the request offers it, or offers no tool at all."""
    names = offered(x)
    return not names or name in names


def _name(tool: Any) -> Any:
    """A tool's name, in the format of any API."""
    if not isinstance(tool, dict):
        return None
    function = tool.get("function")
    return function.get("name") if isinstance(function, dict) else tool.get("name")
