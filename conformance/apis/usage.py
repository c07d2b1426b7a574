"""Read the token usage that a response reports."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeGuard

from conformance.apis.chat import chunks
from conformance.model.exchange import Exchange, cached_reader
from conformance.model.words import Api
from conformance.parsing.json_body import json_body
from conformance.parsing.json_values import Object, as_object, is_integer
from conformance.parsing.sse import Event

ABSURD = 10**9
"""Tokens; no real completion has that many, and costs are computed from it."""

CACHE = ("cache_creation_input_tokens", "cache_read_input_tokens")
"""Parts of the input that the Messages API does not count in `input_tokens`."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one exchange: of the complete prompt, with `cached` ones, and of the completion."""

    prompt: int
    completion: int
    cached: int = 0


class Report(NamedTuple):
    """One usage value that is not null: its event (None in a non-streaming response), and the object around it."""

    event: Event | None
    value: Any
    within: Object


@cached_reader
def reports(x: Exchange) -> tuple[Report, ...]:
    """All usage values of a response, of any type, in order."""
    return tuple(_reports(x))


def _reports(x: Exchange) -> Iterator[Report]:
    whole = json_body(x)
    told = ((None, whole),) if whole is not None else chunks(x)
    for event, value in told:
        for within in (value, value.get("message"), value.get("response")):
            if isinstance(within, dict) and within.get("usage") is not None:
                yield Report(event, within["usage"], within)


@cached_reader
def usage(x: Exchange) -> Usage | None:
    """The usage, or None if none is reported or its counts are impossible.

    A stream reports its usage so far: the last one counts, field by field on Messages, where that of message_start
    alone is only a beginning.
    """
    told = [as_object(report.value) for report in reports(x)]
    if read := LAST.get(x.api):
        return next((found for value in reversed(told) if (found := read(value))), None)
    if all(report.event and report.within.get("type") == "message" for report in reports(x)):
        return None
    together: Object = {}
    for value in told:
        together |= {key: count for key, count in value.items() if _is_count(count)}
    return _of_messages(together)


def _of_chat(value: Object) -> Usage | None:
    prompt, answer = value.get("prompt_tokens"), value.get("completion_tokens")
    if not (_is_count(prompt) and _is_count(answer)):
        return None
    cached = as_object(value.get("prompt_tokens_details")).get("cached_tokens")
    return Usage(int(prompt), int(answer), int(cached) if _is_count(cached) else 0)


def _of_messages(value: Object) -> Usage | None:
    if not ("input_tokens" in value and "output_tokens" in value):
        return None
    prompt = value["input_tokens"] + sum(value.get(name, 0) for name in CACHE)
    return Usage(int(prompt), int(value["output_tokens"]), int(value.get(CACHE[1], 0)))


def _of_responses(value: Object) -> Usage | None:
    prompt, answer = value.get("input_tokens"), value.get("output_tokens")
    if not (_is_count(prompt) and _is_count(answer)):
        return None
    cached = as_object(value.get("input_tokens_details")).get("cached_tokens")
    return Usage(int(prompt), int(answer), int(cached) if _is_count(cached) else 0)


LAST: dict[Api, Callable[[Object], Usage | None]] = {"chat": _of_chat, "responses": _of_responses}
"""Readers for APIs whose last usage has all counts."""


def _is_count(value: Any) -> TypeGuard[int | float]:
    return is_integer(value) and 0 <= value < ABSURD
