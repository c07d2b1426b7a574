"""Whether the log probabilities of an echoed prompt are those of its own tokens."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, takewhile
from typing import Any, Final, NamedTuple

from conformance.apis.chat import span_of
from conformance.apis.content import Choice
from conformance.apis.logprobs import UNREADABLE, alternatives, entries, logprob, requests_logprobs
from conformance.apis.request_fields import echoes
from conformance.apis.response_content import response_content
from conformance.apis.text_choices import BYTES
from conformance.model.exchange import Exchange
from conformance.model.rule import rule
from conformance.model.verdict import MUST, OUT_OF_SCOPE, Finding, NotJudged, not_applicable, untestable
from conformance.parsing.json_values import as_object, as_string, display
from conformance.rules.conditions_by_api import finished
from conformance.rules.cpl.example import asking, choice, scored, whole
from conformance.rules.cpl.spec import COMPLETIONS, OBJECT

FEWEST: Final = 3
"""Tokens that have to name a neighbour, with its number: fewer may do so by chance."""
MOST: Final = 0.8
"""The part of the tokens whose alternatives name the token itself, or a neighbour, and so show whose they are."""
SAME: Final = 0.01
"""How far a log probability may differ between token_logprobs and top_logprobs, by rounding."""
NEAR: Final = 1.0
"""How far two log probabilities of a token after the same tokens may differ, besides the tenth part of them: what else is
computed at the time changes them, on quantised models by some tenths."""


class Scored(NamedTuple):
    """A token, its log probability, and its `top_logprobs`."""

    token: str
    logprob: float | None
    likeliest: Mapping[str, float | None]

    @property
    def is_readable(self) -> bool:
        """Whether its text is the token's alone: parts of characters may share one."""
        return bool(self.token) and UNREADABLE not in self.token and not self.token.startswith(BYTES)


def _scored(found: Choice) -> tuple[Scored, ...]:
    return tuple(
        Scored(
            as_string(as_object(entry).get("token")),
            logprob(entry),
            {as_string(each.get("token")): logprob(each) for each in alternatives(entry)},
        )
        for entry in found.logprobs
    )


def _echoed(x: Exchange) -> NotJudged | None:
    """The request asks for its prompts and their log probabilities, and complete choices with some were received."""
    if not (echoes(x) and requests_logprobs(x)):
        return OUT_OF_SCOPE
    return finished(x) or (None if entries(x) else not_applicable("the response has no logprobs"))


ASKED: Final = asking("witness", "echo.score", prompt="a b c d", echo=True, logprobs=1, max_tokens=1)
PAIR: Final = asking("witness", "echo.prompts", prompt=["a b c", "a b d"], echo=True, logprobs=1, max_tokens=1)
TOKENS: Final = ("a", " b", " c", " d", " e")


def _naming(*named: str) -> Exchange:
    """The response for TOKENS whose alternatives name these tokens; nothing precedes the first."""
    numbers = {token: -0.5 - at for at, token in enumerate(named)}
    likeliest = [None, *({token: number} for token, number in numbers.items())]
    lists = scored(*TOKENS, token_logprobs=[None, *numbers.values()], top_logprobs=likeliest)
    return whole(choice("".join(TOKENS), finish="length", logprobs=lists), words=1, **ASKED)


def _pair(*numbers: Sequence[Any]) -> Exchange:
    """The response to two prompts that begin with the same two tokens, with these log probabilities."""
    texts = (("a", " b", " c", "."), ("a", " b", " d", "."))
    lists = (
        scored(*tokens, token_logprobs=[*given], top_logprobs=None)
        for tokens, given in zip(texts, numbers, strict=True)
    )
    return whole(
        *(
            choice("".join(text), at, "length", found)
            for at, (text, found) in enumerate(zip(texts, lists, strict=True))
        ),
        **PAIR,
    )


