"""Both sides of a request through a gateway, as an HTML page shows them: one timeline, and the bytes side by side."""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from markupsafe import Markup

from conformance.model.exchange import Exchange, Pair
from conformance.parsing.http1 import reply, request_content
from conformance.report import pair_timeline
from conformance.report.differences import Piece, bodies, heads, single
from conformance.report.pair_timeline import Step

MOST_EARLIER: Final = 3
"""Other responses and requests upstream that are shown besides those of the last attempt."""
SAME: Final = "Nothing differs."


class Side(NamedTuple):
    """One message: its title, and its bytes in pieces."""

    title: str
    pieces: tuple[Piece, ...]


class Comparison(NamedTuple):
    """A message on both sides of the gateway. `note` says so if they are equal."""

    title: str
    left: Side
    right: Side
    note: str


class PairView(NamedTuple):
    """One request through a gateway. `earlier` are the responses to attempts before the last, not compared."""

    name: str
    anchor: str
    timeline: Markup
    steps: tuple[Step, ...]
    comparisons: tuple[Comparison, ...]
    earlier: tuple[Side, ...]


def view(pair: Pair, anchor: str, other: Pair | None = None) -> PairView:
    """What the page shows of a pair, and of another one that it is compared with."""
    return PairView(
        name=pair.client.id,
        anchor=anchor,
        timeline=Markup(pair_timeline.svg(pair)),  # noqa: S704 - numbers only
        steps=tuple(pair_timeline.steps(pair)),
        comparisons=(*_comparisons(pair), *(_of_two(pair, other) if other else ())),
        earlier=tuple(_earlier(pair)),
    )


def _comparisons(pair: Pair) -> Iterator[Comparison]:
    """The request with each attempt whose body is another, and the response with that of the last attempt."""
    sent, seen = _request(pair.client), set[bytes]()
    for number, x in enumerate(pair.upstream, 1):
        arrived = _request(x)
        if arrived[1] not in seen and len(seen) <= MOST_EARLIER:
            yield _compared("Request", "as the client sent it", f"as it arrived{_of(number, pair)}", sent, arrived)
        seen.add(arrived[1])
    if not pair.upstream:
        yield _compared("Request", "as the client sent it", "nothing arrived upstream", sent, (b"", b""))
    last = _response(pair.upstream[-1]) if pair.upstream else (b"", b"")
    title = f"as the upstream sent it{_of(len(pair.upstream), pair)}" if pair.upstream else "the upstream was not asked"
    yield _compared("Response", title, "as the client got it", last, _response(pair.client))


def _of_two(pair: Pair, other: Pair) -> Iterator[Comparison]:
    """How two requests arrived upstream, and what the client got of each."""
    name = other.client.id
    if pair.upstream and other.upstream:
        sides = _request(pair.upstream[0]), _request(other.upstream[0])
        yield _compared("Two requests upstream", "this one", name, *sides)
    yield _compared("Two responses to the client", "this one", name, _response(pair.client), _response(other.client))


def _of(number: int, pair: Pair) -> str:
    return f", attempt {number}" if len(pair.upstream) > 1 else ""


def _compared(title: str, left: str, right: str, mine: tuple[bytes, bytes], others: tuple[bytes, bytes]) -> Comparison:
    head, body = heads(mine[0], others[0]), bodies(mine[1], others[1])
    note = "" if head.differ or body.differ else SAME
    return Comparison(title, Side(left, head.left + body.left), Side(right, head.right + body.right), note)


def _request(x: Exchange) -> tuple[bytes, bytes]:
    head, end, _ = x.sent.partition(b"\r\n\r\n")
    return head + end, request_content(x)


def _response(x: Exchange) -> tuple[bytes, bytes]:
    """Head and content; what is no response as it was received."""
    answer = reply(x)
    if not answer.status:
        return b"", x.received
    return x.received[answer.head.start : answer.head.end], answer.content


def _earlier(pair: Pair) -> Iterator[Side]:
    """The responses to the attempts before the last; equal ones once."""
    alike: dict[tuple[int, bytes], list[int]] = {}
    for number, x in enumerate(pair.upstream[:-1], 1):
        alike.setdefault((reply(x).status, _response(x)[1]), []).append(number)
    for numbers in list(alike.values())[:MOST_EARLIER]:
        noun = "attempts" if len(numbers) > 1 else "attempt"
        title = f"Response to {noun} {_named(numbers)}, as the upstream sent it"
        yield Side(title, single(*_response(pair.upstream[numbers[0] - 1])))


def _named(numbers: Sequence[int]) -> str:
    """Numbers as people list them; of many, the first and the last."""
    if len(numbers) > 3 and numbers[-1] - numbers[0] == len(numbers) - 1:
        return f"{numbers[0]} to {numbers[-1]}"
    return " and ".join(filter(None, (", ".join(map(str, numbers[:-1])), str(numbers[-1]))))
