"""Change embeddings: their list, their vectors, and how they are counted."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

from conformance.model.words import Api
from conformance.testbed.server.embeddings import DIMENSIONS, Values, embedding, inputs_of, prompt_tokens, whole
from conformance.testbed.server.reply import ModelResponse, OnResponse, ServerRequest

Body = dict[str, Any]
Vectors = list[Values]
EMBEDDINGS: Final[tuple[Api, ...]] = ("embeddings",)


def is_embedded(response: ModelResponse, request: ServerRequest) -> bool:
    """Whether a response has embeddings."""
    return request.api == "embeddings" and response.status == 200 and "data" in (response.whole or {})


def in_list(edit: Callable[[Body, Body], Any]) -> OnResponse:
    """Edit the response, given the request's body."""

    def change(response: ModelResponse, request: ServerRequest) -> ModelResponse:
        if not is_embedded(response, request):
            return response
        return replace(response, whole=edit(response.whole, request.json))

    return change


def in_entries(edit: Callable[[Body], Any]) -> OnResponse:
    """Edit each entry of `data`."""
    return in_list(lambda value, _requested: value | {"data": [edit(entry) for entry in value["data"]]})


def in_usage(edit: Callable[[Body, Body], Any]) -> OnResponse:
    """Edit the usage, given the request's body; None removes it."""

    def change(value: Body, requested: Body) -> Body:
        usage = edit(value["usage"], requested)
        return {name: item for name, item in (value | {"usage": usage}).items() if item is not None}

    return in_list(change)


def in_vectors(edit: Callable[[Vectors, Body], Sequence[Values]]) -> OnResponse:
    """Edit the vectors before they are written, given the request's body."""
    return in_list(
        lambda _value, requested: whole(requested, edit(vectors_of(requested), requested), prompt_tokens(requested))
    )


def vectors_of(requested: Body) -> Vectors:
    """The vectors of a request's inputs."""
    return [embedding(tokens, requested.get("dimensions") or DIMENSIONS) for tokens in inputs_of(requested["input"])]


def rewritten(write: Callable[[Values], Any], *, where: str = "base64") -> OnResponse:
    """Write each embedding in another way, if this format is requested."""

    def change(value: Body, requested: Body) -> Body:
        if (requested.get("encoding_format") or "float") != where:
            return value
        made = [write(values) for values in vectors_of(requested)]
        data = [entry | {"embedding": text} for entry, text in zip(value["data"], made, strict=True)]
        return value | {"data": data}

    return in_list(change)
