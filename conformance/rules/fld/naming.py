"""Whether a refusal names the field that it is about."""

from collections.abc import Iterator

from conformance.apis.errors import Refusal, names, quoted, refusal
from conformance.field_support.capability import RIDER, companions
from conformance.model.exchange import Exchange
from conformance.model.verdict import Finding, Skip, not_applicable, untestable
from conformance.rules.conditions import greeted


def names_any(said: Refusal, path: str) -> bool:
    """Whether a refusal names the field or the object that holds it."""
    return any(names(said, part) for part in path.split("."))


def unnamed(x: Exchange, hello: Exchange) -> Iterator[Finding | Skip]:
    """A finding for a refusal that names neither the field in question nor another reason."""
    name, said = x.question.about, refusal(x)
    if not said or names_any(said, name):
        return
    if said.status >= 500:
        yield not_applicable(f"the target failed with {said.status}")
    elif not said.is_json:
        yield not_applicable("the refusal is no JSON")
    elif not said.message:
        yield not_applicable("the refusal has no message (ERR008 tells of that)")
    elif names(said, RIDER):
        yield untestable(f"the target refused `{RIDER}`, which rode along")
    elif named := companions(x, hello, said):
        yield not_applicable(f"the target refused `{named[0]}`, which stands beside `{name}`")
    elif skip := greeted(hello):
        yield skip
    else:
        yield Finding(f"`{name}` was refused with {said.status} and {quoted(said.message or said.text)}", at=said.at)
