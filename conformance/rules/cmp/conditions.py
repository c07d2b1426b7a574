"""Conditions under which a rule on non-streaming responses applies."""

from conformance.apis.chat import is_chunk
from conformance.model.case import Kind
from conformance.model.exchange import Exchange
from conformance.model.verdict import OUT_OF_SCOPE, NotJudged, not_applicable, untestable
from conformance.parsing.http1 import reply
from conformance.parsing.json_text import fault_of
from conformance.rules.cmp.shape import choices_of, completion_of, messages_of
from conformance.rules.conditions import answered_whole


def replied(x: Exchange) -> NotJudged | None:
    """The response is complete, and not an error."""
    if skip := answered_whole(x):
        return skip
    if completion_of(x).get("error"):
        return not_applicable("the response body is an error, with a 2xx status")
    return None if reply(x).complete else untestable("the response was truncated")


def elsewhere(x: Exchange) -> NotJudged | None:
    """The request went to another route, or was a GET for the list of stored completions, which is documented too."""
    away = x.case.kind in (Kind.MODELS, Kind.OTHER_ROUTE) or x.case.subject in ("get", "unknown-route")
    return OUT_OF_SCOPE if away else None


def valued(x: Exchange) -> NotJudged | None:
    """The response is complete and JSON; HTTP008 reports what is not JSON."""
    if skip := elsewhere(x) or replied(x):
        return skip
    fault = fault_of(reply(x).content)
    return untestable(f"the response body is not JSON: {fault}") if fault else None


def completed(x: Exchange) -> NotJudged | None:
    """The response is a completion, or resembles one."""
    if skip := elsewhere(x) or replied(x):
        return skip
    return None if is_chunk(completion_of(x)) else untestable("the response body is not a completion")


def choosing(x: Exchange) -> NotJudged | None:
    """The response is a completion with choices."""
    return completed(x) or (None if any(choices_of(x)) else untestable("the response has no choice"))


def speaking(x: Exchange) -> NotJudged | None:
    """The response is a completion with messages."""
    found = choosing(x)
    return found or (None if any(messages_of(x)) else untestable("the response has no message"))
