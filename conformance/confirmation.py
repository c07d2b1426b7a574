"""Confirm before accusing: which requests to send again. Pure.

A lost connection, a missing or late response may be chance. What fails once in two is unreliable, not non-conformant.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from itertools import chain, zip_longest
from typing import Final

from conformance.catalogue import Catalogue, of_one_side
from conformance.judging import in_order, verdicts_of
from conformance.model.case import Kind
from conformance.model.exchange import ReadExchange, Request
from conformance.model.run import RunManifest
from conformance.model.verdict import Status
from conformance.reuse import ReusableVerdicts

MOST_CONFIRMED: Final = 10
"""The most doubtful exchanges of a run that are confirmed: more are no chance."""
UNCONFIRMED: Final = (Kind.PREFLIGHT, Kind.DISCONNECT, Kind.LOAD)
SITUATIONS: Final = (Kind.BURST, Kind.DISCONNECT, Kind.AFTER_DISCONNECT)
"""Test cases that need others at the same time or before them."""


def doubtful(
    facts: RunManifest, load: ReadExchange, ids: Sequence[str], known: ReusableVerdicts | None = None
) -> tuple[str, ...]:
    """The exchanges whose failures rest on chance: a response that is lost, or late.

    `known` is as for `judge`, with verdicts of rules about time alone.
    """
    lost = [name for name in ids if load(name).is_lost]
    verdicts = verdicts_of(facts, load, ids, known, timed(of_one_side()))
    late = [v.exchanges[0] for v in in_order([[v] for v in verdicts if v.status is Status.FAIL])]
    in_turn = filter(None, chain.from_iterable(zip_longest(lost, (name for name in late if name not in lost))))
    found = [name for name in dict.fromkeys(in_turn) if load(name).case.kind not in UNCONFIRMED]
    return tuple(found[:MOST_CONFIRMED])


@cache
def timed(catalogue: Catalogue) -> Catalogue:
    """A catalogue with the rules about time alone."""
    return Catalogue(tuple(rule for rule in catalogue.rules if rule.timed), catalogue.profiles, catalogue.probes)


def situation(name: str, requests: Mapping[str, Request]) -> tuple[Request, ...]:
    """The request of that ID with those that make its situation: the burst around it, the disconnect before it."""
    request = requests[name]
    kind, subject = request.cases[0].kind, request.cases[0].subject
    if kind not in SITUATIONS:
        return (request,)
    burst = kind is Kind.BURST
    alike = (other for other in requests.values() if (other.cases[0].kind is Kind.BURST) == burst)
    return tuple(
        other for other in alike if other.cases[0].kind in SITUATIONS and (burst or other.cases[0].subject == subject)
    )
