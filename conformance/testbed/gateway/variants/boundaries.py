"""What a gateway may do between clients and upstream: with keys, header fields, disconnects and stored responses."""

from dataclasses import replace

from conformance.model.target import GatewayPolicy
from conformance.testbed.gateway.connections import at_most, late, trying_again
from conformance.testbed.gateway.handling import (
    GatewayChange,
    GatewayReply,
    GatewayRequest,
    in_turn,
    on_json,
    on_reply,
    pass_on,
)
from conformance.testbed.gateway.storing import replayed, storing, whole_request
from conformance.testbed.gateway.variants.requests import ALIAS

PASSES_ON = "Has no key of its own, and passes the client's on"


def _with(request: GatewayRequest, *headers: tuple[str, str]) -> GatewayRequest:
    names = {name.lower() for name, _ in headers}
    return replace(request, headers=(*(h for h in request.headers if h[0].lower() not in names), *headers))


def _key_in_both_fields(request: GatewayRequest) -> GatewayRequest:
    return _with(request, ("x-api-key", request.header("authorization").removeprefix("Bearer ")))


def _as_proxies_do(request: GatewayRequest) -> GatewayRequest:
    return _with(
        request,
        ("via", "1.1 gateway"),
        ("x-forwarded-for", "127.0.0.1"),
        ("x-request-id", "gw-1"),
        ("user-agent", "gateway/1.0"),
        ("accept-encoding", "gzip, deflate"),
        ("connection", "keep-alive"),
    )


def _child_span(request: GatewayRequest) -> GatewayRequest:
    trace = request.header("traceparent")
    return _with(request, ("traceparent", f"{trace[:36]}b7ad6b7169203331-01")) if trace else request


def _forwards(request: GatewayRequest) -> GatewayRequest:
    named = ("x-team-note", "openai-organization", "openai-project")
    return _with(request, *(item for item in request.received if item[0].lower() in named))


def _own_id(reply: GatewayReply) -> GatewayReply:
    kept = tuple(item for item in reply.headers if not item[0].lower().endswith("request-id"))
    return replace(reply, headers=(*kept, ("x-gateway-request-id", "gw-1"), ("server", "gateway")))


def _bare(request: GatewayRequest) -> GatewayRequest:
    """Only what the API needs: a gateway that makes a request of its own, as one with an SDK does."""
    needed = ("content-type", "authorization", "x-api-key", "traceparent", "anthropic-version", "anthropic-beta")
    kept = tuple(item for item in request.headers if item[0].lower() in needed)
    return replace(request, headers=(*kept, ("user-agent", "AsyncOpenAI/Python"), ("x-stainless-lang", "python")))


VARIANTS = (
    GatewayChange(name="client-key-passed-on", title=PASSES_ON, handle=pass_on, has_own_key=False),
    GatewayChange(
        name="client-key-passed-on-as-declared",
        title=f"{PASSES_ON}, as the policy says",
        handle=pass_on,
        has_own_key=False,
        policy=GatewayPolicy(key="client"),
    ),
    GatewayChange(
        name="subscription-passed-on",
        title=f"{PASSES_ON}: the token of a subscription, too",
        handle=pass_on,
        has_own_key=False,
        apis=("messages",),
    ),
    GatewayChange(
        name="key-in-both-fields",
        title="Sends its key in Authorization and in x-api-key",
        handle=pass_on,
        outgoing=_key_in_both_fields,
        policy=GatewayPolicy(key="own"),
    ),
    GatewayChange(
        name="fields-of-proxies",
        title="Adds the header fields that proxies add, and replaces the user agent",
        handle=pass_on,
        outgoing=_as_proxies_do,
    ),
    GatewayChange(
        name="header-fields-of-an-sdk",
        title="Forwards no header field that the API does not need, and adds those of its SDK",
        handle=pass_on,
        outgoing=_bare,
    ),
    GatewayChange(
        name="child-span", title="Sends a child span of the client's trace", handle=pass_on, outgoing=_child_span
    ),
    GatewayChange(
        name="declared-headers-forwarded",
        title="Forwards fields of the client that the policy names",
        handle=pass_on,
        outgoing=_forwards,
        policy=GatewayPolicy(headers=("x-team-*", "openai-*")),
    ),
    GatewayChange(name="own-request-id", title="Has a request id of its own", handle=on_reply(_own_id)),
    GatewayChange(
        name="hang-up-noticed-later",
        title="Notices half a second later that a client has left",
        handle=late(0.5),
    ),
    GatewayChange(
        name="retries-until-hang-up",
        title="Tries again as declared, and stops when the client leaves",
        handle=trying_again(3, 1.0, for_nobody=False),
        policy=GatewayPolicy(retries=2, retry_on=(0, 502, 503)),
    ),
    GatewayChange(name="few-at-a-time", title="Asks the upstream for eight requests at a time", handle=at_most(8)),
    GatewayChange(
        name="cache-declared",
        title="Serves equal requests from a declared cache, and says so",
        handle=storing(whole_request),
        policy=GatewayPolicy(cache=True),
    ),
    GatewayChange(
        name="cache-behind-an-alias",
        title="Sends every request to one model, and serves equal ones from a declared cache",
        handle=in_turn(on_json(lambda body: body | {"model": ALIAS}), storing(whole_request)),
        policy=GatewayPolicy(cache=True, model=ALIAS),
    ),
    GatewayChange(
        name="cache-replayed-as-stream",
        title="Replays stored responses as streams, too",
        handle=replayed(whole_request, (("x-gateway-cache-status", "hit"),)),
        policy=GatewayPolicy(cache=True),
    ),
)
