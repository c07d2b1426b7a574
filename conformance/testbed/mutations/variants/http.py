"""Legal variants of the HTTP message around the answer."""

import gzip
import json
import re
from dataclasses import replace

from conformance.testbed.mutations.mutate_bytes import (
    LAST_CHUNK,
    a_chunk,
    allowed,
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
    wholes,
    with_head,
)
from conformance.testbed.server.reply import Asked, Piece, Reply

EARLY_HINTS = b"HTTP/1.1 103 Early Hints\r\nlink: </style.css>; rel=preload\r\n\r\n"
SIZE = 7
DATA = re.compile(rb"^data: (\{.*)$", re.MULTILINE)


def in_sevens(octets: bytes) -> bytes:
    """Chunks of seven octets, which end anywhere in a line or character."""
    return b"".join(a_chunk(octets[at : at + SIZE]) for at in range(0, len(octets), SIZE))


def in_capitals(head: bytes) -> bytes:
    """Names of headers in capitals, no blank after the colon."""
    first, *lines = head.split(b"\r\n")
    pairs = [line.partition(b": ") for line in lines]
    return b"\r\n".join([first, *(name.upper() + (b":" if blank else b"") + value for name, blank, value in pairs)])


def in_one(pieces: tuple[Piece, ...]) -> list[Piece]:
    """Every four pieces in one write."""
    groups = [pieces[at : at + 4] for at in range(0, len(pieces), 4)]
    return [Piece(octets=b"".join(p.octets for p in g), wait_s=sum(p.wait_s for p in g)) for g in groups]


def gzipped(reply: Reply) -> Reply:
    """Compressed as a whole, and labelled so."""
    return in_turn(recoded(gzip.compress), headed(("content-encoding", "gzip"), ("vary", "accept-encoding")))(reply)


def dressed(head: bytes) -> bytes:
    """A head that looks unusual, and means the same."""
    status, *lines = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
    fields = [line.partition(b":") for line in reversed(lines)]
    odd = [name.title() + b":" + value.strip().replace(b"utf-8", b'"UTF-8"') + b"\t " for name, _, value in fields]
    return b"\r\n".join([b" ".join(status.split(b" ")[:2]) + b" ", *odd, b"", b""])


FRAMING = (
    allowed("early-hints", "An interim reply comes first", answers(with_head(lambda head: EARLY_HINTS + head))),
    allowed(
        "header-in-capitals", "Names of headers in capitals, no blank after the colon", answers(with_head(in_capitals))
    ),
    allowed(
        "chunk-extensions",
        "Chunks have extensions, sizes have capitals and zeros in front",
        streams(chunked(lambda octets: b"00%X;a=b\r\n%s\r\n" % (len(octets), octets) if octets else b"")),
    ),
    allowed("trailers", "A trailer follows the last chunk", streams(chunked(a_chunk, b"0\r\nx-checksum: 17\r\n\r\n"))),
    allowed("chunks-cut-anywhere", "Chunks end in the midst of lines", streams(chunked(in_sevens, LAST_CHUNK))),
    allowed("json-in-chunks", "Whole answers come in chunks", wholes(lambda reply: replace(reply, framing="chunked"))),
    allowed(
        "json-until-close", "Whole answers end where the connection does", wholes(lambda r: replace(r, framing="close"))
    ),
    allowed("connection-close", "The connection is closed after each answer", answers(headed(("connection", "close")))),
    allowed("four-events-a-write", "Four events come in one write", streams(on_pieces(in_one))),
    allowed(
        "head-in-odd-dress",
        "Headers stand in another order, with odd blanks, and no reason phrase",
        answers(with_head(dressed)),
    ),
    allowed(
        "http-1.0-until-close",
        "Answers come under HTTP/1.0, and end where the connection does",
        answers(
            lambda reply: with_head(lambda head: head.replace(b"HTTP/1.1", b"HTTP/1.0"))(
                replace(reply, framing="close")
            )
        ),
    ),
)

CODING = (
    allowed("json-gzipped", "Whole answers are compressed", wholes(gzipped)),
    allowed("stream-gzipped", "Streams are compressed, and flushed event by event", streams(compressed)),
    allowed("stream-deflated", "Streams are deflated, and flushed", streams(lambda reply: compressed(reply, wbits=15))),
)


def in_ascii(text: bytes) -> bytes:
    """A JSON text as another program writes it."""
    return json.dumps(json.loads(text), sort_keys=True).encode()


def respelt(reply: Reply, asked: Asked) -> Reply:
    """All JSON of a reply to a question spelt otherwise."""
    if is_stream(reply):
        return each(lambda octets: DATA.sub(lambda found: b"data:" + in_ascii(found[1]), octets))(reply)
    is_json = asked.method == "POST" and body_of(reply).startswith(b"{")
    return recoded(lambda octets: b"\n\t " + in_ascii(octets) + b" \r\n")(reply) if is_json else reply


TYPES = (
    allowed(
        "types-in-capitals",
        "Media types are written in capitals",
        answers(
            lambda reply: replace(
                reply, headers=tuple((n, v.upper() if n == "content-type" else v) for n, v in reply.headers)
            )
        ),
    ),
    allowed(
        "json-with-charset",
        "JSON is labelled charset=utf-8",
        wholes(headed(("content-type", 'application/json; charset="utf-8"'))),
    ),
    allowed("json-spaced", "JSON has blanks around it", wholes(recoded(lambda octets: b"\r\n " + octets + b"\n"))),
    allowed(
        "vendor-headers",
        "Answers have headers of the vendor's",
        answers(headed(("x-vendor", "caf\xe9"), ("x-empty", ""))),
    ),
    allowed("json-in-ascii", "JSON is in ASCII, sorted and spaced", respelt),
)
