"""openai-node on Embeddings: version 7 decodes what is no array, version 6 whatever it gets."""

import base64
import binascii
import math
import re
import struct
from functools import partial
from typing import Any, Final

from conformance.apis.embeddings import FLOAT_BYTES
from conformance.apis.request import request_body
from conformance.clients.client import Client
from conformance.clients.embeddings import simulator_of_vectors
from conformance.clients.javascript import get, is_number, iterated, optional_get, shown
from conformance.clients.node_fetch import fetch_requests, is_uncertain, refusal
from conformance.clients.openai_node import VERSION_6, Version, parsed_reply
from conformance.clients.openai_node_7 import VERSION_7
from conformance.clients.turn import ClientError
from conformance.model.exchange import Exchange

OF_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]")


def created(x: Exchange, version: Version, *, keeps_arrays: bool) -> list[Any]:
    """The vectors of `embeddings.create`, in the order of the list. Unless a format is given, they are decoded."""
    if failed := refusal(x):
        raise failed
    value = parsed_reply(x, version)
    data = optional_get(value, "data")
    if request_body(x).get("encoding_format", "base64") == "base64" and data is not None:
        if not isinstance(data, list):
            raise ClientError("type", "Expected embeddings response data to be an array")
        return [_decoded(get(entry, "embedding"), keeps_arrays=keeps_arrays) for entry in data]
    return [get(entry, "embedding") for entry in iterated(get(value, "data"))]


def _decoded(found: Any, *, keeps_arrays: bool) -> Any:
    if isinstance(found, list) and keeps_arrays:
        return found
    raw = _bytes(found)
    if len(raw) % FLOAT_BYTES and keeps_arrays:
        raise ClientError("type", "Invalid base64-encoded float32 array: byte length must be a multiple of 4")
    return [*struct.unpack_from(f"<{len(raw) // FLOAT_BYTES}f", raw)]


def _bytes(found: Any) -> bytes:
    """`Buffer.from(found, 'base64')`: the bytes of a text, or of an array of numbers, each of which becomes one."""
    if isinstance(found, str):
        kept = "".join(OF_BASE64.findall(found.partition("=")[0])).replace("-", "+").replace("_", "/")
        kept = kept[: len(kept) - (len(kept) % 4 == 1)]
        try:
            return base64.b64decode(kept + "=" * (-len(kept) % 4))
        except binascii.Error as error:
            raise ClientError("type", str(error)) from None
    if isinstance(found, list):
        return bytes(int(one) & 255 if is_number(one) and math.isfinite(one) else 0 for one in found)
    raise ClientError("type", f"The first argument must be of type string or an instance of Buffer, not {shown(found)}")


OPENAI_NODE_7_EMBEDDINGS = Client(
    profile="openai-node",
    name="openai-node 7.59 (Embeddings)",
    version="7.59.0",
    api="embeddings",
    simulate=simulator_of_vectors(
        partial(created, version=VERSION_7, keeps_arrays=True), requests=fetch_requests, uncertain=is_uncertain
    ),
)
OPENAI_NODE_EMBEDDINGS = Client(
    profile="openai-node",
    name="openai-node 6.49 (Embeddings)",
    version="6.49.0",
    api="embeddings",
    simulate=simulator_of_vectors(
        partial(created, version=VERSION_6, keeps_arrays=False), requests=fetch_requests, uncertain=is_uncertain
    ),
)
