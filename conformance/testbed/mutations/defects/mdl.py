"""Defects: lists of models, and models by their names, that programs can't read."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from conformance.testbed.mutations.mutate_requests import Body, refusal
from conformance.testbed.server.deployments import MODEL, MODELS
from conformance.testbed.server.reply import Answer, Asked, Change, OnAnswer, OnReply, Piece, Reply

PAGE = b"<!doctype html><html><body><div id=app></div></body></html>"


def told(name: str, title: str, caught_by: str, answer: OnAnswer | None = None, reply: OnReply | None = None) -> Change:
    """A defect in what is said of the models."""
    return Change(name=name, title=title, caught_by=caught_by, answer=answer, reply=reply)


def listing(edit: Callable[[Body], Any]) -> OnAnswer:
    """Another list of models."""
    return lambda said, asked: (
        replace(said, whole=edit(said.whole)) if asked.path == MODELS and said.status == 200 else said
    )


def each(edit: Callable[[Body], Any]) -> OnAnswer:
    """Another entry in the list of models."""
    return listing(lambda value: value | {"data": [edit(model) for model in value["data"]]})


def instead(path: str, answer: Answer) -> OnAnswer:
    """Another answer on a path."""
    return lambda said, asked: answer if asked.path == path and said.status in (200, 404) else said


def without_created(model: Body) -> Body:
    """A model that is as old as nobody knows."""
    return {name: value for name, value in model.items() if name != "created"}


def any_model(said: Answer, asked: Asked) -> Answer:
    """Every model's name is good."""
    if not asked.path.startswith(f"{MODELS}/") or said.status != 404:
        return said
    name = asked.path.removeprefix(f"{MODELS}/")
    return Answer(whole={"id": name, "object": "model", "created": 0, "owned_by": "nobody"})


def page(reply: Reply, asked: Asked) -> Reply:
    """The page of a web application, for every path that is not the API's."""
    if not asked.path.startswith(MODELS) or reply.status != 200:
        return reply
    return replace(reply, headers=(("content-type", "text/html"),), pieces=(Piece(octets=PAGE),))


NOT_FOUND = refusal(404, "Nothing is served here.", code="unknown_url")
ONE = f"{MODELS}/{MODEL}"

LISTS = (
    told("models-missing", "Models are not listed", "MDL001", instead(MODELS, NOT_FOUND)),
    told("models-crash", "The list of models brings the server down", "MDL001", instead(MODELS, refusal(500, "Boom."))),
    told("models-in-an-array", "The list of models is an array", "MDL002", listing(lambda value: value["data"])),
    told(
        "models-elsewhere",
        "The models stand under another name",
        "MDL002",
        listing(lambda value: {"models": value["data"]}),
    ),
    told(
        "models-without-id", "Models have no id", "MDL002", each(lambda model: {"name": model["id"], "object": "model"})
    ),
    told("models-as-page", "In place of the models comes a web page", "HTTP008", reply=page),
    told("models-without-created", "Models lack `created`", "MDL003", each(without_created)),
    told(
        "models-in-no-list",
        "The list of models has no object",
        "MDL003",
        listing(lambda value: {"data": value["data"]}),
    ),
    told(
        "models-unlisted", "The model that answers is not listed", "MDL004", each(lambda model: model | {"id": "other"})
    ),
    told("model-not-found", "A listed model is not found", "MDL005", instead(ONE, NOT_FOUND)),
    told(
        "model-as-list",
        "In place of a model comes the list",
        "MDL005",
        instead(ONE, Answer(whole={"object": "list", "data": []})),
    ),
    told("any-model-found", "Every model's name is found", "MDL006", any_model),
    told(
        "models-created-as-date",
        "The list of models says `created` as a date",
        "MDL003",
        each(lambda model: model | {"created": "2026-01-31T12:00:00Z"}),
    ),
)
