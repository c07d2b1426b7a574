"""Defects in the errors inside a stream of the Responses API."""

from collections.abc import Iterator

from conformance.testbed.mutations.defects.err import LONG
from conformance.testbed.mutations.mutate_chat import defect
from conformance.testbed.mutations.mutate_responses import Body, Events, renumbered
from conformance.testbed.server.reply import Event

ERROR: Body = {"type": "error", "code": "server_error", "message": "The upstream failed.", "param": None}
REASON: Body = {"code": "server_error", "message": "The upstream failed."}


def _failing(events: Events, error: Body) -> Iterator[Event]:
    """A long stream that fails early: the documented flat event, and response.failed."""
    if len(events) <= LONG:
        yield from events
        return
    yield from events[:2]
    yield Event(name="error", data=error)
    failed = events[0].data["response"] | {"status": "failed", "error": REASON}
    yield Event(name="response.failed", data={"type": "response.failed", "response": failed})


def _going_on(events: Events) -> Iterator[Event]:
    """A long stream with an error in the middle, which then completes."""
    for place, event in enumerate(events):
        if place == 2 and len(events) > LONG:
            yield Event(name="error", data=ERROR)
        yield event


DEFECTS = (
    defect(
        "response-error-with-status",
        "`code` of the error inside a stream of Responses is a number",
        "ERR010",
        renumbered(lambda events: _failing(events, ERROR | {"code": 500})),
    ),
    defect(
        "response-error-without-message",
        "The error inside a stream of Responses has an empty message",
        "ERR014",
        renumbered(lambda events: _failing(events, ERROR | {"message": ""})),
    ),
    defect("response-after-error", "A stream of Responses completes after an error", "ERR015", renumbered(_going_on)),
)
