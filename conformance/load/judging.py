"""Judge a load test: the rules about all responses together, and how many responses fail the others. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from conformance.apis.errors import error_response
from conformance.apis.token_counts import Usage
from conformance.catalogue import Catalogue
from conformance.clients import affected_clients
from conformance.deciding import MAX_REASON, Outcome, outcome_of
from conformance.judging import Judgement, add_usage
from conformance.load.sampler import is_judged_alone, judged_alone
from conformance.model.case import CaseId, Kind
from conformance.model.exchange import Exchange, ReadExchange
from conformance.model.rule import Rule
from conformance.model.run import RunManifest
from conformance.model.sample import Group, Population, Sample
from conformance.model.verdict import Level, Status, Verdict

MOST_EXAMPLES: Final = 3
"""Exchanges that a verdict names."""
MOST_SIMULATED: Final = 5
"""Failing exchanges of each rule on which the clients are simulated."""
BEST_FIRST: Final = (Status.ERROR, Status.FAIL, Status.PASS, Status.UNTESTABLE, Status.NOT_APPLICABLE)
"""Which status stands for several exchanges."""


@dataclass(slots=True)
class _Examples:
    """What a rule makes of the exchanges of one group whose bytes are kept: an outcome of each status, and examples."""

    rule: Rule
    outcomes: dict[Status, Outcome] = field(default_factory=dict)
    exchanges: dict[Status, list[str]] = field(default_factory=dict)

    def add(self, x: Exchange, outcome: Outcome) -> None:
        """Add an exchange."""
        self.outcomes.setdefault(outcome.status, outcome)
        self.exchanges.setdefault(outcome.status, []).append(x.id)

    def verdict(self, group: Group, judged: Sequence[Sample]) -> Verdict:
        """The verdict on all samples of the group that were judged."""
        status = next(status for status in BEST_FIRST if status in self.outcomes)
        outcome = self.outcomes[status]
        message, cases = outcome.message, len(judged)
        if status is Status.FAIL:
            here = {*self.exchanges[status]}
            failed = [sample for sample in judged if self.rule.id in sample.failed or sample.exchange in here]
            cases = len(failed)
            message = f"{counted(failed, judged)}: {message}"[:MAX_REASON]
        return Verdict(
            rule=self.rule.id,
            title=self.rule.title,
            level=self.rule.level,
            status=status,
            case=case_of(group),
            message=message,
            findings=outcome.findings,
            exchanges=tuple(self.exchanges[status][:MOST_EXAMPLES]),
            cases=cases,
        )


def counted(failed: Sequence[Sample], judged: Sequence[Sample]) -> str:
    """How many responses fail a rule, under load and, if so, without."""
    parts = []
    for phase, words in (("load", "under load"), ("alone", "before it"), ("after", "after it")):
        of = sum(sample.phase == phase for sample in judged)
        if count := sum(sample.phase == phase for sample in failed):
            parts.append(f"{count:,} of {of:,} responses {words}")
    return ", ".join(parts)


def case_of(group: Group) -> CaseId:
    """The test case that stands for all requests of a group."""
    return CaseId(group.api, group.profile, group.mode, Kind.USERS)


def judge_load(
    facts: RunManifest, population: Population, load: ReadExchange, ids: Iterable[str], catalogue: Catalogue
) -> Judgement:
    """Judge a load test by its samples, and by the exchanges whose bytes are kept."""
    result = Judgement(requests=len(population.samples))
    for sample in population.samples:
        add_usage(result, sample.status, _usage(sample), facts.target.prices)
    wanted = {sample.exchange for sample in population.samples if is_judged_alone(sample)}
    alone = _judged_alone(result, facts, population, (load(name) for name in ids if name in wanted), catalogue)
    together = judge_population(population, catalogue)
    result.verdicts = tuple(sorted((*alone, *together), key=lambda v: (v.rule, v.api, v.profile, v.mode)))
    return result


def judge_population(population: Population, catalogue: Catalogue) -> Iterator[Verdict]:
    """The verdicts of the rules about all responses together, on each API, profile and mode."""
    kept = {sample.nonce: sample.exchange for sample in population.samples if sample.exchange}
    for group, mine in population.groups():
        for rule in catalogue.rules:
            if rule.is_of_populations and group.api in rule.apis and group.mode in rule.modes:
                outcome = outcome_of(rule, {"population": mine})
                named = [kept[nonce] for one in outcome.findings for nonce in one.nonces if nonce in kept]
                yield Verdict(
                    rule=rule.id,
                    title=rule.title,
                    level=rule.level,
                    status=outcome.status,
                    case=case_of(group),
                    message=outcome.message,
                    findings=outcome.findings,
                    exchanges=tuple(dict.fromkeys(named))[:MOST_EXAMPLES],
                )


def judge_samples(population: Population, catalogue: Catalogue) -> Iterator[Verdict]:
    """As `judge_load`, but by the samples alone: of the rules about single responses, those that failed."""
    yield from judge_population(population, catalogue)
    by_id = {rule.id: rule for rule in catalogue.rules}
    failed = {(sample.group, name) for sample in population.samples for name in sample.failed if name in by_id}
    for group, name in sorted(failed):
        judged = [sample for sample in population.samples if sample.group == group and is_judged_alone(sample)]
        yield _Examples(by_id[name], {Status.FAIL: Outcome(Status.FAIL, "")}, {Status.FAIL: []}).verdict(group, judged)


def holds(population: Population, catalogue: Catalogue) -> bool:
    """Whether no MUST rule fails on the samples."""
    found = judge_samples(population, catalogue)
    return not any(verdict.level is Level.MUST and verdict.status is Status.FAIL for verdict in found)


def _judged_alone(
    result: Judgement, facts: RunManifest, population: Population, kept: Iterable[Exchange], catalogue: Catalogue
) -> Iterator[Verdict]:
    """The verdicts of the rules about single responses; notes how clients handle some that fail."""
    judged: dict[Group, list[Sample]] = {}
    for sample in population.samples:
        if is_judged_alone(sample):
            judged.setdefault(sample.group, []).append(sample)
    found: dict[tuple[Group, str], _Examples] = {}
    simulated: dict[str, int] = {}
    for x in kept:
        group = Group(x.api, x.case.profile, x.mode)
        for rule, outcome in judged_alone(x, catalogue, facts.target.policy):
            found.setdefault((group, rule.id), _Examples(rule)).add(x, outcome)
            if outcome.status is Status.FAIL and simulated.setdefault(rule.id, 0) < MOST_SIMULATED:
                simulated[rule.id] += 1
                if x.id not in result.client_impacts and not error_response(x):
                    result.client_impacts[x.id] = affected_clients(x, None, facts.target.prices)
        x.cache.clear()
    return (examples.verdict(group, judged.get(group, [])) for (group, _), examples in found.items())


def _usage(sample: Sample) -> Usage | None:
    """The tokens that a response reports, or None."""
    return None if sample.prompt_tokens is None else Usage(sample.prompt_tokens, sample.completion_tokens or 0)
