"""Read the JSON object of a non-streaming response."""

from conformance.model.exchange import Exchange, view
from conformance.parsing.http1 import reply
from conformance.parsing.json_text import value_of
from conformance.parsing.json_values import Object
from conformance.parsing.sse import looks_like_events


@view
def whole_object(x: Exchange) -> Object | None:
    """The JSON object that is the response body, whichever mode was requested; None if it is anything else."""
    if looks_like_events(x):
        return None
    value = value_of(reply(x).content)
    return value if isinstance(value, dict) else None
