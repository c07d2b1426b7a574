"""Read the JSON object of a non-streaming response."""

from conformance.model.exchange import Exchange, cached_reader
from conformance.parsing.http1 import reply
from conformance.parsing.json_text import parse_json
from conformance.parsing.json_values import Object
from conformance.parsing.sse import looks_like_events


@cached_reader
def json_body(x: Exchange) -> Object | None:
    """The JSON object that is the response body, whichever mode was requested; None if it is anything else."""
    if looks_like_events(x):
        return None
    value = parse_json(reply(x).content)
    return value if isinstance(value, dict) else None
