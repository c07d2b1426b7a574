"""Requirements that hold for several APIs, each checked here once; every family has its own rule for it.

A finding points at the event that the content is from, or at the complete non-streaming response.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any

from conformance.apis.chat import span_of
from conformance.apis.content import Choice, ToolCall
from conformance.apis.errors import body
from conformance.apis.response_content import response_content
from conformance.model.exchange import Exchange
from conformance.model.verdict import Finding, NotJudged, not_applicable, untestable
from conformance.parsing.json_text import TRUNCATED, fault_of, parse_json
from conformance.parsing.json_values import as_object, describe_member, display, is_integer
from conformance.parsing.sse import Event

NULLS = frozenset({"", "null", "none", "nil", "undefined"})
"""Texts that a serializer writes for a missing value, in lower case."""

DECODER = json.JSONDecoder()

GROWTHS = 4
"""How often a pattern must recur before it is attributed to the server, not to the model's wording."""
FEW = 8
"""Words: a shorter response may have only one or two deltas."""
CAP_IGNORED = "other responses exceed their token cap, too (see FLD010): tokens beyond it show no other choice"

Sent = tuple[Any, Event | None]
"""A value of any type, and its event; None in a non-streaming response."""


def wrong_object(x: Exchange, key: str, name: str) -> Iterator[Finding]:
    """The response body is not a JSON object whose `key` has the value `name`."""
    value = body(x)
    if not isinstance(value, dict):
        yield Finding(f"the response body is {display(value)}", at=span_of(x), expected="an object")
    elif value.get(key) != name:
        yield Finding(f"the response body has {describe_member(value, key)}", at=span_of(x), expected=f"{key} {name}")


def in_pieces(x: Exchange) -> NotJudged | None:
    """The text has at least three deltas."""
    choices = response_content(x).choices
    if any(len(choice.pieces) > 2 for choice in choices):
        return None
    if all(len(choice.text.split()) < FEW for choice in choices):
        return not_applicable(f"the content has fewer than {FEW} words, too few for several deltas")
    return untestable("the content has fewer than three deltas")


def is_cumulative(choice: Choice) -> bool:
    """Whether each delta's text looks like all the text so far."""
    pieces = choice.pieces
    return len(set(pieces)) > 2 and all(map(str.startswith, pieces[1:], pieces))


def is_grown(choice: Choice) -> bool:
    """Whether deltas that look cumulative really are; a model may repeat a word."""
    added = [whole[len(old) :] for old, whole in pairwise(choice.pieces) if len(whole) > len(old)]
    return len(added) >= GROWTHS and len(set(added)) >= 3


def cumulative(x: Exchange, is_generated: Callable[[Choice], bool] | None = None) -> Iterator[Finding | NotJudged]:
    """Each delta has all the text so far; `is_generated` says whether the model itself wrote it like that."""
    for choice in response_content(x).choices:
        pieces = choice.pieces
        if not is_cumulative(choice):
            continue
        if not is_grown(choice) or (is_generated and is_generated(choice)):
            yield untestable("the deltas look cumulative, but may be a word that the model repeats")
        else:
            seen = f"each of {len(pieces)} deltas repeats the content before it: {display(pieces[1])}, {display(pieces[2])}"
            yield Finding(seen, at=span_of(x, choice.last_text))


def is_reason(value: Any) -> bool:
    """Whether a value is text that could be a reason, not a missing value written as text."""
    return isinstance(value, str) and value.strip().lower() not in NULLS


def undefined_reasons(x: Exchange, field: str, defined: Sequence[str], sent: Iterable[Sent]) -> Iterator[Finding]:
    """Values of a field, other than the defined ones, for why the response ended; each is reported once."""
    seen: set[str] = set()
    for reason, event in sent:
        if not (isinstance(reason, str) and reason in defined) and display(reason) not in seen:
            seen.add(display(reason))
            expected = f"one of {', '.join(defined)}"
            yield Finding(f"{field} is {display(reason)}", at=span_of(x, event), expected=expected)


def calls_with_reason(x: Exchange, field: str, reason: str) -> Iterator[Finding]:
    """Choices with tool calls whose `field` has a reason that tells clients not to run them.

    Clients keep the last reason of several.
    """
    for choice in response_content(x).choices:
        if choice.calls and choice.finishes[-1:] == (reason,):
            seen = f"the response has {len(choice.calls)} tool call(s), but {field} is {display(reason)}"
            yield Finding(seen, at=span_of(x, choice.calls[-1].last))


