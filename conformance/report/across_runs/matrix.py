"""The matrix: targets by framework, by rule family, and by request field."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from msgspec import UNSET

from conformance import catalogue
from conformance.field_support.states import State
from conformance.model.impact import Impact, Outcome
from conformance.model.verdict import Level, Status
from conformance.model.words import APIS, Api, ExitCode
from conformance.report import scores
from conformance.report.across_runs.trends import Trend
from conformance.report.document import OfficialOutcome, Report
from conformance.report.formats import html, legend
from conformance.report.formats.legend import Word
from conformance.report.impacts import WORST, is_of_vectors
from conformance.report.scores import Score
from conformance.rules.families import FAMILIES

WAIVED: Final = legend.WAIVED.word
GATEWAYS: Final = "GW"
"""The family of the rules on both sides of a gateway."""
WORST_RESULT: Final = (*Level, WAIVED, *scores.DECISIVE[1:])


class ClientOutcome(NamedTuple):
    """A framework's outcome, the number of requests, and whether it embeds texts."""

    outcome: Outcome
    requests: int
    is_of_vectors: bool = False


class Column(NamedTuple):
    """The summary of one target; small, however large its run.

    `scores` are the MUST rules that pass, by API, and `about` what these numbers refer to. `families` counts the
    rules of each family by result: the level of those that fail, else `waived` or the status; `promises` are the
    results of the rules on both sides of a gateway; `official` are the outcomes of the acceptance
    tests of Open Responses.
    """

    name: str
    file: str
    verdict: Word
    detail: str
    about: str = ""
    scores: Mapping[Api, Score] = {}
    outcomes: Mapping[str, ClientOutcome] = {}
    families: Mapping[str, Mapping[str, int]] = {}
    promises: Mapping[str, str] = {}
    fields: Mapping[tuple[Api, str], State] = {}
    official: Mapping[str, OfficialOutcome] = {}
    failing: frozenset[str] = frozenset()


class Cell(NamedTuple):
    """One cell: text, CSS class, link, tooltip, and failed levels for the filters."""

    text: str
    kind: str = ""
    href: str = ""
    title: str = ""
    level: str = ""


class Row(NamedTuple):
    """One row: its name for the filters, its label with fields in backticks, and one cell per target."""

    name: str
    label: str
    cells: tuple[Cell, ...]

    @property
    def found_by(self) -> str:
        """What the filter searches: the label, and what the cells show."""
        return " ".join(dict.fromkeys((self.label.replace("`", ""), *(cell.text for cell in self.cells))))


class Grid(NamedTuple):
    """One of the tables."""

    name: str
    title: str
    what: str
    rows_are: str
    rows: tuple[Row, ...]


def column(report: Report, file: str) -> Column:
    """Summarize a target's report."""
    found, results = scores.scores(report), _results_by_family(report)
    return Column(
        name=report.target.name,
        file=file,
        verdict=legend.of_report(report),
        detail=report.summary.headline[0] if report.summary.headline else "",
        about=scores.catalogue_words(report) if found else "",
        scores={score.api: score for score in found},
        outcomes=_client_outcomes(() if report.stopped else report.impact),
        families=_unshown(report) | {name: Counter(rules.values()) for name, rules in results.items()},
        promises=results.get(GATEWAYS, {}),
        fields={(f.api, f.field): report.capabilities[f.api][f.field] for f in report.fields if f.documented},  # type: ignore[misc]
        official=_official(report),
        failing=frozenset(v.rule for v in report.verdicts if v.status is Status.FAIL),
    )


def _official(report: Report) -> dict[str, OfficialOutcome]:
    found = report.open_responses
    return {} if found is UNSET else {test.name: test.outcome for test in found.tests}


def failed_column(name: str, file: str, why: str) -> Column:
    """A target that could not be run."""
    return Column(name, file, legend.VERDICTS[ExitCode.NOT_TESTED], why)


def _unshown(report: Report) -> dict[str, Counter[str]]:
    """The families of which recordings by other tools show nothing: their rules judge the harness's own requests."""
    if report.recordings is UNSET:
        return {}
    apis = {verdict.api for verdict in report.verdicts}
    families = {rule.family for rule in catalogue.rules() if apis.intersection(rule.apis)}
    return {family: Counter({Status.UNTESTABLE.value: 1}) for family in families}


def _results_by_family(report: Report) -> dict[str, dict[str, str]]:
    """The result of each rule, by family: the worst of its verdicts on all APIs."""
    families: dict[str, dict[str, str]] = {}
    for v in report.verdicts:
        result = v.level.value if v.counts else WAIVED if v.status is Status.FAIL else v.status.value
        rules = families.setdefault(report.rules[v.rule].family, {})
        rules[v.rule] = min(result, rules.get(v.rule, result), key=WORST_RESULT.index)
    return families


def _client_outcomes(impacts: Iterable[Impact]) -> dict[str, ClientOutcome]:
    """The worse of a framework's two modes; streaming if they are equal."""
    found: dict[str, ClientOutcome] = {}
    for impact in sorted((i for i in impacts if not i.is_of_failure), key=lambda i: i.mode):
        outcome = ClientOutcome(impact.outcome, impact.requests, is_of_vectors(impact))
        before = found.get(impact.client)
        if before is None or WORST.index(outcome.outcome) < WORST.index(before.outcome):
            found[impact.client] = outcome
    return found


