"""What a request demands: some frameworks can do nothing with an answer in words, as they asked for a tool call."""

from conformance.apis.request import asked
from conformance.model.exchange import Exchange


def demands_a_call(x: Exchange) -> bool:
    """Whether the request leaves the model no choice but to call a tool."""
    choice = asked(x).get("tool_choice")
    return choice == "required" or isinstance(choice, dict)
