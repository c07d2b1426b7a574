"""The stream's label, and the encoding that every stream has."""

from collections.abc import Iterator

from conformance.model.exchange import Exchange, Span
from conformance.model.rule import rule
from conformance.model.verdict import MUST, Finding, Skip, not_applicable, untestable
from conformance.parsing.http1 import reply
from conformance.parsing.sse import BOM, is_labelled, looks_like_events
from conformance.rules.conditions import both, readable, streamed, succeeded, whole
from conformance.rules.example import JSON
from conformance.rules.sse.example import EVENTS, GOOD, raw
from conformance.rules.sse.spec import PARSING, WHATWG


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


@rule(
    "SSE012",
    MUST,
    "A stream is UTF-8",
    spec=PARSING,
    fix="Hold back the octets of an incomplete character until the rest of it is made, and encode as UTF-8.",
    when=both(streamed, whole),
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


def labelled(x: Exchange) -> Skip | None:
    """An event stream came that is labelled as one."""
    return streamed(x) or (None if is_labelled(reply(x)) else untestable("the stream is not labelled as one"))


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
