"""Edits of embeddings requests and responses, for planted defects and variants of the embedded gateway."""

import base64
import struct
from collections.abc import Callable, Sequence
from typing import Any, Final

from conformance.model.words import Api
from conformance.testbed.gateway.events import on_whole
from conformance.testbed.gateway.handling import Forward, GatewayReply, GatewayRequest, GatewayState, Handler, on_json

Body = dict[str, Any]
Values = Sequence[float]
EMBEDDINGS: Final[tuple[Api, ...]] = ("embeddings",)


def on_entries(edit: Callable[[list[Body]], list[Body]]) -> Handler:
    """Edit the entries of `data` in each successful response."""
    return on_whole(
        lambda whole: whole | {"data": edit(whole["data"])} if isinstance(whole.get("data"), list) else whole
    )


def on_embeddings(edit: Callable[[Any], Any]) -> Handler:
    """Edit each embedding, numbers or Base64."""
    return on_entries(lambda data: [entry | {"embedding": edit(entry["embedding"])} for entry in data])


def on_numbers(edit: Callable[[Values], Values]) -> Handler:
    """Edit each embedding that is an array of numbers."""
    return on_embeddings(lambda found: [*edit(found)] if isinstance(found, list) else found)


def unpacked(text: str, order: str = "<") -> list[float]:
    """The floats of a text in Base64."""
    raw = base64.b64decode(text)
    return [*struct.unpack(f"{order}{len(raw) // 4}f", raw)]


def packed(values: Values, order: str = "<") -> str:
    """Floats in Base64."""
    return base64.b64encode(struct.pack(f"{order}{len(values)}f", *values)).decode()


DECODED: Final = on_embeddings(lambda found: unpacked(found) if isinstance(found, str) else found)
AS_BASE64: Final = on_json(lambda body: body | {"encoding_format": "base64"})


async def asking_base64(request: GatewayRequest, forward: Forward, state: GatewayState) -> GatewayReply:
    """Vectors come as Base64 from the upstream, and go to the client in the form that it asked for."""
    body = request.json
    if not isinstance(body, dict) or body.get("encoding_format") == "base64":
        return await forward(request)
    return await DECODED(request, lambda request: AS_BASE64(request, forward, state), state)


def each_input(edit: Callable[[str], str]) -> Callable[[Body], Body]:
    """Edit each text of a request's input."""

    def edited(body: Body) -> Body:
        given = body.get("input")
        if isinstance(given, str):
            return body | {"input": edit(given)}
        return body | {"input": [edit(one) if isinstance(one, str) else one for one in given]} if given else body

    return edited
