"""The events: their data and their names."""

from collections.abc import Iterator
from typing import Any

from conformance.apis.ending import is_skipped, terminal_events
from conformance.apis.errors import quoted
from conformance.apis.specs import generation
from conformance.model.exchange import Exchange
from conformance.model.rule import rule
from conformance.model.verdict import MUST, SHOULD, Finding, NotJudged, untestable
from conformance.model.words import GENERATIVE, WITH_CHOICES
from conformance.parsing.http1 import reply
from conformance.parsing.json_text import NOT_JSON, SURROGATE, fault_of, lone_surrogate
from conformance.parsing.json_values import as_object, as_string, display
from conformance.parsing.sse import DONE, Event, payloads, span, stream
from conformance.rules.conditions import streamed as is_streamed
from conformance.rules.conditions import whole
from conformance.rules.example import streamed
from conformance.rules.sse.conditions import has_events
from conformance.rules.sse.end_marker import LIKE_DONE
from conformance.rules.sse.example import CHUNK_JSON, GOOD, GOOD_MESSAGES, MESSAGES, named, raw
from conformance.rules.sse.lines import excerpt, lost_lines, merged_events
from conformance.rules.sse.spec import ANTHROPIC, CHUNKS, INTERPRETING


def unbroken(x: Exchange) -> NotJudged | None:
    """A complete event stream was received, without misplaced lines or missing blank lines."""
    if skip := is_streamed(x) or whole(x):
        return skip
    if reply(x).status in (204, 205):
        return untestable("the status (204 or 205) does not allow a body")
    if lost_lines(x):
        return untestable("response content is outside data lines")
    return untestable("blank lines between the events are missing") if merged_events(x) else None


@rule(
    "SSE002",
    MUST,
    "A stream has at least one event other than pings and its end marker",
    spec=INTERPRETING,
    fix="Send each chunk as a line `data: {json}` and a blank line, or an error status if there is no content.",
    applies_to=unbroken,
    apis=GENERATIVE,
    good=[GOOD, GOOD_MESSAGES, streamed({"error": {"message": "Overloaded."}})],
    bad=[
        raw(b""),
        raw(": ping\n\n: ping\n\n"),
        raw("data: [DONE]\n\n"),
        raw("event: chunk\nid: 1\n\n"),
        raw(named("ping", "message_stop"), probe="messages.hello"),
        raw(named("ping", "ping"), probe="responses.hello"),
        raw("event: ping\ndata: {}\n\ndata: [DONE]\n\n"),
        raw("Hello there."),
    ],
)
def eventless_stream(x: Exchange) -> Iterator[Finding | NotJudged]:
    """SDKs finish without an error or content: agents treat the response as empty, retry, and pay again."""
    values = payloads(x)
    if any(not _is_silent(x, event, value) for event, value in zip(stream(x).dispatched, values, strict=True)):
        return
    if any(e.has_data for e in stream(x).events if not e.terminated):
        yield untestable("the stream's only event does not end with a blank line")
        return
    content = reply(x).content
    what = (
        "no event other than its end marker or pings"
        if values
        else "comments only, no event"
        if content.strip() and all(line.startswith(b":") for line in content.splitlines() if line.strip())
        else "no event that clients dispatch"
        if content.strip()
        else "no bytes"
    )
    yield Finding(f"the event stream contains {what}", at=reply(x).locate(0, min(len(content), 200)))


def _is_silent(x: Exchange, event: Event, value: Any) -> bool:
    """Whether an event has no content: an end marker, or a ping, which servers send in any API to keep a stream alive."""
    kind = as_object(value).get("type")
    ends = generation(x.api).terminal_events if x.api == "messages" else ()
    return value is DONE or event.name == "ping" or kind in ("ping", *generation(x.api).skipped_events, *ends)


@rule(
    "SSE004",
    MUST,
    "The data of each event is one JSON value",
    spec=CHUNKS,
    fix="Serialise each chunk once with a JSON library, on one data line; send keep-alive events as comments.",
    applies_to=has_events,
    apis=GENERATIVE,
    good=[GOOD, GOOD_MESSAGES, raw('data: {"a":\ndata: 1}\n\ndata: [DONE]\n\n'), raw(": ping\n\ndata: {}\n\n")],
    bad=[
        raw(f"data: {CHUNK_JSON[:20]}\n\ndata: [DONE]\n\n"),
        raw(f"data: {CHUNK_JSON}{CHUNK_JSON}\n\ndata: [DONE]\n\n"),
        raw(f"data: data: {CHUNK_JSON}\n\ndata: data: [DONE]\n\n"),
        raw("data: {'a': 1}\n\ndata: [DONE]\n\n"),
        raw('data: {"a": "b\ndata: c"}\n\ndata: [DONE]\n\n'),
        raw(f"data:\n\ndata: {CHUNK_JSON}\n\ndata: [DONE]\n\n"),
        raw(f"data: {CHUNK_JSON}\n\ndata: {CHUNK_JSON}[DONE]\n\n"),
        raw("data: Hello\n\ndata: there.\n\ndata: [DONE]\n\n"),
    ],
)
def event_is_not_json(x: Exchange) -> Iterator[Finding]:
    """Clients raise a decoding error in the middle of the response, or skip the event and lose its content."""
    explained = {event.start for event in merged_events(x)} | _broken_by_lost_lines(x)
    for event, value in zip(stream(x).dispatched, payloads(x), strict=True):
        if value is not NOT_JSON or event.start in explained or is_skipped(x, event):
            continue
        if _is_utf8(event.data) and not LIKE_DONE.fullmatch(event.data):
            what = "it begins with a second data: field" if event.data.startswith(b"data:") else fault_of(event.data)
            yield Finding(f"an event's data is not JSON: {what}: {excerpt(event.data)}", at=span(x, event))


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


