"""Usage: its counts, and whether all inputs are counted."""

from collections.abc import Iterator
from typing import Final

from conformance.apis.chat import span_of
from conformance.apis.request import request_body
from conformance.apis.usage import reports, usage
from conformance.model.case import Compare, Kind
from conformance.model.exchange import Exchange
from conformance.model.rule import rule
from conformance.model.verdict import MUST, SHOULD, Finding, NotJudged, untestable
from conformance.parsing.json_body import json_body
from conformance.parsing.json_values import as_object, as_string, describe_member, is_integer
from conformance.rules.emb.conditions import listed, of
from conformance.rules.emb.example import GOOD, GOOD_BATCH, ONE, TEXTS, THREE, TWO, batch, embedded, entry, single
from conformance.rules.emb.example import listed as response
from conformance.rules.emb.inputs import FEWER
from conformance.rules.emb.spec import CREATE, ONLY
from conformance.rules.shared_checks import invalid_counts

COUNTS: Final = ("prompt_tokens", "total_tokens")
ADDED: Final = 100
"""Tokens that a server may add to a text: special ones, and the instruction of the model."""
LEAST, MOST = 0.7, 1.6
"""How many tokens a batch may count for one that its texts have alone: special tokens and padding may differ."""


def _with_usage(**usage: object) -> Exchange:
    return embedded(response(entry(ONE), usage=usage))


@rule(
    "EMB019",
    MUST,
    "A response has usage with prompt_tokens and total_tokens, as non-negative integers",
    spec=CREATE,
    fix="Send usage with prompt_tokens and total_tokens in every response.",
    applies_to=listed,
    apis=ONLY,
    good=[GOOD, GOOD_BATCH],
    bad=[
        embedded(response(entry(ONE), usage=None)),
        _with_usage(),
        _with_usage(prompt_tokens=6),
        _with_usage(prompt_tokens="6", total_tokens="6"),
        _with_usage(prompt_tokens=-1, total_tokens=-1),
        embedded(response(entry(ONE), usage=6)),
    ],
)
def odd_usage(x: Exchange) -> Iterator[Finding]:
    """Typed clients reject the response without it; others can't compute the cost."""
    if not reports(x):
        value = as_object(json_body(x))
        yield Finding(f"the response has {describe_member(value, 'usage')}", at=span_of(x), expected="an object")
    for report in reports(x):
        yield from invalid_counts(x, (report.value, None), COUNTS)


def counted(x: Exchange) -> NotJudged | None:
    """The response has usage with valid counts."""
    if skip := listed(x):
        return skip
    value = as_object(reports(x)[-1].value) if reports(x) else {}
    return (
        None
        if all(is_integer(value.get(name)) for name in COUNTS)
        else untestable("the usage has no valid counts (see EMB019)")
    )


@rule(
    "EMB020",
    MUST,
    "total_tokens is prompt_tokens: no completion is counted",
    spec=CREATE,
    fix="Set total_tokens to prompt_tokens, and leave out completion_tokens, or send 0.",
    applies_to=counted,
    apis=ONLY,
    good=[
        GOOD,
        _with_usage(prompt_tokens=6, completion_tokens=0, total_tokens=6),
        _with_usage(prompt_tokens=6.0, total_tokens=6),
    ],
    bad=[
        _with_usage(prompt_tokens=6, total_tokens=7),
        _with_usage(prompt_tokens=6, total_tokens=0),
        _with_usage(prompt_tokens=6, completion_tokens=1, total_tokens=7),
    ],
)
def completion_counted(x: Exchange) -> Iterator[Finding]:
    """Some clients bill by the total, others by the prompt: one of the two is wrong."""
    value = as_object(reports(x)[-1].value)
    if value["prompt_tokens"] != value["total_tokens"]:
        seen = f"usage counts {value['prompt_tokens']} prompt tokens, but total_tokens is {value['total_tokens']}"
        yield Finding(seen, at=span_of(x))


@rule(
    "EMB021",
    SHOULD,
    "Usage does not count 0 tokens",
    spec=CREATE,
    fix="Take the count from the tokenizer.",
    applies_to=counted,
    apis=ONLY,
    good=[GOOD],
    bad=[_with_usage(prompt_tokens=0, total_tokens=0)],
)
def no_tokens_counted(x: Exchange) -> Iterator[Finding]:
    """Cost and limits are computed from usage: with zeros the bill is empty."""
    if as_object(reports(x)[-1].value)["prompt_tokens"] == 0:
        yield Finding("usage counts 0 prompt tokens", at=span_of(x))


