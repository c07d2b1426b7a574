"""Defects in the HTTP message around the body."""

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
    defect,
    each,
    for_large,
    headed,
    in_turn,
    recoded,
    streams,
    wholes,
    with_body,
    with_head,
)
from conformance.testbed.mutations.mutate_chat import with_fields
from conformance.testbed.mutations.mutate_requests import rewriting
from conformance.testbed.server.reply import Mutation, ServerRequest, WireResponse

LENGTH = re.compile(rb"(content-length: [0-9]+\r\n)")
PAGE = b"<!DOCTYPE html>\n<html><head><title>Welcome</title></head><body>It works.</body></html>\n"


@cache
def blanks() -> bytes:
    """16 MiB of spaces, deflated; cached because it takes a tenth of a second."""
    deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return deflate.compress(b" " * 2**24) + deflate.flush()


def bomb(data: bytes) -> bytes:
    """The body as gzip with endless spaces appended; the final checksum is never reached."""
    deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return gzip.compress(b"")[:10] + deflate.compress(data) + deflate.flush(zlib.Z_FULL_FLUSH) + blanks() + bytes(8)


def unsaid(reply: WireResponse) -> WireResponse:
    """No response: the connection is closed."""
    return replace(reply, head=b"", pieces=(), framing="close", end="abort")


