"""Judge a run through a gateway: the rules about both sides, and those about the gateway's responses alone. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from conformance.apis.claims import is_error
from conformance.apis.specs import spec
from conformance.catalogue import Catalogue
from conformance.clients import affected_clients, concerns_only_its_sender, profile_impacts
from conformance.comparisons import MAX_CACHED_BYTES, absent_apis, missing_api
from conformance.deciding import CheckArguments, Outcome, compared, condition, decide, outcome_of, skipped
from conformance.gateway.impacts import impacts_through, with_upstream
from conformance.gateway.outcome import failing
from conformance.judging import Judgement, count_usage, in_order
from conformance.model.case import CaseId, Compare, Kind
from conformance.model.exchange import Exchange, Pair, ReadExchange
from conformance.model.rule import Rule
from conformance.model.run import RunManifest
from conformance.model.target import Policy, Prices
from conformance.model.verdict import OUT_OF_SCOPE, Status, Verdict, not_applicable, untestable
from conformance.model.words import Api, Mode
from conformance.rules.gw.answers import OTHER_API, is_unended

FAULTY: Final = (Kind.GATEWAY_FAULT, Kind.GATEWAY_DISCONNECT)
"""Test cases in which the upstream, or the harness, breaks something: the responses do not show the gateway's own."""


def pairs(load: ReadExchange, ids: Iterable[str]) -> tuple[Pair, ...]:
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


def judge_pairs(facts: RunManifest, load: ReadExchange, ids: Sequence[str], catalogue: Catalogue) -> Judgement:
    """Judge a recording of both sides of a gateway."""
    found = pairs(load, ids)
    usual = {x.id: x for x, _ in found if x.case.kind is Kind.BASELINE}
    absent = absent_apis(facts, _by_api(usual.values()))
    judging = _Judging(catalogue, found, facts.target.policy, absent, was_stopped=facts.stopped == "interrupted")
    result = Judgement(requests=len(found), absent=absent, baselines={name: x.api for name, x in usual.items()})
    verdicts: list[list[Verdict]] = []
    for pair in found:
        count_usage(result, pair.client, facts.target.prices)
        verdicts.append(list(judging.verdicts(pair)))
        for x in (pair.client, *pair.upstream):
            if len(x.sent) + len(x.received) > MAX_CACHED_BYTES:
                x.cache.clear()
    result.verdicts = tuple(_by_lane(in_order(verdicts)))
    offered = [pair for pair in found if pair.client.api not in absent]
    result.impact = tuple(impacts_through(offered, facts.profiles, facts.target.prices))
    _record_affected_clients(result, offered, facts.target.prices)
    return result


def _by_lane(verdicts: Sequence[Verdict]) -> Iterator[Verdict]:
    """The verdicts; what a gateway that translates can't show is not applicable, either, where nothing arrived."""
    translated = {(v.rule, v.case.api) for v in verdicts if v.message == OTHER_API.reason}
    judged = {(v.rule, v.case.api) for v in verdicts if v.status in (Status.PASS, Status.FAIL)}
    moot = translated - judged
    for v in verdicts:
        is_moot = v.status is Status.UNTESTABLE and (v.rule, v.case.api) in moot
        yield msgspec.structs.replace(v, status=OTHER_API.status, message=OTHER_API.reason) if is_moot else v


def _by_api(baselines: Iterable[Exchange]) -> dict[Api, list[tuple[Mode, str]]]:
    found: dict[Api, list[tuple[Mode, str]]] = {}
    for x in baselines:
        found.setdefault(x.api, []).append((x.mode, missing_api(x)))
    return found


def _record_affected_clients(result: Judgement, found: Sequence[Pair], prices: Prices) -> None:
    """Add what the frameworks' users get of baseline responses with failures."""
    failed = {name for verdict in result.verdicts if verdict.status is Status.FAIL for name in verdict.exchanges[:1]}
    baseline = {
        (x.api, x.case.profile, x.mode): pair
        for pair in found
        if (x := pair.client).case.kind is Kind.BASELINE and not x.is_cut_by_harness
    }
    for (api, profile, mode), pair in baseline.items():
        x = pair.client
        if x.id in failed:
            whole = baseline.get((api, profile, "unary")) or baseline.get((api, spec(api).base_profile, "unary"))
            fallback = whole if mode == "stream" else None
            clients_of = profile_impacts if concerns_only_its_sender(x) else affected_clients
            seen = clients_of(x, fallback.client if fallback else None, prices)
            result.client_impacts[x.id] = with_upstream(seen, pair, fallback, prices)


