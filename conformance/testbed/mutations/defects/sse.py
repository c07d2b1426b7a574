"""Defects in the event stream: its Content-Type, lines, blank lines, encoding and end."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace

from conformance.testbed.mutations.mutate_bytes import Edit, bare_of, defect, each, headed, in_turn, on_pieces, streams
from conformance.testbed.server.reply import Event, ModelResponse, Mutation, ServerRequest, WireResponse, Write

DATA = re.compile(rb"^data: ", re.MULTILINE)
TEXT = re.compile(rb'("(?:content|text)":)"(?:[^"\\]|\\.)+"')
BOM = b"\xef\xbb\xbf"
DONE = b"data: [DONE]\n\n"


def nothing_but(content: bytes) -> Edit:
    """A stream of these bytes only."""
    return on_pieces(lambda pieces: [Write(data=content, wait_s=pieces[0].wait_s)])


def in_json(edit: Callable[[bytes], bytes]) -> Edit:
    """Edit every event's data, except the end marker."""

    def recode(content: bytes) -> bytes:
        before, data, after = content.partition(b"data: ")
        value = after.removesuffix(b"\n\n")
        return content if value == b"[DONE]" else before + data + edit(value) + b"\n\n"

    return each(recode)


def only(number: int, edit: Callable[[bytes], bytes]) -> Edit:
    """Edit one event; negative numbers count from the end."""

    def change(pieces: tuple[Write, ...]) -> list[Write]:
        at = number % len(pieces)
        return [replace(p, data=edit(p.data)) if place == at else p for place, p in enumerate(pieces)]

    return on_pieces(change)


def more(content: bytes) -> Edit:
    """Append bytes."""
    return on_pieces(lambda pieces: [*pieces, Write(data=content)])


def done_as(content: bytes) -> Edit:
    """Other bytes instead of a chat stream's end marker."""
    return only(-1, lambda event: content if event == DONE else event)


def without_last(reply: WireResponse) -> WireResponse:
    """The stream without its last event."""
    return replace(reply, pieces=reply.pieces[:-1])


def on_chat(edit: Edit) -> Edit:
    """Edit the streams of the chat API."""
    return lambda reply: edit(reply) if reply.pieces[-1].data == DONE else reply


def on_messages(edit: Edit) -> Edit:
    """Edit the streams of the Messages API."""
    return lambda reply: reply if reply.pieces[-1].data == DONE else edit(reply)


def after_the_last(reply: WireResponse) -> WireResponse:
    """Repeat an event with text after the end."""
    texts = [piece.data for piece in reply.pieces if b"content" in piece.data and b"delta" in piece.data]
    return more((texts or [b'data: {"more": 1}\n\n'])[-1])(reply)


