"""The OpenAI Agents SDK on the Responses API, its default: the deltas are shown, and the final response decides."""

from typing import Any, Final

from conformance.clients.client import Client
from conformance.clients.openai_agents_runner import check_calls, check_counts, invalid, refused
from conformance.clients.openai_python import simulator_3
from conformance.clients.openai_responses import DONE, ENDS, kind_of
from conformance.clients.openai_sdk import attribute, chunks, slot_of, text_in
from conformance.clients.sdk import head_error, json_reply
from conformance.clients.turn import ClientError, DecodedResponse, DecodedToolCall
from conformance.clients.validators import as_integer
from conformance.model.exchange import Exchange

COMPLETED: Final = ENDS[0]
FAILURES: Final = (*ENDS[1:], "error", "response.error")
SHOWN: Final = ("response.output_text.delta", "response.refusal.delta")
COUNTS: Final = ("input_tokens", "output_tokens", "total_tokens")
DETAILS: Final = {
    "input_tokens_details": ("cached_tokens", "cache_write_tokens"),
    "output_tokens_details": ("reasoning_tokens",),
}
OTHER_ITEMS: Final = frozenset({
    "additional_tools", "apply_patch_call", "apply_patch_call_output", "code_interpreter_call", "compaction",
    "computer_call", "computer_call_output", "custom_tool_call", "custom_tool_call_output", "file_search_call",
    "function_call", "function_call_output", "image_generation_call", "local_shell_call", "local_shell_call_output",
    "mcp_approval_request", "mcp_approval_response", "mcp_call", "mcp_list_tools", "program", "program_output",
    "reasoning", "shell_call", "shell_call_output", "tool_search_call", "tool_search_output", "web_search_call",
})  # fmt: skip
"""Types of output items that are no message; an item of any other type, or of none, is read as one."""


class _Stream:
    """What the runner keeps of the events; items that were done replace an empty output of the final response."""

    def __init__(self) -> None:
        self.shown: list[str] = []
        self.done: list[Any] = []
        self.final: Any = None
        self.text_after_end = False

    def add(self, event: Any) -> None:
        """Take one event."""
        kind = kind_of(event)
        if isinstance(kind, list | dict):
            raise ClientError("type", f"unhashable type: '{type(kind).__name__}'")
        if kind in SHOWN:
            self.shown.append(text_in(event.get("delta")))
            self.text_after_end = self.final is not None
        elif kind in FAILURES:
            raise _failure(event)
        elif kind == DONE:
            self.done.append(event.get("item"))
        elif kind == COMPLETED:
            self.final = event.get("response")
            check_usage(attribute(self.final, "usage"))
            self.final |= {} if self.final.get("output") or not self.done else {"output": list(self.done)}

    def end(self, x: Exchange) -> tuple[DecodedToolCall, ...]:
        """The calls, at the end of the stream."""
        if self.final is None:
            raise ClientError("invalid", "Model did not produce a final response!")
        return resolve(x, self.final)[1]


def _stream(x: Exchange) -> DecodedResponse:
    """`Runner.run_streamed`."""
    failed = head_error(x, whole_body=False)
    if failed:
        return DecodedResponse(error=failed)
    received, reading = chunks(x), _Stream()
    tools: tuple[DecodedToolCall, ...] = ()
    error = received.error
    try:
        for event in received.values:
            reading.add(event)
        tools = () if error else reading.end(x)
    except ClientError as raised:
        error = raised
    return DecodedResponse(
        text="".join(reading.shown),
        tools=tools,
        seen=bool(received.values),
        ended=reading.final is not None,
        text_after_end=reading.text_after_end,
        error=error,
    )


def _failure(event: Any) -> ClientError:
    """The error that the SDK raises for an event that reports a failure."""
    response = event.get("response")
    error = event if event["type"] in FAILURES[2:] else response.get("error") if isinstance(response, dict) else None
    named = error if isinstance(error, dict) else {}
    facts = "; ".join(f"{name}={named[name]}" for name in ("code", "message") if named.get(name))
    return ClientError("invalid", f"Responses stream ended with terminal event `{event['type']}`. {facts}"[:300])


