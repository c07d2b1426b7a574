"""A response's timeline as SVG: when data was received, and the gaps. It contains only numbers, so it is safe."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from conformance.apis.deltas import arrivals
from conformance.model.exchange import Exchange
from conformance.parsing.http1 import reply

WIDTH, HEIGHT, LEFT, RIGHT = 720, 64, 8, 8
MS: Final = 1e6
MOST: Final = 400
"""Maximum number of markers; more would merge into one bar."""


def svg(x: Exchange) -> str:
    """The SVG: a short marker per socket read, a tall one per piece of content."""
    end = max((a.at_ns for a in x.arrivals), default=0) or x.ending.at_ns or 1
    reads = [arrival.at_ns for arrival in x.arrivals]
    return "".join(_parts(reads, list(arrivals(x)) if x.mode == "stream" else [], end))


def in_words(x: Exchange) -> str:
    """The timeline in a sentence."""
    if "timing" not in x.recorded:
        return f"{len(reply(x).content)} bytes of content; the recording has no arrival times."
    if not x.arrivals:
        return f"Nothing was received; the exchange ended as {x.ending.how} after {x.ending.at_ns / MS:.0f} ms."
    reads = [arrival.at_ns for arrival in x.arrivals]
    gaps = [later - before for before, later in pairwise(reads)]
    longest = f", the longest gap {max(gaps) / MS:.0f} ms" if gaps else ""
    count = f"{len(reads)} read" + "s" * (len(reads) != 1)
    return (
        f"First bytes after {reads[0] / MS:.0f} ms, last after {reads[-1] / MS:.0f} ms, in {count}{longest}; "
        f"{len(reply(x).content)} bytes of content; ended as {x.ending.how}."
    )


def _parts(reads: list[int], pieces: list[int], end: int) -> Iterator[str]:
    yield f'<svg class="timeline" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="Timeline of the response">'
    yield f'<line x1="{LEFT}" y1="44" x2="{WIDTH - RIGHT}" y2="44" class="axis"/>'
    yield from (_mark(at, end, 34, "read") for at in _few(reads))
    yield from (_mark(at, end, 14, "piece") for at in _few(pieces))
    yield f'<text x="{LEFT}" y="60">0 ms</text>'
    yield f'<text x="{WIDTH - RIGHT}" y="60" text-anchor="end">{end / MS:.0f} ms</text>'
    yield "</svg>"


def _mark(at: int, end: int, top: int, kind: str) -> str:
    place = LEFT + (WIDTH - LEFT - RIGHT) * min(at, end) / end
    return f'<line x1="{place:.1f}" y1="{top}" x2="{place:.1f}" y2="44" class="{kind}"/>'


def _few(times: list[int]) -> list[int]:
    step = max(1, len(times) // MOST)
    return times[::step]
