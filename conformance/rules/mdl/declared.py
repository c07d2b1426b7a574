"""What the list of models declares of a model, against what its responses show."""

import re
from collections.abc import Iterator
from typing import Any, Final

from conformance.apis.declared import declared, declared_of, is_length, read_entry
from conformance.apis.errors import body, error_response, is_verdict_on_request, quoted
from conformance.field_support.capability import field_result
from conformance.field_support.states import FieldEvidence
from conformance.model.case import Compare, Kind
from conformance.model.exchange import Exchange
from conformance.model.rule import rule
from conformance.model.verdict import MAY, OUT_OF_SCOPE, SHOULD, Finding, NotJudged, not_applicable, untestable
from conformance.model.words import Api
from conformance.parsing.http1 import reply
from conformance.parsing.json_values import as_object, display
from conformance.rules.conditions import all_of, probe_is, readable, succeeded
from conformance.rules.example import answered, completion, error
from conformance.rules.mdl.listing import MODEL, model_response, models_response

PARAMETERS: Final = "https://openrouter.ai/docs/guides/overview/models"
CHAT: Final[tuple[Api, ...]] = ("chat",)
LISTED: Final = {"models": Compare(Kind.MODELS, "list", mode="unary")}
COMMON: Final = frozenset(
    ("max_tokens", "max_completion_tokens", "stop", "logprobs", "logit_bias", "tools", "tool_choice", "response_format")
)
"""Fields that a complete list of parameters names; it leaves out those of every API, such as `stream` and `n`."""
MOST_NAMED: Final = 5
LOST: Final = {
    "dropped": "is silently ignored",
    "announced": "is ignored with a warning",
    "refused": "is rejected",
}
STATED: Final = re.compile(
    r"context (?:length|window|size)(?: limit)?\s*(?:of|is|:|=|\()?\s*(?:only )?([0-9][0-9,_]{2,11})", re.IGNORECASE
)
"""How errors state the context length of a model."""


def _shown(x: Exchange) -> NotJudged | None:
    """The exchange shows what becomes of a field."""
    if x.case.kind not in (Kind.EFFECT, Kind.TOOLS):
        return OUT_OF_SCOPE
    if skip := readable(x):
        return skip
    return None if field_result(x, None) else not_applicable("the response does not show the effect of a field")


def _field(x: Exchange) -> tuple[str, FieldEvidence]:
    return field_result(x, None) or ("", FieldEvidence("unknown"))


def _models(**members: Any) -> Exchange:
    return models_response(MODEL | members)


REFUSED = answered(
    error("'logprobs' is not supported.", param="logprobs"),
    status=400,
    probe="chat.witness.logprobs",
    body={"model": "m", "logprobs": True},
)
FORCED = {"model": "m", "tools": [{"type": "function", "function": {"name": "f"}}], "tool_choice": "none"}
SPOKEN = answered(completion(), probe="chat.tools.none", body=FORCED)


@rule(
    "MDL008",
    SHOULD,
    "A parameter that the list of models declares as supported is honoured",
    spec=PARAMETERS,
    fix="Remove the parameter from supported_parameters and supported_features of the model, or support it.",
    applies_to=_shown,
    apis=CHAT,
    compares_with=LISTED,
    good=[(SPOKEN, _models(supported_parameters=["tools", "tool_choice"]))],
    bad=[
        (REFUSED, _models(supported_parameters=["max_tokens", "logprobs"])),
        (REFUSED, _models(supported_features=["logprobs"])),
    ],
)
def declared_parameter_without_effect(x: Exchange, models: Exchange) -> Iterator[Finding | NotJudged]:
    """Routers and agents choose a model by what it declares, and send the parameter because of that."""
    (name, shown), found = _field(x), declared(models, x)
    if not found or not found.fields:
        yield not_applicable("the list of models declares no parameters of the model")
    elif name not in found.fields:
        yield not_applicable(f"the list of models does not declare `{name}`")
    elif shown.state in LOST:
        yield Finding(
            f"the list of models declares `{name}`, but it {LOST[shown.state]}: {shown.why}", at=reply(x).head
        )
    elif shown.state == "unknown":
        yield untestable(shown.why)


