"""The OpenAI Agents SDK on Chat Completions: an async openai-python 3 whose chunks become items of a response."""

from typing import Any, Final

from conformance.clients.client import Client
from conformance.clients.openai_agents_runner import WITHHELD, check_calls, check_counts, invalid, refused, valid_text
from conformance.clients.openai_python import simulator_3
from conformance.clients.openai_sdk import attribute, chunks, first, items, slot_of, text_in
from conformance.clients.sdk import head_error, json_reply
from conformance.clients.turn import ClientError, DecodedResponse, DecodedToolCall
from conformance.clients.validators import LONE_SURROGATE
from conformance.model.exchange import Exchange

COUNTS: Final = ("prompt_tokens", "completion_tokens", "total_tokens")
DETAILS: Final = {
    "prompt_tokens_details": ("cached_tokens", "cache_write_tokens"),
    "completion_tokens_details": ("reasoning_tokens",),
}
TRUNCATED: Final = "finish_reason='length' but produced no assistant text, tool call, or refusal."


class _Stream:
    """What the handler of the stream keeps: only the choice whose index is 0 counts."""

    def __init__(self) -> None:
        self.shown: list[str] = []
        self.calls: dict[Any, dict[str, Any]] = {}
        self.ignored: set[Any] = set()
        self.usage: Any = None
        self.finish: Any = None
        self.finishes: list[Any] = []
        self.speaks = self.refuses = self.has_reasoning = False

    def add(self, chunk: Any) -> None:
        """Take one chunk."""
        choices = attribute(chunk, "choices")
        if chunk.get("usage") is not None:
            self.usage = chunk["usage"]
        choice = _zeroth(choices) if choices else None
        if choice is None:
            return
        self.finish = choice.get("finish_reason") or self.finish
        self.finishes.append(choice.get("finish_reason"))
        if choice.get("delta") or choice.get("delta") == {}:
            self._delta(choice["delta"], choice.get("logprobs"))

    def _delta(self, delta: Any, logprobs: Any) -> None:
        content, refusal = attribute(delta, "content"), attribute(delta, "refusal")
        if delta.get("audio"):
            raise ClientError("invalid", "Audio is not currently supported")
        if delta.get("reasoning_content"):
            valid_text(delta["reasoning_content"], "delta")
            self.has_reasoning = True
        if content is not None and (self.speaks or content != ""):
            if logprobs is not None:
                items(attribute(logprobs, "content"))
            self.shown.append(valid_text(content, "delta"))
            self.speaks = True
        if refusal:
            self.shown.append(valid_text(refusal, "delta"))
            self.refuses = True
        for fragment in items(delta.get("tool_calls")):
            self._fragment(fragment)

    def _fragment(self, fragment: Any) -> None:
        slot = slot_of(attribute(fragment, "index"))
        if slot in self.ignored:
            return
        if fragment.get("type") == "custom":
            self.ignored.add(slot)
            return
        call = self.calls.setdefault(slot, {"id": "", "name": "", "arguments": ""})
        function = fragment.get("function") or None if fragment.get("function") != {} else {}
        arguments = attribute(function, "arguments") if function is not None else ""
        call["arguments"] += text_in(arguments)
        call["name"] = (function is not None and attribute(function, "name")) or call["name"]
        call["id"] = fragment.get("id") or call["id"]
        if call["name"] and call["id"]:
            valid_text(arguments or "", "delta")
            _validated(call["name"], call["id"], "")

    def end(self) -> None:
        """Take the end of the stream."""
        if not (self.speaks or self.refuses or self.calls):
            if "content_filter" in self.finishes:
                self.shown.append(WITHHELD)
                self.refuses = True
            elif "length" in self.finishes:
                raise ClientError("invalid", f"Chat Completions stream terminated with {TRUNCATED}")
        for call in self.calls.values():
            _validated(call["name"], call["id"], call["arguments"])
        _check_usage(self.usage)

    def tools(self) -> tuple[DecodedToolCall, ...]:
        """The calls in the order in which they began."""
        return tuple(DecodedToolCall(**call) for call in self.calls.values())


def _zeroth(choices: Any) -> dict[str, Any] | None:
    """The choice whose index is 0. A list, or a letter of a text, has an `index`, too: a method, which is not 0."""
    if isinstance(choices, str | dict):
        return None
    if not isinstance(choices, list):
        raise ClientError("type", f"'{type(choices).__name__}' object is not iterable")
    indexes = [None if isinstance(choice, list | str) else attribute(choice, "index") for choice in choices]
    return next((choice for choice, index in zip(choices, indexes, strict=True) if index == 0), None)


