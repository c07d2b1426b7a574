"""SSE: the event stream's lines, blank lines, encoding and end (WHATWG HTML, section 9.2).

The file is long because a family is one file, and a rule with its examples is some twenty lines.
"""

import json
import re
from collections.abc import Iterator

from conformance.exchange import Exchange, Span, view
from conformance.read.http1 import reply
from conformance.read.json_text import NOT_JSON, fault_of, value_of
from conformance.read.refusal import error_at, quoted
from conformance.read.sse import (
    BOM,
    DONE,
    FIELDS,
    TERMINAL,
    Event,
    Line,
    ends,
    is_labelled,
    looks_like_events,
    payloads,
    span,
    stream,
)
from conformance.read.value import mapping, shown, string
from conformance.rule import rule
from conformance.rules.example import CLOSED, HELLO, JSON, SSE, chunk, exchange, http, sse, streamed
from conformance.rules.when import both, readable, succeeded, whole
from conformance.rules.when import streamed as is_streamed
from conformance.verdict import MAY, MUST, SHOULD, Finding, Skip, not_applicable, untestable

WHATWG = "https://html.spec.whatwg.org/multipage/server-sent-events.html#"
PARSING = WHATWG + "parsing-an-event-stream"
INTERPRETING = WHATWG + "event-stream-interpretation"
CHUNKS = "https://platform.openai.com/docs/api-reference/chat-streaming"
ANTHROPIC = "https://platform.claude.com/docs/en/build-with-claude/streaming"

LIKE_DONE = re.compile(rb"[\s\"'`]*\[?\s*done\s*\]?[\s\"'`.;]*", re.IGNORECASE)
LAX_FIELD = re.compile(rb"[\s\xef\xbb\xbf]*(?:data|event)\s*:", re.IGNORECASE)

GOOD = streamed(*HELLO)
EVENTS = sse(*HELLO)
ONE = json.dumps(HELLO[1])


def raw(body: bytes | str, *, headers: tuple[tuple[str, str], ...] = (SSE,), probe: str = "chat.hello") -> Exchange:
    """A stream of these octets."""
    octets = body.encode() if isinstance(body, str) else body
    return exchange(http(200, headers, octets), probe=probe, ending=CLOSED)


def named(*types: str, name: str | None = None) -> bytes:
    """Events of the Messages API, each named after its type, or all by one name."""
    return b"".join(f'event: {name or kind}\ndata: {{"type": "{kind}"}}\n\n'.encode() for kind in types)


MESSAGES = named("message_start", "ping", "content_block_delta", "message_stop")
GOOD_MESSAGES = raw(MESSAGES, probe="messages.hello")


@view
def stray_lines(x: Exchange) -> tuple[Line, ...]:
    """The lines that are neither a comment nor a known field."""
    lines = (line for event in stream(x).events if not event.plain for line in event.lines)
    return tuple(line for line in lines if not line.text.startswith(b":") and line.name not in FIELDS)


@view
def lost_lines(x: Exchange) -> tuple[Line, ...]:
    """The stray lines that hold a part of an answer: JSON, or a field's name in another spelling."""
    return tuple(line for line in stray_lines(x) if _is_lost(line.text))


def _is_lost(text: bytes) -> bool:
    bare = text.strip().removeprefix(BOM)
    return bare[:1] in (b"{", b"[", b'"', b"}", b"]") or bool(LAX_FIELD.match(text))


@view
def merged_events(x: Exchange) -> tuple[Event, ...]:
    """The blocks that hold several events: each data line is complete by itself, together they are not."""
    return tuple(e for e in stream(x).events if not e.plain and b"\n" in e.data and _is_merged(e))


def _is_merged(event: Event) -> bool:
    values = [value_of(line) for line in event.data.split(b"\n")]
    alone = sum(isinstance(v, dict) for v in values) + sum(line == b"[DONE]" for line in event.data.split(b"\n"))
    return alone > 1 and value_of(event.data) is NOT_JSON


def eventful(x: Exchange) -> Skip | None:
    """An event stream came that has an event that clients see."""
    return is_streamed(x) or (None if stream(x).dispatched else untestable("the stream has no event that clients see"))


def holding_data(x: Exchange) -> Skip | None:
    """An event stream came that has data, seen by clients or not."""
    return is_streamed(x) or (
        None if any(e.has_data for e in stream(x).events) else untestable("the stream has no data")
    )


_error_at = view(error_at)


