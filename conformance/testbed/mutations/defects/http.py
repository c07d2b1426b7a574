"""Defects in the HTTP message around the answer."""

import gzip
import re
import zlib
from dataclasses import replace
from functools import cache

from conformance.testbed.mutations.mutate_bytes import (
    answers,
    bare_of,
    body_of,
    chunked,
    each,
    for_large,
    headed,
    in_turn,
    planted,
    recoded,
    streams,
    wholes,
    with_body,
    with_head,
)
from conformance.testbed.mutations.mutate_chat import more
from conformance.testbed.mutations.mutate_requests import reading
from conformance.testbed.server.reply import Asked, Change, Reply

LENGTH = re.compile(rb"(content-length: [0-9]+\r\n)")
PAGE = b"<!DOCTYPE html>\n<html><head><title>Welcome</title></head><body>It works.</body></html>\n"


@cache
def blanks() -> bytes:
    """More blanks than anybody reads, deflated: made once, as it takes a third of a second."""
    deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return deflate.compress(b" " * 2**26) + deflate.flush()


def bomb(octets: bytes) -> bytes:
    """The octets in gzip, and blanks without end behind them; the checksum at the end is never reached."""
    deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return gzip.compress(b"")[:10] + deflate.compress(octets) + deflate.flush(zlib.Z_FULL_FLUSH) + blanks() + bytes(8)


def unsaid(reply: Reply) -> Reply:
    """Nothing at all, and the connection is closed."""
    return replace(reply, head=b"", pieces=(), framing="close", end="abort")


