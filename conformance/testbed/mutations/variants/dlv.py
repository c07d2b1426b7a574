"""Legal variants of delivery timing."""

from collections.abc import Iterator
from dataclasses import replace
from zlib import crc32

from conformance.testbed.mutations.mutate_bytes import for_large, is_stream, on_pieces, streams, variant, wholes
from conformance.testbed.server.reply import ServerRequest, WireResponse, Write

THINKING_S = 0.3
LONGER_S = 9.0
PROMPT_BYTES_PER_S = 2700
HUGE = 500_000
"""Bytes of a request: larger than any agent's."""


def slow_start(pieces: tuple[Write, ...]) -> list[Write]:
    """A long delay before the first piece."""
    first, *rest = pieces
    return [replace(first, wait_s=first.wait_s + THINKING_S), *rest]


def early_head(pieces: tuple[Write, ...]) -> list[Write]:
    """The response headers at once, with a comment, and the first piece after a delay."""
    return [Write(data=b": thinking\n\n"), *slow_start(pieces)]


def uneven(pieces: tuple[Write, ...]) -> list[Write]:
    """Three pieces at once after a longer delay, as with speculative decoding."""
    return [replace(p, wait_s=0.0 if at % 3 else 3 * p.wait_s) for at, p in enumerate(pieces)]


def quick(pieces: tuple[Write, ...]) -> list[Write]:
    """Three times as fast, as on special hardware."""
    return [replace(piece, wait_s=piece.wait_s / 3) for piece in pieces]


def late_close(reply: WireResponse) -> WireResponse:
    """The response ends shortly after the end marker."""
    return replace(reply, pieces=(*reply.pieces, Write(data=b"", wait_s=0.2)))


def at_once(reply: WireResponse, wait_s: float) -> WireResponse:
    """All pieces together after a delay, as on fast hardware."""
    first, *rest = reply.pieces
    return replace(reply, pieces=(replace(first, wait_s=wait_s), *(replace(piece, wait_s=0.0) for piece in rest)))


def in_its_turn(reply: WireResponse, request: ServerRequest) -> WireResponse:
    """A delay that differs per request, as from a queue, then everything at once."""
    return at_once(reply, crc32(request.id.encode()) % 400 / 1000) if is_stream(reply) else reply


def cold(reply: WireResponse, request: ServerRequest) -> WireResponse:
    """A longer delay where the prompt was not cached, then everything at once."""
    return at_once(reply, 0.3 if b"Count" in request.body else 0.01) if is_stream(reply) else reply


def slow(reply: WireResponse) -> WireResponse:
    """So slow that the self-test does not wait for the end."""
    return replace(reply, pieces=tuple(replace(piece, wait_s=0.8) for piece in reply.pieces))


def slow_in_both(reply: WireResponse, request: ServerRequest) -> WireResponse:
    """As `slow`; non-streaming responses take as long, and the self-test does not wait for their first byte."""
    if is_stream(reply):
        return slow(reply)
    return at_once(reply, LONGER_S) if reply.status == 200 and len(request.body) < HUGE else reply


def comments_first(pieces: tuple[Write, ...]) -> list[Write]:
    """Comments while the model reads the prompt."""
    return [*[Write(data=b": waiting\n\n", wait_s=0.08)] * 4, *pieces]


def in_two_writes(pieces: tuple[Write, ...]) -> Iterator[Write]:
    """The data of every eighth event, and its blank line later, as Nagle's algorithm delays it."""
    for at, piece in enumerate(pieces):
        if at % 8:
            yield piece
        else:
            yield replace(piece, data=piece.data[:-1])
            yield Write(data=piece.data[-1:], wait_s=0.04)


def slow_prompt(reply: WireResponse, request: ServerRequest) -> WireResponse:
    """Prompt processing on a small machine: white space around the body is no prompt."""
    first, *rest = reply.pieces or (Write(data=b""),)
    wait_s = first.wait_s + len(request.body.strip()) / PROMPT_BYTES_PER_S
    return replace(reply, pieces=(replace(first, wait_s=wait_s), *rest))


def slow_prompt_after_role(reply: WireResponse, request: ServerRequest) -> WireResponse:
    """As `slow_prompt`, but a stream's first event is sent before the model reads the prompt."""
    if not is_stream(reply):
        return slow_prompt(reply, request)
    first, *rest = reply.pieces
    return replace(reply, pieces=(first, *slow_prompt(replace(reply, pieces=tuple(rest)), request).pieces))


VARIANTS = (
    variant(
        "slow-model", "The response to a large request takes longer than the self-test waits", for_large(slow_in_both)
    ),
    variant("slow-prompt", "The time to the first byte grows with the prompt: twenty seconds for hermes", slow_prompt),
    variant(
        "slow-prompt-after-role",
        "The first event of a stream is sent at once; the time to the next grows with the prompt",
        slow_prompt_after_role,
    ),
    variant("waits-differ", "Each response is delayed by a different time, then sent at once", in_its_turn),
    variant("prompt-not-cached", "Long prompts are delayed longer, then the response is sent at once", cold),
    variant("slow-tokens", "Tokens of a response to a large request are very slow", for_large(streams(slow))),
    variant("slow-first-token", "The first token is late", streams(on_pieces(slow_start))),
    variant("early-head", "The response headers are sent long before the first token", streams(on_pieces(early_head))),
    variant("uneven-tokens", "Tokens are sent in groups of three", streams(on_pieces(uneven))),
    variant("quick-tokens", "Tokens are sent very fast", streams(on_pieces(quick))),
    variant("late-close", "The response ends shortly after the end marker", streams(late_close)),
    variant("slow-answer", "Non-streaming responses are slow", wholes(on_pieces(slow_start))),
    variant("comments-first", "Comments are sent long before the first event", streams(on_pieces(comments_first))),
    variant(
        "blank-line-late",
        "The blank line after an event is sent separately, slightly later",
        streams(on_pieces(in_two_writes)),
    ),
)