def torn(content: bytes) -> bytes:
    """Truncated JSON."""
    return content[: len(content) // 2]


def with_byte(content: bytes) -> bytes:
    """A text with a byte that is not UTF-8 at its start."""
    return re.sub(rb'("(?:content|text)":")(?=[^"])', rb"\1" + b"\xe9", content, count=1)


def halved(pieces: tuple[Write, ...]) -> Iterator[Write]:
    """A surrogate pair after the first text, each half in its own event.

    JSON text is left alone: it would become invalid.
    """
    is_json = any(b'\\"' in piece.data for piece in pieces)
    texts = [] if is_json else [piece for piece in pieces if TEXT.search(piece.data)]
    for piece in pieces:
        yield piece
        if texts and piece is texts[0]:
            for half in (rb"\\ud83d", rb"\\ude42"):
                yield Write(data=TEXT.sub(rb'\1"' + half + rb'"', piece.data, count=1))


def charset(name: str) -> Edit:
    """The stream with this charset in Content-Type."""
    return headed(("content-type", f"text/event-stream; charset={name}"))


LABELS = (
    defect(
        "sse-as-text",
        "Streams have Content-Type: text/plain",
        "SSE001",
        streams(headed(("content-type", "text/plain"))),
    ),
    defect(
        "sse-as-json",
        "Streams have Content-Type: application/json",
        "SSE001",
        streams(headed(("content-type", "application/json"))),
    ),
    defect("sse-unlabelled", "Streams have no Content-Type", "SSE001", streams(bare_of("content-type"))),
    defect("sse-as-latin-1", "Streams have charset=iso-8859-1", "SSE016", streams(charset("iso-8859-1"))),
)


def ended_at_once(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """A stream without events instead of the context length error."""
    is_overflow = response.status == 400 and response.whole["error"].get("code") == "context_length_exceeded"
    return ModelResponse(events=(Event(data="[DONE]"),)) if is_overflow and request.mode == "stream" else response


PING = b'event: ping\ndata: {"type": "ping"}\n\n'
EMPTY = (
    defect("stream-empty", "The stream is empty: zero bytes", "SSE002", streams(nothing_but(b""))),
    defect("stream-comments-only", "The stream holds comments only", "SSE002", streams(nothing_but(b": ping\n\n" * 3))),
    defect("stream-pings-only", "The stream holds pings only", "SSE002", streams(nothing_but(PING * 3))),
    defect("stream-done-only", "The stream holds [DONE] only", "SSE002", streams(nothing_but(DONE))),
    defect(
        "stream-names-only",
        "Events have `event:` lines but no data",
        "SSE002",
        streams(each(lambda _: b"event: chunk\n\n")),
    ),
    Mutation(
        name="overflow-ends-empty",
        title="With a too long prompt, the stream ends empty instead of an error",
        caught_by="SSE002",
        on_response=ended_at_once,
    ),
)


def marked(pieces: tuple[Write, ...]) -> list[Write]:
    """Each event with a byte order mark, as from a writer that reopens its output each time."""
    return [piece if not at else replace(piece, data=BOM + piece.data) for at, piece in enumerate(pieces)]


LINES = (
    defect("single-newlines", "There are no blank lines between events", "SSE003", streams(each(lambda o: o[:-1]))),
    defect(
        "done-in-last-chunk",
        "The end marker is in the last chunk's event",
        "SSE003",
        streams(on_chat(only(-2, lambda o: o[:-1]))),
    ),
    defect(
        "no-data-prefix",
        "Events are JSON without the `data:` prefix",
        "SSE005",
        streams(each(lambda o: DATA.sub(b"", o))),
    ),
    defect(
        "data-capitalised",
        "The field name is `Data` instead of `data`",
        "SSE005",
        streams(each(lambda o: DATA.sub(b"Data: ", o))),
    ),
    defect(
        "data-indented", "The `data` field is indented", "SSE005", streams(each(lambda o: DATA.sub(b"  data: ", o)))
    ),
    defect(
        "json-over-bare-lines",
        "JSON spans lines without the `data:` prefix",
        "SSE005",
        streams(in_json(lambda o: o.replace(b",", b",\n  ", 1))),
    ),
    defect(
        "field-of-its-own", "Events have a vendor-specific field", "SSE006", streams(each(lambda o: b"seq: 1\n" + o))
    ),
    defect("retry-in-words", "`retry` is not a number", "SSE013", streams(only(0, lambda o: b"retry: soon\n" + o))),
    defect("id-with-nul", "An event id contains NUL", "SSE013", streams(only(1, lambda o: b"id: a\0b\n" + o))),
    defect(
        "bom-in-every-event",
        "Every event but the first starts with a byte order mark",
        "SSE005",
        streams(on_pieces(marked)),
    ),
)

DATA_FAULTS = (
    defect("json-torn", "One event's JSON is truncated", "SSE004", streams(only(2, lambda o: torn(o) + b"\n\n"))),
    defect("json-twice-in-event", "One event holds two JSON values", "SSE004", streams(in_json(lambda o: o + o))),
    defect(
        "data-twice",
        "A proxy prefixes data lines twice: `data: data:`",
        "SSE004",
        streams(each(lambda o: DATA.sub(b"data: data: ", o))),
    ),
    defect(
        "python-for-json",
        "Events hold Python's repr instead of JSON",
        "SSE004",
        streams(in_json(lambda o: o.replace(b'"', b"'"))),
    ),
    defect(
        "empty-data",
        "Heartbeats are events with empty data",
        "SSE004",
        streams(on_chat(only(1, lambda o: b"data:\n\n" + o))),
    ),
    defect(
        "newline-in-string",
        "A raw newline in a JSON string splits it over two data lines",
        "SSE004",
        streams(
            in_json(lambda o: o.replace(b'"id":"', b'"id":"\ndata: ', 1).replace(b'"type":"', b'"type":"\ndata: ', 1))
        ),
    ),
    defect("characters-halved", "A surrogate pair is split over two strings", "SSE017", streams(on_pieces(halved))),
    defect("not-utf-8", "A string contains a byte that is not UTF-8", "SSE012", streams(each(with_byte))),
)


def endless_when_kept(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """The end marker is sent once per connection."""
    events = tuple(event for event in response.events or () if event.data != "[DONE]")
    return replace(response, events=events) if request.earlier and events else response


def half_translated(pieces: tuple[Write, ...]) -> list[Write]:
    """The events, with one of the Messages API in the middle."""
    half = len(pieces) // 2
    data = b'{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"!"}}'
    return [*pieces[:half], Write(data=b"event: content_block_delta\ndata: " + data + b"\n\n"), *pieces[half:]]


def identified(pieces: tuple[Write, ...]) -> Iterator[Write]:
    """Events with ids, with a comment in a block of its own after each."""
    for at, piece in enumerate(pieces):
        yield replace(piece, data=b"id: %d\n" % at + piece.data)
        yield Write(data=b": keep-alive\n\n")


ENDS = (
    defect("no-done", "The stream ends without its end marker", "SSE007", streams(without_last)),
    defect(
        "done-twice",
        "The end marker is sent twice",
        "SSE008",
        streams(on_pieces(lambda p: [*p, replace(p[-1], wait_s=0.0)])),
    ),
    defect(
        "done-on-messages", "A Messages stream ends with an extra [DONE]", "SSE008", streams(on_messages(more(DONE)))
    ),
    defect(
        "done-for-message-stop",
        "A Messages stream ends with [DONE] instead of message_stop",
        "SSE007",
        streams(on_messages(in_turn(without_last, more(DONE)))),
    ),
    defect("text-after-the-end", "Text follows the end marker", "SSE009", streams(after_the_last)),
    defect(
        "cost-after-the-end",
        "A cost report follows the end marker",
        "SSE009",
        streams(more(b'event: cost\ndata: {"cost_usd": 0.01}\n\n')),
    ),
    defect("done-in-small", "The end marker is [done]", "SSE010", streams(done_as(b"data: [done]\n\n"))),
    defect(
        "done-in-quotes", 'The end marker is a JSON string: "[DONE]"', "SSE010", streams(done_as(b'data: "[DONE]"\n\n'))
    ),
    defect("done-with-blank", "The end marker has a trailing space", "SSE010", streams(done_as(b"data: [DONE] \n\n"))),
    defect(
        "no-last-newline", "The last event has no blank line after it", "SSE011", streams(only(-1, lambda o: o[:-1]))
    ),
    defect("no-last-newlines", "The last line has no line end", "SSE011", streams(only(-1, lambda o: o[:-2]))),
    Mutation(
        name="no-done-when-kept",
        title="The second stream on a keep-alive connection ends without its end marker",
        caught_by="SSE007",
        on_response=endless_when_kept,
    ),
)

NAMES = (
    defect(
        "chunks-named",
        "Chunks have an `event:` name",
        "SSE014",
        streams(on_chat(each(lambda o: b"event: chunk\n" + o))),
    ),
    defect("done-named", "The end marker has an `event:` name", "SSE014", streams(done_as(b"event: done\n" + DONE))),
    defect(
        "messages-unnamed",
        "Events of the Messages API have no `event:` field",
        "SSE015",
        streams(on_messages(each(lambda o: o.partition(b"\n")[2]))),
    ),
    defect(
        "messages-named-alike",
        "All events of the Messages API have `event: message`",
        "SSE015",
        streams(on_messages(each(lambda o: b"event: message\n" + o.partition(b"\n")[2]))),
    ),
)

BLOCKS = (
    defect(
        "event-of-another-api",
        "A chat stream contains one event of the Messages API, which a gateway did not translate",
        "CHK001",
        streams(on_chat(on_pieces(half_translated))),
    ),
    defect(
        "comments-after-an-id",
        "Events have ids, and there are keep-alive comments between them",
        "SSE018",
        streams(on_chat(on_pieces(identified))),
    ),
    defect(
        "retry-alone",
        "The stream begins with `retry` in a block of its own",
        "SSE018",
        streams(on_chat(on_pieces(lambda pieces: [Write(data=b"retry: 3000\n\n"), *pieces]))),
    ),
    defect(
        "stream-by-nginx-without-cache-control",
        "Streams pass nginx, without a header that asks it not to hold them back",
        "SSE019",
        streams(in_turn(bare_of("cache-control"), headed(("server", "nginx/1.28.0")))),
    ),
)
