"""Judge a run through a gateway: the rules about both sides, and those about the gateway's answers alone. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from conformance.catalogue import Catalogue
from conformance.comparisons import Load
from conformance.deciding import CheckArguments, Outcome, compared, condition, outcome_of, skipped
from conformance.gateway.outcome import failing
from conformance.judging import Judgement, count_usage, in_order
from conformance.model.case import Compare, Kind
from conformance.model.exchange import Exchange, Pair
from conformance.model.rule import Rule
from conformance.model.run import RunManifest
from conformance.model.target import Policy
from conformance.model.verdict import OUT_OF_SCOPE, Status, Verdict, not_applicable
from conformance.traffic import outcomes

FAULTY: Final = (Kind.GATEWAY_FAULT, Kind.GATEWAY_DISCONNECT)
"""Test cases in which the upstream, or the harness, breaks something: the answers are no proof of the gateway's own."""


def pairs(load: Load, ids: Iterable[str]) -> tuple[Pair, ...]:
    """The exchanges of a run as pairs: each exchange with the gateway, and those upstream with the same nonce.

    Requests with one nonce are sent one after the other: what arrives upstream belongs to the last one before it.
    """
    clients: list[Exchange] = []
    arrived: list[Exchange] = []
    for x in map(load, ids):
        (clients if x.hop == "client" else arrived).append(x)
    clients.sort(key=lambda x: x.began_ns)
    alike: dict[str, list[Exchange]] = {}
    for x in clients:
        alike.setdefault(x.nonce, []).append(x)
    upstream: dict[str, list[Exchange]] = {x.id: [] for x in clients}
    for x in sorted(arrived, key=lambda x: x.began_ns):
        if askers := alike.get(x.nonce):
            upstream[_last_before(x, askers).id].append(x)
    return tuple(Pair(x, tuple(upstream[x.id])) for x in clients)


def _last_before(arrived: Exchange, askers: Sequence[Exchange]) -> Exchange:
    """The last of the requests, in order of sending, that was sent before one arrived upstream."""
    return next((x for x in reversed(askers) if x.began_ns <= arrived.began_ns), askers[0])


def judge_pairs(facts: RunManifest, load: Load, ids: Sequence[str], catalogue: Catalogue) -> Judgement:
    """Judge a recording of both sides of a gateway."""
    found = pairs(load, ids)
    judging = _Judging(catalogue, found, facts.target.policy)
    result = Judgement(requests=len(found))
    verdicts: list[list[Verdict]] = []
    for pair in found:
        count_usage(result, pair.client, facts.target.prices)
        if pair.client.case.kind is Kind.BASELINE:
            result.baselines[pair.client.id] = pair.client.api
        verdicts.append(list(judging.verdicts(pair)))
    result.verdicts = in_order(verdicts)
    return result


@dataclass(frozen=True, slots=True)
class _Judging:
    catalogue: Catalogue
    pairs: tuple[Pair, ...]
    policy: Policy
    groups: dict[Compare, tuple[Pair, ...]] = field(default_factory=dict)

    def verdicts(self, pair: Pair) -> Iterator[Verdict]:
        """The verdicts on one request."""
        x = pair.client
        for rule in self.catalogue.rules:
            is_for = rule.is_of_gateways and x.api in rule.apis and x.mode in rule.modes
            if is_for and (verdict := self._of_both_sides(rule, pair)):
                yield verdict
        if x.case.kind not in FAULTY:
            for rule, outcome in outcomes(x, self.catalogue, self.policy):
                yield _verdict(rule, x, self._own(rule, outcome, pair), (x.id,))

    def _own(self, rule: Rule, outcome: Outcome, pair: Pair) -> Outcome:
        """The outcome at the client; what the upstream's reply breaks, too, is not the gateway's fault."""
        if outcome.status is Status.FAIL and any(rule.id in failing(up, self.catalogue) for up in pair.upstream):
            return skipped(not_applicable("the upstream's reply breaks the rule, too"))
        return outcome

    def _of_both_sides(self, rule: Rule, pair: Pair) -> Verdict | None:
        skip = condition(rule, (pair.client,))
        if skip is OUT_OF_SCOPE:
            return None
        ids = [x.id for x in (pair.client, *pair.upstream)]
        if skip:
            return _verdict(rule, pair.client, skipped(skip), ids)
        arguments = self._arguments(rule, pair)
        outcome = outcome_of(rule, arguments)
        return _verdict(rule, pair.client, outcome, [*ids, *(x.id for x in compared(rule, arguments))])

    def _arguments(self, rule: Rule, pair: Pair) -> CheckArguments:
        arguments: CheckArguments = {"x": pair.client, "upstream": pair.upstream}
        for name in rule.parameters[2:]:
            arguments[name] = self.policy if name == "policy" else self._select(pair, rule.compares_with[name])
        return arguments

    def _select(self, pair: Pair, compare: Compare) -> Pair | tuple[Pair, ...] | None:
        """The pair that a rule compares one with, or all that match with `many`; None if there is none."""
        if compare not in self.groups:
            self.groups[compare] = tuple(other for other in self.pairs if _matches(compare, other.client))
        alike = tuple(other for other in self.groups[compare] if _is_alike(compare, other.client, pair.client))
        return alike if compare.many else next(iter(alike), None)


def _matches(compare: Compare, x: Exchange) -> bool:
    return compare.matches(x.case.kind, x.case.subject, x.case.variant, x.case.repeat)


def _is_alike(compare: Compare, other: Exchange, x: Exchange) -> bool:
    is_of_mode = compare.any_mode or other.mode == (compare.mode or x.mode)
    is_of_api = compare.any_api or other.api == x.api
    return is_of_mode and is_of_api and (compare.any_profile or other.case.profile == x.case.profile)


def _verdict(rule: Rule, x: Exchange, outcome: Outcome, ids: Iterable[str]) -> Verdict:
    return Verdict(
        rule=rule.id,
        title=rule.title,
        level=rule.level,
        status=outcome.status,
        case=x.case,
        message=outcome.message,
        findings=outcome.findings,
        exchanges=tuple(dict.fromkeys(ids)),
    )
