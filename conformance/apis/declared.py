"""What a model's entry in the list of models declares, in the forms in which vendors publish it.

OpenRouter lists `supported_parameters` and `context_length`; its providers publish `supported_features` and
`supported_sampling_parameters`; vLLM has `max_model_len`, Groq `context_window`, Mistral and LM Studio
`max_context_length`, llama.cpp `meta.n_ctx`.
"""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from conformance.apis.errors import body
from conformance.apis.request import request_body
from conformance.model.exchange import Exchange
from conformance.parsing.http1 import reply
from conformance.parsing.json_values import Object, as_array, as_object, is_integer

COMPLETE: Final = ("supported_parameters",)
"""Lists that name every parameter; the others name features, or sampling parameters only."""
LISTS: Final = (*COMPLETE, "supported_sampling_parameters", "supported_features")
FEATURES: Final[dict[str, tuple[str, ...]]] = {
    "tools": ("tools", "tool_choice"),
    "function_calling": ("tools", "tool_choice"),
    "json_mode": ("response_format",),
    "structured_outputs": ("response_format",),
    "logprobs": ("logprobs",),
}
"""The request fields that a feature stands for; other names are those of fields."""
CONTEXTS: Final = ("context_length", "max_model_len", "context_window", "max_context_length")
SAME: Final = ("max_tokens", "max_completion_tokens")
"""Two names of one field."""


class Declared(NamedTuple):
    """The request fields that a model declares, and its context lengths in tokens, by the name of the member.

    `is_complete`: it lists all fields that it supports.
    """

    fields: frozenset[str]
    is_complete: bool
    contexts: dict[str, Any]


def declared(models: Exchange, x: Exchange) -> Declared | None:
    """What the list of models declares of the model that a request names; None if it has no such model."""
    return declared_of(models, request_body(x).get("model"))


def declared_of(models: Exchange, name: Any) -> Declared | None:
    """What the list of models declares of the model of this name; None if it has no such model."""
    listed = as_array(as_object(body(models)).get("data")) if reply(models).status == 200 else []
    model = next((one for one in map(as_object, listed) if one.get("id") == name), None)
    return None if model is None else read_entry(model)


def read_entry(model: Object) -> Declared:
    """What the entry of a model declares."""
    fields = frozenset(field for key in LISTS for field in _fields(model.get(key)))
    is_complete = any(isinstance(model.get(key), list) for key in COMPLETE)
    return Declared(fields, is_complete, dict(_contexts(model)))


def _fields(names: Any) -> Iterator[str]:
    for name in as_array(names):
        if isinstance(name, str):
            yield from FEATURES.get(name, (name,))
            yield from SAME if name in SAME else ()


def _contexts(model: Object) -> Iterator[tuple[str, Any]]:
    """The members that have a context length; null is as good as absent."""
    places = (("", model, CONTEXTS), ("top_provider.", as_object(model.get("top_provider")), CONTEXTS[:1]))
    for prefix, within, names in (*places, ("meta.", as_object(model.get("meta")), ("n_ctx",))):
        yield from ((f"{prefix}{name}", within[name]) for name in names if within.get(name) is not None)


def is_length(value: Any) -> bool:
    """Whether a value is a possible number of tokens of a context."""
    return is_integer(value) and value > 0
