"""The signs by which a response claims to be complete: finish reasons and end markers. Clients trust them."""

from typing import Final

from conformance.apis.errors import error_response
from conformance.apis.evidence import unanswered_reason
from conformance.apis.response_content import response_content
from conformance.apis.specs import spec
from conformance.model.exchange import Exchange, cached_reader
from conformance.model.words import WITH_CHOICES
from conformance.parsing.json_body import json_body
from conformance.parsing.sse import DONE, payloads
from conformance.parsing.typed_events import of_type

END_MARKER: Final = "[DONE]"
LAST_EVENT: Final = "message_stop"
COMPLETED: Final = "status completed"
WHOLE: Final = "a non-streaming response"
"""One JSON value is a complete response, whatever it holds."""


@cached_reader
def claims(x: Exchange) -> frozenset[str]:
    """The signs by which a response claims to be complete, in words for a finding; none if it is an error.

    An undocumented finish reason, such as `error`, is no such sign, nor is the status `incomplete`.
    """
    if is_error(x) or (json_body(x) is not None and spec(x.api).unreadable_reason(x)):
        return frozenset()
    found = {WHOLE} if json_body(x) is not None else set()
    if x.api == "responses":
        ended = [choice.finish for choice in response_content(x).choices]
        return frozenset(found | ({COMPLETED} if {"stop", "tool_calls"} & {*ended} else set()))
    found |= {finish_of(choice.index) for choice in response_content(x).choices if choice.end}
    if x.api in WITH_CHOICES and DONE in payloads(x):
        found.add(END_MARKER)
    if of_type(x, LAST_EVENT):
        found.add(LAST_EVENT)
    return frozenset(found)


def finish_of(index: int) -> str:
    """The claim of a choice that has its finish reason."""
    return f"the finish reason of choice {index}"


def is_error(x: Exchange) -> bool:
    """Whether a response is an error, or has one inside."""
    return bool(error_response(x)) or response_content(x).error


def supported(x: Exchange) -> frozenset[str]:
    """The signs that a forwarded copy of a response may have: its own, and those that follow from them.

    Where every choice has its finish reason, only the end marker is missing, which a gateway may add.
    """
    claimed, choices = claims(x), response_content(x).choices
    is_over = bool(choices) and all(choice.end for choice in choices)
    if WHOLE in claimed:
        is_over = is_over or not unanswered_reason(x)
    if not is_over or is_error(x):
        return claimed
    return claimed | {END_MARKER, LAST_EVENT, WHOLE}
