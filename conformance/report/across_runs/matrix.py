"""The matrix: targets by framework, by rule family, and by request field."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from conformance.field_support.states import State
from conformance.model.impact import Impact, Outcome
from conformance.model.verdict import Level, Status
from conformance.model.words import Api
from conformance.report.document import Report
from conformance.report.formats import html
from conformance.report.impacts import USER_SEES, WORST
from conformance.rules.families import FAMILIES

SHORT: Final[dict[Outcome, str]] = {
    "text": "delivers",
    "text+": "extra text",
    "partial_text": "truncated",
    "empty_silent": "empty",
    "exception": "error",
    "partial_text+exception": "truncated, error",
    "hang": "hangs",
    "tool_ok": "tool call",
    "tool_bad": "malformed call",
}


class ClientOutcome(NamedTuple):
    """A framework's outcome, and the number of requests."""

    outcome: Outcome
    requests: int


class Column(NamedTuple):
    """The summary of one target; small, however large its run."""

    name: str
    file: str
    verdict: str
    detail: str
    outcomes: Mapping[str, ClientOutcome]
    families: Mapping[str, Mapping[str, int]]
    fields: Mapping[tuple[Api, str], State]
    failing: frozenset[str]

    @property
    def kind(self) -> str:
        """The CSS class of its verdict."""
        return html.kind(self.verdict)


class Cell(NamedTuple):
    """One cell: text, CSS class, link, tooltip, and failed levels for the filters."""

    text: str
    kind: str = ""
    href: str = ""
    title: str = ""
    level: str = ""


class Row(NamedTuple):
    """One row: its name for the filters, its label, and one cell per target."""

    name: str
    label: str
    cells: tuple[Cell, ...]


class Grid(NamedTuple):
    """One of the three tables."""

    name: str
    title: str
    what: str
    rows_are: str
    rows: tuple[Row, ...]


class Trend(NamedTuple):
    """The numbers of failed rules in the stored runs of one target, oldest first."""

    name: str
    runs: int
    must: str
    should: str


def column(report: Report, file: str) -> Column:
    """Summarize a target's report."""
    families: dict[str, dict[str, int]] = {}
    for verdict in report.verdicts:
        counts = families.setdefault(report.rules[verdict.rule].family, {})
        key = verdict.level.value if verdict.counts else verdict.status.value
        counts[key] = counts.get(key, 0) + 1
    return Column(
        name=report.target.name,
        file=file,
        verdict=html.verdict_word(report),
        detail=report.summary.headline[0] if report.summary.headline else "",
        outcomes=_client_outcomes(() if report.stopped else report.impact),
        families=families,
        fields={(f.api, f.field): report.capabilities[f.api][f.field] for f in report.fields if f.documented},  # type: ignore[misc]
        failing=frozenset(v.rule for v in report.verdicts if v.status is Status.FAIL),
    )


def failed_column(name: str, file: str, why: str) -> Column:
    """A target that could not be run."""
    return Column(name, file, "not tested", why, {}, {}, {}, frozenset())


def _client_outcomes(impacts: Iterable[Impact]) -> dict[str, ClientOutcome]:
    """The worse of a framework's two modes; streaming if they are equal."""
    found: dict[str, ClientOutcome] = {}
    for impact in sorted(impacts, key=lambda i: i.mode):
        outcome = ClientOutcome(impact.outcome, impact.requests)
        before = found.get(impact.client)
        if before is None or WORST.index(outcome.outcome) < WORST.index(before.outcome):
            found[impact.client] = outcome
    return found


def index(columns: Sequence[Column], when: str, trends: Sequence[Trend] = (), judged_by: str = "") -> str:
    """The page of the matrix."""
    frameworks = sorted({client for c in columns for client in c.outcomes}, key=str.lower)
    families = [family for family in FAMILIES if any(family in c.families for c in columns)]
    fields = sorted({place for c in columns for place in c.fields})
    grids: list[Any] = [
        _grid("frameworks", [Row(name, name, tuple(_client_outcome(c, name) for c in columns)) for name in frameworks]),
        _grid("families", [Row(name, _family(name), tuple(_count(c, name) for c in columns)) for name in families]),
        _grid("fields", [Row(f"{a}.{n}", f"{a} {n}", tuple(_state(c, (a, n)) for c in columns)) for a, n in fields]),
    ]
    return html.index_page(
        columns=columns,
        grids=grids,
        when=when,
        judged_by=judged_by,
        trends=trends,
        families=families,
        frameworks=frameworks,
    )


TITLES: Final = {
    "frameworks": (
        "Frameworks",
        "Outcome of a plain message for each framework's user, in the worse mode; × is the number of requests sent.",
        "framework",
    ),
    "families": (
        "Rule families",
        "Failed verdicts by level; ✓ if all applicable rules passed.",
        "family",
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
        return Cell("–")
    times = f" ×{outcome.requests}" if outcome.requests > 1 else ""
    kind = html.kind(outcome.outcome)
    kind = "warn" if kind == "good" and outcome.requests > 1 else kind
    title = f"{client} on {c.name}: the user {USER_SEES[outcome.outcome]}"
    return Cell(SHORT[outcome.outcome] + times, kind, f"targets/{c.file}.html#impact", title)


def _count(c: Column, family: str) -> Cell:
    counts = c.families.get(family, {})
    must, should = (counts.get(level.value, 0) for level in (Level.MUST, Level.SHOULD))
    href = f"targets/{c.file}.html#failures"
    if must or should:
        words = ", ".join(f"{n} {level}" for n, level in ((must, "MUST"), (should, "SHOULD")) if n)
        return Cell(words, "bad" if must else "warn", href, f"{family} on {c.name}: {words}", words)
    if counts.get("fail"):
        return Cell("waived", "waived", href)
    return Cell("✓", "good", href, f"{family} on {c.name}: nothing failed") if counts.get("pass") else Cell("–")


def _state(c: Column, place: tuple[Api, str]) -> Cell:
    state = c.fields.get(place)
    if state is None:
        return Cell("–")
    return Cell(state, html.kind(state), f"targets/{c.file}.html#fields", f"{place[1]} on {c.name}: {state}")


def rules_shown(columns: Sequence[Column]) -> Iterator[str]:
    """The rules that need a page."""
    yield from sorted(frozenset[str]().union(*(c.failing for c in columns)))
