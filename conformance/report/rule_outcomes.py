"""What the verdicts of one rule on one API come to: the unit of JUnit, pytest and the badge."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, NamedTuple

from conformance.model.verdict import Level, Status
from conformance.model.words import Api
from conformance.report.document import Report, ReportVerdict
from conformance.report.failures import ORDER
from conformance.report.scores import cases_by_status

Outcome = Literal["fail", "error", "warning", "waived", "untestable", "pass"]
MOST_REASONS = 3


class RuleOutcome(NamedTuple):
    """One rule on one API: the outcome, the verdicts that decide it, and the number of verdicts per status.

    `fail`: a MUST failed; `warning`: only a SHOULD or MAY did; `waived`: a waiver covers every failure.
    """

    rule: str
    api: Api
    outcome: Outcome
    deciding: tuple[ReportVerdict, ...]
    counts: dict[str, int]

    @property
    def name(self) -> str:
        """The name in JUnit and pytest, the same in every run."""
        return f"{self.rule}[{self.api}]"

    @property
    def level(self) -> Level:
        """The level of the worst deciding verdict; a failure by chance is below its rule's level."""
        return self.deciding[0].level

    @property
    def title(self) -> str:
        """The rule's title."""
        return self.deciding[0].title

    @property
    def reasons(self) -> str:
        """The messages of the deciding verdicts, the most frequent first."""
        counts: Counter[str] = Counter()
        for verdict in self.deciding:
            counts[verdict.message] += verdict.cases
        found = counts.most_common()
        more = f"; and {len(found) - MOST_REASONS} more reasons" if len(found) > MOST_REASONS else ""
        return "; ".join(f"{message} ({count} ×)" for message, count in found[:MOST_REASONS]) + more


def results(report: Report) -> Iterator[RuleOutcome]:
    """The result of each rule on each API that it applies to."""
    groups: dict[tuple[str, Api], list[ReportVerdict]] = {}
    for verdict in report.verdicts:
        if verdict.status is not Status.NOT_APPLICABLE:
            groups.setdefault((verdict.rule, verdict.api), []).append(verdict)
    for (rule, api), group in groups.items():
        outcome, deciding = _decided(group, untestable_fails="untestable" in report.fail_on)
        counts = {status.value: number for status, number in cases_by_status(group).items()}
        yield RuleOutcome(rule, api, outcome, deciding, counts)


def _decided(group: Sequence[ReportVerdict], *, untestable_fails: bool) -> tuple[Outcome, tuple[ReportVerdict, ...]]:
    """The worst outcome of a rule's verdicts, as exit codes rank them: an untestable one may fail the run."""
    counted = tuple(sorted((v for v in group if v.counts), key=lambda v: ORDER[v.level]))
    broken = any(v.level is Level.MUST for v in counted)
    untestable = _having(group, Status.UNTESTABLE)
    candidates: tuple[tuple[Outcome, tuple[ReportVerdict, ...]], ...] = (
        ("fail", counted if broken else ()),
        ("error", _having(group, Status.ERROR)),
        ("warning", counted),
        ("waived", tuple(v for v in group if v.waived)),
        ("untestable", untestable if untestable_fails else ()),
        ("pass", _having(group, Status.PASS)),
        ("untestable", untestable),
    )
    return next(candidate for candidate in candidates if candidate[1])


def _having(group: Iterable[ReportVerdict], status: Status) -> tuple[ReportVerdict, ...]:
    return tuple(verdict for verdict in group if verdict.status is status)
