"""Judge recorded traffic: each exchange by itself, whoever sent it, and the verdicts summed up by host and model. Pure.

Memory does not grow with the number of exchanges, only with that of hosts, models and different verdicts.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Final, NamedTuple

from conformance.apis.errors import error_response
from conformance.catalogue import Catalogue
from conformance.clients import affected_clients
from conformance.deciding import Outcome, condition, outcome_of, skipped
from conformance.judging import Judgement, count_usage
from conformance.model.case import CaseId
from conformance.model.exchange import Exchange, Origin, ReadExchange
from conformance.model.rule import Rule
from conformance.model.target import Policy, Prices
from conformance.model.verdict import OUT_OF_SCOPE, Status, Verdict, untestable
from conformance.model.words import Api, Direction, Mode
from conformance.recordings.clients import Sender, sender
from conformance.recordings.placeholders import placeholder

MOST_MESSAGES: Final = 3
"""Different messages of one rule on one host and model that are kept; further ones count as the first."""
MOST_EXAMPLES: Final = 3
"""Exchanges that are kept for each of them."""
MOST_SIMULATED: Final = 5
"""Failing exchanges of each rule on which the clients are simulated."""
POLICY: Final = Policy()
UNPRICED: Final = Prices()
BOTH_MODES: Final = untestable("the rule compares the responses to one request in both modes, and recordings have one")
NOWHERE: Final = Origin(host="")


class Place(NamedTuple):
    """Who answered: a host, the model that was asked for, and the API."""

    host: str
    model: str
    api: Api


def place_of(x: Exchange) -> Place:
    """Who answered."""
    origin = x.origin or NOWHERE
    return Place(origin.host, origin.model, x.api)


class _Key(NamedTuple):
    """What the exchanges of one verdict have in common; the message is another one for each of the kept verdicts."""

    rule: str
    place: Place
    mode: Mode
    status: Status


@dataclass(slots=True)
class Group:
    """The exchanges of one host, model and API: their number, and when the first and the last was recorded."""

    place: Place
    exchanges: int = 0
    first: datetime | None = None
    last: datetime | None = None

    def add(self, at: datetime | None) -> None:
        """Count an exchange."""
        self.exchanges += 1
        if at is not None:
            self.first = min(self.first or at, at)
            self.last = max(self.last or at, at)


@dataclass(slots=True)
class _Tally:
    """Equal verdicts: the outcome of the first, how many there are, and the first exchanges."""

    rule: Rule
    case: CaseId
    outcome: Outcome
    cases: int = 0
    exchanges: list[str] = field(default_factory=list)

    def add(self, x: Exchange) -> bool:
        """Count an exchange, and say whether it is one of the examples."""
        self.cases += 1
        if len(self.exchanges) < MOST_EXAMPLES:
            self.exchanges.append(x.id)
            return True
        return False

    def verdict(self, place: Place) -> Verdict:
        """The verdict that stands for all of them."""
        return Verdict(
            rule=self.rule.id,
            title=self.rule.title,
            level=self.rule.level,
            status=self.outcome.status,
            case=self.case,
            message=self.outcome.message,
            findings=self.outcome.findings,
            exchanges=tuple(self.exchanges),
            host=place.host,
            model=place.model,
            cases=self.cases,
        )


@dataclass(slots=True)
class JudgedTraffic:
    """The judgement of traffic, who answered, how often each client sent, and the exchanges that a verdict names."""

    judgement: Judgement
    groups: tuple[Group, ...]
    senders: dict[Sender, int]
    examples: dict[str, Exchange]

    @property
    def load(self) -> ReadExchange:
        """The exchanges that a verdict names, by ID."""
        return self.examples.__getitem__


def judge_traffic(exchanges: Iterable[Exchange], catalogue: Catalogue) -> JudgedTraffic:
    """Judge exchanges one after the other, by all rules that need no other exchange."""
    return judge_apart(exchanges, catalogue, lambda _: "").get("", _Judging(catalogue).judged())


def judge_apart(
    exchanges: Iterable[Exchange], catalogue: Catalogue, apart: Callable[[Exchange], str]
) -> dict[str, JudgedTraffic]:
    """As `judge_traffic`, but the exchanges with different values of `apart` on their own, in the order of these."""
    found: dict[str, _Judging] = {}
    for x in exchanges:
        found.setdefault(apart(x), _Judging(catalogue)).add(x)
        x.cache.clear()
    return {name: found[name].judged() for name in sorted(found)}


@cache
def _rules(catalogue: Catalogue, api: Api, mode: Mode) -> tuple[Rule, ...]:
    return tuple(
        rule
        for rule in catalogue.rules
        if api in rule.apis and mode in rule.modes and not (rule.is_of_gateways or rule.is_of_populations)
    )


class _Judging:
    """Judges one exchange after the other."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self.groups: dict[Place, Group] = {}
        self.senders: dict[Sender, int] = {}
        self.tallies: dict[_Key, dict[str, _Tally]] = {}
        self.examples: dict[str, Exchange] = {}
        self.simulated: dict[str, list[str]] = {}
        self.found = Judgement()

    def add(self, x: Exchange) -> None:
        """Judge one exchange."""
        origin, place = x.origin or NOWHERE, place_of(x)
        self.groups.setdefault(place, Group(place)).add(origin.at)
        sent_by = sender(x, origin.client)
        self.senders[sent_by] = self.senders.get(sent_by, 0) + 1
        count_usage(self.found, x, UNPRICED)
        self.found.requests += 1
        for rule, outcome in outcomes(x, self.catalogue):
            self._count(_Key(rule.id, place, x.mode, outcome.status), rule, x, outcome)

    def _count(self, key: _Key, rule: Rule, x: Exchange, outcome: Outcome) -> None:
        alike = self.tallies.setdefault(key, {})
        message = outcome.message if outcome.message in alike or len(alike) < MOST_MESSAGES else next(iter(alike))
        tally = alike.setdefault(message, _Tally(rule, x.case, outcome))
        if tally.add(x):
            self.examples.setdefault(x.id, x)
            if outcome.status is Status.FAIL:
                self._simulate(rule, x)

    def _simulate(self, rule: Rule, x: Exchange) -> None:
        """What the clients would make of a failing response, for the first ones of each rule."""
        mine = self.simulated.setdefault(rule.id, [])
        if len(mine) >= MOST_SIMULATED:
            return
        mine.append(x.id)
        if x.id not in self.found.client_impacts and not error_response(x):
            self.found.client_impacts[x.id] = affected_clients(x, None, UNPRICED)

    def judged(self) -> JudgedTraffic:
        """The verdicts, sorted by rule, host and model."""
        self.found.verdicts = tuple(
            tally.verdict(key.place) for key in sorted(self.tallies) for tally in self.tallies[key].values()
        )
        groups = tuple(self.groups[place] for place in sorted(self.groups))
        return JudgedTraffic(self.found, groups, self.senders, self.examples)


