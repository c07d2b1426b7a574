"""Legal variants of the HTTP message around the body."""

import gzip
import json
import re
from dataclasses import replace

from conformance.testbed.mutations.mutate_bytes import (
    LAST_CHUNK,
    a_chunk,
    answers,
    body_of,
    chunked,
    compressed,
    each,
    headed,
    in_turn,
    is_stream,
    on_pieces,
    recoded,
    streams,
    variant,
    wholes,
    with_head,
)
from conformance.testbed.server.reply import ServerRequest, WireResponse, Write

EARLY_HINTS = b"HTTP/1.1 103 Early Hints\r\nlink: </style.css>; rel=preload\r\n\r\n"
SIZE = 7
DATA = re.compile(rb"^data: (\{.*)$", re.MULTILINE)


def in_sevens(raw: bytes) -> bytes:
    """Seven-byte chunks, which may end inside a line or character."""
    return b"".join(a_chunk(raw[at : at + SIZE]) for at in range(0, len(raw), SIZE))


def in_capitals(head: bytes) -> bytes:
    """Upper-case header names without a space after the colon."""
    first, *lines = head.split(b"\r\n")
    pairs = [line.partition(b": ") for line in lines]
    return b"\r\n".join([first, *(name.upper() + (b":" if blank else b"") + value for name, blank, value in pairs)])


def in_one(pieces: tuple[Write, ...]) -> list[Write]:
    """Every four pieces in one write."""
    groups = [pieces[at : at + 4] for at in range(0, len(pieces), 4)]
    return [Write(data=b"".join(p.data for p in g), wait_s=sum(p.wait_s for p in g)) for g in groups]


def gzipped(reply: WireResponse) -> WireResponse:
    """The complete body compressed, with Content-Encoding."""
    return in_turn(recoded(gzip.compress), headed(("content-encoding", "gzip"), ("vary", "accept-encoding")))(reply)


def dressed(head: bytes) -> bytes:
    """Headers that look unusual, with the same meaning."""
    status, *lines = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
    fields = [line.partition(b":") for line in reversed(lines)]
    odd = [name.title() + b":" + value.strip().replace(b"utf-8", b'"UTF-8"') + b"\t " for name, _, value in fields]
    return b"\r\n".join([b" ".join(status.split(b" ")[:2]) + b" ", *odd, b"", b""])


FRAMING = (
    variant(
        "early-hints", "An interim (1xx) response is sent first", answers(with_head(lambda head: EARLY_HINTS + head))
    ),
    variant(
        "header-in-capitals",
        "Header names are upper-case, without a space after the colon",
        answers(with_head(in_capitals)),
    ),
    variant(
        "chunk-extensions",
        "Chunks have extensions, chunk sizes have upper-case digits and leading zeros",
        streams(chunked(lambda raw: b"00%X;a=b\r\n%s\r\n" % (len(raw), raw) if raw else b"")),
    ),
    variant("trailers", "A trailer follows the last chunk", streams(chunked(a_chunk, b"0\r\nx-checksum: 17\r\n\r\n"))),
    variant("chunks-cut-anywhere", "Chunk boundaries fall inside lines", streams(chunked(in_sevens, LAST_CHUNK))),
    variant(
        "json-in-chunks", "Non-streaming responses are chunked", wholes(lambda reply: replace(reply, framing="chunked"))
    ),
    variant(
        "json-until-close",
        "Non-streaming responses end by connection close",
        wholes(lambda r: replace(r, framing="close")),
    ),
    variant(
        "connection-close", "The connection is closed after each response", answers(headed(("connection", "close")))
    ),
    variant("four-events-a-write", "Four events are sent per write", streams(on_pieces(in_one))),
    variant(
        "head-in-odd-dress",
        "Headers are in another order, with odd whitespace, and there is no reason phrase",
        answers(with_head(dressed)),
    ),
    variant(
        "http-1.0-until-close",
        "Responses are HTTP/1.0 and end by connection close",
        answers(
            lambda reply: with_head(lambda head: head.replace(b"HTTP/1.1", b"HTTP/1.0"))(
                replace(reply, framing="close")
            )
        ),
    ),
)

CODING = (
    variant("json-gzipped", "Non-streaming responses are gzip-compressed", wholes(gzipped)),
    variant("stream-gzipped", "Streams are gzip-compressed, and flushed per event", streams(compressed)),
    variant(
        "stream-deflated",
        "Streams are deflate-compressed, and flushed per event",
        streams(lambda reply: compressed(reply, wbits=15)),
    ),
)


def in_ascii(text: bytes) -> bytes:
    """The same JSON with another formatting."""
    return json.dumps(json.loads(text), sort_keys=True).encode()


def respelt(reply: WireResponse, request: ServerRequest) -> WireResponse:
    """Reformat all JSON of a response to a POST request."""
    if is_stream(reply):
        return each(lambda raw: DATA.sub(lambda found: b"data:" + in_ascii(found[1]), raw))(reply)
    is_json = request.method == "POST" and body_of(reply).startswith(b"{")
    return recoded(lambda raw: b"\n\t " + in_ascii(raw) + b" \r\n")(reply) if is_json else reply


TYPES = (
    variant(
        "types-in-capitals",
        "Media types are upper-case",
        answers(
            lambda reply: replace(
                reply, headers=tuple((n, v.upper() if n == "content-type" else v) for n, v in reply.headers)
            )
        ),
    ),
    variant(
        "json-with-charset",
        "JSON responses have charset=utf-8",
        wholes(headed(("content-type", 'application/json; charset="utf-8"'))),
    ),
    variant("json-spaced", "JSON has whitespace around it", wholes(recoded(lambda raw: b"\r\n " + raw + b"\n"))),
    variant(
        "vendor-headers",
        "Responses have vendor-specific headers",
        answers(headed(("x-vendor", "caf\xe9"), ("x-empty", ""))),
    ),
    variant("json-in-ascii", "JSON is ASCII-escaped, sorted and spaced", respelt),
)
