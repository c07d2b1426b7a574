"""openai-node 7's `chat.completions.stream()`: it checks indices and what it has built, and takes any type of call."""

from functools import partial
from typing import Any, Final

from conformance.clients.client import Client
from conformance.clients.javascript import get, is_number, iterated, optional_get, shown, truthy
from conformance.clients.node_fetch import fetch_requests, is_uncertain
from conformance.clients.openai_node_7 import VERSION_7
from conformance.clients.openai_node_helper import Choice, read_with_helper
from conformance.clients.sdk import simulator
from conformance.clients.turn import ClientError, DecodedToolCall

MOST: Final = 128
"""Choices, and tool calls of each."""
UNSAFE: Final = "Chat completion stream contains an unsafe structured JSON snapshot"


def _require_index(value: Any, kind: str) -> None:
    index = optional_get(value, "index")
    if not (is_number(index) and index == index // 1 and 0 <= index < MOST):
        received = "undefined" if index is None else shown(index)
        raise ClientError("shape", f"Chat completion stream contains an invalid {kind} index: {received[:40]}")


class CheckedChoice(Choice):
    """One choice of the completion."""

    def __init__(self, begun: Any) -> None:
        _require_index(begun, "choice")
        super().__init__(begun)
        self.logprobs = None

    @staticmethod
    def is_piece(value: Any) -> bool:
        """Whether a value is concatenated to the content, or the arguments: anything but null."""
        return value is not None

    @staticmethod
    def fragments(delta: Any) -> list[Any]:
        """The fragments of tool calls in a delta."""
        sent = optional_get(delta, "tool_calls")
        found = list(iterated(sent)) if truthy(sent) else []
        for fragment in found:
            get(fragment, "index")
            _require_index(fragment, "tool call")
        return found

    def log(self, logprobs: Any) -> None:
        """Take log probabilities, whose lists are copied."""
        if not truthy(logprobs):
            return
        lists = {name: optional_get(logprobs, name) for name in ("content", "refusal")}
        more = {name: list(iterated(value)) if truthy(value) else value for name, value in lists.items()}
        if self.logprobs is None:
            self.logprobs = more
            return
        for name, values in more.items():
            if truthy(values):
                before = [] if self.logprobs[name] is None else self.logprobs[name]
                if not isinstance(before, list):
                    raise ClientError("type", "push is not a function")
                self.logprobs[name] = [*before, *values]

    def emit(self, choice: Any, text: list[str]) -> None:
        """Emit the events of one chunk's choice, of which there must be a message."""
        get(self.message, "refusal")
        super().emit(choice, text)

    def finished(self) -> tuple[DecodedToolCall, ...]:
        """The tool calls of the final choice. Raises ClientError for what is missing, or of another type."""
        if not isinstance(self.message, dict | list):
            raise ClientError("shape", UNSAFE)
        texts = (optional_get(self.message, name) for name in ("refusal", "content"))
        if not all(isinstance(value, str | None) for value in texts):
            raise ClientError("shape", UNSAFE)
        if isinstance(self.message, dict) and not isinstance(self.message.get("tool_calls", []), dict | list):
            raise ClientError("shape", "Chat completion stream contains an unsafe snapshot tool-call collection")
        return super().finished()

    @staticmethod
    def finished_call(call: Any) -> DecodedToolCall:
        """One tool call of the final choice: a custom one has a name of its own, and no function."""
        kind, function = get(call, "type"), optional_get(call, "function")
        name, arguments = optional_get(function, "name"), optional_get(function, "arguments")
        needed = [optional_get(optional_get(call, "custom"), "name")] if kind == "custom" else [name, arguments]
        if None in (kind, *needed):
            raise ClientError("shape", "missing type, name or arguments of a tool call")
        return DecodedToolCall(name=name, arguments=arguments, id=optional_get(call, "id"))


OPENAI_NODE_7_HELPER = Client(
    profile="openai-node",
    name="openai-node 7.59 (stream helper)",
    version="7.59.0",
    api="chat",
    simulate=simulator(
        partial(read_with_helper, version=VERSION_7, choice=CheckedChoice),
        sdk_requests=fetch_requests,
        uncertain=is_uncertain,
    ),
)
