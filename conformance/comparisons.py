"""Index of a run's exchanges, so that a rule can compare one response with another."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import NamedTuple

from conformance.apis.errors import error_response
from conformance.apis.request import cap_asked, choices_asked
from conformance.catalogue import Catalogue
from conformance.model.exchange import MODES, Api, CaseId, Exchange, Mode
from conformance.model.rule import Rule
from conformance.parsing.http1 import reply

Load = Callable[[str], Exchange]
MAX_CACHED_BYTES = 256 * 1024
"""Size in bytes above which an exchange used for comparison is loaded again instead of cached."""
SHORT_TOKENS: dict[Api, int] = {"chat": 8, "messages": 8, "responses": 24}
SHORT_BYTES = 100_000
MAYBE = "?"
"""Suffix in `beside`: the exchange is optional."""
ANYBODY = "@"
"""Prefix in `beside`: sent as any profile, not only as the same one."""


class Place(NamedTuple):
    """The exchanges that a rule compares with, parsed from one value of `beside`.

    `probes` are names without the API; a trailing `*` matches any name with that prefix. A `mode` of None means that
    of the judged exchange.
    """

    probes: tuple[str, ...]
    mode: Mode | None
    is_anybody: bool
    is_optional: bool

    @property
    def is_group(self) -> bool:
        """Whether it may match several exchanges."""
        return len(self.probes) > 1 or self.probes[0].endswith("*")

    def names(self, api: Api, probe: str) -> bool:
        """Whether it matches a probe."""
        return any(
            probe.startswith(f"{api}.{name[:-1]}") if name.endswith("*") else probe == f"{api}.{name}"
            for name in self.probes
        )


@cache
def place(where: str) -> Place:
    """Parse one value of a rule's `beside`."""
    mode, _, probe = where.removesuffix(MAYBE).removeprefix(ANYBODY).rpartition(":")
    return Place(tuple(probe.split("|")), _MODES.get(mode), where.startswith(ANYBODY), where.endswith(MAYBE))


_MODES: dict[str, Mode] = {mode: mode for mode in MODES}


def is_covered_by(rule: Rule, api: Api, mode: Mode | None, probes: Iterable[tuple[str, Mode]]) -> bool:
    """Whether these probes, each with a mode, include all that a rule compares an exchange in `mode` with."""
    needed = (place(where) for where in rule.beside.values())
    return all(
        any(wanted.names(api, name) and asked == (wanted.mode or mode) for name, asked in probes)
        for wanted in needed
        if not wanted.is_optional
    )


def _is_brief(x: Exchange) -> bool:
    """Whether a response shows the target's least delay; in a burst, requests wait for each other."""
    is_small = 0 < cap_asked(x) * choices_asked(x) <= SHORT_TOKENS[x.api] and len(x.heard) <= SHORT_BYTES
    return x.mode == "stream" and is_small and x.question.topic != "crowd"


def missing_api(x: Exchange) -> str:
    """A message if this baseline response shows that the API is not offered, or an empty string."""
    status = reply(x).status
    if status not in (404, 405) or "model" in (
        error_response(x).param or "",
        *(error_response(x).code or "").split("_"),
    ):
        return ""
    return f"the target does not offer this API: HTTP {status} on the path of {x.api}"


@dataclass(slots=True)
class Evidence:
    """The exchanges of a run by test case, for comparison: small ones are cached, large ones loaded again."""

    load: Load
    catalogue: Catalogue
    names: dict[CaseId, str] = field(default_factory=dict)
    held: dict[str, Exchange] = field(default_factory=dict)
    briefs: dict[tuple[Api, str], tuple[Exchange, ...]] = field(default_factory=dict)
    missing: dict[Api, list[str]] = field(default_factory=dict)
    groups: dict[tuple[Api, str, Mode, str], tuple[Exchange, ...]] = field(default_factory=dict)
    compared: dict[str, bool] = field(default_factory=dict)

    def take(self, x: Exchange) -> None:
        """Index an exchange by its test cases, and cache it if rules compare others with it."""
        for question in (x.question, *x.also):
            self.names[question] = x.id
            if question.topic == "hello":
                self.missing.setdefault(x.api, []).append(missing_api(x))
            if len(x.heard) <= MAX_CACHED_BYTES and self._is_compared(question):
                self.held[x.id] = x
        if _is_brief(x):
            asker = x.api, x.question.profile
            self.briefs[asker] = (*self.briefs.get(asker, ()), x)

    def _is_compared(self, question: CaseId) -> bool:
        """Whether any rule compares others with the response to a test case."""
        probe = question.probe
        if probe not in self.compared:
            self.compared[probe] = any(place(where).names(question.api, probe) for where in self.catalogue.compared)
        return self.compared[probe]

    def of(self, question: CaseId) -> Exchange | None:
        """The exchange of a test case, or None."""
        name = self.names.get(question)
        if name is None:
            return None
        return (self.held.get(name) or self.load(name)).asked_as(question)

    def beside(self, x: Exchange, where: str) -> Exchange | tuple[Exchange, ...] | None:
        """The exchange that a rule compares `x` with, or several cached ones as a tuple; None if there is none."""
        wanted, question = place(where), x.question
        mode = wanted.mode or question.mode
        if not wanted.is_group:
            name = f"{question.api}.{wanted.probes[0]}"
            found = self.of(CaseId(question.api, question.profile, mode, name))
            return found or (self._greeting(question.api, mode) if wanted.probes == ("hello",) else None)
        key = question.api, "" if wanted.is_anybody else question.profile, mode, where
        if key not in self.groups:
            self.groups[key] = tuple(self._group(wanted, *key[:3]))
        return self.groups[key] or None

    def _greeting(self, api: Api, mode: Mode) -> Exchange | None:
        """The first baseline exchange of any profile, for a profile without one, as in a smoke run."""
        greetings = (q for q in self.names if (q.api, q.mode, q.topic) == (api, mode, "hello"))
        found = min(greetings, default=None)
        return self.of(found) if found else None

    def _group(self, wanted: Place, api: Api, profile: str, mode: Mode) -> Iterator[Exchange]:
        """The cached exchanges that match, of a profile, or of any if it is empty."""
        for question in sorted(self.names):
            is_same = (question.api, question.mode) == (api, mode) and profile in ("", question.profile)
            found = self.held.get(self.names[question])
            if is_same and found and wanted.names(api, question.probe):
                yield found.asked_as(question)
