"""Clients affected by a rule's failure, computed by simulating them on the planted defects."""

from collections.abc import Iterable, Iterator
from functools import cache
from typing import Final, NamedTuple

from conformance import catalogue
from conformance.apis.specs import spec
from conformance.clients import CLIENTS, Client, concerns_only_its_sender, impact
from conformance.clients.explain import is_affected
from conformance.model.case import CaseId, Kind
from conformance.model.exchange import Exchange, Request
from conformance.model.impact import Impact, Outcome
from conformance.model.target import Prices, Target
from conformance.model.words import MODE_WORDS, Api, Mode
from conformance.plan import plan
from conformance.report.escaping import safe
from conformance.testbed.mutations import changes
from conformance.testbed.server.reply import Mutation
from conformance.testbed.server.simulate import BASE_URL, simulate_exchange

USER_ACTIONS: Final = {
    Kind.BASELINE: "a plain message",
    Kind.TOOLS: "a tool call",
    Kind.ACCEPTED_FORM: "several texts to embed",
}
"""Kinds of test cases that correspond to a user's message, in words."""

TARGET: Final = Target(base_url=BASE_URL, model="reference")
UNPRICED: Final = Prices()
SHORT: Final = 60

Responses = dict[tuple[Api, str, Kind, Mode], Exchange]
"""The responses of a deployment, by API, profile, kind and mode."""
ByMode = dict[Mode, Exchange]


class ClientOutcome(NamedTuple):
    """How a client handles a turn: the impact, and the text its user gets or the tools it calls."""

    impact: Impact
    gets: str


class Effect(NamedTuple):
    """The worst effect on one framework's user: the defect, the turn, the impact, and one sentence."""

    client: str
    profile: str
    defect: str
    turn: str
    impact: Impact
    sentence: str


class EffectGroup(NamedTuple):
    """Clients with the same effect: their names, the effect, the defect and the turn."""

    clients: tuple[str, ...]
    sentence: str
    defect: str
    turn: str


def alike(found: Iterable[Effect]) -> Iterator[EffectGroup]:
    """Group the effects that differ only by the client's name."""
    groups: dict[tuple[str, str, str], list[str]] = {}
    for effect in found:
        groups.setdefault((effect.sentence.removeprefix(f"{effect.client} "), effect.defect, effect.turn), []).append(
            effect.client
        )
    return (EffectGroup(tuple(clients), *same) for same, clients in groups.items())


@cache
def effects(rule: str) -> tuple[Effect, ...]:
    """Clients worse off with a planted defect of the rule than without it; the worst effect on each."""
    worst: dict[str, Effect] = {}
    for effect in _all_effects(rule):
        if effect.client not in worst or _weight(effect) > _weight(worst[effect.client]):
            worst[effect.client] = effect
    return tuple(worst[client.name] for client in _clients() if client.name in worst)


def outcomes(rule: str) -> dict[str, tuple[Outcome, ...]]:
    """By client, all outcomes that the planted defects of the rule have for its user."""
    found: dict[str, set[Outcome]] = {}
    for effect in _all_effects(rule):
        found.setdefault(effect.client, set()).add(effect.impact.outcome)
    return {client.name: tuple(sorted(found[client.name])) for client in _clients() if client.name in found}


@cache
def _all_effects(rule: str) -> tuple[Effect, ...]:
    planted = (change for change in changes.defects() if change.caught_by == rule)
    return tuple(effect for change in planted for effect in _effects_of(change))


def _weight(effect: Effect) -> tuple[bool, int, int]:
    return not effect.impact.delivered, effect.impact.requests, effect.impact.billed


def _effects_of(change: Mutation) -> Iterator[Effect]:
    responses = _responses(change.on, (change,))
    for client in _clients():
        for kind, words in USER_ACTIONS.items():
            before, after = (_by_mode(client, kind, of) for of in (_baseline(change.on), responses))
            if all(_is_same(x, before[mode]) for mode, x in after.items()):
                continue
            for mode, x in after.items():
                if x.case.profile != client.profile and concerns_only_its_sender(x):
                    continue
                outcome = _client_outcome(client, x, after)
                if sentence := _sentence(client.name, outcome, _outcome_before(change.on, client, kind, mode)):
                    turn = f"{words}, {MODE_WORDS[mode]}"
                    yield Effect(client.name, client.profile, change.name, turn, outcome.impact, sentence)


def _is_same(x: Exchange, other: Exchange) -> bool:
    """Whether the two are identical for a client."""
    return (x.received, x.ending.how) == (other.received, other.ending.how)


def _sentence(name: str, now: ClientOutcome, before: ClientOutcome) -> str:
    """The effect in one sentence; empty if the user is not worse off than before."""
    if is_affected(now.impact):
        return "" if _severity(now.impact) == _severity(before.impact) else now.impact.detail
    if now.gets == before.gets or not before.impact.delivered:
        return ""
    return f"{name} reports no error; its user gets {safe(now.gets, SHORT)} instead of {safe(before.gets, SHORT)}."


def _severity(found: Impact) -> tuple[str, int, int]:
    return found.outcome, found.requests, found.billed


def _clients() -> Iterator[Client]:
    return (client for clients in CLIENTS.values() for client in clients)


@cache
def _requests() -> tuple[Request, ...]:
    names = [profile.name for profile in catalogue.profiles()]
    return tuple(r for r in plan(TARGET, names, "gate") if any(map(_is_action, r.cases)))


def _is_action(case: CaseId) -> bool:
    return case.kind in USER_ACTIONS and (case.kind is not Kind.ACCEPTED_FORM or case.subject == "batch")


def _responses(deployment: str, planted: tuple[Mutation, ...]) -> Responses:
    exchanges = (simulate_exchange(request, deployment, planted) for request in _requests())
    seen = (x.for_case(case) for x in exchanges for case in (x.case, *x.merged_cases) if _is_action(case))
    return {(x.api, x.case.profile, x.case.kind, x.mode): x for x in seen}


@cache
def _baseline(deployment: str) -> Responses:
    return _responses(deployment, ())


def _by_mode(client: Client, kind: Kind, responses: Responses) -> ByMode:
    """A turn in each mode of the client: sent by its own profile, or else by the API's SDK."""
    found: ByMode = {}
    for mode in client.modes:
        for profile in (spec(client.api).base_profile, client.profile):
            if x := responses.get((client.api, profile, kind, mode)):
                found[mode] = x
    return found


@cache
def _outcome_before(deployment: str, client: Client, kind: Kind, mode: Mode) -> ClientOutcome:
    by_mode = _by_mode(client, kind, _baseline(deployment))
    return _client_outcome(client, by_mode[mode], by_mode)


def _client_outcome(client: Client, x: Exchange, by_mode: ByMode) -> ClientOutcome:
    fallback = by_mode.get("unary") if x.mode == "stream" else None
    return ClientOutcome(impact(client, x, fallback, UNPRICED), _gets(client, x, fallback))


def _gets(client: Client, x: Exchange, fallback: Exchange | None) -> str:
    """What the client's user finally gets, as text."""
    turn = client.simulate(x, fallback).turn
    calls = (f"{tool.name}({tool.arguments})" for tool in turn.tools)
    return ", ".join(calls) or f"“{turn.text}”"
