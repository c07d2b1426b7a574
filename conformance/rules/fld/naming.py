"""Whether an error names the field that it concerns."""

from collections.abc import Iterator

from conformance.apis.errors import ErrorResponse, error_response, names_field, quoted
from conformance.apis.vendor_refusals import refused_cap
from conformance.field_support.capability import other_rejected_fields
from conformance.model.exchange import Exchange
from conformance.model.verdict import Finding, NotJudged, not_applicable, untestable
from conformance.rules.conditions import baseline_ok


def names_any(error: ErrorResponse, path: str) -> bool:
    """Whether an error names the field or the object that contains it."""
    return any(names_field(error, part) for part in path.split("."))


def unnamed(x: Exchange, baseline: Exchange) -> Iterator[Finding | NotJudged]:
    """A finding for an error that names neither the tested field nor another reason."""
    name, error = x.case.subject, error_response(x)
    if not error or names_any(error, name):
        return
    if error.status >= 500:
        yield not_applicable(f"the target returned HTTP {error.status}")
    elif not error.is_json:
        yield not_applicable("the error is not JSON (see ERR005)")
    elif not error.message:
        yield not_applicable("the error has no message (see ERR008)")
    elif cap := refused_cap(x):
        yield untestable(f"the target rejected `{cap}`, which the request also sets")
    elif named := other_rejected_fields(x, baseline, error):
        yield not_applicable(f"the target rejected `{named[0]}`, which the request sets together with `{name}`")
    elif skip := baseline_ok(baseline):
        yield skip
    else:
        yield Finding(
            f"the {error.status} error for `{name}` does not name it: {quoted(error.message or error.text)}",
            at=error.at,
        )
