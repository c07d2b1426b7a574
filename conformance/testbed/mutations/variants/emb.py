"""Legal variants of embeddings, on which no rule may fail a MUST."""

import struct
from typing import Any, Final

from conformance.testbed.mutations.mutate_embeddings import (
    EMBEDDINGS,
    Body,
    Vectors,
    in_list,
    in_usage,
    in_vectors,
    is_embedded,
)
from conformance.testbed.mutations.mutate_requests import refusal, rewriting
from conformance.testbed.server.embeddings import DIMENSIONS, Values, unit
from conformance.testbed.server.reply import ModelResponse, Mutation, OnRequest, OnResponse, ServerRequest


def _variant(name: str, title: str, change: OnResponse | None = None, *, ask: OnRequest | None = None) -> Mutation:
    return Mutation(name=f"emb-{name}", title=title, apis=EMBEDDINGS, on_response=change, on_request=ask)


def _halved(vectors: Vectors, _requested: Body) -> Vectors:
    """The values of 16-bit floats, as a model in half precision has them."""
    return [struct.unpack(f"<{len(v)}e", struct.pack(f"<{len(v)}e", *v)) for v in vectors]


def _in_a_batch(vectors: Vectors, _requested: Body) -> Vectors:
    """A batch is computed by other kernels: each value differs a little."""
    if len(vectors) < 2:
        return vectors
    return [unit([value + 0.004 * (-1) ** n for n, value in enumerate(values)]) for values in vectors]


def _as_integers(vectors: Vectors, _requested: Body) -> list[Values]:
    """A model with embeddings of 8-bit integers."""
    return [tuple(int(127 * value) for value in values) for values in vectors]


def _fixed(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """A model that was not trained for fewer dimensions rejects the field by name, as OpenAI's older ones do."""
    if not is_embedded(response, request) or request.json.get("dimensions") in (None, DIMENSIONS):
        return response
    return refusal(400, "This model does not support specifying dimensions.", param="dimensions")


def _only_text(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """A server whose tokenizer is not the client's rejects tokens."""
    given: Any = request.json.get("input") if isinstance(request.json, dict) else None
    is_tokens = isinstance(given, list) and not any(isinstance(item, str) for item in given)
    if not is_embedded(response, request) or not is_tokens:
        return response
    return refusal(422, "'input' must be a text or a list of texts.", param="input")


def _filled(body: Body) -> Body:
    given = body.get("input")
    if given == "":
        return body | {"input": " "}
    return body | {"input": [item or " " for item in given]} if isinstance(given, list) and given else body


VARIANTS: Final = (
    _variant("half-precision", "The model computes in 16-bit floats", in_vectors(_halved)),
    _variant("other-kernels", "A batch is computed by other kernels than a text alone", in_vectors(_in_a_batch)),
    _variant("integers", "Embeddings are 8-bit integers", in_vectors(_as_integers)),
    _variant("fixed-dimensions", "dimensions is rejected by name", _fixed),
    _variant("only-text", "Lists of tokens are rejected", _only_text),
    _variant("empty-embedded", "An empty text gets an embedding", ask=rewriting(_filled, apis=EMBEDDINGS)),
    _variant(
        "no-completion",
        "The usage counts a completion of 0 tokens",
        in_usage(lambda usage, _: usage | {"completion_tokens": 0, "prompt_tokens_details": None}),
    ),
    _variant(
        "more-members",
        "The response has an id and a time",
        in_list(lambda v, _: {"id": "embd-1", "created": 1_790_000_000, **v}),
    ),
    _variant(
        "snapshot-name",
        "The response names the snapshot of the model",
        in_list(lambda v, _: v | {"model": f"{v['model']}-2026-11-01"}),
    ),
)
