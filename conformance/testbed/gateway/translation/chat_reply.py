"""A message, or a response, as a chat completion, whole or streamed."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from conformance.parsing.json_values import as_array, as_object, as_string
from conformance.testbed.gateway.translation.endings import (
    FROM_MESSAGES,
    INCOMPLETE,
    chat_usage_of_messages,
    chat_usage_of_responses,
)
from conformance.testbed.gateway.translation.failures import CUT, UNREADABLE, FailedError
from conformance.testbed.gateway.translation.fields import Body
from conformance.testbed.gateway.translation.wire import DONE, Events
from conformance.testbed.server.reply import Event

FROM_INCOMPLETE: Final = {reason: finish for finish, reason in INCOMPLETE.items()}


def _joined(parts: list[Any], kind: str, name: str) -> str:
    return "".join(as_string(part.get(name)) for part in parts if part.get("type") == kind)


def _function(name: Any, arguments: str) -> Body:
    return {"type": "function", "function": {"name": name, "arguments": arguments}}


def _completion(frame: Body, fields: Body, finish: str, usage: Body) -> Body:
    kept = {name: value for name, value in fields.items() if value}
    message = {"role": "assistant", "content": None if fields.get("tool_calls") else "", "refusal": None} | kept
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish}
    return frame | {"object": "chat.completion", "choices": [choice], "usage": usage}


def _frame(name: Any, model: Any, at: Any = None) -> Body:
    return {"id": f"chatcmpl-{name}", "created": at or int(time.time()), "model": model}


# From Messages


def completion_of_message(whole: Body, _requested: Body) -> Body:
    """A whole message as a completion. Raises FailedError if it can't be read."""
    if not isinstance(whole.get("content"), list):
        raise FailedError(UNREADABLE)
    blocks: list[Body] = whole["content"]
    calls = [
        {"id": block["id"], **_function(block["name"], json.dumps(block["input"], ensure_ascii=False))}
        for block in blocks
        if block["type"] == "tool_use"
    ]
    fields = {
        "content": _joined(blocks, "text", "text"),
        "reasoning_content": _joined(blocks, "thinking", "thinking"),
        "tool_calls": calls,
    }
    finish = FROM_MESSAGES.get(as_string(whole.get("stop_reason")), "stop")
    usage = chat_usage_of_messages(whole.get("usage"))
    return _completion(_frame(whole.get("id"), whole.get("model")), fields, finish, usage)


async def chunks_of_message(events: Events, requested: Body) -> Events:
    """The events of a message as chunks. Raises FailedError if it ends before the response does."""
    state = _Chunks(requested)
    async for event in events:
        value = as_object(event.data)
        for chunk in _chunks_of(state, value):
            yield chunk
        if value.get("type") == "message_stop":
            break
    for chunk in state.ended(chat_usage_of_messages(state.usage)):
        yield chunk


def _chunks_of(state: "_Chunks", value: Body) -> Iterator[Event]:
    """The chunks for one event of a message."""
    kind, delta = value.get("type"), as_object(value.get("delta"))
    if kind == "message_start":
        message = as_object(value.get("message"))
        state.usage |= as_object(message.get("usage"))
        yield from state.opened(message)
    elif kind == "content_block_start":
        block = as_object(value.get("content_block"))
        if block.get("type") == "tool_use":
            yield state.call(value.get("index"), as_string(block.get("id")), as_string(block.get("name")))
        elif text := as_string(block.get("text")):
            yield state.delta(content=text)
    elif kind == "content_block_delta" and delta.get("type") == "input_json_delta":
        yield from state.arguments(value.get("index"), as_string(delta.get("partial_json")))
    elif kind == "content_block_delta" and delta.get("type") == "text_delta":
        yield state.delta(content=delta.get("text"))
    elif kind == "content_block_delta" and delta.get("type") == "thinking_delta":
        yield state.delta(reasoning_content=delta.get("thinking"))
    elif kind == "content_block_stop" and state.lacks_arguments(value.get("index")):
        yield from state.arguments(value.get("index"), "{}")
    elif kind == "message_delta":
        state.usage |= as_object(value.get("usage"))
        state.finish = FROM_MESSAGES.get(as_string(delta.get("stop_reason")), "stop")


# From Responses


