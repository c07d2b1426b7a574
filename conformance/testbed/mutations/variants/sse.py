"""Legal variants of the event stream (WHATWG HTML, section 9.2)."""

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import cycle

from conformance.testbed.mutations.mutate_bytes import allowed, each, headed, on_pieces, streams, swapped
from conformance.testbed.server.reply import Piece

BOM = b"\xef\xbb\xbf"
COMMENT = b": keep-alive\n\n"
OCTETS_A_WRITE = 5


def commented(pieces: tuple[Piece, ...]) -> Iterator[Piece]:
    """Comments before, between and after the events, the shortest one included."""
    yield Piece(octets=b":\n\n")
    for piece in pieces:
        yield replace(piece, octets=b": next\n" + piece.octets)
        yield Piece(octets=COMMENT)


def mixed(pieces: tuple[Piece, ...]) -> list[Piece]:
    """A different line end in each event."""
    ends = cycle((b"\n", b"\r\n", b"\r"))
    return [replace(piece, octets=piece.octets.replace(b"\n", next(ends))) for piece in pieces]


def over_lines(octets: bytes) -> bytes:
    """JSON split over three data lines, where JSON allows whitespace."""
    if b"[DONE]" in octets:
        return octets
    return octets.replace(b"data: {", b"data: {\ndata:   ", 1).replace(b"}\n\n", b"\ndata: }\n\n")


def in_fives(pieces: tuple[Piece, ...]) -> Iterator[Piece]:
    """A few bytes per write, so that reads end anywhere."""
    for piece in pieces:
        for at in range(0, len(piece.octets), OCTETS_A_WRITE):
            yield Piece(octets=piece.octets[at : at + OCTETS_A_WRITE], wait_s=0.0 if at else piece.wait_s)


def numbered(pieces: tuple[Piece, ...]) -> list[Piece]:
    """Events with ids, and `retry` in the first."""
    return [
        replace(piece, octets=(b"" if at else b"retry: 3000\n") + b"id: %d\n" % at + piece.octets)
        for at, piece in enumerate(pieces)
    ]


def data_first(octets: bytes) -> bytes:
    """The data line before the event line."""
    return re.sub(rb"\A(event: .*\n)(data: .*\n)", rb"\2\1", octets)


LINE_ENDS = (
    allowed("lines-end-in-cr", "Lines end in CR", streams(swapped(b"\n", b"\r"))),
    allowed("lines-end-in-crlf", "Lines end in CRLF", streams(swapped(b"\n", b"\r\n"))),
    allowed("lines-end-mixed", "Lines end in CR, LF and CRLF in turn", streams(on_pieces(mixed))),
    allowed("blank-lines", "There are several blank lines between events", streams(swapped(b"\n\n", b"\n\n\n\n"))),
)

LINES = (
    allowed("bom", "The stream starts with a byte order mark", streams(on_pieces(lambda p: [Piece(octets=BOM), *p]))),
    allowed("comments", "There are comments everywhere", streams(on_pieces(commented))),
    allowed(
        "no-blank",
        "There is no space after the colon",
        streams(each(lambda o: re.sub(rb"(?m)^(data|event): ", rb"\1:", o))),
    ),
    allowed("json-over-data-lines", "JSON is split over data lines", streams(each(over_lines))),
    allowed("ids-and-retry", "Events have ids, the first has retry", streams(on_pieces(numbered))),
    allowed("data-before-name", "The data line is sent before the event line", streams(each(data_first))),
    allowed(
        "named-message",
        "Chunks have `event: message`",
        streams(each(lambda o: o if b"event:" in o else b"event: message\n" + o)),
    ),
    allowed("field-ignored", "An event has a field that clients ignore", streams(each(lambda o: b"trace: 17\n" + o))),
    allowed(
        "comment-at-the-end", "The stream ends in a comment", streams(on_pieces(lambda p: [*p, Piece(octets=b": bye")]))
    ),
)

DELIVERY = (
    allowed("few-octets-a-write", "A few bytes are sent per write", streams(on_pieces(in_fives))),
    allowed("sse-bare-label", "Content-Type has no charset", streams(headed(("content-type", "text/event-stream")))),
    allowed(
        "proxy-hints",
        "Headers ask proxies not to buffer the stream",
        streams(headed(("x-accel-buffering", "no"), ("cache-control", "no-cache, no-transform"))),
    ),
)
