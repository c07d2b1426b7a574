"""Pydantic AI: openai-python 3 or anthropic-python under an agent that needs text or a tool call."""

from dataclasses import replace
from typing import Any, Final

from conformance.clients.claude_sdk import block_text, events
from conformance.clients.claude_sdk import completed as completed_message
from conformance.clients.claude_sdk import streamed as streamed_message
from conformance.clients.client import Client
from conformance.clients.openai_python import simulator_3
from conformance.clients.openai_sdk import Calls, attribute, completed, first, items, slot_of, streamed, text_in
from conformance.clients.sdk import json_reply, messages, simulator
from conformance.clients.transport import json_value
from conformance.clients.turn import ClientError, DecodedResponse, DecodedToolCall
from conformance.clients.validators import Check, anything, fields, nullish, number, one_of, text
from conformance.clients.validators import items as each
from conformance.model.exchange import Exchange

ATTEMPTS: Final = 2
"""An empty response is retried once."""
HELD_NS: Final = 100_000_000
"""Text is buffered for this long before the user sees it; an error discards the buffer."""


def _countable(value: Any) -> bool:
    """A number, or a string that Pydantic converts to one."""
    return number(value) or (isinstance(value, str) and value.strip().isdecimal())


CALLED: Final = fields(id=text, type=one_of("function"), function=fields(name=text, arguments=text))
COUNTS: Final[dict[str, Check]] = dict.fromkeys(("prompt_tokens", "completion_tokens", "total_tokens"), _countable)
COMPLETION: Final = fields(
    id=text,
    object=one_of("chat.completion"),
    created=nullish(_countable),
    model=text,
    choices=each(
        fields(
            index=number,
            finish_reason=nullish(text),
            message=fields(role=one_of("assistant"), content=anything, tool_calls=nullish(each(CALLED))),
        )
    ),
    usage=nullish(fields(**COUNTS)),
)


class Parts(Calls):
    """Tool calls by index (default: the latest); arguments may be text or an object."""

    def add(self, fragment: Any, slot: Any) -> None:
        """Add one fragment. Raises ClientError if text and an object are mixed."""
        function = attribute(fragment, "function")
        name, arguments = (attribute(function, part) if function else None for part in ("name", "arguments"))
        if slot is None:
            slot = len(self._parts) if name is not None or not self._parts else list(self._parts)[-1]
        call = self._parts.setdefault(slot, {"id": None, "name": "", "arguments": ""})
        call["id"] = call["id"] or attribute(fragment, "id")
        call["name"] += text_in(name)
        if arguments:
            call["arguments"] = _joined(call["arguments"], arguments)

    def tools(self) -> tuple[DecodedToolCall, ...]:
        """The calls that have a name; a missing ID is generated, and arguments may be an object."""
        calls = (call for call in self._parts.values() if call["name"])
        return tuple(
            DecodedToolCall(
                name=c["name"],
                arguments="{}" if isinstance(c["arguments"], dict) else c["arguments"],
                id=c["id"] or "-",
            )
            for c in calls
        )


def _joined(before: Any, more: Any) -> Any:
    if not before:
        return more
    if isinstance(before, str) and isinstance(more, str):
        return before + more
    if isinstance(before, dict) and isinstance(more, dict):
        return before | more
    raise ClientError("invalid", "Cannot apply JSON deltas to non-JSON tool arguments")


def map_delta(delta: Any, calls: Calls) -> str:
    """Take one delta; None is skipped, and so is one with a refusal."""
    if delta is None or attribute(delta, "refusal"):
        return ""
    for fragment in items(attribute(delta, "tool_calls")):
        calls.add(fragment, slot_of(attribute(fragment, "index")))
    return _words(attribute(delta, "content"))


def _words(content: Any) -> str:
    """Content that is text, or the texts of its parts."""
    if isinstance(content, list):
        parts = [part.get("text") for part in content if isinstance(part, dict)]
        return "".join(text for text in parts if isinstance(text, str))
    return content if isinstance(content, str) else ""