def index(
    columns: Sequence[Column],
    when: str,
    trends: Sequence[Trend] = (),
    judged_by: str = "",
    limits: Sequence[str] = (),
) -> str:
    """The page of the matrix; `limits` says what it does not show."""
    frameworks = sorted({client for c in columns for client in c.outcomes}, key=str.lower)
    families = [family for family in FAMILIES if any(family in c.families for c in columns)]
    promises = [rule for rule in catalogue.rules() if any(rule.id in c.promises for c in columns)]
    fields = sorted({place for c in columns for place in c.fields})
    grids = [
        _grid("promises", [Row(r.id, f"{r.id}: {r.title}", tuple(_kept(c, r.id) for c in columns)) for r in promises]),
        _grid("frameworks", [Row(name, name, tuple(_client_outcome(c, name) for c in columns)) for name in frameworks]),
        _grid("families", [Row(name, _family(name), tuple(_count(c, name) for c in columns)) for name in families]),
        _grid("open-responses", list(_official_rows(columns))),
        _grid("fields", [Row(f"{a}.{n}", f"{a} `{n}`", tuple(_state(c, (a, n)) for c in columns)) for a, n in fields]),
    ]
    return html.index_page(
        columns=columns,
        apis=[api for api in APIS if any(api in c.scores for c in columns)],
        abouts=list(dict.fromkeys(c.about for c in columns if c.about)),
        grids=[grid for grid in grids if grid.rows],
        when=when,
        judged_by=judged_by,
        limits=limits,
        trends=trends,
        families=families,
        frameworks=frameworks,
    )


TITLES: Final = {
    "promises": (
        "Promises of a gateway",
        "What each gateway makes of requests, responses and faults, seen from both sides. A failure links to pairs.",
        "rule",
    ),
    "frameworks": (
        "Frameworks",
        "Outcome of a plain message for each framework's user, in the worse mode; × is the number of requests sent.",
        "framework",
    ),
    "families": (
        "Rule families",
        "Failing rules by level; pass if none of the rules that apply fails.",
        "family",
    ),
    "open-responses": (
        "Open Responses",
        "What each of its acceptance tests would say, by the requests of the run.",
        "test",
    ),
    "fields": ("Request fields", "Support of each field, in the worse mode.", "field"),
}


def _grid(name: str, rows: list[Row]) -> Grid:
    title, what, rows_are = TITLES[name]
    return Grid(name, title, what, rows_are, tuple(rows))


def _family(name: str) -> str:
    return f"{name}: {FAMILIES[name]}"


def _client_outcome(c: Column, client: str) -> Cell:
    outcome = c.outcomes.get(client)
    if outcome is None:
        return Cell(legend.ABSENT)
    word = legend.of_outcome(outcome.outcome, outcome.requests, is_of_vectors=outcome.is_of_vectors)
    times = f" ×{outcome.requests}" if outcome.requests > 1 else ""
    title = f"{client} on {c.name}: the user {word.word}"
    return Cell(word.text + times, word.kind, f"targets/{c.file}.html#impact", title)


def _count(c: Column, family: str) -> Cell:
    """The failing rules of a family, or the best result of the others."""
    counts = c.families.get(family, {})
    href, where = f"targets/{c.file}.html#failures", f"{family} on {c.name}"
    failing = [level for level in Level if counts.get(level)]
    if failing:
        words = ", ".join(f"{counts[level]} {level}" for level in failing)
        worst = legend.LEVELS[failing[0]]
        return Cell(f"{worst.symbol} {words}".strip(), worst.kind, href, f"{where}: failing rules: {words}", words)
    for word in (legend.WAIVED, legend.STATUSES["error"], legend.STATUSES["pass"], legend.STATUSES["untestable"]):
        if counts.get(word.word):
            return Cell(word.text, word.kind, href, f"{where}: {word.meaning}")
    return Cell(legend.ABSENT)


def _kept(c: Column, rule: str) -> Cell:
    """The result of a rule on both sides of a gateway."""
    result = c.promises.get(rule)
    if result is None or result == Status.NOT_APPLICABLE:
        return Cell(legend.ABSENT)
    if result in legend.LEVELS:
        word, href = legend.LEVELS[result], f"targets/{c.file}.html#{rule}"
        text = f"{legend.STATUSES['fail'].symbol} {word.word}"
        return Cell(text, word.kind, href, f"{rule} fails on {c.name}", result)
    word = legend.WAIVED if result == WAIVED else legend.STATUSES[result]
    return Cell(word.text, word.kind, f"targets/{c.file}.html#verdicts", f"{rule} on {c.name}: {word.meaning}")


def _official_rows(columns: Sequence[Column]) -> Iterator[Row]:
    """How many acceptance tests of Open Responses each target would pass, and each of them."""
    if names := list(dict.fromkeys(name for c in columns for name in c.official)):
        yield Row("all", "would pass", tuple(_official_number(c) for c in columns))
    yield from (Row(name, name, tuple(_official_cell(c, name) for c in columns)) for name in names)


def _official_number(c: Column) -> Cell:
    passed = sum(outcome == "pass" for outcome in c.official.values())
    return Cell(f"{passed} of {len(c.official)}" if c.official else legend.ABSENT)


def _official_cell(c: Column, test: str) -> Cell:
    """What an acceptance test of Open Responses would say."""
    outcome = c.official.get(test)
    if outcome is None:
        return Cell(legend.ABSENT)
    word = legend.OFFICIAL[outcome]
    return Cell(word.text, word.kind, f"targets/{c.file}.html#open-responses", f"{test} on {c.name}: {word.word}")


def _state(c: Column, place: tuple[Api, str]) -> Cell:
    state = c.fields.get(place)
    if state is None:
        return Cell(legend.ABSENT)
    word = legend.STATES[state]
    return Cell(word.text, word.kind, f"targets/{c.file}.html#fields", f"{place[1]} on {c.name}: {state}")


def rules_shown(columns: Sequence[Column]) -> Iterator[str]:
    """The rules that need a page."""
    yield from sorted(frozenset[str]().union(*(c.failing for c in columns)))
