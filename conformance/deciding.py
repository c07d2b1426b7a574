"""Apply one rule to its arguments: whether it applies, whether the recording shows what it judges, and its outcome."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple

from conformance.model.case import Kind
from conformance.model.exchange import Exchange, Pair
from conformance.model.rule import Rule
from conformance.model.sample import Population
from conformance.model.target import Policy
from conformance.model.verdict import Finding, NotJudged, Status, untestable

Compared = Exchange | Pair | tuple[Exchange, ...] | tuple[Pair, ...]
CheckArguments = dict[str, Compared | Policy | Population | None]
MAX_FINDINGS = 20
MAX_YIELDED = 1000
MAX_REASON = 600


def compared(rule: Rule, arguments: CheckArguments) -> Iterator[Exchange]:
    """The exchanges that a rule compares its own with."""
    for name in (*rule.compares_with, *(("short_streams",) if "short_streams" in rule.parameters else ())):
        yield from _exchanges(arguments.get(name))


def _exchanges(given: Compared | Policy | Population | None) -> Iterator[Exchange]:
    if isinstance(given, Exchange):
        yield given
    elif isinstance(given, Pair):
        yield from (given.client, *given.upstream)
    elif isinstance(given, tuple):
        for one in given:
            yield from _exchanges(one)


class Outcome(NamedTuple):
    """The status, message and findings of one rule for its arguments."""

    status: Status
    message: str
    findings: tuple[Finding, ...] = ()


def decide(rule: Rule, arguments: CheckArguments, seen: tuple[Exchange, ...]) -> Outcome:
    """Apply one rule to its arguments. A rule that raises gives `error`: a harness error."""
    skip = condition(rule, seen)
    return skipped(skip) if skip else outcome_of(rule, arguments)


def condition(rule: Rule, seen: tuple[Exchange, ...]) -> NotJudged | None:
    """Why the rule does not apply, or None."""
    try:
        for x in seen:
            if skip := rule.applies_to(x):
                return skip
            if why := rule.lacks(x.recorded):
                return untestable(why)
    except Exception as error:  # noqa: BLE001 - whatever a rule raises is reported as a harness error
        return NotJudged(Status.ERROR, _crash(rule, error))
    return None


def skipped(skip: NotJudged) -> Outcome:
    """The outcome of a rule that does not judge."""
    return Outcome(skip.status, skip.reason[:MAX_REASON])


def _crash(rule: Rule, error: Exception) -> str:
    return f"rule {rule.id} failed on this exchange: {type(error).__name__}: {error}"[:MAX_REASON]


def outcome_of(rule: Rule, arguments: CheckArguments) -> Outcome:
    """The outcome of a rule that applies."""
    try:
        yielded = list(islice(_apply(rule, arguments), MAX_YIELDED))
    except Exception as error:  # noqa: BLE001 - as in `condition`
        return Outcome(Status.ERROR, _crash(rule, error))
    if not yielded:
        return PASSED
    findings = tuple(item for item in yielded if isinstance(item, Finding))
    if findings:
        seen = (x for given in arguments.values() for x in _exchanges(given))
        if excuse := next(filter(None, (rule.excuse(x.recorded) for x in seen)), ""):
            return skipped(untestable(excuse))
        more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
        return Outcome(Status.FAIL, findings[0].seen[:MAX_REASON] + more, findings[:MAX_FINDINGS])
    return skipped(next(item for item in yielded if isinstance(item, NotJudged)))


PASSED = Outcome(Status.PASS, "")


def _apply(rule: Rule, arguments: CheckArguments) -> Iterable[Finding | NotJudged]:
    """What the rule yields, or `untestable` if evidence is missing."""
    for name, compare in rule.compares_with.items():
        if not arguments.get(name) and not compare.optional:
            what = (
                "baseline exchange"
                if compare.kinds is Kind.BASELINE
                else f"exchange {compare.name(next(x.api for x in arguments.values() if isinstance(x, Exchange)))}"
            )
            return (untestable(f"the {what} to compare with was not recorded"),)
    if rule.needs and (why := next(filter(None, (rule.lacks(x.recorded) for x in compared(rule, arguments))), "")):
        return (untestable(f"an exchange to compare with does not show enough: {why}"),)
    nothing: CheckArguments = {name: () for name, compare in rule.compares_with.items() if compare.many}
    given = nothing | {name: value for name, value in arguments.items() if value is not None}
    return rule.check(**{name: given.get(name) for name in rule.parameters})
