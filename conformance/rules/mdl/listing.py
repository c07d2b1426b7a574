"""The model endpoints, as agents and set-up wizards request them before the first message."""

import re
from collections.abc import Iterator
from typing import Any

from conformance.apis.errors import body, error_response, quoted
from conformance.apis.request import request_body
from conformance.apis.response_content import response_content
from conformance.model.case import Compare, Kind
from conformance.model.exchange import Exchange
from conformance.model.rule import Condition, rule
from conformance.model.target import Policy
from conformance.model.verdict import MUST, OUT_OF_SCOPE, SHOULD, Finding, NotJudged, not_applicable, untestable
from conformance.model.words import APIS
from conformance.parsing.http1 import reply
from conformance.parsing.json_text import NOT_JSON
from conformance.parsing.json_values import as_array, as_object, describe_member, display, is_integer
from conformance.rules.conditions import OK, UNRELATED, all_of, probe_is, readable, succeeded
from conformance.rules.example import answered, completion, error

LIST = "https://platform.openai.com/docs/api-reference/models/list"
RETRIEVE = "https://platform.openai.com/docs/api-reference/models/retrieve"
OBJECT = "https://platform.openai.com/docs/api-reference/models/object"

MODEL: dict[str, Any] = {"id": "m", "object": "model", "created": 1_760_000_000, "owned_by": "nobody"}
BASELINE_RESPONSE = answered(completion())
GONE = error("No model of that name.", code="model_not_found")


def models_response(*models: Any, **fields: Any) -> Exchange:
    """A list of these models; keyword arguments replace or add fields of the list."""
    return answered({"object": "list", "data": list(models), **fields}, probe="chat.models.list")


def model_response(value: Any = MODEL, status: int = 200) -> Exchange:
    """The response to GET /models/NAME for the tested model."""
    return answered(value, status=status, probe="chat.models.one")


def _about(name: str) -> Condition:
    """The probe is this one about models, and its response does not depend on the key or a rate limit."""

    def is_about(x: Exchange) -> NotJudged | None:
        if x.case.kind is not Kind.MODELS or x.case.subject != name:
            return OUT_OF_SCOPE
        if skip := readable(x):
            return skip
        status = reply(x).status
        return (
            untestable(f"the target rejected the request for an unrelated reason (HTTP {status})")
            if status in UNRELATED
            else None
        )

    return is_about


@rule(
    "MDL001",
    SHOULD,
    "GET /models returns the list of models",
    spec=LIST,
    fix="Serve GET /models under the base URL of the API.",
    applies_to=_about("list"),
    apis=APIS,
    good=[models_response(MODEL)],
    bad=[
        answered({"detail": "Not Found"}, status=404, probe="chat.models.list"),
        answered("", status=500, probe="chat.models.list"),
    ],
)
def models_not_listed(x: Exchange) -> Iterator[Finding]:
    """Set-up wizards, and agents that request the list first, do not start."""
    if reply(x).status not in OK:
        yield Finding(f"GET /models returned HTTP {reply(x).status}", at=reply(x).head, expected="a list of models")


def _a_list(x: Exchange) -> NotJudged | None:
    """The response to GET /models is a success with JSON."""
    if skip := _about("list")(x):
        return skip
    if reply(x).status not in OK or error_response(x):
        return not_applicable("the target does not serve GET /models")
    return untestable("the response body of GET /models is not JSON") if body(x) is NOT_JSON else None


@rule(
    "MDL002",
    MUST,
    "The list of models is an object with data, an array of models with string ids",
    spec=LIST,
    fix='Return {"object": "list", "data": [{"id": ..., "object": "model", "created": ..., "owned_by": ...}]}.',
    applies_to=_a_list,
    apis=APIS,
    good=[models_response(MODEL), models_response()],
    bad=[
        answered([MODEL], probe="chat.models.list"),
        answered({"models": [MODEL]}, probe="chat.models.list"),
        models_response("m"),
        models_response({"name": "m"}),
        models_response(MODEL, MODEL | {"id": 7}),
    ],
)
def malformed_list_of_models(x: Exchange) -> Iterator[Finding]:
    """SDKs raise an error for an array, and show an empty list if `data` is missing."""
    value = body(x)
    if not isinstance(value, dict):
        yield Finding(f"the list of models is {display(value)}", at=reply(x).head, expected="an object with `data`")
    elif not isinstance(value.get("data"), list):
        yield Finding(f"the list of models has {describe_member(value, 'data')}", at=reply(x).head, expected="an array")
    else:
        for number, model in enumerate(value["data"]):
            if not isinstance(as_object(model).get("id"), str):
                seen = describe_member(model, "id") if isinstance(model, dict) else f"the value {display(model)}"
                yield Finding(f"model {number} of the list has {seen}", at=reply(x).head, expected="a string")


