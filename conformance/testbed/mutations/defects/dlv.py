"""Defects in delivery: buffered streams, responses that stall or never end."""

import json
from collections.abc import Iterator
from dataclasses import replace

from conformance.testbed.mutations.mutate_bytes import (
    compressed,
    defect,
    for_large,
    is_stream,
    on_pieces,
    recoded,
    streams,
    wholes,
)
from conformance.testbed.mutations.mutate_chat import Body, on_stream, text_of, with_delta
from conformance.testbed.server.reply import Mutation, ServerRequest, WireResponse, Write

BUFFER = 4096
HOLD_S = 600.0
"""Longer than any run waits."""


def held_back(pieces: tuple[Write, ...], first: int = 0) -> list[Write]:
    """All pieces but the first `first` are sent together, when the last of them is generated."""
    rest = pieces[first:]
    made_s = sum(piece.wait_s for piece in rest)
    return [*pieces[:first], *(replace(p, wait_s=0.0 if at else made_s) for at, p in enumerate(rest))]


def packed(reply: WireResponse) -> WireResponse:
    """The stream compressed without flushing: nothing can be decoded before its end."""
    return compressed(reply, flush=False)


def halted(reply: WireResponse) -> WireResponse:
    """The first half of the pieces, then a stall."""
    return replace(reply, pieces=reply.pieces[: max(1, len(reply.pieces) // 2)], end="hold", hold_s=HOLD_S)


def going_on(reply: WireResponse, request: ServerRequest) -> WireResponse:
    """A stream with `max_tokens: 1` that repeats the same event without end."""
    if request.api != "chat" or not is_stream(reply) or request.json.get("max_tokens") != 1:
        return reply
    return replace(reply, pieces=(reply.pieces[0], *(replace(reply.pieces[1], wait_s=0.02),) * 4000))


def hushed(reply: WireResponse) -> WireResponse:
    """Comments instead of events, for longer than any run waits."""
    return replace(reply, pieces=(Write(data=b": working\n\n", wait_s=0.5),) * 1200)


def late_chunk(chunks: list[Body]) -> list[Body]:
    """All text in one chunk, the last one before the end."""
    texts = [at for at, chunk in enumerate(chunks) if text_of(chunk)]
    if not texts:
        return chunks
    whole = with_delta(chunks[texts[0]], {"content": "".join(map(text_of, chunks))})
    return [whole if at == texts[-1] else with_delta(c, {}) if at in texts else c for at, c in enumerate(chunks)]


def late_block(pieces: tuple[Write, ...]) -> list[Write]:
    """All text of a Messages stream in its last delta."""
    texts = [at for at, piece in enumerate(pieces) if b'"text_delta"' in piece.data]
    if not texts:
        return list(pieces)
    events = [json.loads(pieces[at].data.partition(b"data: ")[2]) for at in texts]
    joined = events[0] | {"delta": {"type": "text_delta", "text": "".join(e["delta"]["text"] for e in events)}}
    raw = b"event: content_block_delta\ndata: " + json.dumps(joined).encode() + b"\n\n"
    waited_s = sum(pieces[at].wait_s for at in texts)
    whole = Write(data=raw, wait_s=waited_s)
    return [whole if at == texts[-1] else piece for at, piece in enumerate(pieces) if at not in texts[:-1]]


def in_buffers(pieces: tuple[Write, ...]) -> Iterator[Write]:
    """Bytes are held until the buffer is full, at half the generation speed."""
    held, wait_s = b"", 0.0
    for piece in pieces:
        held, wait_s = held + piece.data, wait_s + 2 * piece.wait_s
        if len(held) >= BUFFER:
            yield Write(data=held[:BUFFER], wait_s=wait_s)
            held, wait_s = held[BUFFER:], 0.0
    yield Write(data=held, wait_s=wait_s)


LATE = (
    defect("stream-buffered", "A proxy buffers streams until they end", "DLV001", streams(on_pieces(held_back))),
    defect(
        "stream-buffered-late",
        "The first events are sent at once, the rest is buffered until the end",
        "DLV001",
        streams(on_pieces(lambda pieces: held_back(pieces, 3))),
    ),
    defect("stream-packed", "Compression buffers streams until they end", "DLV001", streams(packed)),
    defect(
        "stream-in-one-write",
        "The complete stream is sent in one write when it ends",
        "DLV001",
        streams(recoded(lambda raw: raw)),
    ),
    Mutation(
        name="text-in-one-chunk",
        title="All text of a chat stream is in one chunk",
        caught_by="DLV002",
        on_response=on_stream(late_chunk),
    ),
    defect(
        "text-in-one-delta",
        "All text of a Messages stream is in one delta",
        "DLV002",
        streams(on_pieces(late_block)),
    ),
    defect(
        "stream-after-silence",
        "Every stream is sent in one write after the same long delay",
        "DLV006",
        streams(on_pieces(lambda pieces: [Write(data=b"".join(p.data for p in pieces), wait_s=0.7)])),
    ),
    defect(
        "stream-in-buffers",
        "A proxy flushes streams in 4096-byte buffers, not per event",
        "DLV008",
        streams(on_pieces(in_buffers)),
    ),
)

ENDLESS = (
    defect("stream-without-end", "A short completion streams on without end", "DLV003", going_on),
    defect(
        "stream-of-comments",
        "Streams of large requests send only comments, no events",
        "DLV003",
        for_large(streams(hushed)),
    ),
    defect(
        "stream-stalls",
        "Streams of large requests stall half way, with the connection open",
        "DLV003",
        for_large(streams(halted)),
    ),
    defect(
        "stream-stalls-at-once",
        "Streams of large requests stall after the response headers",
        "DLV003",
        for_large(streams(lambda reply: replace(reply, pieces=(), end="hold", hold_s=HOLD_S))),
    ),
    defect(
        "json-stalls",
        "The last byte of large requests' non-streaming responses is never sent",
        "DLV003",
        for_large(wholes(lambda reply: replace(reply, end="hold", hold_s=HOLD_S))),
    ),
    defect(
        "done-then-hold",
        "The connection is kept open after the end marker",
        "DLV004",
        for_large(streams(lambda reply: replace(reply, end="hold", hold_s=HOLD_S))),
    ),
    defect(
        "done-then-lag",
        "Streams end more than a second after the end marker",
        "DLV005",
        for_large(streams(on_pieces(lambda pieces: [*pieces, Write(data=b": bye\n\n", wait_s=1.4)]))),
    ),
    defect(
        "lag-then-done",
        "The end marker is sent more than a second after the last text",
        "DLV007",
        for_large(streams(on_pieces(lambda pieces: [*pieces[:-1], replace(pieces[-1], wait_s=1.4)]))),
    ),
)
