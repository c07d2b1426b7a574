"""Read the one JSON object that an answer is where it does not come as a stream."""

from conformance.exchange import Exchange, view
from conformance.read.http1 import reply
from conformance.read.json_text import value_of
from conformance.read.sse import looks_like_events
from conformance.read.value import Object


@view
def whole_object(x: Exchange) -> Object | None:
    """The JSON object that is the whole reply, whichever mode was asked for; None where it is something else."""
    if looks_like_events(x):
        return None
    value = value_of(reply(x).content)
    return value if isinstance(value, dict) else None
