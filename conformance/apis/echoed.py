"""Whether the choices of a text completion repeat their prompts, and which."""

from collections.abc import Iterator
from typing import Any

from conformance.apis.request import prompts_in, request_body
from conformance.apis.request_fields import requested_choices
from conformance.apis.response_content import response_content
from conformance.model.exchange import Exchange

BEFORE = 32
"""Characters that may precede an echoed prompt: a server may show the token that begins each prompt."""


def prompts(x: Exchange) -> tuple[Any, ...]:
    """The prompts of the request: texts, lists of token IDs, or null."""
    return prompts_in(request_body(x))


def text_prompts(x: Exchange) -> tuple[str, ...]:
    """The prompts of the request, if all of them are texts that are not empty; else none."""
    found = prompts(x)
    return found if all(isinstance(prompt, str) and prompt.strip() for prompt in found) else ()


def has_prompt(text: str, prompt: str) -> bool:
    """Whether a text begins with a prompt, whatever white space there is around it."""
    return prompt.strip() in text[: len(prompt) + BEFORE]


def after_prompt(text: str, prompt: str) -> str:
    """What follows a prompt that a text begins with."""
    return text.partition(prompt.strip())[2].strip()


def choices_per_prompt(x: Exchange) -> int:
    """How many choices each prompt has in the response; as many as requested, if the response does not show it."""
    found, several = len(response_content(x).choices), max(1, len(prompts(x)))
    return found // several if found and found % several == 0 else requested_choices(x) // several


def with_prompts(x: Exchange) -> Iterator[tuple[int, str, str]]:
    """The choices, each with its index, its text and its prompt; all choices of a prompt are in a row."""
    found, each = text_prompts(x), choices_per_prompt(x)
    for choice in response_content(x).choices:
        if found and 0 <= choice.index < len(found) * each:
            yield choice.index, choice.text, found[choice.index // each]
