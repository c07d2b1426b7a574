"""Apply the rules to recorded exchanges. Pure: the same recording gives the same verdicts."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import chain, groupby
from operator import attrgetter
from typing import Final

from conformance.apis.token_counts import Usage
from conformance.apis.usage import usage
from conformance.apis.websocket import turns
from conformance.catalogue import Catalogue, of_one_side
from conformance.clients import affected_clients, concerns_only_its_sender, profile_impacts
from conformance.comparisons import Evidence, absent_apis, is_covered_by
from conformance.deciding import MAX_REASON, CheckArguments, Outcome, compared, condition, decide, outcome_of, skipped
from conformance.field_support.fields import FieldObservation, FieldResult, Place, conclude, field_observations
from conformance.field_support.states import State, merge
from conformance.model.case import Kind
from conformance.model.exchange import Exchange, ReadExchange
from conformance.model.impact import Impact
from conformance.model.rule import Rule
from conformance.model.run import RunManifest
from conformance.model.target import Policy, Prices
from conformance.model.verdict import OUT_OF_SCOPE, Level, Status, Verdict
from conformance.model.words import Api, Mode, Suite
from conformance.own_load import unless_busy
from conformance.parsing.http1 import reply
from conformance.reuse import NO_PREVIOUS, NONE_REUSABLE, CaseGroup, PreviousVerdicts, ReusableVerdicts, case_group

ByMode = dict[Mode, Exchange]
BY_CASE = attrgetter("case.api", "case.profile", "case.probe", "case.mode")
BY_RULE, BY_MODE = attrgetter("rule"), attrgetter("case.mode")
USER_FACING: Final = frozenset(
    (
        *((Kind.BASELINE, ""), (Kind.USAGE, ""), (Kind.ACCEPTED_FORM, "batch")),
        *((Kind.TOOLS, form) for form in ("", "named", "several", "single")),
    )
)
"""Test cases that a framework's user could have sent. Others cap the completion, which alone would affect clients."""
OF_EVENTS: Final = ("RSP",)
"""The families of rules on the events of a stream, whatever carries them."""


@dataclass(slots=True, kw_only=True)
class Judgement:
    """Verdicts on a recording, observations of request fields, impacts of the baseline exchanges, tokens and cost.

    `observations` are the observations of request fields in single exchanges. `absent` are the APIs that the target
    does not offer, each with what shows it: they have no observations. `baselines` gives each baseline exchange's API.
    `unreachable` are the IDs of the exchanges for which no connection could be made, also when confirmed.
    `client_impacts` gives, by ID of an exchange with a failure, how the frameworks would handle it.
    """

    verdicts: tuple[Verdict, ...] = ()
    observations: list[FieldObservation] = field(default_factory=list)
    impact: tuple[Impact, ...] = ()
    client_impacts: dict[str, tuple[Impact, ...]] = field(default_factory=dict)
    absent: dict[Api, str] = field(default_factory=dict)
    baselines: dict[str, Api] = field(default_factory=dict)
    requests: int = 0
    unreachable: set[str] = field(default_factory=set)
    tokens_prompt: int = 0
    tokens_completion: int = 0
    cost_usd: float | None = None

    @property
    def fields(self) -> dict[Place, FieldResult]:
        """The support of each request field, by API, field and mode."""
        return conclude(self.observations)

    @property
    def capabilities(self) -> dict[Api, dict[str, State]]:
        """The worst state of each field in either mode, by API and field."""
        found: dict[Api, dict[str, State]] = {}
        for (api, name, _), shown in self.fields.items():
            fields = found.setdefault(api, {})
            fields[name] = merge(fields.get(name, shown.state), shown.state)
        return found


@cache
def _rules(catalogue: Catalogue, api: Api, mode: Mode | None, suite: Suite) -> tuple[Rule, ...]:
    """The rules for one mode of an API, or with None those that judge both modes together.

    Rules that compare with a probe that the suite does not send are left out.
    """
    probes = [(probe, sent) for probe in catalogue.probes for sent in probe.modes_in(suite)]
    mine = (rule for rule in catalogue.rules if api in rule.apis and not rule.is_of_gateways)
    of_api = (rule for rule in mine if is_covered_by(rule, api, mode, probes))
    if mode is None:
        return tuple(rule for rule in of_api if "unary" in rule.parameters)
    return tuple(rule for rule in of_api if "x" in rule.parameters and mode in rule.modes)


