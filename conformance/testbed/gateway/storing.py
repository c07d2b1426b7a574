"""A gateway's cache of responses, whose key and scope a change chooses."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from conformance.testbed.gateway.handling import (
    Forward,
    GatewayReply,
    GatewayRequest,
    GatewayState,
    Handler,
    Pieces,
    one,
    own_reply,
    whole,
    with_body,
)
from conformance.testbed.server.body import parse
from conformance.testbed.server.chat import buffered_chunks
from conformance.testbed.server.reply import Headers, encode_event, to_json

Key = Callable[[GatewayRequest, dict[str, Any]], Any]
HIT: Final[Headers] = (("x-cache", "HIT"), ("age", "1"))
OF_VECTORS: Final = ("model", "dimensions", "encoding_format")
"""The fields besides the input that change an embedding."""


def whole_request(request: GatewayRequest, body: dict[str, Any]) -> Any:
    """A key that has all that changes a response: path, body and the client's credential."""
    return request.target, to_json(_ordered(body)), request.header("authorization")


def without(*names: str) -> Key:
    """A key that lacks these fields."""

    def key(request: GatewayRequest, body: dict[str, Any]) -> Any:
        return whole_request(request, {name: value for name, value in body.items() if name not in names})

    return key


def without_images(request: GatewayRequest, body: dict[str, Any]) -> Any:
    """A key that has only the texts of the conversation."""

    def texts(value: Any) -> Any:
        if isinstance(value, list):
            return [texts(item) for item in value if not (isinstance(item, dict) and "image_url" in item)]
        return {name: texts(item) for name, item in value.items()} if isinstance(value, dict) else value

    return whole_request(request, texts(body))


def without_client(request: GatewayRequest, body: dict[str, Any]) -> Any:
    """A key without the client's credential."""
    return request.target, to_json(_ordered(body))


def _ordered(body: dict[str, Any]) -> Any:
    return json.loads(json.dumps(body, sort_keys=True))


def storing(key: Key, headers: Headers = HIT, edit: Callable[[bytes], bytes] = bytes) -> Handler:
    """Serve a request from the cache if one with the same key has a response; mark it with these header fields."""

    async def handle(request: GatewayRequest, forward: Forward, state: GatewayState) -> GatewayReply:
        body = request.json
        if not isinstance(body, dict):
            return await forward(request)
        stored: dict[Any, tuple[Headers, bytes]] = state.memory.setdefault("stored", {})
        place = key(request, body)
        if place in stored:
            kept, data = stored[place]
            return GatewayReply(status=200, headers=(*_unsized(kept), *headers), body=one(edit(data)))
        reply = await forward(request)
        if reply.status != 200:
            return reply
        return replace(reply, body=_collected(reply, lambda data: stored.update({place: (reply.headers, data)})))

    return handle


async def _collected(reply: GatewayReply, store: Callable[[bytes], None]) -> Pieces:
    """The pieces as they come; all of them are stored at the end."""
    data = b""
    async for piece in reply.body:
        data += piece
        yield piece
    store(data)


def replayed(key: Key, headers: Headers = HIT) -> Handler:
    """Replay the stored response to a request as a stream, where the same is asked for in a stream."""
    handle_whole = storing(key, headers)

    async def handle(request: GatewayRequest, forward: Forward, state: GatewayState) -> GatewayReply:
        body = request.json
        if not isinstance(body, dict) or body.get("stream") is not True:
            return await handle_whole(request, forward, state)
        alike = {name: value for name, value in body.items() if name not in ("stream", "stream_options")}
        stored: dict[Any, tuple[Headers, bytes]] = state.memory.get("stored", {})
        if (place := key(request, alike)) not in stored:
            return await forward(request)
        events = b"".join(map(encode_event, buffered_chunks(json.loads(stored[place][1]), body)))
        return GatewayReply(status=200, headers=(("content-type", "text/event-stream"), *headers), body=one(events))

    return handle


def storing_by_text(*, is_numbered: bool = True) -> Handler:
    """Store each text with its embedding, and ask the upstream for unknown ones only.

    `is_numbered`: what comes from the upstream gets the index that it has in the client's request.
    """

    async def handle(request: GatewayRequest, forward: Forward, state: GatewayState) -> GatewayReply:
        body = request.json
        texts = body.get("input") if isinstance(body, dict) else None
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            return await forward(request)
        stored: dict[Any, Any] = state.memory.setdefault("vectors", {})
        keys = [(text, *(body.get(name) for name in OF_VECTORS)) for text in texts]
        fresh = [at for at, key in enumerate(keys) if key not in stored]
        if fresh:
            missing = replace(request, body=to_json(body | {"input": [texts[at] for at in fresh]}))
            reply = await forward(request if len(fresh) == len(texts) else missing)
            raw = await whole(reply.body)
            value = parse(raw).value
            if reply.status == 200 and isinstance(value, dict):
                stored |= {keys[fresh[entry["index"]]]: entry["embedding"] for entry in value["data"]}
            if reply.status != 200 or len(fresh) == len(texts):
                return with_body(reply, raw)
        indexes = [fresh.index(at) if at in fresh and not is_numbered else at for at in range(len(texts))]
        return own_reply(200, _listed([stored[key] for key in keys], indexes, body["model"]), *HIT)

    return handle


def _listed(vectors: list[Any], indexes: list[int], model: str) -> dict[str, Any]:
    """A response with these embeddings."""
    data = [
        {"object": "embedding", "index": index, "embedding": vector}
        for index, vector in zip(indexes, vectors, strict=True)
    ]
    return {"object": "list", "data": data, "model": model, "usage": {"prompt_tokens": 1, "total_tokens": 1}}


def _unsized(headers: Headers) -> Headers:
    return tuple(item for item in headers if item[0].lower() != "content-length")