@rule(
    "CPL016",
    MUST,
    "The log probabilities of an echoed prompt are those of its own tokens, not of their neighbours",
    spec=f"{OBJECT}#completions/object-choices",
    fix="Give each token the logits before it, not those after it: the first has none, and the last predict the completion.",
    applies_to=_echoed,
    apis=COMPLETIONS,
    good=[
        _naming(" b", " c", " d", " e"),
        _pair([None, -2.5, -9.0, -0.5], [None, -2.3, -4.0, -0.5]),
    ],
    bad=[
        _naming(" c", " d", " e", " f"),
        _naming("a", " b", " c", " d"),
        _pair([-2.5, -9.0, -0.5, -0.5], [-2.3, -4.0, -0.5, -0.5]),
    ],
)
def logprobs_of_neighbours(x: Exchange) -> Iterator[Finding | NotJudged]:
    """Every score of an evaluation is that of other tokens, and looks plausible.

    The alternatives show it, as most servers list the token itself among them. Where they do not: the tokens that two
    prompts begin with have the same log probabilities, up to the one before they differ.
    """
    found = [_scored(each) for each in response_content(x).choices]
    if neighbour := next(filter(None, map(_named_instead, found)), ""):
        yield Finding(f"the top_logprobs of each token name the {neighbour} one instead of it", at=span_of(x))
    elif any(not _names_itself(tokens) for tokens in found):
        yield from _compared(x, found)


def _places(tokens: Sequence[Scored]) -> list[int]:
    """The positions of tokens that can be looked for among their alternatives."""
    return [at for at, one in enumerate(tokens) if one.likeliest and one.is_readable]


def _names_itself(tokens: Sequence[Scored]) -> bool:
    """Whether most alternatives name the token itself, with its number."""
    places = _places(tokens)
    hits = sum(_has(tokens[at], tokens[at].token) for at in places)
    return hits >= max(FEWEST, MOST * len(places))


def _named_instead(tokens: Sequence[Scored]) -> str:
    """Which neighbour the alternatives name instead of the token itself: next or previous; or empty.

    The number of the token is then the neighbour's, and not the same for all. A model may well find a neighbour likeliest
    at each place, but it is no token's own number then.
    """
    for name, step in (("next", 1), ("previous", -1)):
        pairs = [(tokens[at], tokens[at + step].token) for at in _places(tokens) if 0 <= at + step < len(tokens)]
        hits = [one.logprob for one, other in pairs if one.token not in one.likeliest and _has(one, other)]
        if len(hits) >= max(FEWEST, MOST * len(pairs)) and len({*hits}) > 1:
            return name
    return ""


def _has(one: Scored, token: str) -> bool:
    """Whether a token is among the alternatives, with the number of this one."""
    its = one.likeliest.get(token)
    return its is not None and one.logprob is not None and abs(its - one.logprob) <= SAME


def _compared(x: Exchange, found: Sequence[Sequence[Scored]]) -> Iterator[Finding | NotJudged]:
    """Whether two choices have the same numbers for the tokens that both begin with."""
    is_shown = False
    for (one, first), (other, second) in combinations(enumerate(found), 2):
        common = _common(first, second)
        for mine, its in zip(first[1:common], second[1:common], strict=True):
            if not _is_near(mine.logprob, its.logprob):
                seen = f"after the same tokens, {display(mine.token)} has the logprob {display(mine.logprob)} in choice {one}"
                yield Finding(f"{seen}, and {display(its.logprob)} in choice {other}", at=span_of(x))
                return
        is_long = 2 <= common < min(len(first), len(second))
        is_shown |= is_long and not _is_near(first[common].logprob, second[common].logprob)
    if not is_shown:
        yield untestable(
            "neither the alternatives nor two prompts that begin alike show whose the log probabilities are"
        )


def _common(one: Sequence[Scored], other: Sequence[Scored]) -> int:
    """How many tokens both begin with."""
    pairs = zip(one, other, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0].token == pair[1].token and pair[0].is_readable, pairs))


def _is_near(one: float | None, other: float | None) -> bool:
    """Whether two log probabilities may be those of one token after the same tokens; a missing one shows nothing."""
    return one is None or other is None or abs(one - other) <= NEAR + abs(one + other) / 20
