"""HTML pages: of a run, of a rule, and the matrix of many targets. All text from a target is escaped.

The pages load nothing from the network: styles and scripts are inline, and links are relative.
"""

import shlex
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.resources import files
from pathlib import PurePath
from typing import Any, Final, NamedTuple

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup
from msgspec import UNSET

from conformance import __version__
from conformance.field_support.states import State, merge
from conformance.model.verdict import Status
from conformance.report import gateway, impacts, load_charts, open_responses, recordings, scores, under_load
from conformance.report.document import Report
from conformance.report.failures import RUN, Recording
from conformance.report.fields import LOST, FieldRow, in_state, rows
from conformance.report.formats import failure_cards, legend, marked_text
from conformance.report.impacts import money
from conformance.report.project import issues_url

SHOWN_FIRST: Final = (Status.FAIL, Status.ERROR, Status.UNTESTABLE, Status.PASS, Status.NOT_APPLICABLE)


class ApiFields(NamedTuple):
    """The request fields of an API: how many are in each state, those without effect, and all of them in rows."""

    api: str
    counts: dict[State, int]
    lost: dict[State, list[str]]
    rows: list[FieldRow]


def render(report: Report, evidence: Recording) -> bytes:
    """A self-contained page of one run, as bytes."""
    return run_page(report, evidence).encode()


def run_page(report: Report, evidence: Recording, root: str = "") -> str:
    """The page of a run; `root` is the relative path to its matrix, which has the pages of the rules."""
    cards = list(failure_cards.cards(report, evidence))
    page = facts(report) | {
        "cards": cards,
        "known": frozenset(card.rule for card in cards),
        "levels": list(dict.fromkeys(card.level for card in cards)),
        "families": sorted({card.family for card in cards}),
        "profiles": sorted({name for card in cards for name in card.profiles}),
    }
    folder = PurePath(evidence.folder)
    return render_template("run.html", page=page, root=root, run=shlex.quote(evidence.folder), run_id=folder.name)


def missing_page(name: str, why: str) -> str:
    """The page of a target that could not be run."""
    return render_template("missing.html", name=name, why=why)


def index_page(**parts_of_it: Any) -> str:
    """The page of a matrix."""
    return render_template("index.html", **parts_of_it)


def facts(report: Report) -> dict[str, Any]:
    """The page's data, except the failures."""
    return {
        "name": report.target.name,
        "model": report.target.model,
        "base_url": report.target.base_url,
        "suite": report.suite,
        "started": report.started,
        "requests": report.requests,
        "duration": f"{report.duration_s:.1f}",
        "cost": money(report.cost_usd) if report.cost_usd is not None else "",
        "verdict": legend.of_report(report),
        "headline": report.summary.headline,
        "recordings": _recordings(report),
        "gateway": _gateway(report),
        "load": _load(report),
        "quotes": list(scores.quotes(report)),
        "impact": _impact(report) if report.stopped in ("", "interrupted") else None,
        "fields": list(_fields(report)),
        "hints": report.hints,
        "open_responses": _open_responses(report),
        "waivers": report.waivers,
        "counts": {status: number for status, number in report.summary.verdicts.items() if number},
        "results": sorted(scores.rule_rows(report.verdicts), key=lambda result: SHOWN_FIRST.index(result.status)),
    }


def _recordings(report: Report) -> dict[str, Any] | None:
    """The table of hosts and models."""
    if report.recordings is UNSET:
        return None
    return {
        "about": recordings.about(report),
        "columns": recordings.COLUMNS,
        "rows": recordings.rows(report.recordings),
    }


def _gateway(report: Report) -> dict[str, Any] | None:
    """The table of lanes, and what became of fields and faults."""
    if report.gateway is UNSET:
        return None
    return {
        "ports": gateway.ports(report),
        "columns": gateway.LANE_COLUMNS,
        "rows": list(gateway.lane_rows(report.gateway)),
        "notable": list(gateway.notable(report.gateway)),
    }


def _load(report: Report) -> dict[str, Any] | None:
    """The tables and charts of a load."""
    if report.load is UNSET or not report.load.combinations:
        return None
    return {
        "tables": list(under_load.tables(report.load)),
        "units": under_load.UNITS,
        "charts": load_charts.charts(report.load),
        "interval_columns": under_load.INTERVAL_COLUMNS,
        "intervals": list(under_load.interval_rows(report.load)),
    }


def _open_responses(report: Report) -> dict[str, Any] | None:
    """The acceptance tests of Open Responses, with the outcome of each."""
    found = report.open_responses
    if found is UNSET:
        return None
    tests = [(test, legend.OFFICIAL[test.outcome]) for test in found.tests]
    return {"sentence": open_responses.sentence(found), "tests": tests}


def _impact(report: Report) -> dict[str, Any] | None:
    """The table of what users get, with its units and reasons, as in the terminal."""
    shown = impacts.outcomes(report)
    if not shown:
        return None
    return {
        "columns": list(impacts.columns(report)),
        "rows": [
            (
                legend.of_outcome(i.outcome, i.requests, is_of_vectors=impacts.is_of_vectors(i)),
                *_without_outcome(impacts.cells(i, report)),
            )
            for i in shown
        ],
        "units": impacts.units(shown, report),
        "reasons": list(impacts.reasons(shown)),
    }


def _without_outcome(cells: Iterable[str]) -> tuple[str, list[str]]:
    client, _, *numbers = cells
    return client, numbers


def _fields(report: Report) -> Iterator[ApiFields]:
    documented = [field for field in report.fields if field.documented]
    for api in dict.fromkeys(field.api for field in documented):
        mine = [field for field in documented if field.api == api]
        worst: dict[str, State] = {}
        for field in mine:
            worst[field.field] = merge(field.state, worst.get(field.field, field.state))
        counts = Counter(worst.values())
        lost = {state: list(in_state(mine, state)) for state in LOST}
        yield ApiFields(
            api=api,
            counts={state: counts[state] for state in legend.STATES if counts[state]},
            lost={state: found for state, found in lost.items() if found},
            rows=list(rows(mine)),
        )


def render_template(template: str, **given: Any) -> str:
    """A page, from one of the templates."""
    about = {"version": __version__, "issues": issues_url(), "run": RUN, "run_id": "", "root": ""}
    return _environment().get_template(template).render(**about | given)


@cache
def _environment() -> Environment:
    folder = files("conformance.report.formats") / "templates"
    made = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        loader=FunctionLoader(lambda name: (folder / name).read_text(encoding="utf-8")),
    )
    made.filters["marked"] = marked_text.marked
    made.globals["legend"] = legend
    own = {"css": "style.css", "script": "page.js"}
    for name, path in own.items():
        made.globals[name] = Markup((folder / path).read_text(encoding="utf-8"))  # noqa: S704 - our own files
    return made
