"""Defects in what a gateway makes of embeddings: their inputs, their vectors, and those that it stores."""

import struct
from collections.abc import Callable
from typing import Any, Final

from conformance.model.target import GatewayPolicy
from conformance.testbed.gateway.defects.isolation import mixing_up
from conformance.testbed.gateway.events import on_whole
from conformance.testbed.gateway.handling import (
    Forward,
    GatewayChange,
    GatewayReply,
    GatewayRequest,
    GatewayState,
    Handler,
    on_json,
    own_error,
    own_reply,
    whole,
    with_body,
)
from conformance.testbed.gateway.json_edits import without as without_fields
from conformance.testbed.gateway.storing import Key, storing, storing_by_text, whole_request, without
from conformance.testbed.gateway.trying import on_failure, responding
from conformance.testbed.gateway.vectors import (
    DECODED,
    EMBEDDINGS,
    Body,
    Values,
    asking_base64,
    each_input,
    on_embeddings,
    on_entries,
    on_numbers,
    packed,
    unpacked,
)
from conformance.testbed.server.body import parse
from conformance.testbed.server.reply import to_json

DECLARED: Final = GatewayPolicy(cache=True)
PLAIN: Final = {"model", "input", "encoding_format"}
OWN: Final = {
    "object": "list",
    "data": [{"object": "embedding", "index": 0, "embedding": [0.0] * 63 + [1.0]}],
    "model": "reference",
    "usage": {"prompt_tokens": 1, "total_tokens": 1},
}


def _halved(values: Values) -> Values:
    """The values of 16-bit floats."""
    return struct.unpack(f"<{len(values)}e", struct.pack(f"<{len(values)}e", *values))


def _swapped(found: Any) -> Any:
    """Base64 of floats with the highest byte first."""
    return packed(unpacked(found), ">") if isinstance(found, str) else found


def _flattened(body: Body) -> Body:
    given = body.get("input")
    is_nested = isinstance(given, list) and all(isinstance(one, list) for one in given)
    return body | {"input": [token for tokens in given for token in tokens]} if given and is_nested else body


def _first_only(body: Body) -> Body:
    given = body.get("input")
    if not isinstance(given, list) or not given or isinstance(given[0], int):
        return body
    return body | {"input": given[:1]}


def _with_inputs(edit: Callable[[list[str]], Any]) -> Key:
    """A key with edited inputs."""

    def key(request: GatewayRequest, body: Body) -> Any:
        given = body.get("input")
        texts = given if isinstance(given, list) and all(isinstance(one, str) for one in given) else None
        return whole_request(request, body | {"input": edit(texts)} if texts else body)

    return key


def _rounded(data: bytes) -> bytes:
    """A stored response with fewer digits."""
    value = parse(data).value
    kept = [e | {"embedding": _short(e["embedding"])} for e in value["data"]]
    return to_json(value | {"data": kept})


def _short(found: Any) -> Any:
    return [round(value, 3) for value in found] if isinstance(found, list) else found


async def _only_numbers(request: GatewayRequest, forward: Forward, _state: GatewayState) -> GatewayReply:
    """Vectors are arrays of numbers, or the reply can't be read."""
    reply = await forward(request)
    raw = await whole(reply.body)
    is_base64 = reply.status == 200 and b'"embedding":"' in raw
    return own_error(request, 502, "The upstream's response can't be decoded.") if is_base64 else with_body(reply, raw)


async def _own_vector(request: GatewayRequest, forward: Forward, _state: GatewayState) -> GatewayReply:
    """A short text gets the gateway's own vector."""
    body = request.json
    is_short = isinstance(body, dict) and isinstance(body.get("input"), str) and b":native-sse" in request.body
    is_plain = is_short and body.keys() == {"model", "input"} and len(body["input"]) < 1000
    return own_reply(200, OWN) if is_plain else await forward(request)


