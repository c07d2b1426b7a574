"""Trends: how many rules failed in the stored runs of a target, as numbers and as a picture.

Only runs of one suite are compared: a larger one finds more.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

import msgspec
from markupsafe import Markup

from conformance.model.verdict import Level
from conformance.report.document import Report

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 240, 56, 28, 10, 8, 46
NAME: Final = "%Y%m%dT%H%M%S%fZ"
"""The name of a stored run: when it started, in UTC."""
KEPT: Final = 30
"""Maximum number of runs in a trend."""


class Failed(msgspec.Struct, frozen=True):
    """What is stored of a run, as JSON: the suite, and the number of failing rules by level."""

    MUST: int = 0
    SHOULD: int = 0
    MAY: int = 0
    suite: str = ""


class Point(NamedTuple):
    """One run: when it started, and its failing rules."""

    when: datetime
    failed: Failed


class Trend(NamedTuple):
    """A target, the number of its stored runs, and the points of the latest, oldest first."""

    name: str
    file: str
    runs: int
    points: tuple[Point, ...]

    @property
    def must(self) -> str:
        """The numbers of failing MUST rules."""
        return " → ".join(str(point.failed.MUST) for point in self.points)

    @property
    def should(self) -> str:
        """The numbers of failing SHOULD rules."""
        return " → ".join(str(point.failed.SHOULD) for point in self.points)

    @property
    def picture(self) -> Markup:
        """The failing MUST rules over time as SVG, with a text alternative. It has only numbers, so it is safe."""
        return Markup("".join(_svg(self.points)))  # noqa: S704 - see above


def name_of(when: datetime) -> str:
    """The name of a run that starts now."""
    return when.strftime(NAME)


def failed_rules(report: Report) -> Failed:
    """What to store of a run."""
    failed = {level.value: {v.rule for v in report.verdicts if v.counts and v.level is level} for level in Level}
    return Failed(**{level: len(rules) for level, rules in failed.items()}, suite=report.suite)


def trend(name: str, file: str, stored: Mapping[str, bytes]) -> Trend | None:
    """The trend of a target, from its stored runs by name; None if there are fewer than two of the latest suite."""
    points = [_point(run, raw) for run, raw in sorted(stored.items())]
    suites = {"", *(one.failed.suite for one in points[-1:])}
    alike = tuple(one for one in points if one.failed.suite in suites)
    return Trend(name, file, len(alike), alike[-KEPT:]) if len(alike) > 1 else None


def _point(name: str, stored: bytes) -> Point:
    when = datetime.strptime(name, NAME).replace(tzinfo=UTC)
    return Point(when, msgspec.json.decode(stored, type=Failed))


def _svg(points: Sequence[Point]) -> Iterator[str]:
    most = max(1, *(one.failed.MUST for one in points))
    places = [(_x(points, one), BOTTOM - (BOTTOM - TOP) * one.failed.MUST / most) for one in points]
    counts = ", ".join(f"{one.when:%Y-%m-%d} {one.failed.MUST}" for one in points)
    yield f'<svg class="trend" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="Failing MUST rules: {counts}">'
    for y, number in ((TOP, most), (BOTTOM, 0)):
        yield f'<line x1="{LEFT}" y1="{y}" x2="{WIDTH - RIGHT}" y2="{y}" class="axis"/>'
        yield f'<text x="{LEFT - 5}" y="{y + 4}" text-anchor="end">{number}</text>'
    yield f'<polyline points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in places)}"/>'
    yield from (f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3"/>' for x, y in places)
    yield "</svg>"


def _x(points: Sequence[Point], one: Point) -> float:
    """Where a run is on the time axis."""
    first, last = points[0].when, points[-1].when
    share = (one.when - first) / (last - first) if last > first else 0.0
    return LEFT + (WIDTH - LEFT - RIGHT) * share
