"""A load over time as SVG: times, outcomes, users, and the harness itself. They contain only numbers, so they are safe.

Each chart says in words what it shows, and the page has all of its numbers as a table.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from math import floor, log10
from typing import Final, NamedTuple

from markupsafe import Markup

from conformance.load.percentiles import PERCENTILES, Percentile, Times
from conformance.load.result import LoadInterval, LoadResult
from conformance.model.sample import Outcome
from conformance.report.under_load import number

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 480, 200, 52, 12, 28, 172
"""The picture in units of its own, and the place of the axes in it."""
SWATCH: Final = 12
LETTER: Final = 7.2
"""The width of a letter, about."""
KINDS: Final[dict[str, tuple[Outcome, ...]]] = {
    "complete": ("complete",),
    "overloaded": ("overloaded",),
    "failed": ("error", "cut", "timeout", "unreachable"),
    "ended by the harness": ("disconnected", "stopped"),
}
"""Outcomes that are drawn alike, from below."""
CLASSES: Final = {
    "complete": "complete",
    "overloaded": "overloaded",
    "failed": "failed",
    "ended by the harness": "ended",
}


class Chart(NamedTuple):
    """A chart: its title, and the picture with a text alternative."""

    title: str
    picture: Markup


class Axes(NamedTuple):
    """The highest values on both axes, which begin with 0."""

    most_x: float
    most_y: float

    def x(self, value: float) -> float:
        """Where a time is."""
        return LEFT + (WIDTH - LEFT - RIGHT) * value / self.most_x

    def y(self, value: float) -> float:
        """Where a value is; not above the picture."""
        return BOTTOM - (BOTTOM - TOP) * min(value / self.most_y, 1)


def charts(shown: LoadResult) -> list[Chart]:
    """The charts of a load; none if it has no time."""
    parts, width = shown.intervals, shown.interval_s
    if not parts:
        return []
    per = f"{width} seconds" if width > 1 else "second"
    return [
        _percentiles("Time until the first token, in milliseconds", parts, width, lambda one: one.first_token_ms),
        _percentiles("Time of whole responses, in milliseconds", parts, width, lambda one: one.whole_ms),
        _outcomes(f"Requests due in each {per}, by outcome", parts, width),
        _columns("Users", parts, width, lambda one: one.users, "users"),
        _columns(
            "Longest stall of the harness itself, in milliseconds", parts, width, lambda one: one.stall_ms, "stall"
        ),
    ]


def _percentiles(
    title: str, parts: Sequence[LoadInterval], width: int, times_of: Callable[[LoadInterval], Times]
) -> Chart:
    """A line for each percentile; it is interrupted where there are too few responses."""
    drawn: list[str] = []
    words: list[str] = []
    known = {name: [getattr(times_of(one), name) for one in parts] for name in PERCENTILES}
    axes = Axes(len(parts) * width, _round_up(max((v for found in known.values() for v in found if v), default=0)))
    for name, values in known.items():
        if there := [value for value in values if value is not None]:
            words.append(f"{name} from {number(min(there))} to {number(max(there))}")
        drawn += _lines(axes, width, name, values)
    alternative = f"{title}: {', '.join(words) or 'too few responses'}"
    shown = [(name, name) for name, values in known.items() if any(value is not None for value in values)]
    return _chart(title, alternative, axes, [*drawn, *_legend(shown)])


def _lines(axes: Axes, width: int, name: Percentile, values: Sequence[float | None]) -> Iterator[str]:
    """The unbroken parts of a line; a part of one value is a dot."""
    places = [(axes.x((at + 0.5) * width), value) for at, value in enumerate(values)]
    for is_there, part in groupby(places, key=lambda place: place[1] is not None):
        points = [(x, axes.y(value)) for x, value in part if value is not None]
        if not is_there:
            continue
        if len(points) == 1:
            yield f'<circle cx="{points[0][0]:.1f}" cy="{points[0][1]:.1f}" r="2" class="{name}"/>'
        else:
            yield f'<polyline points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in points)}" class="{name}"/>'


def _outcomes(title: str, parts: Sequence[LoadInterval], width: int) -> Chart:
    """A column for each interval, of what became of its requests."""
    counts = [
        {kind: sum(one.outcomes.get(name, 0) for name in names) for kind, names in KINDS.items()} for one in parts
    ]
    axes = Axes(len(parts) * width, _round_up(max(sum(one.values()) for one in counts)))
    drawn = []
    for at, kinds in enumerate(counts):
        below = 0
        for kind, count in kinds.items():
            if count:
                drawn.append(_column(axes, at * width, width, below, below + count, CLASSES[kind]))
            below += count
    totals = {kind: sum(one[kind] for one in counts) for kind in KINDS}
    there = [(f"{total:,} {kind}", CLASSES[kind]) for kind, total in totals.items() if total]
    alternative = f"{title}: {', '.join(words for words, _ in there) or 'none'}"
    return _chart(title, alternative, axes, [*drawn, *_legend(there)])


def _columns(
    title: str, parts: Sequence[LoadInterval], width: int, value_of: Callable[[LoadInterval], float], kind: str
) -> Chart:
    values = [value_of(one) for one in parts]
    axes = Axes(len(parts) * width, _round_up(max(values)))
    drawn = [_column(axes, at * width, width, 0, value, kind) for at, value in enumerate(values) if value]
    alternative = f"{title}: from {number(min(values))} to {number(max(values))}"
    return _chart(title, alternative, axes, drawn)


def _column(axes: Axes, began: float, width: float, bottom: float, top: float, kind: str) -> str:
    x, y = axes.x(began), axes.y(top)
    wide = max(axes.x(began + width) - x - 1, 0.5)
    return f'<rect x="{x + 0.5:.1f}" y="{y:.1f}" width="{wide:.1f}" height="{axes.y(bottom) - y:.1f}" class="{kind}"/>'


def _chart(title: str, alternative: str, axes: Axes, drawn: Sequence[str]) -> Chart:
    head = f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{alternative}">'
    return Chart(title, Markup("".join((head, *_frame(axes), *drawn, "</svg>"))))  # noqa: S704 - numbers and our words


def _frame(axes: Axes) -> Iterator[str]:
    """The axes, with their highest values, halves and zeros."""
    for share in (0, 0.5, 1):
        value, seconds = share * axes.most_y, share * axes.most_x
        y, x = axes.y(value), axes.x(seconds)
        anchor = "end" if share == 1 else "middle" if share else "start"
        yield f'<line x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}" class="axis"/>'
        yield f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{number(value)}</text>'
        yield f'<text x="{x:.1f}" y="{HEIGHT - 8}" text-anchor="{anchor}">{number(seconds)} s</text>'


def _legend(names: Sequence[tuple[str, str]]) -> Iterator[str]:
    """The meaning of lines or columns, above them."""
    x = float(LEFT)
    for words, kind in names:
        if kind in PERCENTILES:
            yield f'<polyline points="{x:.0f},12 {x + 2 * SWATCH:.0f},12" class="{kind}"/>'
            x += SWATCH
        else:
            yield f'<rect x="{x:.0f}" y="6" width="{SWATCH}" height="{SWATCH}" class="{kind}"/>'
        yield f'<text x="{x + SWATCH + 4:.0f}" y="16">{words}</text>'
        x += SWATCH + 16 + LETTER * len(words)


def _round_up(value: float) -> float:
    """The next number of the form 1, 2 or 5 times a power of ten, for the end of an axis."""
    if value <= 0:
        return 1
    power = 10.0 ** floor(log10(value))
    return next(step * power for step in (1, 2, 5, 10) if value <= step * power * (1 + 1e-9))