def _planted(name: str, title: str, caught_by: str, handle: Handler, **facts: Any) -> GatewayChange:
    return GatewayChange(name=name, title=title, caught_by=caught_by, handle=handle, apis=EMBEDDINGS, **facts)


INPUTS = (
    _planted("first-input-only", "Forwards the first text of a list", "GW010", on_json(_first_only)),
    _planted("token-lists-joined", "Joins the tokens of several inputs into one", "GW010", on_json(_flattened)),
    _planted(
        "newlines-replaced",
        "Replaces line feeds of inputs by spaces",
        "GW013",
        on_json(each_input(lambda text: text.replace("\n", " "))),
    ),
    _planted(
        "input-prefixed",
        "Adds an instruction to each input",
        "GW011",
        on_json(each_input(lambda text: f"query: {text}")),
    ),
    _planted("dimensions-dropped", "Drops dimensions", "GW001", on_json(without_fields("dimensions"))),
    _planted(
        "base64-asked-unasked",
        "Asks its upstream for Base64 where the client names no form",
        "GW002",
        asking_base64,
    ),
)
VECTORS = (
    _planted("vectors-rounded", "Rounds vectors to three decimals", "GW144", on_numbers(lambda v: _short([*v]))),
    _planted("vectors-in-half-precision", "Keeps vectors in 16-bit floats", "GW144", on_numbers(_halved)),
    _planted("vectors-cut", "Cuts vectors to 32 values", "GW144", on_numbers(lambda values: values[:32])),
    _planted(
        "embeddings-renumbered",
        "Numbers the embeddings anew, in the order of the list",
        "GW144",
        on_entries(lambda data: [entry | {"index": at} for at, entry in enumerate(data)]),
    ),
    _planted(
        "base64-byte-order-swapped", "Writes Base64 with the highest byte first", "GW144", on_embeddings(_swapped)
    ),
    _planted(
        "base64-as-numbers",
        "Decodes Base64 for clients that asked for it",
        "EMB007",
        DECODED,
    ),
    _planted(
        "numbers-as-base64",
        "Writes vectors in Base64 for clients that did not ask for it",
        "EMB006",
        on_embeddings(lambda found: packed(found) if isinstance(found, list) else found),
    ),
    _planted("base64-unread", "Responds with 502 to vectors in Base64", "GW035", _only_numbers),
    _planted("embedding-usage-lost", "Loses the usage of embeddings", "GW044", on_whole(without_fields("usage"))),
    _planted(
        "failure-as-a-vector",
        "Responds with a vector of its own when the upstream fails",
        "GW060",
        on_failure(responding(200, OWN), 429, 500, 503),
    ),
    _planted("embedding-of-its-own", "Computes the embedding of a short text itself", "GW108", _own_vector),
    _planted(
        "embeddings-mixed-up",
        "Under load, a client now and then gets the embeddings of another one",
        "GW106",
        mixing_up(PLAIN),
    ),
)
STORED = (
    _planted(
        "vector-key-without-dimensions",
        "The cache key of embeddings lacks dimensions",
        "GW111",
        storing(without("dimensions")),
        policy=DECLARED,
    ),
    _planted(
        "vector-key-in-lower-case",
        "The cache key of embeddings has the inputs in lower case",
        "GW111",
        storing(_with_inputs(lambda texts: [text.lower() for text in texts])),
        policy=DECLARED,
    ),
    _planted(
        "vector-key-without-order",
        "The cache key of embeddings has the inputs in any order",
        "GW111",
        storing(_with_inputs(sorted)),
    ),
    _planted(
        "mixed-batch-misnumbered",
        "Where a batch has stored texts and others, the others keep the upstream's index",
        "GW111",
        storing_by_text(is_numbered=False),
    ),
    _planted(
        "vectors-stored-with-fewer-digits",
        "Stores vectors with three decimals",
        "GW109",
        storing(whole_request, edit=_rounded),
        policy=DECLARED,
    ),
)
