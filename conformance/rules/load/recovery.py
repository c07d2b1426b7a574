"""After the load the target is as it was before."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from statistics import median
from typing import Final

from conformance.model.rule import rule
from conformance.model.sample import Population, Sample
from conformance.model.verdict import MUST, SHOULD, Finding, NotJudged, untestable
from conformance.model.words import GENERATIVE
from conformance.rules.load.conditions import (
    LEAST_ALONE,
    LEAST_BAD,
    SECOND,
    complete,
    fell_behind,
    is_on_closed_connection,
    judged,
    kept_up,
    not_loaded,
    of_users,
    too_few_alone,
    too_few_timed,
)
from conformance.rules.load.example import AFTER, AS_REQUESTED, BUSY, NO_BYTE, completed, cut, rejected
from conformance.rules.load.spec import ERRORS

SLOWER: Final = 3
LEAST_DELAY: Final = 2 * SECOND
FULL: Final = (503, 529)
"""Statuses of a server that has no room."""
TO_RECOVER: Final = 10 * SECOND
"""How long a server may work for clients that left, or start what it needs."""


def _is_worse(sample: Sample) -> bool:
    """Whether a valid request got no complete response, nor an honest rejection."""
    is_served = sample.outcome in ("complete", "overloaded") or is_on_closed_connection(sample)
    return sample.task != "mistake" and not is_served


REFUSED: Final = tuple(
    replace(rejected(0, turn, "after", status=503), began_ns=3 * turn * SECOND) for turn in range(10, 18)
)
"""Rejections after the load, each after the delay of the one before."""


def _was_served(population: Population, sample: Sample) -> bool:
    """Whether a request is new after the load, or was served under it: what always fails shows no recovery."""
    first = population.owner(sample.nonce)
    return first is None or first.phase != "load" or first.outcome == "complete"


def _still_refused(population: Population) -> list[Sample]:
    """The rejections for lack of room, if the target serves nothing any more, whatever it says about when to retry.

    A quota (429) may last longer than the delay says, as others use it up, too.
    """
    after = sorted((s for s in population.run.quiet if s.phase == "after"), key=lambda s: s.began)
    if complete(after):
        return []
    found = {
        later.nonce
        for earlier, later in pairwise(after)
        if earlier.delay
        and later.began >= max(earlier.over + earlier.delay, after[0].began + TO_RECOVER)
        and later.status in FULL
    }
    mine = [s for s in population.after if s.nonce in found and _was_served(population, s)]
    return mine if len(mine) >= LEAST_BAD else []


@rule(
    "LOAD021",
    MUST,
    "After the load each request is served as before it",
    spec=ERRORS,
    fix="Give back everything that a request takes, also when it fails: slots, connections, memory, worker processes.",
    applies_to=of_users,
    apis=GENERATIVE,
    good=[
        (*AS_REQUESTED, *AFTER),
        (*AS_REQUESTED, *AFTER, *(cut(0, turn, NO_BYTE, is_reused=True, phase="after") for turn in range(20, 22))),
    ],
    bad=[
        (*AS_REQUESTED, *(rejected(0, turn, "after", status=500) for turn in range(10, 12))),
        (*AS_REQUESTED, *AFTER, *(rejected(0, turn, "after", BUSY, status=200) for turn in range(20, 22))),
        (*AS_REQUESTED, *REFUSED),
    ],
)
def no_recovery(population: Population) -> Iterator[Finding | NotJudged]:
    """One rush of users, and the server has to be restarted by hand."""
    after = [s for s in judged(population.after) if _was_served(population, s)]
    bad = [s for s in after if _is_worse(s)]
    if skip := not_loaded(population):
        yield skip
    elif any(map(_is_worse, judged(population.alone))):
        yield untestable("requests failed before the load, too")
    elif not complete(population.alone):
        yield too_few_alone(0)
    elif len(bad) >= LEAST_BAD:
        first = bad[0]
        how = f"status {first.status}" if first.status else first.outcome
        seen = f"{len(bad)} of {len(after)} requests after the load fail ({how}); before it none did"
        yield Finding(seen, nonces=tuple(s.nonce for s in bad[:LEAST_BAD]))
    elif bad:
        yield untestable("one request after the load failed: this may be chance")
    elif refused := _still_refused(population):
        seen = (
            f"no request after the load is served: one at a time, each after the delay of the rejection before it,"
            f" they get status {refused[0].status}; before the load they were served"
        )
        yield Finding(seen, nonces=tuple(s.nonce for s in refused[:LEAST_BAD]))
    elif not complete(after):
        yield untestable("no request after the load was served; the target still rejects them, or none was sent")


LATE: Final = tuple(completed(0, turn, "after", arrivals=((9000, 3000),)) for turn in range(10, 13))


@rule(
    "LOAD022",
    SHOULD,
    "After the load responses take as long as before it",
    spec=ERRORS,
    fix="Cancel the work of clients that left, and free what a request took: caches, threads, connections.",
    applies_to=of_users,
    apis=GENERATIVE,
    timed=True,
    good=[(*AS_REQUESTED, *AFTER)],
    bad=[(*AS_REQUESTED, *LATE)],
)
def slow_recovery(population: Population) -> Iterator[Finding | NotJudged]:
    """The server still works for users who left long ago, or never becomes as fast again."""
    after, alone = complete(population.after), complete(population.alone)
    if skip := not_loaded(population) or fell_behind(after):
        yield skip
    elif min(len(kept_up(alone)), len(kept_up(after))) < LEAST_ALONE:
        yield too_few_timed(min(len(kept_up(alone)), len(kept_up(after))))
    else:
        before = max(s.ended for s in kept_up(alone))
        now = median(s.ended for s in kept_up(after))
        if now > max(SLOWER * before, before + LEAST_DELAY):
            seen = (
                f"responses after the load take {now / SECOND:.1f} s, those before it at most {before / SECOND:.1f} s"
            )
            yield Finding(seen, nonces=tuple(s.nonce for s in kept_up(after)[:LEAST_BAD]))
