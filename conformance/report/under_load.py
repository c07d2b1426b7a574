"""The report of a load: outcomes, times, goodput and steps, and how busy the harness itself was. Pure."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec
from msgspec import UNSET
from rich.console import Console
from rich.table import Table
from rich.text import Text

from conformance.load.percentiles import Percentile, Times
from conformance.load.result import LoadCombination, LoadResult, LoadStepResult, State
from conformance.model.criteria import USUAL_CRITERIA, Criteria
from conformance.model.run import RunManifest
from conformance.model.sample import Outcome
from conformance.report import failing_options, headline
from conformance.report.document import Cause, Report, ReportVerdict, ReportWaiver
from conformance.report.escaping import safe
from conformance.report.lines import UNLIMITED

OUTCOMES: Final[dict[Outcome, str]] = {
    "complete": "complete",
    "overloaded": "overloaded",
    "error": "with an error",
    "cut": "cut",
    "timeout": "timed out",
    "unreachable": "without a connection",
    "disconnected": "disconnected on purpose",
    "stopped": "stopped by the harness",
}
"""The outcomes in words, in order."""
STATES: Final[dict[State, str]] = {"holds": "all MUST hold", "fails": "fails", "undecided": "not decided"}
PERCENTILES: Final[tuple[Percentile, ...]] = ("p50", "p90", "p99")
ABSENT: Final = "–"
FIRST_BYTE: Final = "first byte"
COLUMNS: Final = ("request", "sent", "complete", FIRST_BYTE, "first token", "longest gap", "whole response", "alone")
STEP_COLUMNS: Final = ("users", "requests", "per second", "complete", "first token", "whole response", "result")
INTERVAL_COLUMNS: Final = (
    *("from", "users", "requests", "complete", "first token", "whole response"),
    *("stall of the harness", "processor of the harness"),
)
WORDS: Final = ("request", "result")
"""Columns of words; the others are of numbers."""
UNITS: Final = (
    "Milliseconds that half, 90 % and 99 % of the responses take at most; – where too few show it, ≤ where the harness "
    "itself may have been slow. Alone: how many times longer half of the whole responses take than one at a time."
)


class Row(NamedTuple):
    """A line of a table: its cells, and the place of the one that shows a failure, or None."""

    cells: tuple[str, ...]
    bad: int | None = None


def reported(result: LoadResult) -> LoadResult:
    """The part of a report about the load, with all texts escaped."""
    return msgspec.structs.replace(result, shape=safe(result.shape), ended_early=safe(result.ended_early))


def without_evidence(shown: LoadResult) -> str:
    """Why the run proves nothing about the load, or an empty string."""
    if shown.outcomes.get("complete"):
        return ""
    if not shown.requests:
        return "No request was sent under load, so nothing is proven"
    words = ", ".join(outcome_words(shown.outcomes))
    return f"No request under load got a complete response, so nothing is proven: {words}"


# The first lines


def lines(
    facts: RunManifest,
    shown: LoadResult,
    verdicts: Sequence[ReportVerdict],
    causes: Sequence[Cause] = (),
    waivers: Sequence[ReportWaiver] = (),
    criteria: Criteria = USUAL_CRITERIA,
) -> Iterator[str]:
    """The sentences of a report, the most important first."""
    if why_not := headline.not_tested(facts):
        yield why_not
        return
    if facts.stopped == "interrupted":
        yield f"Interrupted after {shown.requests:,} requests under load; only what was sent is judged."
    if why := without_evidence(shown):
        yield f"{why} ({facts.target.base_url})."
    if shown.ended_early:
        yield f"The load ended early: {shown.ended_early}."
    yield from _steps(shown)
    yield from headline.selected(criteria.rules, verdicts)
    yield from headline.counted(verdicts, len(causes))
    yield from failing_options.sentences(verdicts, waivers, criteria)
    yield _sent(shown)
    yield _goodput(shown)
    yield from _harness(shown)
    if shown.harness.untestable:
        yield from headline.busy_machine(facts)


def _steps(shown: LoadResult) -> Iterator[str]:
    """Up to how many users the target is conformant, and what fails with more."""
    if shown.conformant_up_to is None:
        return
    beyond = [step for step in shown.steps if step.users > shown.conformant_up_to]
    first = min(beyond, key=lambda step: step.users, default=None)
    held = f"Conformant up to {_count(shown.conformant_up_to, 'user')}"
    if not shown.conformant_up_to:
        held = "Conformant at no step"
    yield f"{held}, the highest that was tried." if first is None else f"{held}: with {first.users}, {_result(first)}."


def _result(step: LoadStepResult) -> str:
    return (
        f"{_list(step.failed)} {'fail' if len(step.failed) > 1 else 'fails'}" if step.failed else "nothing is decided"
    )


def _sent(shown: LoadResult) -> str:
    """How many requests were sent, and what became of them."""
    sent, seconds = shown.requests + shown.mistakes, number(shown.duration_s)
    made = f"{_count(shown.users, 'user')} sent {_count(sent, 'request')} in {seconds} s"
    if shown.rate is not None:
        made = f"{shown.rate:g} requests a second were due for {seconds} s; {sent:,} were sent"
    wrong = {name: count for name, count in shown.statuses.items() if not 200 <= name < 300 and name}
    statuses = f" ({', '.join(f'{count:,} × {name}' for name, count in wrong.items())})" if wrong else ""
    became = f"{', '.join(outcome_words(shown.outcomes)) or 'none'}{statuses}"
    mistakes = f", {shown.mistakes:,} that have to get an error" if shown.mistakes else ""
    missed = f"; {_count(shown.not_sent, 'request')} not sent, as no user was free" if shown.not_sent else ""
    return f"{made}, {number(shown.per_second)} a second: {became}{mistakes}{missed}."


def outcome_words(outcomes: Mapping[Outcome, int]) -> Iterator[str]:
    """How many requests have each outcome, in words."""
    return (f"{outcomes[name]:,} {words}" for name, words in OUTCOMES.items() if outcomes.get(name))


def _goodput(shown: LoadResult) -> str:
    good, bound = shown.goodput, shown.goodput.bound
    unclear = f", {good.unclear:,} more unless the harness itself made them late" if good.unclear else ""
    return (
        f"Goodput: {number(good.per_second)} a second; {good.good:,} of {good.requests:,} responses are complete and "
        f"as alone, with the first token within {bound.first_token_s:g} s and no gap above {bound.gap_s:g} s{unclear}."
    )


def _harness(shown: LoadResult) -> Iterator[str]:
    """How busy the harness itself was, and what that makes of its times and verdicts."""
    mine, sent = shown.harness, shown.alone + shown.requests + shown.mistakes + shown.after
    if mine.untestable:
        yield f"Times are untestable where they say ≤: the harness itself was too slow; {mine.untestable}."
    elif mine.seconds:
        yield (
            f"The harness kept up: its longest stall was {number(mine.longest_stall_ms)} ms, and its busiest process "
            f"used at most {mine.cpu_most:.0%} of a processor."
        )
    if shown.judged < sent:
        yield (
            f"All rules judged {shown.judged:,} of {sent:,} responses; of the others only the facts are known that the "
            "rules about the whole load need, as the harness was too busy."
        )


def about(report: Report) -> str:
    """What was tested."""
    target = report.target
    users = f"under load of {_count(report.load.users, 'user')}" if report.load is not UNSET else ""
    return f"{target.name} {users}, model {target.model}, at {target.base_url}"


# The tables


def rows(shown: LoadResult) -> list[Row]:
    """The requests by API, profile and mode, with their times."""
    return [_row(one) for one in shown.combinations]


def _row(one: LoadCombination) -> Row:
    took, complete = one.load, one.outcomes.get("complete", 0)
    wanted = one.requests - one.outcomes.get("disconnected", 0) - one.outcomes.get("stopped", 0)
    cells = (
        *(f"{one.api} {one.profile} {one.mode}", f"{one.requests:,}", f"{complete:,}"),
        *map(triple, (took.first_byte_ms, took.first_token_ms, took.gap_ms, took.whole_ms)),
        slowdown(one),
    )
    return Row(cells, COLUMNS.index("complete") if complete < wanted else None)


def triple(times: Times) -> str:
    """The percentiles of a duration."""
    found = {name: getattr(times, name) for name in PERCENTILES}
    if all(value is None for value in found.values()):
        return ABSENT
    return " / ".join(_bounded(value, is_bound=name in times.at_most) for name, value in found.items())


def _bounded(value: float | None, *, is_bound: bool) -> str:
    return ABSENT if value is None else f"{'≤' if is_bound else ''}{number(value)}"


def slowdown(one: LoadCombination) -> str:
    """How many times longer half of the whole responses take than alone."""
    alone, under = one.alone.whole_ms, one.load.whole_ms
    if not alone.p50 or under.p50 is None or "p50" in alone.at_most:
        return ABSENT
    return f"{'≤' if 'p50' in under.at_most else ''}×{under.p50 / alone.p50:.1f}"


def step_rows(shown: LoadResult) -> list[Row]:
    """The steps, by number of users."""
    return [_step_row(step) for step in shown.steps]


def _step_row(step: LoadStepResult) -> Row:
    result = f"{STATES[step.state]} {', '.join(step.failed)}".strip()
    cells = (
        *(str(step.users), f"{step.requests:,}", number(step.per_second), f"{step.outcomes.get('complete', 0):,}"),
        *(triple(step.first_token_ms), triple(step.whole_ms), result),
    )
    return Row(cells, STEP_COLUMNS.index("result") if step.state == "fails" else None)


def interval_rows(shown: LoadResult) -> Iterator[Row]:
    """The load over time: what the charts show, in numbers."""
    for one in shown.intervals:
        complete, all_of_them = one.outcomes.get("complete", 0), sum(one.outcomes.values())
        cells = (
            *(f"{one.at_s} s", str(one.users), f"{all_of_them:,}", f"{complete:,}"),
            *(triple(one.first_token_ms), triple(one.whole_ms), number(one.stall_ms), f"{one.cpu:.0%}"),
        )
        yield Row(cells)


def properties(shown: LoadResult) -> Iterator[tuple[str, str]]:
    """The load as names and values, for JUnit."""
    yield "load users", str(shown.users)
    yield "load duration_s", f"{shown.duration_s:g}"
    yield "load requests", str(shown.requests)
    yield "load per_second", f"{shown.per_second:g}"
    yield "load goodput_per_second", f"{shown.goodput.per_second:g}"
    yield from ((f"load {name}", str(count)) for name, count in shown.outcomes.items())
    for one in shown.combinations:
        place = f"load {one.api} {one.profile} {one.mode}"
        yield f"{place} first token ms p50/p90/p99", triple(one.load.first_token_ms)
        yield f"{place} whole response ms p50/p90/p99", triple(one.load.whole_ms)
    yield from ((f"load step {row.cells[0]}", row.cells[-1]) for row in step_rows(shown))
    if shown.conformant_up_to is not None:
        yield "load conformant_up_to", str(shown.conformant_up_to)
    yield "load harness", shown.harness.untestable or "kept up"


# The terminal


def tables(shown: LoadResult) -> Iterator[tuple[tuple[str, ...], list[Row]]]:
    """The tables: of the steps, if there were any, and of the requests, each with its columns."""
    if shown.steps:
        yield STEP_COLUMNS, step_rows(shown)
    if shown.combinations:
        yield COLUMNS, rows(shown)


def render(report: Report, out: Console, *, verbose: bool = False) -> None:
    """Print the steps, and the times of the requests, on a terminal; those of the first byte only if verbose."""
    if report.load is UNSET or not report.load.combinations:
        return
    for columns, found in tables(report.load):
        left_out = () if verbose else (FIRST_BYTE,)
        _table(out, columns, found, left_out)
    out.print(UNITS, style="dim")


def _table(out: Console, columns: Sequence[str], found: Iterable[Row], left_out: Collection[str]) -> None:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    shown = [at for at, name in enumerate(columns) if name not in left_out]
    for at in shown:
        table.add_column(columns[at], justify="left" if columns[at] in WORDS else "right", overflow="fold")
    for row in found:
        table.add_row(*(Text(row.cells[at], "red" if at == row.bad else "") for at in shown))
    out.print()
    out.print(table, soft_wrap=False, width=None if out.is_terminal else UNLIMITED)


def number(value: float) -> str:
    """A number with two or three digits that matter."""
    return f"{value:,.0f}" if value >= 100 or value == 0 else f"{value:.3g}"


def _count(count: int, noun: str) -> str:
    return f"{count:,} {noun}" + ("s" if count != 1 else "")


def _list(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
