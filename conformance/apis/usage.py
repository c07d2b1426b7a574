"""Read the token usage that a response reports."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from conformance.apis.chat import chunks
from conformance.apis.request_fields import requested_candidates, requested_cap
from conformance.apis.specs import generation, spec
from conformance.apis.token_counts import Usage, is_count
from conformance.model.exchange import Exchange, cached_reader
from conformance.parsing.json_body import json_body
from conformance.parsing.json_values import Object, as_object, is_integer
from conformance.parsing.sse import Event


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
    objects = ((None, whole),) if whole is not None else chunks(x)
    holders = [(e, value) for e, value in objects if "usage" in value or "message" in value or "response" in value]
    for event, value in holders:
        for within in (value, value.get("message"), value.get("response")):
            if isinstance(within, dict) and within.get("usage") is not None:
                yield Report(event, within["usage"], within)


def reasoning_tokens(x: Exchange) -> int | None:
    """The reasoning tokens that the usage counts; None if it does not say."""
    found = [_reasoning_tokens(as_object(report.value), generation(x.api).output_tokens) for report in reports(x)]
    return next((count for count in reversed(found) if count is not None), None)


def _reasoning_tokens(value: Object, counted: str) -> int | None:
    details = as_object(value.get(f"{counted}_details"))
    counts = (details.get(name) for name in ("reasoning_tokens", "thinking_tokens"))
    return next((int(count) for count in counts if is_count(count)), None)


@cached_reader
def usage(x: Exchange) -> Usage | None:
    """The usage, or None if none is reported or its counts are impossible.

    A stream reports its usage so far: the last one counts, field by field on Messages, where that of message_start
    alone is only a beginning.
    """
    values = [as_object(report.value) for report in reports(x)]
    read = spec(x.api).counts
    found = spec(x.api).generation
    if not (found and found.usage_adds_up):
        return next((counts for value in reversed(values) if (counts := read(value))), None)
    if all(report.event and report.within.get("type") == "message" for report in reports(x)):
        return None
    together: Object = {}
    for value in values:
        together |= {key: count for key, count in value.items() if is_count(count) or isinstance(count, dict)}
    return read(together)


def exceeds_cap(x: Exchange) -> bool:
    """Whether usage counts more tokens than the token cap allows all candidates, with one more for the end of each."""
    spent, cap = usage(x), requested_cap(x)
    return bool(spent and cap and spent.completion > (cap + 1) * requested_candidates(x))


def counts_tokens(value: Any) -> bool:
    """Whether a usage value of any type has a count above zero."""
    return any(is_integer(count) and count > 0 for count in as_object(value).values())
