"""MDL: the models, as agents and set-up wizards ask for them before the first question."""

from collections.abc import Iterator
from typing import Any

from conformance.apis.errors import body, quoted, refusal
from conformance.apis.request import asked
from conformance.model.exchange import Exchange
from conformance.model.rule import When, rule
from conformance.model.verdict import ANOTHER_QUESTION, MUST, SHOULD, Finding, Skip, not_applicable, untestable
from conformance.parsing.http1 import reply
from conformance.parsing.json_text import NOT_JSON
from conformance.parsing.json_values import held, is_integer, mapping, sequence, shown
from conformance.rules.conditions import OK, UNRELATED, readable
from conformance.rules.example import answered, completion, error

LIST = "https://platform.openai.com/docs/api-reference/models/list"
RETRIEVE = "https://platform.openai.com/docs/api-reference/models/retrieve"
OBJECT = "https://platform.openai.com/docs/api-reference/models/object"

MODEL: dict[str, Any] = {"id": "m", "object": "model", "created": 1_760_000_000, "owned_by": "nobody"}
GREETING = answered(completion())
GONE = error("No model of that name.", code="model_not_found")


def listed(*models: Any, **fields: Any) -> Exchange:
    """A list of these models; keyword arguments replace or add fields of the list."""
    return answered({"object": "list", "data": list(models), **fields}, probe="chat.models.list")


def one(value: Any = MODEL, status: int = 200) -> Exchange:
    """The answer to a question for the tested model."""
    return answered(value, status=status, probe="chat.models.one")


def _about(name: str) -> When:
    """That question was asked about models, and the target answered it or refused it for a reason that lies in it."""

    def is_about(x: Exchange) -> Skip | None:
        if x.question.topic != "models" or x.question.about != name:
            return ANOTHER_QUESTION
        if skip := readable(x):
            return skip
        status = reply(x).status
        return untestable(f"the target refused for a reason of its own ({status})") if status in UNRELATED else None

    return is_about


@rule(
    "MDL001",
    SHOULD,
    "The models can be listed",
    spec=LIST,
    fix="Serve GET /models beside the API.",
    when=_about("list"),
    good=[listed(MODEL)],
    bad=[
        answered({"detail": "Not Found"}, status=404, probe="chat.models.list"),
        answered("", status=500, probe="chat.models.list"),
    ],
)
def models_not_listed(x: Exchange) -> Iterator[Finding]:
    """Set-up wizards and agents that ask for the list first refuse to begin."""
    if reply(x).status not in OK:
        yield Finding(f"GET /models was answered {reply(x).status}", at=reply(x).head, expected="a list of models")


def _a_list(x: Exchange) -> Skip | None:
    """A success came in place of the list, and it is JSON."""
    if skip := _about("list")(x):
        return skip
    if reply(x).status not in OK or refusal(x):
        return not_applicable("models are not listed here")
    return untestable("the list is no JSON") if body(x) is NOT_JSON else None


@rule(
    "MDL002",
    MUST,
    "The list of models is an object whose `data` holds models with an id",
    spec=LIST,
    fix='Answer {"object": "list", "data": [{"id": ..., "object": "model", "created": ..., "owned_by": ...}]}.',
    when=_a_list,
    good=[listed(MODEL), listed()],
    bad=[
        answered([MODEL], probe="chat.models.list"),
        answered({"models": [MODEL]}, probe="chat.models.list"),
        listed("m"),
        listed({"name": "m"}),
        listed(MODEL, MODEL | {"id": 7}),
    ],
)
def malformed_list_of_models(x: Exchange) -> Iterator[Finding]:
    """SDKs raise an error at an array, and show an empty list where there is no `data`."""
    value = body(x)
    if not isinstance(value, dict):
        yield Finding(f"the list of models is {shown(value)}", at=reply(x).head, expected="an object with `data`")
    elif not isinstance(value.get("data"), list):
        yield Finding(f"the list of models has {held(value, 'data')}", at=reply(x).head, expected="an array")
    else:
        for number, model in enumerate(value["data"]):
            if not isinstance(mapping(model).get("id"), str):
                seen = held(model, "id") if isinstance(model, dict) else f"the value {shown(model)}"
                yield Finding(f"model {number} of the list has {seen}", at=reply(x).head, expected="a text")


def _models(x: Exchange) -> Skip | None:
    """A list of models came."""
    if skip := _a_list(x):
        return skip
    return None if isinstance(mapping(body(x)).get("data"), list) else untestable("the list has no `data`")


def _lacking(model: Any) -> Iterator[str]:
    """What a model lacks, in clauses that follow `has`."""
    if isinstance(model, dict):
        if model.get("object") != "model":
            yield held(model, "object")
        if not is_integer(model.get("created")):
            yield held(model, "created")
        if not isinstance(model.get("owned_by"), str):
            yield held(model, "owned_by")


