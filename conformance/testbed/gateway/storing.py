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
)
from conformance.testbed.server.chat import buffered_chunks
from conformance.testbed.server.reply import Headers, encode_event, to_json

Key = Callable[[GatewayRequest, dict[str, Any]], Any]
HIT: Final[Headers] = (("x-cache", "HIT"), ("age", "1"))


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


def _unsized(headers: Headers) -> Headers:
    return tuple(item for item in headers if item[0].lower() != "content-length")
