"""LiteLLM: openai-python 2.54 under a wrapper that repairs what it can and always reports a finish reason."""

import json
import re
from dataclasses import dataclass
from typing import Any, Final

from conformance.clients.client import Client
from conformance.clients.openai_python import simulator_3
from conformance.clients.openai_sdk import Calls, attribute, chunks, first, items, slot_of
from conformance.clients.sdk import head_error, json_reply
from conformance.clients.turn import ClientError, DecodedResponse, DecodedToolCall
from conformance.clients.validators import (
    Check,
    as_integer,
    fields,
    has_odd_names,
    nullish,
    number,
    one_of,
    text,
    whole,
)
from conformance.clients.validators import items as each
from conformance.model.exchange import Exchange

THOUGHT: Final = re.compile(
    r"<(?:think|thinking|budget:thinking)>(.*?)</(?:think|thinking|budget:thinking)>(.*)", re.DOTALL
)
MALFORMED: Final = ClientError("invalid", "Invalid response object")


def _no_text(value: Any) -> bool:
    return value is None or isinstance(value, dict) or text(value)


FUNCTION: Final = fields(name=nullish(text), arguments=_no_text)
"""A function: arguments may be text, an object, which becomes text, or none."""
FRAGMENT: Final = fields(index=nullish(as_integer), id=nullish(text), type=nullish(text), function=FUNCTION)
OLD_CALL: Final = fields(name=nullish(text), arguments=text)
TOKEN: Final = fields(token=text, logprob=number, top_logprobs=each(fields(token=text, logprob=number)))
LOGPROBS: Final = fields(content=nullish(each(TOKEN)))
DETAILS: Final = {
    "prompt_tokens_details": ("audio_tokens", "cache_write_tokens", "cached_tokens", "image_tokens", "text_tokens"),
    "completion_tokens_details": (
        "accepted_prediction_tokens",
        "audio_tokens",
        "reasoning_tokens",
        "rejected_prediction_tokens",
        "text_tokens",
    ),
}
COUNTS: Final = ("prompt_tokens", "completion_tokens", "total_tokens")


def _falsy_or(check: Check) -> Check:
    return lambda value: not value or check(value)


def _check_usage(usage: dict[str, Any]) -> None:
    """Raise ClientError for counts that are no integers; details that are no objects are dropped."""
    details = {name: usage[name] for name in DETAILS if usage.get(name) and isinstance(usage[name], dict)}
    sound = fields(**dict.fromkeys(COUNTS, _falsy_or(as_integer)))(usage) and all(
        fields(**dict.fromkeys(DETAILS[name], nullish(as_integer)))(found) for name, found in details.items()
    )
    if not sound:
        raise ClientError("invalid", "validation error for Usage")


@dataclass(frozen=True, slots=True)
class _Delta:
    """A delta as LiteLLM makes it of the SDK's; one that it can't make is empty."""

    content: Any = None
    tools: Any = None
    role: Any = None
    others: bool = False

    @property
    def is_empty(self) -> bool:
        return not self.content and self.tools is None and not self.others


def _delta(delta: Any, logprobs: Any = None) -> _Delta:
    """A delta with the fragments that LiteLLM keeps."""
    tools, old = delta.get("tool_calls"), delta.get("function_call")
    fragments = [tool for tool in tools if isinstance(tool, dict)] if isinstance(tools, list) else ()
    if not all(map(FRAGMENT, fragments)) or (isinstance(old, dict) and not OLD_CALL(old)):
        return _Delta()
    if (isinstance(logprobs, dict) and not LOGPROBS(logprobs)) or has_odd_names(delta):
        return _Delta()
    others = any(
        delta.get(name) is not None for name in ("function_call", "reasoning_content", "reasoning", "annotations")
    )
    kept = list(_numbered(fragments)) if isinstance(tools, list) else tools
    return _Delta(delta.get("content"), kept, delta.get("role"), others)


def _numbered(fragments: Any) -> Any:
    """The fragments with an index; those without one are counted."""
    place = 0
    for fragment in fragments:
        index = fragment.get("index")
        place, index = (place + 1, place) if index is None else (place, whole(index))
        arguments = as_arguments(fragment["function"].get("arguments"))
        yield {"index": index, "id": fragment.get("id"), "function": fragment["function"] | {"arguments": arguments}}


def as_arguments(arguments: Any) -> str:
    """The text of a call's arguments."""
    return arguments if isinstance(arguments, str) else "" if arguments is None else json.dumps(arguments)


