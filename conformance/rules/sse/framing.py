"""The lines and blank lines that delimit events."""

import re
from collections.abc import Iterator

from conformance.model.exchange import Exchange
from conformance.model.rule import rule
from conformance.model.verdict import MAY, MUST, SHOULD, Finding, NotJudged, not_applicable
from conformance.model.words import GENERATIVE, WITH_CHOICES
from conformance.parsing.http1 import reply
from conformance.parsing.sse import BOM, span, stream
from conformance.rules.conditions import all_of, streamed, whole
from conformance.rules.example import HELLO, SSE, sse
from conformance.rules.sse.conditions import has_data, has_events, not_rewritten
from conformance.rules.sse.example import CHUNK_JSON, EVENTS, GOOD, GOOD_MESSAGES, MESSAGES, raw
from conformance.rules.sse.lines import (
    excerpt,
    is_lost,
    lost_lines,
    merged_events,
    stray_lines,
    unfinished,
    without_data,
)
from conformance.rules.sse.spec import CHUNKS, INTERPRETING

PROXIES = re.compile(r"nginx|openresty|envoy|apache|cloudflare|traefik|haproxy|caddy", re.IGNORECASE)
NGINX = ("server", "nginx/1.28.0")
UNBUFFERED = re.compile(r"\bno-(?:cache|store|transform)\b", re.IGNORECASE)


def by_proxy(x: Exchange) -> NotJudged | None:
    """The head names a proxy."""
    answer = reply(x)
    named = answer.value("via") or PROXIES.search(answer.value("server"))
    return None if named else not_applicable("no header names a proxy")


@rule(
    "SSE003",
    MUST,
    "Events are separated by a blank line",
    spec=INTERPRETING,
    fix="End each event with two line ends, and make proxies forward blank lines.",
    applies_to=has_data,
    needs=("bytes",),
    apis=GENERATIVE,
    good=[GOOD, raw('data: {"a":\ndata: 1}\n\ndata: [DONE]\n\n'), raw('data: {"a": 1}\r\n\r\ndata: [DONE]\r\r')],
    bad=[raw(sse(*HELLO, end="\n")), raw(sse(*HELLO, end="\n") + b"\n"), raw(f"data: {CHUNK_JSON}\ndata: [DONE]\n\n")],
)
def events_run_together(x: Exchange) -> Iterator[Finding]:
    """Without the blank line all lines form one event, which clients can't parse as JSON."""
    for event in merged_events(x):
        lines = event.data.count(b"\n") + 1
        yield Finding(
            f"one event contains {lines} data lines, some of them complete events: blank lines are missing",
            at=span(x, event),
        )


@rule(
    "SSE005",
    MUST,
    "All response content is on data lines",
    spec=INTERPRETING,
    fix="Begin each line of an event's data with `data:`, in lower case and without indentation.",
    applies_to=all_of(streamed, not_rewritten),
    apis=GENERATIVE,
    good=[GOOD, GOOD_MESSAGES, raw(": {}\n\ndata: {}\n\n")],
    bad=[
        raw(f"{CHUNK_JSON}\n\ndata: [DONE]\n\n"),
        raw(f"Data: {CHUNK_JSON}\n\ndata: [DONE]\n\n"),
        raw(f" data: {CHUNK_JSON}\n\ndata: [DONE]\n\n"),
        raw('data: {\n  "a": 1\n}\n\ndata: [DONE]\n\n'),
        raw(f"data: {CHUNK_JSON}\n\n".encode() + BOM + b"data: [DONE]\n\n"),
    ],
)
def lines_outside_data(x: Exchange) -> Iterator[Finding]:
    """Clients ignore lines with unknown fields (WHATWG HTML, 9.2.6): their content is lost without an error."""
    for line in lost_lines(x):
        yield Finding(
            f"a line of the event stream does not begin exactly with data: or another field, so clients ignore it: {excerpt(line.text)}",
            at=span(x, line),
        )


@rule(
    "SSE006",
    MAY,
    "Event streams use only the fields data, event, id and retry",
    spec=INTERPRETING,
    fix="Send notes for humans as comments (lines that start with a colon).",
    applies_to=all_of(streamed, not_rewritten),
    apis=GENERATIVE,
    good=[GOOD, raw(f": note\nid: 1\nretry: 10\ndata: {CHUNK_JSON}\n\n")],
    bad=[raw(f"note: hello\ndata: {CHUNK_JSON}\n\ndata: [DONE]\n\n")],
)
def unknown_fields(x: Exchange) -> Iterator[Finding]:
    """Clients ignore other fields; a strict parser may log each of them."""
    for line in stray_lines(x):
        if not is_lost(line.text):
            yield Finding(f"a line of the event stream has an unknown field: {excerpt(line.text)}", at=span(x, line))