def answering(x: Exchange) -> Skip | None:
    """An event stream came, and no error ended it."""
    if skip := is_streamed(x):
        return skip
    return not_applicable("an error ended the stream") if _error_at(x) is not None else None


def marked(x: Exchange) -> Skip | None:
    """An event stream came, no error ended it, and it has an end marker."""
    return answering(x) or (None if ends(x) else untestable("the stream has no end marker"))


def marker(x: Exchange) -> str:
    """What ends a stream of this API, for a sentence."""
    return " or ".join(TERMINAL[x.api]) or "data: [DONE]"


def looking_like_events(x: Exchange) -> Skip | None:
    """A stream was asked for, and a body came that is written as events."""
    if x.mode != "stream":
        return not_applicable("no stream was asked for")
    if skip := succeeded(x) or readable(x):
        return skip
    return None if looks_like_events(x) else untestable("the body is not written as events")


@rule(
    "SSE001",
    MUST,
    "A streamed reply is labelled text/event-stream",
    spec=WHATWG + "sse-processing-model",
    fix="Set Content-Type: text/event-stream before the first chunk, and keep proxies from rewriting it.",
    when=looking_like_events,
    good=[GOOD, raw(EVENTS, headers=(("content-type", "Text/Event-Stream;charset=UTF-8"),))],
    bad=[raw(EVENTS, headers=headers) for headers in ((("content-type", "text/plain"),), (JSON,), ())],
)
def mislabelled_event_stream(x: Exchange) -> Iterator[Finding]:
    """EventSource clients refuse it, and proxies buffer or compress what they don't know to be a stream."""
    answer = reply(x)
    if not is_labelled(answer):
        label = answer.media_type[:80] or "nothing"
        yield Finding(f"the event stream is labelled {label}", at=answer.span("content-type"))


def unbroken(x: Exchange) -> Skip | None:
    """An event stream came whole, and its lines and blank lines are where they belong."""
    if skip := is_streamed(x) or whole(x):
        return skip
    if reply(x).status in (204, 205):
        return untestable("the status says that there is no body")
    if lost_lines(x):
        return untestable("the answer stands outside data lines")
    return untestable("blank lines between the events are missing") if merged_events(x) else None


@rule(
    "SSE002",
    MUST,
    "A stream has events",
    spec=INTERPRETING,
    fix="Send each chunk as a line `data: {json}` with a blank line after it, and an error status if there is no answer.",
    when=unbroken,
    good=[GOOD, GOOD_MESSAGES, streamed({"error": {"message": "Overloaded."}})],
    bad=[
        raw(b""),
        raw(": ping\n\n: ping\n\n"),
        raw("data: [DONE]\n\n"),
        raw("event: chunk\nid: 1\n\n"),
        raw(named("ping", "message_stop"), probe="messages.hello"),
        raw("Hello there."),
    ],
)
def eventless_stream(x: Exchange) -> Iterator[Finding | Skip]:
    """The SDKs end without an error and without a word; agents take the answer for empty, ask again, and pay again."""
    silent = (*TERMINAL["messages"], "ping") if x.api == "messages" else ()
    values = payloads(x)
    if any(v is not DONE and mapping(v).get("type") not in silent for v in values):
        return
    if any(e.has_data for e in stream(x).events if not e.terminated):
        yield untestable("the stream's only event is unfinished")
        return
    content = reply(x).content
    what = "no more than its end marker" if values else "nothing that clients see" if content.strip() else "no octet"
    yield Finding(f"the stream holds {what}", at=reply(x).locate(0, min(len(content), 200)))


@rule(
    "SSE003",
    MUST,
    "A blank line stands between two events",
    spec=INTERPRETING,
    fix="End each event with two line ends, and make proxies pass blank lines on.",
    when=holding_data,
    good=[GOOD, raw('data: {"a":\ndata: 1}\n\ndata: [DONE]\n\n'), raw('data: {"a": 1}\r\n\r\ndata: [DONE]\r\r')],
    bad=[raw(sse(*HELLO, end="\n")), raw(sse(*HELLO, end="\n") + b"\n"), raw(f"data: {ONE}\ndata: [DONE]\n\n")],
)
def events_run_together(x: Exchange) -> Iterator[Finding]:
    """Without the blank line the lines make one event, which no client can parse, or none at all."""
    for event in merged_events(x):
        lines = event.data.count(b"\n") + 1
        yield Finding(f"{lines} data lines, each complete by itself, stand in one event", at=span(x, event))


