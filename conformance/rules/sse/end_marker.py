"""The end marker: there is one, spelt exactly, once, and nothing follows it."""

import re
from collections.abc import Iterator

from conformance.model.exchange import Exchange
from conformance.model.rule import rule
from conformance.model.verdict import MUST, SHOULD, Finding, Skip, untestable
from conformance.parsing.json_text import NOT_JSON, value_of
from conformance.parsing.json_values import mapping, shown, string
from conformance.parsing.sse import TERMINAL, Event, ends, payloads, span, stream
from conformance.rules.conditions import whole
from conformance.rules.example import HELLO, chunk, streamed
from conformance.rules.sse.conditions import answering, eventful
from conformance.rules.sse.example import EVENTS, GOOD, GOOD_MESSAGES, MESSAGES, ONE, named, raw
from conformance.rules.sse.lines import excerpt, lost_lines, merged_events, unfinished
from conformance.rules.sse.spec import CHUNKS

LIKE_DONE = re.compile(rb"[\s\"'`]*+\[?\s*+done\s*+\]?[\s\"'`.;]*+", re.IGNORECASE)
"""Possessive, so that a megabyte of blanks is read once."""


def ended(x: Exchange) -> Skip | None:
    """A stream came that has events and was neither cut off nor ended by an error."""
    if skip := eventful(x) or answering(x):
        return skip
    if merged_events(x) or lost_lines(x):
        return untestable("the stream's lines are not where they belong")
    if TERMINAL[x.api] and not any(string(mapping(value).get("type")) for value in payloads(x)):
        return untestable("no event says its type")
    if not ends(x) and unfinished(x):
        return untestable("the stream breaks off in the midst of an event")
    if TERMINAL[x.api] and payloads(x)[-1] is NOT_JSON:
        return untestable("the last event is no JSON")
    return None if ends(x) else whole(x)


def marker(x: Exchange) -> str:
    """What ends a stream of this API, for a sentence."""
    return " or ".join(TERMINAL[x.api]) or "data: [DONE]"


@rule(
    "SSE007",
    MUST,
    "A stream ends with its end marker",
    spec=CHUNKS,
    fix="Send `data: [DONE]` (Messages: message_stop; Responses: response.completed) when the answer is complete.",
    when=ended,
    good=[GOOD, GOOD_MESSAGES, raw(f"data:{ONE}\n\ndata:[DONE]\n\n"), raw(f"data: {ONE}\n\ndata: [done]\n\n")],
    bad=[
        streamed(*HELLO[:-1]),
        raw(MESSAGES[: MESSAGES.rindex(b"event")], probe="messages.hello"),
        raw(MESSAGES[: MESSAGES.rindex(b"event")] + b"data: [DONE]\n\n", probe="messages.hello"),
    ],
)
def missing_end_marker(x: Exchange) -> Iterator[Finding]:
    """Nothing else tells a complete answer from one that was cut off; some clients connect again, which asks again."""
    if ends(x):
        return
    misspelt = not TERMINAL[x.api] and any(_means_done(event) or _joins_done(event) for event in stream(x).events)
    if not misspelt:
        yield Finding(f"the stream ends without {marker(x)}", at=span(x, stream(x).events[-1]))


def _joins_done(event: Event) -> bool:
    """Whether the end marker is stuck to something else in one event, which is no JSON then."""
    return b"[DONE]" in event.data and value_of(event.data) is NOT_JSON


def marked(x: Exchange) -> Skip | None:
    """An event stream came, no error ended it, and it has an end marker."""
    return answering(x) or (None if ends(x) else untestable("the stream has no end marker"))


@rule(
    "SSE008",
    SHOULD,
    "The end marker comes once",
    spec=CHUNKS,
    fix="Let one layer write the end marker: the server, or the proxy that rewrites its stream.",
    when=marked,
    good=[GOOD, GOOD_MESSAGES],
    bad=[streamed(*HELLO, "[DONE]"), raw(MESSAGES + b"data: [DONE]\n\n", probe="messages.hello")],
)
def repeated_end_marker(x: Exchange) -> Iterator[Finding]:
    """Two layers believe that they end the stream: sooner or later one of them does so too early."""
    again = list(ends(x)[1:])
    if x.api == "messages":
        again += [event for event in stream(x).dispatched if event.is_done]
    for event in again:
        yield Finding(f"the end is marked again: {excerpt(event.data)}", at=span(x, event))


@rule(
    "SSE009",
    MUST,
    "Nothing follows the end marker",
    spec=CHUNKS,
    fix="Send usage, costs and the like before the end marker, or as a comment.",
    when=marked,
    good=[GOOD, GOOD_MESSAGES, raw(EVENTS + b": bye\n\n\n"), streamed(*HELLO, "[DONE]")],
    bad=[
        streamed(*HELLO, chunk({"content": "!"})),
        raw(EVENTS + b'event: cost\ndata: {"usd": 1}\n\n'),
        raw(EVENTS + b'data: {"a": 1}'),
        raw(MESSAGES + named("content_block_delta"), probe="messages.hello"),
    ],
)
def events_after_the_end(x: Exchange) -> Iterator[Finding]:
    """Half of the clients stop reading at the marker, the others deliver what follows: users see different answers."""
    end = ends(x)[0].end
    for event in stream(x).events:
        if event.start >= end and event.has_data and not _marks_end(x, event):
            yield Finding(f"an event follows the end marker: {excerpt(event.octets)}", at=span(x, event))


def _marks_end(x: Exchange, event: Event) -> bool:
    return event.is_done or mapping(value_of(event.data)).get("type") in TERMINAL[x.api]


def ending_in_words(x: Exchange) -> Skip | None:
    """An event stream came that has an event that is meant to be the end marker."""
    return eventful(x) or (None if any(map(_spells_done, stream(x).events)) else untestable("no event is like [DONE]"))


def _means_done(event: Event) -> bool:
    """Whether an event is meant to be the end marker, however it is spelt."""
    return len(event.data) < 40 and bool(LIKE_DONE.fullmatch(event.data.removeprefix(b"data:")))


def _spells_done(event: Event) -> bool:
    return _means_done(event) and not event.data.startswith(b"data:")


@rule(
    "SSE010",
    MUST,
    "The end marker is written exactly: [DONE]",
    spec=CHUNKS,
    fix="Send the six characters [DONE] as the whole data of an event of their own.",
    when=ending_in_words,
    good=[GOOD, raw(f"data: {ONE}\n\ndata:[DONE]\n\n"), streamed(*HELLO[:-1], "[DONE]", status=200)],
    bad=[
        streamed(*HELLO[:-1], "[done]"),
        streamed(*HELLO[:-1], '"[DONE]"'),
        streamed(*HELLO[:-1], "[DONE] "),
        streamed(*HELLO[:-1], "DONE"),
    ],
    apis=("chat",),
    modes=("stream",),
)
def inexact_end_marker(x: Exchange) -> Iterator[Finding]:
    """Clients compare the text: any other spelling is parsed as JSON, which raises an error after a good answer."""
    for event in stream(x).events:
        if event.data != b"[DONE]" and _spells_done(event):
            yield Finding(f"the end marker is written {shown(event.data.decode('latin-1'))}", at=span(x, event))