@rule(
    "SSE011",
    MUST,
    "The last event ends with a blank line",
    spec=INTERPRETING,
    fix="End every event with two line ends, including the last.",
    applies_to=all_of(has_data, whole),
    needs=("bytes", "framing"),
    apis=GENERATIVE,
    good=[GOOD, GOOD_MESSAGES, raw(EVENTS + b": bye")],
    bad=[
        raw(EVENTS[:-1]),
        raw(EVENTS[:-2]),
        raw(MESSAGES[:-1], probe="messages.hello"),
        raw(f"data: {CHUNK_JSON[:9]}"),
    ],
)
def unterminated_last_event(x: Exchange) -> Iterator[Finding]:
    """Clients drop an event without the blank line, and with it the end marker or the last words."""
    event = unfinished(x)
    if event and not merged_events(x):
        yield Finding(
            f"the stream ends without a blank line after its last event: {excerpt(event.raw)}", at=span(x, event)
        )


@rule(
    "SSE018",
    MUST,
    "Blocks without data hold only comments, and no event before them has an id",
    spec=CHUNKS,
    fix="Omit id, event and retry: the API documents streams of data only.",
    applies_to=has_events,
    apis=(*WITH_CHOICES, "responses"),
    modes=("stream",),
    good=[
        GOOD,
        raw(b": ping\n\n" + EVENTS),
        raw(f"retry: 10\nid: 1\ndata: {CHUNK_JSON}\n\ndata: [DONE]\n\n: bye\n\n"),
    ],
    bad=[
        raw(f"id: 1\ndata: {CHUNK_JSON}\n\n: ping\n\ndata: [DONE]\n\n"),
        raw(f"id: 1\ndata: {CHUNK_JSON}\n\n\ndata: [DONE]\n\n"),
        raw(b"retry: 3000\n\n" + EVENTS),
        raw(b"event: ping\n\n" + EVENTS),
    ],
)
def empty_events(x: Exchange) -> Iterator[Finding]:
    """The OpenAI SDK for Python never clears an id, and dispatches an event at each blank line after it.

    It does the same after a block with event or retry alone: it can't parse the empty data, and raises an exception in
    the middle of the response.
    """
    for start, end, what in without_data(x):
        seen = f"a blank line ends a block without data, {what}: SDKs read it as an event with empty data"
        yield Finding(seen, at=reply(x).locate(start, end))
        return


@rule(
    "SSE019",
    MAY,
    "A stream through a proxy has a header that asks proxies not to hold it back",
    spec="https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_buffering",
    fix="Send Cache-Control: no-cache, and X-Accel-Buffering: no behind nginx.",
    applies_to=all_of(streamed, by_proxy),
    needs=("headers",),
    apis=GENERATIVE,
    modes=("stream",),
    good=[
        raw(EVENTS, headers=(SSE, NGINX, ("cache-control", "no-cache"))),
        raw(EVENTS, headers=(SSE, NGINX, ("x-accel-buffering", "no"))),
    ],
    bad=[
        raw(EVENTS, headers=(SSE, NGINX)),
        raw(EVENTS, headers=(SSE, ("via", "1.1 proxy"), ("cache-control", "max-age=60"))),
    ],
)
def no_buffering_header(x: Exchange) -> Iterator[Finding]:
    """A proxy with default settings collects the events, and sends them together at the end; DLV measures whether one does."""
    if not (UNBUFFERED.search(reply(x).value("cache-control")) or reply(x).value("x-accel-buffering") == "no"):
        seen = "the response comes through a proxy, without Cache-Control: no-cache or X-Accel-Buffering: no"
        yield Finding(seen, at=reply(x).head)


@rule(
    "SSE013",
    SHOULD,
    "The fields id and retry have valid values",
    spec=INTERPRETING,
    fix="Send retry as digits only (milliseconds) and id without NUL, or omit both.",
    applies_to=streamed,
    apis=GENERATIVE,
    good=[GOOD, raw(f"id: 7\nretry: 1000\ndata: {CHUNK_JSON}\n\ndata: [DONE]\n\n")],
    bad=[raw(f"retry: soon\ndata: {CHUNK_JSON}\n\n"), raw(f"id: a\0b\ndata: {CHUNK_JSON}\n\n")],
)
def unusable_field_value(x: Exchange) -> Iterator[Finding]:
    """Clients ignore invalid values: reconnection does not work as the server expects."""
    for event in stream(x).events:
        for line in () if event.is_simple else event.lines:
            value = line.value
            if (line.name == "retry" and not value.isdigit()) or (line.name == "id" and b"\0" in value):
                yield Finding(f"the event field {line.name} has the invalid value {excerpt(value)}", at=span(x, line))
