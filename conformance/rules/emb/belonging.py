"""Whether embeddings belong to their inputs: in a batch as alone, again as before, and different for different texts."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Final, NamedTuple

from conformance.apis.chat import span_of
from conformance.apis.embeddings import Values, by_index, cosine, norm
from conformance.apis.request import request_body
from conformance.model.case import Compare, Kind
from conformance.model.exchange import Exchange
from conformance.model.rule import rule
from conformance.model.verdict import MUST, SHOULD, Finding, NotJudged, not_applicable, untestable
from conformance.parsing.json_values import as_array, display
from conformance.rules.emb.conditions import finite, indexed, of, other_name
from conformance.rules.emb.example import GOOD, GOOD_BATCH, ONE, TEXTS, THREE, TWO, batch, single
from conformance.rules.emb.spec import CREATE, GUIDE, ONLY

REPEATED: Final = 0.95
"""The least cosine of two embeddings of one text: kernels differ with what else is computed at the time, up to 0.97 as
measured on a model of random weights; trained ones differ far less."""
BATCHED: Final = 0.96
"""The least cosine of an embedding alone and in a batch."""
IS_IT: Final = 0.98
"""The least cosine by which an embedding is recognised as that of another text."""
LONGER: Final = 0.05
"""How far the lengths of one text's embeddings may differ, as a part of them."""
NEARER: Final = 0.05
"""How much nearer to another text an embedding has to be than to its own, as a difference of cosines."""

BATCHES: Final = ("batch", "batch-as-base64")
FIRST: Final = single(TWO, TEXTS[0], "form.default-format")
LAST: Final = single(THREE, [TEXTS[2]], "form.list-of-one")
ALONE: Final[Mapping[str, Compare]] = {
    "first": Compare(Kind.ACCEPTED_FORM, "default-format"),
    "alone": Compare(Kind.REPEAT),
    "last": Compare(Kind.ACCEPTED_FORM, "list-of-one"),
    "again": Compare(Kind.REPEAT, repeat=1),
}
"""The texts of the batch, each in a request of its own."""


class Single(NamedTuple):
    """The embedding of a text alone, and the index that the text has in the batch."""

    values: Values
    input_index: int


def _singles(x: Exchange, alone: Sequence[Exchange]) -> Iterator[Single | NotJudged]:
    """The texts of a batch alone; or why they can't be compared."""
    texts = as_array(request_body(x).get("input"))
    for other in alone:
        given = request_body(other).get("input")
        text = given[0] if isinstance(given, list) and given else given
        if skip := finite(other):
            yield skip
        elif why := other_name(x, other):
            yield untestable(why)
        elif text in texts and len(by_index(other)[0]) == len(by_index(x)[0]):
            yield Single(by_index(other)[0], texts.index(text))


def _usable(x: Exchange, alone: Sequence[Exchange], again: Exchange) -> tuple[tuple[Single, ...], NotJudged | None]:
    """The texts of the batch alone, where the target gives a text the same embedding twice; else why not."""
    found = tuple(_singles(x, alone))
    usable = tuple(one for one in found if isinstance(one, Single))
    if skip := next((one for one in found if isinstance(one, NotJudged)), finite(again)):
        return usable, skip
    near = cosine(by_index(alone[1])[0], by_index(again)[0])
    if near is None or near < REPEATED:
        return usable, untestable("two responses to the same request differ (see EMB014)")
    return usable, None if usable else untestable("the batch and the texts alone have other numbers of dimensions")


@rule(
    "EMB012",
    MUST,
    "The embedding with an input's index is that of the input, not of another one",
    spec=f"{CREATE}#embeddings-create-input",
    fix="Keep the index of each input while batching, sorting by length, and joining the results of workers.",
    applies_to=of(Kind.ACCEPTED_FORM, *BATCHES),
    apis=ONLY,
    good=[(GOOD_BATCH, FIRST, GOOD, LAST, GOOD)],
    bad=[
        (batch(THREE, ONE, TWO), FIRST, GOOD, LAST, GOOD),
        (batch(ONE, TWO, THREE), FIRST, GOOD, LAST, GOOD),
        (batch(THREE, TWO, ONE), FIRST, GOOD, LAST, GOOD),
    ],
    compares_with=ALONE,
)
def embedding_of_another_input(
    x: Exchange, first: Exchange, alone: Exchange, last: Exchange, again: Exchange
) -> Iterator[Finding | NotJudged]:
    """Each text is stored with the embedding of another: every search finds the wrong ones, and nothing reports it."""
    singles, skip = _usable(x, (first, alone, last), again)
    if skip:
        yield skip
        return
    if len({*by_index(x).values()}) < len(by_index(x)):
        yield not_applicable("embeddings of the batch are equal (see EMB015)")
        return
    if not _are_apart(singles):
        yield untestable("the embeddings of the three texts are too similar to tell them apart")
        return
    for own in singles:
        values = by_index(x)[own.input_index]
        near = {one.input_index: cosine(values, one.values) or 0.0 for one in singles}
        best = max(near, key=lambda index: near[index])
        if near[best] >= IS_IT and near[best] - near[own.input_index] > NEARER:
            seen = f"the embedding with index {own.input_index} is that of input {best} (cosine {near[best]:.3f})"
            yield Finding(f"{seen}, not of its own (cosine {near[own.input_index]:.3f})", at=span_of(x))


def _are_apart(singles: Sequence[Single]) -> bool:
    """Whether the texts alone have embeddings that differ more than those of one text do."""
    pairs = ((cosine(one.values, other.values) or 0.0) for one, other in combinations(singles, 2))
    return all(near <= IS_IT - NEARER for near in pairs)


