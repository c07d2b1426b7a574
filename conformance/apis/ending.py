"""Where a stream ends, and which of its events clients skip, by API."""

from conformance.apis.specs import generation, spec
from conformance.model.exchange import Exchange, cached_reader
from conformance.parsing.sse import DONE, Event, payloads, stream
from conformance.parsing.typed_events import invalid_json


@cached_reader
def terminal_events(x: Exchange) -> tuple[Event, ...]:
    """The dispatched events that end a stream of this API."""
    found = spec(x.api).generation
    kinds = found.terminal_events if found else ()
    pairs = zip(stream(x).dispatched, payloads(x), strict=True)
    if not kinds:
        return tuple([event for event, value in pairs if value is DONE])
    return tuple([event for event, value in pairs if isinstance(value, dict) and value.get("type") in kinds])


def is_skipped(x: Exchange, event: Event) -> bool:
    """Whether the API's own SDKs skip an event without reading its data."""
    return event.name in generation(x.api).skipped_events


@cached_reader
def has_invalid_json(x: Exchange) -> bool:
    """Whether an event that clients read is not JSON."""
    found = spec(x.api).generation
    return invalid_json(x, found.skipped_events if found else ())