@rule(
    "MDL009",
    MAY,
    "A parameter that has an effect is among those that the list of models declares",
    spec=PARAMETERS,
    fix="Add the parameter to supported_parameters of the model.",
    applies_to=_shown,
    apis=CHAT,
    compares_with=LISTED,
    good=[(SPOKEN, _models(supported_parameters=["tools"]))],
    bad=[(SPOKEN, _models(supported_parameters=["max_tokens"])), (SPOKEN, _models(supported_parameters=[]))],
)
def honoured_parameter_not_declared(x: Exchange, models: Exchange) -> Iterator[Finding | NotJudged]:
    """Routers do not send requests with the parameter to this model, though it would serve them."""
    (name, shown), found = _field(x), declared(models, x)
    if not found or not found.is_complete:
        yield not_applicable("the list of models does not declare all parameters of the model")
    elif name not in COMMON or shown.state not in ("honoured", "unknown"):
        yield not_applicable(f"`{name}` is not a parameter that such a list names, or has no effect")
    elif shown.state == "unknown":
        yield untestable(shown.why)
    elif name not in found.fields:
        yield Finding(f"`{name}` has an effect, but supported_parameters does not have it", at=reply(models).head)


def _too_long(x: Exchange) -> NotJudged | None:
    """A prompt that is too long was rejected because of its length."""
    if skip := all_of(probe_is(Kind.MISTAKE, subjects=("too-long",)), readable)(x):
        return skip
    error = error_response(x)
    if not is_verdict_on_request(error):
        return not_applicable("the target did not reject a prompt that is too long")
    return None if STATED.search(error.message) else not_applicable("the error does not state the context length")


def _limit(tokens: str) -> Exchange:
    body = error(f"This model's maximum context length is {tokens} tokens. However, you requested 140001 tokens.")
    return answered(body, status=400, probe="chat.mistake.too-long", body={"model": "m"})


@rule(
    "MDL010",
    SHOULD,
    "The declared context length is the one that the target enforces",
    spec=PARAMETERS,
    fix="Publish the context length with which the model is served, not that of the model's configuration.",
    applies_to=_too_long,
    apis=CHAT,
    compares_with=LISTED,
    good=[(_limit("4096"), _models(context_length=4096)), (_limit("4,096"), _models(max_model_len=4096))],
    bad=[
        (_limit("4096"), _models(context_length=131_072)),
        (_limit("4096"), _models(max_model_len=8192)),
        (_limit("4096"), _models(context_length="4k")),
    ],
)
def other_context_length_declared(x: Exchange, models: Exchange) -> Iterator[Finding | NotJudged]:
    """Agents compact a conversation shortly before the declared length: if the real one is smaller, each long one fails."""
    found, error = declared(models, x), error_response(x)
    stated = {int(re.sub(r"\D", "", number)) for number in STATED.findall(error.message)}
    if not found or not found.contexts:
        yield not_applicable("the list of models declares no context length of the model")
        return
    for name, value in found.contexts.items():
        if not is_length(value):
            yield Finding(f"{name} of the model is {display(value)}, not a number of tokens", at=reply(models).head)
        elif value > max(stated):
            seen = f"the list of models declares {name} {int(value)}, but an error states {max(stated)}"
            yield Finding(f"{seen}: {quoted(error.message)}", at=error.at)


def _described(x: Exchange) -> NotJudged | None:
    """The response is the entry of one model."""
    if skip := all_of(probe_is(Kind.MODELS, subjects=("one",)), succeeded, readable)(x):
        return skip
    return None if as_object(body(x)).get("id") else untestable("the response is not a model (see MDL005)")


def _one(**members: Any) -> Exchange:
    return model_response(MODEL | members)


@rule(
    "MDL011",
    SHOULD,
    "GET /models/NAME declares what the list of models declares",
    spec=PARAMETERS,
    fix="Build both responses from the same description of the model.",
    applies_to=_described,
    apis=CHAT,
    modes=("unary",),
    compares_with=LISTED,
    good=[(_one(context_length=4096, created=2), _models(context_length=4096)), (_one(context_length=4096), _models())],
    bad=[
        (_one(context_length=4096), _models(context_length=8192)),
        (_one(supported_features=["tools"]), _models(supported_features=["tools", "json_mode"])),
    ],
)
def model_described_in_two_ways(x: Exchange, models: Exchange) -> Iterator[Finding | NotJudged]:
    """Agents read the one or the other: they compact conversations too late, or do not send a parameter that would work."""
    mine = read_entry(as_object(body(x)))
    theirs = declared_of(models, as_object(body(x)).get("id"))
    if theirs is None:
        yield not_applicable("the list of models does not have the model")
        return
    for name, value in mine.contexts.items():
        if theirs.contexts.get(name, value) != value:
            seen = (
                f"{name} of the model is {display(value)}, and {display(theirs.contexts[name])} in the list of models"
            )
            yield Finding(seen, at=reply(x).head)
    if mine.fields and theirs.fields and mine.fields != theirs.fields:
        apart = ", ".join(f"`{name[:40]}`" for name in sorted(mine.fields ^ theirs.fields)[:MOST_NAMED])
        yield Finding(f"only one of the model and the list of models declares {apart}", at=reply(x).head)
