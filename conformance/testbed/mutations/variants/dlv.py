"""Legal variants of the delivery in time."""

from collections.abc import Iterator
from dataclasses import replace
from zlib import crc32

from conformance.testbed.mutations.mutate_bytes import allowed, for_large, is_stream, on_pieces, streams, wholes
from conformance.testbed.server.reply import Asked, Piece, Reply

THINKING_S = 0.3
LONGER_S = 9.0
HUGE = 500_000
"""Octets of a request that no agent sends."""


def slow_start(pieces: tuple[Piece, ...]) -> list[Piece]:
    """A long wait before the first piece."""
    first, *rest = pieces
    return [replace(first, wait_s=first.wait_s + THINKING_S), *rest]


def early_head(pieces: tuple[Piece, ...]) -> list[Piece]:
    """The head at once, with a comment, and the first piece after a wait."""
    return [Piece(octets=b": thinking\n\n"), *slow_start(pieces)]


def uneven(pieces: tuple[Piece, ...]) -> list[Piece]:
    """Three pieces at once after every longer wait, as speculative decoding has them."""
    return [replace(p, wait_s=0.0 if at % 3 else 3 * p.wait_s) for at, p in enumerate(pieces)]


def quick(pieces: tuple[Piece, ...]) -> list[Piece]:
    """Three times as fast, as special hardware is."""
    return [replace(piece, wait_s=piece.wait_s / 3) for piece in pieces]


def late_close(reply: Reply) -> Reply:
    """The end of the reply a little after the end marker."""
    return replace(reply, pieces=(*reply.pieces, Piece(octets=b"", wait_s=0.2)))


def at_once(reply: Reply, wait_s: float) -> Reply:
    """All pieces together after a wait, as quick hardware is."""
    first, *rest = reply.pieces
    return replace(reply, pieces=(replace(first, wait_s=wait_s), *(replace(piece, wait_s=0.0) for piece in rest)))


def in_its_turn(reply: Reply, asked: Asked) -> Reply:
    """A wait that differs from request to request, as a queue makes it, and then all at once."""
    return at_once(reply, crc32(asked.id.encode()) % 400 / 1000) if is_stream(reply) else reply


def cold(reply: Reply, asked: Asked) -> Reply:
    """A longer wait where the prompt was not cached, and then all at once."""
    return at_once(reply, 0.3 if b"Count" in asked.body else 0.01) if is_stream(reply) else reply


def slow(reply: Reply) -> Reply:
    """So slow that the self-test does not wait for the end."""
    return replace(reply, pieces=tuple(replace(piece, wait_s=0.8) for piece in reply.pieces))


def slow_in_both(reply: Reply, asked: Asked) -> Reply:
    """Whole answers that take as long: nobody waits for their first octet."""
    if is_stream(reply):
        return slow(reply)
    return at_once(reply, LONGER_S) if reply.status == 200 and len(asked.body) < HUGE else reply


def comments_first(pieces: tuple[Piece, ...]) -> list[Piece]:
    """Comments while the model reads the prompt."""
    return [*[Piece(octets=b": waiting\n\n", wait_s=0.08)] * 4, *pieces]


def in_two_writes(pieces: tuple[Piece, ...]) -> Iterator[Piece]:
    """The data of every eighth event, and its blank line when Nagle's algorithm lets it go."""
    for at, piece in enumerate(pieces):
        if at % 8:
            yield piece
        else:
            yield replace(piece, octets=piece.octets[:-1])
            yield Piece(octets=piece.octets[-1:], wait_s=0.04)


VARIANTS = (
    allowed("slow-model", "A large request's answer takes longer than anybody waits for", for_large(slow_in_both)),
    allowed("waits-differ", "Each answer waits for its turn, and then comes at once", in_its_turn),
    allowed("prompt-not-cached", "Long prompts wait longer, and then the answer comes at once", cold),
    allowed("slow-tokens", "The pieces of a large request's answer come very slowly", for_large(streams(slow))),
    allowed("slow-first-token", "The first piece comes late", streams(on_pieces(slow_start))),
    allowed("early-head", "The head comes long before the first piece", streams(on_pieces(early_head))),
    allowed("uneven-tokens", "Pieces come by threes", streams(on_pieces(uneven))),
    allowed("quick-tokens", "Pieces come very quickly", streams(on_pieces(quick))),
    allowed("late-close", "The reply ends a little after the end marker", streams(late_close)),
    allowed("slow-answer", "Whole answers take their time", wholes(on_pieces(slow_start))),
    allowed("comments-first", "Comments come long before the first event", streams(on_pieces(comments_first))),
    allowed(
        "blank-line-late",
        "The blank line after an event comes by itself, a little later",
        streams(on_pieces(in_two_writes)),
    ),
)
