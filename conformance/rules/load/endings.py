"""Responses and connections under load end as they do alone, whatever other clients do."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import pairwise, takewhile
from typing import Final

from conformance.model.exchange import Ending, Exchange
from conformance.model.rule import rule
from conformance.model.sample import Population, Sample, Sent
from conformance.model.verdict import MUST, SHOULD, Finding, NotJudged, not_applicable, untestable
from conformance.model.words import GENERATIVE
from conformance.rules.load.conditions import (
    SECOND,
    beyond_chance,
    chance,
    has_given_up,
    is_on_closed_connection,
    is_one_event,
    judged,
    not_loaded,
    of_users,
    one_event,
    spoilt_alone,
)
from conformance.rules.load.example import AS_REQUESTED, MS, NO_BYTE, completed, cut
from conformance.rules.load.spec import INCOMPLETE, TEAR_DOWN

LEAST_LIKELY: Final = 0.001
"""How unlikely it must be that exchanges break by chance only since, or only where, a client disconnects."""
NOTICED: Final = SECOND // 20
"""How long it may take until a server notices that a client disconnected."""
AT_ONCE: Final = SECOND
"""A connection that is reused so soon after a response was not idle."""
LEFT: Final = Ending("hung-up", "body", 5 * MS, "the harness closed the connection on purpose")


def is_broken(sample: Sample) -> bool:
    """Whether the server ended an exchange without a response, or within one, or failed.

    What was lost on a connection that was used before is another matter: the server may have closed it before.
    """
    is_failure = sample.outcome == "error" and sample.status >= 500 and not has_given_up(sample)
    is_lost = sample.outcome == "unreachable" or (sample.outcome == "cut" and not is_on_closed_connection(sample))
    return sample.task != "mistake" and (is_failure or is_lost)


def broken_by_disconnects(population: Population) -> list[Sample]:
    """The broken exchanges under load, if clients that disconnected broke those of the run; else none."""
    bad = [s for s in judged(population.load) if is_broken(s)]
    return bad if bad and _do_disconnects_break(population.run) else []


@lru_cache(maxsize=1)
def _do_disconnects_break(run: Sent) -> bool:
    """Whether exchanges of a run are broken because other clients disconnected.

    Either all go on breaking since the first client disconnected, or each was in progress when one did: and that is
    more than chance allows.
    """
    moments: dict[int, list[int]] = {}
    for s in run.disconnects:
        insort(moments.setdefault(s.worker, []), s.over)
    load = judged(run.load)
    return _break_since(load, moments) or _break_at(load, moments)


def _break_since(load: Sequence[Sample], moments: Mapping[int, Sequence[int]]) -> bool:
    """Whether exchanges break since the first client disconnected: none did before, and soon after it they do."""
    since = [s for s in load if s.over >= next(iter(moments.get(s.worker, ())), 0)]
    bad = sum(map(is_broken, load))
    if bad > sum(map(is_broken, since)):
        return False
    still_good = sum(1 for _ in takewhile(lambda s: not is_broken(s), sorted(since, key=lambda s: s.over)))
    begins_then = chance(bad, len(since) - still_good, 0, still_good) > LEAST_LIKELY
    return begins_then and chance(bad, len(since), 0, len(load) - len(since)) <= LEAST_LIKELY


def _break_at(load: Sequence[Sample], moments: Mapping[int, Sequence[int]]) -> bool:
    """Whether each broken exchange was in progress when a client disconnected, more often than exchanges so long are."""
    bad = [s for s in load if is_broken(s)]
    if not all(_is_shaken(s, moments) for s in bad):
        return False
    likely, bounds = 1.0, {}
    for worker, mine in moments.items():
        times = [at for s in load if s.worker == worker for at in (s.began, s.over)]
        bounds[worker] = (min(times, default=0), *mine, max(times, default=0))
    for s in bad:
        gaps = [later - earlier for earlier, later in pairwise(bounds[s.worker])]
        long = s.ended + NOTICED
        likely *= sum(min(long, gap) for gap in gaps[:-1]) / max(1, sum(gaps))
        if likely <= LEAST_LIKELY:
            return True
    return False


def _is_shaken(sample: Sample, moments: Mapping[int, Sequence[int]]) -> bool:
    """Whether a client of the same worker disconnected while the exchange was in progress, or just before it."""
    mine = moments.get(sample.worker, ())
    return bisect_left(mine, sample.began - NOTICED) < bisect_right(mine, sample.over)


def _is_cut(sample: Sample) -> bool:
    """Whether a response with a success status is not complete, and the target ended it."""
    return sample.outcome == "cut" and sample.status != 0


@rule(
    "LOAD009",
    MUST,
    "A response that has begun under load is complete, or ends with an error",
    spec=INCOMPLETE,
    fix=(
        "Finish each response that was begun, or send an error event: limit what is begun, not what is running, and let a"
        " process that is stopped finish its responses."
    ),
    applies_to=of_users,
    apis=GENERATIVE,
    good=[AS_REQUESTED],
    bad=[(*AS_REQUESTED, cut(3), cut(3, 1))],
)
def response_cut_under_load(population: Population) -> Iterator[Finding | NotJudged]:
    """The user gets half a text, and most clients treat it as whole: an agent acts on it."""
    load = judged(population.load)
    bad = [s for s in load if _is_cut(s)]
    if skip := not_loaded(population):
        yield skip
    elif any(map(_is_cut, population.alone)):
        yield spoilt_alone("responses are cut")
    elif bad and broken_by_disconnects(population):
        yield not_applicable("responses are cut where another client disconnects (see LOAD010)")
    elif not load:
        yield untestable("no exchange under load was observed to its end")
    elif bad and is_one_event(list(filter(_is_cut, population.run.load)), population.run.load):
        yield one_event(bad, len(load), "end before they are complete")
    else:
        everywhere = sum(map(_is_cut, population.run.load))
        yield from beyond_chance(bad, len(load), "end before they are complete", everywhere=everywhere)


CALM: Final = tuple(completed(1 + at % 2, at, began_ms=at) for at in range(20))
"""Responses under load before a client disconnects."""


def left(user: int, turn: int, began_ms: int) -> Exchange:
    """A stream from which the client disconnects."""
    return replace(completed(user, turn, began_ms=began_ms), ending=LEFT, cache={})


@rule(
    "LOAD010",
    MUST,
    "A client that disconnects does not break other users' responses",
    spec=INCOMPLETE,
    fix="Cancel the request of that client alone: no shared task group, generator, batch or connection upstream ends with it.",
    applies_to=of_users,
    apis=GENERATIVE,
    good=[(*CALM, left(3, 0, 100), completed(1, 30, began_ms=200), completed(2, 30, began_ms=200))],
    bad=[
        (*CALM, left(3, 0, 100), *(cut(user, turn, began_ms=200) for user in (1, 2) for turn in range(30, 34))),
        (*CALM[1:], *(x for at in range(8) for x in (left(3, at, 95 + 300 * at), cut(4, at, began_ms=99 + 300 * at)))),
    ],
)
def broken_by_a_disconnect(population: Population) -> Iterator[Finding | NotJudged]:
    """One user presses Stop, and others' responses fail: at that moment, or from then on."""
    load = judged(population.load)
    if skip := not_loaded(population):
        yield skip
    elif not population.run.disconnects:
        yield not_applicable("no client disconnected")
    elif bad := broken_by_disconnects(population):
        what = "fail where another client disconnects, and none fails otherwise"
        yield from beyond_chance(bad, len(load), what, everywhere=sum(map(is_broken, population.run.load)))
    elif any(map(is_broken, load)):
        yield untestable("responses fail, and it does not show whether that is because of a disconnect")


