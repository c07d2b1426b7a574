"""Differences between two runs: failures by cause, framework outcomes, field support and cost. Pure.

Noise is ignored: untestable verdicts, unknown field states, times except those of two loads.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, Literal, NamedTuple

import msgspec

from conformance.field_support.states import State
from conformance.model.impact import Impact
from conformance.model.verdict import Level, Status
from conformance.model.words import Api
from conformance.report.across_runs import load_diff
from conformance.report.across_runs.comparability import not_compared
from conformance.report.document import Cause, Report, ReportVerdict
from conformance.report.failures import places
from conformance.report.impacts import WORST, money, user_sees

Kind = Literal["failure", "framework", "field", "load", "cost", "mended"]
KINDS: Final[tuple[Kind, ...]] = ("failure", "mended", "framework", "field", "load", "cost")
"""The kinds, the most important first."""
NOTICEABLE: Final = 0.2
"""Smallest reported change of a run's cost, as a share of the old cost."""
GOOD: Final[tuple[State, ...]] = ("honoured", "validated", "refused", "announced")
SEEN: Final[tuple[State, ...]] = ("honoured", "validated")


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One difference: its kind, whether it is a regression, and a description.

    A failure has its places, and the new failures that follow from it.
    """

    kind: Kind
    regression: bool
    level: str
    what: str
    words: str
    places: str = ""
    follows: tuple[str, ...] = ()


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """One of the two runs: its target, when it was recorded, and the version of the catalogue that judged it."""

    name: str
    base_url: str
    model: str
    started: str
    suite: str
    catalogue: str


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """Two runs, what could not be compared, and the differences, regressions first."""

    old: Side
    new: Side
    not_compared: tuple[str, ...]
    regressions: int
    changes: tuple[Change, ...]


def compare(old: Report, new: Report, *, strict: bool = False) -> Comparison:
    """Compare two runs. With `strict`, new SHOULD failures are regressions, too."""
    found = changes(old, new, strict=strict)
    return Comparison(
        old=_side(old),
        new=_side(new),
        not_compared=tuple(not_compared(old, new)),
        regressions=sum(change.regression for change in found),
        changes=found,
    )


def _side(report: Report) -> Side:
    target = report.target
    return Side(
        name=target.name,
        base_url=target.base_url,
        model=target.model,
        started=report.started,
        suite=report.suite,
        catalogue=report.tool.version,
    )


def changes(old: Report, new: Report, *, strict: bool = False) -> tuple[Change, ...]:
    """The differences, regressions first, then by kind. With `strict`, new SHOULD failures are regressions, too."""
    found = (
        *_failures(old, new, strict=strict),
        *_outcomes(old, new),
        *_fields(old, new),
        *_load(old, new),
        *_cost(old, new),
    )
    return tuple(sorted(found, key=lambda change: (not change.regression, KINDS.index(change.kind))))


class _Group(NamedTuple):
    """The places where one rule newly fails, or no longer does, and the verdict that stands for them."""

    verdict: ReportVerdict
    apis: list[Api]
    verdicts: list[ReportVerdict]

    @property
    def what(self) -> str:
        """The rule and its APIs."""
        return f"{self.verdict.rule} on {', '.join(self.apis)}"


def _failures(old: Report, new: Report, *, strict: bool) -> Iterator[Change]:
    """Rules that newly fail on an API, or at a higher level, and rules that failed and now pass; MUST first."""
    failed, mended = _failed_and_mended(old, new)
    for group, *others in _by_cause(failed.values(), new.causes):
        first = group.verdict
        yield Change(
            kind="failure",
            regression=first.level is Level.MUST or (strict and first.level is Level.SHOULD),
            level=first.level,
            what=group.what,
            words=f"{first.title}: {first.message}",
            places=places(group.verdicts),
            follows=tuple(other.what for other in others),
        )
    for group in sorted(mended.values(), key=lambda group: _rank(group.verdict)):
        first = group.verdict
        yield Change(kind="mended", regression=False, level=first.level, what=group.what, words=first.title)


def _by_cause(failed: Iterable[_Group], causes: Iterable[Cause]) -> list[list[_Group]]:
    """The new failures, the most urgent first; each is followed by those of no higher level that follow from it."""
    order: dict[str, int] = {}
    cause_of: dict[str, str] = {}
    for cause in causes:
        for name in (cause.rule, *cause.follows):
            order.setdefault(name, len(order))
            cause_of.setdefault(name, cause.rule)
    found: dict[str, list[_Group]] = {}
    for group in sorted(failed, key=lambda g: (_rank(g.verdict), order.get(g.verdict.rule, len(order)))):
        rule = group.verdict.rule
        head = cause_of.get(rule, rule)
        found.setdefault(head if head in found else rule, []).append(group)
    return list(found.values())


def _failed_and_mended(old: Report, new: Report) -> tuple[dict[tuple[str, Level], _Group], dict[str, _Group]]:
    """The new failures by rule and level, and the rules that no longer fail."""
    before, after = _by_rule(old.verdicts), _by_rule(new.verdicts)
    failed: dict[tuple[str, Level], _Group] = {}
    mended: dict[str, _Group] = {}
    for (rule, api), verdicts in after.items():
        worst, known = _worst(verdicts), _worst(before.get((rule, api), []))
        if worst and (known is None or _rank(worst) < _rank(known)):
            group = failed.setdefault((rule, worst.level), _Group(worst, [], []))
            group.verdicts.extend(v for v in verdicts if v.counts)
            group.apis.append(api)
        elif known and worst is None and any(v.status is Status.PASS for v in verdicts):
            mended.setdefault(rule, _Group(known, [], [])).apis.append(api)
    return failed, mended


def _worst(verdicts: Iterable[ReportVerdict]) -> ReportVerdict | None:
    """The failure of the highest level that no waiver covers; a rule's chance failures are below its level."""
    return min((v for v in verdicts if v.counts), key=_rank, default=None)


