"""Fields that a framework always sends."""

from collections.abc import Iterator, Sequence

from conformance.apis.errors import error_response, quoted, rejected_fields
from conformance.apis.request import request_body
from conformance.apis.specs import spec
from conformance.apis.vendor_refusals import refused_as_by_vendor
from conformance.field_support.capability import echo
from conformance.field_support.fields import conclude, field_observations, is_neutral
from conformance.model.case import Compare, Kind
from conformance.model.exchange import Exchange
from conformance.model.rule import rule
from conformance.model.verdict import MUST, SHOULD, Finding, NotJudged, not_applicable
from conformance.model.words import APIS
from conformance.parsing.http1 import reply
from conformance.rules.conditions import (
    OK,
    all_of,
    answered_or_rejected,
    mode_supported,
    not_rejected_for_other_reasons,
    probe_is,
)
from conformance.rules.example import HELLO, answered, completion, error, streamed
from conformance.rules.fld.example import BASELINE_RESPONSE, MISTYPED, NAMED, USER, Facts
from conformance.rules.fld.spec import CREATE, DROPPED

UNSUPPORTED = answered(
    error("Unsupported parameter: 'max_tokens' is not supported with this model.", param="max_tokens"),
    status=400,
    body={"max_tokens": 1024},
)
UNKNOWN_OPTIONS = error("Unknown parameter: 'stream_options'.", param="stream_options")
OPTIONS: Facts = {"mode": "stream", "body": {"stream": True, "stream_options": {"include_usage": True}}}
BOTH = {**OPTIONS["body"], "user": "u"}


@rule(
    "FLD015",
    MUST,
    "Fields that a framework always sends are accepted, unless the API's own vendor refuses them",
    spec=CREATE,
    fix="Accept these fields, null included; list those without effect in the response header X-Ignored-Params.",
    applies_to=all_of(probe_is(Kind.BASELINE), mode_supported, not_rejected_for_other_reasons),
    apis=APIS,
    good=[BASELINE_RESPONSE, streamed(*HELLO)],
    bad=[
        answered(UNKNOWN_OPTIONS, status=400, **OPTIONS),
        answered(
            {"detail": [{"loc": ["body", "stream_options"], "msg": "Extra inputs are not permitted"}]},
            status=422,
            **OPTIONS,
        ),
        (
            answered(UNKNOWN_OPTIONS, status=400, mode="stream", body=BOTH),
            answered(error("Unknown parameter: 'user'.", param="user"), status=400, **USER),
        ),
    ],
    compares_with={"tried": Compare(Kind.WRONG_TYPE, many=True, any_profile=True, optional=True)},
)
def refused_framework_field(x: Exchange, tried: tuple[Exchange, ...]) -> Iterator[Finding | NotJudged]:
    """The framework has no option to omit the field: none of its requests succeeds with this target.

    Many servers name one unknown field at a time; requests about the others show which of them are unknown, too.
    """
    if refused_as_by_vendor(x):
        yield not_applicable("models of the API's own vendor refuse the field, too (see FLD019)")
    elif found := rejected_fields(x):
        unknown = {
            one.place[1] for other in tried for one in field_observations(other, None) if one.sight.state == "refused"
        }
        yield _rejection(x, found, [name for name in request_body(x) if name in unknown.difference(found)])
    elif reply(x).status not in OK:
        yield not_applicable("the target rejected the baseline request for another reason")


def _rejection(x: Exchange, fields: Sequence[str], others: Sequence[str] = ()) -> Finding:
    """`others`: fields that this error does not name, but the target rejects them too."""
    error = error_response(x)
    why = quoted(error.message or error.text)
    seen = f"{x.case.profile} always sends {_named(fields)}, and the target rejects it with HTTP {error.status}: {why}"
    more = f"; it also sends {_named(others)}, which the target rejects in other requests" if others else ""
    return Finding(seen + more, at=error.at)


def _named(fields: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in fields)


@rule(
    "FLD019",
    SHOULD,
    "The model takes the parameters that a framework always sends",
    spec="https://platform.openai.com/docs/guides/reasoning",
    fix="Configure the framework not to send the parameter, translate it in front of the model, or use another model.",
    applies_to=all_of(probe_is(Kind.BASELINE), mode_supported, not_rejected_for_other_reasons),
    apis=APIS,
    good=[BASELINE_RESPONSE, streamed(*HELLO)],
    bad=[UNSUPPORTED],
)
def refused_framework_parameter(x: Exchange) -> Iterator[Finding | NotJudged]:
    """Models that reason refuse some parameters by name, those of the API's own vendor included: the target is within
    its rights, but none of the framework's requests succeeds with this model.
    """
    if found := refused_as_by_vendor(x):
        yield _rejection(x, found)
    elif reply(x).status not in OK:
        yield not_applicable("the target rejected the baseline request for another reason")


TRIED = (Kind.WRONG_TYPE, Kind.EFFECT, Kind.TOOLS, Kind.REPLAY)
SET: Facts = {"body": {"temperature": 0.2}}
PASSED_OVER = answered(completion(), **MISTYPED)
PROMPT_PASSED_OVER = answered(completion(), probe="chat.wrong-type.messages", body={"messages": {"unexpected": True}})
REFUSED = answered(NAMED, status=400, **MISTYPED)


@rule(
    "FLD018",
    SHOULD,
    "Fields that a framework always sends are not silently ignored",
    spec=DROPPED,
    fix="Read the fields; accept those without effect, too, and list them in the response header X-Ignored-Params.",
    applies_to=all_of(probe_is(Kind.BASELINE), mode_supported, not_rejected_for_other_reasons, answered_or_rejected),
    needs=("headers",),
    apis=APIS,
    good=[
        (answered(completion(), **SET), REFUSED),
        (answered(completion()), PASSED_OVER),
        (answered(completion(), body={"temperature": None}), PASSED_OVER),
        (answered(completion(temperature=0.2), **SET), PASSED_OVER),
        (answered(completion(), body={"messages": [{"role": "user", "content": "Say hello."}]}), PROMPT_PASSED_OVER),
    ],
    bad=[(answered(completion(), **SET), PASSED_OVER)],
    compares_with={
        "tried": Compare(TRIED, many=True, any_profile=True),
        "others": Compare((*TRIED, Kind.BASELINE), many=True, any_profile=True, any_mode=True, optional=True),
    },
)
def dropped_framework_field(
    x: Exchange, tried: tuple[Exchange, ...], others: tuple[Exchange, ...] = ()
) -> Iterator[Finding | NotJudged]:
    """Users of the framework set a value that the target never reads, and get no error."""
    if error_response(x):
        yield not_applicable("the target rejected the baseline request")
        return
    seen = [one for other in (*tried, *others) for one in field_observations(other, None)]
    proven = {one.place for one in seen if one.proven}  # a missing effect has its own rule
    signs = {place: found for place, found in conclude(seen).items() if place not in proven and place[2] == x.mode}
    dropped = [name for (_, name, _), found in signs.items() if found.state == "dropped"]
    needed = ("model", spec(x.api).prompt)  # a wrong type of what no request lacks does not show what is ignored
    sent = {n: value for n, value in request_body(x).items() if n not in needed and not is_neutral(n, value)}
    lost = [name for name in dropped if name in sent and echo(x, name) != sent[name]]
    if lost:
        yield Finding(
            f"{x.case.profile} always sends {_named(lost)}, and the target silently ignores it", at=reply(x).head
        )