def completion_of_response(whole: Body, _requested: Body) -> Body:
    """A whole response as a completion. Raises FailedError if it can't be read."""
    if not isinstance(whole.get("output"), list):
        raise FailedError(UNREADABLE)
    items: list[Body] = whole["output"]
    parts = [part for item in items if item["type"] == "message" for part in item["content"]]
    thoughts = [part for item in items if item["type"] == "reasoning" for part in as_array(item.get("content"))]
    calls = [
        {"id": item["call_id"], **_function(item["name"], item["arguments"])}
        for item in items
        if item["type"] == "function_call"
    ]
    fields = {
        "content": _joined(parts, "output_text", "text"),
        "refusal": _joined(parts, "refusal", "refusal"),
        "reasoning_content": _joined(thoughts, "reasoning_text", "text"),
        "tool_calls": calls,
    }
    frame = _frame(whole.get("id"), whole.get("model"), whole.get("created_at"))
    usage = chat_usage_of_responses(whole.get("usage"))
    return _completion(frame, fields, _finish(whole, is_calling=bool(calls)), usage)


def _finish(whole: Body, *, is_calling: bool) -> str:
    if whole.get("status") == "incomplete":
        return FROM_INCOMPLETE.get(as_string(as_object(whole.get("incomplete_details")).get("reason")), "length")
    return "tool_calls" if is_calling else "stop"


async def chunks_of_response(events: Events, requested: Body) -> Events:
    """The events of a response as chunks. Raises FailedError if it ends before the response does."""
    state = _Chunks(requested)
    async for event in events:
        value = as_object(event.data)
        kind, response = as_string(value.get("type")), as_object(value.get("response"))
        if kind == "response.created":
            for chunk in state.opened(response):
                yield chunk
        elif kind in TEXTS:
            yield state.delta(**{TEXTS[kind]: value.get("delta")})
        elif kind == "response.output_item.added" and as_object(value.get("item")).get("type") == "function_call":
            yield state.call(value.get("output_index"), value["item"]["call_id"], value["item"]["name"])
        elif kind == "response.function_call_arguments.delta":
            for chunk in state.arguments(value.get("output_index"), as_string(value.get("delta"))):
                yield chunk
        elif kind in ("response.completed", "response.incomplete"):
            state.finish = _finish(response, is_calling=bool(state.slots))
            state.usage = as_object(response.get("usage"))
            break
    for chunk in state.ended(chat_usage_of_responses(state.usage)):
        yield chunk


TEXTS: Final = {
    "response.output_text.delta": "content",
    "response.refusal.delta": "refusal",
    "response.reasoning_text.delta": "reasoning_content",
}


@dataclass(slots=True)
class _Chunks:
    """The chunks of a completion that is being streamed. `slots` are the keys of its calls, in order."""

    requested: Body
    frame: Body = field(default_factory=dict)
    slots: list[Any] = field(default_factory=list)
    argued: set[Any] = field(default_factory=set)
    finish: str = ""
    usage: Body = field(default_factory=dict)

    @property
    def shows_usage(self) -> bool:
        """Whether the client asked for usage."""
        return as_object(self.requested.get("stream_options")).get("include_usage") is True

    def _chunk(self, choices: list[Body], usage: Body | None = None) -> Event:
        with_usage = {"usage": usage} if self.shows_usage else {}
        return Event(data=self.frame | {"object": "chat.completion.chunk", "choices": choices} | with_usage)

    def opened(self, head: Body) -> Iterator[Event]:
        """The first chunk."""
        self.frame = _frame(head.get("id"), head.get("model"), head.get("created_at"))
        yield self.delta(role="assistant", content="")

    def delta(self, **facts: Any) -> Event:
        """A chunk with a delta."""
        return self._chunk([{"index": 0, "delta": facts, "logprobs": None, "finish_reason": None}])

    def call(self, key: Any, name: str, function: str) -> Event:
        """The chunk that opens a call; calls are numbered in order."""
        self.slots.append(key)
        opening = {"index": len(self.slots) - 1, "id": name, **_function(function, "")}
        return self.delta(tool_calls=[opening])

    def arguments(self, key: Any, text: str) -> Iterator[Event]:
        """The chunk with a piece of a call's arguments."""
        if text and key in self.slots:
            self.argued.add(key)
            yield self.delta(tool_calls=[{"index": self.slots.index(key), "function": {"arguments": text}}])

    def lacks_arguments(self, key: Any) -> bool:
        """Whether a call had no arguments so far: those of Messages may be left out, those of chat may not."""
        return key in self.slots and key not in self.argued

    def ended(self, usage: Body) -> Iterator[Event]:
        """The last chunks. Raises FailedError if there was no reason to end."""
        if not self.finish:
            raise FailedError(CUT)
        yield self._chunk([{"index": 0, "delta": {}, "logprobs": None, "finish_reason": self.finish}])
        if self.shows_usage:
            yield self._chunk([], usage)
        yield Event(data=DONE)
