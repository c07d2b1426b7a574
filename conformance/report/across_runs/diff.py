"""Differences between two runs of a target: failures, field support, framework outcomes and cost. Pure.

Noise is ignored: untestable verdicts, unknown field states, times.
"""

from collections.abc import Iterable, Iterator
from typing import Final, Literal

import msgspec

from conformance.field_support.states import State
from conformance.model.impact import Impact
from conformance.model.verdict import Level, Status
from conformance.report.document import Report, ReportVerdict
from conformance.report.formats.markdown import code, plain, table
from conformance.report.impacts import USER_SEES, WORST, money

Place = tuple[str, str, str, str]
NOTICEABLE: Final = 0.2
"""Smallest reported change of a run's cost, as a share of the old cost."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One difference: its kind, whether it is a regression, and a description."""

    kind: Literal["failure", "mended", "field", "framework", "cost"]
    regression: bool
    level: str
    what: str
    words: str


def changes(old: Report, new: Report, *, strict: bool = False) -> tuple[Change, ...]:
    """The differences, regressions first. With `strict`, new SHOULD failures are regressions, too."""
    found = (*_failures(old, new, strict=strict), *_fields(old, new), *_client_outcomes(old, new), *_cost(old, new))
    return tuple(sorted(found, key=lambda c: (not c.regression, c.kind, c.what)))


def _failures(old: Report, new: Report, *, strict: bool) -> Iterator[Change]:
    """Rules that newly fail on an API, or at a higher level, and rules that failed and now pass."""
    before, after = _by_rule(old.verdicts), _by_rule(new.verdicts)
    for place, verdicts in after.items():
        failed, known = _worst(verdicts), _worst(before.get(place, []))
        what = " on ".join(place)
        if failed and (known is None or _rank(failed) < _rank(known)):
            regression = failed.level is Level.MUST or (strict and failed.level is Level.SHOULD)
            words = f"{failed.title}: {failed.message}"
            yield Change(kind="failure", regression=regression, level=failed.level.value, what=what, words=words)
        elif known and failed is None and any(v.status is Status.PASS for v in verdicts):
            yield Change(kind="mended", regression=False, level=known.level.value, what=what, words=verdicts[0].title)


def _worst(verdicts: Iterable[ReportVerdict]) -> ReportVerdict | None:
    """The failure of the highest level that no waiver covers; a rule's chance failures are below its level."""
    return min((v for v in verdicts if v.counts), key=_rank, default=None)


def _rank(verdict: ReportVerdict) -> int:
    return list(Level).index(verdict.level)


def _by_rule(verdicts: Iterable[ReportVerdict]) -> dict[tuple[str, str], list[ReportVerdict]]:
    found: dict[tuple[str, str], list[ReportVerdict]] = {}
    for verdict in verdicts:
        found.setdefault((verdict.rule, verdict.api), []).append(verdict)
    return found


GOOD: Final[tuple[State, ...]] = ("honoured", "validated", "refused", "announced")


SEEN: Final[tuple[State, ...]] = ("honoured", "validated")


def _fields(old: Report, new: Report) -> Iterator[Change]:
    """Fields whose state changed and is known in both runs; whether an effect shows is up to the model."""
    before = {(f.api, f.field, f.mode): f for f in old.fields}
    for field in new.fields:
        was = before.get((field.api, field.field, field.mode))
        if was is None or was.state == field.state or "unknown" in (was.state, field.state):
            continue
        if was.state in SEEN and field.state in SEEN:
            continue
        regression = field.documented and field.state == "dropped" and was.state in GOOD
        words = f"was {was.state}, is {field.state}: {field.why}"
        what = f"{field.field} on {field.api}, {field.mode}"
        yield Change(kind="field", regression=regression, level="", what=what, words=words)


def _client_outcomes(old: Report, new: Report) -> Iterator[Change]:
    """Frameworks whose outcome or number of requests changed."""
    before = {_of(impact): impact for impact in old.impact}
    for impact in new.impact:
        was = before.get(_of(impact))
        if was is None or (was.outcome, was.requests) == (impact.outcome, impact.requests):
            continue
        is_worse = WORST.index(impact.outcome) < WORST.index(was.outcome) or impact.requests > was.requests
        words = f"{_described(was)}; now {_described(impact)}"
        regression = is_worse and not (impact.delivered and impact.requests <= was.requests)
        what = f"{impact.client}, {impact.mode}"
        yield Change(kind="framework", regression=regression, level="", what=what, words=words)


def _of(impact: Impact) -> Place:
    return impact.client, impact.profile, impact.mode, impact.probe


def _described(impact: Impact) -> str:
    requests = f"{impact.requests} request" + "s" * (impact.requests != 1)
    return f"the user {USER_SEES[impact.outcome]} after {requests}"


def _cost(old: Report, new: Report) -> Iterator[Change]:
    """Cost changes, if both runs sent the same requests."""
    if old.cost_usd and new.cost_usd is not None and (old.suite, old.requests) == (new.suite, new.requests):
        share = (new.cost_usd - old.cost_usd) / old.cost_usd
        if abs(share) > NOTICEABLE:
            words = f"the run cost {money(old.cost_usd)} and costs {money(new.cost_usd)} ({share:+.0%})"
            yield Change(kind="cost", regression=False, level="", what="cost", words=words)


TITLES: Final = {
    "failure": "New failures",
    "field": "Request fields",
    "framework": "Framework outcomes",
    "cost": "Cost",
    "mended": "Fixed",
}


def as_markdown(found: Iterable[Change], old: Report, new: Report) -> str:
    """The differences as Markdown, for a pull request comment."""
    all_of_them = list(found)
    bad = sum(change.regression for change in all_of_them)
    head = f"❌ {bad} regressions" if bad else "✅ no regression"
    lines = [f"## {head}: {plain(new.target.name)}", "", f"{code(old.started)} → {code(new.started)}"]
    for kind, title in TITLES.items():
        mine = [change for change in all_of_them if change.kind == kind]
        if mine:
            rows = ((("❌" if c.regression else ""), c.level, plain(c.what), plain(c.words)) for c in mine)
            lines += ["", f"### {title}", "", *table(("", "level", "what", "change"), rows)]
    if not all_of_them:
        lines += ["", "Nothing changed."]
    return "\n".join(lines) + "\n"
