"""Shared by rules on APIs with typed events: conditions, and the check of the type itself."""

from collections.abc import Iterator

from conformance.apis.ending import has_invalid_json, terminal_events
from conformance.apis.errors import body, error_at, error_response
from conformance.model.exchange import Exchange
from conformance.model.verdict import Finding, NotJudged, not_applicable, untestable
from conformance.parsing.json_text import NOT_JSON
from conformance.parsing.json_values import as_object, as_string, describe_member
from conformance.parsing.sse import DONE, payloads, span, stream
from conformance.parsing.typed_events import parts
from conformance.rules.conditions import answered_whole, validly_requested, whole
from conformance.rules.sse.conditions import has_events, has_no_error
from conformance.rules.sse.lines import excerpt, lost_lines, merged_events


def unbroken(x: Exchange) -> NotJudged | None:
    """The request is valid, an event stream was received, no line is misplaced, and every event's JSON is intact."""
    if skip := validly_requested(x) or has_events(x):
        return skip
    if lost_lines(x) or merged_events(x):
        return untestable("the stream has misplaced lines or merged events")
    return untestable("an event's data is not JSON") if has_invalid_json(x) else None


def typed(x: Exchange) -> NotJudged | None:
    """As `unbroken`; no error ended the stream, and its events have types."""
    return unbroken(x) or has_no_error(x) or (None if parts(x) else untestable("no event has a type"))


def ended(x: Exchange) -> NotJudged | None:
    """As `typed`, and the stream reached its end marker, or at least its end."""
    return typed(x) or (None if terminal_events(x) else whole(x))


def whole_answer(x: Exchange) -> NotJudged | None:
    """The request is non-streaming, and the response is JSON and not an error."""
    if skip := answered_whole(x) or whole(x):
        return skip
    if error_response(x):
        return not_applicable("the response body is an error with a success status (see ERR013)")
    return untestable("the response body is not JSON") if body(x) is NOT_JSON else None


def untyped(x: Exchange) -> Iterator[Finding]:
    """The events before the end without a type; other rules report errors."""
    for at, (event, value) in enumerate(zip(stream(x).dispatched, payloads(x), strict=True)):
        if event in terminal_events(x)[:1]:
            return
        if value is not DONE and at != error_at(x) and not as_string(as_object(value).get("type")):
            what = "is not JSON" if value is NOT_JSON else f"has {describe_member(value, 'type')}"
            yield Finding(f"the data of an event {what}: {excerpt(event.data)}", at=span(x, event))
