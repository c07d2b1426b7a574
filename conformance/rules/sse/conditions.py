"""Conditions for rules on event streams."""

from conformance.apis.errors import error_at
from conformance.model.exchange import Exchange, cached_reader
from conformance.model.verdict import NotJudged, not_applicable, untestable
from conformance.parsing.sse import FIELDS, stream
from conformance.rules.conditions import streamed


def has_events(x: Exchange) -> NotJudged | None:
    """An event stream with at least one dispatched event was received."""
    return streamed(x) or (
        None if stream(x).dispatched else untestable("the stream has no event that clients dispatch")
    )


def has_data(x: Exchange) -> NotJudged | None:
    """An event stream with data was received, dispatched or not."""
    if skip := streamed(x):
        return skip
    return None if any(e.has_data for e in stream(x).events) else untestable("the stream has no data lines")


def not_rewritten(x: Exchange) -> NotJudged | None:
    """The lines are those that were received: no recorder indented all of them, or joined the data of the events."""
    if "framing" in x.recorded:
        return None
    lines = [line for line in stream(x).lines if line.text.strip()]
    if lines and all(line.text[:1] in b" \t" for line in lines):
        return untestable("every line of the recording is indented, as a recorder writes them that formats its text")
    if any(line.name in FIELDS or line.text.startswith(b":") for line in lines):
        return None
    return untestable("no line of the recording has a field of event streams, as if a recorder had parsed the stream")


_error_at = cached_reader(error_at)


def has_no_error(x: Exchange) -> NotJudged | None:
    """An event stream was received that no error ended."""
    if skip := streamed(x):
        return skip
    return not_applicable("an error ended the stream") if _error_at(x) is not None else None
