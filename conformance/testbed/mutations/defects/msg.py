"""Defects specific to the Messages API: the message, its events and their order."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import accumulate

from conformance.testbed.mutations.mutate_bytes import each, streams
from conformance.testbed.mutations.mutate_chat import defect, with_fields, without_fields
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
from conformance.testbed.server.reply import Event, Mutation


def as_completion(message: Body) -> Body:
    """A message in the shape of a chat completion."""
    answer = {"role": "assistant", "content": "".join(block.get("text", "") for block in message["content"])}
    choice = {"index": 0, "message": answer, "finish_reason": "stop"}
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
    """The text of a message in chat chunks."""
    for event in events:
        delta = event.data.get("delta", {}) if event.name == "content_block_delta" else {}
        if text := delta.get("text") or delta.get("partial_json"):
            choice = {"index": 0, "delta": {"content": text}, "finish_reason": None}
            yield Event(data={"object": "chat.completion.chunk", "choices": [choice]}, wait_s=event.wait_s)
    yield Event(data="[DONE]")


def as_text(message: Body) -> Body:
    """A message whose content is a string, as in a request."""
    return message | {"content": "".join(block.get("text", "") for block in message["content"])}


def started_again(events: Events) -> Iterator[Event]:
    """message_start is repeated before the end."""
    for event in events:
        if event.name == "message_delta":
            yield events[0]
        yield event


def reason_first(events: Events) -> Iterator[Event]:
    """message_delta is sent before the content blocks."""
    deltas = [event for event in events if event.name == "message_delta"]
    yield events[0]
    yield from deltas
    yield from (event for event in events[1:] if event.name != "message_delta")


def stopped_twice(events: Events) -> Iterator[Event]:
    """Each content_block_stop is repeated."""
    for event in events:
        yield event
        if event.name == "content_block_stop":
            yield event


def full_at_once(events: Events) -> Iterator[Event]:
    """content_block_start contains what its deltas would add."""
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
    """All blocks start before any of them continues."""
    starts = [event for event in events if event.name == "content_block_start"]
    for event in events:
        if event is starts[0] if starts else False:
            yield from starts
        elif event not in starts:
            yield event


def thought_first(events: Events, signature: str | None) -> Iterator[Event]:
    """A thinking block before the others, whose indexes shift by one; `signature` None leaves it unsigned."""
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
    """output_tokens as increments instead of cumulative."""
    for event in events:
        if event.name == "message_delta":
            tokens = event.data["usage"]["output_tokens"]
            first = event.data | {"delta": {}, "usage": {"output_tokens": max(tokens - 1, 1)}}
            yield replace(event, data=first)
            yield replace(event, data=event.data | {"usage": {"output_tokens": 1}})
        else:
            yield event


IN_CHAT_WORDS = {"end_turn": "stop", "max_tokens": "length", "tool_use": "tool_calls", "stop_sequence": "stop"}


def in_chat_words(ended: Body) -> Body:
    """stop_reason with the chat API's values."""
    reason = ended.get("stop_reason")
    return ended | {"stop_reason": IN_CHAT_WORDS.get(reason, reason)} if reason else ended