def _judged(turn: DecodedResponse) -> DecodedResponse:
    """Neither text nor a call is an error: at once if a retry would not help, else after a retry."""
    if turn.error or turn.visible or turn.tools:
        return turn
    if turn.finish in ("length", "content_filter", "max_tokens", "refusal"):
        return turn.with_error(ClientError("api", f"finish reason {turn.finish} before any response was generated"))
    return turn.with_error(ClientError("invalid", "Exceeded maximum output retries (1)"))


def _held(x: Exchange, turn: DecodedResponse) -> DecodedResponse:
    """If a stream fails soon after its text began, the user sees only the error."""
    began = next(iter(x.arrivals), None)
    lasted = x.arrivals[-1].at_ns - began.at_ns if began else 0
    return replace(turn, text="") if turn.error and lasted < HELD_NS else turn


def chat(x: Exchange) -> DecodedResponse:
    """`Agent.run_stream` on a stream, `Agent.run` otherwise."""
    if x.mode == "stream":
        turn = streamed(x, map_delta, whole_body=False, calls=Parts())
        if not (turn.error or turn.seen):
            return turn.with_error(ClientError("invalid", "Streamed response ended without content or tool calls"))
        return _judged(_held(x, turn))
    turn = completed(x, on_chunk=_valid, whole_body=False)
    return _judged(replace(turn, text=_spoken(x), text_after_end=False) if turn.text_after_end else turn)


def _spoken(x: Exchange) -> str:
    """The text of a non-streaming response whose content is a list of parts."""
    return _words(json_reply(x)["choices"][0]["message"]["content"])


def _valid(value: Any) -> None:
    if not isinstance(value, dict):
        raise ClientError("invalid", "Invalid response from openai chat completions endpoint, expected JSON data")
    if not COMPLETION(value):
        raise ClientError("invalid", "Invalid response from openai chat completions endpoint: 1 validation error")
    first(value["choices"])


def message(x: Exchange) -> DecodedResponse:
    """The agent on anthropic-python, which always streams; a non-streaming response is read as the SDK reads it."""
    if x.mode == "unary":
        return _judged(completed_message(x))
    turn = streamed_message(x, helper=False, text_of=_part)
    if turn.error is None:
        turn = _begun(x, turn)
    if turn.error is None and any(_part(event) is not None for event in events(x)):
        return turn  # a text part, though it may be empty
    return _judged(_held(x, turn))


def _part(event: Any) -> str | None:
    """The text of an event; a delta without a type counts as a text_delta."""
    delta = event.get("delta")
    if event.get("type") == "content_block_delta" and isinstance(delta, dict) and "type" not in delta:
        return text_in(delta.get("text"))
    return block_text(event)


def _begun(x: Exchange, turn: DecodedResponse) -> DecodedResponse:
    """The stream must begin with message_start; message_start and message_delta must have usage."""
    if not turn.seen:
        return turn.with_error(ClientError("invalid", "Streamed response ended without content or tool calls"))
    events = [json_value(e.data) for e in messages(x).events if e.name not in (None, "ping", "error") and e.data]
    objects = [event for event in events if isinstance(event, dict)]
    if not objects or objects[0].get("type") != "message_start":
        return turn.with_error(ClientError("shape", "AssertionError"))
    for event in objects:
        holder = event.get("message") if event.get("type") == "message_start" else event
        counts = event.get("type") in ("message_start", "message_delta")
        if counts and isinstance(holder, dict) and not isinstance(holder.get("usage"), dict):
            message = "'NoneType' object has no attribute 'output_tokens_details'"
            return replace(turn, text="").with_error(ClientError("shape", message))
    return turn


def _attempts(turn: DecodedResponse) -> int:
    return ATTEMPTS if turn.error and turn.error.kind == "invalid" and turn.seen else 1


PYDANTIC_AI = Client(
    profile="pydantic-ai",
    name="Pydantic AI 2.68",
    version="2.68.0 (openai 3.54.0)",
    api="chat",
    simulate=simulator_3(chat, framework_attempts=_attempts),
)
PYDANTIC_AI_ANTHROPIC = Client(
    profile="pydantic-ai",
    name="Pydantic AI 2.68 (Anthropic)",
    version="2.68.0 (anthropic 2.12.0)",
    api="messages",
    simulate=simulator(message, framework_attempts=_attempts),
)