@rule(
    "SSE004",
    MUST,
    "The data of each event is one JSON value",
    spec=CHUNKS,
    fix="Serialise each chunk once with a JSON library, on one data line; send heartbeats as comments.",
    when=eventful,
    good=[GOOD, GOOD_MESSAGES, raw('data: {"a":\ndata: 1}\n\ndata: [DONE]\n\n'), raw(": ping\n\ndata: {}\n\n")],
    bad=[
        raw(f"data: {ONE[:20]}\n\ndata: [DONE]\n\n"),
        raw(f"data: {ONE}{ONE}\n\ndata: [DONE]\n\n"),
        raw(f"data: data: {ONE}\n\ndata: data: [DONE]\n\n"),
        raw("data: {'a': 1}\n\ndata: [DONE]\n\n"),
        raw('data: {"a": "b\ndata: c"}\n\ndata: [DONE]\n\n'),
        raw(f"data:\n\ndata: {ONE}\n\ndata: [DONE]\n\n"),
        raw(f"data: {ONE}\n\ndata: {ONE}[DONE]\n\n"),
        raw("data: Hello\n\ndata: there.\n\ndata: [DONE]\n\n"),
    ],
)
def event_is_no_json(x: Exchange) -> Iterator[Finding]:
    """Clients raise a decoding error in the midst of the answer, or skip the event and lose its text."""
    explained = {event.start for event in merged_events(x)} | _broken_by_lost_lines(x)
    for event, value in zip(stream(x).dispatched, payloads(x), strict=True):
        if (
            value is not NOT_JSON
            or event.start in explained
            or _is_skipped(x, event)
            or LIKE_DONE.fullmatch(event.data)
        ):
            continue
        if _is_utf8(event.data):
            what = "a second `data:`" if event.data.startswith(b"data:") else fault_of(event.data)
            yield Finding(f"an event's data is no JSON: {what}: {_shown(event.data)}", at=span(x, event))


def _shown(data: bytes) -> str:
    return quoted(data[:200].decode("utf-8", "replace"), 60)


def _is_utf8(octets: bytes) -> bool:
    try:
        octets.decode()
    except UnicodeDecodeError:
        return False
    return True


def _is_skipped(x: Exchange, event: Event) -> bool:
    """Whether the clients of the Messages API pass over an event without reading its data."""
    return x.api == "messages" and event.name in ("", "ping")


def _broken_by_lost_lines(x: Exchange) -> set[int]:
    """Where the events begin that are incomplete because a line of theirs is no data line."""
    if not lost_lines(x):
        return set()
    starts = {line.start for line in lost_lines(x)}
    return {e.start for e in stream(x).events if not e.plain and any(line.start in starts for line in e.lines)}


@rule(
    "SSE005",
    MUST,
    "No part of an answer stands outside data lines",
    spec=INTERPRETING,
    fix="Begin each line of an event's data with `data:`, in lower case and at the start of the line.",
    when=is_streamed,
    good=[GOOD, GOOD_MESSAGES, raw(": {}\n\ndata: {}\n\n")],
    bad=[
        raw(f"{ONE}\n\ndata: [DONE]\n\n"),
        raw(f"Data: {ONE}\n\ndata: [DONE]\n\n"),
        raw(f" data: {ONE}\n\ndata: [DONE]\n\n"),
        raw('data: {\n  "a": 1\n}\n\ndata: [DONE]\n\n'),
        raw(f"data: {ONE}\n\n".encode() + BOM + b"data: [DONE]\n\n"),
    ],
)
def lines_outside_data(x: Exchange) -> Iterator[Finding]:
    """Clients ignore lines whose field they don't know (WHATWG HTML, 9.2.6): what stands there is lost without an error."""
    for line in lost_lines(x):
        yield Finding(f"a line is no field of an event stream: {_shown(line.text)}", at=span(x, line))


@rule(
    "SSE006",
    MAY,
    "Only the known fields are used: data, event, id and retry",
    spec=INTERPRETING,
    fix="Send what is meant for people as a comment (a line that begins with a colon).",
    when=is_streamed,
    good=[GOOD, raw(f": note\nid: 1\nretry: 10\ndata: {ONE}\n\n")],
    bad=[raw(f"note: hello\ndata: {ONE}\n\ndata: [DONE]\n\n")],
)
def unknown_fields(x: Exchange) -> Iterator[Finding]:
    """Clients ignore such lines; a strict reader may log each of them."""
    for line in stray_lines(x):
        if not _is_lost(line.text):
            yield Finding(f"a line has an unknown field: {_shown(line.text)}", at=span(x, line))