def _validated(name: Any, call_id: Any, arguments: Any) -> None:
    """Raise ClientError unless a call's members are texts."""
    for field, value in (("name", name), ("call_id", call_id), ("arguments", arguments)):
        valid_text(value, field)


def _check_usage(usage: Any, *, whole: bool = False) -> None:
    """Take the usage of a stream, or of a whole response, whose details may be null, but not otherwise empty."""
    if usage is None:
        return
    check_counts(usage, COUNTS)
    for name, counts in DETAILS.items():
        details = usage.get(name)
        if whole and details is not None and not isinstance(details, dict):
            raise invalid(name, details, "dictionary")
        if details:
            check_counts(details, counts)


def _stream(x: Exchange) -> DecodedResponse:
    """`Runner.run_streamed`."""
    failed = head_error(x, whole_body=False)
    if failed:
        return DecodedResponse(error=failed)
    received, reading = chunks(x), _Stream()
    error = received.error
    try:
        for chunk in received.values:
            reading.add(chunk)
        if not error:
            reading.end()
            check_calls(x, reading.tools())
            error = refused("".join(reading.shown)) if reading.refuses and not reading.calls else None
    except ClientError as raised:
        error = raised
    return DecodedResponse(
        text="".join(reading.shown),
        tools=reading.tools(),
        finish=str(reading.finish or "")[:40],
        seen=bool(received.values),
        ended=received.done or bool(reading.finish),
        has_reasoning=reading.has_reasoning,
        error=error,
    )


def _whole(x: Exchange) -> DecodedResponse:
    """`Runner.run`."""
    failed = head_error(x, whole_body=False)
    if failed:
        return DecodedResponse(error=failed)
    try:
        value = json_reply(x)
        choice = _first(attribute(value, "choices"))
        message = attribute(choice, "message")
        _check_usage(value.get("usage"), whole=True)
        text, tools = ("", ()) if message is None else _message(x, message, choice.get("finish_reason"))
        if choice.get("logprobs") is not None:
            items(attribute(choice["logprobs"], "content"))
    except ClientError as raised:
        return DecodedResponse(error=raised)
    return DecodedResponse(text=text, tools=tools, seen=True, ended=True)


def _first(choices: Any) -> Any:
    if not choices:
        raise ClientError("invalid", "ChatCompletion response has no choices (possible provider error payload)")
    return first(choices)


def _message(x: Exchange, message: Any, finish: Any) -> tuple[str, tuple[DecodedToolCall, ...]]:
    """A message's text and calls, as its items have them. Raises ClientError."""
    content, refusal, wanted = (attribute(message, name) for name in ("content", "refusal", "tool_calls"))
    if any(LONE_SURROGATE.search(name) for name in message):
        raise ClientError("unicode", "'utf-8' codec can't encode character: surrogates not allowed")
    if not (content or refusal or wanted):
        if finish == "length":
            raise ClientError("invalid", f"Chat Completions response terminated with {TRUNCATED}")
        refusal = WITHHELD if finish == "content_filter" else None
    text = valid_text(content, "text") if content else ""
    refusal = valid_text(refusal, "refusal") if refusal else ""
    if message.get("audio"):
        raise ClientError("invalid", "Audio is not currently supported")
    tools = tuple(_called(call) for call in items(wanted) if attribute(call, "type") == "function")
    check_calls(x, tools)
    if refusal and not tools:
        raise refused(refusal)
    return text, tools


def _called(call: Any) -> DecodedToolCall:
    function = attribute(call, "function")
    arguments, name = attribute(function, "arguments"), attribute(function, "name")
    _validated(name, call.get("id"), arguments)
    return DecodedToolCall(name=name, arguments=arguments, id=call["id"])


def read(x: Exchange) -> DecodedResponse:
    """`Runner.run_streamed` on a stream, `Runner.run` otherwise."""
    return _stream(x) if x.mode == "stream" else _whole(x)


OPENAI_AGENTS = Client(
    profile="openai-agents",
    name="OpenAI Agents SDK 0.24",
    version="0.24.0 (openai 3.54.0)",
    api="chat",
    simulate=simulator_3(read),
)