def judge(
    facts: RunManifest,
    load: ReadExchange,
    ids: Sequence[str],
    known: ReusableVerdicts | None = None,
    catalogue: Catalogue | None = None,
) -> Judgement:
    """Judge the exchanges `ids` of a run, in the order of its plan, by the given catalogue or that of one side.

    Keeps in memory two exchanges at a time, and the small ones that others are compared with, however long the run.
    """
    judging, first = _prepared(facts, load, ids, known, catalogue or of_one_side())
    result = Judgement(requests=len(ids), absent=judging.absent)
    verdicts: list[list[Verdict]] = []
    for by_mode in _groups(load, facts, first):
        for x in by_mode.values():
            count_usage(result, x, facts.target.prices)
            later = judging.evidence.later_attempt(x) if x.is_lost else None
            if (later or x).ending.how == "unreachable":
                result.unreachable.add(x.id)
            if x.case.kind is Kind.BASELINE:
                result.baselines[x.id] = x.api
        mine = [unless_busy(v, by_mode[v.mode], judging.evidence, facts.suite) for v in judging.verdicts(by_mode)]
        verdicts.append(mine)
        _record_impacts(result, by_mode, judging.evidence, mine, facts.target.prices)
        judging.forget(*by_mode.values())
    result.verdicts = in_order(verdicts)
    return result


def in_order(verdicts: Iterable[Sequence[Verdict]]) -> tuple[Verdict, ...]:
    """The verdicts on several test cases, sorted by rule, and then by test case.

    There are tens of thousands, and few test cases: their names are compared once per case.
    """
    by_case = sorted((sorted(mine, key=BY_MODE) for mine in verdicts if mine), key=lambda mine: BY_CASE(mine[0]))
    return tuple(sorted(chain.from_iterable(by_case), key=BY_RULE))


def verdicts_of(
    facts: RunManifest, load: ReadExchange, ids: Sequence[str], known: ReusableVerdicts | None, catalogue: Catalogue
) -> Iterator[Verdict]:
    """As `judge`, but the verdicts alone, in the order of the plan."""
    judging, first = _prepared(facts, load, ids, known, catalogue)
    for by_mode in _groups(load, facts, first):
        yield from judging.verdicts(by_mode)
        judging.forget(*by_mode.values())


def _prepared(
    facts: RunManifest, load: ReadExchange, ids: Sequence[str], known: ReusableVerdicts | None, catalogue: Catalogue
) -> tuple["_Judging", list[str]]:
    """What applies the rules to a run, and the IDs of its exchanges without second attempts."""
    evidence = Evidence(load, catalogue, facts.dialects)
    judging = _Judging(catalogue, evidence, facts.target.policy, facts.suite, known or NO_PREVIOUS)
    first: list[str] = []
    for name in ids:
        x = load(name)
        evidence.add(x)
        judging.forget(x)
        if x.attempt == 1:
            first.append(name)
    absent = absent_apis(facts, evidence.unavailable_apis)
    return (replace(judging, absent=absent, known=NO_PREVIOUS) if absent else judging), first


def _groups(load: ReadExchange, facts: RunManifest, ids: Sequence[str]) -> Iterator[ByMode]:
    """The exchanges of each test case by mode, including merged test cases; and each turn over a WebSocket as one."""
    order = {name: place for place, name in enumerate(facts.planned)}
    loaded = map(load, sorted(ids, key=lambda name: (order.get(name, len(order)), name)))
    judged = chain.from_iterable((x, *turns(x)) for x in loaded)
    for _, group in groupby(judged, key=lambda x: case_group(x.case)):
        subjects: dict[CaseGroup, ByMode] = {}
        for x in group:
            for case in (x.case, *x.merged_cases):
                subjects.setdefault(case_group(case), {})[case.mode] = x.for_case(case)
        yield from subjects.values()