@rule(
    "EMB022",
    SHOULD,
    "Usage counts the tokens of all inputs, each once",
    spec=f"{CREATE}#embeddings-create-input",
    fix="Add up the tokens of all inputs of the request, without padding, and of no other request.",
    applies_to=of(Kind.ACCEPTED_FORM, "batch", then=counted),
    apis=ONLY,
    good=[
        (batch(TWO, ONE, THREE, tokens=18), single(TWO, TEXTS[0]), GOOD, single(THREE, TEXTS[2])),
        (batch(TWO, ONE, THREE, tokens=14), single(TWO, TEXTS[0]), GOOD, single(THREE, TEXTS[2])),
    ],
    bad=[
        (batch(TWO, ONE, THREE, tokens=6), single(TWO, TEXTS[0]), GOOD, single(THREE, TEXTS[2])),
        (batch(TWO, ONE, THREE, tokens=54), single(TWO, TEXTS[0]), GOOD, single(THREE, TEXTS[2])),
    ],
    compares_with={
        "first": Compare(Kind.ACCEPTED_FORM, "default-format"),
        "alone": Compare(Kind.REPEAT),
        "last": Compare(Kind.ACCEPTED_FORM, "list-of-one"),
    },
)
def inputs_not_counted(x: Exchange, first: Exchange, alone: Exchange, last: Exchange) -> Iterator[Finding | NotJudged]:
    """Documents are embedded in batches: the bill is for one of them, or for one several times."""
    others = (first, alone, last)
    if skip := next((skip for other in others if (skip := counted(other))), None):
        yield skip
        return
    spent = usage(x)
    together = sum(one.prompt for other in others if (one := usage(other)))
    if not (spent and together):
        yield untestable("the texts alone count no tokens (see EMB021)")
    elif not LEAST * together <= spent.prompt <= MOST * together:
        yield Finding(
            f"usage counts {spent.prompt} tokens for three texts, which alone count {together}", at=span_of(x)
        )


def _spent(tokens: int, given: object = TEXTS[1], probe: str = "twin") -> Exchange:
    return embedded(response(entry(ONE), tokens=tokens), given, probe)


def _by_length(extra: int = 0) -> tuple[Exchange, Exchange, Exchange]:
    """Three responses that count the characters of their texts, and so many more."""
    first, alone, last = (len(text) + extra for text in TEXTS)
    return _spent(alone), _spent(first, TEXTS[0], "form.default-format"), _spent(last, [TEXTS[2]], "form.list-of-one")


OTHERS: Final = (single(TWO, TEXTS[0], "form.default-format"), single(THREE, [TEXTS[2]], "form.list-of-one"))


@rule(
    "EMB029",
    SHOULD,
    "Usage counts tokens, not inputs, characters or padding",
    spec=CREATE,
    fix="Take the count from the tokenizer, without padding.",
    applies_to=of(Kind.REPEAT, "", then=counted),
    apis=ONLY,
    good=[(GOOD, *OTHERS), (_spent(19), *OTHERS), _by_length(2)],
    bad=[(_spent(1), *OTHERS), (_spent(512), *OTHERS), _by_length()],
    compares_with={
        "first": Compare(Kind.ACCEPTED_FORM, "default-format", optional=True),
        "last": Compare(Kind.ACCEPTED_FORM, "list-of-one", optional=True),
    },
)
def other_units_counted(x: Exchange, first: Exchange | None, last: Exchange | None) -> Iterator[Finding]:
    """The bill is for something else than tokens, and a client that keeps to a limit of tokens sends too much or too little.

    A word has a token at least in most vocabularies, and a token a byte; ADDED tokens may be the server's own instruction.
    """
    text, spent = _text(x), usage(x)
    if not spent or not spent.prompt:  # which EMB021 reports
        return
    words, most = len(text.split()), len(text.encode()) + ADDED
    known = [other for other in (x, first, last) if other and not counted(other)]
    if spent.prompt < FEWER * words:
        yield Finding(f"usage counts {spent.prompt} token(s) for a text of {words} words", at=span_of(x))
    elif spent.prompt > most:
        yield Finding(f"usage counts {spent.prompt} tokens for a text of {most - ADDED} bytes", at=span_of(x))
    elif len(known) == 3 and all((one := usage(other)) and one.prompt == len(_text(other)) for other in known):
        yield Finding(f"usage counts the {spent.prompt} characters of the text, and those of two others", at=span_of(x))


def _text(x: Exchange) -> str:
    """The only text of a request."""
    given = request_body(x).get("input")
    return as_string(given[0] if isinstance(given, list) and given else given)
