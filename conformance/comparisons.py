"""The evidence beside the evidence: the answers of a run that rules compare others with."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import NamedTuple

from conformance.apis.errors import refusal
from conformance.apis.request import cap_asked, choices_asked
from conformance.catalogue import Catalogue
from conformance.model.exchange import MODES, Api, Exchange, Mode, Question
from conformance.model.rule import Rule
from conformance.parsing.http1 import reply

Load = Callable[[str], Exchange]
MUCH = 256 * 1024
"""Octets above which an exchange that others are compared with is read again rather than held."""
FEW_TOKENS: dict[Api, int] = {"chat": 8, "messages": 8, "responses": 24}
FEW_OCTETS = 100_000
MAYBE = "?"
"""At the end of what a rule wants to see beside its exchange: it can do without."""
ANYBODY = "@"
"""Before it: whoever asked, not the same profile alone."""


class Place(NamedTuple):
    """Where a rule finds what it compares an exchange with, read from one value of `beside`.

    `probes` are names without their API, one that ends in `*` for all that begin so; no `mode` means that of the
    exchange.
    """

    probes: tuple[str, ...]
    mode: Mode | None
    is_anybody: bool
    is_optional: bool

    @property
    def is_group(self) -> bool:
        """Whether several responses are meant."""
        return len(self.probes) > 1 or self.probes[0].endswith("*")

    def names(self, api: Api, probe: str) -> bool:
        """Whether a probe is one of those that are meant."""
        return any(
            probe.startswith(f"{api}.{name[:-1]}") if name.endswith("*") else probe == f"{api}.{name}"
            for name in self.probes
        )


@cache
def place(where: str) -> Place:
    """The meaning of one value of a rule's `beside`."""
    mode, _, probe = where.removesuffix(MAYBE).removeprefix(ANYBODY).rpartition(":")
    return Place(tuple(probe.split("|")), _MODES.get(mode), where.startswith(ANYBODY), where.endswith(MAYBE))


_MODES: dict[str, Mode] = {mode: mode for mode in MODES}


def is_asked(rule: Rule, api: Api, mode: Mode | None, probes: Iterable[tuple[str, Mode]]) -> bool:
    """Whether these probes, each in a mode, are all that a rule needs to see beside an exchange in a mode."""
    needed = (place(where) for where in rule.beside.values())
    return all(
        any(wanted.names(api, name) and asked == (wanted.mode or mode) for name, asked in probes)
        for wanted in needed
        if not wanted.is_optional
    )


def _is_brief(x: Exchange) -> bool:
    """Whether an answer shows what time a target needs for hardly anything; in a crowd all wait for each other."""
    is_small = 0 < cap_asked(x) * choices_asked(x) <= FEW_TOKENS[x.api] and len(x.heard) <= FEW_OCTETS
    return x.mode == "stream" and is_small and x.question.topic != "crowd"


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
    catalogue: Catalogue
    names: dict[Question, str] = field(default_factory=dict)
    held: dict[str, Exchange] = field(default_factory=dict)
    briefs: dict[tuple[Api, str], tuple[Exchange, ...]] = field(default_factory=dict)
    missing: dict[Api, list[str]] = field(default_factory=dict)
    groups: dict[tuple[Api, str, Mode, str], tuple[Exchange, ...]] = field(default_factory=dict)
    compared: dict[str, bool] = field(default_factory=dict)

    def take(self, x: Exchange) -> None:
        """Note which questions an exchange answers, and keep it if others are compared with it."""
        for question in (x.question, *x.also):
            self.names[question] = x.id
            if question.topic == "hello":
                self.missing.setdefault(x.api, []).append(missing_api(x))
            if len(x.heard) <= MUCH and self._is_compared(question):
                self.held[x.id] = x
        if _is_brief(x):
            asker = x.api, x.question.profile
            self.briefs[asker] = (*self.briefs.get(asker, ()), x)

    def _is_compared(self, question: Question) -> bool:
        """Whether any rule wants to see the answer to a question beside another."""
        probe = question.probe
        if probe not in self.compared:
            self.compared[probe] = any(place(where).names(question.api, probe) for where in self.catalogue.compared)
        return self.compared[probe]

    def of(self, question: Question) -> Exchange | None:
        """The answer to a question."""
        name = self.names.get(question)
        if name is None:
            return None
        return (self.held.get(name) or self.load(name)).asked_as(question)

    def beside(self, x: Exchange, where: str) -> Exchange | tuple[Exchange, ...] | None:
        """What a rule wants to see beside an exchange: an answer or several small ones, None where there is none."""
        wanted, question = place(where), x.question
        mode = wanted.mode or question.mode
        if not wanted.is_group:
            name = f"{question.api}.{wanted.probes[0]}"
            found = self.of(Question(question.api, question.profile, mode, name))
            return found or (self._greeting(question.api, mode) if wanted.probes == ("hello",) else None)
        key = question.api, "" if wanted.is_anybody else question.profile, mode, where
        if key not in self.groups:
            self.groups[key] = tuple(self._group(wanted, *key[:3]))
        return self.groups[key] or None

    def _greeting(self, api: Api, mode: Mode) -> Exchange | None:
        """The first plain greeting of any profile, for one that did not greet itself: a smoke run asks little."""
        greetings = (q for q in self.names if (q.api, q.mode, q.topic) == (api, mode, "hello"))
        found = min(greetings, default=None)
        return self.of(found) if found else None

    def _group(self, wanted: Place, api: Api, profile: str, mode: Mode) -> Iterator[Exchange]:
        """The held answers to all questions that are meant, of a profile or (nothing) of any."""
        for question in sorted(self.names):
            is_same = (question.api, question.mode) == (api, mode) and profile in ("", question.profile)
            found = self.held.get(self.names[question])
            if is_same and found and wanted.names(api, question.probe):
                yield found.asked_as(question)
