"""Defects in the Messages API's own shapes: the message, its events and their order."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import accumulate

from conformance.testbed.mutations.mutate_bytes import each, streams
from conformance.testbed.mutations.mutate_chat import less, more, planted
from conformance.testbed.mutations.mutate_messages import (
    Body,
    Events,
    each_delta,
    each_end,
    each_head,
    each_of,
    on_events,
    on_message,
    regrouped,
    within,
    without,
)
from conformance.testbed.server.reply import Change, Event


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
        if event.name == "content_block_delta":
            said = event.data["delta"]
            choice = {
                "index": 0,
                "delta": {"content": said.get("text") or said["partial_json"]},
                "finish_reason": None,
            }
            yield Event(data={"object": "chat.completion.chunk", "choices": [choice]}, wait_s=event.wait_s)
    yield Event(data="[DONE]")


def as_text(message: Body) -> Body:
    """A message whose content is a text, as in a request."""
    return message | {"content": "".join(block.get("text", "") for block in message["content"])}


def started_again(events: Events) -> Iterator[Event]:
    """The message is started a second time before its end."""
    for event in events:
        if event.name == "message_delta":
            yield events[0]
        yield event


def reason_first(events: Events) -> Iterator[Event]:
    """The reason is told before the blocks."""
    told = [event for event in events if event.name == "message_delta"]
    yield events[0]
    yield from told
    yield from (event for event in events[1:] if event.name != "message_delta")


def full_at_once(events: Events) -> Iterator[Event]:
    """What the deltas add stands in the start of the block."""
    texts: dict[int, str] = {}
    for event in events:
        if event.name == "content_block_delta" and "text" in event.data["delta"]:
            texts[event.data["index"]] = texts.get(event.data["index"], "") + event.data["delta"]["text"]
    for event in events:
        if event.name == "content_block_start" and event.data["index"] in texts:
            text = {"text": texts[event.data["index"]]}
            yield replace(event, data=event.data | {"content_block": event.data["content_block"] | text})
        elif event.name != "content_block_delta" or event.data["index"] not in texts:
            yield event


def interleaved(events: Events) -> Iterator[Event]:
    """All blocks start before any of them goes on."""
    starts = [event for event in events if event.name == "content_block_start"]
    for event in events:
        if event is starts[0] if starts else False:
            yield from starts
        elif event not in starts:
            yield event


def thought_first(events: Events, signature: str | None) -> Iterator[Event]:
    """A block of thinking before the others, which move on by one; None for no signature."""
    opening, *rest = events
    yield opening
    signed = [{"type": "signature_delta", "signature": signature}] if signature else []
    deltas: list[Body] = [{"type": "thinking_delta", "thinking": "A greeting."}, *signed]
    block = {"type": "thinking", "thinking": ""} | ({"signature": ""} if signature else {})
    for kind, facts in (
        ("content_block_start", {"content_block": block}),
        *(("content_block_delta", {"delta": delta}) for delta in deltas),
        ("content_block_stop", {}),
    ):
        yield Event(name=kind, data={"type": kind, "index": 0, **facts})
    for event in rest:
        moved = {"index": event.data["index"] + 1} if "index" in event.data else {}
        yield replace(event, data=event.data | moved)


def in_differences(events: Events) -> Iterator[Event]:
    """The tokens of each part of the message are told, not those so far."""
    for event in events:
        if event.name == "message_delta":
            tokens = event.data["usage"]["output_tokens"]
            first = event.data | {"delta": {}, "usage": {"output_tokens": max(tokens - 1, 1)}}
            yield replace(event, data=first)
            yield replace(event, data=event.data | {"usage": {"output_tokens": 1}})
        else:
            yield event


IN_CHAT_WORDS = {"end_turn": "stop", "max_tokens": "length", "tool_use": "tool_calls", "stop_sequence": "stop"}


def in_chat_words(told: Body) -> Body:
    """The reason in the words of the chat API."""
    reason = told.get("stop_reason")
    return told | {"stop_reason": IN_CHAT_WORDS.get(reason, reason)} if reason else told


MESSAGE = (
    planted("message-as-completion", "A message comes as a chat completion", "MSG001", on_message(as_completion)),
    planted(
        "message-without-stop-reason", "A message has no stop_reason", "MSG001", on_message(more(stop_reason=None))
    ),
    planted("message-content-as-text", "The content of a message is a text", "MSG001", on_message(as_text)),
    planted("message-without-role", "A message has no role", "MSG001", on_message(less("role"))),
    planted(
        "message-usage-in-chat-words",
        "The usage of a message has the names of the chat API",
        "MSG001",
        on_message(more(usage={"prompt_tokens": 3, "completion_tokens": 3, "total_tokens": 6})),
    ),
    planted("message-without-id", "A message has no id", "MSG008", each_head(less("id"))),
    planted("message-model-null", "A message names no model", "MSG008", each_head(more(model=None))),
    planted("message-started-again", "message_start comes twice", "MSG009", on_events(started_again)),
    planted(
        "message-of-the-user",
        "A streamed message has the role user",
        "MSG009",
        each_of("message_start", within("message", more(role="user"))),
    ),
    planted(
        "message-starts-with-content",
        "message_start holds a text already",
        "MSG010",
        each_of("message_start", within("message", more(content=[{"type": "text", "text": ""}]))),
    ),
    planted(
        "message-starts-ended",
        "message_start has a stop_reason already",
        "MSG010",
        each_of("message_start", within("message", more(stop_reason="end_turn"))),
    ),
)
EVENTS = (
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
    planted(
        "message-start-without-usage",
        "message_start tells no usage",
        "MSG003",
        each_of("message_start", within("message", less("usage"))),
    ),
    planted("no-block-start", "Content blocks are not started", "MSG004", without("content_block_start")),
    planted(
        "block-numbers-skip",
        "Content blocks are numbered from 2",
        "MSG004",
        each_of("content_block_", lambda event: event | {"index": event["index"] + 2}),
    ),
    planted(
        "block-numbers-stay",
        "All content blocks have the number 0",
        "MSG004",
        each_of("content_block_", lambda event: event | {"index": 0}),
    ),
    planted("no-block-stop", "Content blocks are not stopped", "MSG005", without("content_block_stop")),
    planted("blocks-interleaved", "All blocks start before the first is filled", "MSG011", on_events(interleaved)),
    planted("block-starts-full", "The text stands in the start of its block", "MSG012", on_events(full_at_once)),
    planted("text-so-far", "Each delta has all the text so far", "MSG013", regrouped(accumulate)),
    planted(
        "thought-unsigned",
        "A thought has no signature",
        "MSG014",
        on_events(lambda events: thought_first(events, None)),
    ),
    planted(
        "delta-misfit",
        "Text comes in deltas for arguments",
        "MSG007",
        each_delta(lambda delta: {"type": "input_json_delta", "partial_json": delta["text"]}, "text_delta"),
    ),
    planted("delta-without-type", "Deltas don't say their types", "MSG007", each_delta(less("type"))),
)
ENDS = (
    planted("no-message-delta", "Nothing tells why a message ends", "MSG006", without("message_delta")),
    planted(
        "message-delta-without-usage",
        "The message_delta tells no usage",
        "MSG006",
        each_of("message_delta", less("usage")),
    ),
    planted(
        "stream-without-stop-reason",
        "The stop_reason of a streamed message is null",
        "MSG006",
        each_of("message_delta", within("delta", more(stop_reason=None))),
    ),
    planted(
        "stop-reason-in-chat-words", "stop_reason has the words of the chat API", "MSG019", each_end(in_chat_words)
    ),
    planted("stop-reason-first", "The stop_reason comes before the blocks", "MSG020", on_events(reason_first)),
    planted("stop-sequence-untold", "stop_sequence is always null", "MSG021", each_end(more(stop_sequence=None))),
    planted(
        "output-tokens-in-differences", "output_tokens are told as differences", "MSG022", on_events(in_differences)
    ),
)