def reason_without_calls(x: Exchange, choices: Iterable[Choice], field: str, reason: str) -> Iterator[Finding]:
    """Of the choices that have the reason for tool calls, those without any."""
    for choice in choices:
        if not choice.calls:
            event = choice.finish_events[choice.finishes.index(reason)]
            yield Finding(f"{field} is {display(reason)}, but the response has no tool call", at=span_of(x, event))


def calls_without_id(
    x: Exchange, calls: Iterable[ToolCall], key: str = "id", what: str = "tool call"
) -> Iterator[Finding]:
    """Tool calls without an id, which the API sends as `key`; `what` is the API's word for a call."""
    for call in calls:
        if not call.id:
            seen = f"the {what} of {display(call.name)} has {describe_member(call.sent, key)}"
            yield Finding(seen, at=span_of(x, call.first))


def calls_without_name(x: Exchange, calls: Iterable[ToolCall], what: str = "tool call") -> Iterator[Finding]:
    """Tool calls that do not name their function; `what` as above."""
    for call in calls:
        if not call.name:
            yield Finding(f"{what} {display(call.id)} has no function name", at=span_of(x, call.first))


def is_object(text: str) -> bool:
    """Whether a text is one JSON object. A lone surrogate is JSON (RFC 8259, section 8.2): SSE017 and HTTP022 report it."""
    return isinstance(parse_json(text.encode("utf-8", "replace")), dict)


def is_encoded_twice(text: str) -> bool:
    """Whether a text is one JSON string, whose own text is a JSON object."""
    value = parse_json(text.encode("utf-8", "replace"))
    return isinstance(value, str) and is_object(value)


def objects_in_a_row(text: str) -> int:
    """How many JSON objects, none of them empty, a text consists of; 0 if it is anything else."""
    found, rest = 0, text.strip()
    while rest:
        try:
            value, end = DECODER.raw_decode(rest)
        except (ValueError, RecursionError):
            return 0
        if not (isinstance(value, dict) and value):
            return 0
        found, rest = found + 1, rest[end:].lstrip()
    return found


def is_truncated_object(text: str) -> bool:
    """Whether a text begins like a JSON object, and ends before the object does."""
    raw = text.strip().encode("utf-8", "replace")
    return raw.startswith(b"{") and TRUNCATED in fault_of(raw)


def arguments_not_object(x: Exchange, calls: Iterable[ToolCall], what: str = "arguments") -> Iterator[Finding]:
    """Complete tool calls whose arguments, `what` in the API's words, are not one JSON object; see `is_object`."""
    for call in calls:
        if not is_object(call.arguments):
            seen = f"the {what} of {display(call.name)} are not one JSON object: {display(call.arguments)}"
            yield Finding(seen, at=span_of(x, call.last))


def invalid_counts(x: Exchange, sent: Sent, names: Sequence[str]) -> Iterator[Finding]:
    """A usage value that is not an object, or has no non-negative integer under one of the names."""
    usage, event = sent
    if not isinstance(usage, dict):
        yield Finding(f"usage is {display(usage)}", at=span_of(x, event), expected="an object")
        return
    for name in names:
        count = usage.get(name)
        if not (is_integer(count) and count >= 0):
            seen = f"usage has {describe_member(usage, name)}"
            yield Finding(seen, at=span_of(x, event), expected="a non-negative integer")


def wrong_total(x: Exchange, sent: Sent, names: Sequence[str]) -> Iterator[Finding]:
    """The third count of a usage value is not the sum of the first two; `names` are their fields."""
    usage, event = sent
    prompt, words, total = (as_object(usage).get(name) for name in names)
    if is_integer(prompt) and is_integer(words) and is_integer(total) and prompt + words != total:
        of_prompt, of_words = (name.removesuffix("_tokens") for name in names[:2])
        seen = f"usage counts {display(prompt)} {of_prompt} and {display(words)} {of_words} tokens, but {names[2]} is {display(total)}"
        details = as_object(as_object(usage).get(f"{names[1]}_details"))
        if is_integer(details.get("reasoning_tokens")) and total - prompt - words == details["reasoning_tokens"]:
            seen += f": the difference is the reasoning tokens, which {names[1]} does not include"
        elif total > prompt + words:
            seen += ": neither of the two includes the rest, which may be hidden reasoning or audio"
        yield Finding(seen, at=span_of(x, event))
