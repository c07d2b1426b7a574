"""Times under load: slower is legal, but streams flow, rejections are quick, and no user waits while others are served.

A server may serve one request at a time, in order: its requests wait longer, each for its turn. So waits are compared
with those of the same target alone, times the number of users, and only while the harness itself kept up.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Final

from conformance.model.exchange import Arrival, Ending, Exchange
from conformance.model.rule import rule
from conformance.model.sample import Phase, Population, Sample, Sent
from conformance.model.verdict import SHOULD, Finding, NotJudged, not_applicable, untestable
from conformance.model.words import GENERATIVE
from conformance.rules.example import answered, error, exchange
from conformance.rules.load.conditions import (
    LEAST_ALONE,
    SECOND,
    beyond_chance,
    complete,
    fell_behind,
    has_given_up,
    judged,
    kept_up,
    not_loaded,
    of_users,
    too_few_timed,
)
from conformance.rules.load.example import ALONE, AS_REQUESTED, MS, completed, of, rejected
from conformance.rules.load.spec import ERRORS, STREAMING

FEW: Final = 100
"""A delay of one response in more than so many may be chance."""
LEAST_GAP: Final = 2 * SECOND
FAIR_SHARE: Final = 4
"""How many times longer than its share a token, or a rejection, may take."""
MOST_OVERTAKEN: Final = 6
"""How often all other users may be served on average while one waits."""
TIMEOUT: Final = Ending("timeout", "first-byte", 60_000 * MS, "no byte of a response within 60 s")
QUICK: Final = tuple(completed(0, turn, "alone", arrivals=((10, 400), (20, 2000))) for turn in range(5))
MISTAKE: Final = error("The model does not exist.", code="model_not_found")


def _share(population: Population, alone_ns: int, least_ns: int) -> int:
    """How long something may take among many users that takes so long alone."""
    return max(least_ns, FAIR_SHARE * population.run.users * alone_ns)


def _seconds(duration_ns: int) -> str:
    return f"{duration_ns / SECOND:.1f} s"


def _unfit(population: Population, samples: Sequence[Sample]) -> NotJudged | None:
    return not_loaded(population) or fell_behind(samples)


@rule(
    "LOAD017",
    SHOULD,
    "A stream that has begun continues while others run",
    spec=STREAMING,
    fix="Serve streams side by side: no blocking call in the event loop, long prompts in parts, one lock for each stream.",
    applies_to=of_users,
    apis=GENERATIVE,
    modes=("stream",),
    timed=True,
    good=[(*QUICK, *(completed(user, arrivals=((2000, 400), (2300, 2000))) for user in (1, 2)))],
    bad=[(*QUICK, *(completed(user, arrivals=((10, 700), (4000, 2000))) for user in (1, 2)))],
)
def stream_that_stops_for_others(population: Population) -> Iterator[Finding | NotJudged]:
    """The text freezes in the middle of a word, as if the connection were lost, and clients with a time limit leave."""
    begun = [s for s in judged(population.load) if s.first_token is not None]
    alone = [s.longest_gap for s in kept_up(complete(population.alone)) if s.first_token is not None]
    if skip := _unfit(population, begun):
        yield skip
    elif not begun:
        yield not_applicable("no response under load is a stream with text")
    elif len(alone) < LEAST_ALONE:
        yield too_few_timed(len(alone))
    else:
        most = _share(population, min(alone), LEAST_GAP)
        bad = [s for s in kept_up(begun) if s.longest_gap > most]
        longest = max((s.longest_gap for s in bad), default=0)
        what = f"pause for more than {_seconds(most)} after their first token, for up to {_seconds(longest)}"
        yield from beyond_chance(bad, len(begun), what, seldom=FEW)


def _mistake(user: int, turn: int, at_ms: int, phase: Phase = "load") -> Exchange:
    """The error for a model that does not exist, after so many milliseconds."""
    x = answered(MISTAKE, status=404, mode="stream")
    late = replace(x, arrivals=(Arrival(at_ms * MS, len(x.received)),), cache={})
    return of(late, user, turn, phase, task="mistake")


@rule(
    "LOAD018",
    SHOULD,
    "A request that is rejected for a mistake does not wait for others' responses",
    spec=ERRORS,
    fix="Validate requests before they are queued, and outside the thread or event loop that generates.",
    applies_to=of_users,
    apis=GENERATIVE,
    timed=True,
    good=[(*AS_REQUESTED, _mistake(0, 9, 20, "alone"), _mistake(1, 9, 900), _mistake(2, 9, 1500))],
    bad=[(*AS_REQUESTED, _mistake(0, 9, 20, "alone"), _mistake(1, 9, 4000), _mistake(2, 9, 5000))],
)
def rejection_that_waits(population: Population) -> Iterator[Finding | NotJudged]:
    """Everything waits: health checks fail, the orchestrator restarts a server that works, and its users lose everything."""
    alone = [s.ended for s in kept_up(population.alone) if _is_mistake(s)]
    load = [s for s in population.load if _is_mistake(s)]
    if skip := _unfit(population, load):
        yield skip
    elif not load or not alone:
        yield not_applicable("no request with a mistake was rejected")
    else:
        most = _share(population, min(alone), LEAST_GAP)
        bad = [s for s in kept_up(load) if s.ended > most]
        what = (
            f"are rejections of a mistake that took more than {_seconds(most)}; alone they take {_seconds(max(alone))}"
        )
        yield from beyond_chance(bad, len(load), what, seldom=FEW)


def _is_mistake(sample: Sample) -> bool:
    return sample.task == "mistake" and sample.outcome == "error"


WAITING: Final = tuple(completed(user, 0, arrivals=((9000, 3000),)) for user in (1, 2))
SERVED: Final = tuple(completed(3, turn, began_ms=10 + 100 * turn, arrivals=((50, 3000),)) for turn in range(40))


@rule(
    "LOAD019",
    SHOULD,
    "No user waits while others are served again and again",
    spec=ERRORS,
    fix="Serve requests in the order of arrival, or give each user a share; no thread, connection or replica without service.",
    applies_to=of_users,
    apis=GENERATIVE,
    timed=True,
    good=[AS_REQUESTED, (*ALONE, *SERVED[:3], *WAITING)],
    bad=[(*ALONE, *SERVED, *WAITING)],
)
def user_who_waits(population: Population) -> Iterator[Finding | NotJudged]:
    """Averages look well, and for some users the service is down.

    A slower replica, or a queue by priority, lets others pass several times; six times each is no order.
    """
    load = judged(population.load)
    if skip := _unfit(population, load):
        yield skip
    else:
        passed = _overtaken(population.run)
        bad = [s for s in load if s.nonce in passed]
        most = max((passed[s.nonce] for s in bad), default=0)
        what = f"waited while up to {most:,} requests that were sent later were served"
        yield from beyond_chance(bad, len(load), what, everywhere=len(passed))


@lru_cache(maxsize=1)
def _overtaken(run: Sent) -> Mapping[str, int]:
    """The nonces of requests that waited too long, and how many that were sent later were served meanwhile."""
    waited = [s for s in kept_up(judged(run.load)) if s.task != "mistake" and s.ended > LEAST_GAP]
    passed = {s.nonce: run.served_meanwhile(s) for s in waited}
    return {name: count for name, count in passed.items() if count > MOST_OVERTAKEN * run.users}


@rule(
    "LOAD020",
    SHOULD,
    "A request is served, or rejected, before its client gives up",
    spec="https://www.rfc-editor.org/rfc/rfc9110#section-15.6.4",
    fix="Bound the queue: reject with 429 or 503 what can't be served in time.",
    applies_to=of_users,
    apis=GENERATIVE,
    timed=True,
    good=[AS_REQUESTED],
    bad=[
        (*AS_REQUESTED, *(of(exchange(b"", ending=TIMEOUT), 3, turn) for turn in range(2))),
        (*AS_REQUESTED, *(rejected(3, turn, status=504) for turn in range(2))),
    ],
)
def queue_without_bound(population: Population) -> Iterator[Finding | NotJudged]:
    """Every request waits until its client gives up and sends it again: the server is busy, and serves none.

    With more users than a target is made for, give them a longer --timeout.
    """
    load = judged(population.load)
    late = list(filter(_is_late, kept_up(load)))
    if skip := _unfit(population, load):
        yield skip
    elif any(s.outcome == "timeout" or has_given_up(s) for s in population.alone):
        yield untestable("requests were not served in time before the load, too")
    else:
        everywhere = sum(map(_is_late, kept_up(population.run.load)))
        yield from beyond_chance(late, len(load), _how_late(population, late), everywhere=everywhere)


def _is_late(sample: Sample) -> bool:
    """Whether a request was not served within a time limit: that of its client, or the target's own."""
    return (sample.outcome == "timeout" and sample.first_byte is None) or has_given_up(sample)


def _how_late(population: Population, late: Sequence[Sample]) -> str:
    given_up = [s for s in late if has_given_up(s)]
    if given_up and len(given_up) == len(late):
        longest = max(s.ended for s in given_up)
        return f"have status {given_up[0].status}: the target gave up itself, after up to {_seconds(longest)}"
    longest = population.timeout_ns or max((s.ended for s in late), default=0)
    return f"did not begin within {_seconds(longest)}, the time limit"
