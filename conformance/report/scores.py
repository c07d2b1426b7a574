"""The verdicts summed up: the result of each rule on each API, and the share of the MUST rules that pass."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from conformance import catalogue
from conformance.model.verdict import Level, Status
from conformance.model.words import APIS, Api, ExitCode
from conformance.report.document import Report, ReportVerdict

DECISIVE: Final = (Status.FAIL, Status.ERROR, Status.PASS, Status.UNTESTABLE, Status.NOT_APPLICABLE)
"""Of a rule's verdicts on an API, the first of these decides: one failure is a failure."""
UNQUOTABLE: Final = (ExitCode.NOT_TESTED, ExitCode.INTERRUPTED)
"""Exit codes of runs that prove too little for a number."""


class RuleRow(NamedTuple):
    """The result of one rule on one API: the verdicts by status, and a reason if it did not pass."""

    rule: str
    level: Level
    title: str
    api: Api
    status: Status
    counts: Mapping[Status, int]
    why: str


class Score(NamedTuple):
    """How many MUST rules pass on an API. `judged` counts those that pass or fail."""

    api: Api
    passed: int
    judged: int
    untestable: int
    errors: int

    @property
    def fraction(self) -> str:
        """The number: passed of judged."""
        return f"{self.passed} of {self.judged}"

    @property
    def beside(self) -> str:
        """What the number leaves out, or an empty string."""
        left_out = ((self.untestable, "untestable"), (self.errors, "with a harness error"))
        return ", ".join(f"{number} {words}" for number, words in left_out if number)


def rule_rows(verdicts: Iterable[ReportVerdict]) -> Iterator[RuleRow]:
    """The result of each rule on each API, by API and rule.

    A waived failure is a failure. A failure by chance counts on its own level, below that of its rule.
    """
    groups: dict[tuple[Api, str, Level], list[ReportVerdict]] = {}
    for verdict in verdicts:
        groups.setdefault((verdict.api, verdict.rule, verdict.level), []).append(verdict)
    for (api, rule, level), found in sorted(groups.items(), key=lambda group: group[0]):
        counts = cases_by_status(found)
        status = next(status for status in DECISIVE if counts[status])
        why = next((v.message for v in found if v.status is status), "")
        yield RuleRow(rule, level, found[0].title, api, status, counts, why)


def cases_by_status(verdicts: Iterable[ReportVerdict]) -> Counter[Status]:
    """How many test cases have each status."""
    counts: Counter[Status] = Counter()
    for verdict in verdicts:
        counts[verdict.status] += verdict.cases
    return counts


def scores(report: Report) -> tuple[Score, ...]:
    """The number of each API, none if the run proves too little."""
    if report.exit_code in UNQUOTABLE:
        return ()
    must = [result for result in rule_rows(report.verdicts) if result.level is Level.MUST]
    found = (_score(api, Counter(r.status for r in must if r.api == api)) for api in APIS)
    return tuple(score for score in found if score.judged)


def _score(api: Api, rules: Mapping[Status, int]) -> Score:
    passed = rules[Status.PASS]
    return Score(api, passed, passed + rules[Status.FAIL], rules[Status.UNTESTABLE], rules[Status.ERROR])


def catalogue_words(report: Report) -> str:
    """What the numbers refer to: the day, the suite and the catalogue."""
    rules = f"catalogue {report.tool.version} with {len(catalogue.rules())} rules"
    return f"{report.started[:10]}, suite {report.suite}, {rules}"


def quotes(report: Report) -> Iterator[str]:
    """A sentence for each API that can be quoted."""
    for score in scores(report):
        beside = f" ({score.beside})" if score.beside else ""
        number = f"{score.fraction} MUST rules pass{beside}"
        yield f"{report.target.name}, model {report.target.model}, {score.api}: {number}, {catalogue_words(report)}"
