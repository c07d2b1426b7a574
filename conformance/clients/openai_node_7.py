"""openai-node 7: it stops reading at `[DONE]`, reads a last event that is not terminated, and reads nothing as `[DONE]`
that only begins with it.
"""

from functools import partial
from typing import Any, Final

from conformance.clients.client import Client
from conformance.clients.javascript import optional_get, parse_json, shown, truthy
from conformance.clients.node import dispatched, lines_alone
from conformance.clients.node_fetch import body, fetch_requests, has_body, is_uncertain
from conformance.clients.openai_node import Version, read
from conformance.clients.openai_node_helper import read_with_helper
from conformance.clients.openai_sdk import Chunks
from conformance.clients.sdk import simulator
from conformance.clients.turn import ClientError
from conformance.model.exchange import Exchange, cached_reader


@cached_reader
def chunks(x: Exchange) -> Chunks:
    """Read the events up to `[DONE]`, and an event named `error` as one, whatever its data."""
    if not has_body(x):
        return Chunks(error=ClientError("shape", "Attempted to iterate over a response with no body"))
    received = body(x)
    values: list[Any] = []
    for event in dispatched(lines_alone(received.content), named=True, unterminated=received.error is None):
        if event.data == "[DONE]":
            return Chunks(tuple(values), done=True)
        value = parse_json(event.data)
        if isinstance(value, ClientError):
            return Chunks(tuple(values), error=value)
        told = optional_get(value, "error")
        if truthy(told) or event.name == "error":
            message = next(filter(truthy, (optional_get(told, "message"), told)), value)
            return Chunks(tuple(values), error=ClientError("api", shown(message)[:500]))
        values.append(value)
    return Chunks(tuple(values), error=received.error)


VERSION_7: Final = Version(chunks=chunks, any_case=True, indexed=True)

OPENAI_NODE_7 = Client(
    profile="openai-node",
    name="openai-node 7.59",
    version="7.59.0",
    api="chat",
    simulate=simulator(partial(read, version=VERSION_7), sdk_requests=fetch_requests, uncertain=is_uncertain),
)
OPENAI_NODE_7_HELPER = Client(
    profile="openai-node",
    name="openai-node 7.59 (stream helper)",
    version="7.59.0",
    api="chat",
    simulate=simulator(
        partial(read_with_helper, version=VERSION_7), sdk_requests=fetch_requests, uncertain=is_uncertain
    ),
)
