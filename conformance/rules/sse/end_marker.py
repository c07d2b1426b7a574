"""The end marker: present, exact, sent once, and last."""

import re
from collections.abc import Iterator

from conformance.apis.ending import terminal_events
from conformance.apis.specs import generation
from conformance.model.exchange import Exchange, cached_reader
from conformance.model.rule import rule
from conformance.model.verdict import MUST, SHOULD, Finding, NotJudged, untestable
from conformance.model.words import GENERATIVE, WITH_CHOICES
from conformance.parsing.json_text import NOT_JSON, parse_json
from conformance.parsing.json_values import as_object, as_string, display
from conformance.parsing.sse import Event, payloads, span, stream
from conformance.rules.conditions import whole
from conformance.rules.example import HELLO, chunk, streamed
from conformance.rules.sse.conditions import has_events, has_no_error
from conformance.rules.sse.example import CHUNK_JSON, EVENTS, GOOD, GOOD_MESSAGES, MESSAGES, named, raw
from conformance.rules.sse.lines import excerpt, lost_lines, merged_events, unfinished
from conformance.rules.sse.spec import CHUNKS

LIKE_DONE = re.compile(rb"[\s\"'`]*+\[?\s*+done\s*+\]?[\s\"'`.;]*+", re.IGNORECASE)
"""Possessive quantifiers, so that a megabyte of blanks is scanned once."""
LONGEST_DONE = 40
"""Bytes of data; an end marker has fewer, however it is spelled."""


def ended(x: Exchange) -> NotJudged | None:
    """A stream with events was received that was neither truncated nor ended by an error."""
    if skip := has_events(x) or has_no_error(x):
        return skip
    if merged_events(x) or lost_lines(x):
        return untestable("the stream has misplaced lines or merged events")
    if generation(x.api).terminal_events and not any(as_string(as_object(value).get("type")) for value in payloads(x)):
        return untestable("no event has a type")
    if not terminal_events(x) and unfinished(x):
        return untestable("the stream was truncated in the middle of an event")
    if generation(x.api).terminal_events and payloads(x)[-1] is NOT_JSON:
        return untestable("the last event's data is not JSON")
    return None if terminal_events(x) else whole(x)


def marker(x: Exchange) -> str:
    """The end marker of this API's streams, for a message."""
    return " or ".join(generation(x.api).terminal_events) or "data: [DONE]"


@rule(
    "SSE007",
    MUST,
    "A stream ends with its end marker",
    spec=CHUNKS,
    fix="Send `data: [DONE]` (Messages: message_stop; Responses: response.completed) after the last content.",
    applies_to=ended,
    apis=GENERATIVE,
    good=[
        GOOD,
        GOOD_MESSAGES,
        raw(f"data:{CHUNK_JSON}\n\ndata:[DONE]\n\n"),
        raw(f"data: {CHUNK_JSON}\n\ndata: [done]\n\n"),
    ],
    bad=[
        streamed(*HELLO[:-1]),
        raw(MESSAGES[: MESSAGES.rindex(b"event")], probe="messages.hello"),
        raw(MESSAGES[: MESSAGES.rindex(b"event")] + b"data: [DONE]\n\n", probe="messages.hello"),
    ],
)
def missing_end_marker(x: Exchange) -> Iterator[Finding]:
    """Only the end marker distinguishes a complete stream from a truncated one; some clients reconnect and resend."""
    if terminal_events(x):
        return
    misspelt = not generation(x.api).terminal_events and (_spelled(x) or any(map(_joins_done, stream(x).events)))
    if not misspelt:
        yield Finding(f"the stream ends without its end marker, {marker(x)}", at=span(x, stream(x).events[-1]))


def _joins_done(event: Event) -> bool:
    """Whether the end marker is joined to other data in one event, which then is not JSON."""
    return b"[DONE]" in event.data and parse_json(event.data) is NOT_JSON


def marked(x: Exchange) -> NotJudged | None:
    """An event stream with an end marker was received, and no error ended it."""
    return has_no_error(x) or (None if terminal_events(x) else untestable("the stream has no end marker"))


