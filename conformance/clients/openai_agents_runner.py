"""The runner of the OpenAI Agents SDK: what it requires of a model's response, whichever API brought it."""

import json
from collections.abc import Iterable
from typing import Any, Final

from conformance.clients.openai_sdk import attribute
from conformance.clients.required_tool import offers
from conformance.clients.turn import ClientError, DecodedToolCall, as_text
from conformance.clients.validators import as_integer, has_surrogates
from conformance.model.exchange import Exchange

WITHHELD: Final = "Response withheld by the provider's content filter."


def invalid(name: str, value: Any, wanted: str) -> ClientError:
    """What Pydantic raises for a value."""
    return ClientError("invalid", f"{name}: Input should be a valid {wanted} [input_value={as_text(value, 80)}]")


def valid_text(value: Any, name: str) -> str:
    """A text that Pydantic accepts. Raises ClientError for anything else."""
    if not isinstance(value, str):
        raise invalid(name, value, "string")
    return value


def check_counts(holder: Any, names: Iterable[str]) -> None:
    """Raise ClientError unless these counts of an object are integers or falsy."""
    for name in names:
        value = attribute(holder, name)
        if value and not as_integer(value):
            raise invalid(name, value, "integer")


def check_calls(x: Exchange, calls: Iterable[DecodedToolCall]) -> None:
    """Raise ClientError for a call of a tool that the agent does not have, or whose ID is missing or used twice.

    A call is known by a hash of its arguments.
    """
    known: dict[str, tuple[Any, Any]] = {}
    for call in calls:
        if not isinstance(call.name, str) or not call.name or not offers(x, call.name):
            raise ClientError("invalid", f"Tool {call.name} not found in agent")
        if not isinstance(call.id, str) or not call.id:
            raise ClientError("invalid", "Tool invocations require a non-empty string call ID before execution.")
        if has_surrogates(_parsed(call.arguments)):
            raise ClientError("unicode", "'utf-8' codec can't encode character: surrogates not allowed")
        if known.setdefault(call.id, (call.name, call.arguments)) != (call.name, call.arguments):
            raise ClientError("invalid", "Model reused a tool call ID for a different invocation in one response.")


def _parsed(arguments: Any) -> Any:
    try:
        return json.loads(arguments)
    except (TypeError, ValueError, RecursionError):
        return arguments


def refused(refusal: str) -> ClientError:
    """What the runner raises for a refusal, if no tool is called."""
    return ClientError("invalid", refusal or "Model refused to produce a response.")
