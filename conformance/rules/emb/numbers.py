"""The numbers of embeddings: how they are written, whether they are numbers, how many, and how long the vector is."""

import base64
import math
import struct
from collections.abc import Iterator, Sequence
from typing import Any, Final

from conformance.apis.chat import span_of
from conformance.apis.embeddings import FLOAT_BYTES, Vector, asks_base64, cosine, norm, requested_dimensions, vectors
from conformance.model.case import Compare, Kind
from conformance.model.exchange import Exchange
from conformance.model.rule import rule
from conformance.model.verdict import MAY, MUST, SHOULD, Finding, NotJudged, not_applicable, untestable
from conformance.parsing.json_values import display
from conformance.rules.emb.conditions import finite, listed, of, other_name, readable
from conformance.rules.emb.example import (
    GOOD,
    GOOD_BASE64,
    GOOD_BATCH,
    ONE,
    THREE,
    TWO,
    as_base64,
    batch,
    embedded,
    single,
)
from conformance.rules.emb.spec import CREATE, GUIDE, OBJECT, ONLY

SAME: Final = 0.9
"""The least cosine of one vector in two responses: kernels differ with what else is computed at the time, up to 0.97 as
measured on a model of random weights. Other bytes than little-endian 32-bit floats are far from it."""
ALIKE: Final = 0.05
"""How far the lengths of one vector in two responses may differ, as a part of them."""
SENSIBLE: Final = 1e6
"""Larger than any number of an embedding; the largest one is not as small as its inverse."""
UNIT: Final = 0.01
"""How far the length of a normalised vector may be from 1; 8-bit numbers are as near."""
BASE64: Final[dict[str, Any]] = {"encoding_format": "base64", "probe": "witness.encoding_format"}


def _numbers_requested(x: Exchange) -> NotJudged | None:
    return listed(x) or (not_applicable("the request asks for Base64") if asks_base64(x) else None)


@rule(
    "EMB006",
    MUST,
    "An embedding is an array of numbers, unless the request asks for Base64",
    spec=f"{CREATE}#embeddings-create-encoding_format",
    fix="Send an array of numbers unless `encoding_format` is base64: no strings, nulls or nested arrays.",
    applies_to=_numbers_requested,
    needs=("request",),
    apis=ONLY,
    good=[GOOD, GOOD_BATCH, single([1, 0, 0, 0])],
    bad=[
        single(as_base64(ONE)),
        single(["0.6", "0.8"]),
        single([0.6, None]),
        single([[*ONE]]),
        single([0.6, True]),
        single([]),
    ],
)
def embedding_without_numbers(x: Exchange) -> Iterator[Finding]:
    """Clients compute with the items: a string or null raises an error, or is stored as it is."""
    for vector in vectors(x):
        if vector.is_base64:
            seen = f"embedding {vector.at} is a string, but the request does not ask for Base64"
            yield Finding(seen, at=span_of(x), expected="an array of numbers")
        elif vector.values is None and isinstance(vector.sent, list):
            yield Finding(f"embedding {vector.at} can't be read: {vector.fault}", at=span_of(x), expected="numbers")
        elif vector.values == ():
            yield Finding(f"embedding {vector.at} is empty", at=span_of(x), expected="numbers")


def _asked_for_base64(x: Exchange) -> NotJudged | None:
    if skip := listed(x):
        return skip
    return None if asks_base64(x) else not_applicable("the request does not ask for Base64")


@rule(
    "EMB007",
    MUST,
    "encoding_format: base64 is honoured (32-bit floats in Base64) or rejected",
    spec=f"{CREATE}#embeddings-create-encoding_format",
    fix="Write each embedding as Base64 of its 32-bit floats, lowest byte first; or reject `encoding_format: base64` with 400.",
    applies_to=_asked_for_base64,
    apis=ONLY,
    good=[GOOD_BASE64],
    bad=[
        single(ONE, **BASE64),
        single(as_base64(ONE).rstrip("=") + "!", **BASE64),
        single(as_base64(ONE[:3], "<e"), **BASE64),
        single("", **BASE64),
    ],
)
def dropped_base64(x: Exchange) -> Iterator[Finding]:
    """SDKs ask for it by default. openai-node 6 decodes an array as if it was Base64: a quarter as many
    numbers, all of them zero, and no error.
    """
    for vector in vectors(x):
        if isinstance(vector.sent, list):
            seen = "`encoding_format: base64` was silently ignored: an embedding is an array"
            yield Finding(seen, at=span_of(x), expected="a string")
            return
        if vector.values is None or not vector.values:
            why = vector.fault or "it is empty"
            yield Finding(f"embedding {vector.at} can't be decoded: {why}", at=span_of(x), expected="32-bit floats")


def _fault(vector: Vector) -> str:
    """The first value that is not a finite number, in a clause; or empty."""
    odd = next((at for at, value in enumerate(vector.values or ()) if not math.isfinite(value)), None)
    if odd is None or vector.values is None:
        return ""
    value = vector.values[odd]
    name = "NaN" if math.isnan(value) else "infinite"
    return f"value {odd} of embedding {vector.at} is {name}"