@rule(
    "MDL003",
    SHOULD,
    "A listed model has all documented fields",
    spec=OBJECT,
    fix="Give each model `object: model`, `created` in Unix seconds and `owned_by`, and the list `object: list`.",
    when=_models,
    good=[listed(MODEL), listed(MODEL | {"max_model_len": 8})],
    bad=[
        listed(MODEL, object="models"),
        listed(MODEL | {"object": "llm"}),
        listed({"id": "m", "object": "model", "owned_by": "x"}),
        listed(MODEL | {"created": "2026-01-01"}),
        listed(MODEL | {"owned_by": None}),
    ],
)
def incomplete_list_of_models(x: Exchange) -> Iterator[Finding]:
    """Typed clients (Go, Rust, Java) can't read a model without them, and lose the whole list."""
    value = mapping(body(x))
    if value.get("object") != "list":
        yield Finding(f"the list of models has {held(value, 'object')}", at=reply(x).head, expected="list")
    for number, model in enumerate(sequence(value.get("data"))):
        for lack in _lacking(model):
            yield Finding(f"model {number} of the list has {lack}", at=reply(x).head)


def _names(x: Exchange) -> set[str]:
    models = (mapping(model) for model in sequence(mapping(body(x)).get("data")))
    return {model["id"] for model in models if isinstance(model.get("id"), str)}


@rule(
    "MDL004",
    SHOULD,
    "The model that answers is listed",
    spec=LIST,
    fix="List every name under which a model answers, aliases included.",
    when=_models,
    good=[(listed(MODEL, MODEL | {"id": "x"}), GREETING)],
    bad=[(listed(), GREETING), (listed(MODEL | {"id": "m-2026"}), GREETING)],
)
def answering_model_not_listed(x: Exchange, hello: Exchange) -> Iterator[Finding | Skip]:
    """Agents that look a configured model up in the list call it unknown, and stop."""
    name = asked(hello).get("model")
    if not isinstance(name, str) or reply(hello).status not in OK:
        yield untestable("no model answered the plain greeting")
    elif name not in _names(x):
        yield Finding(f"the list has {len(_names(x))} models, and {quoted(name)} is not among them", at=reply(x).head)


@rule(
    "MDL005",
    SHOULD,
    "A listed model can be asked for by its name",
    spec=RETRIEVE,
    fix="Serve GET /models/NAME, and take a name with an escaped slash in it.",
    when=_about("one"),
    good=[(one(), GREETING, listed(MODEL))],
    bad=[
        (one({"detail": "Not Found"}, 404), GREETING, listed(MODEL)),
        (one("<html>"), GREETING, listed(MODEL)),
        (one({"object": "list", "data": [MODEL]}), GREETING, listed(MODEL)),
        (one(MODEL | {"id": "other"}), GREETING, listed(MODEL)),
    ],
    beside={"list": "models.list"},
)
def listed_model_not_found(x: Exchange, hello: Exchange, list: Exchange) -> Iterator[Finding | Skip]:  # noqa: A002
    """Programs that check their model before they begin are told that it is not there."""
    name, value = asked(hello).get("model"), body(x)
    if _models(list) or not isinstance(name, str) or name not in _names(list):
        yield not_applicable("the tested model is not listed")
    elif reply(x).status not in OK:
        yield Finding(f"a listed model was answered {reply(x).status}", at=reply(x).head, expected="the model")
    elif not isinstance(value, dict):
        yield Finding(f"in place of a listed model came {shown(value)}", at=reply(x).head, expected="the model")
    elif value.get("id") != name:
        yield Finding(f"in place of a listed model came an object with {held(value, 'id')}", at=reply(x).head)


@rule(
    "MDL006",
    SHOULD,
    "A model that is not there is not found",
    spec=RETRIEVE,
    fix="Answer 404 with the API's error object and `code: model_not_found`.",
    when=_about("unknown"),
    good=[answered(GONE, status=404, probe="chat.models.unknown")],
    bad=[
        answered(MODEL | {"id": "no-such"}, probe="chat.models.unknown"),
        answered(GONE, status=500, probe="chat.models.unknown"),
        answered(GONE, status=400, probe="chat.models.unknown"),
    ],
)
def unknown_model_found(x: Exchange) -> Iterator[Finding | Skip]:
    """A program that checks its model's name learns that a mistyped one is good."""
    status = reply(x).status
    if status in (405, 501):
        yield not_applicable(f"models can't be asked for by their names ({status})")
    elif status != 404:
        yield Finding(f"a model that is not there was answered {status}", at=reply(x).head, expected="404")
