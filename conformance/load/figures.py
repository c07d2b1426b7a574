"""Computes the numbers of a load from its samples. Pure.

Times count from when a request was due: of open arrivals that may be before it was sent, because no user was free, and
a target that makes them wait is slow. A stall of the harness makes a time longer, never shorter: `percentiles.py`.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from math import inf
from typing import Final

from conformance.load.percentiles import Measured, Times, times
from conformance.load.result import (
    Durations,
    Goodput,
    HarnessLoad,
    LoadCombination,
    LoadInterval,
    LoadResult,
    LoadStepResult,
    State,
)
from conformance.model.load import Bound, LoadFacts, LoadSecond
from conformance.model.sample import Group, Outcome, Population, Sample
from conformance.model.verdict import Level, Status, Verdict

Judge = Callable[[Population], Iterable[Verdict]]
NANOSECONDS: Final = 1_000_000_000
MOST_INTERVALS: Final = 120
BUSY_CPU: Final = 0.9
"""Share of a processor from which a process of the harness is the bottleneck itself."""
BUSY_SHARE: Final = 0.1
"""Share of the seconds in which it may be so, and of the time in which it may stall."""
NOTABLE_STALL_MS: Final = 50.0
BY_THE_HARNESS: Final = ("disconnected", "stopped")
"""Outcomes that the harness itself caused."""


def load_result(facts: LoadFacts, population: Population, must: Collection[str], judge: Judge) -> LoadResult:
    """The numbers of a load. `must` are the IDs of the MUST rules; `judge` judges the samples of each step apart.

    Requests that have to get an error count in `mistakes` alone.
    """
    loaded, mistakes = _apart(population.load)
    alone, _ = _apart(population.alone)
    started = _starts(facts, population.load)
    is_busy = bool(_why_busy(facts.seconds))
    combinations = tuple(_combinations(alone, loaded, is_busy=is_busy))
    steps = tuple(_steps(facts, population, started, judge))
    width = max(1, -(-round(facts.duration_s) // MOST_INTERVALS))
    sent = len(population.samples)
    return LoadResult(
        users=max((step.users for step in facts.steps), default=facts.users),
        rate=facts.rate,
        shape=facts.shape,
        duration_s=round(facts.duration_s, 3),
        processes=facts.processes,
        machines=facts.machines,
        alone=len(population.alone),
        requests=len(loaded),
        mistakes=len(mistakes),
        after=len(population.after),
        not_sent=facts.not_sent,
        judged=sent if facts.judged is None else facts.judged,
        ended_early=facts.ended_early,
        prompt_tokens=sum(one.prompt_tokens or 0 for one in loaded),
        completion_tokens=sum(one.completion_tokens or 0 for one in loaded),
        per_second=_rate(len(population.load), facts.duration_s),
        outcomes=_outcomes(loaded),
        statuses=dict(sorted(Counter(one.status for one in loaded).items())),
        combinations=combinations,
        goodput=_goodput(facts, population, must),
        interval_s=width,
        intervals=tuple(_intervals(facts.seconds, loaded, started, width)),
        steps=steps,
        conformant_up_to=conformant_up_to(steps),
        harness=_harness(facts.seconds, [one.load for one in combinations]),
    )


def conformant_up_to(steps: Sequence[LoadStepResult]) -> int | None:
    """The highest number of users with which all MUST rules hold, and fail with no lower one; None without steps."""
    if not steps:
        return None
    fails = min((step.users for step in steps if step.state == "fails"), default=inf)
    return max((step.users for step in steps if step.state == "holds" and step.users < fails), default=0)


def _starts(facts: LoadFacts, loaded: Iterable[Sample]) -> dict[int, int]:
    """When the load began on the clock of each worker; with its first request, if that is not known."""
    found: dict[int, int] = {}
    for one in loaded:
        found[one.worker] = min(one.began, found.get(one.worker, one.began))
    return found | facts.began_ns


def _apart(samples: Iterable[Sample]) -> tuple[list[Sample], list[Sample]]:
    """The requests that have to get a response, and those that have to get an error."""
    apart: tuple[list[Sample], list[Sample]] = ([], [])
    for one in samples:
        apart[one.task == "mistake"].append(one)
    return apart


def _outcomes(samples: Iterable[Sample]) -> dict[Outcome, int]:
    return dict(Counter(one.outcome for one in samples).most_common())


def _rate(count: int, seconds: float) -> float:
    return round(count / seconds, 3) if seconds > 0 else 0.0


# Times


def _combinations(alone: Iterable[Sample], loaded: Iterable[Sample], *, is_busy: bool) -> Iterator[LoadCombination]:
    before, under = _by_group(alone), _by_group(loaded)
    for group in sorted(under):
        yield LoadCombination(
            api=group.api,
            profile=group.profile,
            mode=group.mode,
            requests=len(under[group]),
            outcomes=_outcomes(under[group]),
            alone=_durations(before.get(group, ()), is_busy=False),
            load=_durations(under[group], is_busy=is_busy),
        )


def _by_group(samples: Iterable[Sample]) -> dict[Group, list[Sample]]:
    found: dict[Group, list[Sample]] = {}
    for one in samples:
        found.setdefault(one.group, []).append(one)
    return found


def _durations(samples: Collection[Sample], *, is_busy: bool) -> Durations:
    return Durations(
        first_byte_ms=_times(samples, first_byte, is_busy=is_busy),
        first_token_ms=_times(samples, first_token, is_busy=is_busy),
        gap_ms=_times((one for one in samples if one.mode == "stream"), longest_gap, is_busy=is_busy),
        whole_ms=_times(samples, whole, is_busy=is_busy),
    )


def _times(samples: Iterable[Sample], took: Callable[[Sample], int], *, is_busy: bool) -> Times:
    """The percentiles of a duration; what the harness stopped waiting for counts with the time that it waited."""
    waited = (one for one in samples if one.outcome in ("complete", "timeout"))
    return times((Measured(took(one), one.stall) for one in waited), is_busy=is_busy)


def first_byte(one: Sample) -> int:
    """The time until the first byte, from when the request was due; if none came, as long as the harness waited."""
    return one.late + (one.ended if one.first_byte is None else one.first_byte)


def first_token(one: Sample) -> int:
    """The time until the first token, from when the request was due; until the first byte, if it is not known."""
    return first_byte(one) if one.first_token is None else one.late + one.first_token


def longest_gap(one: Sample) -> int:
    """The longest time without a token, after the first one."""
    return one.longest_gap


def whole(one: Sample) -> int:
    """The time until the response was over, from when the request was due."""
    return one.late + one.ended


# Goodput


def _goodput(facts: LoadFacts, population: Population, must: Collection[str]) -> Goodput:
    loaded, _ = _apart(population.load)
    alone = _by_group(population.alone)
    known = {group: {rule for one in mine for rule in one.failed} for group, mine in alone.items()}
    counting = {group for group, mine in alone.items() if all(map(_is_whole, mine))}
    wanted = [one for one in loaded if one.outcome not in BY_THE_HARNESS]
    sound = [
        one
        for one in wanted
        if one.outcome == "complete"
        and (_is_whole(one) or one.group not in counting)
        and not any(map(population.owner, one.foreign))
        and not any(rule in must and rule not in known.get(one.group, ()) for rule in one.failed)
    ]
    good = sum(_is_within(one, facts.bound, 0) for one in sound)
    return Goodput(
        bound=facts.bound,
        requests=len(wanted) + facts.not_sent,
        good=good,
        unclear=sum(_is_within(one, facts.bound, one.stall) for one in sound) - good,
        per_second=_rate(good, facts.duration_s),
    )


def _is_whole(one: Sample) -> bool:
    """Whether a text has all the numbers that were requested."""
    return one.task != "text" or one.numbers == "whole"


def _is_within(one: Sample, bound: Bound, stall_ns: int) -> bool:
    first, gap = bound.first_token_s * NANOSECONDS, bound.gap_s * NANOSECONDS
    return first_token(one) - stall_ns <= first and longest_gap(one) - stall_ns <= gap


# Over time


def _intervals(
    seconds: Sequence[LoadSecond], loaded: Iterable[Sample], started: Mapping[int, int], width: int
) -> Iterator[LoadInterval]:
    by_number: dict[int, list[Sample]] = {}
    for one in loaded:
        by_number.setdefault(int(_due_s(one, started)) // width, []).append(one)
    last = max([-(-len(seconds) // width) - 1, *by_number])
    for number in range(last + 1):
        mine, harness = by_number.get(number, []), seconds[number * width : (number + 1) * width]
        is_busy = bool(_why_busy(harness))
        yield LoadInterval(
            at_s=number * width,
            users=max((one.users for one in harness), default=len({one.user for one in mine})),
            outcomes=_outcomes(mine),
            first_token_ms=_times(mine, first_token, is_busy=is_busy),
            whole_ms=_times(mine, whole, is_busy=is_busy),
            stall_ms=max((one.stall_ms for one in harness), default=0.0),
            cpu=max((one.cpu for one in harness), default=0.0),
        )


# Steps


def _steps(
    facts: LoadFacts, population: Population, started: Mapping[int, int], judge: Judge
) -> Iterator[LoadStepResult]:
    """The steps by number of users, each judged by its own requests and those before the load."""
    for step in sorted(facts.steps, key=lambda step: step.users):
        part = [one for one in population.load if step.began_s <= _due_s(one, started) <= step.ended_s]
        mine, _ = _apart(part)
        last_s = max((_ended_s(one, started) for one in mine), default=step.ended_s)
        is_busy = bool(_why_busy(facts.seconds[int(step.began_s) : int(step.ended_s)]))
        known = replace(population, samples=(*population.alone, *part), sent=population.run)
        state, failed = _state(judge(known))
        yield LoadStepResult(
            users=step.users,
            began_s=round(step.began_s, 3),
            ended_s=round(step.ended_s, 3),
            requests=len(mine),
            per_second=_rate(len(mine), last_s - step.began_s),
            outcomes=_outcomes(mine),
            first_token_ms=_times(mine, first_token, is_busy=is_busy),
            whole_ms=_times(mine, whole, is_busy=is_busy),
            state=state,
            failed=failed,
        )


def _state(verdicts: Iterable[Verdict]) -> tuple[State, tuple[str, ...]]:
    """Whether all MUST rules hold, and those that do not."""
    must = [verdict for verdict in verdicts if verdict.level is Level.MUST]
    failed = tuple(sorted({verdict.rule for verdict in must if verdict.status is Status.FAIL}))
    if failed:
        return "fails", failed
    return ("holds" if any(verdict.status is Status.PASS for verdict in must) else "undecided"), ()


def _due_s(one: Sample, started: Mapping[int, int]) -> float:
    """When a request was due, in seconds since the load began."""
    return max(0.0, (one.began - one.late - started[one.worker]) / NANOSECONDS)


def _ended_s(one: Sample, started: Mapping[int, int]) -> float:
    return (one.over - started[one.worker]) / NANOSECONDS


# The harness itself


def _why_busy(seconds: Sequence[LoadSecond]) -> str:
    """Why no time of these seconds is the target's alone; empty if the harness kept up."""
    if not seconds:
        return ""
    full = [one.cpu for one in seconds if one.cpu >= BUSY_CPU]
    if len(full) > BUSY_SHARE * len(seconds):
        words = f"it used {sum(full) / len(full):.0%} of a processor in {len(full)} of {len(seconds)} seconds"
        return f"{words}, and may have been slower than the target"
    stalled = sum(max(one.stall_ms, one.stalled_ms) for one in seconds) / 1000 / len(seconds)
    return f"it stalled for {stalled:.0%} of the time" if stalled > BUSY_SHARE else ""


def _harness(seconds: Sequence[LoadSecond], durations: Iterable[Durations]) -> HarnessLoad:
    is_moved = any(found.at_most for one in durations for found in _all_times(one))
    return HarnessLoad(
        longest_stall_ms=max((one.stall_ms for one in seconds), default=0.0),
        stalled_seconds=sum(one.stall_ms >= NOTABLE_STALL_MS for one in seconds),
        seconds=len(seconds),
        cpu=round(sum(one.cpu for one in seconds) / max(1, len(seconds)), 3),
        cpu_most=max((one.cpu for one in seconds), default=0.0),
        untestable=_why_busy(seconds) or ("it stalled during many of these responses" if is_moved else ""),
    )


def _all_times(one: Durations) -> tuple[Times, ...]:
    return one.first_byte_ms, one.first_token_ms, one.gap_ms, one.whole_ms
