"""Index of a run's exchanges, so that a rule can compare one response with another."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from conformance.apis.errors import error_response
from conformance.apis.request_fields import requested_cap, requested_choices
from conformance.apis.specs import spec
from conformance.apis.unknown_model import is_about_the_model
from conformance.apis.websocket import case_of_connection, turn
from conformance.catalogue import Catalogue
from conformance.model.case import CaseId, Compare, Kind
from conformance.model.dialect import USUAL, Dialect
from conformance.model.exchange import Exchange, ReadExchange
from conformance.model.probe import Probe
from conformance.model.rule import Rule
from conformance.model.run import RunManifest
from conformance.model.words import Api, Mode
from conformance.parsing.http1 import reply

MAX_CACHED_BYTES = 256 * 1024
"""Size in bytes, received or decoded, above which an exchange used for comparison is loaded again, not cached."""
SHORT_BYTES = 100_000


def is_covered_by(rule: Rule, api: Api, mode: Mode | None, probes: Iterable[tuple[Probe, Mode]]) -> bool:
    """Whether these probes, each with a mode, include all that a rule compares an exchange in `mode` with."""
    return all(
        any(
            probe.api == api
            and (compare.any_mode or sent == (compare.mode or mode))
            and compare.matches(probe.kind, probe.subject, probe.variant, probe.repeat)
            for probe, sent in probes
        )
        for compare in rule.compares_with.values()
        if not compare.optional
    )


def _is_short(x: Exchange, dialect: Dialect) -> bool:
    """Whether a response shows the target's least delay; in a burst, requests wait for each other."""
    generation = spec(x.api).generation
    if x.mode != "stream" or generation is None or x.case.kind is Kind.BURST:
        return False
    text = requested_cap(x) * requested_choices(x) - (dialect.least_cap - 1)
    return 0 < text <= generation.short_tokens and _is_at_most(SHORT_BYTES, x)


NO_PATH: Final = (403, 404, 405)
"""Statuses of a path that does not exist; some gateways answer 403."""
NOT_OFFERED: Final = (*NO_PATH, 501)
"""Statuses of every baseline request, streaming or not, that show that a target does not offer an API.

403 is what some gateways answer on a path that they do not have. If every API gets it, the key is refused. LM Studio
has answered an unknown path with 200 and an error that names the path, which ERR013 reports.
"""


UNKNOWN_PATH: Final = re.compile(
    r"\b(?:unexpected|unknown|unrecognized|invalid|unsupported|no such|no) (?:api )?(?:endpoint|path|route|url|uri)\b"
    r"|\bnot found\b|\b(?:not|n't) exist\b",
    re.IGNORECASE,
)
MOST_OF_A_LINE: Final = 8192


def _is_at_most(size: int, x: Exchange) -> bool:
    """Whether a response has at most this size, as received and decoded: a small one may decompress to a large one."""
    return len(x.received) <= size and len(reply(x).content) <= size


def _says_path_is_unknown(x: Exchange) -> bool:
    """Whether an error says that there is no such path, and names it."""
    path = x.sent[:MOST_OF_A_LINE].partition(b"\r\n")[0].split(b" ")[1:2]
    name = path[0].partition(b"?")[0].decode("latin-1") if path else ""
    message = error_response(x).message
    return name in message and len(name) > 1 and bool(UNKNOWN_PATH.search(message))


def missing_api(x: Exchange) -> str:
    """A message if this baseline response may show that the API is not offered, or an empty string."""
    status, error = reply(x).status, error_response(x)
    if error.in_band and not is_about_the_model(error) and _says_path_is_unknown(x):
        return f"the target does not offer this API: HTTP {status} with an error about the path of {x.api}"
    if status not in NOT_OFFERED or (status == 404 and is_about_the_model(error)):
        return ""
    return f"the target does not offer this API: HTTP {status} on the path of {x.api}"