def _models(x: Exchange) -> NotJudged | None:
    """The response is a list of models."""
    if skip := _a_list(x):
        return skip
    return (
        None
        if isinstance(as_object(body(x)).get("data"), list)
        else untestable("the list of models has no `data` (see MDL002)")
    )


def _lacking(model: Any) -> Iterator[str]:
    """The missing or invalid members of a model, in clauses that follow `has`."""
    if isinstance(model, dict):
        if model.get("object") != "model":
            yield describe_member(model, "object")
        if not is_integer(model.get("created")):
            yield describe_member(model, "created")
        if not isinstance(model.get("owned_by"), str):
            yield describe_member(model, "owned_by")


@rule(
    "MDL003",
    SHOULD,
    "The list of models, and each model, have all documented fields",
    spec=OBJECT,
    fix="Send `object: model`, `created` in Unix seconds and `owned_by` for each model, and `object: list` for the list.",
    applies_to=_models,
    apis=APIS,
    good=[models_response(MODEL), models_response(MODEL | {"max_model_len": 8})],
    bad=[
        models_response(MODEL, object="models"),
        models_response(MODEL | {"object": "llm"}),
        models_response({"id": "m", "object": "model", "owned_by": "x"}),
        models_response(MODEL | {"created": "2026-01-01"}),
        models_response(MODEL | {"owned_by": None}),
    ],
)
def incomplete_list_of_models(x: Exchange) -> Iterator[Finding]:
    """Typed clients (Go, Rust, Java) can't parse a model without object, created and owned_by, and lose the complete list."""
    value = as_object(body(x))
    if value.get("object") != "list":
        yield Finding(f"the list of models has {describe_member(value, 'object')}", at=reply(x).head, expected="list")
    for number, model in enumerate(as_array(value.get("data"))):
        for lack in _lacking(model):
            yield Finding(f"model {number} of the list has {lack}", at=reply(x).head)


def _names(x: Exchange) -> set[str]:
    models = (as_object(model) for model in as_array(as_object(body(x)).get("data")))
    return {model["id"] for model in models if isinstance(model.get("id"), str)}


@rule(
    "MDL004",
    SHOULD,
    "A model that serves requests is in the list of models",
    spec=LIST,
    fix="List every name under which a model serves requests, aliases included.",
    applies_to=_models,
    apis=APIS,
    good=[(models_response(MODEL, MODEL | {"id": "x"}), BASELINE_RESPONSE)],
    bad=[(models_response(), BASELINE_RESPONSE), (models_response(MODEL | {"id": "m-2026"}), BASELINE_RESPONSE)],
)
def serving_model_not_listed(x: Exchange, baseline: Exchange) -> Iterator[Finding | NotJudged]:
    """Agents that look up a configured model in the list report it as unknown, and stop."""
    name = request_body(baseline).get("model")
    if not isinstance(name, str) or reply(baseline).status not in OK:
        yield untestable("the baseline request did not succeed (see ERR022)")
    elif name not in _names(x):
        yield Finding(f"GET /models lists {len(_names(x))} models, but not {quoted(name)}", at=reply(x).head)


