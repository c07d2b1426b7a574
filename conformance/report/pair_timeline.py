"""Both sides of a gateway on one clock: in words, and as SVG. The SVG contains only numbers, so it is safe."""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from conformance.model.exchange import Ending, Exchange, Pair
from conformance.parsing.http1 import reply

MS: Final = 1e6
LANE: Final = 40
TOP: Final = 4
"""Pixels of one exchange, and above the first one."""
MOST_MARKS: Final = 200
MOST_LANES: Final = 6
MOST_STEPS: Final = 10

CLIENT_ENDINGS: Final = {
    "idle": "the gateway kept the connection open",
    "closed": "the gateway closed the connection",
    "reset": "the gateway reset the connection",
    "timeout": "the client stopped waiting",
    "limit": "the client stopped reading at a limit",
    "hung-up": "the client disconnected on purpose",
    "unreachable": "no connection to the gateway was made",
    "interrupted": "the user stopped the run",
}
UPSTREAM_ENDINGS: Final = {
    "idle": "the connection stayed open",
    "closed": "the upstream closed the connection",
    "reset": "the upstream reset the connection",
    "timeout": "the upstream went silent",
    "limit": "the rest was not recorded",
    "hung-up": "the gateway closed the connection",
    "unreachable": "no connection was made",
    "interrupted": "the rest was not recorded",
}


class Step(NamedTuple):
    """One exchange of a pair: its name, and what happened in it, with the milliseconds since the client began."""

    name: str
    words: str


def steps(pair: Pair) -> Iterator[Step]:
    """The exchanges in words: the client's, and each attempt upstream."""
    client = pair.client
    yield Step("client", _words(client, 0, "sent", CLIENT_ENDINGS, "got"))
    for number, x in enumerate(pair.upstream[:MOST_STEPS], 1):
        where = f"at {x.origin.host}" if x.origin else ""
        words = _words(x, x.began_ns - client.began_ns, f"arrived {where}".strip(), UPSTREAM_ENDINGS, "upstream sent")
        yield Step(f"attempt {number}", words)
    if more := len(pair.upstream[MOST_STEPS:]):
        yield Step("and", f"{more} more attempts")


def _words(x: Exchange, offset: int, begins: str, endings: dict[str, str], gives: str) -> str:
    answer = reply(x)
    parts = [f"request {begins} at {_ms(offset)}"]
    if x.arrivals:
        first, last = offset + x.arrivals[0].at_ns, offset + x.arrivals[-1].at_ns
        pieces = f" in {len(x.arrivals)} pieces" if len(x.arrivals) > 1 else ""
        until = f" to {_ms(last)}" if len(x.arrivals) > 1 else ""
        parts.append(f"{gives} {answer.status or 'no status'} from {_ms(first)}{until}{pieces}")
    else:
        parts.append(f"{gives} nothing")
    whole = "complete" if answer.complete else "not complete"
    parts.append(f"{whole}; {ending(x.ending, endings)} at {_ms(offset + x.ending.at_ns)}")
    return ", ".join(parts)


def ending(how: Ending, words: dict[str, str]) -> str:
    """How an exchange ended."""
    return words[how.how]


def _ms(nanoseconds: float) -> str:
    return f"{nanoseconds / MS:.0f} ms"


def svg(pair: Pair) -> str:
    """The SVG: a lane per exchange, with a short marker per read, and its end."""
    lanes = [pair.client, *pair.upstream[: MOST_LANES - 1]]
    start = min(x.began_ns for x in lanes)
    end = max(x.began_ns + max(_last(x), 1) for x in lanes)
    return "".join(_parts(lanes, start, max(end - start, 1)))


def _last(x: Exchange) -> int:
    """When the exchange was over; what the harness waited for more, after a complete response, is left out."""
    if x.ending.how == "idle" and x.arrivals:
        return x.arrivals[-1].at_ns
    return max((x.ending.at_ns, *(arrival.at_ns for arrival in x.arrivals[-1:])))


def _parts(lanes: Sequence[Exchange], start: int, length: int) -> Iterator[str]:
    height = TOP + LANE * len(lanes) + 16
    label = "Both sides of the gateway on one clock"
    yield f'<svg class="both" width="100%" height="{height}" role="img" aria-label="{label}">'
    for number, x in enumerate(lanes):
        top, began = TOP + LANE * number, x.began_ns - start
        name = f"attempt {number}" if number else "client"
        yield f'<text x="0" y="{top + 11}">{name}</text>'
        yield f'<line x1="0" y1="{top + 32}" x2="100%" y2="{top + 32}" class="axis"/>'
        yield _line(began, began + _last(x), length, top + 32, "span")
        yield _mark(began, length, top + 18, top + 36, "sent")
        yield from (_mark(began + at, length, top + 22, top + 32, "read") for at in _few(x))
        yield _mark(began + _last(x), length, top + 18, top + 36, "end" if reply(x).complete else "broken")
    yield f'<text x="0" y="{height - 2}">0 ms</text>'
    yield f'<text x="100%" y="{height - 2}" text-anchor="end">{_ms(length)}</text></svg>'


def _few(x: Exchange) -> list[int]:
    reads = [arrival.at_ns for arrival in x.arrivals]
    return reads[:: max(1, len(reads) // MOST_MARKS)]


def _mark(at: int, length: int, top: int, bottom: int, kind: str) -> str:
    place = f"{100 * min(max(at, 0), length) / length:.2f}%"
    return f'<line x1="{place}" y1="{top}" x2="{place}" y2="{bottom}" class="{kind}"/>'


def _line(first: int, last: int, length: int, y: int, kind: str) -> str:
    x1, x2 = (f"{100 * min(max(at, 0), length) / length:.2f}%" for at in (first, last))
    return f'<line x1="{x1}" y1="{y}" x2="{x2}" y2="{y}" class="{kind}"/>'
