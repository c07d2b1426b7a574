"""Defects in what a gateway tells of its upstream's failures."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from conformance.model.target import GatewayPolicy
from conformance.testbed.gateway.handling import (
    Forward,
    GatewayChange,
    GatewayReply,
    GatewayRequest,
    GatewayState,
    Handler,
    own_error,
    own_reply,
    pass_on,
    whole,
    with_body,
)
from conformance.testbed.gateway.trying import LOST, OwnError, headed, on_error_object, on_failure, responding, without
from conformance.testbed.server.reply import to_json

OWN_400 = {"error": {"message": "Request failed.", "type": "gateway_error", "param": None, "code": "2005"}}
OWN_500 = {"error": {"message": "Internal error.", "type": "gateway_error", "param": None, "code": None}}
NOTHING = {"error": {"type": "", "message": "", "param": None, "code": None}}
PAGE = b"<html><head><title>502 Bad Gateway</title></head></html>"
OPENAI_429 = {"error": {"message": "Canary message 429 of the upstream.", "type": "rate_limit_error"}}
MISTAKES = (400, 404, 413, 422, 451)
BREAKER = "breaker"


def _page(_request: GatewayRequest, reply: GatewayReply) -> GatewayReply:
    return headed(("content-type", "text/html"))(_request, with_body(reply, PAGE))


def _in_stream(request: GatewayRequest, reply: GatewayReply) -> GatewayReply:
    body = request.json
    if not (isinstance(body, dict) and body.get("stream") is True):
        return reply
    event = b"data: " + to_json(OWN_500) + b"\n\n"
    return replace(with_body(headed(("content-type", "text/event-stream"))(request, reply), event), status=200)


def _saying(value: Any) -> OwnError:
    """The same status and headers, with another body."""
    return lambda _request, reply: with_body(reply, to_json(value))


def _labelled(request: GatewayRequest, reply: GatewayReply) -> GatewayReply:
    body = request.json
    is_streaming = isinstance(body, dict) and body.get("stream") is True
    return headed(("content-type", "text/event-stream"))(request, reply) if is_streaming else reply


def _closing(refusal: Callable[[], GatewayReply], *statuses: int) -> Handler:
    """After such a failure, the next request is refused by the gateway itself."""

    async def handle(request: GatewayRequest, forward: Forward, state: GatewayState) -> GatewayReply:
        if state.memory.pop(BREAKER, False):
            return refusal()
        reply = await forward(request)
        state.memory[BREAKER] = reply.status >= 500 or reply.status in statuses
        return reply

    return handle


def _refusing_models(status: int, value: Any) -> Handler:
    """A model without a route is refused by the gateway itself."""

    async def handle(request: GatewayRequest, forward: Forward, _state: GatewayState) -> GatewayReply:
        body = request.json
        is_known = not isinstance(body, dict) or body.get("model") != "no-such-model"
        return await forward(request) if is_known else own_reply(status, value)

    return handle


async def _failing_on_json(request: GatewayRequest, forward: Forward, _state: GatewayState) -> GatewayReply:
    return await forward(request) if request.json is not None else own_error(request, 500, "Unexpected end of JSON.")


async def _unpacked(request: GatewayRequest, forward: Forward, _state: GatewayState) -> GatewayReply:
    """Decompresses errors; the end of nothing is unexpected, and the connection is closed. Raises OSError."""
    reply = await forward(request)
    if reply.status < 400 or reply.header("content-encoding") != "gzip":
        return reply
    if not await whole(reply.body):
        raise ConnectionAbortedError("unexpected end of a compressed body")
    return reply


def _busy(*headers: tuple[str, str], status: int = 503) -> GatewayReply:
    error = {"message": "No healthy upstream.", "type": "server_error", "param": None, "code": "no_upstream"}
    return own_reply(status, {"error": error}, *headers)


DEFECTS = (
    GatewayChange(
        name="lost-connection-told-as-200",
        title="Responds with 200 and a text about it when the upstream's connection is lost",
        caught_by="GW060",
        handle=on_failure(responding(200, {"success": False, "message": "Network connection lost."}), LOST),
    ),
    GatewayChange(
        name="refusal-told-as-200",
        title="Responds with 200 and the upstream's error as the body",
        caught_by="GW060",
        handle=on_failure(lambda _, reply: replace(reply, status=200), 429, 500, 503),
    ),
    GatewayChange(
        name="refusal-inside-a-stream",
        title="Begins a stream before the upstream is asked, and tells a refusal inside it",
        caught_by="GW060",
        handle=on_failure(_in_stream, 400, 429, 500, 503),
    ),
    GatewayChange(
        name="failures-told-as-400",
        title="Responds with 400 to whatever the upstream fails with",
        caught_by="GW061",
        handle=on_failure(responding(400, OWN_400), LOST, 500, 502, 503, 504, 529),
    ),
    GatewayChange(
        name="provider-key-told-as-400",
        title="Tells the client that its request is wrong when the gateway's own key is",
        caught_by="GW061",
        handle=on_failure(responding(400, OWN_400), 401, 403),
    ),
    GatewayChange(
        name="mistakes-told-as-500",
        title="Responds with 500 where the upstream refuses the request",
        caught_by="GW062",
        handle=on_failure(responding(500, OWN_500), *MISTAKES),
    ),
    GatewayChange(
        name="empty-gzip-closes",
        title="Closes the connection where the upstream's error has Content-Encoding: gzip and no body",
        caught_by="GW062",
        is_full=True,
        handle=_unpacked,
    ),
    GatewayChange(
        name="limit-told-as-503",
        title="Responds with 503 to the upstream's 429",
        caught_by="GW063",
        handle=on_failure(lambda _, reply: replace(reply, status=503), 429),
    ),
    GatewayChange(
        name="silence-told-as-500",
        title="Responds with 500, not 502 or 504, when the upstream does not respond",
        caught_by="GW063",
        handle=on_failure(responding(500, OWN_500), LOST),
    ),
    GatewayChange(
        name="error-as-a-text",
        title="Puts the upstream's error object into a string",
        caught_by="GW064",
        handle=on_failure(_saying({"error": "The provider failed."}), 401, 429, 500, 503),
    ),
    GatewayChange(
        name="own-error-without-message",
        title="Responds with an error without a message when the upstream can't be reached",
        caught_by="GW064",
        handle=on_failure(responding(502, NOTHING), LOST),
    ),
    GatewayChange(
        name="own-error-as-a-page",
        title="Responds with an HTML page when the upstream can't be reached",
        caught_by="GW064",
        handle=on_failure(_page, LOST),
    ),
    GatewayChange(
        name="error-in-another-api-s-form",
        title="Passes errors on in the form of the upstream's API",
        caught_by="GW065",
        apis=("messages",),
        handle=on_failure(_saying(OPENAI_429), 429),
    ),
    GatewayChange(
        name="code-becomes-the-status",
        title="Writes the status in place of the error's code, and a type of its own",
        caught_by="GW066",
        handle=on_error_object(lambda error, status: error | {"code": str(status), "type": "throttling_error"}),
    ),
    GatewayChange(
        name="type-of-messages-replaced",
        title="Writes one type for all errors of Messages",
        caught_by="GW066",
        apis=("messages",),
        handle=on_error_object(lambda error, _: error | {"type": "api_error"}),
    ),
    GatewayChange(
        name="message-replaced",
        title="Writes a message of its own in place of the upstream's",
        caught_by="GW067",
        handle=on_error_object(lambda error, _: error | {"message": "The provider returned an error."}),
    ),
    GatewayChange(
        name="param-dropped",
        title="Leaves param out of the upstream's errors",
        caught_by="GW068",
        handle=on_error_object(lambda error, _: error | {"param": None}),
    ),
    GatewayChange(
        name="error-labelled-as-a-stream",
        title="Labels the JSON error of a streamed request text/event-stream",
        caught_by="GW040",
        handle=on_failure(_labelled),
    ),
    GatewayChange(
        name="retry-after-dropped",
        title="Drops Retry-After of the upstream's 429",
        caught_by="GW075",
        handle=on_failure(without("retry-after"), 429),
    ),
    GatewayChange(
        name="retry-after-shortened",
        title="Tells the client to come back at once",
        caught_by="GW075",
        handle=on_failure(headed(("retry-after", "0")), 429),
    ),
    GatewayChange(
        name="quota-headers-dropped",
        title="Drops the quota's headers of the upstream's 429",
        caught_by="GW076",
        apis=("messages",),
        handle=on_failure(without("anthropic-ratelimit-", "x-should-retry"), 429),
    ),
    GatewayChange(
        name="cool-down-without-retry-after",
        title="Refuses the next request after a 429 on its own, and does not say for how long",
        caught_by="GW077",
        policy=GatewayPolicy(breaker=True),
        handle=_closing(lambda: _busy(status=429), 429),
    ),
    GatewayChange(
        name="closed-after-one-failure",
        title="Refuses the request after a failure on its own",
        caught_by="GW078",
        handle=_closing(lambda: _busy(("retry-after", "5"))),
    ),
    GatewayChange(
        name="silence-not-bounded",
        title="Waits longer for a silent upstream than the policy promises",
        caught_by="GW079",
        policy=GatewayPolicy(timeout_s=0.5),
        handle=pass_on,
    ),
    GatewayChange(
        name="own-refusal-without-message",
        title="Refuses a model without a route by an error that has no message",
        caught_by="ERR008",
        handle=_refusing_models(422, NOTHING),
    ),
    GatewayChange(
        name="own-refusal-as-a-text",
        title="Refuses a model without a route by an error that is a string",
        caught_by="ERR006",
        handle=_refusing_models(404, {"error": "model not found"}),
    ),
    GatewayChange(
        name="invalid-json-told-as-500",
        title="Responds with 500 to a body that is not JSON",
        caught_by="GW085",
        handle=_failing_on_json,
    ),
)