def ended(x: Exchange) -> Skip | None:
    """A stream came that has events and was neither cut off nor ended by an error."""
    if skip := eventful(x) or answering(x):
        return skip
    if merged_events(x) or lost_lines(x):
        return untestable("the stream's lines are not where they belong")
    if not ends(x) and _unfinished(x):
        return untestable("the stream breaks off in the midst of an event")
    if TERMINAL[x.api] and payloads(x)[-1] is NOT_JSON:
        return untestable("the last event is no JSON")
    return None if ends(x) else whole(x)


def _unfinished(x: Exchange) -> Event | None:
    """The event that the stream's end leaves without its blank line, or None."""
    events = stream(x).events
    return events[-1] if events and events[-1].has_data and not events[-1].terminated else None


@rule(
    "SSE007",
    MUST,
    "A stream ends with its end marker",
    spec=CHUNKS,
    fix="Send `data: [DONE]` (Messages: message_stop; Responses: response.completed) when the answer is complete.",
    when=ended,
    good=[GOOD, GOOD_MESSAGES, raw(f"data:{ONE}\n\ndata:[DONE]\n\n"), raw(f"data: {ONE}\n\ndata: [done]\n\n")],
    bad=[streamed(*HELLO[:-1]), raw(MESSAGES[: MESSAGES.rindex(b"event")], probe="messages.hello")],
)
def missing_end_marker(x: Exchange) -> Iterator[Finding]:
    """Nothing else tells a complete answer from one that was cut off; some clients connect again, which asks again."""
    if not ends(x) and not any(_means_done(event) or _joins_done(event) for event in stream(x).events):
        yield Finding(f"the stream ends without {marker(x)}", at=span(x, stream(x).events[-1]))


def _means_done(event: Event) -> bool:
    """Whether an event is meant to be the end marker, however it is spelt."""
    return len(event.data) < 40 and bool(LIKE_DONE.fullmatch(event.data.removeprefix(b"data:")))


def _joins_done(event: Event) -> bool:
    """Whether the end marker is stuck to something else in one event, which is no JSON then."""
    return b"[DONE]" in event.data and value_of(event.data) is NOT_JSON


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
        yield Finding(f"the end is marked again: {_shown(event.data)}", at=span(x, event))


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
            yield Finding(f"an event follows the end marker: {_shown(event.octets)}", at=span(x, event))


def _marks_end(x: Exchange, event: Event) -> bool:
    return event.is_done or mapping(value_of(event.data)).get("type") in TERMINAL[x.api]


def ending_in_words(x: Exchange) -> Skip | None:
    """An event stream came that has an event that is meant to be the end marker."""
    return eventful(x) or (None if any(map(_spells_done, stream(x).events)) else untestable("no event is like [DONE]"))


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


@rule(
    "SSE011",
    MUST,
    "The last event ends with a blank line",
    spec=INTERPRETING,
    fix="Write two line ends after every event, the last one included.",
    when=both(holding_data, whole),
    good=[GOOD, GOOD_MESSAGES, raw(EVENTS + b": bye")],
    bad=[raw(EVENTS[:-1]), raw(EVENTS[:-2]), raw(MESSAGES[:-1], probe="messages.hello"), raw(f"data: {ONE[:9]}")],
)
def unterminated_last_event(x: Exchange) -> Iterator[Finding]:
    """Clients drop an event that the stream leaves unfinished, and with it the end marker or the last words."""
    event = _unfinished(x)
    if event and not merged_events(x):
        yield Finding(f"the stream ends in the midst of an event: {_shown(event.octets)}", at=span(x, event))


@rule(
    "SSE012",
    MUST,
    "A stream is UTF-8",
    spec=PARSING,
    fix="Hold back the octets of an incomplete character until the rest of it is made, and encode as UTF-8.",
    when=both(is_streamed, whole),
    good=[GOOD, raw('data: {"a": "\u00e9\U0001f980"}\n\ndata: [DONE]\n\n'), raw(BOM + EVENTS)],
    bad=[
        raw('data: {"a": "\u00e9"}\n\ndata: [DONE]\n\n'.encode("latin-1")),
        raw(b'data: {"a": "\xf0\x9f"}\n\ndata: {"a": "\xa6\x80"}\n\ndata: [DONE]\n\n'),
    ],
)
def stream_is_no_utf8(x: Exchange) -> Iterator[Finding]:
    """Clients raise a decoding error, or show replacement characters in place of the text."""
    content = reply(x).content
    try:
        content.decode()
    except UnicodeDecodeError as error:
        octets = content[error.start : error.start + 4].hex(" ")
        at = Span(*reply(x).locate(error.start, min(len(content), error.start + 4)))
        yield Finding(f"octet {error.start} of the stream is not UTF-8: {octets}", at=at)


