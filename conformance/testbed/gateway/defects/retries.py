"""Defects in how often a gateway asks, whom, and for whom."""

from dataclasses import replace
from typing import Any, Final

from conformance.model.target import GatewayPolicy
from conformance.testbed.gateway.handling import (
    Forward,
    GatewayChange,
    GatewayReply,
    GatewayRequest,
    GatewayState,
    Handler,
    Pieces,
    on_request,
    whole,
)
from conformance.testbed.gateway.trying import FAILING, LOST, failure, falling_back, retrying, wait_retry_after
from conformance.testbed.server.reply import to_json
from conformance.testbed.upstream.scripts.failures import ELSEWHERE

RETRIES: Final = GatewayPolicy(retries=1, retry_on=(503,))
FALLBACK: Final = GatewayPolicy(fallback=True)


def is_streaming(request: GatewayRequest) -> bool:
    """Whether a stream is requested."""
    body = request.json
    return isinstance(body, dict) and body.get("stream") is True


async def _twice(request: GatewayRequest, forward: Forward, _state: GatewayState) -> GatewayReply:
    """A request that succeeded is sent once more, and the second response is used."""
    reply = await forward(request)
    if reply.status >= 400 or reply.is_stream:
        return reply
    await whole(reply.body)
    return await forward(request)


async def _unread(request: GatewayRequest, forward: Forward, _state: GatewayState) -> GatewayReply:
    """The second attempt is made, and the first one's error is the response."""
    reply = await forward(request)
    if reply.status == 503:
        _, reply = await failure(reply)
        await wait_retry_after(reply)
        await whole((await forward(request)).body)
    return reply


def _mixing() -> Handler:
    """A stream that breaks off goes on with the response of another attempt."""

    async def handle(request: GatewayRequest, forward: Forward, _state: GatewayState) -> GatewayReply:
        reply = await forward(request)

        async def pieces() -> Pieces:
            try:
                async for piece in reply.body:
                    yield piece
            except OSError:
                async for piece in (await forward(request)).body:
                    yield piece

        return replace(reply, body=pieces()) if reply.is_stream else reply

    return handle


def _with_requested_model(reply: GatewayReply) -> GatewayReply:
    """Every event names the model that was asked for."""

    async def pieces() -> Pieces:
        async for piece in reply.body:
            yield piece.replace(ELSEWHERE.encode(), b"reference")

    kept = tuple(h for h in reply.headers if h[0].lower() != "content-length")
    return replace(reply, headers=kept, body=pieces()) if reply.is_stream else reply


def _at(path: str) -> Any:
    return lambda request: replace(request, target=path)


def _as_chat(request: GatewayRequest) -> GatewayRequest:
    """The body of chat, at the path of Messages."""
    body: Any = request.json
    given = [{"role": "system", "content": "Be brief."}, *body["messages"]]
    return replace(request, body=to_json({"model": body["model"], "messages": given}))


def _routed(request: GatewayRequest) -> GatewayRequest:
    """The model is that of the client's header, if there is one."""
    body: Any = request.json
    model = next((value for name, value in request.headers if name.lower() == "x-ai-eg-model"), None)
    return replace(request, body=to_json(body | {"model": model})) if model and isinstance(body, dict) else request


def _original_path(request: GatewayRequest) -> GatewayRequest:
    path = next((value for name, value in request.headers if name.lower() == "x-ai-eg-original-path"), None)
    return replace(request, target=path) if path else request


DEFECTS = (
    GatewayChange(
        name="five-attempts",
        title="Asks four times again, at once, and does not say so",
        caught_by="GW070",
        handle=retrying(4, 429, 500, 503, is_patient=False),
    ),
    GatewayChange(
        name="answered-request-sent-again",
        title="Repeats a request that succeeded, and uses the second response",
        caught_by="GW070",
        handle=_twice,
    ),
    GatewayChange(
        name="lost-request-sent-again",
        title="Sends a request again that the upstream may have accepted",
        caught_by="GW071",
        handle=retrying(1, LOST, 504),
    ),
    GatewayChange(
        name="retry-after-not-waited-for",
        title="Tries again at once, though the upstream says when",
        caught_by="GW072",
        policy=GatewayPolicy(retries=2, retry_on=(429, 503)),
        handle=retrying(2, 429, 503, is_patient=False),
    ),
    GatewayChange(
        name="second-answer-unread",
        title="Tries again, and responds with the first attempt's error all the same",
        caught_by="GW073",
        policy=RETRIES,
        handle=_unread,
    ),
    GatewayChange(
        name="attempts-mixed",
        title="Continues a broken stream by the response of another attempt",
        caught_by="GW073",
        policy=GatewayPolicy(retries=1, retry_on=(0,)),
        handle=_mixing(),
    ),
    GatewayChange(
        name="retries-not-for-streams",
        title="Tries again only without a stream",
        caught_by="GW084",
        policy=RETRIES,
        handle=retrying(1, 503, applies=lambda request: not is_streaming(request)),
    ),
    GatewayChange(
        name="no-fallback-after-an-event",
        title="Does not fall back once an event has come, though it is the error",
        caught_by="GW084",
        policy=FALLBACK,
        is_full=True,
        handle=falling_back(),
    ),
    GatewayChange(
        name="fallback-undeclared",
        title="Asks another upstream, and does not say so",
        caught_by="GW080",
        handle=falling_back(on=FAILING),
    ),
    GatewayChange(
        name="fallback-under-the-first-name",
        title="Names the model that was asked for in every chunk, whichever responds",
        caught_by="GW081",
        policy=FALLBACK,
        handle=falling_back(_with_requested_model),
    ),
    GatewayChange(
        name="fallback-to-a-missing-api",
        title="Falls back to an API that the upstream does not have",
        caught_by="GW082",
        policy=FALLBACK,
        handle=falling_back(prepare=_at("/v1/responses")),
    ),
    GatewayChange(
        name="fallback-path-not-translated",
        title="Translates the body for the second upstream, but not the path",
        caught_by="GW082",
        policy=FALLBACK,
        apis=("messages",),
        handle=falling_back(prepare=_as_chat),
    ),
    GatewayChange(
        name="routed-by-the-client-s-header",
        title="Takes the model from a header of its own that the client has set",
        caught_by="GW083",
        handle=on_request(_routed),
    ),
    GatewayChange(
        name="retried-at-the-client-s-path",
        title="Takes the path of a second attempt from a header of its own that the client has set",
        caught_by="GW083",
        policy=RETRIES,
        is_full=True,
        handle=retrying(1, 503, prepare=_original_path),
    ),
)