@rule(
    "EMB013",
    SHOULD,
    "A text has the same embedding in a batch as alone",
    spec=f"{CREATE}#embeddings-create-input",
    fix="Mask the padding of shorter inputs in attention and pooling, and add the same prefix and special tokens to each.",
    applies_to=of(Kind.ACCEPTED_FORM, *BATCHES),
    apis=ONLY,
    good=[(GOOD_BATCH, FIRST, GOOD, LAST, GOOD), (batch(TWO, (0.61, 0.79, 0, 0), THREE), FIRST, GOOD, LAST, GOOD)],
    bad=[
        (batch(TWO, (0.9, 0.43, 0, 0), THREE), FIRST, GOOD, LAST, GOOD),
        (batch(TWO, (6.0, 8.0, 0, 0), THREE), FIRST, GOOD, LAST, GOOD),
    ],
    compares_with=ALONE,
)
def other_embedding_in_a_batch(
    x: Exchange, first: Exchange, alone: Exchange, last: Exchange, again: Exchange
) -> Iterator[Finding | NotJudged]:
    """Documents are embedded in batches, search texts alone: a text is not found by its own words."""
    singles, skip = _usable(x, (first, alone, last), again)
    if skip:
        yield skip
        return
    for one in singles:
        values = by_index(x)[one.input_index]
        near, longer = cosine(values, one.values) or 0.0, norm(values) / norm(one.values)
        if near < BATCHED or abs(longer - 1) > LONGER:
            seen = f"input {one.input_index} has another embedding in the batch than alone"
            yield Finding(f"{seen}: the cosine is {near:.3f}, the length {longer:.3f} of the other", at=span_of(x))


@rule(
    "EMB014",
    SHOULD,
    "The same text gets the same embedding again",
    spec=GUIDE,
    fix="Turn off dropout and sampling, and serve one version of the model under one name.",
    applies_to=of(Kind.REPEAT, ""),
    apis=ONLY,
    good=[(GOOD, GOOD), (GOOD, single((0.6001, 0.7999, 0, 0)))],
    bad=[(GOOD, single(TWO))],
    compares_with={"again": Compare(Kind.REPEAT, repeat=1)},
)
def embedding_that_varies(x: Exchange, again: Exchange) -> Iterator[Finding | NotJudged]:
    """What was stored yesterday is not found today, though nothing changed."""
    if skip := finite(again):
        yield skip
    elif why := other_name(x, again):
        yield untestable(why)
    elif (near := cosine(by_index(x)[0], by_index(again)[0])) is None or near < REPEATED:
        found = "another number of dimensions" if near is None else f"the cosine {near:.4f}"
        yield Finding(f"two embeddings of the same text have {found}", at=span_of(x), expected=f"{REPEATED} or more")


@rule(
    "EMB015",
    MUST,
    "Different texts have different embeddings",
    spec=GUIDE,
    fix="Pass each input to the model: look for a buffer that is reused, or a result that is copied for the whole batch.",
    applies_to=of(Kind.ACCEPTED_FORM, *BATCHES, then=indexed),
    apis=ONLY,
    good=[(GOOD_BATCH, FIRST, GOOD), (batch(TWO, (0.6, 0.8000001, 0, 0), ONE), FIRST, GOOD)],
    bad=[
        (batch(ONE, ONE, ONE), FIRST, GOOD),
        (batch(TWO, ONE, ONE), FIRST, GOOD),
        (GOOD_BATCH, single(ONE, TEXTS[0], "form.default-format"), GOOD),
    ],
    compares_with={
        "first": Compare(Kind.ACCEPTED_FORM, "default-format", optional=True),
        "alone": Compare(Kind.REPEAT, optional=True),
    },
)
def equal_embeddings(x: Exchange, first: Exchange | None, alone: Exchange | None) -> Iterator[Finding]:
    """All texts look alike: each search finds them in any order, and nothing reports it."""
    found: dict[Values, int] = {}
    for index, values in sorted(by_index(x).items()):
        if values in found and any(values):
            seen = f"the embeddings of inputs {found[values]} and {index} are equal, though the texts differ"
            yield Finding(seen, at=span_of(x))
        found.setdefault(values, index)
    if first and alone and not finite(first) and not finite(alone) and by_index(first)[0] == by_index(alone)[0]:
        yield Finding("two texts in requests of their own have equal embeddings, though they differ", at=span_of(x))


def _damaged(*vectors: object) -> Exchange:
    return batch(*vectors, given=["\u00dcber", "?ber", "\u00c3\u009cber"], probe="form.umlauts")


@rule(
    "EMB032",
    MUST,
    "No character of a text is lost or replaced before it is embedded",
    spec=f"{CREATE}#embeddings-create-input",
    fix="Read the body as UTF-8, and pass the text to the tokenizer unchanged.",
    applies_to=of(Kind.ACCEPTED_FORM, "umlauts"),
    apis=ONLY,
    good=[_damaged(ONE, TWO, THREE), _damaged(ONE, (0.6, 0.79999, 0.0, 0.0), TWO)],
    bad=[_damaged(ONE, ONE, TWO), _damaged(ONE, TWO, ONE)],
)
def characters_lost(x: Exchange) -> Iterator[Finding | NotJudged]:
    """Texts in most languages are stored with the embeddings of other ones: searches in them find the wrong texts."""
    if len({*by_index(x).values()}) == 1:
        yield untestable("all embeddings of the response are equal (see EMB015)")
        return
    texts = as_array(request_body(x).get("input"))
    for index, values in sorted(by_index(x).items()):
        if index and values == by_index(x)[0]:
            seen = f"the text {display(texts[0])} has the same embedding as {display(texts[index])}"
            yield Finding(seen, at=span_of(x))
