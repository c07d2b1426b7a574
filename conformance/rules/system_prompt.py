"""Whether a system prompt reached the model: usage counts its words, or the response follows it."""

from collections.abc import Iterator
from typing import Final

from conformance.apis.chat import span_of
from conformance.apis.request import conversation_texts, request_body
from conformance.apis.response_content import response_content
from conformance.apis.usage import usage
from conformance.field_support.fields import LONG_INSTRUCTIONS
from conformance.model.exchange import Exchange
from conformance.model.marker_words import SYSTEM_WORD
from conformance.model.verdict import Finding, NotJudged, not_applicable, untestable
from conformance.rules.use.conditions import counted_well

LEAST: Final = LONG_INSTRUCTIONS // 2
"""Tokens: half of the words of a system prompt that probes send, each of which is at least one token."""


def counted_with_long_prompt(x: Exchange) -> NotJudged | None:
    """The request has a system prompt that shows in usage, and the response has usage.

    A recording of an older version may have a shorter one, or none, in the same test case.
    """
    prompt = {name: value for name, value in request_body(x).items() if name in ("system", "instructions")}
    words = sum(len(text.split()) for text in conversation_texts(prompt))
    if words < LONG_INSTRUCTIONS:
        return not_applicable("the request has no system prompt that is long enough to show in usage")
    return counted_well(x)


def is_counted(x: Exchange, plain: Exchange) -> bool:
    """Whether usage counts the system prompt of `x`; `plain` is the response to the same request without it."""
    longer, usual = usage(x), usage(plain)
    return bool(longer and usual and longer.prompt + longer.cached >= usual.prompt + LEAST)


def is_followed(x: Exchange) -> bool:
    """Whether the response has the word that only the system prompt asks for."""
    return any(SYSTEM_WORD in f"{choice.reasoning} {choice.text}".lower() for choice in response_content(x).choices)


def unread(x: Exchange, plain: Exchange, baseline: Exchange, count: Exchange) -> Iterator[Finding | NotJudged]:
    """Usage does not count the system prompt of `x`, although it counts that the prompt of `count` is longer than that
    of `baseline`; `plain` is the response to the same request without it.
    """
    longer, usual, short, control = usage(x), usage(plain), usage(baseline), usage(count)
    if not (longer and usual and short and control):
        yield untestable("usage is missing in one of the compared responses")
    elif longer.prompt + longer.cached < usual.prompt:
        yield untestable("usage counts fewer prompt tokens with it: it is there in place of one of the target's own")
    elif control.prompt <= short.prompt:
        yield untestable("usage does not count more prompt tokens for a longer prompt")
    else:
        seen = f"usage counts {longer.prompt} prompt tokens with it, and {usual.prompt} for the same request without it"
        yield Finding(f"the system prompt was silently ignored: {seen}", at=span_of(x))
