"""Embeddings: a small deterministic model, whose vectors of texts with common words are near each other."""

import base64
import hashlib
import math
import struct
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, Final

from conformance.testbed.server.model import tokenize
from conformance.testbed.server.refusal import Refusal
from conformance.testbed.server.reply import ModelResponse, ServerRequest

DIMENSIONS: Final = 64
VOCABULARY: Final = 50_000
"""Tokens are the numbers below this one."""
SECONDS_A_TOKEN: Final = 0.0002

Body = dict[str, Any]
Tokens = tuple[int, ...]
Values = tuple[float, ...]


def answer_embeddings(request: ServerRequest) -> ModelResponse:
    """The response to a valid Embeddings request."""
    body: Body = request.json
    inputs = inputs_of(body["input"])
    vectors = [embedding(tokens, body.get("dimensions") or DIMENSIONS) for tokens in inputs]
    return ModelResponse(whole=whole(body, vectors, prompt_tokens(body)), wait_s=prompt_tokens(body) * SECONDS_A_TOKEN)


def whole(body: Body, vectors: Sequence[Values], tokens: int) -> Body:
    """The response with these vectors."""
    is_base64 = body.get("encoding_format") == "base64"
    data = [
        {"object": "embedding", "index": index, "embedding": as_base64(values) if is_base64 else list(values)}
        for index, values in enumerate(vectors)
    ]
    return {
        "object": "list",
        "data": data,
        "model": body["model"],
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }


def unsupported_embeddings(body: Body) -> Iterator[Refusal]:
    """More dimensions than the model has, and tokens that it does not know."""
    if (body.get("dimensions") or 0) > DIMENSIONS:
        yield Refusal(message=f"'dimensions' must be at most {DIMENSIONS}.", param="dimensions", code="invalid_value")
    if any(token >= VOCABULARY for tokens in inputs_of(body["input"]) for token in tokens):
        yield Refusal(message=f"'input' has a token above {VOCABULARY - 1}.", param="input", code="invalid_value")


def inputs_of(given: Any) -> tuple[Tokens, ...]:
    """The tokens of each input: of a text, of texts, or as they are given."""
    if isinstance(given, str):
        return (_tokens(given),)
    if all(isinstance(item, int | float) for item in given):
        return (tuple(map(int, given)),)
    return tuple(_tokens(item) if isinstance(item, str) else tuple(map(int, item)) for item in given)


def _tokens(text: str) -> Tokens:
    return tuple(int.from_bytes(_digest(word.strip().lower())[:4], "big") % VOCABULARY for word in tokenize(text))


def prompt_tokens(body: Body) -> int:
    """The tokens of all inputs."""
    return sum(map(len, inputs_of(body["input"])))


def longest(body: Body) -> int:
    """The tokens of the longest input: each has to fit into the context."""
    return max(map(len, inputs_of(body["input"])))


def embedding(tokens: Tokens, dimensions: int) -> Values:
    """The sum of the tokens' vectors, cut to so many dimensions, of length 1 as 32-bit floats."""
    sums = [math.fsum(column) for column in zip(*map(_direction, tokens), strict=True)]
    return unit(sums[:dimensions])


def unit(values: Sequence[float]) -> Values:
    """A vector of length 1 in this direction, rounded to 32-bit floats."""
    size = math.sqrt(math.fsum(value * value for value in values)) or 1.0
    return as_floats([value / size for value in values])


def as_floats(values: Sequence[float]) -> Values:
    """The values rounded to 32-bit floats."""
    return struct.unpack(f"<{len(values)}f", struct.pack(f"<{len(values)}f", *values))


def as_base64(values: Sequence[float]) -> str:
    """Little-endian 32-bit floats in Base64, as the API sends them."""
    return base64.b64encode(struct.pack(f"<{len(values)}f", *values)).decode()


@lru_cache(maxsize=4096)
def _direction(token: int) -> Values:
    """The vector of a token: numbers from -1 to 1, and a part that all have in common, as in trained models."""
    raw = b"".join(_digest(f"{token}.{part}") for part in range(DIMENSIONS // 32))
    return tuple(value / 127.5 - 1 + 0.1 for value in raw)


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "replace")).digest()
