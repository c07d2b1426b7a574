"""Change the bytes on the connection: headers, events and framing, from which defects and variants are built.

Errors, lists of models and the other mode's responses are left alone.
"""

import zlib
from collections.abc import Callable, Iterable
from dataclasses import replace

from conformance.testbed.server.framing import encode_head
from conformance.testbed.server.reply import Mutation, OnWire, ServerRequest, WireResponse, Write

Edit = Callable[[WireResponse], WireResponse]
Recode = Callable[[bytes], bytes]

LAST_CHUNK = b"0\r\n\r\n"
LARGE = 40_000
"""Bytes of a request that only the agent with the largest tools sends: some defects are too slow for every response."""


def defect(name: str, title: str, caught_by: str, on_wire: OnWire, *, needs_tcp: bool = False) -> Mutation:
    """A defect in the bytes written."""
    return Mutation(name=name, title=title, caught_by=caught_by, on_wire=on_wire, needs_tcp=needs_tcp)


def variant(name: str, title: str, on_wire: OnWire) -> Mutation:
    """A legal variant of the bytes written."""
    return Mutation(name=name, title=title, on_wire=on_wire)


def is_stream(reply: WireResponse) -> bool:
    """Whether a reply is a successful event stream."""
    return reply.status == 200 and dict(reply.headers).get("content-type", "").startswith("text/event-stream")


def streams(edit: Edit) -> OnWire:
    """Edit the streams."""
    return lambda reply, _request: edit(reply) if is_stream(reply) else reply


def wholes(edit: Edit) -> OnWire:
    """Edit the non-streaming responses."""

    def change(reply: WireResponse, request: ServerRequest) -> WireResponse:
        return edit(reply) if request.method == "POST" and reply.status == 200 and not is_stream(reply) else reply

    return change


def answers(edit: Edit) -> OnWire:
    """Edit the responses of both modes."""
    return lambda reply, request: edit(reply) if request.method == "POST" and reply.status == 200 else reply


def for_large(change: OnWire) -> OnWire:
    """Change the responses to large requests only."""
    return lambda reply, request: change(reply, request) if len(request.body) > LARGE else reply


def body_of(reply: WireResponse) -> bytes:
    """The complete body."""
    return b"".join(piece.data for piece in reply.pieces)


def with_body(raw: bytes, *headers: tuple[str, str]) -> Edit:
    """Another body, sent at once, with these headers set."""
    return lambda reply: headed(*headers)(replace(reply, pieces=(Write(data=raw),)))


def recoded(recode: Recode) -> Edit:
    """Recode the complete body; it is sent when its last piece is ready."""

    def edit(reply: WireResponse) -> WireResponse:
        made_s = sum(piece.wait_s for piece in reply.pieces)
        return replace(reply, pieces=(Write(data=recode(body_of(reply)), wait_s=made_s),))

    return edit


def each(recode: Recode) -> Edit:
    """Recode every event in place."""
    return on_pieces(lambda pieces: [replace(piece, data=recode(piece.data)) for piece in pieces])


def on_pieces(edit: Callable[[tuple[Write, ...]], Iterable[Write]]) -> Edit:
    """Edit all events together."""
    return lambda reply: replace(reply, pieces=tuple(edit(reply.pieces)))


def swapped(old: bytes, new: bytes) -> Edit:
    """Replace these bytes in every event."""
    return each(lambda raw: raw.replace(old, new))


def headed(*headers: tuple[str, str]) -> Edit:
    """Set these headers; they replace those of the same name."""
    names = {name for name, _ in headers}

    def edit(reply: WireResponse) -> WireResponse:
        return replace(reply, headers=(*(h for h in reply.headers if h[0] not in names), *headers))

    return edit


def bare_of(*names: str) -> Edit:
    """Remove these headers."""
    return lambda reply: replace(reply, headers=tuple(h for h in reply.headers if h[0] not in names))


def with_head(recode: Recode) -> Edit:
    """Recode the status line and headers."""
    return lambda reply: replace(reply, head=recode(encode_head(reply, closing=False)))


def chunked(encode: Recode, last: bytes = LAST_CHUNK) -> Edit:
    """Frame the pieces by hand, each as `encode` returns it."""

    def edit(reply: WireResponse) -> WireResponse:
        head = encode_head(replace(reply, framing="chunked"), closing=True)
        pieces = [replace(piece, data=encode(piece.data)) for piece in reply.pieces]
        return replace(reply, head=head, framing="close", pieces=(*pieces, Write(data=last)))

    return edit


def a_chunk(raw: bytes) -> bytes:
    """One chunk in the usual form."""
    return b"%x\r\n%s\r\n" % (len(raw), raw)


def compressed(reply: WireResponse, *, flush: bool = True, wbits: int = 31) -> WireResponse:
    """The pieces compressed as one stream; with `flush`, each can be decoded at once."""
    packer = zlib.compressobj(wbits=wbits)
    mode = zlib.Z_SYNC_FLUSH if flush else zlib.Z_NO_FLUSH
    pieces = [replace(piece, data=packer.compress(piece.data) + packer.flush(mode)) for piece in reply.pieces]
    coding = ("content-encoding", "gzip" if wbits > zlib.MAX_WBITS else "deflate")
    return headed(coding)(replace(reply, pieces=(*pieces, Write(data=packer.flush()))))


def in_turn(*edits: Edit) -> Edit:
    """Apply several edits, one after the other."""

    def edit(reply: WireResponse) -> WireResponse:
        for one in edits:
            reply = one(reply)
        return reply

    return edit
