"""LiteLLM: openai-python 2 under a wrapper that repairs what it can and always reports a finish reason."""

import json
from dataclasses import replace
from typing import Any

from conformance.clients.client import Client
from conformance.clients.openai_sdk import Calls, attribute, completed, first, items, streamed
from conformance.clients.sdk import simulator
from conformance.clients.turn import ClientError, DecodedResponse
from conformance.model.exchange import Exchange


class MendedCalls(Calls):
    """Tool calls whose arguments become JSON text, whatever their type."""

    def add(self, fragment: Any, slot: Any) -> None:
        """Add one fragment; without an index it belongs to the first call."""
        function = attribute(fragment, "function")
        arguments = attribute(function, "arguments") if function else None
        parsed = {"arguments": as_arguments(arguments)} if function else {}
        super().add(fragment | {"function": (function or {}) | parsed}, slot)


def as_arguments(arguments: Any) -> str:
    """The text of a call's arguments."""
    return arguments if isinstance(arguments, str) else json.dumps(arguments) if arguments else ""


def unwrap(delta: Any, calls: Calls) -> str:
    """Take one delta; None is skipped."""
    if not delta:
        return ""
    for place, fragment in enumerate(items(attribute(delta, "tool_calls"))):
        index = attribute(fragment, "index")
        calls.add(fragment, index if isinstance(index, int) else place)
    content = attribute(delta, "content")
    return content if isinstance(content, str) else ""


def _choice(value: Any) -> None:
    if attribute(value, "error"):
        raise ClientError("invalid", "Invalid response object")
    if not isinstance(attribute(value, "choices"), list):
        raise ClientError("invalid", "Invalid response object")
    first(value["choices"])


def read(x: Exchange) -> DecodedResponse:
    """`litellm.completion`."""
    if x.mode == "stream":
        return streamed(x, unwrap, calls=MendedCalls())
    turn = completed(x, on_chunk=_choice)
    if turn.text_after_end:
        return replace(turn, text="").with_error(ClientError("invalid", "Invalid response object"))
    return replace(turn, tools=tuple(replace(tool, arguments=as_arguments(tool.arguments)) for tool in turn.tools))


LITELLM = Client(
    profile="litellm", name="LiteLLM 1.106", version="1.106.2 (openai 2.54.0)", api="chat", simulate=simulator(read)
)