@rule(
    "MDL005",
    SHOULD,
    "GET /models/NAME returns a listed model",
    spec=RETRIEVE,
    fix="Serve GET /models/NAME, also for a name with an escaped slash.",
    applies_to=_about("one"),
    apis=APIS,
    good=[(model_response(), BASELINE_RESPONSE, models_response(MODEL))],
    bad=[
        (model_response({"detail": "Not Found"}, 404), BASELINE_RESPONSE, models_response(MODEL)),
        (model_response("<html>"), BASELINE_RESPONSE, models_response(MODEL)),
        (model_response({"object": "list", "data": [MODEL]}), BASELINE_RESPONSE, models_response(MODEL)),
        (model_response(MODEL | {"id": "other"}), BASELINE_RESPONSE, models_response(MODEL)),
    ],
    compares_with={"list": Compare(Kind.MODELS, "list")},
)
def listed_model_not_found(x: Exchange, baseline: Exchange, list: Exchange) -> Iterator[Finding | NotJudged]:  # noqa: A002
    """Programs that check their model before they start conclude that it does not exist."""
    name, value = request_body(baseline).get("model"), body(x)
    if _models(list) or not isinstance(name, str) or name not in _names(list):
        yield not_applicable("the tested model is not listed")
    elif reply(x).status not in OK:
        yield Finding(
            f"GET /models/NAME of a listed model returned HTTP {reply(x).status}",
            at=reply(x).head,
            expected="the model",
        )
    elif not isinstance(value, dict):
        yield Finding(
            f"GET /models/NAME of a listed model returned {'a body without JSON' if value is NOT_JSON else display(value)}",
            at=reply(x).head,
            expected="the model",
        )
    elif value.get("id") != name:
        yield Finding(
            f"GET /models/NAME of a listed model returned an object with {describe_member(value, 'id')}",
            at=reply(x).head,
            expected="the model's name as its id",
        )


@rule(
    "MDL006",
    SHOULD,
    "GET /models/NAME of an unknown model returns 404",
    spec=RETRIEVE,
    fix="Return 404 with the API's error object and `error.code: model_not_found`.",
    applies_to=_about("unknown"),
    apis=APIS,
    good=[answered(GONE, status=404, probe="chat.models.unknown")],
    bad=[
        answered(MODEL | {"id": "no-such"}, probe="chat.models.unknown"),
        answered(GONE, status=500, probe="chat.models.unknown"),
        answered(GONE, status=400, probe="chat.models.unknown"),
    ],
)
def unknown_model_found(x: Exchange) -> Iterator[Finding | NotJudged]:
    """A program that checks its model before it starts accepts a mistyped name."""
    status = reply(x).status
    if status in (405, 501):
        yield not_applicable(f"the target does not serve GET /models/NAME (HTTP {status})")
    elif status != 404:
        yield Finding(f"GET /models/NAME of an unknown model returned HTTP {status}", at=reply(x).head, expected="404")


UNSPECIFIC = re.compile(r"\blatest\b|[^a-z0-9]", re.IGNORECASE)
"""Not compared in a model's name: punctuation, and `latest`, which stands for a date."""


def _core(name: str) -> str:
    """A model's name as far as it is compared."""
    return UNSPECIFIC.sub("", name).lower()


def _named(x: Exchange) -> NotJudged | None:
    """Request and response name a model."""
    if skip := all_of(probe_is(Kind.BASELINE, Kind.RECORDED, Kind.USERS), succeeded, readable)(x):
        return skip
    requested = request_body(x).get("model")
    names = [name for name in response_content(x).models if isinstance(name, str) and _core(name)]
    is_named = isinstance(requested, str) and _core(requested) and names
    return None if is_named else not_applicable("the request or the response names no model")


@rule(
    "MDL007",
    SHOULD,
    "The response names the requested model, or a version of it",
    spec="https://platform.openai.com/docs/api-reference/chat/object#chat-object-model",
    fix="Return the requested name, or the full name of its version; list an alias under its own name.",
    applies_to=_named,
    apis=APIS,
    good=[
        answered(completion(model=named), body={"model": requested})
        for requested, named in (
            ("gpt-5", "gpt-5-2026-08-07"),
            ("openai/gpt-5", "gpt-5"),
            ("llama3.1:8b", "Meta-Llama-3.1-8B-Instruct"),
            ("claude-sonnet-latest", "claude-sonnet-4-5"),
        )
    ],
    bad=[answered(completion(model="small-1"), body={"model": "large-2"})],
)
def another_model_named(x: Exchange, policy: Policy) -> Iterator[Finding]:
    """A fallback to another model is billed and trusted as the requested one.

    An alias is fine: a gateway's policy names it (gateway.model); elsewhere, accept it by a waiver.
    """
    requested = str(request_body(x)["model"])
    known = [core for name in (requested, policy.gateway.model) if name and (core := _core(name))]
    names = [name for name in response_content(x).models if isinstance(name, str) and _core(name)]
    for name in names:
        if not any(core in _core(name) or _core(name) in core for core in known):
            seen = f"the request names the model {quoted(requested)}, but the response {quoted(name)}"
            yield Finding(seen, at=reply(x).head, expected="the requested name, or one that contains it")
            return