@dataclass(frozen=True, slots=True)
class _Judging:
    """Applies all rules to one test case after the other."""

    catalogue: Catalogue
    evidence: Evidence
    policy: Policy
    suite: Suite
    known: ReusableVerdicts
    absent: dict[Api, str] = field(default_factory=dict)

    def forget(self, *seen: Exchange) -> None:
        """Drop the parsed values of exchanges that no other is compared with, and no other judgement has in common."""
        for x in seen:
            if x.id not in self.evidence.cached and x.id not in self.known.same:
                x.cache.clear()

    def verdicts(self, by_mode: ByMode) -> Iterator[Verdict]:
        """The verdicts on a test case that was sent in one mode or both."""
        by_mode = {mode: x for mode, x in by_mode.items() if not _is_support_exchange(x)}
        if not by_mode:
            return
        subject = case_group(next(iter(by_mode.values())).case)
        known = self.known.previous.get(subject, NONE_REUSABLE)
        if known.verdicts and self.known.same.issuperset((*known.exchanges, *(x.id for x in by_mode.values()))):
            yield from (verdict for (mode, _), verdict in known.verdicts.items() if mode in by_mode)
            return
        if len(by_mode) == 2:
            pair = by_mode["stream"], by_mode["unary"]
            yield from self._of(pair, _rules(self.catalogue, subject[0], None, self.suite), known)
        for mode, x in by_mode.items():
            rules = _rules(self.catalogue, subject[0], mode, self.suite)
            yield from self._of((x,), rules if x.turn is None else filter(_judges_turns, rules), known)

    def _of(self, seen: tuple[Exchange, ...], rules: Iterable[Rule], known: PreviousVerdicts) -> Iterator[Verdict]:
        same, mode = self.known.same, seen[0].mode
        is_known = same.issuperset(x.id for x in seen)
        for rule in rules:
            before = known.verdicts.get((mode, rule.id)) if is_known else None
            if is_known and (before is None or same.issuperset(before.exchanges)):
                verdict = before
            else:
                verdict = self._verdict(rule, seen)
            if verdict:
                yield verdict

    def _verdict(self, rule: Rule, seen: tuple[Exchange, ...]) -> Verdict | None:
        """The verdict, or None if the rule is about another kind of request."""
        case, ids = seen[0].case, tuple([x.id for x in seen])
        if case.api in self.absent:
            outcome = Outcome(Status.NOT_APPLICABLE, self.absent[case.api])
        else:
            skip = condition(rule, seen)
            if skip is OUT_OF_SCOPE:
                return None
            if skip:
                outcome = skipped(skip)
            else:
                arguments = self._arguments(rule, seen)
                outcome = outcome_of(rule, arguments)
                if rule.compares_with or "short_streams" in arguments:
                    ids = tuple(dict.fromkeys([*ids, *(x.id for x in compared(rule, arguments))]))
        level, unreliable = rule.level, False
        if outcome.status in (Status.FAIL, Status.UNTESTABLE) and (later := self._later(rule, seen)):
            second = decide(rule, self._arguments(rule, later), later)
            rests_on_one = outcome.status is Status.UNTESTABLE and rule.timed and second.status is Status.FAIL
            if not rests_on_one:
                ids = (*ids, *_repeated(later))
            if outcome.status is Status.UNTESTABLE:
                outcome = outcome if rests_on_one else second
            elif second.status is not Status.FAIL:
                level, unreliable = max(level, Level.SHOULD, key=list(Level).index), True
                outcome = outcome._replace(message=f"unreliable: {outcome.message}"[:MAX_REASON])
        return Verdict(
            rule=rule.id,
            title=rule.title,
            level=level,
            status=outcome.status,
            case=case,
            message=outcome.message,
            findings=outcome.findings,
            exchanges=ids,
            unreliable=unreliable,
        )

    def _later(self, rule: Rule, seen: tuple[Exchange, ...]) -> tuple[Exchange, ...]:
        """The same with later attempts, where the outcome in the first rests on chance; or none."""
        later = tuple(self._better(rule, x) for x in seen)
        return () if all(x is y for x, y in zip(seen, later, strict=True)) else later

    def _better(self, rule: Rule, x: Exchange) -> Exchange:
        """The later attempt, where it shows more than the first: a lost one shows only that this was no chance."""
        later = self.evidence.later_attempt(x) if rule.timed or x.is_lost else None
        return later if later and (rule.timed or not later.is_lost) else x

    def _arguments(self, rule: Rule, seen: tuple[Exchange, ...]) -> CheckArguments:
        """The arguments for the rule's parameters."""
        arguments: CheckArguments = (
            dict(zip(("stream", "unary"), seen, strict=True)) if len(seen) > 1 else {"x": seen[0]}
        )
        for name in rule.parameters[len(seen) :]:
            if name == "policy":
                arguments[name] = self.policy
            elif name == "short_streams":
                arguments[name] = self.evidence.short_streams.get((seen[0].api, seen[0].case.profile), ())
            else:
                arguments[name] = self.evidence.select(seen[0], rule.compares_with[name])
        return arguments