@rule(
    "SSE008",
    SHOULD,
    "The end marker is sent once",
    spec=CHUNKS,
    fix="Write the end marker in one layer: the server, or the proxy that rewrites its stream.",
    applies_to=marked,
    apis=GENERATIVE,
    good=[GOOD, GOOD_MESSAGES],
    bad=[streamed(*HELLO, "[DONE]"), raw(MESSAGES + b"data: [DONE]\n\n", probe="messages.hello")],
)
def repeated_end_marker(x: Exchange) -> Iterator[Finding]:
    """Two layers end the stream: sooner or later one of them does so before the other has finished."""
    again = list(terminal_events(x)[1:])
    if x.api == "messages":
        again += [event for event in stream(x).dispatched if event.is_done]
    for event in again:
        yield Finding(f"the end marker is repeated: {excerpt(event.data)}", at=span(x, event))


@rule(
    "SSE009",
    MUST,
    "No event follows the end marker",
    spec=CHUNKS,
    fix="Send usage, costs and other data before the end marker, or as a comment.",
    applies_to=marked,
    apis=GENERATIVE,
    good=[GOOD, GOOD_MESSAGES, raw(EVENTS + b": bye\n\n\n"), streamed(*HELLO, "[DONE]")],
    bad=[
        streamed(*HELLO, chunk({"content": "!"})),
        raw(EVENTS + b'event: cost\ndata: {"usd": 1}\n\n'),
        raw(EVENTS + b'data: {"a": 1}'),
        raw(MESSAGES + named("content_block_delta"), probe="messages.hello"),
    ],
)
def events_after_the_end(x: Exchange) -> Iterator[Finding]:
    """Half of the clients stop reading at the end marker, the others deliver later events: users see different responses."""
    end = terminal_events(x)[0]
    sent = as_string(as_object(parse_json(end.data)).get("type")) or marker(x)
    for event in stream(x).events:
        if event.start >= end.end and event.has_data and not _marks_end(x, event):
            yield Finding(f"an event follows the end marker, {sent}: {excerpt(event.raw)}", at=span(x, event))


def _marks_end(x: Exchange, event: Event) -> bool:
    return event.is_done or as_object(parse_json(event.data)).get("type") in generation(x.api).terminal_events


def ending_in_words(x: Exchange) -> NotJudged | None:
    """An event stream was received with an event meant as the end marker."""
    return has_events(x) or (None if any(map(_is_bare, _spelled(x))) else untestable("no event resembles [DONE]"))


@cached_reader
def _spelled(x: Exchange) -> tuple[Event, ...]:
    """The events that are meant as the end marker, in any spelling."""
    short = [event for event in stream(x).events if len(event.data) < LONGEST_DONE]
    return tuple(event for event in short if LIKE_DONE.fullmatch(event.data.removeprefix(b"data:")))


def _is_bare(event: Event) -> bool:
    return not event.data.startswith(b"data:")


@rule(
    "SSE010",
    MUST,
    "The end marker is exactly [DONE]",
    spec=CHUNKS,
    fix="Send a separate event whose data is exactly the six characters [DONE].",
    applies_to=ending_in_words,
    good=[GOOD, raw(f"data: {CHUNK_JSON}\n\ndata:[DONE]\n\n"), streamed(*HELLO[:-1], "[DONE]", status=200)],
    bad=[
        streamed(*HELLO[:-1], "[done]"),
        streamed(*HELLO[:-1], '"[DONE]"'),
        streamed(*HELLO[:-1], "[DONE] "),
        streamed(*HELLO[:-1], "DONE"),
    ],
    apis=WITH_CHOICES,
    modes=("stream",),
)
def inexact_end_marker(x: Exchange) -> Iterator[Finding]:
    """Clients compare the text and parse any other spelling as JSON, which raises an error after a complete response."""
    for event in _spelled(x):
        if event.data != b"[DONE]" and _is_bare(event):
            yield Finding(
                f"the end marker is {display(event.data.decode('latin-1'))}; expected [DONE]", at=span(x, event)
            )
