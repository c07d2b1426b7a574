"""Whether a request requires a tool call: some frameworks can then do nothing with a text response."""

from conformance.apis.request import asked
from conformance.model.exchange import Exchange


def demands_a_call(x: Exchange) -> bool:
    """Whether `tool_choice` requires a tool call."""
    choice = asked(x).get("tool_choice")
    return choice == "required" or isinstance(choice, dict)
