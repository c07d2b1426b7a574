"""Judging: rules over recorded exchanges. Pure: the same recording gives the same verdicts."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby, islice

from conformance import catalogue
from conformance.clients import impact_of, impacts_of
from conformance.exchange import Api, Exchange, Mode, Question
from conformance.impact import Impact
from conformance.read.capability import State, capability, merge
from conformance.read.http1 import reply
from conformance.read.refusal import refusal
from conformance.read.request import cap_asked, choices_asked
from conformance.read.usage import usage
from conformance.rule import Rule
from conformance.run import RunFacts
from conformance.target import Policy, Prices
from conformance.verdict import ANOTHER_QUESTION, Finding, Skip, Status, Verdict, untestable

Load = Callable[[str], Exchange]
Sides = dict[Mode, Exchange]
Given = dict[str, Exchange | tuple[Exchange, ...] | Policy | None]
MAX_FINDINGS = 20
MAX_YIELDED = 1000
MAX_REASON = 600
MUCH = 256 * 1024
"""Octets of a greeting above which what was read of it is read again rather than kept."""
WHOLE_TURNS = ("hello", "tools", "usage")
"""Questions that a framework's user could have asked: others cap the answer, and would hurt by that alone."""
FEW_TOKENS = 8
FEW_OCTETS = 100_000
COMPARED = ".long-"
"""In the names of exchanges that are compared with the brief ones, and so judged after them."""


@dataclass(slots=True, kw_only=True)
class Judgement:
    """What a recording shows: verdicts, capabilities by API and field, impacts of the greetings, and what was spent.

    `hurt` gives, for each exchange with a failure, what the frameworks would make of it.
    """

    verdicts: tuple[Verdict, ...] = ()
    capabilities: dict[Api, dict[str, State]] = field(default_factory=dict)
    impact: tuple[Impact, ...] = ()
    hurt: dict[str, tuple[Impact, ...]] = field(default_factory=dict)
    requests: int = 0
    tokens_prompt: int = 0
    tokens_completion: int = 0
    cost_usd: float | None = None


@dataclass(slots=True)
class _Kept:
    """What other exchanges are compared with: the greetings, and the streams that were asked for few tokens."""

    hellos: dict[tuple[Api, str, Mode], Exchange] = field(default_factory=dict)
    briefs: dict[tuple[Api, str], tuple[Exchange, ...]] = field(default_factory=dict)

    def keep(self, x: Exchange) -> None:
        """Keep the exchange if others are compared with it."""
        if x.question.topic == "hello":
            self.hellos[x.api, x.question.profile, x.mode] = x
        if x.mode == "stream" and 0 < cap_asked(x) * choices_asked(x) <= FEW_TOKENS and len(x.heard) <= FEW_OCTETS:
            place = x.api, x.question.profile
            self.briefs[place] = (*self.briefs.get(place, ()), x)

    def beside(self, x: Exchange) -> Given:
        """What the exchange may be compared with."""
        place = x.api, x.question.profile
        return {"hello": self.hellos.get((*place, x.mode)), "briefs": self.briefs.get(place, ())}


def judge(facts: RunFacts, load: Load, ids: Sequence[str]) -> Judgement:
    """Judge the exchanges `ids` of a run, in the order of its plan.

    Holds two exchanges, the greetings and the briefest streams in memory at a time, however long the run.
    """
    result = Judgement(requests=len(ids))
    absent = _absent(facts, load, ids)
    kept = _Kept()
    verdicts: list[Verdict] = []
    for sides in _groups(load, facts, ids):
        for x in sides.values():
            _count(result, x, facts.target.prices)
            kept.keep(x)
        mine = list(_judge_sides(sides, kept, facts.target.policy, absent))
        verdicts += mine
        _consequences(result, sides, kept, mine, facts.target.prices)
        for x in sides.values():
            if x.question.topic != "hello" or len(x.heard) > MUCH:
                x.views.clear()
    result.verdicts = tuple(sorted(verdicts, key=lambda v: (v.rule, v.api, v.profile, v.probe, v.mode)))
    result.capabilities = {api: dict(sorted(fields.items())) for api, fields in sorted(result.capabilities.items())}
    return result


def _groups(load: Load, facts: RunFacts, ids: Sequence[str]) -> Iterator[Sides]:
    """Exchanges of one question in both modes, side by side, merged questions included."""
    order = {name: place for place, name in enumerate(facts.planned)}
    in_turn = sorted(ids, key=lambda name: (COMPARED in name, order.get(name, len(order)), name))
    loaded = map(load, in_turn)
    for _, group in groupby(loaded, key=lambda x: _subject(x.question)):
        subjects: dict[tuple[str, str, str], Sides] = {}
        for x in group:
            for question in (x.question, *x.also):
                subjects.setdefault(_subject(question), {})[question.mode] = x.asked_as(question)
        yield from subjects.values()


def _subject(question: Question) -> tuple[str, str, str]:
    return question.api, question.profile, question.probe


def _absent(facts: RunFacts, load: Load, ids: Sequence[str]) -> dict[Api, str]:
    """The APIs that the target does not offer: all their greetings answer 404 or 405.

    An API is not excused whose owner names it, or its path. Where no API at all is offered, none is excused: there was
    nothing to verify.
    """
    asked_for = {*facts.target.apis, *facts.target.paths}
    greetings: dict[Api, list[str]] = {}
    for x in (load(name) for name in ids if ".hello-" in name):
        greetings.setdefault(x.api, []).append(_missing(x))
    missing = {api: found[0] for api, found in greetings.items() if all(found) and api not in asked_for}
    return missing if len(missing) < len(greetings) else {}


