"""LangGraph: ChatOpenAI on openai-python 3, whose chunks become LangChain messages that are merged and validated."""

import json
from dataclasses import replace
from functools import reduce
from typing import Any, Final

from conformance.clients.client import Client
from conformance.clients.langchain_merge import (
    becomes_a_call,
    content_of,
    dumped,
    merge_dicts,
    merge_lists,
    message_id,
    reject,
    text_of,
    text_or_none,
    whole_number,
)
from conformance.clients.openai_python import simulator_3
from conformance.clients.openai_sdk import attribute, chunks, completed, first
from conformance.clients.sdk import head_error, json_reply
from conformance.clients.turn import ClientError, DecodedResponse, DecodedToolCall, as_text
from conformance.model.exchange import Exchange


class Merged:
    """The answer as LangChain merges it from its chunks: text as it is shown, tool call fragments, and metadata.

    `human`: after a chunk of the user's role all chunks are of a user's message, which has no tool calls.
    """

    def __init__(self) -> None:
        self.text: list[str] = []
        self.infos: list[dict[str, Any]] = []
        self.fragments: list[Any] = []
        self.usages: list[dict[str, Any]] = []
        self.finish: Any = ""
        self.human = False

    def take(self, chunk: Any) -> None:
        """Take one chunk, and show its text. Raises ClientError before the text is shown."""
        if not isinstance(chunk, dict):
            attribute(chunk, "model_dump")
        dumped(chunk)
        if chunk.get("type") == "content.delta":
            return
        usage = _usage(chunk)
        choices = chunk.get("choices")
        if not choices:
            self._count(usage)
            self.infos.append({})
            return
        choice = _subscripted(first(choices))
        delta = choice.get("delta")
        if delta is not None:
            self._add(delta, usage)
            self.infos.append(_info(chunk, choice))
            self.finish = choice.get("finish_reason") or self.finish

    def _count(self, usage: dict[str, Any] | None) -> None:
        if usage and not self.human:
            _counted(usage)
            self.usages.append(usage)

    def _add(self, delta: Any, usage: dict[str, Any] | None) -> None:
        content = attribute(delta, "content") or ""
        if delta.get("function_call") and not isinstance(delta["function_call"], dict):
            raise ClientError("type", f"'{type(delta['function_call']).__name__}' object is not iterable")
        fragments = [_fragment(call) for call in _listed(delta.get("tool_calls") or ())]
        self.human = self.human or delta.get("role") == "user"
        text = text_of(content_of(content))
        message_id(delta.get("id"))
        if not self.human:
            self.fragments = [*self.fragments, *map(_validated, fragments)]
            self.usages += [usage] if usage else []
        self.text.append(text)

    def calls(self) -> tuple[DecodedToolCall, ...]:
        """The merged tool calls. Raises ClientError if there are no chunks to merge, or a call has no ID."""
        if not self.infos:
            raise ClientError("invalid", "No generations found in stream.")
        reduce(merge_dicts, self.infos, dict[str, Any]())
        for usage in self.usages:
            _counted(usage)
        calls = merge_lists([], self.fragments)
        if any(call["id"] is None and becomes_a_call(call["args"]) for call in calls):
            raise ClientError("invalid", "ToolMessage: tool_call_id: Input should be a valid string")
        return tuple(DecodedToolCall(name=c["name"], arguments=c["args"] or "", id=c["id"]) for c in calls)


def _info(chunk: dict[str, Any], choice: dict[str, Any]) -> dict[str, Any]:
    info = {"finish_reason": choice.get("finish_reason"), "logprobs": choice.get("logprobs")}
    if info["finish_reason"]:
        info |= {f"chunk.{name}": chunk.get(name) for name in ("model", "system_fingerprint", "service_tier")}
    return {name: value for name, value in info.items() if value}


def _listed(values: Any) -> list[Any] | tuple[Any, ...]:
    if not isinstance(values, list | tuple):
        raise ClientError("type", f"'{type(values).__name__}' object is not iterable")
    return values


def _subscripted(value: Any) -> dict[str, Any]:
    """An object whose members are read as `value["name"]`."""
    if not isinstance(value, dict):
        raise ClientError("type", f"'{type(value).__name__}' object is not subscriptable")
    return value


def _fragment(call: Any) -> dict[str, Any]:
    """A tool call fragment, with its fields as they came."""
    function = attribute(_subscripted(call), "function")
    name, arguments = attribute(function, "name"), attribute(function, "arguments")
    return {"name": name, "args": arguments, "id": call.get("id"), "index": call.get("index")}


def _validated(fragment: dict[str, Any]) -> dict[str, Any]:
    index = fragment["index"]
    for field in ("name", "args", "id"):
        text_or_none(f"tool_call_chunks.0.{field}", fragment[field])
    return fragment | {"index": None if index is None else whole_number("tool_call_chunks.0.index", index)}


DETAILS: Final = {
    "prompt_tokens_details": ("audio_tokens", "cached_tokens", "cache_write_tokens"),
    "completion_tokens_details": ("audio_tokens", "reasoning_tokens"),
}


