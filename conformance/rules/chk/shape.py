"""Shared by the CHK rules: rule builder, defined values, choice names."""

from collections.abc import Callable, Mapping, Sequence

from conformance.apis.chat import Part, parts
from conformance.model.case import Compare
from conformance.model.exchange import Exchange
from conformance.model.rule import DEFAULT_COMPARISONS, Check, Condition, Example, Rule, rule
from conformance.model.verdict import Level
from conformance.model.words import Api, Facet

SPEC = "https://platform.openai.com/docs/api-reference/chat/streaming"
FINISHES = ("stop", "length", "tool_calls", "content_filter", "function_call")
TEXT_FINISHES = ("stop", "length", "content_filter")
MILLISECONDS = 100_000_000_000
"""A time in seconds reaches this value in the year 5138, one in milliseconds did in 1973."""


def chunk_rule(  # noqa: PLR0913 - as rule
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
    compares_with: Mapping[str, Compare] = DEFAULT_COMPARISONS,
) -> Callable[[Check], Rule]:
    """A rule on chat streams; `about` is the chunk's field."""
    spec = f"{SPEC}#chat/streaming-{about}"
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
        modes=("stream",),
        compares_with=compares_with,
    )


def finish_reasons(x: Exchange) -> tuple[str, ...]:
    """The defined values of finish_reason: a text completion has no tool calls."""
    return TEXT_FINISHES if x.api == "completions" else FINISHES


def choice_name(part: Part) -> str:
    """The name of this part's choice in a finding."""
    return f"choice {part.slot}" if part.slot else "the choice"


def first_parts(x: Exchange) -> dict[int, Part]:
    """The first part of each choice."""
    found: dict[int, Part] = {}
    for part in parts(x):
        found.setdefault(part.slot, part)
    return found