@rule(
    "SSE013",
    SHOULD,
    "The fields id and retry have values that clients can use",
    spec=INTERPRETING,
    fix="Send retry as digits only (milliseconds) and id without NUL, or leave both out.",
    when=is_streamed,
    good=[GOOD, raw(f"id: 7\nretry: 1000\ndata: {ONE}\n\ndata: [DONE]\n\n")],
    bad=[raw(f"retry: soon\ndata: {ONE}\n\n"), raw(f"id: a\0b\ndata: {ONE}\n\n")],
)
def unusable_field_value(x: Exchange) -> Iterator[Finding]:
    """Clients ignore such a field: reconnection does not work as the server believes."""
    for event in stream(x).events:
        for line in () if event.plain else event.lines:
            value = line.value
            if (line.name == "retry" and not value.isdigit()) or (line.name == "id" and b"\0" in value):
                yield Finding(f"the field {line.name} holds {_shown(value)}", at=span(x, line))


@rule(
    "SSE014",
    SHOULD,
    "Chunks come as events without a name",
    spec=CHUNKS,
    fix="Leave the event field out: Chat Completions streams are data only.",
    when=eventful,
    good=[GOOD, raw(f"event: message\ndata: {ONE}\n\n"), raw('event: error\ndata: {"error": {}}\n\n')],
    bad=[raw(f"event: chunk\ndata: {ONE}\n\n"), raw(f"data: {ONE}\n\nevent: done\ndata: [DONE]\n\n")],
    apis=("chat",),
    modes=("stream",),
)
def named_chunks(x: Exchange) -> Iterator[Finding]:
    """EventSource clients deliver named events to listeners that nobody has set up; SDKs treat some names apart."""
    end = ends(x)[0].end if ends(x) else len(reply(x).content)
    for event in stream(x).dispatched:
        if event.name not in ("", "message", "error", "ping") and event.start < end:
            yield Finding(f"an event is named {quoted(event.name, 40)}: {_shown(event.data)}", at=span(x, event))


@rule(
    "SSE015",
    MUST,
    "Each event is named after the type in its data",
    spec=ANTHROPIC,
    fix="Send `event: <type>` before the data line, with the same type that the data has.",
    when=eventful,
    good=[GOOD_MESSAGES, raw(MESSAGES + b"data: [DONE]\n\n", probe="messages.hello")],
    bad=[
        raw('data: {"type": "message_start"}\n\n', probe="messages.hello"),
        raw(named("message_start", "message_stop", name="message"), probe="messages.hello"),
    ],
    apis=("messages",),
    modes=("stream",),
)
def misnamed_event(x: Exchange) -> Iterator[Finding]:
    """Anthropic's SDKs choose by the event's name and skip events without one: the text is lost without an error."""
    for event, value in zip(stream(x).dispatched, payloads(x), strict=True):
        kind = string(mapping(value).get("type"))
        if kind and event.name != kind:
            name = f"is named {quoted(event.name, 40)}" if event.name else "has no name"
            yield Finding(f"an event of type {shown(kind)} {name}", at=span(x, event))


def labelled(x: Exchange) -> Skip | None:
    """An event stream came that is labelled as one."""
    return is_streamed(x) or (None if is_labelled(reply(x)) else untestable("the stream is not labelled as one"))


@rule(
    "SSE016",
    MUST,
    "An event stream names no other charset than UTF-8",
    spec=WHATWG + "text/event-stream",
    fix="Label the stream text/event-stream, or text/event-stream; charset=utf-8.",
    when=labelled,
    good=[GOOD, raw(EVENTS, headers=(("content-type", 'text/event-stream; charset="UTF-8"'),))],
    bad=[raw(EVENTS, headers=(("content-type", "text/event-stream; charset=iso-8859-1"),))],
)
def stream_in_a_charset(x: Exchange) -> Iterator[Finding]:
    """A stream is always UTF-8; clients that read lines by the label garble every character beyond ASCII."""
    charset = reply(x).charset
    if charset not in ("", "utf-8", "utf8"):
        yield Finding(f"the event stream is labelled charset={charset[:40]}", at=reply(x).span("content-type"))
