"""Legal variants: models with more than the API documents."""

from conformance.testbed.mutations.defects.mdl import PARAMETERS, each, listing
from conformance.testbed.mutations.mutate_requests import Body
from conformance.testbed.server.reply import Mutation


def with_others(value: Body) -> Body:
    """A page of a longer list, with a model for other tasks."""
    (model,) = value["data"]
    other = {"id": "org/embeddings:v1", "object": "model", "created": 0, "owned_by": ""}
    return value | {"data": [other, model], "has_more": False, "first_id": other["id"], "last_id": model["id"]}


def described(model: Body) -> Body:
    """A model with further fields."""
    return model | {"max_model_len": 65_536, "permission": [], "root": model["id"], "parent": None, "pricing": {}}


def declared(model: Body) -> Body:
    """A model as routers publish it, with what it supports."""
    provider = {"context_length": None, "max_completion_tokens": 8192, "is_moderated": False}
    lengths = {"context_length": 65_536, "top_provider": provider}
    return (
        model | lengths | {"supported_parameters": [*PARAMETERS, "top_k"], "supported_features": ["tools", "json_mode"]}
    )


VARIANTS = (
    Mutation(name="models-declare", title="Models declare what they support", on_response=each(declared)),
    Mutation(name="models-of-all-kinds", title="Further models are listed", on_response=listing(with_others)),
    Mutation(name="models-described", title="Models have further fields", on_response=each(described)),
)
