"""A chat completion as a response, whole or streamed."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from conformance.parsing.json_values import as_array, as_object, as_string
from conformance.testbed.gateway.translation.endings import INCOMPLETE, responses_usage
from conformance.testbed.gateway.translation.failures import CUT, UNREADABLE, FailedError
from conformance.testbed.gateway.translation.fields import Body
from conformance.testbed.gateway.translation.messages_reply import reasoning_of
from conformance.testbed.gateway.translation.wire import DONE, Events, typed
from conformance.testbed.server.reply import Event
from conformance.testbed.server.responses import ECHOED_FIELDS


def response(whole: Body, requested: Body) -> Body:
    """A whole completion as a response. Raises FailedError if it can't be read."""
    choices = as_array(whole.get("choices"))
    if not choices or not isinstance(choices[0].get("message"), dict):
        raise FailedError(UNREADABLE)
    message, finish = choices[0]["message"], as_string(choices[0].get("finish_reason"))
    state = _Response(requested, _Items(as_string(whole.get("id"))))
    for _ in state.items.add(message, is_whole=True):
        pass
    for _ in state.items.closed(_status(finish)):
        pass
    return state.value(whole, finish, whole.get("usage"))


def _status(finish: str) -> str:
    return "incomplete" if finish in INCOMPLETE else "completed"


async def response_events(chunks: Events, requested: Body) -> Events:
    """A stream of chunks as the events of a response. Raises FailedError if it ends before the response does."""
    number = 0
    async for event in _unnumbered(chunks, requested):
        yield Event(name=event.name, data=event.data | {"sequence_number": number})
        number += 1


async def _unnumbered(chunks: Events, requested: Body) -> Events:
    head: Body = {}
    finish, usage, state = "", None, _Response(requested, _Items(""))
    async for chunk in chunks:
        if chunk.data == DONE:
            break
        value = as_object(chunk.data)
        usage = value.get("usage") or usage
        if not head and value.get("id"):
            head, state.items.id = value, as_string(value["id"])
            begun = state.value(head, "", None)
            yield typed("response.created", response=begun)
            yield typed("response.in_progress", response=begun)
        for choice in as_array(value.get("choices"))[:1]:
            for event in state.items.add(as_object(choice.get("delta"))):
                yield event
            finish = as_string(choice.get("finish_reason")) or finish
    if not finish:
        raise FailedError(CUT)
    for event in state.items.closed(_status(finish)):
        yield event
    yield typed(f"response.{_status(finish)}", response=state.value(head, finish, usage))


@dataclass(slots=True)
class _Items:
    """The items of the output while they arrive. Text, reasoning and each call are items of their own."""

    id: str
    items: list[Body] = field(default_factory=list)
    keys: list[Any] = field(default_factory=list)

    def add(self, message: Body, *, is_whole: bool = False) -> Iterator[Event]:
        """The events that a delta, or a whole message, adds."""
        if text := reasoning_of(message):
            yield from self._text("reasoning", "reasoning_text", text)
        if text := as_string(message.get("content")):
            yield from self._text("message", "output_text", text)
        if text := as_string(message.get("refusal")):
            yield from self._text("message", "refusal", text)
        for at, call in enumerate(as_array(message.get("tool_calls"))):
            yield from self._call(at if is_whole else call.get("index", 0), call)

    def _place(self, key: Any, fresh: Body) -> tuple[int, list[Event]]:
        """The index of the item with this key, which is made if there is none."""
        if key in self.keys:
            return self.keys.index(key), []
        self.keys.append(key)
        self.items.append(fresh | {"id": f"{fresh['type'][:2]}_{self.id}_{len(self.keys)}", "status": "in_progress"})
        added = self.items[-1]
        return len(self.keys) - 1, [_at(len(self.keys) - 1, "response.output_item.added", item=dict(added))]

    def _text(self, kind: str, part_type: str, text: str) -> Iterator[Event]:
        named: Body = {"role": "assistant"} if kind == "message" else {"summary": []}
        at, events = self._place(kind, {"type": kind, **named, "content": []})
        yield from events
        item, name = self.items[at], _text_field(part_type)
        parts: list[Body] = item["content"]
        if not parts or parts[-1]["type"] != part_type:
            more: Body = {"annotations": [], "logprobs": []} if part_type == "output_text" else {}
            item["content"] = parts = [*parts, {"type": part_type, name: "", **more}]
            where = {"item_id": item["id"], "content_index": len(parts) - 1}
            yield _at(at, "response.content_part.added", **where, part=dict(parts[-1]))
        parts[-1][name] += text
        where = {"item_id": item["id"], "content_index": len(parts) - 1}
        yield _at(at, f"response.{part_type}.delta", **where, delta=text, **_logprobs(part_type))

    def _call(self, slot: int, call: Body) -> Iterator[Event]:
        function = as_object(call.get("function"))
        fresh = {"type": "function_call", "call_id": call.get("id"), "name": function.get("name"), "arguments": ""}
        at, events = self._place(slot, fresh)
        yield from events
        if more := as_string(function.get("arguments")):
            self.items[at]["arguments"] += more
            yield _at(at, "response.function_call_arguments.delta", item_id=self.items[at]["id"], delta=more)

    def closed(self, status: str) -> Iterator[Event]:
        """The events that end every item; the last one has the status of the response."""
        for at, item in enumerate(self.items):
            item["status"] = status if at == len(self.items) - 1 else "completed"
            for index, part in enumerate(item.get("content", ())):
                kind, name = part["type"], _text_field(part["type"])
                where = {"item_id": item["id"], "content_index": index}
                yield _at(at, f"response.{kind}.done", **where, **{name: part[name]}, **_logprobs(kind))
                yield _at(at, "response.content_part.done", **where, part=dict(part))
            if item["type"] == "function_call":
                done = {name: item[name] for name in ("name", "arguments")}
                yield _at(at, "response.function_call_arguments.done", item_id=item["id"], **done)
            yield _at(at, "response.output_item.done", item=dict(item))


def _at(index: int, kind: str, **facts: Any) -> Event:
    return typed(kind, output_index=index, **facts)


def _text_field(part_type: str) -> str:
    return "refusal" if part_type == "refusal" else "text"


def _logprobs(part_type: str) -> Body:
    return {"logprobs": []} if part_type == "output_text" else {}


@dataclass(slots=True)
class _Response:
    """The response around the items; it echoes the client's request."""

    requested: Body
    items: _Items

    def value(self, frame: Body, finish: str, usage: Any) -> Body:
        """The response, in progress as long as there is no finish reason."""
        requested = self.requested
        echo = {
            name: requested[name] if requested.get(name) is not None else usual for name, usual in ECHOED_FIELDS.items()
        }
        status = _status(finish) if finish else "in_progress"
        return {
            "id": f"resp_{frame.get('id')}",
            "object": "response",
            "created_at": frame.get("created"),
            "status": status,
            "background": False,
            "error": None,
            "incomplete_details": {"reason": INCOMPLETE[finish]} if status == "incomplete" else None,
            "model": frame.get("model"),
            "output": list(self.items.items) if finish else [],
            "previous_response_id": None,
            "service_tier": "default",
            "store": False,
            **echo,
            "usage": responses_usage(usage) if usage else None,
        }
