"""LangGraph: ChatOpenAI on openai-python 3, whose chunks become LangChain messages that are merged and validated."""

from dataclasses import replace
from typing import Any, Final

from conformance.clients.client import Client
from conformance.clients.openai_python import simulator_3
from conformance.clients.openai_sdk import Calls, attribute, chunks, completed, first, items, streamed
from conformance.clients.sdk import json_reply
from conformance.clients.turn import ClientError, DecodedResponse, DecodedToolCall, as_text
from conformance.model.exchange import Exchange


class MergedCalls(Calls):
    """Tool call fragments as LangChain merges them: only those with the same integer index become one call."""

    def __init__(self) -> None:
        super().__init__()
        self._merged: list[dict[str, Any]] = []

    def add(self, fragment: Any, slot: Any) -> None:
        """Add one fragment; names and arguments of one call are joined, so a repeated name doubles."""
        part = {"index": slot, "id": attribute(fragment, "id")} | _checked(attribute(fragment, "function"))
        fits = (c for c in self._merged if _is_index(slot) and c["index"] == slot and _same(c["id"], part["id"]))
        call = next(fits, None)
        if call is None:
            self._merged.append(part)
            return
        call["id"] = call["id"] or part["id"]
        call["name"] = (call["name"] or "") + (part["name"] or "")
        call["arguments"] += part["arguments"]

    def tools(self) -> tuple[DecodedToolCall, ...]:
        """The merged calls in order."""
        return tuple(DecodedToolCall(name=c["name"], arguments=c["arguments"], id=c["id"]) for c in self._merged)


def _is_index(slot: Any) -> bool:
    return isinstance(slot, int) and not isinstance(slot, bool)


def _same(one: Any, other: Any) -> bool:
    return not one or not other or one == other


def _checked(function: Any) -> dict[str, Any]:
    """A fragment's name and arguments, which must be strings or None."""
    name, arguments = attribute(function, "name"), attribute(function, "arguments")
    for field, value in (("name", name), ("args", arguments)):
        if not isinstance(value, str | None):
            found = f"input_value={as_text(value, 80)}, input_type={type(value).__name__}"
            raise ClientError("invalid", f"tool_call_chunks.0.{field}: Input should be a valid string [{found}]")
    return {"name": name, "arguments": arguments or ""}


def delta_to_message(delta: Any, calls: Calls) -> str:
    """Take one delta as LangChain does: None is skipped, content may be text or a list of parts."""
    if delta is None:
        return ""
    content = _content(attribute(delta, "content") or "")
    for fragment in items(attribute(delta, "tool_calls")):
        calls.add(fragment, attribute(fragment, "index"))
    return content if isinstance(content, str) else "".join(_part(part) for part in content)


def _content(content: Any) -> str | list[Any]:
    """A message's content as LangChain's models accept it."""
    if isinstance(content, str) or (isinstance(content, list) and all(isinstance(p, str | dict) for p in content)):
        return content
    raise ClientError("invalid", f"content: Input should be a valid string [input_value={as_text(content, 80)}]")


def _part(part: Any) -> str:
    text = part.get("text") if isinstance(part, dict) else part
    return text if isinstance(text, str) else ""


def _count(value: Any) -> None:
    """Take the usage of a chunk or a non-streaming response: counts, if present, must be integers."""
    usage = attribute(value, "usage")
    if usage is None or usage == 0:
        return
    for name in ("prompt_tokens", "completion_tokens", "total_tokens"):
        count = attribute(usage, name)
        if count and not (isinstance(count, int | str) or (isinstance(count, float) and count.is_integer())):
            raise ClientError("invalid", f"usage_metadata: {name}: Input should be a valid integer")


def _brings_nothing(chunk: Any) -> bool:
    """Whether a chunk becomes no message: it has a choice, which has no delta."""
    choice = first(chunk["choices"]) if isinstance(chunk, dict) and chunk.get("choices") else None
    return isinstance(choice, dict) and choice.get("delta") is None


def graph_stream(x: Exchange) -> DecodedResponse:
    """`graph.stream(stream_mode="messages")`: an empty stream raises, and so does a tool call without an ID."""
    turn = streamed(x, delta_to_message, on_chunk=_count, whole_body=False, calls=MergedCalls())
    if not turn.error and all(_brings_nothing(chunk) for chunk in chunks(x).values):
        return turn.with_error(ClientError("invalid", "No generations found in stream."))
    return _identified(turn)


def _identified(turn: DecodedResponse) -> DecodedResponse:
    """Fail on a tool call without an ID, which its result needs."""
    if turn.error or not any(tool.id is None for tool in turn.tools):
        return turn
    return turn.with_error(ClientError("invalid", "ToolMessage: tool_call_id: Input should be a valid string"))


def _acceptable(value: Any) -> None:
    """Raise ClientError where ChatOpenAI rejects a non-streaming response."""
    if not isinstance(value, dict):
        raise ClientError("invalid", f"Unexpected response type from OpenAI-compatible endpoint: {as_text(value, 80)}")
    if value.get("error"):
        raise ClientError("invalid", as_text(value["error"]))
    if value.get("choices") is None:
        raise ClientError("invalid", "Received response with null value for 'choices'.")
    _count(value)
    message = attribute(first(value["choices"]), "message")
    if not isinstance(attribute(message, "role"), str):
        raise ClientError("invalid", "ChatMessage: role should be a valid string, not None")
    _content(message.get("content") or ("" if message["role"] == "assistant" else message.get("content")))
    for call in items(message.get("tool_calls")):
        _checked(attribute(call, "function"))


def invoke(x: Exchange) -> DecodedResponse:
    """`graph.invoke()`, which sends a non-streaming request."""
    turn = completed(x, on_chunk=_acceptable, whole_body=False)
    if turn.text_after_end:
        content = json_reply(x)["choices"][0]["message"]["content"]
        turn = replace(turn, text="".join(map(_part, content)), text_after_end=False)
    return _identified(turn)


def read(x: Exchange) -> DecodedResponse:
    """Read a response as LangGraph does."""
    return graph_stream(x) if x.mode == "stream" else invoke(x)


RETRY_ATTEMPTS: Final = 3
ENDINGS_RETRIED: Final = ("status", "api", "connection", "cut", "reset", "coding")


def retry_policy(turn: DecodedResponse) -> int:
    """How often a node with `RetryPolicy()` runs: it is retried on any SDK error, whatever the status."""
    if turn.error is None:
        return 1
    missing = turn.error.kind == "shape" and "has no attribute" in turn.error.message
    return RETRY_ATTEMPTS if missing or turn.error.kind in ENDINGS_RETRIED else 1


LANGGRAPH = Client(
    profile="langgraph",
    name="LangGraph 1.2",
    version="1.2.22 (langchain-openai 1.7.3, openai 3.54.0)",
    api="chat",
    simulate=simulator_3(read),
)
LANGGRAPH_RETRYING = Client(
    profile="langgraph",
    name="LangGraph 1.2 (RetryPolicy)",
    version="1.2.22 (langchain-openai 1.7.3, openai 3.54.0)",
    api="chat",
    simulate=simulator_3(read, framework_attempts=retry_policy),
)
