"""Read an Embeddings response: its vectors, as numbers or as Base64, and what its request asked for.

The formats are those of https://platform.openai.com/docs/api-reference/embeddings. Anything else is kept as it was
sent; the rules report it.
"""

import base64
import binascii
import math
import struct
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from conformance.apis.content import ResponseContent
from conformance.apis.request import request_body
from conformance.apis.spec import ApiSpec
from conformance.apis.token_counts import Usage, is_count
from conformance.model.exchange import Exchange, cached_reader
from conformance.parsing.json_body import json_body
from conformance.parsing.json_values import Object, as_array, as_object, as_string, display, is_integer

Values = tuple[float, ...]
FLOAT_BYTES: Final = 4
"""Base64 holds 32-bit floats: the SDKs decode nothing else."""
PRECISION: Final = 1e-6
"""A difference, as a part of the largest value, below which two vectors are the same: several times that of 32-bit
floats, so that their values may be written with eight decimals."""


class Vector(NamedTuple):
    """One entry of `data`: its position, what was sent as `index` and as `embedding`, and the vector.

    `values` is None if the embedding is no list of numbers, nor Base64 of 32-bit floats; `fault` says why, as a clause.
    Values may be NaN or infinite.
    """

    at: int
    entry: Object
    sent: Any
    values: Values | None
    fault: str = ""

    @property
    def sent_index(self) -> int | None:
        """The index as sent; None if none was, or no integer."""
        index = self.entry.get("index")
        return int(index) if is_integer(index) else None

    @property
    def input_index(self) -> int | None:
        """The index of its input: as sent, or else its position, as clients take it; None if it is no integer."""
        return self.sent_index if "index" in self.entry else self.at

    @property
    def is_base64(self) -> bool:
        """Whether the embedding was sent as a string."""
        return isinstance(self.sent, str)


@cached_reader
def vectors(x: Exchange) -> tuple[Vector, ...]:
    """The entries of `data`, in order."""
    return tuple(_vector(at, entry) for at, entry in enumerate(as_array(as_object(json_body(x)).get("data"))))


def _vector(at: int, entry: Any) -> Vector:
    known = as_object(entry)
    if "embedding" not in known:
        return Vector(at, known, None, None, "it has no embedding")
    sent = known["embedding"]
    if isinstance(sent, str):
        values, fault = _decoded(sent)
        return Vector(at, known, sent, values, fault)
    if not isinstance(sent, list):
        return Vector(at, known, sent, None, f"it is {display(sent)}")
    if odd := [item for item in sent if not _is_number(item)]:
        return Vector(at, known, sent, None, f"it has the item {display(odd[0])}")
    return Vector(at, known, sent, tuple(map(_as_float, sent)))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _as_float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:  # an integer beyond all floats
        return math.inf


def _decoded(text: str) -> tuple[Values | None, str]:
    """The floats of a text in Base64, or why it has none."""
    try:
        raw = base64.b64decode("".join(text.split()), validate=True)  # decoders skip the line feeds of MIME
    except (binascii.Error, ValueError):
        return None, f"it is not Base64: {display(text)}"
    if len(raw) % FLOAT_BYTES:
        return None, f"it has {len(raw)} bytes, which are no 32-bit floats"
    return struct.unpack(f"<{len(raw) // FLOAT_BYTES}f", raw), ""


@cached_reader
def by_index(x: Exchange) -> dict[int, Values]:
    """The vectors that can be read, by the index of their input; the first of those with the same index."""
    found: dict[int, Values] = {}
    for vector in vectors(x):
        if vector.input_index is not None and vector.values is not None:
            found.setdefault(vector.input_index, vector.values)
    return found


@cached_reader
def inputs(x: Exchange) -> int | None:
    """How many inputs a request has; None if its `input` has no documented form."""
    sent = request_body(x).get("input")
    if isinstance(sent, str):
        return 1
    if not isinstance(sent, list) or not sent:
        return None
    if all(map(is_integer, sent)):
        return 1
    is_many = all(isinstance(item, str) for item in sent) or all(map(_is_tokens, sent))
    return len(sent) if is_many else None


def _is_tokens(item: Any) -> bool:
    return isinstance(item, list) and bool(item) and all(map(is_integer, item))


def asks_base64(x: Exchange) -> bool:
    """Whether a request asks for Base64."""
    return request_body(x).get("encoding_format") == "base64"


def requested_dimensions(x: Exchange) -> int | None:
    """How many dimensions a request asks for; None if it does not say."""
    wanted = request_body(x).get("dimensions")
    return int(wanted) if is_integer(wanted) and wanted > 0 else None


def norm(values: Sequence[float]) -> float:
    """The length of a vector; NaN or infinite if a value is."""
    return math.sqrt(sum(value * value for value in values))


def cosine(one: Sequence[float], other: Sequence[float]) -> float | None:
    """The cosine of the angle between two vectors; None if they can't be compared.

    They can't if their lengths differ, one is zero, or a value is not finite.
    """
    sizes = norm(one) * norm(other)
    if len(one) != len(other) or not sizes or not math.isfinite(sizes):
        return None
    return math.fsum(a * b for a, b in zip(one, other, strict=True)) / sizes


def is_same(one: Sequence[float], other: Sequence[float]) -> bool:
    """Whether a vector is another one as 32-bit floats hold it: no value is off by more than a part of the largest."""
    most = max(map(abs, one), default=0.0) * PRECISION
    return len(one) == len(other) and all(abs(a - b) <= most for a, b in zip(one, other, strict=True))


def embeddings_content(x: Exchange) -> ResponseContent:
    """What a response has besides vectors; no choices, as no text is generated."""
    whole = as_object(json_body(x))
    name = as_string(whole.get("model"))
    usage = whole.get("usage")
    return ResponseContent(
        models=(name,) if name else (),
        usage=usage if isinstance(usage, dict) else None,
        error=bool(whole.get("error")),
    )


def embeddings_counts(value: Object) -> Usage | None:
    """The counts of a usage value: nothing is generated."""
    prompt = value.get("prompt_tokens")
    return Usage(int(prompt), 0) if is_count(prompt) else None


def unreadable_reason(x: Exchange) -> str:
    """Why the vectors can't be read, as a clause; empty if they can."""
    if json_body(x) is None:
        return "the response is not a JSON object"
    if not vectors(x):
        return "the response has no embeddings in `data`"
    return next((f"embedding {vector.at} can't be read: {vector.fault}" for vector in vectors(x) if vector.fault), "")


EMBEDDINGS: Final = ApiSpec(
    title="Embeddings",
    path="/embeddings",
    request_schema="embeddings-request",
    response_schema="embeddings-response",
    base_profile="openai-python",
    key_headers=("authorization",),
    prompt="input",
    effects=("encoding_format", "dimensions"),
    refused_by_vendor=("dimensions",),
    content=embeddings_content,
    counts=embeddings_counts,
    unreadable_reason=unreadable_reason,
    generation=None,
)
