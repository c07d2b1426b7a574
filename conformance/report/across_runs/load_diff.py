"""Differences between two loads, as ratios: a time alone says as much of the machine as of the target. Pure.

How much slower a target became is no regression: only rules decide that, and the highest number of users with which all
of them hold.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

from msgspec import UNSET

from conformance.load.percentiles import PERCENTILES, Times
from conformance.load.result import Durations, LoadCombination, LoadResult
from conformance.report.document import Report
from conformance.report.under_load import number

NOTABLE: Final = 1.25
"""The smallest ratio that is reported, in either direction."""
NOTABLE_SHARE: Final = 0.01
"""The smallest change of the share of complete responses that is reported."""
EXACT_TO: Final = 1 / 8
"""The share to which the highest number of users is known."""


class Difference(NamedTuple):
    """One difference of two loads: what changed, in words, and whether that is a regression."""

    what: str
    words: str
    regression: bool = False


def not_compared(old: Report, new: Report) -> Iterator[str]:
    """What of two loads can't be compared, and why."""
    if old.load is UNSET or new.load is UNSET:
        if old.load is not new.load:
            yield f"the load (only in {'NEW' if old.load is UNSET else 'OLD'})"
        return
    before, after = _made(old.load), _made(new.load)
    if old.load.steps and new.load.steps:
        yield "times, outcomes and goodput (of loads in steps)"
    elif before != after:
        yield f"times, outcomes and goodput ({before} in OLD, {after} in NEW)"
    for side, found in (("OLD", old.load), ("NEW", new.load)):
        if found.harness.untestable:
            yield f"times with ≤ in {side} (the harness itself was too slow: {found.harness.untestable})"
    if bool(old.load.steps) != bool(new.load.steps):
        yield f"the highest number of users (only in {'OLD' if old.load.steps else 'NEW'})"


def differences(old: Report, new: Report) -> Iterator[Difference]:
    """The differences of two loads that were made in the same way."""
    if old.load is UNSET or new.load is UNSET:
        return
    if old.load.steps and new.load.steps:
        yield from _highest(old.load, new.load)
        return
    if _made(old.load) != _made(new.load):
        return
    yield from _complete(old.load, new.load)
    yield from _rates(old.load, new.load)
    before = {(one.api, one.profile, one.mode): one for one in old.load.combinations}
    for one in new.load.combinations:
        if was := before.get((one.api, one.profile, one.mode)):
            yield from _times(was, one)


def _made(one: LoadResult) -> str:
    """How a load was made, in words."""
    if one.steps:
        return f"up to {one.users} users in steps"
    rate = f", {one.rate:g} requests a second" if one.rate is not None else ""
    shape = f" by {one.shape}" if one.shape else ""
    return f"{one.users} users{shape}{rate}"


def _highest(old: LoadResult, new: LoadResult) -> Iterator[Difference]:
    """With how many users all MUST rules hold: a regression if fewer do, beyond what the search is exact to."""
    was, now = old.conformant_up_to, new.conformant_up_to
    if was is not None and now is not None and was != now:
        words = f"all MUST rules hold up to {now} users, and held up to {was}"
        is_lower = now < was * (1 - EXACT_TO) and any(step.state == "fails" for step in new.steps)
        yield Difference("highest number of users", words, regression=is_lower)


def _complete(old: LoadResult, new: LoadResult) -> Iterator[Difference]:
    """The share of complete responses, if it changed."""
    was, now = (one.outcomes.get("complete", 0) / max(1, one.requests) for one in (old, new))
    if abs(now - was) > NOTABLE_SHARE:
        words = f"{was:.1%} of {old.requests:,} responses were complete, {now:.1%} of {new.requests:,} are"
        yield Difference("outcomes", words)


def _rates(old: LoadResult, new: LoadResult) -> Iterator[Difference]:
    for what, was, now in (
        ("requests a second", old.per_second, new.per_second),
        ("goodput", old.goodput.per_second, new.goodput.per_second),
    ):
        if _is_notable(was, now):
            yield Difference(what, f"{_ratio(was, now)} ({number(was)} → {number(now)} a second)")


def _times(old: LoadCombination, new: LoadCombination) -> Iterator[Difference]:
    """The times of one kind of request, beside those of one at a time, which show a slower machine."""
    words = [
        f"{name} {', '.join(changed)}"
        for name, was, now in _named(old.load, new.load)
        if (changed := list(_percentiles(was, now)))
    ]
    if not words:
        return
    yield Difference(
        f"{new.api} {new.profile} {new.mode}", f"{'; '.join(words)}{_alone(old.alone.whole_ms, new.alone.whole_ms)}"
    )


def _alone(old: Times, new: Times) -> str:
    """How the time of one request at a time changed, if it is known."""
    if not old.p50 or not new.p50 or "p50" in (*old.at_most, *new.at_most):
        return ""
    return f"; one at a time {_ratio(old.p50, new.p50)}"


def _named(old: Durations, new: Durations) -> Iterator[tuple[str, Times, Times]]:
    yield "first token", old.first_token_ms, new.first_token_ms
    yield "longest gap", old.gap_ms, new.gap_ms
    yield "whole response", old.whole_ms, new.whole_ms


def _percentiles(old: Times, new: Times) -> Iterator[str]:
    """The percentiles that changed, and are no upper bounds."""
    for name in PERCENTILES:
        was, now = getattr(old, name), getattr(new, name)
        is_bound = name in old.at_most or name in new.at_most
        if was and now and not is_bound and _is_notable(was, now):
            yield f"{name} {_ratio(was, now)}"


def _is_notable(was: float, now: float) -> bool:
    if was <= 0 or now <= 0:
        return was != now
    return not 1 / NOTABLE < now / was < NOTABLE


def _ratio(was: float, now: float) -> str:
    return f"×{now / was:.2f}" if was else "from none"
