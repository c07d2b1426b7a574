"""Percentiles of durations, and which of them a stall of the harness itself may have made much longer. Pure."""

from collections.abc import Iterable, Sequence
from math import ceil
from typing import Final, Literal, NamedTuple

import msgspec

Percentile = Literal["p50", "p90", "p99"]
PERCENTILES: Final[dict[Percentile, float]] = {"p50": 0.5, "p90": 0.9, "p99": 0.99}
NANOSECONDS_PER_MS: Final = 1e6
MOVED_SHARE: Final = 0.2
MOVED_NS: Final = 10_000_000
"""A percentile is an upper bound only if stalls make up more than this share of it, and more than this time."""


class Measured(NamedTuple):
    """One duration as it was measured, and how much of it the harness itself may have stalled, in nanoseconds."""

    took_ns: int
    stall_ns: int


class Times(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Percentiles of `n` durations in milliseconds, by nearest rank; None if there are too few for one.

    `at_most` names those that are upper bounds only: without stalls of the harness, they might be much shorter.
    """

    n: int
    p50: float | None = None
    p90: float | None = None
    p99: float | None = None
    at_most: tuple[Percentile, ...] = ()


NO_TIMES: Final = Times(n=0)


def times(measured: Iterable[Measured], *, is_busy: bool = False) -> Times:
    """The percentiles of durations. `is_busy`: the harness had no processor to spare, so all are upper bounds."""
    all_of_them = list(measured)
    longest = sorted(one.took_ns for one in all_of_them)
    shortest = sorted(max(0, one.took_ns - one.stall_ns) for one in all_of_them)
    enough = [name for name, share in PERCENTILES.items() if len(longest) * (1 - share) >= 1 - 1e-9]
    found = {name: _nearest(longest, PERCENTILES[name]) for name in enough}
    moved = {name: found[name] - _nearest(shortest, PERCENTILES[name]) for name in enough}
    return Times(
        n=len(longest),
        at_most=tuple(name for name in enough if is_busy or moved[name] > max(MOVED_NS, MOVED_SHARE * found[name])),
        **{name: round(took / NANOSECONDS_PER_MS, 3) for name, took in found.items()},
    )


def _nearest(in_order: Sequence[int], share: float) -> int:
    """The smallest value that at least this share of the values does not exceed."""
    return in_order[ceil(share * len(in_order)) - 1]