def _judges_turns(rule: Rule) -> bool:
    """Whether a rule on streams judges a turn over a WebSocket, too: by the events, not by how HTTP carries them."""
    return rule.family in OF_EVENTS


def _repeated(seen: Iterable[Exchange]) -> tuple[str, ...]:
    return tuple(x.id for x in seen if x.attempt > 1)


def _is_support_exchange(x: Exchange) -> bool:
    """Whether the exchange only supports comparisons and is not judged itself."""
    return x.ending.how == "hung-up" or x.case.kind in (Kind.LOAD, Kind.PREFLIGHT)


def _record_impacts(
    result: Judgement,
    by_mode: ByMode,
    evidence: Evidence,
    verdicts: Iterable[Verdict],
    prices: Prices,
) -> None:
    """Add field observations, the impact of baseline exchanges, and the clients affected by failures."""
    failed = {name for verdict in verdicts if verdict.status is Status.FAIL for name in verdict.exchanges}
    for mode, x in by_mode.items():
        if x.case.kind is Kind.PREFLIGHT or x.is_cut_by_harness:
            continue  # what a client would have read of a cut response is not known
        if x.api not in result.absent and x.turn is None:
            result.observations += field_observations(x, evidence.baseline(x))
        fallback = _fallback(x, by_mode, evidence) if mode == "stream" else None
        is_known = x.id in failed or x.ending.how != "timeout"  # another client may wait longer than the harness
        if x.case.kind is Kind.BASELINE and is_known and x.api not in result.absent:
            shown = evidence.later_attempt(x) if x.is_lost else None
            result.impact += profile_impacts(shown or x, fallback, prices)
        if x.id in failed and (x.case.kind, x.case.subject) in USER_FACING:
            clients_of = profile_impacts if concerns_only_its_sender(x) else affected_clients
            result.client_impacts[x.id] = clients_of(x, fallback, prices)


def _fallback(x: Exchange, by_mode: ByMode, evidence: Evidence) -> Exchange | None:
    """The response to a client that retries without a stream: of the same test case, or of another baseline request."""
    return by_mode.get("unary") or (evidence.baseline(x, "unary") if x.case.kind is Kind.BASELINE else None)


def count_usage(result: Judgement, x: Exchange, prices: Prices) -> None:
    """Add the tokens that a response reports, and its price."""
    add_usage(result, reply(x).status, usage(x), prices)


def add_usage(result: Judgement, status: int, spent: Usage | None, prices: Prices) -> None:
    """Add the tokens of a response with this status, if it reports them, and its price."""
    if spent:
        result.tokens_prompt += spent.prompt
        result.tokens_completion += spent.completion
    if status not in range(200, 300):
        return
    price = prices.request
    if price is None and spent and prices.input is not None and prices.output is not None:
        price = (spent.prompt * prices.input + spent.completion * prices.output) / 1e6
    if price is not None:
        result.cost_usd = (result.cost_usd or 0.0) + price
