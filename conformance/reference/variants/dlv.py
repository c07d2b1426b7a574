"""Legal variants of the delivery in time."""

from dataclasses import replace

from conformance.reference.octets import allowed, on_pieces, streams, wholes
from conformance.reference.reply import Piece, Reply

THINKING_S = 0.3


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


VARIANTS = (
    allowed("slow-first-token", "The first piece comes late", streams(on_pieces(slow_start))),
    allowed("early-head", "The head comes long before the first piece", streams(on_pieces(early_head))),
    allowed("uneven-tokens", "Pieces come by threes", streams(on_pieces(uneven))),
    allowed("quick-tokens", "Pieces come very quickly", streams(on_pieces(quick))),
    allowed("late-close", "The reply ends a little after the end marker", streams(late_close)),
    allowed("slow-answer", "Whole answers take their time", wholes(on_pieces(slow_start))),
)