class _Stream:
    """What the wrapper keeps of the chunks, and what a program that joins its chunks collects."""

    def __init__(self) -> None:
        self.text: list[str] = []
        self.calls = Calls()
        self.finish: Any = None
        self.begun = self.ended = False

    def add(self, chunk: Any) -> None:
        """Take one chunk; null is skipped."""
        if chunk is None:
            return
        choices = attribute(chunk, "choices")
        choice = first(choices) if choices else {}
        delta = attribute(choice, "delta")
        content = attribute(delta, "content") if delta is not None else None
        if choice.get("finish_reason"):
            if choice["finish_reason"] == "error":
                raise ClientError("api", "openai raised a streaming error - finish_reason: error")
            self.finish = choice["finish_reason"]
        if isinstance(chunk.get("usage"), dict):
            _check_usage(chunk["usage"])
        if choices:
            self._process(chunk, delta or {}, choice.get("logprobs"), "" if content is None else content)

    def _process(self, chunk: Any, given: Any, logprobs: Any, content: Any) -> None:
        made = _delta(given)
        calls = made.tools is not None or made.others
        has_role = made.role is not None or (calls and "tool_calls" in given)
        if (
            (isinstance(content, str) and content)
            or _length(made.tools)
            or made.others
            or (has_role and not self.begun)
        ):
            _keep_others(chunk)
            self.begun = True
            self._show(_delta(given, logprobs))
        elif self.finish is not None:
            self._finish(chunk, made)
        elif calls:
            self.begun = True
            self._show(made)

    def _finish(self, chunk: Any, made: _Delta) -> None:
        if self.ended:
            return
        _keep_others(chunk)
        if made.is_empty:
            slot_of(self.finish)
            self.ended = True
        self._show(made)

    def _show(self, made: _Delta) -> None:
        """Join a chunk as the program does."""
        if made.content and not isinstance(made.content, str):
            raise ClientError("type", f'can only concatenate str (not "{type(made.content).__name__}") to str')
        self.text.append(made.content or "")
        for fragment in items(made.tools):
            self.calls.add(fragment, fragment["index"])


def _length(tools: Any) -> int:
    if tools is None:
        return 0
    if not isinstance(tools, list | str | dict):
        raise ClientError("type", f"object of type '{type(tools).__name__}' has no len()")
    return len(tools)


def _keep_others(chunk: Any) -> None:
    """Copy the fields that LiteLLM does not know."""
    if has_odd_names(chunk):
        raise ClientError("unicode", "'utf-8' codec can't encode character: surrogates not allowed")


def _read_stream(x: Exchange) -> DecodedResponse:
    failed = head_error(x, whole_body=True)
    if failed:
        return DecodedResponse(error=failed)
    received, reading = chunks(x), _Stream()
    error = received.error
    try:
        for chunk in received.values:
            reading.add(chunk)
    except ClientError as raised:
        error = raised
    return DecodedResponse(
        text="".join(reading.text),
        tools=reading.calls.tools(),
        finish=str(reading.finish or "")[:40],
        seen=bool(received.values),
        ended=received.done or bool(reading.finish),
        error=error,
    )


MESSAGE: Final = fields(
    role=_falsy_or(one_of("assistant", "user", "system", "tool", "function")),
    content=nullish(text),
    function_call=nullish(OLD_CALL),
    annotations=nullish(each(lambda value: isinstance(value, dict))),
    audio=nullish(fields(id=text, data=text, expires_at=as_integer, transcript=text)),
)
CALL: Final = fields(function=FUNCTION)


def _read_whole(x: Exchange) -> DecodedResponse:
    failed = head_error(x, whole_body=True)
    if failed:
        return DecodedResponse(error=failed)
    try:
        value = json_reply(x)
        choices = attribute(value, "choices")
        if has_odd_names(value) or _reports(value.get("error")) or not isinstance(choices, list):
            raise MALFORMED
        for choice in choices:
            _check_choice(choice)
        if value.get("usage") is not None:
            if not isinstance(value["usage"], dict):
                raise MALFORMED
            _check_usage(value["usage"])
        message = first(choices)["message"]
    except ClientError as raised:
        return DecodedResponse(error=raised)
    thought = (
        THOUGHT.match(message.get("content") or "") if not {"reasoning", "reasoning_content"} & set(message) else None
    )
    text = thought[2] if thought else message.get("content") or ""
    tools = tuple(_called(call) for call in message.get("tool_calls") or ())
    return DecodedResponse(text=text, tools=tools, seen=True, ended=True)


def _reports(error: Any) -> bool:
    """Whether a member `error` tells of one."""
    if isinstance(error, dict):
        return bool(error.get("message", "")) or error.get("code") is not None
    return bool(error) if isinstance(error, str) else error is not None


def _check_choice(choice: Any) -> None:
    """Raise ClientError unless LiteLLM can make a choice of this one."""
    message = attribute(choice, "message")
    calls = attribute(message, "tool_calls")
    slot_of(choice.get("finish_reason"))
    if not MESSAGE(message) or not (calls is None or calls in ("", {}) or each(CALL)(calls)):
        raise MALFORMED
    if isinstance(choice.get("logprobs"), dict) and not LOGPROBS(choice["logprobs"]):
        raise MALFORMED
    if any(call.get("type") == "custom" or call.get("custom") is not None for call in calls or ()):
        raise MALFORMED


def _called(call: dict[str, Any]) -> DecodedToolCall:
    function = call["function"]
    return DecodedToolCall(
        name=function.get("name"), arguments=as_arguments(function.get("arguments")), id=call.get("id")
    )


def read(x: Exchange) -> DecodedResponse:
    """`litellm.completion`."""
    return _read_stream(x) if x.mode == "stream" else _read_whole(x)


LITELLM = Client(
    profile="litellm", name="LiteLLM 1.106", version="1.106.2 (openai 2.54.0)", api="chat", simulate=simulator_3(read)
)