def halved(reply: Reply) -> Reply:
    """The first half of the pieces."""
    return replace(reply, pieces=reply.pieces[: max(1, len(reply.pieces) // 2)])


def overlong(octets: bytes) -> bytes:
    """A chunk that is longer than its size says."""
    return b"%x\r\n%s\r\n" % (max(1, len(octets) - 3), octets)


def both_framings(head: bytes) -> bytes:
    """A head that announces chunks, and a length as well."""
    return head.replace(b"transfer-encoding: chunked\r\n", b"transfer-encoding: chunked\r\ncontent-length: 4096\r\n")


def as_zstd(octets: bytes) -> bytes:
    """A frame of Zstandard that holds the octets as they are (RFC 8878, section 3.1.1)."""
    blocks = [octets[at : at + 65_536] for at in range(0, len(octets), 65_536)] or [b""]
    framed = b"".join(
        ((len(block) << 3) | (number == len(blocks))).to_bytes(3, "little") + block
        for number, block in enumerate(blocks, 1)
    )
    return b"\x28\xb5\x2f\xfd\xa0" + len(octets).to_bytes(4, "little") + framed


def said_twice(octets: bytes) -> bytes:
    """The marker of the object, written by hand in front of the one that the library writes."""
    return octets.replace(b'"object":"chat.', b'"object":"list","object":"chat.')


def halved_character(octets: bytes) -> bytes:
    """The first half of a character that was cut off at a count of UTF-16 units."""
    return octets.replace(b'today?"', b'today? \\ud83d"')


def read_as_stream(asked: Asked) -> Asked:
    """The request, as if it had asked for a stream."""
    return replace(asked, json=asked.json | {"stream": True}) if isinstance(asked.json, dict) else asked


def redirect(status: int, location: str) -> Change:
    """All answers move to another address."""

    def moved(reply: Reply) -> Reply:
        return replace(with_body(b"", ("location", location))(reply), status=status, framing="length")

    return planted(f"redirect-{status}", f"Questions are redirected by {status}", "HTTP011", answers(moved))


def counted_in_characters(reply: Reply) -> Reply:
    """The length of the text, as a program counts it that has decoded it."""
    return headed(("content-length", str(len(body_of(reply).decode()))))(reply)


MESSAGE = (
    planted("no-reply", "The connection is closed before any reply to a stream request", "HTTP001", streams(unsaid)),
    planted(
        "reset-before-reply",
        "The connection is reset before any reply to a stream request",
        "HTTP001",
        streams(lambda reply: replace(unsaid(reply), end="reset")),
        needs_tcp=True,
    ),
    planted(
        "silence-before-reply",
        "Large stream requests are never answered",
        "HTTP001",
        for_large(streams(lambda reply: replace(unsaid(reply), end="hold", hold_s=600.0))),
    ),
    planted(
        "header-without-colon",
        "A header line has no colon",
        "HTTP002",
        wholes(with_head(lambda head: head.replace(b"\r\n", b"\r\nx-request-id 17\r\n", 1))),
    ),
    planted(
        "space-before-colon",
        "A blank stands between a header's name and its colon",
        "HTTP002",
        wholes(with_head(lambda head: head.replace(b"content-type:", b"content-type :", 1))),
    ),
    planted(
        "head-in-bare-lf",
        "The head's lines end in LF",
        "HTTP002",
        wholes(with_head(lambda head: head.replace(b"\r\n", b"\n"))),
    ),
    planted("no-head", "A reply is the body alone", "HTTP002", wholes(with_head(lambda _: b""))),
    planted("chunk-too-long", "Chunks are longer than their sizes say", "HTTP003", streams(chunked(overlong))),
    planted(
        "chunk-size-prefixed",
        "Chunk sizes begin with 0x",
        "HTTP003",
        streams(chunked(lambda octets: b"0x%x\r\n%s\r\n" % (len(octets), octets) if octets else b"")),
    ),
    planted("chunks-undone", "Chunks are announced, the body is bare", "HTTP003", streams(chunked(bytes, b""))),
    planted("two-framings", "Content-Length beside Transfer-Encoding", "HTTP003", streams(with_head(both_framings))),
    planted(
        "length-not-a-number",
        "Content-Length is no number",
        "HTTP003",
        wholes(with_head(lambda head: head.replace(b"content-length: ", b"content-length: about "))),
    ),
    planted(
        "no-last-chunk",
        "The connection is closed before the last chunk",
        "HTTP004",
        streams(lambda reply: replace(reply, end="abort")),
    ),
    planted(
        "stream-cut",
        "The connection is closed in the midst of a stream",
        "HTTP004",
        streams(lambda reply: replace(halved(reply), end="abort")),
    ),
    planted(
        "stream-reset",
        "The connection is reset in the midst of a stream",
        "HTTP004",
        streams(lambda reply: replace(halved(reply), end="reset")),
        needs_tcp=True,
    ),
    planted(
        "length-not-met",
        "The connection is closed before Content-Length is met",
        "HTTP004",
        wholes(lambda reply: replace(reply, end="abort")),
    ),
    planted(
        "octets-after-the-end",
        "More octets come than Content-Length says",
        "HTTP005",
        wholes(lambda reply: replace(reply, after=b"<!-- served by proxy -->")),
    ),
    redirect(301, "/v1/chat/completions/"),
    redirect(307, "https://elsewhere.invalid/v1/chat/completions"),
    planted(
        "boundless-body",
        "Large requests get an endless body",
        "HTTP019",
        for_large(wholes(recoded(lambda octets: octets + b" " * (17 * 1024 * 1024)))),
    ),
    planted(
        "length-twice",
        "Content-Length stands there twice, with the same value",
        "HTTP021",
        wholes(with_head(lambda head: LENGTH.sub(rb"\1\1", head))),
    ),
    planted(
        "large-head", "The head is larger than clients take", "HTTP020", answers(headed(("x-debug", "d" * 17_000)))
    ),
    planted(
        "length-in-characters",
        "Content-Length counts characters, where octets are meant",
        "HTTP005",
        wholes(counted_in_characters),
    ),
    planted(
        "header-folded",
        "A header goes on in a second line",
        "HTTP002",
        answers(headed(("server-timing", "queue;dur=1,\r\n model;dur=2"))),
    ),
    planted(
        "chunks-under-http-1.0",
        "A stream comes in chunks under HTTP/1.0, which knows none",
        "HTTP003",
        streams(with_head(lambda head: head.replace(b"HTTP/1.1", b"HTTP/1.0"))),
    ),
)

TYPES = (
    planted("json-as-text", "JSON is labelled text/plain", "HTTP006", wholes(headed(("content-type", "text/plain")))),
    planted("json-unlabelled", "JSON is not labelled", "HTTP006", wholes(bare_of("content-type"))),
    planted(
        "json-as-latin-1",
        "JSON is labelled charset=iso-8859-1",
        "HTTP007",
        wholes(headed(("content-type", "application/json; charset=iso-8859-1"))),
    ),
    planted(
        "two-content-types",
        "Content-Type stands there twice, with different values",
        "HTTP017",
        wholes(lambda reply: replace(reply, headers=(*reply.headers, ("content-type", "text/html")))),
    ),
    planted(
        "answer-for-caches",
        "Answers are declared fit for caches",
        "HTTP016",
        answers(headed(("cache-control", "public, max-age=3600"))),
    ),
    Change(
        name="stream-for-explicit-false",
        title="`stream: false` is answered by a stream, since the field is there",
        caught_by="HTTP012",
        asked=reading(more(stream=True), lambda asked: asked.json.get("stream") is False),
    ),
)

BODIES = (
    planted("empty-200", "200 without a body", "HTTP009", wholes(with_body(b""))),
    planted("page-200", "200 with a page of HTML", "HTTP008", wholes(with_body(PAGE, ("content-type", "text/html")))),
    planted(
        "json-bom", "JSON begins with a byte order mark", "HTTP008", wholes(recoded(lambda o: b"\xef\xbb\xbf" + o))
    ),
    planted(
        "json-nan",
        "A number is NaN",
        "HTTP008",
        wholes(recoded(lambda o: o.replace(b'"usage":{', b'"score":NaN,"usage":{'))),
    ),
    planted(
        "json-then-done", "[DONE] follows the JSON", "HTTP008", wholes(recoded(lambda o: o + b"\ndata: [DONE]\n\n"))
    ),
    planted(
        "json-cut", "The JSON is cut short, and Content-Length is right", "HTTP008", wholes(recoded(lambda o: o[:-9]))
    ),
    planted(
        "json-in-latin-1",
        "A text holds an octet that is not UTF-8",
        "HTTP008",
        wholes(recoded(lambda o: o.replace(b"Hello", b"H\xe9llo"))),
    ),
    planted(
        "no-content",
        "204 in place of an answer",
        "HTTP009",
        wholes(lambda reply: replace(with_body(b"")(reply), status=204, framing="close")),
    ),
    planted("accepted-202", "Answers come with 202", "HTTP010", answers(lambda reply: replace(reply, status=202))),
    Change(
        name="stream-unasked",
        title="Every answer is a stream, whether it was asked for or not",
        caught_by="HTTP012",
        asked=read_as_stream,
    ),
)


def unpacked(reply: Reply, _asked: Asked) -> Reply:
    """An error that was unpacked on the way, under its old headers."""
    return headed(("content-encoding", "gzip"))(reply) if reply.status >= 400 else reply


CODINGS = (
    planted("gzip-undeclared", "The body is compressed without a word", "HTTP013", answers(recoded(gzip.compress))),
    planted(
        "gzip-claimed",
        "Content-Encoding says gzip, the body is bare",
        "HTTP013",
        answers(headed(("content-encoding", "gzip"))),
    ),
    planted(
        "gzip-corrupt",
        "The compressed body is damaged on the way",
        "HTTP013",
        wholes(in_turn(recoded(lambda o: gzip.compress(o)[:10] + b"\xff" * 40), headed(("content-encoding", "gzip")))),
    ),
    planted(
        "gzip-bomb",
        "The body of a large request's answer decompresses to more than anybody reads",
        "HTTP013",
        for_large(wholes(in_turn(recoded(bomb), headed(("content-encoding", "gzip"))))),
    ),
    planted(
        "zstd-unasked",
        "The body is coded as zstd, whatever was accepted",
        "HTTP014",
        wholes(in_turn(recoded(as_zstd), headed(("content-encoding", "zstd")))),
    ),
    planted(
        "coding-none",
        "Content-Encoding says none",
        "HTTP015",
        streams(headed(("content-encoding", "none"))),
    ),
    planted(
        "end-by-close",
        "Streams end where the connection does",
        "HTTP018",
        streams(lambda reply: replace(reply, framing="close")),
    ),
    planted("gzip-claimed-for-errors", "A proxy unpacks errors, and they still say gzip", "HTTP013", unpacked),
)

STRINGS = (
    planted(
        "half-a-character",
        "A whole answer ends in half a character",
        "HTTP022",
        wholes(recoded(halved_character)),
    ),
    planted(
        "names-twice",
        "The marker of the object stands twice in each answer",
        "HTTP023",
        lambda reply, asked: wholes(recoded(said_twice))(streams(each(said_twice))(reply, asked), asked),
    ),
)
