"""Whether a request requires a tool call: some frameworks can then do nothing with a text response."""

from conformance.apis.request import request_body
from conformance.model.exchange import Exchange


def requires_tool_call(x: Exchange) -> bool:
    """Whether `tool_choice` requires a tool call."""
    choice = request_body(x).get("tool_choice")
    return choice == "required" or isinstance(choice, dict)
