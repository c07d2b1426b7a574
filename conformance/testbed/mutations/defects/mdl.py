"""Defects in GET /models and GET /models/{id}."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from conformance.testbed.mutations.defects.par import refusing, where
from conformance.testbed.mutations.mutate_chat import each_chunk, in_turn, on_whole, with_fields
from conformance.testbed.mutations.mutate_requests import Body, holds, refusal
from conformance.testbed.server.deployments import CONTEXT, MODEL, MODELS
from conformance.testbed.server.reply import (
    ModelResponse,
    Mutation,
    OnResponse,
    OnWire,
    ServerRequest,
    WireResponse,
    Write,
)

PAGE = b"<!doctype html><html><body><div id=app></div></body></html>"


def defect(
    name: str, title: str, caught_by: str, on_response: OnResponse | None = None, on_wire: OnWire | None = None
) -> Mutation:
    """A defect in the models routes."""
    return Mutation(name=name, title=title, caught_by=caught_by, on_response=on_response, on_wire=on_wire)


def listing(edit: Callable[[Body], Any]) -> OnResponse:
    """Edit the list of models."""
    return lambda response, request: (
        replace(response, whole=edit(response.whole)) if request.path == MODELS and response.status == 200 else response
    )


def each(edit: Callable[[Body], Any]) -> OnResponse:
    """Edit the entries of the list of models."""
    return listing(lambda value: value | {"data": [edit(model) for model in value["data"]]})


def of_one(edit: Callable[[Body], Body]) -> OnResponse:
    """Edit the description of the tested model."""
    return lambda response, request: replace(response, whole=edit(response.whole)) if request.path == ONE else response


def instead(path: str, other: ModelResponse) -> OnResponse:
    """Another response on a path."""
    return lambda response, request: other if request.path == path and response.status in (200, 404) else response


def without_created(model: Body) -> Body:
    """A model without `created`."""
    return {name: value for name, value in model.items() if name != "created"}


def any_model(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """Every model name is found."""
    if not request.path.startswith(f"{MODELS}/") or response.status != 404:
        return response
    name = request.path.removeprefix(f"{MODELS}/")
    return ModelResponse(whole={"id": name, "object": "model", "created": 0, "owned_by": "nobody"})


def page(reply: WireResponse, request: ServerRequest) -> WireResponse:
    """A web application's HTML page instead of the models."""
    if not request.path.startswith(MODELS) or reply.status != 200:
        return reply
    return replace(reply, headers=(("content-type", "text/html"),), pieces=(Write(data=PAGE),))


def naming(model: str) -> OnResponse:
    """Chat responses that name this model."""
    named = with_fields(model=model)
    return in_turn(each_chunk(named), on_whole(named))


NOT_FOUND = refusal(404, "Nothing is served here.", code="unknown_url")
ONE = f"{MODELS}/{MODEL}"

LISTS = (
    defect("another-model-answers", "Every response names another model", "MDL007", naming("small-1")),
    defect("models-missing", "GET /models is not served", "MDL001", instead(MODELS, NOT_FOUND)),
    defect("models-crash", "GET /models gets 500", "MDL001", instead(MODELS, refusal(500, "Boom."))),
    defect("models-in-an-array", "The list of models is a bare array", "MDL002", listing(lambda value: value["data"])),
    defect(
        "models-elsewhere",
        "The models are under another key than `data`",
        "MDL002",
        listing(lambda value: {"models": value["data"]}),
    ),
    defect(
        "models-without-id", "Models have no id", "MDL002", each(lambda model: {"name": model["id"], "object": "model"})
    ),
    defect("models-as-page", "GET /models returns an HTML page", "HTTP008", on_wire=page),
    defect("models-without-created", "Models lack `created`", "MDL003", each(without_created)),
    defect(
        "models-in-no-list",
        "The list of models has no `object`",
        "MDL003",
        listing(lambda value: {"data": value["data"]}),
    ),
    defect("models-unlisted", "The served model is not listed", "MDL004", each(lambda model: model | {"id": "other"})),
    defect("model-not-found", "GET /models/{id} is 404 for a listed model", "MDL005", instead(ONE, NOT_FOUND)),
    defect(
        "model-as-list",
        "GET /models/{id} returns the list",
        "MDL005",
        instead(ONE, ModelResponse(whole={"object": "list", "data": []})),
    ),
    defect("any-model-found", "GET /models/{id} finds any name", "MDL006", any_model),
    defect(
        "models-created-as-date",
        "`created` is a date string in the list of models",
        "MDL003",
        each(lambda model: model | {"created": "2026-01-31T12:00:00Z"}),
    ),
)

PARAMETERS = ["max_tokens", "stop", "temperature", "logprobs", "logit_bias", "tools", "tool_choice", "response_format"]
DECLARED = (
    defect(
        "declared-parameter-refused",
        "The list of models declares `logprobs`, which is rejected by name",
        "MDL008",
        in_turn(
            each(with_fields(supported_parameters=PARAMETERS)),
            where(holds("logprobs", bool), refusing("'logprobs' is not supported here.", param="logprobs")),
        ),
    ),
    defect(
        "honoured-parameters-undeclared",
        "The list of models declares two parameters, and all others have their effects",
        "MDL009",
        each(with_fields(supported_parameters=PARAMETERS[:1])),
    ),
    defect(
        "declared-context-too-long",
        "The list of models declares twice the context length that is enforced",
        "MDL010",
        each(with_fields(context_length=2 * CONTEXT)),
    ),
    defect(
        "model-of-another-length",
        "GET /models/{id} declares another context length than the list of models",
        "MDL011",
        in_turn(each(with_fields(context_length=CONTEXT)), of_one(with_fields(context_length=CONTEXT // 2))),
    ),
)
