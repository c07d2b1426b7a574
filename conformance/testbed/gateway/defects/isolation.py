"""Defects in which the responses or requests of clients get mixed up, and responses that no upstream gave."""

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from conformance.apis.nonce import nonces
from conformance.testbed.gateway.handling import (
    Forward,
    GatewayChange,
    GatewayReply,
    GatewayRequest,
    GatewayState,
    Handler,
    Pieces,
    own_reply,
    whole,
    with_body,
)
from conformance.testbed.server.reply import to_json

OFTEN = 2
"""Every so many requests get another one's response."""
PLAIN = {"model", "messages", "max_tokens"}


def mixing_up(fields: Collection[str]) -> Handler:
    """Now and then, a plain request, which has only these fields, gets the response to an earlier one."""

    async def handle(request: GatewayRequest, forward: Forward, state: GatewayState) -> GatewayReply:
        reply = await forward(request)
        is_plain = isinstance(request.json, dict) and {*request.json} <= {*fields} and b":native-sse" in request.body
        if reply.status != 200 or reply.is_stream or not is_plain:
            return reply
        data = await whole(reply.body)
        earlier: list[bytes] = state.memory.setdefault("earlier", [])
        earlier.append(data)
        is_mixed_up = len(earlier) > 1 and not len(earlier) % OFTEN
        return with_body(reply, earlier[-2] if is_mixed_up else data)

    return handle


async def _interleaved(request: GatewayRequest, forward: Forward, state: GatewayState) -> GatewayReply:
    """An event of another client's stream gets into each stream."""
    reply = await forward(request)
    return replace(reply, body=_with_strays(reply.body, state.memory)) if reply.is_stream else reply


async def _with_strays(pieces: Pieces, memory: dict[str, Any]) -> Pieces:
    stray, memory["stray"] = memory.get("stray"), None
    async for piece in pieces:
        yield piece
        if nonces(piece):
            if stray:
                yield stray
            stray, memory["stray"] = None, piece


def _with_earlier(body: dict[str, Any], earlier: str) -> dict[str, Any]:
    return body | {"messages": [{"role": "user", "content": earlier}, *body["messages"]]}


async def _session_shared(request: GatewayRequest, forward: Forward, state: GatewayState) -> GatewayReply:
    """Every request continues the conversation of the one before, whoever sent that."""
    body = request.json
    if not isinstance(body, dict) or "messages" not in body:
        return await forward(request)
    mine = " ".join(sorted(nonces(request.body)))
    earlier = state.memory.get("earlier")
    state.memory["earlier"] = mine
    edited = to_json(_with_earlier(body, f"Earlier: {earlier}")) if earlier else request.body
    return await forward(replace(request, body=edited))


def _fixed_completion(model: str) -> dict[str, Any]:
    message = {"role": "assistant", "content": "Hello! How can I help you today?", "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    usage = {"prompt_tokens": 5, "completion_tokens": 9, "total_tokens": 14}
    return {
        "id": "chatcmpl-own",
        "object": "chat.completion",
        "created": 1_760_000_000,
        "model": model,
        "choices": [choice],
        "usage": usage,
    }


async def _own_baseline(request: GatewayRequest, forward: Forward, _state: GatewayState) -> GatewayReply:
    """The gateway itself responds to a baseline request."""
    body = request.json
    is_baseline = isinstance(body, dict) and len(body.get("messages", ())) == 1 and body.get("stream") is not True
    return (
        own_reply(200, _fixed_completion(body["model"]))
        if is_baseline and b"Say hello" in request.body
        else await forward(request)
    )


DEFECTS = (
    GatewayChange(
        name="replies-mixed-up",
        title="Under load, a client now and then gets another one's response",
        caught_by="GW106",
        handle=mixing_up(PLAIN),
    ),
    GatewayChange(
        name="streams-interleaved",
        title="An event of another client's stream gets into a stream",
        caught_by="GW106",
        handle=_interleaved,
    ),
    GatewayChange(
        name="session-shared",
        title="Adds the text of the request before to each request",
        caught_by="GW107",
        handle=_session_shared,
    ),
    GatewayChange(
        name="greeting-answered-by-itself",
        title="Responds to a baseline request without the upstream",
        caught_by="GW108",
        handle=_own_baseline,
    ),
)