@rule(
    "EMB008",
    MUST,
    "All numbers of an embedding are finite",
    spec=OBJECT,
    fix="Look for a division by a length of zero, and an overflow of 16-bit floats; return 500 if there is no embedding.",
    applies_to=readable,
    apis=ONLY,
    good=[GOOD, GOOD_BASE64],
    bad=[
        single(as_base64((0.6, math.nan)), **BASE64),
        single(as_base64((0.6, math.inf)), **BASE64),
        embedded('{"object": "list", "data": [{"index": 0, "embedding": [0.6, 1e999]}]}'),
    ],
)
def embedding_with_nan(x: Exchange) -> Iterator[Finding | NotJudged]:
    """A vector store rejects the whole batch, or stores a vector that no search ever finds."""
    for vector in vectors(x):
        if not (seen := _fault(vector)):
            continue
        if _is_reversed(vector):
            yield not_applicable("the floats have their highest byte first (see EMB011)")
            return
        yield Finding(seen, at=span_of(x))


def _is_reversed(vector: Vector) -> bool:
    """Whether the floats of a text in Base64 make sense only with their highest byte first."""
    raw = base64.b64decode(vector.sent) if vector.is_base64 else b""
    values = struct.unpack(f">{len(raw) // FLOAT_BYTES}f", raw)
    is_finite = bool(values) and all(map(math.isfinite, values))
    return is_finite and 1 / SENSIBLE < max(map(abs, values)) < SENSIBLE


@rule(
    "EMB009",
    SHOULD,
    "An embedding is not all zeros",
    spec=GUIDE,
    fix="Return an error if the model gave no embedding, instead of a placeholder.",
    applies_to=readable,
    apis=ONLY,
    good=[GOOD, single([1, 0])],
    bad=[single([0.0, 0.0, 0.0]), batch(TWO, [0, 0, 0, 0], THREE)],
)
def zero_embedding(x: Exchange) -> Iterator[Finding]:
    """It has no direction: every similarity to it is undefined, and the text is never found."""
    for vector in vectors(x):
        if vector.values and not any(vector.values):
            yield Finding(f"embedding {vector.at} is all zeros", at=span_of(x))


@rule(
    "EMB010",
    MUST,
    "All embeddings of a model have the same number of dimensions",
    spec=GUIDE,
    fix="Pool the vectors of an input's tokens into one, and return as many numbers for each input.",
    applies_to=readable,
    apis=ONLY,
    good=[(GOOD, GOOD), (GOOD_BATCH, GOOD), (single(ONE[:2], dimensions=2, probe="witness.dimensions"), GOOD)],
    bad=[(batch(TWO, ONE, THREE[:3]), GOOD), (single(ONE * 2, probe="form.tokens"), GOOD)],
    compares_with={"alone": Compare(Kind.REPEAT, mode="unary", optional=True)},
)
def another_number_of_dimensions(x: Exchange, alone: Exchange | None) -> Iterator[Finding]:
    """A vector store has columns of one width: it rejects the others, or the whole batch."""
    sizes = [len(vector.values or ()) for vector in vectors(x)]
    usual = [len(vector.values or ()) for vector in vectors(alone)] if alone and not readable(alone) else []
    if len({*sizes}) > 1:
        shown = ", ".join(map(str, dict.fromkeys(sizes)))
        yield Finding(f"the embeddings of one response have {shown} dimensions", at=span_of(x))
    elif (
        usual
        and requested_dimensions(x) is None
        and not asks_base64(x)
        and sizes[0] != usual[0]
        and not other_name(x, alone or x)
    ):
        yield Finding(f"the embeddings have {sizes[0]} dimensions, but another response has {usual[0]}", at=span_of(x))


