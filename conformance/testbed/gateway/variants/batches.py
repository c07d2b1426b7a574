"""What a gateway may make of embeddings and of text completions."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from conformance.model.target import GatewayPolicy
from conformance.testbed.gateway.events import on_whole
from conformance.testbed.gateway.handling import (
    Forward,
    GatewayChange,
    GatewayReply,
    GatewayRequest,
    GatewayState,
    own_reply,
    whole,
    with_body,
)
from conformance.testbed.gateway.storing import storing, storing_by_text, whole_request
from conformance.testbed.gateway.vectors import EMBEDDINGS, Body, asking_base64, on_entries, on_numbers
from conformance.testbed.server.body import parse
from conformance.testbed.server.reply import to_json

PLACES: Final = {"embeddings": "input", "completions": "prompt"}
RESULTS: Final = {"input": "data", "prompt": "choices"}


def _parts(body: Any, place: str) -> list[Any]:
    """The inputs or prompts of a request, if it has several and no stream."""
    given = body.get(place) if isinstance(body, dict) and not body.get("stream") else None
    is_many = isinstance(given, list) and len(given) > 1 and not isinstance(given[0], int)
    return given if isinstance(given, list) and is_many else []


def _joined(replies: list[Body], place: str) -> Body:
    """One response of several, each of which is to a part of the request."""
    name = RESULTS[place]
    items = [item for reply in replies for item in reply[name]]
    usage = {key: sum(reply["usage"][key] for reply in replies) for key in replies[0]["usage"]}
    return replies[0] | {name: [item | {"index": at} for at, item in enumerate(items)], "usage": usage}


async def _apart(request: GatewayRequest, forward: Forward, _state: GatewayState) -> GatewayReply:
    """Each input goes upstream in a request of its own."""
    place = PLACES.get(request.target.partition("?")[0].rpartition("/")[2], "")
    parts = _parts(request.json, place)
    replies: list[Body] = []
    for part in parts:
        reply = await forward(replace(request, body=to_json(request.json | {place: part})))
        data = await whole(reply.body)
        if reply.status != 200:
            return with_body(reply, data)
        replies.append(parse(data).value)
    return own_reply(200, _joined(replies, place)) if replies else await forward(request)


def _written(spell: Callable[[float], str]) -> Callable[[Any], list[float]]:
    return lambda values: [float(spell(value)) for value in values]


VARIANTS = (
    GatewayChange(
        name="batches-apart",
        title="Sends each input or prompt of a request in one of its own",
        handle=_apart,
        apis=("embeddings", "completions"),
    ),
    GatewayChange(
        name="vectors-as-32-bit-floats",
        title="Writes vectors with the digits that 32-bit floats need",
        handle=on_numbers(_written(lambda value: f"{value:.9g}")),
        apis=EMBEDDINGS,
    ),
    GatewayChange(
        name="vectors-with-eight-decimals",
        title="Writes vectors with eight decimals",
        handle=on_numbers(_written(lambda value: f"{value:.8f}")),
        apis=EMBEDDINGS,
    ),
    GatewayChange(
        name="base64-upstream",
        title="Asks its upstream for Base64, and decodes it for clients that did not",
        handle=asking_base64,
        policy=GatewayPolicy(added=("encoding_format",)),
        apis=EMBEDDINGS,
    ),
    GatewayChange(
        name="embeddings-sorted",
        title="Sends the embeddings in the order of their inputs",
        handle=on_entries(lambda data: sorted(data, key=lambda entry: entry["index"])),
        apis=EMBEDDINGS,
    ),
    GatewayChange(
        name="embeddings-cached",
        title="Serves equal requests for embeddings from its cache, as its policy says",
        handle=storing(whole_request),
        policy=GatewayPolicy(cache=True),
        apis=EMBEDDINGS,
    ),
    GatewayChange(
        name="vectors-stored-by-text",
        title="Serves known texts from a cache of vectors, and asks its upstream for the others of a batch",
        handle=storing_by_text(),
        apis=EMBEDDINGS,
    ),
    GatewayChange(
        name="embeddings-with-more-members",
        title="Adds an id and a time to embeddings",
        handle=on_whole(lambda value: {"id": "embd-1", "created": 1_790_000_000, **value}),
        apis=EMBEDDINGS,
    ),
)