def _missing(x: Exchange) -> str:
    status = reply(x).status
    if status not in (404, 405) or "model" in (refusal(x).param or "", *(refusal(x).code or "").split("_")):
        return ""
    return f"the target does not offer this API: {x.api} answers {status} on its path"


def _judge_sides(sides: Sides, kept: _Kept, policy: Policy, absent: dict[Api, str]) -> Iterator[Verdict]:
    for rule in catalogue.rules():
        if "unary" in rule.inputs:
            if len(sides) == 2 and sides["stream"].api in rule.apis:
                given: Given = {"stream": sides["stream"], "unary": sides["unary"], "policy": policy}
                yield from _verdict(rule, given, (sides["stream"], sides["unary"]), absent)
            continue
        for mode, x in sides.items():
            if x.api in rule.apis and mode in rule.modes:
                yield from _verdict(rule, {**kept.beside(x), "x": x, "policy": policy}, (x,), absent)


def _verdict(rule: Rule, given: Given, seen: tuple[Exchange, ...], absent: dict[Api, str]) -> Iterator[Verdict]:
    """The verdict, or none where the rule is about another kind of question."""
    question = seen[0].question
    status, message, findings = decide(rule, given, seen, absent)
    if message == ANOTHER_QUESTION.reason:
        return
    shown = (*seen, *_compared(rule, given))
    yield Verdict(
        rule=rule.id,
        title=rule.title,
        level=rule.level,
        status=status,
        api=question.api,
        profile=question.profile,
        mode=question.mode,
        probe=question.probe,
        message=message,
        findings=findings,
        exchanges=tuple(dict.fromkeys(x.id for x in shown)),
    )


def _compared(rule: Rule, given: Given) -> Iterator[Exchange]:
    """The exchanges that a rule compares its own with."""
    for name in ("hello", "briefs"):
        found = given.get(name) if name in rule.inputs else None
        yield from [found] if isinstance(found, Exchange) else found if isinstance(found, tuple) else ()


def decide(
    rule: Rule,
    given: Given,
    seen: tuple[Exchange, ...],
    absent: dict[Api, str] | None = None,
) -> tuple[Status, str, tuple[Finding, ...]]:
    """The status, message and findings of one rule on what it is given. A rule that raises is our own `error`."""
    if absent and seen[0].api in absent:
        return Status.NOT_APPLICABLE, absent[seen[0].api], ()
    try:
        yielded = list(islice(_apply(rule, given, seen), MAX_YIELDED))
    except Exception as error:  # noqa: BLE001 - whatever a rule raises is reported as the harness's own fault
        return Status.ERROR, f"rule {rule.id} failed on this exchange: {type(error).__name__}: {error}"[:MAX_REASON], ()
    findings = tuple(item for item in yielded if isinstance(item, Finding))
    if findings:
        more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
        return Status.FAIL, findings[0].seen[:MAX_REASON] + more, findings[:MAX_FINDINGS]
    skip = next((item for item in yielded if isinstance(item, Skip)), None)
    return (skip.status, skip.reason[:MAX_REASON], ()) if skip else (Status.PASS, "", ())


def _apply(rule: Rule, given: Given, seen: tuple[Exchange, ...]) -> Iterable[Finding | Skip]:
    """What the rule yields, or why it does not apply."""
    if skip := next((skip for x in seen if (skip := rule.when(x))), None):
        return (skip,)
    if "hello" in rule.inputs and given["hello"] is None:
        return (untestable("the plain greeting to compare with was not recorded"),)
    return rule.judge(**{name: given[name] for name in rule.inputs})


def _consequences(
    result: Judgement,
    sides: Sides,
    kept: _Kept,
    verdicts: Iterable[Verdict],
    prices: Prices,
) -> None:
    """Add capabilities, the impact of greetings, and who is hurt by the exchanges with a failure."""
    failed = {name for verdict in verdicts if verdict.status is Status.FAIL for name in verdict.exchanges}
    for mode, x in sides.items():
        hello = kept.hellos.get((x.api, x.question.profile, mode))
        if found := capability(x, hello):
            name, state = found
            fields = result.capabilities.setdefault(x.api, {})
            fields[name] = merge(fields[name], state) if name in fields else state
        fallback = sides.get("unary") if mode == "stream" else None
        if x.question.topic == "hello":
            result.impact += impact_of(x, fallback, prices)
        if x.id in failed and x.question.topic in WHOLE_TURNS:
            result.hurt[x.id] = impacts_of(x, fallback, prices)


def _count(result: Judgement, x: Exchange, prices: Prices) -> None:
    spent = usage(x)
    if spent:
        result.tokens_prompt += spent.prompt
        result.tokens_completion += spent.completion
    if reply(x).status not in range(200, 300):
        return
    price = prices.request
    if price is None and spent and prices.input is not None and prices.output is not None:
        price = (spent.prompt * prices.input + spent.completion * prices.output) / 1e6
    if price is not None:
        result.cost_usd = (result.cost_usd or 0.0) + price
