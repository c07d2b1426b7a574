"""Fields of a wrong type: a target that accepts one does not read it."""

from collections.abc import Iterator, Sequence

from conformance.apis.errors import error_response
from conformance.apis.specs import caps, spec
from conformance.apis.vendor_refusals import refused_cap
from conformance.field_support.capability import (
    is_required,
    other_rejected_fields,
    sign_of_reading,
    warned,
)
from conformance.field_support.fields import LENIENT, field_observations, is_lenient
from conformance.model.case import Compare, Kind
from conformance.model.exchange import Exchange
from conformance.model.rule import rule
from conformance.model.verdict import MUST, OUT_OF_SCOPE, SHOULD, Finding, NotJudged, not_applicable, untestable
from conformance.model.words import APIS
from conformance.parsing.http1 import reply
from conformance.rules.conditions import (
    all_of,
    answered_or_rejected,
    baseline_ok,
    mode_supported,
    not_rejected_for_other_reasons,
    probe_is,
    readable,
)
from conformance.rules.example import HELLO, answered, completion, error, streamed
from conformance.rules.fld.example import BASELINE_RESPONSE, MISTYPED, NAMED, UNNAMED, USER
from conformance.rules.fld.naming import names_any, unnamed
from conformance.rules.fld.spec import CREATE, DROPPED

SAMPLING = ("frequency_penalty", "presence_penalty", "temperature", "top_p")
READ_STRICTLY = (*SAMPLING, "stream")
"""Fields that affect every response, that no effect probe tests, and whose readers reject a wrong type.

With them the field that has the prompt: `prompt` of Completions, but not of Responses, where it is an option.
"""


def _mistyped(x: Exchange) -> NotJudged | None:
    return all_of(
        probe_is(Kind.WRONG_TYPE), mode_supported, not_rejected_for_other_reasons, readable, answered_or_rejected
    )(x)


def _effective(x: Exchange) -> NotJudged | None:
    return _mistyped(x) or (None if _is_strict(x) else OUT_OF_SCOPE)


def _other(x: Exchange) -> NotJudged | None:
    return _mistyped(x) or (OUT_OF_SCOPE if _is_strict(x) else None)


def _is_strict(x: Exchange) -> bool:
    return x.case.subject in (*READ_STRICTLY, spec(x.api).prompt)


def _ignored(x: Exchange, baseline: Exchange) -> Iterator[Finding | NotJudged]:
    """A value of a wrong type was accepted, and answered as if it were absent, or where none can be absent."""
    name, error = x.case.subject, error_response(x)
    if error.in_band:
        yield not_applicable("the request failed with an error under a success status (see ERR013)")
    elif not error and name != "stream" and (sign := sign_of_reading(x, baseline)):  # no value but a boolean has a form
        yield not_applicable(f"the value was not ignored: {sign}")
    elif not error:
        if not warned(x, name):
            how = "accepted" if is_required(x, baseline) or sign_of_reading(x, baseline) else "silently ignored"
            seen = f"`{name}` of a wrong type was {how}: the target returned HTTP {reply(x).status}"
            yield Finding(seen, at=reply(x).head, expected=f"an error that names `{name}`")
    elif error.status >= 500 and error.status != 501:
        yield not_applicable(f"the target returned HTTP {error.status}")
    elif not names_any(error, name) and (cap := refused_cap(x)):
        yield untestable(f"the target rejected `{cap}`, which the request also sets")
    elif not names_any(error, name) and (named := other_rejected_fields(x, baseline, error)):
        yield not_applicable(f"the target rejected `{named[0]}`, which `{name}` depends on")
    elif not names_any(error, name) and (skip := baseline_ok(baseline)):
        yield skip


@rule(
    "FLD003",
    MUST,
    "A field that affects every response is rejected if its type is wrong",
    spec=CREATE,
    fix="Declare the field with its type in the request model, and reject other types with 400.",
    applies_to=_effective,
    needs=("headers",),
    apis=APIS,
    good=[
        (answered(NAMED, status=400, **MISTYPED), BASELINE_RESPONSE),
        (answered(UNNAMED, status=422, **MISTYPED), BASELINE_RESPONSE),
    ],
    bad=[(answered(completion(), **MISTYPED), BASELINE_RESPONSE), (streamed(*HELLO, **MISTYPED), streamed(*HELLO))],
    compares_with={
        "baseline": Compare(Kind.BASELINE),
        "tried": Compare((Kind.WRONG_TYPE, Kind.EFFECT), many=True, any_profile=True, any_mode=True, optional=True),
    },
)
def dropped_field(x: Exchange, baseline: Exchange, tried: Sequence[Exchange] = ()) -> Iterator[Finding | NotJudged]:
    """Accepting `temperature: {}` shows that the field is never read: values that clients set are silently ignored.

    It does not on a target that accepts a wrong type of the token cap, too, and honours its numbers, in either mode: it
    may do so with any number. Fields of other types show nothing about numbers: a model may declare them as any value.
    """
    for found in _ignored(x, baseline):
        is_sign = isinstance(found, Finding) and x.case.subject in SAMPLING
        yield untestable(LENIENT) if is_sign and _is_lenient(x, tried) else found


def _is_lenient(x: Exchange, tried: Sequence[Exchange]) -> bool:
    seen = (one for other in tried for one in field_observations(other, None))
    return is_lenient((one for one in seen if one.place[1] in caps(x.api)), x.api)


@rule(
    "FLD004",
    SHOULD,
    "Every other documented field is rejected if its type is wrong",
    spec=CREATE,
    fix="Declare the field with its type in the request model, even if it has little effect, and reject other types with 400.",
    applies_to=_other,
    needs=("headers",),
    apis=APIS,
    good=[(answered(error("user: not a string", param="user"), status=400, **USER), BASELINE_RESPONSE)],
    bad=[(answered(completion(), **USER), BASELINE_RESPONSE)],
)
def ignored_type(x: Exchange, baseline: Exchange) -> Iterator[Finding | NotJudged]:
    """The field is not read, or not validated: the value that a client sets may be silently ignored."""
    yield from _ignored(x, baseline)


@rule(
    "FLD005",
    SHOULD,
    "The error for a field of a wrong type names the field",
    spec=DROPPED,
    fix="Put the field's path into `error.param`, and its name into `error.message`.",
    applies_to=_mistyped,
    apis=APIS,
    good=[
        (answered(NAMED, status=400, **MISTYPED), BASELINE_RESPONSE),
        (answered(completion(), **MISTYPED), BASELINE_RESPONSE),
    ],
    bad=[(answered(UNNAMED, status=400, **MISTYPED), BASELINE_RESPONSE)],
)
def refusal_without_the_field(x: Exchange, baseline: Exchange) -> Iterator[Finding | NotJudged]:
    """The developer of a client that sends thirty fields has to guess which one is wrong."""
    yield from unnamed(x, baseline)