def _broken_by_lost_lines(x: Exchange) -> set[int]:
    """The start offsets of events that are incomplete because one of their lines is not a data line."""
    if not lost_lines(x):
        return set()
    starts = {line.start for line in lost_lines(x)}
    return {e.start for e in stream(x).irregular if any(line.start in starts for line in e.lines)}


@rule(
    "SSE017",
    SHOULD,
    "No string in a stream contains a lone surrogate",
    spec="https://www.rfc-editor.org/rfc/rfc8259#section-8.2",
    fix="Hold back a lone surrogate such as \\ud83d until the other half of its pair is generated.",
    applies_to=has_events,
    needs=("bytes",),
    apis=GENERATIVE,
    good=[GOOD, raw('data: {"a": "\\ud83d\\ude42 \\\\ud83d"}\n\ndata: [DONE]\n\n')],
    bad=[
        raw('data: {"a": "\\ud83d"}\n\ndata: {"a": "\\uDE42"}\n\ndata: [DONE]\n\n'),
        raw('data: {"a": [{"\\ude42\\ud83d": 1}]}\n\ndata: [DONE]\n\n'),
    ],
)
def lone_surrogates(x: Exchange) -> Iterator[Finding]:
    """Some parsers reject the event, others show a replacement character, or fail when storing the text as UTF-8."""
    if not SURROGATE.search(reply(x).content):
        return
    for event, value in zip(stream(x).dispatched, payloads(x), strict=True):
        if half := lone_surrogate(event.data, value):
            yield Finding(
                f"a string in an event contains the lone surrogate {half}: {excerpt(event.data)}", at=span(x, event)
            )


@rule(
    "SSE014",
    SHOULD,
    "Events of a chat stream are sent without an event name",
    spec=CHUNKS,
    fix="Omit the event field: Chat Completions streams are data only.",
    applies_to=has_events,
    good=[GOOD, raw(f"event: message\ndata: {CHUNK_JSON}\n\n"), raw('event: error\ndata: {"error": {}}\n\n')],
    bad=[raw(f"event: chunk\ndata: {CHUNK_JSON}\n\n"), raw(f"data: {CHUNK_JSON}\n\nevent: done\ndata: [DONE]\n\n")],
    apis=WITH_CHOICES,
    modes=("stream",),
)
def named_chunks(x: Exchange) -> Iterator[Finding]:
    """EventSource clients deliver named events only to listeners for that name; SDKs handle some names differently."""
    end = terminal_events(x)[0].end if terminal_events(x) else len(reply(x).content)
    for event in stream(x).dispatched:
        if event.name not in ("", "message", "error", "ping") and event.start < end:
            yield Finding(
                f"a chat event has the name {quoted(event.name, 40)}: {excerpt(event.data)}", at=span(x, event)
            )


@rule(
    "SSE015",
    MUST,
    "Each event's name is the type in its data",
    spec=ANTHROPIC,
    fix="Send a line `event: <type>` before the data line, with the same type as in the data.",
    applies_to=has_events,
    good=[GOOD_MESSAGES, raw(MESSAGES + b"data: [DONE]\n\n", probe="messages.hello")],
    bad=[
        raw('data: {"type": "message_start"}\n\n', probe="messages.hello"),
        raw(named("message_start", "message_stop", name="message"), probe="messages.hello"),
    ],
    apis=("messages",),
    modes=("stream",),
)
def misnamed_event(x: Exchange) -> Iterator[Finding]:
    """Anthropic's SDKs dispatch on the event name and skip events without one: the content is lost without an error."""
    for event, value in zip(stream(x).dispatched, payloads(x), strict=True):
        kind = as_string(as_object(value).get("type"))
        if kind and event.name != kind:
            name = f"has the name {quoted(event.name, 40)}" if event.name else "has no event: line"
            yield Finding(f"an event of type {display(kind)} {name}", at=span(x, event))