@dataclass(slots=True)
class Evidence:
    """The exchanges of a run by test case, for comparison: small ones are cached, large ones loaded again."""

    load: ReadExchange
    catalogue: Catalogue
    dialects: Mapping[Api, Dialect] = field(default_factory=dict)
    ids_by_case: dict[CaseId, str] = field(default_factory=dict)
    cached: dict[str, Exchange] = field(default_factory=dict)
    later_attempts: dict[CaseId, str] = field(default_factory=dict)
    short_streams: dict[tuple[Api, str], tuple[Exchange, ...]] = field(default_factory=dict)
    unavailable_apis: dict[Api, list[tuple[Mode, str]]] = field(default_factory=dict)
    groups: dict[tuple[Compare, Api | Literal[""], str, Mode | Literal[""]], tuple[Exchange, ...]] = field(
        default_factory=dict
    )
    compared: dict[tuple[Kind, str, str, int], bool] = field(default_factory=dict)
    given_up: dict[str, Kind] = field(default_factory=dict)

    def add(self, x: Exchange) -> None:
        """Index an exchange by its test cases, and cache it if rules compare others with it."""
        if x.is_given_up:
            self.given_up[x.id] = x.case.kind
        if x.attempt > 1:
            self.later_attempts.update(dict.fromkeys((x.case, *x.merged_cases), x.id))
            return
        for case in (x.case, *x.merged_cases):
            self.ids_by_case[case] = x.id
            if case.kind is Kind.BASELINE:
                self.unavailable_apis.setdefault(x.api, []).append((case.mode, missing_api(x)))
            if self._is_compared(case) and _is_at_most(MAX_CACHED_BYTES, x):
                self.cached[x.id] = x
        if _is_short(x, self.dialects.get(x.api, USUAL)):
            sender = x.api, x.case.profile
            self.short_streams[sender] = (*self.short_streams.get(sender, ()), x)

    def _is_compared(self, case: CaseId) -> bool:
        """Whether any rule compares others with the response to a test case."""
        key = case.kind, case.subject, case.variant, case.repeat
        if key not in self.compared:
            self.compared[key] = any(compare.matches(*key) for compare in self.catalogue.compared)
        return self.compared[key]

    def response_to(self, case: CaseId) -> Exchange | None:
        """The exchange of a test case, of a later attempt if the response is lost; or None."""
        name = self.ids_by_case.get(case)
        if name is None:
            return None
        x = self.cached.get(name) or self.load(name)
        later = self.later_attempt(x.for_case(case)) if x.is_lost else None
        return (later if later and not later.is_lost else x).for_case(case)

    def later_attempt(self, x: Exchange) -> Exchange | None:
        """The last exchange that was sent to confirm what this one shows, or None."""
        name = self.later_attempts.get(case_of_connection(x))
        later = self.load(name) if name else None
        if later is None or x.turn is None:
            return later and later.for_case(x.case)
        return turn(later, x.case.variant)

    def baseline(self, x: Exchange, mode: Mode | None = None) -> Exchange | None:
        """The baseline exchange of the same profile, or of any profile if it has none, as in a smoke run."""
        api, mode = x.case.api, mode or x.case.mode
        found = self.response_to(CaseId(api, x.case.profile, mode, Kind.BASELINE))
        if found:
            return found
        others = (c for c in self.ids_by_case if (c.api, c.mode, c.kind) == (api, mode, Kind.BASELINE))
        first = min(others, default=None)
        return self.response_to(first) if first else None

    def select(self, x: Exchange, compare: Compare) -> Exchange | tuple[Exchange, ...] | None:
        """The exchange that a rule compares `x` with, or all cached ones with `many`; None if there is none."""
        case, mode = x.case, compare.mode or x.case.mode
        if compare.many:
            key = (
                compare,
                "" if compare.any_api else case.api,
                "" if compare.any_profile else case.profile,
                "" if compare.any_mode else mode,
            )
            if key not in self.groups:
                self.groups[key] = tuple(self._group(*key))
            return self.groups[key]
        if compare.kinds is Kind.BASELINE:
            return self.baseline(x, mode)
        (kind,) = compare.kinds if isinstance(compare.kinds, tuple) else (compare.kinds,)
        return self.response_to(CaseId(case.api, case.profile, mode, kind, compare.subject, repeat=compare.repeat))

    def _group(
        self, compare: Compare, api: Api | Literal[""], profile: str, mode: Mode | Literal[""]
    ) -> Iterator[Exchange]:
        """The cached exchanges that match, of an API, a profile and a mode, or of any if it is empty."""
        for case in sorted(self.ids_by_case):
            is_same = mode in ("", case.mode) and api in ("", case.api) and profile in ("", case.profile)
            found = self.cached.get(self.ids_by_case[case])
            if is_same and found and compare.matches(case.kind, case.subject, case.variant, case.repeat):
                yield found.for_case(case)


def absent_apis(facts: RunManifest, baselines: Mapping[Api, Sequence[tuple[Mode, str]]]) -> dict[Api, str]:
    """The APIs that the target does not offer: all their baseline requests get 403, 404, 405 or 501, streaming or not.

    `baselines` are the modes of these by API, each with the message of `missing_api`.

    An API that the configuration names, or whose path it names, is not excused. If no API is offered, none is excused:
    there was nothing to verify.
    """
    named = {*facts.target.apis, *facts.target.paths}
    missing = {
        api: found[0][1]
        for api, found in baselines.items()
        if api not in named and all(why for _, why in found) and any(mode == "unary" for mode, _ in found)
    }
    return missing if len(missing) < len(baselines) else {}
