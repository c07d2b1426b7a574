"""Read the one JSON object that an answer is where it does not come as a stream."""

from conformance.model.exchange import Exchange, view
from conformance.parsing.http1 import reply
from conformance.parsing.json_text import value_of
from conformance.parsing.json_values import Object
from conformance.parsing.sse import looks_like_events


@view
def whole_object(x: Exchange) -> Object | None:
    """The JSON object that is the whole reply, whichever mode was asked for; None where it is something else."""
    if looks_like_events(x):
        return None
    value = value_of(reply(x).content)
    return value if isinstance(value, dict) else None
