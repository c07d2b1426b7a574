"""Conditions under which a stream can be compared with a non-streaming response."""

from typing import Any

from conformance.apis.content import Choice
from conformance.apis.response_content import response_content
from conformance.field_support.effects import unreadable_reason
from conformance.model.case import Kind
from conformance.model.exchange import Exchange
from conformance.model.verdict import NotJudged, not_applicable, untestable
from conformance.parsing.json_text import NOT_JSON, parse_json
from conformance.rules.conditions import DOCUMENTED, all_of, probe_is
from conformance.rules.conditions_by_api import finished, has_content
from conformance.rules.use.conditions import counted_well

valid_request = probe_is(Kind.BASELINE, *DOCUMENTED)


def answered(x: Exchange) -> NotJudged | None:
    """A documented request succeeded, and its response is complete and readable."""
    if skip := valid_request(x) or finished(x):
        return skip
    return untestable(fault) if (fault := unreadable_reason(x)) else None


def documented_with_content(x: Exchange) -> NotJudged | None:
    """A documented request succeeded, in either mode, even if its response is not fully readable."""
    return all_of(valid_request, has_content)(x)


def counted(x: Exchange) -> NotJudged | None:
    """A documented request succeeded, and its response has usage."""
    return valid_request(x) or counted_well(x)


def alike(one: Exchange, other: Exchange) -> NotJudged | None:
    """Two responses have the same text and tool calls, so the rest can be compared."""
    mine, theirs = _generated(one), _generated(other)
    if not any(text or calls for text, calls in mine):
        return untestable("the stream has neither content nor a tool call")
    return None if mine == theirs else not_applicable("the generated content differs between the two modes")


def _generated(x: Exchange) -> list[tuple[str, tuple[tuple[str, Any], ...]]]:
    return [(choice.text, _calls(choice)) for choice in response_content(x).choices]


def _calls(choice: Choice) -> tuple[tuple[str, Any], ...]:
    """The calls with their parsed arguments, so that JSON formatting does not matter."""
    values = [parse_json(call.arguments.encode("utf-8", "replace")) for call in choice.calls]
    arguments = [
        call.arguments if value is NOT_JSON else value for call, value in zip(choice.calls, values, strict=True)
    ]
    return tuple((call.name, value) for call, value in zip(choice.calls, arguments, strict=True))
