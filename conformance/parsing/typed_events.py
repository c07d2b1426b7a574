"""Event streams whose events have a `type`, as those of Messages and Responses do."""

from typing import NamedTuple

from conformance.model.exchange import Exchange, cached_reader
from conformance.parsing.json_text import NOT_JSON
from conformance.parsing.json_values import Object, as_object, as_string
from conformance.parsing.sse import Event, payloads, stream


class Part(NamedTuple):
    """One event: its JSON object, and its type."""

    event: Event
    value: Object
    type: str


@cached_reader
def parts(x: Exchange) -> tuple[Part, ...]:
    """The events that have a type."""
    pairs = zip(stream(x).dispatched, payloads(x), strict=True)
    found = (Part(event, as_object(value), as_string(as_object(value).get("type"))) for event, value in pairs)
    return tuple(part for part in found if part.type)


def of_type(x: Exchange, *kinds: str) -> list[Part]:
    """The events of these types."""
    return [part for part in parts(x) if part.type in kinds]


def invalid_json(x: Exchange, skipped: tuple[str, ...]) -> bool:
    """Whether an event is not JSON, other than those with a name that clients skip."""
    pairs = zip(stream(x).dispatched, payloads(x), strict=True)
    return any(value is NOT_JSON and event.name not in skipped for event, value in pairs)
