"""HTML pages: of a run, of a rule, and the matrix of many targets. All text from a target is escaped.

The pages load nothing from the network: styles and scripts are inline, and links are relative.
"""

from collections.abc import Iterable, Iterator
from functools import cache
from importlib.resources import files
from typing import Any, Final, NamedTuple

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from conformance import __version__
from conformance.model.verdict import Level, Status
from conformance.report import timeline
from conformance.report.document import Report, ReportVerdict
from conformance.report.escaping import parts
from conformance.report.failures import Line, Recording, describe
from conformance.report.fields import rows
from conformance.report.impacts import USER_SEES, money, worst_first

MAX_SAMPLES: Final = 3
VERDICT_WORDS: Final = {0: "conformant", 3: "not tested", 4: "harness error", 130: "interrupted"}
KINDS: Final = {
    "conformant": "good", "not conformant": "bad", "text": "good", "tool_ok": "good", "honoured": "honoured",
    "text+": "warn", "partial_text": "warn", "empty_silent": "bad", "exception": "bad", "hang": "bad",
    "tool_bad": "bad", "partial_text+exception": "bad", "MUST": "MUST", "SHOULD": "SHOULD", "pass": "good",
    "validated": "validated", "refused": "refused", "announced": "announced", "dropped": "dropped", "fail": "bad",
    "waived": "waived",
}  # fmt: skip
"""The CSS class of each word; other words have none."""
WORDS: Final = (
    *(("conformant", "no MUST failed"), ("not conformant", "a MUST failed")),
    ("not tested", "the target was unreachable, or its URL, model or key was wrong"),
    *((outcome, f"the user {sees}") for outcome, sees in USER_SEES.items()),
    ("MUST", "a requirement: if it fails, the target is not conformant"),
    ("SHOULD", "a recommendation, or a requirement on which good sources disagree"),
    ("pass", "verified by evidence"),
    ("fail", "the target violates the rule, as the recorded bytes show"),
    ("untestable", "a prerequisite was missing, or the model did not cooperate"),
    ("not-applicable", "the rule does not apply to the request"),
    ("honoured", "the field has its documented effect"),
    ("validated", "a wrong type of the field is rejected; no effect was seen"),
    ("refused", "the request is rejected with an error that names the field"),
    ("announced", "the response reports that the field was ignored"),
    ("dropped", "the field is silently ignored"),
    ("unknown", "the requests sent do not show it"),
    ("waived", "a known failure, accepted by the target's owner until a date"),
)


class Sample(NamedTuple):
    """An exchange that shows a failure: its name, its timing in words and as SVG, the bytes around the failure."""

    name: str
    words: str
    timeline: Markup
    octets: tuple[str, str, str] | None


class FailureCard(NamedTuple):
    """One failing rule on a page."""

    rule: str
    level: Level
    title: str
    why: str
    family: str
    profiles: tuple[str, ...]
    lines: tuple[Line, ...]
    shots: tuple[Sample, ...]
    waived: str


def render(report: Report, evidence: Recording) -> bytes:
    """A self-contained page of one run, as bytes."""
    return run_page(report, evidence).encode()


def run_page(report: Report, evidence: Recording, root: str = "") -> str:
    """The page of a run; `root` is the relative path to its matrix."""
    page = facts(report) | {"cards": list(cards(report, evidence))}
    page |= {
        "levels": list(dict.fromkeys(card.level for card in page["cards"])),
        "families": sorted({card.family for card in page["cards"]}),
        "profiles": sorted({name for card in page["cards"] for name in card.profiles}),
    }
    return render_template("run.html", page=page, root=root)


def missing_page(name: str, why: str) -> str:
    """The page of a target that could not be run."""
    return render_template("missing.html", name=name, why=why)


def index_page(**parts_of_it: Any) -> str:
    """The page of a matrix."""
    return render_template("index.html", **parts_of_it)


def verdict_word(report: Report) -> str:
    """The overall verdict in one or two words."""
    return VERDICT_WORDS.get(report.exit_code, "not conformant")


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
        "verdict": verdict_word(report),
        "kind": kind(verdict_word(report)),
        "headline": report.summary.headline,
        "impact": [
            {name: getattr(i, name) for name in ("client", "mode", "outcome", "requests", "billed")}
            | {"sees": USER_SEES[i.outcome], "wasted": money(i.wasted_usd), "cost": money(i.cost_usd)}
            | {"why": "" if i.delivered and i.requests == 1 else i.detail}
            for i in sorted(report.impact, key=worst_first)
        ],
        "fields": list(rows(report.fields)),
        "hints": report.hints,
    }


def cards(report: Report, evidence: Recording) -> Iterator[FailureCard]:
    """The failing rules, MUST first; waived ones last."""
    groups: dict[tuple[str, str], list[ReportVerdict]] = {}
    order = {level: place for place, level in enumerate(Level)}
    failed = (v for v in report.verdicts if v.status is Status.FAIL)
    for verdict in sorted(failed, key=lambda v: (bool(v.waived), order[v.level], v.rule)):
        groups.setdefault((verdict.rule, verdict.waived), []).append(verdict)
    for (rule, waived), verdicts in groups.items():
        shown = describe(verdicts, report, evidence)
        page = report.rules[rule]
        profiles = tuple(dict.fromkeys(verdict.profile for verdict in verdicts))
        shots = tuple(_samples(verdicts, evidence))
        yield FailureCard(rule, shown.level, shown.title, page.why, page.family, profiles, shown.lines, shots, waived)


def _samples(verdicts: Iterable[ReportVerdict], evidence: Recording) -> Iterator[Sample]:
    """The first exchanges that show a failure; the recordings are not embedded in the page."""
    seen: dict[str, Any] = {}
    for verdict in verdicts:
        for name in verdict.exchanges[:1]:
            at = next((finding.at for finding in verdict.findings if finding.at), None)
            seen.setdefault(name, at)
    for name, at in list(seen.items())[:MAX_SAMPLES]:
        x = evidence.load(name)
        octets = parts(getattr(x, at.side), at) if at else None
        yield Sample(name, timeline.in_words(x), Markup(timeline.svg(x)), octets)  # noqa: S704 - numbers only


def kind(word: str) -> str:
    """The CSS class of a word."""
    return KINDS.get(word, "")


def render_template(template: str, **given: Any) -> str:
    """A page, from one of the templates."""
    return _environment().get_template(template).render(words=WORDS, version=__version__, **given)


@cache
def _environment() -> Environment:
    folder = files("conformance.report.formats") / "templates"
    made = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        loader=FunctionLoader(lambda name: (folder / name).read_text(encoding="utf-8")),
    )
    made.filters["kind"] = kind
    own = {"css": "style.css", "script": "filter.js"}
    for name, path in own.items():
        made.globals[name] = Markup((folder / path).read_text(encoding="utf-8"))  # noqa: S704 - our own files
    return made
