"""The evidence beside the evidence: the answers of a run that rules compare others with."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache

import msgspec

from conformance import catalogue
from conformance.exchange import Api, Exchange, Mode, Question
from conformance.probe import Suite
from conformance.read.http1 import reply
from conformance.read.refusal import refusal
from conformance.read.request import cap_asked, choices_asked
from conformance.rule import Rule

Load = Callable[[str], Exchange]
MUCH = 256 * 1024
"""Octets above which an exchange that others are compared with is read again rather than held."""
FEW_TOKENS: dict[Api, int] = {"chat": 8, "messages": 8, "responses": 24}
FEW_OCTETS = 100_000
MAYBE = "?"
"""At the end of what a rule wants to see beside its exchange: it can do without."""
ANYBODY = "@"
"""Before it: whoever asked, not the same profile alone."""


def is_optional(where: str) -> bool:
    """Whether a rule judges without the answer to this probe, too."""
    return where.endswith(MAYBE)


def is_asked(rule: Rule, api: Api, suite: Suite) -> bool:
    """Whether a suite asks all that a rule needs to see beside its exchange."""
    asked = [probe.name for probe in catalogue.probes() if probe.modes_in(suite)]
    needed = (_probe(where) for where in rule.beside.values() if not is_optional(where))
    return all(any(_is_named(name, api, probe) for name in asked) for probe in needed)


def _mode(where: str) -> str:
    return where.rpartition(":")[0].removeprefix(ANYBODY)


def _probe(where: str) -> str:
    return where.removesuffix(MAYBE).rpartition(":")[2].removeprefix(ANYBODY)


def _is_named(name: str, api: Api, probe: str) -> bool:
    """Whether a probe's name is one of those that are wanted (`|` between them), or begins like one."""
    wanted = [f"{api}.{one}" for one in probe.split("|")]
    return any(name.startswith(one[:-1]) if one.endswith("*") else name == one for one in wanted)


def _is_brief(x: Exchange) -> bool:
    """Whether an answer shows what time a target needs for hardly anything; in a crowd all wait for each other."""
    is_small = 0 < cap_asked(x) * choices_asked(x) <= FEW_TOKENS[x.api] and len(x.heard) <= FEW_OCTETS
    return x.mode == "stream" and is_small and x.question.topic != "crowd"


@cache
def _wanted() -> frozenset[str]:
    """What any rule wants to see beside its own exchange."""
    return frozenset(_probe(where) for rule in catalogue.rules() for where in rule.beside.values())


def missing_api(x: Exchange) -> str:
    """That the API is not offered, where a greeting shows it; nothing where it is."""
    status = reply(x).status
    if status not in (404, 405) or "model" in (refusal(x).param or "", *(refusal(x).code or "").split("_")):
        return ""
    return f"the target does not offer this API: {x.api} answers {status} on its path"


@dataclass(slots=True)
class Evidence:
    """The exchanges of a run by question, to compare others with: small ones are held, large ones read again."""

    load: Load
    names: dict[Question, str] = field(default_factory=dict)
    held: dict[str, Exchange] = field(default_factory=dict)
    briefs: dict[tuple[Api, str], tuple[Exchange, ...]] = field(default_factory=dict)
    missing: dict[Api, list[str]] = field(default_factory=dict)
    groups: dict[tuple[Api, str, Mode, str], tuple[Exchange, ...]] = field(default_factory=dict)

    def take(self, x: Exchange) -> None:
        """Note which questions an exchange answers, and keep it if others are compared with it."""
        for question in (x.question, *x.also):
            self.names[question] = x.id
            if question.topic == "hello":
                self.missing.setdefault(x.api, []).append(missing_api(x))
            if len(x.heard) <= MUCH and any(_is_named(question.probe, x.api, where) for where in _wanted()):
                self.held[x.id] = x
        if _is_brief(x):
            place = x.api, x.question.profile
            self.briefs[place] = (*self.briefs.get(place, ()), x)

    def of(self, question: Question) -> Exchange | None:
        """The answer to a question."""
        name = self.names.get(question)
        if name is None:
            return None
        return (self.held.get(name) or self.load(name)).asked_as(question)

    def beside(self, x: Exchange, where: str) -> Exchange | tuple[Exchange, ...] | None:
        """What a rule wants to see beside an exchange: an answer or several small ones, None where there is none."""
        mode, probe = _mode(where), _probe(where)
        asked = msgspec.structs.replace(x.question, mode=mode or x.mode, probe=f"{x.api}.{probe}")
        if not probe.endswith("*"):
            return self.of(asked)
        asker = "" if where.startswith(ANYBODY) else x.question.profile
        place = x.api, asker, asked.mode, probe
        if place not in self.groups:
            like = sorted(q for q in self.names if _is_like(q, *place))
            held = ((question, self.held.get(self.names[question])) for question in like)
            self.groups[place] = tuple(found.asked_as(question) for question, found in held if found)
        return self.groups[place] or None


def _is_like(question: Question, api: Api, profile: str, mode: Mode, probe: str) -> bool:
    """Whether a question is one of a group: of a profile (nothing: of any) in a mode, named like the probe."""
    is_same = (question.api, question.mode) == (api, mode) and profile in ("", question.profile)
    return is_same and _is_named(question.probe, api, probe)
