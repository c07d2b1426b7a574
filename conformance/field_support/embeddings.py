"""Whether an Embeddings response shows the effect of its request's fields."""

from collections.abc import Callable
from typing import Final

from conformance.apis.embeddings import requested_dimensions, vectors
from conformance.field_support.effects import Effects
from conformance.field_support.states import FieldEvidence
from conformance.model.exchange import Exchange


def _encoding_format(x: Exchange, _seen: Effects) -> FieldEvidence:
    if all(vector.is_base64 for vector in vectors(x)):
        return FieldEvidence("honoured")
    return FieldEvidence("dropped", "`encoding_format: base64` was silently ignored: an embedding is an array")


def _dimensions(x: Exchange, _seen: Effects) -> FieldEvidence:
    wanted, found = requested_dimensions(x), len(vectors(x)[0].values or ())
    if wanted == found:
        return FieldEvidence("honoured")
    why = f"`dimensions: {wanted}` was silently ignored: the embedding has {found} dimensions"
    return FieldEvidence("dropped", why)


READERS: Final[dict[str, Callable[[Exchange, Effects], FieldEvidence]]] = {
    "encoding_format": _encoding_format,
    "dimensions": _dimensions,
}
"""For each field, how to read its effect from a response with readable embeddings."""