def outcomes(x: Exchange, catalogue: Catalogue, policy: Policy = POLICY) -> Iterator[tuple[Rule, Outcome]]:
    """What the rules make of an exchange that need no other, those that are about such a request."""
    for rule in _rules(catalogue, x.api, x.mode):
        if outcome := _outcome(rule, x, policy):
            yield rule, outcome


def failures(x: Exchange, catalogue: Catalogue) -> Iterator[Verdict]:
    """The failures of one exchange."""
    for rule, outcome in outcomes(x, catalogue):
        if outcome.status is Status.FAIL:
            tally = _Tally(rule, x.case, outcome)
            tally.add(x)
            yield tally.verdict(place_of(x))


def _outcome(rule: Rule, x: Exchange, policy: Policy) -> Outcome | None:
    """What a rule makes of an exchange, or None if it is about another kind of request."""
    skip = condition(rule, (x,))
    if skip is OUT_OF_SCOPE:
        return None
    if skip or "x" not in rule.parameters:
        return skipped(skip or BOTH_MODES)
    return _unless_replaced(x, outcome_of(rule, {"x": x, "policy": policy, "short_streams": ()}))


def _unless_replaced(x: Exchange, outcome: Outcome) -> Outcome:
    """The outcome, or `untestable` if the recorder left out a value that it may rest on.

    A value that is left out of the request can excuse a failure; one of the response can hide one, too.
    """
    sides: dict[Status, tuple[Direction, ...]] = {Status.FAIL: ("sent", "received"), Status.PASS: ("received",)}
    for side in sides.get(outcome.status, ()):
        if value := placeholder(x, side):
            whose = "request" if side == "sent" else "response"
            why = f"a value in the {whose}'s body was left out of the recording ({value}), so that nothing is certain"
            return skipped(untestable(why))
    return outcome
