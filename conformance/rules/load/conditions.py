"""What the rules about load have in common: which samples show something, how many are beyond chance, and how it is said."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from math import comb
from typing import Final

from conformance.model.case import Kind
from conformance.model.rule import Condition
from conformance.model.sample import Population, Sample
from conformance.model.verdict import Finding, NotJudged, not_applicable, untestable
from conformance.rules.conditions import probe_is

SECOND: Final = 1_000_000_000
MANY: Final = 2
NOT_SERVED: Final = frozenset((404, 405, 501))
"""Statuses by which a target declares that it does not offer an API, or does not stream."""
GAVE_UP: Final = frozenset((408, 504, 524))
"""Statuses by which a target says that its own time limit is over. SDKs retry them as they retry 503.

408 is what gateways send when a vendor is late, 504 is RFC 9110's, 524 Cloudflare's.
"""
LEAST_ALONE: Final = 3
"""Responses before the load with which those under load can be compared."""
LEAST_BAD: Final = 2
MOST_SELDOM: Final = 1000
"""A failure of one request in more than so many may be chance: a lost connection, a restart."""
MOST_STALL: Final = SECOND // 4
"""A stall of the harness that spoils no measurement: every bound is a second or more."""
MOMENT: Final = SECOND
LONG: Final = 5
"""How many moments a load has to last, so that what happens in one of them means something."""
MOST_NAMED: Final = 3


of_users: Final[Condition] = probe_is(Kind.USERS)
"""The exchange is one of a load test."""

Where = Callable[[Sample], bool]


def chance(bad: int, of: int, quiet_bad: int, quiet: int) -> float:
    """How likely it is that no more of the quiet ones are bad, if load makes no difference (Fisher's exact test).

    `bad` of so many are bad under load, `quiet_bad` of so many without.
    """
    every, every_bad = of + quiet, bad + quiet_bad
    ways = sum(comb(every_bad, count) * comb(every - every_bad, quiet - count) for count in range(quiet_bad + 1))
    return ways / comb(every, quiet)


def not_loaded(population: Population) -> NotJudged | None:
    """Why nothing can be said of many users: there was one, or the target declares that it does not serve them."""
    if population.run.users < MANY:
        return not_applicable("there was one user, so that no requests were concurrent")
    alone = {s.status for s in population.alone if s.task != "mistake"}
    if alone and alone <= NOT_SERVED:
        return not_applicable(
            f"the target rejects these requests alone, too (HTTP {min(alone)}): it does not serve them"
        )
    return None


def complete(samples: Iterable[Sample], where: Where = lambda _: True) -> tuple[Sample, ...]:
    """The complete responses to valid requests."""
    return tuple(s for s in samples if s.outcome == "complete" and s.task != "mistake" and where(s))


def judged(samples: Iterable[Sample]) -> tuple[Sample, ...]:
    """The exchanges that the harness did not end itself."""
    return tuple(s for s in samples if s.outcome not in ("stopped", "disconnected"))


def nothing_complete(population: Population) -> NotJudged:
    """No response under load was complete."""
    return untestable(f"none of {len(population.load):,} responses under load is complete")


def too_few_timed(count: int) -> NotJudged:
    """There is too little to compare times with."""
    return untestable(
        f"of the responses without load, {count} were complete and not delayed by the harness itself, too few to compare"
        f" with ({LEAST_ALONE})"
    )


def too_few_alone(count: int) -> NotJudged:
    """There is too little to compare with."""
    return untestable(f"{count} responses before the load are complete, too few to compare with ({LEAST_ALONE})")


def spoilt_alone(what: str) -> NotJudged:
    """The failure is none of the load."""
    return untestable(f"{what} before the load, too: the rules about single responses judge it")


def beyond_chance(
    bad: Sequence[Sample], of: int, what: str, *, everywhere: int = 0, seldom: int = MOST_SELDOM
) -> Iterator[Finding | NotJudged]:
    """A finding that counts them, or `untestable` if there are so few that it may be chance; nothing if there are none.

    `everywhere` counts those of the whole run, as other profiles and modes show that it is no chance, too.
    """
    if bad and max(len(bad), everywhere) >= LEAST_BAD and len(bad) * seldom >= of:
        yield counted(bad, of, what)
    elif bad:
        yield untestable(f"{_count(bad, of, what)}: so few that it may be chance")


def counted(bad: Sequence[Sample], of: int, what: str) -> Finding:
    """A finding with their number, which names the first ones."""
    named = ", ".join(map(name, bad[:MOST_NAMED]))
    more = ", …" if len(bad) > MOST_NAMED else ""
    return Finding(f"{_count(bad, of, what)} ({named}{more})", nonces=tuple(s.nonce for s in bad[:MOST_NAMED]))


def _count(bad: Sequence[Sample], of: int, what: str) -> str:
    return f"{len(bad):,} of {of:,} responses under load {what}"


def name(sample: Sample) -> str:
    """A request in words."""
    return f"user {sample.user}, turn {sample.turn}"


def is_one_event(bad: Sequence[Sample], load: Sequence[Sample]) -> bool:
    """Whether all that were lost in a run were lost at one moment of a longer load, and others went on.

    So it is when one of several server processes is restarted, which the load need not have caused. A server that
    crashes takes most of what is in progress with it. `load` are all requests of the run.
    """
    if len(bad) < LEAST_BAD or len({s.worker for s in load}) > 1:  # each worker has a clock of its own
        return False
    first, last = min(s.over for s in bad), max(s.over for s in bad)
    lasted = max(s.over for s in load) - min(s.began for s in load)
    in_progress = sum(s.began <= last and s.over >= first for s in load)
    return last - first <= MOMENT and lasted >= LONG * MOMENT and len(bad) * 2 <= in_progress


def one_event(bad: Sequence[Sample], of: int, what: str) -> NotJudged:
    """Responses were lost at one moment, which may be chance."""
    return untestable(
        f"{_count(bad, of, what)}, all at one moment, as if one of several server processes was restarted: repeat the load"
    )


def kept_up(samples: Sequence[Sample]) -> tuple[Sample, ...]:
    """The samples whose times the harness itself did not spoil."""
    return tuple(s for s in samples if s.stall <= MOST_STALL)


def has_given_up(sample: Sample) -> bool:
    """Whether the target itself gave up on a request, and says so."""
    return sample.outcome == "error" and sample.status in GAVE_UP


def is_on_closed_connection(sample: Sample) -> bool:
    """Whether a request was lost on a connection that was used before: the server may have closed it by then.

    https://www.rfc-editor.org/rfc/rfc9112#section-9.3.1
    """
    return sample.is_reused and sample.outcome == "cut" and sample.first_byte is None


def fell_behind(samples: Sequence[Sample]) -> NotJudged | None:
    """Times show nothing where the harness could not keep up."""
    late = len(samples) - len(kept_up(samples))
    if late * 2 <= len(samples):
        return None
    return untestable(f"the harness itself stalled during {late:,} of {len(samples):,} exchanges")
