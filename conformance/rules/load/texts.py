"""Each text is whole: what a request asks for is compared with what the same target responds to it alone."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from conformance.apis.content import FINISH_REASON_ALIASES
from conformance.model.rule import rule
from conformance.model.sample import Population, Sample
from conformance.model.verdict import MUST, Finding, NotJudged, untestable
from conformance.model.words import GENERATIVE
from conformance.rules.load.conditions import (
    LEAST_BAD,
    MOST_SELDOM,
    Where,
    chance,
    complete,
    counted,
    not_loaded,
    nothing_complete,
    of_users,
)
from conformance.rules.load.example import AFTER, ALONE, AS_REQUESTED, completed, nonce, requested_text
from conformance.rules.load.spec import STREAMING

CUT_SHORT: Final = ("length", "content_filter")
"""Finish reasons of a text that is not whole, as the response itself reports."""
LEAST_LIKELY: Final = 0.0001
"""How unlikely it must be that a model that errs as often without load did not."""


REPEATED: Final = tuple(completed(user, turn, "after") for user in (1, 2, 3) for turn in range(2))


class _Texts(NamedTuple):
    """The texts of the tasks that the model does alone: under load, without load, and of repeated requests.

    Those without load are of all profiles and modes of the API, as the model is the same.
    """

    load: tuple[Sample, ...]
    quiet: tuple[Sample, ...]
    repeated: tuple[tuple[Sample, Sample], ...]


def _texts(population: Population, is_bad: Where, where: Where) -> _Texts:
    alone = complete(population.alone, where)
    api = next((s.api for s in population.samples), None)
    good, all_of_them = Counter(s.task for s in alone if not is_bad(s)), Counter(s.task for s in alone)

    def is_done(sample: Sample) -> bool:
        return where(sample) and good[sample.task] * 2 >= all_of_them[sample.task] > 0

    return _Texts(
        load=complete(population.load, is_done),
        quiet=complete(population.run.quiet, lambda s: s.api == api and is_done(s)),
        repeated=tuple(pair for pair in population.repeated if len(complete(pair, is_done)) == len(pair)),
    )


def _spoilt(population: Population, is_bad: Where, where: Where, what: str) -> Iterator[Finding | NotJudged]:
    """A finding, if texts are bad under load and, of the same target and without load, are not.

    The model is never judged: it may err in any text, also at random, and a little more often in batches. So either
    usage counts tokens that did not arrive, or far more texts are bad than without load.
    """
    texts = _texts(population, is_bad, where)
    bad = [s for s in texts.load if is_bad(s)]
    if not complete(population.load, where):
        yield nothing_complete(population)
    elif not texts.load:
        yield untestable(f"most responses before the load {what}, too")
    elif shown := bad and (_undelivered(texts, is_bad, bad) or _beyond_chance(texts, is_bad, bad)):
        yield counted(shown, len(texts.load), what)
    elif bad:
        yield untestable(
            f"{len(bad):,} of {len(texts.load):,} responses under load {what}, and the model may err so often alone"
        )


def _undelivered(texts: _Texts, is_bad: Where, bad: Sequence[Sample]) -> Sequence[Sample]:
    """Bad texts for which usage counts the tokens of the good one that the same request got alone; none if too few."""
    confirmed = [(s, again) for s, again in texts.repeated if is_bad(s) and not is_bad(again)]
    found = [s for s, again in confirmed if s.completion_tokens == again.completion_tokens is not None]
    is_usual = len(found) * 2 >= len(confirmed) and len(bad) * MOST_SELDOM >= len(texts.load)
    return found if is_usual and len(found) >= LEAST_BAD and not any(map(is_bad, texts.quiet)) else ()


def _beyond_chance(texts: _Texts, is_bad: Where, bad: Sequence[Sample]) -> Sequence[Sample]:
    """All bad texts, if so few are bad without load that it can't be chance; else none."""
    quiet_bad = sum(map(is_bad, texts.quiet))
    return bad if chance(len(bad), len(texts.load), quiet_bad, len(texts.quiet)) <= LEAST_LIKELY else ()


def _is_own(sample: Sample) -> bool:
    """Whether it has no text of another request, which another rule judges, and no filter or cap that it reports."""
    return not sample.foreign and FINISH_REASON_ALIASES.get(sample.finish, sample.finish) not in CUT_SHORT


@rule(
    "LOAD003",
    MUST,
    "The text under load is about the request, as it is alone",
    spec=STREAMING,
    fix="Find where a request loses its prompt or its output when others run: a slot reused too early, a cache, a dropped task.",
    applies_to=of_users,
    apis=GENERATIVE,
    good=[AS_REQUESTED],
    bad=[
        (*ALONE, *AFTER, *(completed(user, turn, text="") for user in (1, 2) for turn in range(4))),
        (*AS_REQUESTED, completed(3, text=""), completed(3, 1, text="Hi"), *REPEATED),
    ],
)
def text_about_nothing(population: Population) -> Iterator[Finding | NotJudged]:
    """The user gets an empty or unrelated text with a success status, and pays for it; no client tries again.

    The request asks for a rare word, which the target says when it is alone.
    """
    if skip := not_loaded(population):
        yield skip
    else:
        lack = "do not have the requested word"
        yield from _spoilt(population, lambda s: not s.has_own_nonce, _is_own, lack)


def _is_numbered(sample: Sample) -> bool:
    return sample.task == "text" and sample.has_own_nonce and _is_own(sample)


def _without(text: str, number: int) -> str:
    """A text without one of its numbers."""
    parts = text.split(", ")
    return ", ".join((*parts[:number], *parts[number + 1 :]))


def _damaged(user: int, turn: int) -> str:
    return _without(requested_text(user, turn), 7)


DAMAGED: Final = tuple(completed(user, turn, text=_damaged(user, turn)) for user in (1, 2) for turn in range(2))


@rule(
    "LOAD004",
    MUST,
    "No part of a text is lost, doubled or reordered under load",
    spec=STREAMING,
    fix="Send every token of a request once and in order: one queue for each stream, no shared iterator, wait for slow clients.",
    applies_to=of_users,
    apis=GENERATIVE,
    good=[AS_REQUESTED],
    bad=[
        (*ALONE, *DAMAGED, *REPEATED),
        (*ALONE, *(completed(u, t, text=f"{requested_text(u, t)}, 29") for u in (1, 2) for t in range(2)), *REPEATED),
        (*ALONE, *(completed(u, t, text=f"{nonce(u, t)}, 11, 10, 12") for u in (1, 2) for t in range(2)), *REPEATED),
    ],
)
def text_in_pieces(population: Population) -> Iterator[Finding | NotJudged]:
    """A number is wrong, a sentence lacks its "not", code does not compile, and nothing shows it.

    The request asks for twenty numbers in order, which the target says when it is alone.
    """
    if skip := not_loaded(population):
        yield skip
    else:
        yield from _spoilt(population, lambda s: s.numbers != "whole", _is_numbered, _what(population))


def _what(population: Population) -> str:
    """What is the matter with most of the texts, in words."""
    orders = [s.numbers for s in complete(population.load, _is_numbered) if s.numbers != "whole"]
    most = max(sorted(set(orders)), key=orders.count, default="lost")
    words = {
        "short": "lack the last of the requested numbers",
        "lost": "lack some of the requested numbers",
        "doubled": "have some of the requested numbers twice",
        "reordered": "have the requested numbers in another order",
        "mixed": "have numbers that another request asked for",
    }
    return words.get(most, "have none of the requested numbers")
