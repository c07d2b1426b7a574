"""Usage under load: each response reports its own, and what it reports alone."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from conformance.model.rule import rule
from conformance.model.sample import Population, Sample
from conformance.model.verdict import MUST, Finding, NotJudged, not_applicable
from conformance.model.words import GENERATIVE
from conformance.rules.load.conditions import (
    LEAST_ALONE,
    beyond_chance,
    complete,
    not_loaded,
    nothing_complete,
    of_users,
    too_few_alone,
)
from conformance.rules.load.example import ALONE, AS_REQUESTED, completed, usage
from conformance.rules.load.spec import USAGE

MARGIN: Final = 30
"""Tokens by which two requests differ at most: each has its nonce at most twice, of 16 characters."""
Reported = Callable[[Sample], int | None]


def _prompt(sample: Sample) -> int | None:
    return sample.prompt_tokens


def _completion(sample: Sample) -> int | None:
    """The completion tokens of a text without reasoning, which has a length of its own each time."""
    return None if sample.reasoning_tokens else sample.completion_tokens


@rule(
    "LOAD006",
    MUST,
    "Usage under load counts the tokens of its own request, as it does alone",
    spec=USAGE,
    fix="Count the tokens of each request in its own state, and report them with its own response.",
    applies_to=of_users,
    apis=GENERATIVE,
    good=[AS_REQUESTED, (*AS_REQUESTED, completed(3, spent=usage(70, 45)))],
    bad=[
        (*ALONE, completed(1, spent=usage(120, 40)), completed(2, spent=usage(180, 40))),
        (*ALONE, completed(1, spent={}), completed(2, spent={})),
        (*ALONE, completed(1, spent=usage(60, 80)), completed(2, spent=usage(60, 200))),
        (*AS_REQUESTED, completed(1, 0, "after", spent=usage(58, 40)), completed(2, 0, "after", spent=usage(58, 40))),
    ],
)
def usage_of_others(population: Population) -> Iterator[Finding | NotJudged]:
    """Users are billed for what others generate, or not at all.

    Requests differ in one word and get texts of one length, so that their counts hardly differ either.
    """
    alone, load = complete(population.alone), complete(population.load)
    if skip := not_loaded(population):
        yield skip
    elif not load:
        yield nothing_complete(population)
    elif len(alone) < LEAST_ALONE:
        yield too_few_alone(len(alone))
    elif not any(s.prompt_tokens is not None for s in alone):
        yield not_applicable("no response before the load reports usage")
    else:
        yield from beyond_chance(_missing(alone, load), len(load), "report no usage, as those before the load do")
        for count, what in ((_prompt, "prompt"), (_completion, "completion")):
            bad = [s for s in load if _is_off(count, s, alone)]
            yield from beyond_chance(
                bad, len(load), f"count other {what} tokens than before the load{_range(count, bad, alone)}"
            )
        repeated = [pair for pair in population.repeated if len(complete(pair)) == len(pair)]
        bad = [s for s, again in repeated if _differs(s, again)]
        yield from beyond_chance(bad, len(repeated), "count other prompt tokens than the same request alone")


def _missing(alone: Sequence[Sample], load: Sequence[Sample]) -> list[Sample]:
    """Responses without usage, of tasks that have it alone each time."""
    lacking = {s.task for s in alone if s.prompt_tokens is None}
    known = {s.task for s in alone} - lacking
    return [s for s in load if s.prompt_tokens is None and s.task in known]


def _alike(sample: Sample, alone: Sequence[Sample]) -> list[Sample]:
    """Responses before the load that are as long as this one, to the same kind of request."""
    return [s for s in alone if (s.task, s.length, s.finish) == (sample.task, sample.length, sample.finish)]


def _is_off(count: Reported, sample: Sample, alone: Sequence[Sample]) -> bool:
    """Whether a count is outside the range of those before the load, if these are alike.

    They are not where a model thinks in secret, and its tokens are counted.
    """
    mine = count(sample)
    others = [other for s in _alike(sample, alone) if (other := count(s)) is not None]
    if mine is None or not others or max(others) - min(others) > MARGIN:
        return False
    return not min(others) - MARGIN <= mine <= max(others) + MARGIN


def _range(count: Reported, bad: Sequence[Sample], alone: Sequence[Sample]) -> str:
    """The first count that is off, and those before the load."""
    if not bad:
        return ""
    others = [other for s in _alike(bad[0], alone) if (other := count(s)) is not None]
    return f": {count(bad[0]):,}, not {min(others):,} to {max(others):,}"


def _differs(sample: Sample, again: Sample) -> bool:
    """Whether the same request, repeated alone, counts other prompt tokens, by more than one.

    Completion tokens may differ for equal content: of tool calls whose spaces a parser drops, and of hidden thoughts.
    """
    mine, other = _prompt(sample), _prompt(again)
    return mine is not None and other is not None and abs(mine - other) > 1
