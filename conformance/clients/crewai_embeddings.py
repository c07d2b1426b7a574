"""CrewAI on Embeddings: the vectors that its memory and its knowledge store.

Both embed with Chroma's function for OpenAI: all texts in one request (of knowledge a hundred), in no format of their
own, and the vectors in their order, each as a NumPy array of 32-bit floats.
"""

import math
from itertools import chain
from typing import Any

from conformance.apis.embeddings import inputs
from conformance.clients.client import Client
from conformance.clients.embeddings import as_float32, created, simulator_of_vectors
from conformance.clients.turn import ClientError
from conformance.model.exchange import Exchange


def arrays(x: Exchange) -> list[list[float]]:
    """The vectors as Chroma's function returns them, if they have one length: the stores reject others."""
    found = [_array(value) for value in created(x, whole_body=True)]
    if len({len(vector) for vector in found}) > 1:
        raise ClientError("invalid", "Inconsistent dimensions in provided embeddings")
    return found


def _array(value: Any) -> list[float]:
    if isinstance(value, dict):
        raise ClientError("type", "float() argument must be a string or a real number, not 'dict'")
    if not isinstance(value, list):
        raise ClientError("invalid", "Expected a 1-dimensional array, got a 0-dimensional array")
    if not value:
        raise ClientError("invalid", "Expected each embedding to have at least 1 int/float value")
    return [_item(one) for one in value]


def _item(value: Any) -> float:
    """A value as NumPy puts it into an array of floats: it converts texts that are numbers, and null to NaN."""
    if value is None:
        return math.nan
    if not isinstance(value, int | float | str):
        raise ClientError("type", f"setting an array element with a {type(value).__name__}")
    try:
        return as_float32(float(value))
    except (ValueError, OverflowError) as error:
        raise ClientError("type", str(error)) from None


def remembered(x: Exchange) -> list[Any]:
    """Memory takes as many vectors as it has texts; it stores a text without one with zeros."""
    found = arrays(x)
    wanted = inputs(x) or len(found)
    kept = found[:wanted] + [[0.0] * len(found[0])] * (wanted - len(found))
    if any(map(math.isnan, chain(*kept))):
        raise ClientError("invalid", "Vector column contains NaN values")
    return kept


def known(x: Exchange) -> list[Any]:
    """Knowledge gives its vectors to Chroma, which takes one for each text, of finite numbers."""
    found = arrays(x)
    if len(found) != (inputs(x) or len(found)):
        raise ClientError("invalid", "Inconsistent number of IDs, embeddings, documents, URIs and metadatas")
    if not all(map(math.isfinite, chain(*found))):
        raise ClientError("invalid", "Embeddings must not contain NaN or Infinity values")
    return [_stored(vector) for vector in found]


def _stored(vector: list[float]) -> list[float]:
    """A vector as Chroma stores it, by its direction: one whose squares add up to no 32-bit float has none."""
    is_too_long = math.isinf(as_float32(math.fsum(value * value for value in vector)))
    return [math.nan] * len(vector) if is_too_long else vector


CREWAI_MEMORY = Client(
    profile="crewai",
    name="CrewAI 1.15 (Memory)",
    version="1.15.30 (chromadb 1.5.9, openai 2.54.0)",
    api="embeddings",
    simulate=simulator_of_vectors(remembered),
)
CREWAI_KNOWLEDGE = Client(
    profile="crewai",
    name="CrewAI 1.15 (Knowledge)",
    version="1.15.30 (chromadb 1.5.9, openai 2.54.0)",
    api="embeddings",
    simulate=simulator_of_vectors(known),
)
