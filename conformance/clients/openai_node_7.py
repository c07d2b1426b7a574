"""openai-node 7: it stops reading at `[DONE]`, reads a last event that is not terminated, and reads nothing as `[DONE]`
that only begins with it. It needs Node 22.
"""

from functools import partial
from typing import Any, Final

from conformance.clients.client import Client
from conformance.clients.javascript import get, optional_get, parse_json, shown, spread, truthy
from conformance.clients.node import dispatched, lines_alone
from conformance.clients.node_fetch import body_on_node_22, fetch_requests, has_body, is_uncertain
from conformance.clients.openai_node import OTHER_API, Version, read
from conformance.clients.openai_sdk import Chunks
from conformance.clients.sdk import Message, simulator
from conformance.clients.turn import ClientError
from conformance.model.exchange import Exchange, cached_reader


@cached_reader
def chunks(x: Exchange) -> Chunks:
    """Read the events up to `[DONE]`, and an event named `error` as one, whatever its data."""
    if not has_body(x):
        return Chunks(error=ClientError("shape", "Attempted to iterate over a response with no body"))
    received = body_on_node_22(x)
    values: list[Any] = []
    for event in dispatched(lines_alone(received.content), named=True, unterminated=received.error is None):
        if event.data == "[DONE]":
            return Chunks(tuple(values), done=True)
        try:
            values.append(_chunk(event))
        except ClientError as raised:
            return Chunks(tuple(values), error=raised)
    return Chunks(tuple(values), error=received.error)


def _chunk(event: Message) -> Any:
    """The chunk of an event, in which each choice is an object. Raises ClientError for an error, and a null choice."""
    value = parse_json(event.data)
    if isinstance(value, ClientError):
        raise value
    if (event.name or "").startswith(OTHER_API):
        return {"event": event.name, "data": value}
    error = optional_get(value, "error")
    if truthy(error) or event.name == "error":
        message = next(filter(truthy, (optional_get(error, "message"), error)), value)
        raise ClientError("api", shown(message)[:500])
    choices = optional_get(value, "choices")
    if not isinstance(value, dict) or not isinstance(choices, list):
        return value
    return value | {"choices": [spread(choice) | {"finish_reason": get(choice, "finish_reason")} for choice in choices]}


VERSION_7: Final = Version(chunks=chunks, any_case=True, read_body=body_on_node_22)

OPENAI_NODE_7 = Client(
    profile="openai-node",
    name="openai-node 7.59",
    version="7.59.0",
    api="chat",
    simulate=simulator(partial(read, version=VERSION_7), sdk_requests=fetch_requests, uncertain=is_uncertain),
)
