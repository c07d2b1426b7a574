"""By what a reply says that its answer is over and whole; a client believes it."""

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
"""One JSON value is the whole answer, whatever it says."""


@cached_reader
def claims(x: Exchange) -> frozenset[str]:
    """What a reply sends to say that its answer is whole, in words for a finding; an error says no such thing.

    A reason that no API documents, such as `error`, is none, nor is that a response is incomplete.
    """
    if is_error(x) or (json_body(x) is not None and spec(x.api).unreadable_reason(x)):
        return frozenset()
    told = {WHOLE} if json_body(x) is not None else set()
    if x.api == "responses":
        ended = [choice.finish for choice in response_content(x).choices]
        return frozenset(told | ({COMPLETED} if {"stop", "tool_calls"} & {*ended} else set()))
    told |= {finish_of(choice.index) for choice in response_content(x).choices if choice.end}
    if x.api in WITH_CHOICES and DONE in payloads(x):
        told.add(END_MARKER)
    if of_type(x, LAST_EVENT):
        told.add(LAST_EVENT)
    return frozenset(told)


def finish_of(index: int) -> str:
    """The claim of a choice that has its finish reason."""
    return f"the finish reason of choice {index}"


def is_error(x: Exchange) -> bool:
    """Whether a reply is an error, or has one inside."""
    return bool(error_response(x)) or response_content(x).error


def supported(x: Exchange) -> frozenset[str]:
    """What may be said of the answer in a reply that is passed on: what it claims, and what follows from that.

    Where every choice has its finish reason, only the end marker is missing, which a gateway may add.
    """
    told, choices = claims(x), response_content(x).choices
    is_over = bool(choices) and all(choice.end for choice in choices)
    if WHOLE in told:
        is_over = is_over or not unanswered_reason(x)
    if not is_over or is_error(x):
        return told
    return told | {END_MARKER, LAST_EVENT, WHOLE}