def _rank(verdict: ReportVerdict) -> int:
    return list(Level).index(verdict.level)


def _by_rule(verdicts: Iterable[ReportVerdict]) -> dict[tuple[str, Api], list[ReportVerdict]]:
    found: dict[tuple[str, Api], list[ReportVerdict]] = {}
    for verdict in verdicts:
        found.setdefault((verdict.rule, verdict.api), []).append(verdict)
    return found


def _fields(old: Report, new: Report) -> Iterator[Change]:
    """Fields whose state changed and is known in both runs; whether an effect shows is up to the model."""
    before = {(f.api, f.field, f.mode): f for f in old.fields}
    found: list[tuple[str, Change]] = []
    for field in new.fields:
        was = before.get((field.api, field.field, field.mode))
        if was is None or was.state == field.state or "unknown" in (was.state, field.state):
            continue
        if was.state in SEEN and field.state in SEEN:
            continue
        regression = field.documented and field.state == "dropped" and was.state in GOOD
        words = f"was {was.state}, is {field.state}: {field.why}"
        where = f"on {field.api}, {field.mode}"
        found.append((field.field, Change(kind="field", regression=regression, level="", what=where, words=words)))
    yield from _merged(found, "{} {}".format)


def _outcomes(old: Report, new: Report) -> Iterator[Change]:
    """Frameworks whose outcome or number of requests changed."""
    before = {_of(impact): impact for impact in old.impact}
    found: list[tuple[str, Change]] = []
    for impact in new.impact:
        was = before.get(_of(impact))
        if was is None or (was.outcome, was.requests) == (impact.outcome, impact.requests):
            continue
        is_worse = WORST.index(impact.outcome) < WORST.index(was.outcome) or impact.requests > was.requests
        words = f"{_described(was)}; now {_described(impact)}"
        regression = is_worse and not (impact.delivered and impact.requests <= was.requests)
        change = Change(kind="framework", regression=regression, level="", what=impact.mode, words=words)
        found.append((impact.client, change))
    yield from _merged(found, "{}, {}".format)


def _merged(found: Sequence[tuple[str, Change]], named: Callable[[str, str], str]) -> Iterator[Change]:
    """One change for all subjects that changed in the same way."""
    groups: dict[Change, list[str]] = {}
    for subject, change in found:
        groups.setdefault(change, []).append(subject)
    for change, subjects in groups.items():
        what = named(", ".join(dict.fromkeys(subjects)), change.what)
        yield msgspec.structs.replace(change, what=what)


def _of(impact: Impact) -> tuple[str, str, str, str]:
    return impact.client, impact.profile, impact.mode, impact.probe


def _described(impact: Impact) -> str:
    requests = f"{impact.requests} request" + "s" * (impact.requests != 1)
    return f"the user {user_sees(impact)} after {requests}"


def _load(old: Report, new: Report) -> Iterator[Change]:
    """How a load went, as ratios."""
    for one in load_diff.differences(old, new):
        yield Change(kind="load", regression=one.regression, level="", what=one.what, words=one.words)


def _cost(old: Report, new: Report) -> Iterator[Change]:
    """Cost changes, if both runs sent the same requests."""
    if old.cost_usd and new.cost_usd is not None and (old.suite, old.requests) == (new.suite, new.requests):
        share = (new.cost_usd - old.cost_usd) / old.cost_usd
        if abs(share) > NOTICEABLE:
            words = f"the run cost {money(old.cost_usd)} and costs {money(new.cost_usd)} ({share:+.0%})"
            yield Change(kind="cost", regression=False, level="", what="cost", words=words)
