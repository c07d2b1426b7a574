"""Legal variants of the event stream (WHATWG HTML, section 9.2)."""

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import cycle

from conformance.testbed.mutations.mutate_bytes import each, headed, on_pieces, streams, swapped, variant
from conformance.testbed.server.reply import Write

BOM = b"\xef\xbb\xbf"
COMMENT = b": keep-alive\n\n"
BYTES_A_WRITE = 5


def commented(pieces: tuple[Write, ...]) -> Iterator[Write]:
    """Comments before, between and after the events, the shortest one included."""
    yield Write(data=b":\n\n")
    for piece in pieces:
        yield replace(piece, data=b": next\n" + piece.data)
        yield Write(data=COMMENT)


def mixed(pieces: tuple[Write, ...]) -> list[Write]:
    """A different line end in each event."""
    ends = cycle((b"\n", b"\r\n", b"\r"))
    return [replace(piece, data=piece.data.replace(b"\n", next(ends))) for piece in pieces]


def over_lines(data: bytes) -> bytes:
    """JSON split over three data lines, where JSON allows whitespace."""
    if b"[DONE]" in data:
        return data
    return data.replace(b"data: {", b"data: {\ndata:   ", 1).replace(b"}\n\n", b"\ndata: }\n\n")


def in_fives(pieces: tuple[Write, ...]) -> Iterator[Write]:
    """A few bytes per write, so that reads end anywhere."""
    for piece in pieces:
        for at in range(0, len(piece.data), BYTES_A_WRITE):
            yield Write(data=piece.data[at : at + BYTES_A_WRITE], wait_s=0.0 if at else piece.wait_s)


def numbered(pieces: tuple[Write, ...]) -> list[Write]:
    """Events with ids, and `retry` in the first."""
    return [
        replace(piece, data=(b"" if at else b"retry: 3000\n") + b"id: %d\n" % at + piece.data)
        for at, piece in enumerate(pieces)
    ]


def data_first(data: bytes) -> bytes:
    """The data line before the event line."""
    return re.sub(rb"\A(event: .*\n)(data: .*\n)", rb"\2\1", data)


LINE_ENDS = (
    variant("lines-end-in-cr", "Lines end in CR", streams(swapped(b"\n", b"\r"))),
    variant("lines-end-in-crlf", "Lines end in CRLF", streams(swapped(b"\n", b"\r\n"))),
    variant("lines-end-mixed", "Lines end in CR, LF and CRLF in turn", streams(on_pieces(mixed))),
    variant("blank-lines", "There are several blank lines between events", streams(swapped(b"\n\n", b"\n\n\n\n"))),
)

LINES = (
    variant("bom", "The stream starts with a byte order mark", streams(on_pieces(lambda p: [Write(data=BOM), *p]))),
    variant("comments", "There are comments everywhere", streams(on_pieces(commented))),
    variant(
        "no-blank",
        "There is no space after the colon",
        streams(each(lambda o: re.sub(rb"(?m)^(data|event): ", rb"\1:", o))),
    ),
    variant("json-over-data-lines", "JSON is split over data lines", streams(each(over_lines))),
    variant("ids-and-retry", "Events have ids, the first has retry", streams(on_pieces(numbered))),
    variant("data-before-name", "The data line is sent before the event line", streams(each(data_first))),
    variant(
        "named-message",
        "Chunks have `event: message`",
        streams(each(lambda o: o if b"event:" in o else b"event: message\n" + o)),
    ),
    variant("field-ignored", "An event has a field that clients ignore", streams(each(lambda o: b"trace: 17\n" + o))),
    variant(
        "comment-at-the-end", "The stream ends in a comment", streams(on_pieces(lambda p: [*p, Write(data=b": bye")]))
    ),
)

DELIVERY = (
    variant("few-octets-a-write", "A few bytes are sent per write", streams(on_pieces(in_fives))),
    variant("sse-bare-label", "Content-Type has no charset", streams(headed(("content-type", "text/event-stream")))),
    variant(
        "proxy-hints",
        "Headers ask proxies not to buffer the stream",
        streams(headed(("x-accel-buffering", "no"), ("cache-control", "no-cache, no-transform"))),
    ),
)