@dataclass(frozen=True, slots=True)
class _Judging:
    catalogue: Catalogue
    pairs: tuple[Pair, ...]
    policy: Policy
    absent: Mapping[Api, str]
    groups: dict[Compare, tuple[Pair, ...]] = field(default_factory=dict)
    was_stopped: bool = False

    def verdicts(self, pair: Pair) -> Iterator[Verdict]:
        """The verdicts on one request."""
        x = pair.client
        for rule in self.catalogue.rules:
            is_for = rule.is_of_gateways and x.api in rule.apis and x.mode in rule.modes
            if is_for and (verdict := self._of_both_sides(rule, pair)):
                yield verdict
        if x.api not in self.absent and x.case.kind not in FAULTY:
            for rule, outcome in self._alone(x):
                yield _verdict(rule, x, self._own(rule, outcome, pair), (x.id,))

    def _own(self, rule: Rule, outcome: Outcome, pair: Pair) -> Outcome:
        """The outcome at the client; what the upstream's reply breaks or lacks, too, does not concern the gateway."""
        if outcome.status is Status.FAIL and any(rule.id in failing(up, self.catalogue) for up in pair.upstream):
            return skipped(not_applicable("the upstream's reply breaks the rule, too"))
        is_broken = any(up.api != pair.client.api and is_unended(up) for up in pair.upstream[-1:])
        if outcome.status is Status.FAIL and is_broken and not is_error(pair.client):
            return skipped(not_applicable("the upstream of another API ended its stream without its last event"))
        if outcome.status is Status.UNTESTABLE and any(self._lacks(rule, up) for up in pair.upstream):
            return skipped(not_applicable(f"the upstream's reply does not show it either: {outcome.message}"))
        return outcome

    def _lacks(self, rule: Rule, arrived: Exchange) -> bool:
        """Whether what a rule needs is missing in the reply of the upstream, which follows its script."""
        return decide(rule, self._of_one(arrived), (arrived,)).status is Status.UNTESTABLE

    def _of_one(self, x: Exchange) -> CheckArguments:
        return {"x": x, "policy": self.policy, "short_streams": ()}

    def _alone(self, x: Exchange) -> Iterator[tuple[Rule, Outcome]]:
        """What the rules make of an exchange that need no other: a run through a gateway sends none to compare with."""
        for rule in self.catalogue.rules:
            needs_others = any(not compare.optional for compare in rule.compares_with.values())
            is_for = "x" in rule.parameters and x.api in rule.apis and x.mode in rule.modes
            if not rule.is_of_gateways and is_for and not needs_others:
                skip = condition(rule, (x,))
                if skip is not OUT_OF_SCOPE:
                    yield rule, skipped(skip) if skip else outcome_of(rule, self._of_one(x))

    def _of_both_sides(self, rule: Rule, pair: Pair) -> Verdict | None:
        skip = condition(rule, (pair.client,))
        if skip is OUT_OF_SCOPE:
            return None
        if why := self.absent.get(pair.client.api):
            skip = not_applicable(why)
        elif self.was_stopped and any(map(_is_interrupted, pair.upstream)):
            skip = untestable("the user stopped the run while the request was in progress upstream")
        ids = [x.id for x in (pair.client, *pair.upstream)]
        if skip:
            return _verdict(rule, pair.client, _unless_broken(rule, pair.client, skipped(skip)), ids)
        arguments = self._arguments(rule, pair)
        outcome = _unless_broken(rule, pair.client, outcome_of(rule, arguments))
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


def _unless_broken(rule: Rule, x: Exchange, outcome: Outcome) -> Outcome:
    """The outcome; not applicable where the harness broke on purpose what a rule about other requests needs."""
    if outcome.status is not Status.UNTESTABLE or x.case.kind not in FAULTY:
        return outcome
    usual = x.for_case(CaseId(x.api, x.case.profile, x.mode, Kind.BASELINE))
    if condition(rule, (usual,)) is OUT_OF_SCOPE:
        return outcome
    return skipped(not_applicable(f"the upstream or the client breaks off on purpose: {outcome.message}"))


def _is_interrupted(x: Exchange) -> bool:
    return x.ending.how == "interrupted" and x.ending.phase != "after"


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
