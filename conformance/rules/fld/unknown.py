"""Unknown fields: rejected, announced as ignored, or handled as the target's policy promises."""

from collections.abc import Iterator

from conformance.apis.errors import error_response, names_field
from conformance.field_support.capability import warned
from conformance.model.case import Kind
from conformance.model.exchange import Exchange
from conformance.model.rule import rule
from conformance.model.target import Policy
from conformance.model.verdict import MUST, OUT_OF_SCOPE, SHOULD, Finding, NotJudged, not_applicable, untestable
from conformance.model.words import APIS
from conformance.parsing.http1 import reply
from conformance.rules.conditions import (
    all_of,
    answered_or_rejected,
    mode_supported,
    not_rejected_for_other_reasons,
    probe_is,
    readable,
)
from conformance.rules.example import HELLO, answered, completion, streamed
from conformance.rules.fld.example import BASELINE_RESPONSE, CANARY, NESTED, UNKNOWN, UNNAMED, WARNED
from conformance.rules.fld.naming import unnamed
from conformance.rules.fld.spec import DROPPED


def _unknown(x: Exchange) -> NotJudged | None:
    return all_of(
        probe_is(Kind.UNKNOWN_FIELD), mode_supported, not_rejected_for_other_reasons, readable, answered_or_rejected
    )(x)


def _at_the_top(x: Exchange) -> NotJudged | None:
    return _unknown(x) or (OUT_OF_SCOPE if "." in x.case.subject else None)


def _inside(x: Exchange) -> NotJudged | None:
    return _unknown(x) or (None if "." in x.case.subject else OUT_OF_SCOPE)


def _swallowed(x: Exchange, policy: Policy) -> Iterator[Finding | NotJudged]:
    name = x.case.subject
    if promise := policy.expected_behaviour(name):
        yield not_applicable(f"the target's policy covers unknown fields: {promise}")
    elif (error := error_response(x)) and not names_field(error, name):
        yield untestable(f"the target returned HTTP {error.status} without naming `{name}` as the reason")
    elif not error and not warned(x, name):
        yield Finding(f"the unknown field `{name}` was silently ignored", at=reply(x).head)


@rule(
    "FLD006",
    SHOULD,
    "An unknown field is rejected or announced as ignored",
    spec=DROPPED,
    fix="Declare every field that frameworks send, and forbid all others; or list the ignored ones in the header X-Ignored-Params.",
    applies_to=_at_the_top,
    needs=("headers",),
    apis=APIS,
    good=[
        answered(UNKNOWN, status=400, **CANARY),
        answered(completion(), headers=WARNED, **CANARY),
        answered(completion(warnings=[{"field": "x_canary"}]), **CANARY),
    ],
    bad=[answered(completion(), **CANARY), streamed(*HELLO, **CANARY)],
)
def dropped_unknown_field(x: Exchange, policy: Policy) -> Iterator[Finding | NotJudged]:
    """A misspelt token cap costs money, and a vendor's option without effect misleads: only the server can report it."""
    yield from _swallowed(x, policy)


@rule(
    "FLD007",
    SHOULD,
    "An unknown field of a nested object is rejected or announced as ignored",
    spec=DROPPED,
    fix="Forbid undeclared fields in nested objects too: most request models do so only at the top level.",
    applies_to=_inside,
    needs=("headers",),
    apis=APIS,
    good=[answered(UNKNOWN, status=400, **NESTED)],
    bad=[answered(completion(), **NESTED)],
)
def dropped_nested_field(x: Exchange, policy: Policy) -> Iterator[Finding | NotJudged]:
    """An option inside a message or a tool is silently ignored where only the top level is checked."""
    yield from _swallowed(x, policy)


@rule(
    "FLD008",
    MUST,
    "Unknown fields are handled as the target's policy promises",
    spec=DROPPED,
    fix="Follow the policy at every level, streaming or not; announce ignored fields in the response header X-Ignored-Params.",
    applies_to=_unknown,
    needs=("headers",),
    apis=APIS,
    good=[answered(UNKNOWN, status=400, **CANARY), answered(completion(), headers=WARNED, **CANARY)],
    bad=[answered(completion(), **CANARY), answered(completion(), **NESTED)],
)
def broken_promise_on_unknown_fields(x: Exchange, policy: Policy) -> Iterator[Finding | NotJudged]:
    """Clients rely on the policy: what it rejects must not pass, and what it announces must be announced."""
    name, error, promise = x.case.subject, error_response(x), policy.expected_behaviour(x.case.subject)
    if promise not in ("reject", "announce"):
        yield not_applicable("the target's policy promises nothing about unknown fields")
    elif error and not names_field(error, name):
        yield untestable(f"the target returned HTTP {error.status} without naming `{name}` as the reason")
    elif promise == "reject" and not error:
        yield Finding(f"the policy is to reject unknown fields, but `{name}` was accepted", at=reply(x).head)
    elif promise == "announce" and error:
        yield Finding(f"the policy is to accept and announce unknown fields, but `{name}` was rejected", at=error.at)
    elif promise == "announce" and not warned(x, name):
        yield Finding(f"the policy is to announce unknown fields, but `{name}` was silently ignored", at=reply(x).head)


@rule(
    "FLD009",
    SHOULD,
    "The error for an unknown field names the field",
    spec=DROPPED,
    fix="Put the field's path into `error.param`, and its name into `error.message`.",
    applies_to=_unknown,
    apis=APIS,
    good=[(answered(UNKNOWN, status=400, **CANARY), BASELINE_RESPONSE)],
    bad=[(answered(UNNAMED, status=400, **CANARY), BASELINE_RESPONSE)],
)
def refusal_without_the_unknown_field(x: Exchange, baseline: Exchange) -> Iterator[Finding | NotJudged]:
    """Frameworks add their own fields: without the name, users can't know which one to remove."""
    yield from unnamed(x, baseline)