def halved(reply: WireResponse) -> WireResponse:
    """The first half of the pieces."""
    return replace(reply, pieces=reply.pieces[: max(1, len(reply.pieces) // 2)])


def overlong(data: bytes) -> bytes:
    """A chunk that is longer than its chunk size."""
    return b"%x\r\n%s\r\n" % (max(1, len(data) - 3), data)


def both_framings(head: bytes) -> bytes:
    """Headers with both Transfer-Encoding and Content-Length."""
    return head.replace(b"transfer-encoding: chunked\r\n", b"transfer-encoding: chunked\r\ncontent-length: 4096\r\n")


def as_zstd(data: bytes) -> bytes:
    """A Zstandard frame that stores the body uncompressed (RFC 8878, section 3.1.1)."""
    blocks = [data[at : at + 65_536] for at in range(0, len(data), 65_536)] or [b""]
    framed = b"".join(
        ((len(block) << 3) | (number == len(blocks))).to_bytes(3, "little") + block
        for number, block in enumerate(blocks, 1)
    )
    return b"\x28\xb5\x2f\xfd\xa0" + len(data).to_bytes(4, "little") + framed


def encoded_twice(data: bytes) -> bytes:
    """`object` as a duplicate key, in front of the original."""
    return data.replace(b'"object":"chat.', b'"object":"list","object":"chat.')


def halved_character(data: bytes) -> bytes:
    """A surrogate pair truncated between its UTF-16 units."""
    return data.replace(b'today?"', b'today? \\ud83d"')


def read_as_stream(request: ServerRequest) -> ServerRequest:
    """The request with `stream: true`."""
    return replace(request, json=request.json | {"stream": True}) if isinstance(request.json, dict) else request


def counted_in_characters(reply: WireResponse) -> WireResponse:
    """Content-Length in characters of the decoded text."""
    return headed(("content-length", str(len(body_of(reply).decode()))))(reply)


MESSAGE = (
    defect(
        "no-reply", "The connection is closed before any response to a streaming request", "HTTP001", streams(unsaid)
    ),
    defect(
        "reset-before-reply",
        "The connection is reset before any response to a streaming request",
        "HTTP001",
        streams(lambda reply: replace(unsaid(reply), end="reset")),
        needs_tcp=True,
    ),
    defect(
        "silence-before-reply",
        "Large streaming requests never get a response",
        "HTTP001",
        for_large(streams(lambda reply: replace(unsaid(reply), end="hold", hold_s=600.0))),
    ),
    defect(
        "header-without-colon",
        "A header line has no colon",
        "HTTP002",
        wholes(with_head(lambda head: head.replace(b"\r\n", b"\r\nx-request-id 17\r\n", 1))),
    ),
    defect(
        "space-before-colon",
        "There is a space between a header name and its colon",
        "HTTP002",
        wholes(with_head(lambda head: head.replace(b"content-type:", b"content-type :", 1))),
    ),
    defect(
        "head-in-bare-lf",
        "Header lines end in LF instead of CRLF",
        "HTTP002",
        wholes(with_head(lambda head: head.replace(b"\r\n", b"\n"))),
    ),
    defect(
        "no-head", "The response has a body but no status line or headers", "HTTP002", wholes(with_head(lambda _: b""))
    ),
    defect("chunk-too-long", "Chunks are longer than their chunk size", "HTTP003", streams(chunked(overlong))),
    defect(
        "chunk-size-prefixed",
        "Chunk sizes start with 0x",
        "HTTP003",
        streams(chunked(lambda data: b"0x%x\r\n%s\r\n" % (len(data), data) if data else b"")),
    ),
    defect(
        "chunks-undone",
        "Transfer-Encoding is chunked, but the body is not chunked",
        "HTTP003",
        streams(chunked(bytes, b"")),
    ),
    defect(
        "two-framings",
        "Content-Length and Transfer-Encoding are both sent",
        "HTTP003",
        streams(with_head(both_framings)),
    ),
    defect(
        "length-not-a-number",
        "Content-Length is not a number",
        "HTTP003",
        wholes(with_head(lambda head: head.replace(b"content-length: ", b"content-length: about "))),
    ),
    defect(
        "no-last-chunk",
        "The connection is closed before the last chunk",
        "HTTP004",
        streams(lambda reply: replace(reply, end="abort")),
    ),
    defect(
        "stream-cut",
        "The connection is closed in mid-stream",
        "HTTP004",
        streams(lambda reply: replace(halved(reply), end="abort")),
    ),
    defect(
        "stream-reset",
        "The connection is reset in mid-stream",
        "HTTP004",
        streams(lambda reply: replace(halved(reply), end="reset")),
        needs_tcp=True,
    ),
    defect(
        "length-not-met",
        "The body is shorter than Content-Length",
        "HTTP004",
        wholes(lambda reply: replace(reply, end="abort")),
    ),
    defect(
        "octets-after-the-end",
        "The body is longer than Content-Length",
        "HTTP005",
        wholes(lambda reply: replace(reply, after=b"<!-- served by proxy -->")),
    ),
    defect(
        "boundless-body",
        "Large requests get an endless body",
        "HTTP019",
        for_large(wholes(recoded(lambda data: data + b" " * (17 * 1024 * 1024)))),
    ),
    defect(
        "length-twice",
        "Content-Length is sent twice, with the same value",
        "HTTP021",
        wholes(with_head(lambda head: LENGTH.sub(rb"\1\1", head))),
    ),
    defect(
        "large-head",
        "The response headers exceed the size that clients accept",
        "HTTP020",
        answers(headed(("x-debug", "d" * 17_000))),
    ),
    defect(
        "length-in-characters",
        "Content-Length counts characters instead of bytes",
        "HTTP005",
        wholes(counted_in_characters),
    ),
    defect(
        "header-folded",
        "A header is folded over two lines (obs-fold)",
        "HTTP002",
        answers(headed(("server-timing", "queue;dur=1,\r\n model;dur=2"))),
    ),
    defect(
        "chunks-under-http-1.0",
        "A stream is chunked under HTTP/1.0, which has no chunked coding",
        "HTTP003",
        streams(with_head(lambda head: head.replace(b"HTTP/1.1", b"HTTP/1.0"))),
    ),
)

TYPES = (
    defect(
        "json-as-text",
        "JSON responses have Content-Type: text/plain",
        "HTTP006",
        wholes(headed(("content-type", "text/plain"))),
    ),
    defect(
        "json-as-html",
        "JSON responses have Content-Type: text/html",
        "HTTP006",
        wholes(headed(("content-type", "text/html"))),
    ),
    defect(
        "json-as-events",
        "JSON responses have Content-Type: text/event-stream",
        "HTTP006",
        wholes(headed(("content-type", "text/event-stream"))),
    ),
    defect("json-unlabelled", "JSON responses have no Content-Type", "HTTP006", wholes(bare_of("content-type"))),
    defect(
        "json-as-latin-1",
        "JSON responses have charset=iso-8859-1",
        "HTTP007",
        wholes(headed(("content-type", "application/json; charset=iso-8859-1"))),
    ),
    defect(
        "two-content-types",
        "Content-Type is sent twice, with different values",
        "HTTP017",
        wholes(lambda reply: replace(reply, headers=(*reply.headers, ("content-type", "text/html")))),
    ),
    defect(
        "answer-for-caches",
        "Responses are declared cacheable",
        "HTTP016",
        answers(headed(("cache-control", "public, max-age=3600"))),
    ),
    Mutation(
        name="stream-for-explicit-false",
        title="`stream: false` gets a stream, because the field is present",
        caught_by="HTTP012",
        on_request=rewriting(with_fields(stream=True), lambda request: request.json.get("stream") is False),
    ),
)

BODIES = (
    defect("empty-200", "200 with an empty body", "HTTP009", wholes(with_body(b""))),
    defect("page-200", "200 with an HTML page", "HTTP008", wholes(with_body(PAGE, ("content-type", "text/html")))),
    defect("json-bom", "JSON starts with a byte order mark", "HTTP008", wholes(recoded(lambda o: b"\xef\xbb\xbf" + o))),
    defect(
        "json-nan",
        "A number in the JSON is NaN",
        "HTTP008",
        wholes(recoded(lambda o: o.replace(b'"usage":{', b'"score":NaN,"usage":{'))),
    ),
    defect(
        "json-then-done", "[DONE] follows the JSON", "HTTP008", wholes(recoded(lambda o: o + b"\ndata: [DONE]\n\n"))
    ),
    defect(
        "json-cut",
        "The JSON is truncated, with a matching Content-Length",
        "HTTP008",
        wholes(recoded(lambda o: o[:-9])),
    ),
    defect(
        "json-in-latin-1",
        "A string contains a byte that is not UTF-8",
        "HTTP008",
        wholes(recoded(lambda o: o.replace(b"Hello", b"H\xe9llo"))),
    ),
    defect(
        "no-content",
        "204 instead of a response body",
        "HTTP009",
        wholes(lambda reply: replace(with_body(b"")(reply), status=204, framing="close")),
    ),
    defect(
        "accepted-202",
        "Successful responses have status 202",
        "HTTP010",
        answers(lambda reply: replace(reply, status=202)),
    ),
    Mutation(
        name="stream-unasked",
        title="Every response is a stream, whether requested or not",
        caught_by="HTTP012",
        on_request=read_as_stream,
    ),
    Mutation(
        name="stream-as-text-read-as-false",
        title='`stream: "true"` gets a non-streaming response',
        caught_by="HTTP024",
        on_request=rewriting(with_fields(stream=False), lambda request: request.json.get("stream") == "true"),
    ),
)


def unpacked(reply: WireResponse, _request: ServerRequest) -> WireResponse:
    """An error that was decompressed by a proxy, with its original Content-Encoding."""
    return headed(("content-encoding", "gzip"))(reply) if reply.status >= 400 else reply


CODINGS = (
    defect("gzip-undeclared", "The body is gzip without Content-Encoding", "HTTP013", answers(recoded(gzip.compress))),
    defect(
        "gzip-claimed",
        "Content-Encoding is gzip, but the body is not compressed",
        "HTTP013",
        answers(headed(("content-encoding", "gzip"))),
    ),
    defect(
        "gzip-corrupt",
        "The gzip body is corrupt",
        "HTTP013",
        wholes(in_turn(recoded(lambda o: gzip.compress(o)[:10] + b"\xff" * 40), headed(("content-encoding", "gzip")))),
    ),
    defect(
        "gzip-bomb",
        "The response to a large request decompresses to an excessive size (gzip bomb)",
        "HTTP019",
        for_large(wholes(in_turn(recoded(bomb), headed(("content-encoding", "gzip"))))),
    ),
    defect(
        "zstd-unasked",
        "The body is zstd, whatever Accept-Encoding allows",
        "HTTP014",
        wholes(in_turn(recoded(as_zstd), headed(("content-encoding", "zstd")))),
    ),
    defect(
        "coding-none",
        "Content-Encoding is none, which is not registered",
        "HTTP015",
        streams(headed(("content-encoding", "none"))),
    ),
    defect(
        "end-by-close",
        "Streams end by connection close, without Content-Length or chunked coding",
        "HTTP018",
        streams(lambda reply: replace(reply, framing="close")),
    ),
    defect(
        "gzip-claimed-for-errors", "A proxy decompresses errors but keeps Content-Encoding: gzip", "HTTP013", unpacked
    ),
)

STRINGS = (
    defect(
        "half-a-character",
        "A non-streaming response ends in a lone surrogate",
        "HTTP022",
        wholes(recoded(halved_character)),
    ),
    defect(
        "names-twice",
        "`object` is a duplicate key in every response",
        "HTTP023",
        lambda reply, request: wholes(recoded(encoded_twice))(streams(each(encoded_twice))(reply, request), request),
    ),
)