@rule(
    "EMB011",
    MUST,
    "An embedding is the same as numbers and as Base64",
    spec=f"{CREATE}#embeddings-create-encoding_format",
    fix="Write 32-bit floats, lowest byte first, of the same vector that is sent as numbers.",
    applies_to=of(Kind.EFFECT, "encoding_format", then=readable),
    apis=ONLY,
    good=[(GOOD_BASE64, GOOD, GOOD), (GOOD_BASE64, single([0.6001, 0.8, 0, 0]), GOOD)],
    bad=[
        (single(as_base64(ONE, ">f"), **BASE64), GOOD, GOOD),
        (single(as_base64(ONE, "<d"), **BASE64), GOOD, GOOD),
        (single(as_base64(ONE[::-1]), **BASE64), GOOD, GOOD),
        (single(as_base64(ONE[:2]), **BASE64), GOOD, GOOD),
    ],
    compares_with={"alone": Compare(Kind.REPEAT), "again": Compare(Kind.REPEAT, repeat=1)},
)
def other_numbers_in_base64(x: Exchange, alone: Exchange, again: Exchange) -> Iterator[Finding | NotJudged]:
    """SDKs decode little-endian 32-bit floats and nothing else: other bytes give other numbers, and no error."""
    if skip := finite(alone) or finite(again):
        yield skip
        return
    mine, usual, repeated = (_only(each) for each in (x, alone, again))
    vector = vectors(x)[0]
    if not vector.is_base64:
        yield untestable("the embedding is not sent as Base64 (see EMB007)")
    elif _fault(vector) and not _is_reversed(vector):
        yield untestable("an embedding is not finite (see EMB008)")
    elif (cosine(usual, repeated) or 0.0) < SAME:
        yield untestable("two responses to the same request differ (see EMB014)")
    elif len(mine) != len(usual):
        seen = f"as Base64 the embedding has {len(mine)} 32-bit floats, as numbers {len(usual)}"
        yield Finding(seen, at=span_of(x), expected="the same number")
    elif not _is_same(mine, usual):
        shown = ", ".join(display(round(value, 6)) for value in (mine[0], usual[0]))
        yield Finding(f"the embedding differs as Base64 and as numbers: the first values are {shown}", at=span_of(x))


def _is_same(one: Sequence[float], other: Sequence[float]) -> bool:
    """Whether two vectors have about the same direction and length."""
    near = cosine(one, other)
    return near is not None and near >= SAME and abs(norm(one) / norm(other) - 1) <= ALIKE


def _only(x: Exchange) -> Sequence[float]:
    return vectors(x)[0].values or ()


def _is_unit(values: Sequence[float]) -> bool:
    return abs(norm(values) - 1) <= UNIT


REDUCED: Final[dict[str, Any]] = {"dimensions": 2, "probe": "witness.dimensions"}


def _reduced(x: Exchange) -> NotJudged | None:
    return readable(x) or (None if requested_dimensions(x) else not_applicable("the request does not set `dimensions`"))


@rule(
    "EMB016",
    MUST,
    "dimensions is honoured or rejected",
    spec=f"{CREATE}#embeddings-create-dimensions",
    fix="Cut the embedding to so many numbers and normalise it again, if the model was trained for it; else reject `dimensions`.",
    applies_to=_reduced,
    apis=ONLY,
    good=[single([0.6, 0.8], **REDUCED)],
    bad=[
        single(ONE, **REDUCED),
        single(ONE[:3], **REDUCED),
        single(as_base64(ONE), **REDUCED | {"dimensions": 3, "encoding_format": "base64"}),
    ],
)
def dropped_dimensions(x: Exchange) -> Iterator[Finding | NotJudged]:
    """The client's vector store has so many columns: it rejects the embedding, or the client pays for storage in vain."""
    wanted, found = requested_dimensions(x), [len(vector.values or ()) for vector in vectors(x)]
    if asks_base64(x) and wanted and {*found} <= {2 * wanted, wanted // 2}:
        yield not_applicable("the floats have 64 or 16 bits (see EMB011)")
    elif other := next((size for size in found if size != wanted), None):
        seen = f"`dimensions: {wanted}` was silently ignored: an embedding has {other} dimensions"
        yield Finding(seen, at=span_of(x))


@rule(
    "EMB017",
    SHOULD,
    "A reduced embedding is normalised again, if whole ones are",
    spec=f"{GUIDE}#reducing-embedding-dimensions",
    fix="Divide the reduced embedding by its length.",
    applies_to=of(Kind.EFFECT, "dimensions"),
    apis=ONLY,
    good=[(single([0.6, 0.8], **REDUCED), GOOD), (single([3, 4], **REDUCED), single([3, 4, 5, 6]))],
    bad=[(single([0.3, 0.4], **REDUCED), GOOD)],
    compares_with={"alone": Compare(Kind.REPEAT)},
)
def reduced_without_normalising(x: Exchange, alone: Exchange) -> Iterator[Finding | NotJudged]:
    """Searches by dot product rank such embeddings by their lengths: the best match is not the nearest."""
    if skip := finite(alone):
        yield skip
    elif _is_unit(_only(alone)) and not _is_unit(_only(x)):
        seen = f"the reduced embedding has the length {norm(_only(x)):.4f}, the whole one {norm(_only(alone)):.4f}"
        yield Finding(seen, at=span_of(x), expected="1")


@rule(
    "EMB018",
    MAY,
    "Embeddings have the length 1",
    spec=f"{GUIDE}#frequently-asked-questions",
    fix="Divide each embedding by its length, or document that clients must.",
    applies_to=of(Kind.REPEAT, ""),
    apis=ONLY,
    good=[GOOD],
    bad=[single([3, 4, 0, 0])],
)
def embedding_not_normalised(x: Exchange) -> Iterator[Finding]:
    """OpenAI's have: programs written for them compute the similarity by a dot product alone."""
    if not _is_unit(_only(x)):
        yield Finding(f"the embedding has the length {norm(_only(x)):.4f}", at=span_of(x), expected="1")
