"""The shape of responses under load: the members and header fields that they have alone."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Final

from conformance.model.rule import rule
from conformance.model.sample import Population, Sample
from conformance.model.verdict import MAY, SHOULD, Finding, NotJudged, untestable
from conformance.model.words import GENERATIVE
from conformance.rules.load.conditions import (
    LEAST_ALONE,
    beyond_chance,
    chance,
    complete,
    not_loaded,
    nothing_complete,
    of_users,
    too_few_alone,
)
from conformance.rules.load.example import AS_REQUESTED, OTHERS, completed, with_header
from conformance.rules.load.spec import STREAMING

LEAST_LIKELY: Final = 0.01
"""How unlikely it must be that all responses without load have by chance what so many under load lack."""
VARYING_MEMBERS: Final = ("usage", "logprobs", "obfuscation", "service_tier")
"""Members that may be left out or filled in from response to response; usage has a rule of its own."""
VARYING_HEADERS: Final = (
    *("connection", "keep-alive", "transfer-encoding", "content-length", "content-encoding", "vary", "trailer"),
    *("set-cookie", "age", "date", "via", "cf-", "retry-after", "x-ratelimit", "ratelimit", "anthropic-ratelimit"),
)
"""Beginnings of header fields that depend on the connection, a cache, a quota or a proxy."""
NamesOf = Callable[[Sample], frozenset[str]]
NAMED: Final = tuple(with_header(completed(0, turn, "alone"), "x-request-id", "req_1") for turn in range(5))
MARKED: Final = tuple(completed(0, turn, "alone", system_fingerprint="fp_1") for turn in range(5))


def _is_constant(name: str) -> bool:
    return not any(part in VARYING_MEMBERS for part in _path(name).replace("[]", "").split("."))


def _path(name: str) -> str:
    """A member without its type, which the schema's rules judge."""
    return name.rpartition(" ")[0]


def _missing(population: Population, names_of: NamesOf, what: str) -> Iterator[Finding | NotJudged]:
    """A finding on responses under load that lack what all alike have before it."""
    quiet, load = complete((*population.alone, *population.after)), complete(population.load)
    if skip := not_loaded(population):
        yield skip
    elif not load:
        yield nothing_complete(population)
    elif len(quiet) < LEAST_ALONE:
        yield too_few_alone(len(quiet))
    else:
        wanted = _in_all(quiet, names_of)
        lacking = [(s, _without_parts(wanted[_kind(s)] - names_of(s))) for s in load if _kind(s) in wanted]
        often = Counter(name for _, names in lacking for name in names)
        first = min(often, key=lambda name: (-often[name], name), default="")
        bad = [s for s, names in lacking if first in names]
        if bad and chance(len(bad), len(lacking), 0, len(quiet)) > LEAST_LIKELY:
            yield untestable(
                f"{len(bad):,} responses under load lack the {what} {first!r}, which may be missing without, too"
            )
        else:
            yield from beyond_chance(bad, len(load), f"lack the {what} {first!r}, which all without load have")


def _without_parts(names: frozenset[str]) -> frozenset[str]:
    """The names of what is missing, without those of its parts."""
    return frozenset(name for name in names if name.rpartition(".")[0].removesuffix("[]") not in names)


def _kind(sample: Sample) -> tuple[str, str]:
    """What decides which members a response has: what it is for, and how it ends."""
    return sample.task, sample.finish


def _in_all(quiet: Sequence[Sample], names_of: NamesOf) -> Mapping[tuple[str, str], frozenset[str]]:
    """By kind of response, the names that all have without load; for kinds of which there are enough."""
    found: dict[tuple[str, str], list[frozenset[str]]] = {}
    for s in quiet:
        found.setdefault(_kind(s), []).append(names_of(s))
    return {kind: frozenset.intersection(*sets) for kind, sets in found.items() if len(sets) >= LEAST_ALONE}


@rule(
    "LOAD007",
    SHOULD,
    "A response under load has the members that it has alone",
    spec=STREAMING,
    fix="Send responses from one place, whatever the load: no shorter ones when the server is busy.",
    applies_to=of_users,
    apis=GENERATIVE,
    good=[AS_REQUESTED, (*MARKED, completed(1, system_fingerprint="fp_2"), completed(2, system_fingerprint="fp_3"))],
    bad=[(*MARKED, *OTHERS)],
)
def members_that_load_removes(population: Population) -> Iterator[Finding | NotJudged]:
    """What works in every test fails in production, for a client that reads what is missing.

    Only what all responses without load have is missed, and no part of what may be null: servers may leave out what they
    have nothing to say of.
    """
    optional = {_path(name) for names in population.shapes.values() for name in names if name.endswith(" null")}

    @cache
    def members(shape: str) -> frozenset[str]:
        paths = map(_path, filter(_is_constant, population.shapes.get(shape, ())))
        return frozenset(path for path in paths if not any(path.startswith(f"{name}.") for name in optional))

    yield from _missing(population, lambda sample: members(sample.shape), "member")


@rule(
    "LOAD008",
    MAY,
    "A response under load has the header fields that it has alone",
    spec="https://platform.openai.com/docs/api-reference/debugging-requests",
    fix="Add header fields such as the request's id in one place, on every path that a response can take.",
    applies_to=of_users,
    apis=GENERATIVE,
    good=[AS_REQUESTED, (*NAMED, *(with_header(completed(user), "x-request-id", f"req_{user}") for user in (1, 2)))],
    bad=[(*NAMED, *OTHERS)],
)
def headers_that_load_removes(population: Population) -> Iterator[Finding | NotJudged]:
    """Without the request's id, the one request that failed among thousands is not found in the logs."""

    @cache
    def names(headers: str) -> frozenset[str]:
        sent = population.shapes.get(headers, ())
        return frozenset(name for name in sent if not name.startswith(VARYING_HEADERS))

    yield from _missing(population, lambda sample: names(sample.headers), "header field")
