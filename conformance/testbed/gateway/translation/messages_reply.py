"""A chat completion as a message, whole or streamed."""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from conformance.parsing.json_values import as_array, as_object, as_string
from conformance.testbed.gateway.translation.endings import TO_MESSAGES, messages_usage
from conformance.testbed.gateway.translation.failures import CUT, UNREADABLE, FailedError
from conformance.testbed.gateway.translation.fields import Body
from conformance.testbed.gateway.translation.wire import DONE, Events, typed
from conformance.testbed.server.reply import Event

THOUGHTS = ("reasoning_content", "reasoning")
SIGNATURE: Final = base64.b64encode(b"unsigned: of a chat upstream").decode()
"""Clients expect a signature with each thought, and send it back; the translator of requests leaves thoughts out."""


def reasoning_of(message: Body) -> str:
    """The reasoning in a chat message or delta, under the names that vendors use."""
    return next((text for name in THOUGHTS if (text := as_string(message.get(name)))), "")


def message(whole: Body, _requested: Body) -> Body:
    """A whole completion as a message. Raises FailedError if it can't be read."""
    choices = as_array(whole.get("choices"))
    if not choices or not isinstance(choices[0].get("message"), dict):
        raise FailedError(UNREADABLE)
    sent: Body = choices[0]["message"]
    thought, text = reasoning_of(sent), as_string(sent.get("content")) + as_string(sent.get("refusal"))
    return {
        "id": f"msg_{whole.get('id')}",
        "type": "message",
        "role": "assistant",
        "model": whole.get("model"),
        "content": [
            *([{"type": "thinking", "thinking": thought, "signature": SIGNATURE}] if thought else []),
            *([{"type": "text", "text": text}] if text else []),
            *(_call(call) for call in as_array(sent.get("tool_calls"))),
        ],
        "stop_reason": _stop_reason(choices[0].get("finish_reason"), refused=bool(sent.get("refusal"))),
        "stop_sequence": None,
        "usage": messages_usage(whole.get("usage")),
    }


def _call(call: Body) -> Body:
    function = as_object(call.get("function"))
    return {"type": "tool_use", "id": call["id"], "name": function["name"], "input": _input(function.get("arguments"))}


def _input(arguments: Any) -> Body:
    try:
        value = json.loads(arguments or "{}")
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise FailedError(UNREADABLE)
    return value


def _stop_reason(finish: Any, *, refused: bool) -> str:
    word = TO_MESSAGES.get(as_string(finish), "end_turn")
    return "refusal" if refused and word == "end_turn" else word


async def message_events(chunks: Events, _requested: Body) -> Events:
    """A stream of chunks as the events of a message. Raises FailedError if it ends before the response does."""
    state = _Message()
    async for chunk in chunks:
        if chunk.data == DONE:
            break
        for event in state.take(as_object(chunk.data)):
            yield event
    for event in state.ended():
        yield event


@dataclass(slots=True)
class _Call:
    """A call whose fragments arrive, perhaps between those of others."""

    id: str = ""
    name: str = ""
    arguments: str = ""
    shown: int = 0
    is_started: bool = False


@dataclass(slots=True)
class _Message:
    """A message that is being streamed: one block is open at a time; fragments of other calls wait for their turn."""

    started: bool = False
    index: int = -1
    open: str = ""
    calls: dict[int, _Call] = field(default_factory=dict)
    current: int | None = None
    finish: str = ""
    refused: bool = False
    usage: Any = None

    def take(self, chunk: Body) -> Iterator[Event]:
        """The events that a chunk adds."""
        self.usage = chunk.get("usage") or self.usage
        if not self.started and chunk.get("id"):
            self.started = True
            yield self._opening(chunk)
        for choice in as_array(chunk.get("choices"))[:1]:
            delta = as_object(choice.get("delta"))
            yield from self._text("thinking", "thinking", reasoning_of(delta))
            self.refused = self.refused or bool(delta.get("refusal"))
            yield from self._text("text", "text", as_string(delta.get("content")) + as_string(delta.get("refusal")))
            for fragment in as_array(delta.get("tool_calls")):
                yield from self._fragment(fragment)
            self.finish = as_string(choice.get("finish_reason")) or self.finish

    def _opening(self, chunk: Body) -> Event:
        head = {"id": f"msg_{chunk['id']}", "type": "message", "role": "assistant", "model": chunk.get("model")}
        empty: Body = {"content": [], "stop_reason": None, "stop_sequence": None, "usage": messages_usage(None)}
        return typed("message_start", message=head | empty)

    def _text(self, kind: str, name: str, text: str) -> Iterator[Event]:
        if not text:
            return
        if self.open != kind:
            yield from self._closed()
            yield self._started(kind, {"type": kind, name: ""} | ({"signature": ""} if kind == "thinking" else {}))
        yield self._delta({"type": f"{kind}_delta", name: text})

    def _started(self, kind: str, block: Body) -> Event:
        self.index, self.open = self.index + 1, kind
        return typed("content_block_start", index=self.index, content_block=block)

    def _delta(self, delta: Body) -> Event:
        return typed("content_block_delta", index=self.index, delta=delta)

    def _closed(self) -> Iterator[Event]:
        if self.open == "thinking":
            yield self._delta({"type": "signature_delta", "signature": SIGNATURE})
        if self.open:
            self.open, self.current = "", None
            yield typed("content_block_stop", index=self.index)

    def _fragment(self, fragment: Body) -> Iterator[Event]:
        slot, function = fragment.get("index", 0), as_object(fragment.get("function"))
        call = self.calls.setdefault(slot, _Call())
        call.id, call.name = call.id or as_string(fragment.get("id")), call.name or as_string(function.get("name"))
        call.arguments += as_string(function.get("arguments"))
        if self.current is None or (slot != self.current and _is_whole(self.calls[self.current].arguments)):
            yield from self._closed()
            self.current = slot
        if slot == self.current:
            yield from self._shown(call)

    def _shown(self, call: _Call) -> Iterator[Event]:
        if not call.is_started:
            call.is_started = True
            yield self._started("tool_use", {"type": "tool_use", "id": call.id, "name": call.name, "input": {}})
        if more := call.arguments[call.shown :]:
            call.shown = len(call.arguments)
            yield self._delta({"type": "input_json_delta", "partial_json": more})

    def ended(self) -> Iterator[Event]:
        """The events that end the message. Raises FailedError if there was no finish reason."""
        if not self.finish:
            raise FailedError(CUT)
        for slot, call in sorted(self.calls.items()):
            if not call.is_started or call.shown < len(call.arguments):
                yield from self._closed()
                self.current = slot
                yield from self._shown(call)
        yield from self._closed()
        reason = _stop_reason(self.finish, refused=self.refused)
        ended = {"stop_reason": reason, "stop_sequence": None}
        yield typed("message_delta", delta=ended, usage=messages_usage(self.usage))
        yield typed("message_stop")


def _is_whole(arguments: str) -> bool:
    """Whether the arguments so far are a JSON text, so that no more can follow."""
    try:
        json.loads(arguments)
    except ValueError:
        return False
    return True
