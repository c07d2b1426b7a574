"""The token counts in one usage value, in each API's format."""

from typing import Any, TypeGuard

import msgspec

from conformance.parsing.json_values import Object, as_object, is_integer

ABSURD = 10**9
"""Tokens; no real completion has that many, and costs are computed from it."""

CACHE = ("cache_creation_input_tokens", "cache_read_input_tokens")
"""Parts of the input that the Messages API does not count in `input_tokens`."""


class Usage(msgspec.Struct, frozen=True):
    """Tokens of one exchange: of the complete prompt, with `cached` ones, and of the completion, with `reasoning`."""

    prompt: int
    completion: int
    cached: int = 0
    reasoning: int = 0


def chat_counts(value: Object) -> Usage | None:
    """Of Chat Completions."""
    prompt, answer = value.get("prompt_tokens"), value.get("completion_tokens")
    if not (is_count(prompt) and is_count(answer)):
        return None
    cached = _detail(value, "prompt_tokens_details", "cached_tokens")
    reasoning = _detail(value, "completion_tokens_details", "reasoning_tokens")
    return Usage(int(prompt), int(answer), cached, reasoning)


def messages_counts(value: Object) -> Usage | None:
    """Of Messages, where the fields of all reports were put together."""
    if not ("input_tokens" in value and "output_tokens" in value):
        return None
    prompt = value["input_tokens"] + sum(value.get(name, 0) for name in CACHE)
    thinking = _detail(value, "output_tokens_details", "thinking_tokens")
    return Usage(int(prompt), int(value["output_tokens"]), int(value.get(CACHE[1], 0)), thinking)


def responses_counts(value: Object) -> Usage | None:
    """Of Responses."""
    prompt, answer = value.get("input_tokens"), value.get("output_tokens")
    if not (is_count(prompt) and is_count(answer)):
        return None
    cached = _detail(value, "input_tokens_details", "cached_tokens")
    return Usage(int(prompt), int(answer), cached, _detail(value, "output_tokens_details", "reasoning_tokens"))


def _detail(value: Object, details: str, name: str) -> int:
    """A count among the details of another; 0 if there is none."""
    count = as_object(value.get(details)).get(name)
    return int(count) if is_count(count) else 0


def is_count(value: Any) -> TypeGuard[int | float]:
    """Whether a value is a possible number of tokens."""
    return is_integer(value) and 0 <= value < ABSURD
