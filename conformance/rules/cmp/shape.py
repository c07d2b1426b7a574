"""Shared by the CMP rules: the rule decorator, and access to choices and messages."""

from collections.abc import Callable, Iterator, Sequence

from conformance.apis.chat import whole_choices
from conformance.model.exchange import Exchange
from conformance.model.rule import Check, Condition, Example, Rule, rule
from conformance.model.verdict import Level
from conformance.model.words import Api, Facet
from conformance.parsing.json_body import json_body
from conformance.parsing.json_values import Object, as_object

SPEC = "https://platform.openai.com/docs/api-reference/chat/object"


def whole_rule(  # noqa: PLR0913 - as rule
    id: str,  # noqa: A002 - as rule
    level: Level,
    title: str,
    *,
    about: str,
    fix: str,
    applies_to: Condition,
    needs: Sequence[Facet] = (),
    apis: Sequence[Api] = ("chat",),
    good: Sequence[Example],
    bad: Sequence[Example],
) -> Callable[[Check], Rule]:
    """A rule on a non-streaming chat response; `about` is the field of the completion object."""
    spec = f"{SPEC}#chat/object-{about}"
    return rule(
        id,
        level,
        title,
        spec=spec,
        fix=fix,
        applies_to=applies_to,
        needs=needs,
        good=good,
        bad=bad,
        apis=apis,
        modes=("unary",),
    )


def completion_of(x: Exchange) -> Object:
    """The response's JSON object; empty if there is none."""
    return as_object(json_body(x))


def choices_of(x: Exchange) -> Iterator[Object]:
    """The choices of the response that are objects."""
    return (choice for _, choice, _ in whole_choices(completion_of(x)))


def messages_of(x: Exchange) -> Iterator[Object]:
    """The messages of the response that are objects."""
    return (choice["message"] for choice in choices_of(x) if isinstance(choice.get("message"), dict))