MESSAGE = (
    defect("message-as-completion", "A message is sent as a chat completion", "MSG001", on_message(as_completion)),
    defect(
        "message-without-stop-reason",
        "A message has no stop_reason",
        "MSG001",
        on_message(with_fields(stop_reason=None)),
    ),
    defect("message-content-as-text", "The content of a message is a string", "MSG001", on_message(as_text)),
    defect("message-without-role", "A message has no role", "MSG001", on_message(without_fields("role"))),
    defect(
        "message-usage-in-chat-words",
        "The usage of a message has the chat API's field names",
        "MSG001",
        on_message(with_fields(usage={"prompt_tokens": 3, "completion_tokens": 3, "total_tokens": 6})),
    ),
    defect("message-without-id", "A message has no id", "MSG008", each_head(without_fields("id"))),
    defect("message-model-null", "The model of a message is null", "MSG008", each_head(with_fields(model=None))),
    defect("message-started-again", "message_start is sent twice", "MSG009", on_events(started_again)),
    defect(
        "message-of-the-user",
        "A streamed message has the role user",
        "MSG009",
        each_of("message_start", within("message", with_fields(role="user"))),
    ),
    defect(
        "message-starts-with-content",
        "message_start already contains a content block",
        "MSG010",
        each_of("message_start", within("message", with_fields(content=[{"type": "text", "text": ""}]))),
    ),
    defect(
        "message-starts-ended",
        "message_start already has a stop_reason",
        "MSG010",
        each_of("message_start", within("message", with_fields(stop_reason="end_turn"))),
    ),
)
EVENTS = (
    defect("message-in-chunks", "A message is streamed in chat chunks", "MSG002", on_events(as_chunks)),
    Mutation(
        name="ping-empty",
        title="ping events have an empty string as data",
        caught_by="MSG002",
        on_wire=streams(each(lambda raw: b'event: ping\ndata: ""\n\n' if raw.startswith(b"event: ping") else raw)),
    ),
    defect("no-message-start", "A stream has no message_start", "MSG003", without("message_start")),
    defect(
        "message-start-without-usage",
        "message_start has no usage",
        "MSG003",
        each_of("message_start", within("message", without_fields("usage"))),
    ),
    defect("no-block-start", "content_block_start is missing", "MSG004", without("content_block_start")),
    defect(
        "block-numbers-skip",
        "Content block indexes start at 2",
        "MSG004",
        each_of("content_block_", lambda event: event | {"index": event["index"] + 2}),
    ),
    defect(
        "block-numbers-stay",
        "All content blocks have index 0",
        "MSG004",
        each_of("content_block_", lambda event: event | {"index": 0}),
    ),
    defect("block-stopped-twice", "Each content_block_stop is sent twice", "MSG004", on_events(stopped_twice)),
    defect("no-block-stop", "content_block_stop is missing", "MSG005", without("content_block_stop")),
    defect("blocks-interleaved", "All content blocks start before the first delta", "MSG011", on_events(interleaved)),
    defect("block-starts-full", "content_block_start already contains the text", "MSG012", on_events(full_at_once)),
    defect("text-so-far", "Deltas are cumulative: each repeats all earlier text", "MSG013", regrouped(accumulate)),
    defect(
        "thought-unsigned",
        "A thinking block has no signature",
        "MSG014",
        on_events(lambda events: thought_first(events, None)),
    ),
    defect(
        "delta-misfit",
        "Text is sent as input_json_delta",
        "MSG007",
        each_delta(lambda delta: {"type": "input_json_delta", "partial_json": delta["text"]}, "text_delta"),
    ),
    defect("delta-without-type", "Deltas have no type", "MSG007", each_delta(without_fields("type"))),
)
ENDS = (
    defect("no-message-delta", "message_delta is missing", "MSG006", without("message_delta")),
    defect(
        "message-delta-without-usage",
        "message_delta has no usage",
        "MSG006",
        each_of("message_delta", without_fields("usage")),
    ),
    defect(
        "stream-without-stop-reason",
        "The stop_reason of a streamed message is null",
        "MSG006",
        each_of("message_delta", within("delta", with_fields(stop_reason=None))),
    ),
    defect("stop-reason-in-chat-words", "stop_reason has the chat API's values", "MSG019", each_end(in_chat_words)),
    defect("stop-reason-first", "The stop_reason is sent before the content blocks", "MSG020", on_events(reason_first)),
    defect("stop-sequence-untold", "stop_sequence is always null", "MSG021", each_end(with_fields(stop_sequence=None))),
    defect(
        "output-tokens-in-differences",
        "output_tokens are increments instead of cumulative",
        "MSG022",
        on_events(in_differences),
    ),
)