@lru_cache(maxsize=1)
def _lost(run: Sent) -> frozenset[str]:
    """The nonces of requests on a connection that was just in use, and is closed without a byte of a response."""
    return frozenset(_lost_requests(run.load))


def _lost_requests(samples: Sequence[Sample]) -> Iterator[str]:
    by_user = sorted(samples, key=lambda s: (s.worker, s.user, s.began))
    for earlier, later in pairwise(by_user):
        is_next = (earlier.worker, earlier.user) == (later.worker, later.user)
        is_fresh = is_next and later.began - earlier.over <= AT_ONCE
        if is_fresh and is_on_closed_connection(later):
            yield later.nonce


@rule(
    "LOAD011",
    SHOULD,
    "A connection that is in use is closed with notice",
    spec=TEAR_DOWN,
    fix="Send `Connection: close` with the last response of a connection; keep idle ones longer than clients do.",
    applies_to=of_users,
    apis=GENERATIVE,
    good=[(*AS_REQUESTED, completed(3), replace(completed(3, 1, began_ms=20), is_reused=True))],
    bad=[
        (
            *AS_REQUESTED,
            *(x for user in (3, 4) for x in (completed(user), cut(user, 1, NO_BYTE, is_reused=True, began_ms=20))),
        )
    ],
)
def connection_dropped(population: Population) -> Iterator[Finding | NotJudged]:
    """The next request is lost, and the client can't know whether it was processed, and billed."""
    load = judged(population.load)
    if skip := not_loaded(population):
        yield skip
    elif not any(s.is_reused for s in load):
        yield not_applicable("no connection was used for a second request")
    else:
        lost = _lost(population.run)
        bad = [s for s in load if s.nonce in lost]
        what = "do not begin: the connection, just in use, was closed"
        if bad and is_one_event([s for s in population.run.load if s.nonce in lost], population.run.load):
            yield one_event(bad, len(load), what)
        else:
            yield from beyond_chance(bad, len(load), what, everywhere=len(lost))
