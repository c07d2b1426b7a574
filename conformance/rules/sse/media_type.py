"""The stream's Content-Type, and its encoding, always UTF-8."""

from collections.abc import Iterator

from conformance.model.exchange import Exchange, Span
from conformance.model.rule import rule
from conformance.model.verdict import MUST, Finding, NotJudged, not_applicable, untestable
from conformance.model.words import GENERATIVE
from conformance.parsing.http1 import reply
from conformance.parsing.sse import BOM, is_labelled, looks_like_events
from conformance.rules.conditions import all_of, readable, streamed, succeeded, validly_requested, whole
from conformance.rules.example import JSON
from conformance.rules.sse.example import EVENTS, GOOD, raw
from conformance.rules.sse.spec import PARSING, WHATWG


def looking_like_events(x: Exchange) -> NotJudged | None:
    """The request is streaming, and the body looks like events."""
    if x.mode != "stream":
        return not_applicable("the request is not streaming")
    if (skip := succeeded(x) or readable(x)) or looks_like_events(x):
        return skip
    return validly_requested(x) or untestable("the body does not look like an event stream")


@rule(
    "SSE001",
    MUST,
    "An event stream has Content-Type: text/event-stream",
    spec=WHATWG + "sse-processing-model",
    fix="Set Content-Type: text/event-stream before the first chunk, and keep proxies from rewriting it.",
    applies_to=looking_like_events,
    needs=("headers",),
    apis=GENERATIVE,
    good=[GOOD, raw(EVENTS, headers=(("content-type", "Text/Event-Stream;charset=UTF-8"),))],
    bad=[raw(EVENTS, headers=headers) for headers in ((("content-type", "text/plain"),), (JSON,), ())],
)
def event_stream_with_wrong_content_type(x: Exchange) -> Iterator[Finding]:
    """EventSource clients reject any other Content-Type, and proxies buffer or compress the stream."""
    answer = reply(x)
    if not is_labelled(answer):
        label = answer.media_type[:80] or "missing"
        yield Finding(
            f"Content-Type is {label}; a streaming response needs text/event-stream", at=answer.span("content-type")
        )


@rule(
    "SSE012",
    MUST,
    "An event stream is valid UTF-8",
    spec=PARSING,
    fix="Hold back the bytes of an incomplete character until the rest is generated, and encode as UTF-8.",
    applies_to=all_of(streamed, whole),
    needs=("bytes",),
    apis=GENERATIVE,
    good=[GOOD, raw('data: {"a": "\u00e9\U0001f980"}\n\ndata: [DONE]\n\n'), raw(BOM + EVENTS)],
    bad=[
        raw('data: {"a": "\u00e9"}\n\ndata: [DONE]\n\n'.encode("latin-1")),
        raw(b'data: {"a": "\xf0\x9f"}\n\ndata: {"a": "\xa6\x80"}\n\ndata: [DONE]\n\n'),
    ],
)
def stream_is_not_utf8(x: Exchange) -> Iterator[Finding]:
    """Clients raise a decoding error, or show replacement characters instead of the text."""
    content = reply(x).content
    try:
        content.decode()
    except UnicodeDecodeError as error:
        raw = content[error.start : error.start + 4].hex(" ")
        at = Span(*reply(x).locate(error.start, min(len(content), error.start + 4)))
        yield Finding(f"byte {error.start} of the event stream is not UTF-8: {raw}", at=at)


def labelled(x: Exchange) -> NotJudged | None:
    """An event stream with Content-Type text/event-stream was received."""
    return streamed(x) or (
        None if is_labelled(reply(x)) else not_applicable("Content-Type is not text/event-stream (see SSE001)")
    )


@rule(
    "SSE016",
    MUST,
    "The charset of text/event-stream is absent or UTF-8",
    spec=WHATWG + "text/event-stream",
    fix="Set Content-Type: text/event-stream, or text/event-stream; charset=utf-8.",
    applies_to=labelled,
    needs=("headers",),
    apis=GENERATIVE,
    good=[GOOD, raw(EVENTS, headers=(("content-type", 'text/event-stream; charset="UTF-8"'),))],
    bad=[raw(EVENTS, headers=(("content-type", "text/event-stream; charset=iso-8859-1"),))],
)
def stream_in_a_charset(x: Exchange) -> Iterator[Finding]:
    """An event stream is always UTF-8; a client that uses the declared charset garbles every non-ASCII character."""
    charset = reply(x).charset
    if charset not in ("", "utf-8", "utf8"):
        yield Finding(
            f"Content-Type has charset={charset[:40]}; an event stream is always UTF-8",
            at=reply(x).span("content-type"),
        )
