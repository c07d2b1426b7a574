"""Defects in the Messages API's own shapes."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from conformance.reference.octets import each, streams
from conformance.reference.reply import Answer, Asked, Change, Event, OnAnswer

Body = dict[str, Any]
Events = tuple[Event, ...]


def planted(name: str, title: str, caught_by: str, answer: OnAnswer) -> Change:
    """A defect in what is said on the Messages API."""
    return Change(name=name, title=title, caught_by=caught_by, answer=answer)


def on_events(edit: Callable[[Events], Iterable[Event]]) -> OnAnswer:
    """Edit the events of a streamed message."""

    def change(answer: Answer, asked: Asked) -> Answer:
        is_message = asked.api == "messages" and answer.events
        return replace(answer, events=tuple(edit(answer.events))) if is_message and answer.events else answer

    return change


def without(kind: str) -> OnAnswer:
    """Leave out the events of one type."""
    return on_events(lambda events: [event for event in events if event.name != kind])


def each_of(kind: str, edit: Callable[[Body], Body]) -> OnAnswer:
    """Edit the events whose types begin so."""
    return on_events(
        lambda events: [
            replace(event, data=edit(event.data)) if (event.name or "").startswith(kind) else event for event in events
        ]
    )


def on_message(edit: Callable[[Body], Body]) -> OnAnswer:
    """Edit a whole message."""

    def change(answer: Answer, asked: Asked) -> Answer:
        is_message = (
            asked.api == "messages" and isinstance(answer.whole, dict) and answer.whole.get("type") == "message"
        )
        return replace(answer, whole=edit(answer.whole)) if is_message else answer

    return change


def as_completion(message: Body) -> Body:
    """A message as the chat API would put it."""
    said = {"role": "assistant", "content": "".join(block.get("text", "") for block in message["content"])}
    choice = {"index": 0, "message": said, "finish_reason": "stop"}
    usage = {"prompt_tokens": 3, "completion_tokens": 3, "total_tokens": 6}
    return {
        "id": message["id"],
        "object": "chat.completion",
        "created": 1_760_000_000,
        "model": message["model"],
        "choices": [choice],
        "usage": usage,
    }


def as_chunks(events: Events) -> Iterable[Event]:
    """The text of a message in chunks of the chat API."""
    for event in events:
        if event.name == "content_block_delta" and "text" in event.data["delta"]:
            choice = {"index": 0, "delta": {"content": event.data["delta"]["text"]}, "finish_reason": None}
            yield Event(data={"object": "chat.completion.chunk", "choices": [choice]}, wait_s=event.wait_s)
    yield Event(data="[DONE]")


MESSAGES = (
    planted("message-as-completion", "A message comes as a chat completion", "MSG001", on_message(as_completion)),
    planted(
        "message-without-stop-reason",
        "A message has no stop_reason",
        "MSG001",
        on_message(lambda message: message | {"stop_reason": None}),
    ),
    planted("message-in-chunks", "A message is streamed in chat chunks", "MSG002", on_events(as_chunks)),
    Change(
        name="ping-empty",
        title="Pings have no data",
        caught_by="MSG002",
        reply=streams(
            each(lambda octets: b'event: ping\ndata: ""\n\n' if octets.startswith(b"event: ping") else octets)
        ),
    ),
    planted("no-message-start", "A stream has no message_start", "MSG003", without("message_start")),
    planted("no-block-start", "Content blocks are not started", "MSG004", without("content_block_start")),
    planted(
        "block-numbers-skip",
        "Content blocks are numbered from 2",
        "MSG004",
        each_of("content_block_", lambda event: event | {"index": event["index"] + 2}),
    ),
    planted("no-block-stop", "Content blocks are not stopped", "MSG005", without("content_block_stop")),
    planted("no-message-delta", "Nothing tells why a message ends", "MSG006", without("message_delta")),
    planted(
        "delta-misfit",
        "Text comes in deltas for arguments",
        "MSG007",
        each_of(
            "content_block_delta",
            lambda event: (
                event | {"delta": {"type": "input_json_delta", "partial_json": event["delta"].get("text", "")}}
            ),
        ),
    ),
)
