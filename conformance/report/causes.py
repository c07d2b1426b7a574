"""Group failing rules by cause, as the planted defects show: which failures do others follow from? Pure.

A planted defect has one rule that must catch it, and fails others, too: with `stream` ignored, FLD001 fails, and so
does BILL010. Where a run fails the same rules, they are one cause.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from importlib.resources import files
from typing import Final, NamedTuple

import msgspec

from conformance.model.case import Kind, probe_name
from conformance.model.impact import Impact, Outcome
from conformance.model.rule import family_of
from conformance.model.verdict import Level, Status
from conformance.report.document import Cause, ReportVerdict
from conformance.rules.families import FAMILIES

LEVELS: Final = list(Level)
LAYERS: Final = list(FAMILIES)
"""The families from the bytes up to the bill: what fails below explains what fails above."""
MOST_CONTRADICTED: Final = 0.25
"""Share of a defect's rules that may pass in a run that the defect still explains."""
UNKNOWN: Final = len(LAYERS)
REJECTIONS: Final = ("ERR022", "FLD015", "FLD019")
"""Rules about rejected requests: the fault affects whoever sends the request, whatever the planted defects reject."""


class Planted(msgspec.Struct, frozen=True):
    """A planted defect that fails several rules: its name, the rule that catches it, and all that fail."""

    name: str
    rule: str
    fails: tuple[str, ...]


class Effects(msgspec.Struct, frozen=True):
    """What the planted defects show: those that fail several rules, and by rule what users of each client see."""

    defects: tuple[Planted, ...]
    clients: dict[str, dict[str, tuple[Outcome, ...]]]


class Explanation(NamedTuple):
    """A defect that explains failures of a run: the rules that follow from the failure of `rule`."""

    rule: str
    follows: frozenset[str]
    defect: str


@cache
def known_effects() -> Effects:
    """The effects, as generated from the kill matrix and the client models."""
    return msgspec.json.decode(files("conformance.report").joinpath("effects.json").read_bytes(), type=Effects)


def affected_by(rule: str, impacts: Iterable[Impact]) -> tuple[Impact, ...]:
    """The impacts that the rule's own fault has; the others are those of another fault."""
    if rule in REJECTIONS:
        return tuple(impacts)
    known = known_effects().clients.get(rule, {})
    return tuple(impact for impact in impacts if impact.outcome in known.get(impact.client, ()))


def causes(verdicts: Sequence[ReportVerdict], hurt: dict[str, tuple[Impact, ...]]) -> tuple[Cause, ...]:
    """The failing rules by cause: first what users notice, then MUST, then what explains or fails most."""
    failing: dict[str, list[ReportVerdict]] = {}
    for verdict in verdicts:
        if verdict.counts:
            failing.setdefault(verdict.rule, []).append(verdict)
    if not failing:
        return ()
    passing = frozenset(v.rule for v in verdicts if v.status is Status.PASS) - set(failing)
    explained = _explained(failing, passing)
    followers = {rule for explanation in explained.values() for rule in explanation.follows}
    roots = [rule for rule in failing if rule not in followers]
    found = [_cause(rule, explained.get(rule), failing) for rule in roots]
    return tuple(sorted(found, key=lambda cause: _urgency(cause, failing, hurt)))


def _cause(rule: str, explanation: Explanation | None, failing: dict[str, list[ReportVerdict]]) -> Cause:
    follows = sorted(explanation.follows, key=lambda name: (_level(failing[name]), name)) if explanation else ()
    return Cause(rule=rule, follows=tuple(follows), defect=explanation.defect if explanation else "")


def _explained(failing: dict[str, list[ReportVerdict]], passing: frozenset[str]) -> dict[str, Explanation]:
    """The fewest defects that explain the failures, by the rule that catches each."""
    candidates = list(_candidates(failing, passing))
    found: dict[str, Explanation] = {}
    open_rules = set(failing)
    while best := _best(candidates, open_rules, failing):
        found[best.rule] = best
        open_rules -= {best.rule, *best.follows}
    return found


def _candidates(failing: dict[str, list[ReportVerdict]], passing: frozenset[str]) -> Iterator[Explanation]:
    """The defects whose rules fail in this run, too, but for a few; the cause is the failure of the highest level."""
    for defect in known_effects().defects:
        if defect.rule not in failing:
            continue
        contradicted = len(passing.intersection(defect.fails))
        fails = [rule for rule in defect.fails if rule in failing]
        cause = min(fails, key=lambda rule: (_level(failing[rule]), rule != defect.rule))
        follows = frozenset(rule for rule in fails if _can_follow(rule, cause, failing))
        if follows and contradicted <= MOST_CONTRADICTED * (contradicted + len(follows) + 1):
            yield Explanation(cause, follows, defect.name)


def _can_follow(rule: str, cause: str, failing: dict[str, list[ReportVerdict]]) -> bool:
    """Whether a failure can follow from another: of the same API, and not of a higher level."""
    if rule == cause or _level(failing[rule]) < _level(failing[cause]):
        return False
    return bool({v.api for v in failing[rule]} & {v.api for v in failing[cause]})


def _best(
    candidates: Iterable[Explanation], open_rules: set[str], failing: dict[str, list[ReportVerdict]]
) -> Explanation | None:
    """The defect that explains most of what is not yet explained; of equal ones, that of the same exchanges."""
    left = [
        explanation._replace(follows=explanation.follows & open_rules)
        for explanation in candidates
        if explanation.rule in open_rules and explanation.follows & open_rules
    ]
    return min(left, key=lambda one: (-len(one.follows), *_order(one, failing)), default=None)


def _order(one: Explanation, failing: dict[str, list[ReportVerdict]]) -> tuple[int, int, str, str]:
    """The sort key of explanations of as many failures: most in exchanges of the cause's own, then the lowest layer."""
    own = {name for verdict in failing[one.rule] for name in verdict.exchanges}
    beside = sum(any(own.intersection(v.exchanges) for v in failing[rule]) for rule in one.follows)
    return -beside, _layer(one.rule), one.rule, one.defect


def _urgency(
    cause: Cause, failing: dict[str, list[ReportVerdict]], hurt: dict[str, tuple[Impact, ...]]
) -> tuple[int, int, int, int, str]:
    """The sort key of a cause: what users lose, its level, its breadth."""
    own = failing[cause.rule]
    lost = (_loss(verdict, hurt) for rule in (cause.rule, *cause.follows) for verdict in failing[rule])
    return min(lost), _level(own), -len(cause.follows), -len(own), cause.rule


def _loss(verdict: ReportVerdict, hurt: dict[str, tuple[Impact, ...]]) -> int:
    """What a framework's user loses by this failure: 0 the response to a plain message, 1 another one, 2 nothing."""
    impacts = affected_by(verdict.rule, (impact for name in verdict.exchanges[:2] for impact in hurt.get(name, ())))
    if all(impact.delivered for impact in impacts):
        return 2
    return 0 if verdict.probe == probe_name(verdict.api, Kind.BASELINE) else 1


def _level(verdicts: Sequence[ReportVerdict]) -> int:
    return min(LEVELS.index(v.level) for v in verdicts)


def _layer(rule: str) -> int:
    family = family_of(rule)
    return LAYERS.index(family) if family in LAYERS else UNKNOWN
