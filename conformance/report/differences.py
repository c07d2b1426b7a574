"""Two versions of a message, in pieces that are equal or differ, for a page that shows both side by side. Pure.

White space between JSON tokens and line ends count as equal: a gateway may write a body anew. The time is bounded.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from difflib import SequenceMatcher
from itertools import groupby
from typing import Final, Literal, NamedTuple

from conformance.report.escaping import ELLIPSIS, escape

Kind = Literal["same", "differs", "left-out"]
DIFFERS: Final[Kind] = "differs"

TOKEN: Final = re.compile(rb'"(?:[^"\\\r\n]|\\.){0,100}"|[\w\x80-\xff]+|\s+|[^\w\s\x80-\xff]')
"""A short JSON string, a word, white space, or a character of punctuation; longer strings are words."""
MOST_COMPARED: Final = 400
"""Lines or tokens that are aligned, after what both sides begin and end with; of more, all count as different."""
MOST_READ: Final = 64 * 1024
"""Bytes of one side that are compared."""
MOST_ALIGNED: Final = 16 * 1024
"""Bytes of lines in a row that are compared by tokens; more are not shown anyway."""
AROUND: Final = 90
"""Bytes shown of equal parts, on each side of a difference."""
MOST_SHOWN: Final = 3000
"""Bytes shown of one side."""
MOST_LINES: Final = 40
MOST_EQUAL_LINES: Final = 4


Run = tuple[bytes, Kind]


class Piece(NamedTuple):
    """A part of a message, escaped."""

    text: str
    kind: Kind


class Versions(NamedTuple):
    """One part of both messages, in pieces."""

    left: tuple[Piece, ...]
    right: tuple[Piece, ...]

    @property
    def differ(self) -> bool:
        """Whether anything differs."""
        return any(piece.kind == "differs" for piece in (*self.left, *self.right))


def heads(left: bytes, right: bytes) -> Versions:
    """Two heads, line by line: a field line differs if the other head has none of that name and value.

    Of equal ones, only the first and the last of several are shown.
    """
    return Versions(tuple(_folded(list(_lines(left, right)))), tuple(_folded(list(_lines(right, left)))))


def single(head: bytes, body: bytes) -> tuple[Piece, ...]:
    """A message that is compared with none, shortened."""
    return (*_lines(head, head), *bodies(body, body).left)


def _folded(lines: Sequence[Piece]) -> Iterator[Piece]:
    for kind, group in groupby(lines, key=lambda piece: piece.kind):
        run = list(group)
        if kind != "same" or len(run) <= MOST_EQUAL_LINES:
            yield from run
        else:
            yield run[0]
            yield Piece(f"{ELLIPSIS}({len(run) - 2} equal lines){ELLIPSIS}\n", "left-out")
            yield run[-1]


def _lines(mine: bytes, others: bytes) -> Iterator[Piece]:
    there = Counter(map(_field, others.splitlines()))
    lines = mine.splitlines(keepends=True)
    for line in lines[:MOST_LINES]:
        is_there = there[_field(line)] > 0
        there[_field(line)] -= is_there
        yield Piece(_shortened(line), "same" if is_there or not line.strip() else "differs")
    if more := b"".join(lines[MOST_LINES:]):
        yield _left_out(len(more))


def _field(line: bytes) -> tuple[bytes, bytes]:
    name, colon, value = line.strip().partition(b":")
    return (name.lower(), value.strip()) if colon else (b"", line.strip())


def bodies(left: bytes, right: bytes) -> Versions:
    """Two bodies, line by line, and lines that differ token by token; what is equal is shown around the differences."""
    mine, others = (side[:MOST_READ].splitlines(keepends=True) for side in (left, right))
    found: tuple[list[Run], list[Run]] = ([], [])
    for is_same, a, b in _blocks([line.strip() for line in mine], [line.strip() for line in others]):
        for runs, part in zip(found, _aligned(mine[a], others[b], is_same=is_same), strict=True):
            runs.extend(part)
    shown = [tuple(_pieces(list(_joined(runs)))) for runs in found]
    return Versions(shown[0] + _rest(left), shown[1] + _rest(right))


def _rest(side: bytes) -> tuple[Piece, ...]:
    return (_left_out(len(side) - MOST_READ),) if len(side) > MOST_READ else ()


def _aligned(mine: Sequence[bytes], others: Sequence[bytes], *, is_same: bool) -> tuple[list[Run], list[Run]]:
    """The lines of a block as runs: lines that differ are compared by tokens, each with its counterpart."""
    if is_same:
        return [(line, "same") for line in mine], [(line, "same") for line in others]
    if len(mine) != len(others):
        return _tokens(b"".join(mine), b"".join(others))
    runs: tuple[list[Run], list[Run]] = ([], [])
    read = 0
    for a, b in zip(mine, others, strict=True):
        read += max(len(a), len(b))
        parts = _tokens(a, b) if read <= MOST_ALIGNED else ([(a, DIFFERS)], [(b, DIFFERS)])
        for side, part in zip(runs, parts, strict=True):
            side.extend(part)
    return runs


def _tokens(left: bytes, right: bytes) -> tuple[list[Run], list[Run]]:
    """Two lines as runs of tokens that both have in the same order, or not."""
    a, b = TOKEN.findall(left), TOKEN.findall(right)
    seen_a, seen_b = ([at for at, token in enumerate(tokens) if not token.isspace()] for tokens in (a, b))
    same: tuple[set[int], set[int]] = (set(), set())
    for is_same, in_a, in_b in _blocks([a[at] for at in seen_a], [b[at] for at in seen_b]):
        if is_same:
            same[0].update(seen_a[in_a])
            same[1].update(seen_b[in_b])
    return list(_marked(a, same[0])), list(_marked(b, same[1]))


def _marked(tokens: Sequence[bytes], same: set[int]) -> Iterator[Run]:
    """Tokens as runs; white space goes with what is before it."""
    kind: Kind = "same"
    for at, token in enumerate(tokens):
        kind = kind if token.isspace() else "same" if at in same else "differs"
        yield token, kind


def _blocks(a: Sequence[bytes], b: Sequence[bytes]) -> Iterator[tuple[bool, slice, slice]]:
    """The blocks of two sequences in order: whether they are equal, and where they are in each."""
    start = _common(a, b)
    end = _common(a[start:][::-1], b[start:][::-1])
    to_a, to_b = len(a) - end, len(b) - end
    yield True, slice(start), slice(start)
    if max(to_a, to_b) - start > MOST_COMPARED:
        yield False, slice(start, to_a), slice(start, to_b)
    else:
        matcher = SequenceMatcher(None, a[start:to_a], b[start:to_b], autojunk=False)
        for tag, a1, a2, b1, b2 in matcher.get_opcodes():
            yield tag == "equal", slice(start + a1, start + a2), slice(start + b1, start + b2)
    yield True, slice(to_a, None), slice(to_b, None)


def _common(a: Sequence[bytes], b: Sequence[bytes]) -> int:
    """How many elements both begin with."""
    return next((at for at, (one, other) in enumerate(zip(a, b, strict=False)) if one != other), min(len(a), len(b)))


def _joined(runs: Iterable[Run]) -> Iterator[Run]:
    """Neighbouring runs of a kind as one."""
    for kind, group in groupby(runs, key=lambda run: run[1]):
        yield b"".join(data for data, _ in group), kind


def _pieces(runs: Sequence[Run]) -> Iterator[Piece]:
    """Runs as pieces; long equal ones are shortened, and so is the whole."""
    shown, around = 0, AROUND if len(runs) > 1 else 4 * AROUND
    for at, (data, kind) in enumerate(runs):
        if shown > MOST_SHOWN:
            yield _left_out(sum(len(rest) for rest, _ in runs[at:]))
            return
        if kind == "differs":
            yield Piece(_text(data[:MOST_SHOWN]), "differs")
            yield from (_left_out(len(data) - MOST_SHOWN),) if len(data) > MOST_SHOWN else ()
            shown += len(data)
        else:
            yield from _same(data, around, AROUND)
            shown += min(len(data), around + AROUND)


def _same(data: bytes, head: int, tail: int) -> Iterator[Piece]:
    if len(data) <= head + tail + AROUND:
        yield Piece(_text(data), "same")
        return
    yield Piece(_text(data[:head]), "same")
    yield _left_out(len(data) - head - tail)
    yield Piece(_text(data[-tail:]), "same")


def _left_out(count: int) -> Piece:
    return Piece(f"{ELLIPSIS}({count} bytes){ELLIPSIS}", "left-out")


def _shortened(line: bytes, most: int = 300) -> str:
    return _text(line) if len(line) <= most else f"{escape(line[:most])}{ELLIPSIS}\n"


def _text(data: bytes) -> str:
    """Bytes as escaped text, with a line break after each line end."""
    return "".join(_with_breaks(data.splitlines(keepends=True)))


def _with_breaks(lines: Iterable[bytes]) -> Iterator[str]:
    for line in lines:
        yield escape(line) + ("\n" if line.endswith((b"\n", b"\r")) else "")