def _usage(value: Any) -> dict[str, Any] | None:
    """The usage of a chunk or a non-streaming response, if it has one. Raises ClientError where it can't be read."""
    usage = attribute(value, "usage")
    if not usage:
        return None
    attribute(usage, "prompt_tokens")
    if isinstance(value.get("service_tier"), dict | list):
        raise ClientError("type", f"unhashable type: '{type(value['service_tier']).__name__}'")
    for name, counts in DETAILS.items():
        attribute(usage.get(name) or {}, counts[0])
    if usage.get("total_tokens") is None:
        _added(usage.get("prompt_tokens"), usage.get("completion_tokens"))
    return {**usage}


def _added(one: Any, other: Any) -> None:
    both = [0 if value is None else value for value in (one, other)]
    if not any(all(isinstance(value, kind) for value in both) for kind in (int | float, str, list)):
        raise ClientError("type", "unsupported operand type(s) for +")


def _counted(usage: dict[str, Any]) -> None:
    """Check the counts of a usage as a message does."""
    for name in ("prompt_tokens", "completion_tokens", "total_tokens"):
        if usage.get(name) is not None:
            whole_number(f"usage_metadata.{name}", usage[name])
    for name, counts in DETAILS.items():
        details = usage.get(name) or {}
        for count in counts:
            if details.get(count) is not None:
                whole_number(f"usage_metadata.{name}.{count}", details[count])


def graph_stream(x: Exchange) -> DecodedResponse:
    """`graph.stream(stream_mode="messages")`: texts are shown as they come, and merged at the end."""
    failed = head_error(x, whole_body=False)
    if failed:
        return DecodedResponse(error=failed)
    received, merged = chunks(x), Merged()
    tools, error = tuple[DecodedToolCall, ...](), received.error
    try:
        for chunk in received.values:
            merged.take(chunk)
        tools = () if error else merged.calls()
    except ClientError as raised:
        error = raised
    return DecodedResponse(
        text="".join(merged.text),
        tools=tools,
        finish=str(merged.finish)[:40],
        seen=bool(received.values),
        ended=received.done or bool(merged.finish),
        error=error,
    )


def _acceptable(value: Any) -> None:
    """Raise ClientError where ChatOpenAI rejects a non-streaming response."""
    if not isinstance(value, dict):
        raise ClientError("invalid", f"Unexpected response type from OpenAI-compatible endpoint: {as_text(value, 80)}")
    dumped(value)
    if value.get("error"):
        raise ClientError("invalid", as_text(value["error"]))
    choices = value.get("choices")
    if not isinstance(choices, list):
        raise ClientError("type", "Received response with null value for 'choices'.")
    for choice in choices:
        _message(attribute(_subscripted(choice), "message"))
        _usage(value)
    if value.get("usage") is not None:
        attribute(value["usage"], "items")


def _message(message: Any) -> None:
    """Raise ClientError where LangChain can't make a message."""
    role, content = attribute(message, "role"), message.get("content")
    content_of(content or "" if role == "assistant" else content)
    message_id(message.get("id"))
    if role != "assistant":
        text_or_none("role", role)
        if role is None:
            raise reject("role", role)
        return
    text_or_none("name", message.get("name"))
    if message.get("function_call") and not isinstance(message["function_call"], dict):
        raise ClientError("type", "function_call is not iterable")
    for call in _listed(message.get("tool_calls") or ()):
        _parsed(call)


def _parsed(call: Any) -> None:
    """Raise ClientError where a tool call becomes neither a call nor an invalid one."""
    function = _subscripted(_subscripted(call).get("function"))
    name, arguments = function.get("name") or "", function.get("arguments")
    text_or_none("tool_calls.0.name", name)
    text_or_none("tool_calls.0.id", call.get("id"))
    if not arguments:
        return
    text_or_none("invalid_tool_calls.0.args", arguments)
    try:
        value = json.loads(arguments, strict=False)
    except json.JSONDecodeError:
        return
    except (ValueError, RecursionError) as error:
        raise ClientError("invalid", str(error)[:300]) from None
    if value and not isinstance(value, dict):
        raise reject("tool_calls.0.args", value)


def invoke(x: Exchange) -> DecodedResponse:
    """`graph.invoke()`, which sends a non-streaming request."""
    turn = completed(x, on_chunk=_acceptable, whole_body=False)
    if turn.error:
        return turn
    message = json_reply(x)["choices"][0]["message"]
    calls = message.get("tool_calls") or () if message.get("role") == "assistant" else ()
    turn = replace(turn, text=text_of(content_of(message.get("content") or "")), text_after_end=False)
    if any(call.get("id") is None and becomes_a_call(call["function"].get("arguments")) for call in calls):
        return turn.with_error(ClientError("invalid", "ToolMessage: tool_call_id: Input should be a valid string"))
    made = tuple(replace(tool, arguments=tool.arguments or "{}") for tool in turn.tools)
    return replace(turn, tools=made if calls else ())


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