def check_usage(usage: Any) -> None:
    """Raise ClientError unless the counts are integers or falsy, and the details are objects or null."""
    if usage is None:
        return
    check_counts(usage, COUNTS)
    for name, counts in DETAILS.items():
        details = usage.get(name)
        if details is not None and not isinstance(details, dict):
            raise invalid(name, details, "dictionary")
        check_counts(details or {}, counts)
    if not _is_valid(usage) and any(
        isinstance((usage.get(name) or {}).get(count), str) and usage[name][count]
        for name, counts in DETAILS.items()
        for count in counts
    ):
        raise ClientError("type", "unsupported operand type(s) for +: 'int' and 'str'")


def _is_valid(usage: dict[str, Any]) -> bool:
    """Whether the usage is as the SDK's types want it, so that texts become numbers."""
    details = [usage.get(name) for name in DETAILS]
    return (
        all(as_integer(usage.get(name)) for name in COUNTS)
        and all(isinstance(found, dict) for found in details)
        and all(
            as_integer(found.get(n, 0))
            for found, names in zip(details, DETAILS.values(), strict=True)
            for n in names
            if isinstance(found, dict)
        )
    )


def resolve(x: Exchange, response: Any) -> tuple[str, tuple[DecodedToolCall, ...]]:
    """The final output and the calls of a response, as the runner resolves it. Raises ClientError."""
    found = attribute(response, "output")
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise invalid("output", found, "list of items")
    calls = [item for item in found if item.get("type") == "function_call"]
    tools = tuple(DecodedToolCall(name=c.get("name"), arguments=c.get("arguments"), id=c.get("call_id")) for c in calls)
    check_calls(x, tools)
    for call in calls:
        slot_of(call.get("arguments"))
        slot_of(call.get("status"))
    if tools:
        return "", tools
    messages = [item for item in found if not _is_other(item.get("type"))]
    last = _parts(messages[-1]) if messages else []
    refusal = "".join(text_in(part.get("refusal")) for part in last if part.get("type") == "refusal")
    text = "".join(text_in(part.get("text")) for part in last if part.get("type") != "refusal")
    if refusal:
        raise refused(refusal)
    return text, ()


def _is_other(kind: Any) -> bool:
    return isinstance(kind, str) and kind in OTHER_ITEMS


def _parts(message: dict[str, Any]) -> list[dict[str, Any]]:
    """The parts of a message; what is not an object is skipped."""
    return [part for part in _iterated(message.get("content")) if isinstance(part, dict)]


def _iterated(values: Any) -> Any:
    """What a `for` loop goes through: the letters of a text and the names of an object are skipped later."""
    if not isinstance(values, list | str | dict):
        raise ClientError("type", f"'{type(values).__name__}' object is not iterable")
    return values


def _whole(x: Exchange) -> DecodedResponse:
    """`Runner.run`."""
    failed = head_error(x, whole_body=False)
    if failed:
        return DecodedResponse(error=failed)
    try:
        response = json_reply(x)
        if slot_of(attribute(response, "status")) in ("failed", "incomplete"):
            raise _failure({"type": f"response.{response['status']}", "response": response})
        check_usage(attribute(response, "usage"))
        text, tools = resolve(x, response)
    except ClientError as raised:
        return DecodedResponse(error=raised)
    return DecodedResponse(text=text, tools=tools, seen=True, ended=True)


def read(x: Exchange) -> DecodedResponse:
    """`Runner.run_streamed` on a stream, `Runner.run` otherwise."""
    return _stream(x) if x.mode == "stream" else _whole(x)


OPENAI_AGENTS_RESPONSES = Client(
    profile="openai-agents",
    name="OpenAI Agents SDK 0.24 (Responses)",
    version="0.24.0 (openai 3.54.0)",
    api="responses",
    simulate=simulator_3(read),
)
