"""Whether an error names the field that it concerns."""

from collections.abc import Iterator

from conformance.apis.errors import Refusal, names, quoted, refusal
from conformance.field_support.capability import RIDER, companions
from conformance.model.exchange import Exchange
from conformance.model.verdict import Finding, Skip, not_applicable, untestable
from conformance.rules.conditions import greeted


def names_any(said: Refusal, path: str) -> bool:
    """Whether an error names the field or the object that contains it."""
    return any(names(said, part) for part in path.split("."))


def unnamed(x: Exchange, hello: Exchange) -> Iterator[Finding | Skip]:
    """A finding for an error that names neither the tested field nor another reason."""
    name, said = x.question.about, refusal(x)
    if not said or names_any(said, name):
        return
    if said.status >= 500:
        yield not_applicable(f"the target returned {said.status}")
    elif not said.is_json:
        yield not_applicable("the error is not JSON")
    elif not said.message:
        yield not_applicable("the error has no message (ERR008 reports that)")
    elif names(said, RIDER):
        yield untestable(f"the target rejected `{RIDER}`, which the request also sets")
    elif named := companions(x, hello, said):
        yield not_applicable(f"the target rejected `{named[0]}`, which the request sets together with `{name}`")
    elif skip := greeted(hello):
        yield skip
    else:
        yield Finding(
            f"the {said.status} error for `{name}` does not name it: {quoted(said.message or said.text)}", at=said.at
        )
