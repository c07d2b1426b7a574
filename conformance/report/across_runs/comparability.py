"""What two runs do not have in common, so that no difference between them means anything there. Pure."""

from collections.abc import Collection, Iterator

from conformance.model.criteria import RuleSelection
from conformance.model.target import Policy
from conformance.model.verdict import Status
from conformance.report.across_runs import load_diff
from conformance.report.document import Report

JUDGED = (Status.PASS, Status.FAIL)
MOST_NAMED = 8


def not_compared(old: Report, new: Report) -> Iterator[str]:
    """What is not compared, and why: the most important first."""
    yield from _stopped(old, "OLD")
    yield from _stopped(new, "NEW")
    yield from _only_in_one("{}", _apis(old), _apis(new), of_new="; failures there count as new")
    yield from _only_in_one("profile {}", old.profiles, new.profiles)
    for what, before, after in (
        ("requests of one suite only", old.suite, new.suite),
        ("what one policy alone asks for", _policy(old.target.policy), _policy(new.target.policy)),
        ("rules that judge one side only", _rules(old), _rules(new)),
        ("rules of one catalogue only", old.tool.version, new.tool.version),
    ):
        if before != after:
            yield f"{what} ({before} in OLD, {after} in NEW)"
    yield from load_diff.not_compared(old, new)
    yield from _no_longer_judged(old, new)


def _stopped(report: Report, side: str) -> Iterator[str]:
    if report.stopped:
        yield f"what {side} did not test ({report.stopped}: {report.stopped_why})"


def _apis(report: Report) -> set[str]:
    """The APIs that the run judged; a target may not offer an API that was asked for."""
    return {verdict.api for verdict in report.verdicts if verdict.status in JUDGED}


def _only_in_one(phrase: str, old: Collection[str], new: Collection[str], *, of_new: str = "") -> Iterator[str]:
    for name in sorted({*old} ^ {*new}):
        yield f"{phrase.format(name)} (only in {'OLD' if name in old else f'NEW{of_new}'})"


def _rules(report: Report) -> str:
    return str(RuleSelection(report.select, report.ignore)) or "all rules"


def _policy(policy: Policy) -> str:
    unknown = policy.unknown_fields or "not specified"
    patterns = "".join(f", {pattern}: {wanted}" for pattern, wanted in sorted(policy.fields.items()))
    return f"streaming {policy.streaming}, unknown fields {unknown}{patterns}"


def _no_longer_judged(old: Report, new: Report) -> Iterator[str]:
    """Rules that failed and have no verdict now: nobody knows whether they were fixed."""
    judged = {(v.rule, v.api) for v in new.verdicts if v.status in JUDGED}
    failed = dict.fromkeys((v.rule, v.api) for v in old.verdicts if v.counts)
    apis = _apis(new)
    lost = [f"{rule} on {api}" for rule, api in failed if (rule, api) not in judged and api in apis]
    if lost:
        more = f" and {len(lost) - MOST_NAMED} more" if len(lost) > MOST_NAMED else ""
        yield f"{', '.join(lost[:MOST_NAMED])}{more} (failed in OLD, without a result in NEW)"
