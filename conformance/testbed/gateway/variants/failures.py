"""What a gateway may make of its upstream's failures."""

import asyncio
import json
from dataclasses import replace

from conformance.model.target import GatewayPolicy
from conformance.testbed.gateway.handling import (
    Forward,
    GatewayChange,
    GatewayReply,
    GatewayRequest,
    GatewayState,
    own_error,
    with_body,
)
from conformance.testbed.gateway.trying import (
    LOST,
    OwnError,
    falling_back,
    headed,
    on_error_object,
    on_failure,
    retrying,
)
from conformance.testbed.server.body import parse

TIMEOUT_S = 0.5
WRONG_KEY = "sk-canary-wrong-key"
OWN_FIELDS = ("x-ai-eg-", "x-gateway-", "x-envoy-original-")
"""Beginnings of header fields by which a gateway routes inside itself."""


def _own(status: int) -> OwnError:
    return lambda request, _reply: own_error(request, status, "The provider failed.", code="provider_error")


async def _rewritten(request: GatewayRequest, forward: Forward, _state: GatewayState) -> GatewayReply:
    """Errors as JSON that is written anew, with the provider's name."""
    reply = await forward(request)
    if reply.status < 400:
        return reply
    raw = b"".join([piece async for piece in reply.body])
    value = parse(raw).value
    if not isinstance(value, dict):
        return with_body(reply, raw)
    return with_body(reply, json.dumps(value | {"provider": "first"}, indent=1).encode())


async def _bounded(request: GatewayRequest, forward: Forward, _state: GatewayState) -> GatewayReply:
    try:
        return await asyncio.wait_for(forward(request), TIMEOUT_S)
    except TimeoutError:
        return own_error(request, 504, "The upstream did not respond in time.", code="gateway_timeout")


async def _breaking(request: GatewayRequest, forward: Forward, state: GatewayState) -> GatewayReply:
    """A circuit breaker that is open for one request after each failure."""
    if state.memory.pop("open", False):
        return own_error(request, 503, "No healthy upstream.", ("retry-after", "1"), code="no_upstream")
    reply = await forward(request)
    state.memory["open"] = reply.status >= 500
    return reply


def _read(raw: bytes) -> object:
    """The JSON value as Python reads it, also with a name twice; None if it is none."""
    try:
        return json.loads(raw)
    except ValueError:
        return None


async def _refusing(request: GatewayRequest, forward: Forward, _state: GatewayState) -> GatewayReply:
    """Keys, JSON and models are checked before anything is sent."""
    body = _read(request.body)
    if any(WRONG_KEY in value for _, value in request.headers):
        return own_error(request, 401, "This key is not known.", code="invalid_api_key")
    if not isinstance(body, dict):
        return own_error(request, 400, "The body is not a JSON object.", code="invalid_json")
    if body.get("model") == "no-such-model":
        return own_error(request, 404, "There is no route for this model.", code="model_not_found")
    return await forward(request)


async def _guarded(request: GatewayRequest, forward: Forward, _state: GatewayState) -> GatewayReply:
    """Fields that the gateway sets for itself may not come from outside."""
    found = next((name for name, _ in request.received if name.lower().startswith(OWN_FIELDS)), None)
    if found:
        return own_error(request, 400, f"The header {found} is reserved.", code="reserved_header")
    return await forward(request)


async def _balanced(request: GatewayRequest, forward: Forward, state: GatewayState) -> GatewayReply:
    """Each request goes to the next upstream."""
    turn = state.memory["turn"] = state.memory.get("turn", 0) + 1
    return await forward(replace(request, upstream=turn % 2))


def _served_by(reply: GatewayReply) -> GatewayReply:
    return replace(reply, headers=(*reply.headers, ("x-served-by", "second-provider")))


VARIANTS = (
    GatewayChange(
        name="own-502-for-failures",
        title="Responds with 502 and an error of its own to failures of the upstream",
        handle=on_failure(_own(502), 401, 403, 500, 502, 503, 504, 529),
    ),
    GatewayChange(
        name="errors-written-anew",
        title="Writes the upstream's errors anew, with a member of its own",
        apis=("chat", "messages", "responses"),
        handle=_rewritten,
    ),
    GatewayChange(
        name="message-in-a-sentence",
        title="Says in the message which provider has said it",
        handle=on_error_object(lambda error, _: error | {"message": f"Provider error: {error['message']}"}),
    ),
    GatewayChange(
        name="retries-declared",
        title="Tries again as often as the policy says, as late as Retry-After says",
        policy=GatewayPolicy(retries=2, retry_on=(429, 500, 503)),
        handle=retrying(2, 429, 500, 503),
    ),
    GatewayChange(
        name="replays-declared",
        title="Sends lost requests again, as the policy says",
        policy=GatewayPolicy(retries=1, retry_on=(0, 504)),
        handle=retrying(1, LOST, 504),
    ),
    GatewayChange(
        name="fallback-declared",
        title="Asks the second upstream where the first one fails, and passes its model's name on",
        policy=GatewayPolicy(fallback=True),
        handle=falling_back(),
    ),
    GatewayChange(
        name="fallback-told-by-header",
        title="Tells of the fallback by a header",
        policy=GatewayPolicy(fallback=True),
        handle=falling_back(_served_by),
    ),
    GatewayChange(
        name="rate-limits-passed-on",
        title="Asks the second upstream where the first one fails, but passes rate limits on",
        policy=GatewayPolicy(fallback=True),
        handle=falling_back(on=(500, 502, 503, 504, 529)),
    ),
    GatewayChange(
        name="upstreams-in-turn",
        title="Sends each request to the next of two upstreams",
        handle=_balanced,
    ),
    GatewayChange(
        name="timeout-declared",
        title="Responds with 504 when the upstream is silent for longer than the policy says",
        policy=GatewayPolicy(timeout_s=TIMEOUT_S),
        handle=_bounded,
    ),
    GatewayChange(
        name="breaker-declared",
        title="Refuses requests on its own after a failure, and says for how long",
        policy=GatewayPolicy(breaker=True),
        handle=_breaking,
    ),
    GatewayChange(
        name="own-quota",
        title="Sends its own quota and a later time in place of the upstream's",
        handle=on_failure(headed(("retry-after", "30"), ("x-ratelimit-limit-requests", "10")), 429),
    ),
    GatewayChange(
        name="refuses-by-itself",
        title="Refuses wrong keys, broken JSON and unknown models on its own",
        is_full=True,
        handle=_refusing,
    ),
    GatewayChange(
        name="routing-headers-refused",
        title="Refuses requests with the headers by which it routes, and names the header",
        handle=_guarded,
    ),
)
