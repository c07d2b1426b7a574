"""Defects in what a gateway lets through between its clients and its upstream: credentials and header fields."""

import gzip
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from conformance.model.target import GatewayPolicy
from conformance.testbed.gateway.handling import (
    Edit,
    Forward,
    GatewayChange,
    GatewayReply,
    GatewayRequest,
    GatewayState,
    on_reply,
    pass_on,
    whole,
    with_body,
)
from conformance.testbed.gateway.trying import retrying
from conformance.testbed.server.reply import Headers

BETA: Final = "anthropic-beta"
Where = Callable[[GatewayRequest], object]


def _given(request: GatewayRequest, *names: str) -> Headers:
    """Header fields as the client sent them."""
    return tuple(item for item in request.received if item[0].lower() in names)


def _set(request: GatewayRequest, *headers: tuple[str, str]) -> GatewayRequest:
    """The request with these fields in place of those of the same names."""
    names = {name.lower() for name, _ in headers}
    return replace(request, headers=(*(h for h in request.headers if h[0].lower() not in names), *headers))


def without(*names: str) -> Edit:
    """Remove these header fields."""
    return lambda request: replace(request, headers=tuple(h for h in request.headers if h[0].lower() not in names))


def _forwarding(*names: str, where: Where = bool) -> Edit:
    """Forward header fields of the client in place of the gateway's own."""
    return lambda request: _set(request, *_given(request, *names)) if where(request) else request


def _is_stream(request: GatewayRequest) -> bool:
    body = request.json
    return isinstance(body, dict) and body.get("stream") is True


def _key_beside(request: GatewayRequest) -> GatewayRequest:
    own = request.header("authorization").removeprefix("Bearer ")
    return _set(request, *_given(request, "authorization"), ("x-api-key", own))


def _key_renamed(request: GatewayRequest) -> GatewayRequest:
    client = "".join(value for _, value in _given(request, "authorization"))
    return _set(request, ("x-pass-authorization", client))


def _token_moved(request: GatewayRequest) -> GatewayRequest:
    token = request.header("authorization").removeprefix("Bearer ")
    if not token.startswith("sk-ant-oat"):
        return request
    return _set(without("authorization")(request), ("x-api-key", token))


def _trace_restarted(request: GatewayRequest) -> GatewayRequest:
    given = request.header("traceparent")
    return _set(request, ("traceparent", f"00-{'7' * 32}-{given[36:]}")) if given else request


def defect(name: str, title: str, caught_by: str, outgoing: Edit, **more: Any) -> GatewayChange:
    """A defect in a request as it goes upstream."""
    return GatewayChange(name=name, title=title, caught_by=caught_by, handle=pass_on, outgoing=outgoing, **more)


def _with_known_betas(request: GatewayRequest) -> GatewayRequest:
    known = [beta for beta in request.header(BETA).split(",") if "canary" not in beta]
    return _set(request, (BETA, ",".join(known))) if request.header(BETA) else request


async def _key_in_error(request: GatewayRequest, forward: Forward, _state: GatewayState) -> GatewayReply:
    """The error about a lost connection repeats the credential that the request had."""
    reply = await forward(request)
    if not reply.is_lost:
        return reply
    return with_body(reply, (await whole(reply.body)).replace(b"The upstream", b"The upstream (sk-canary-upstream)"))


def _relabelled(name: str | None) -> Callable[[GatewayReply], GatewayReply]:
    def edit(reply: GatewayReply) -> GatewayReply:
        kept = tuple(h for h in reply.headers if h[0].lower() != "content-type" or not reply.is_stream)
        return replace(reply, headers=(*kept, *((("content-type", name),) if name and reply.is_stream else ())))

    return edit


def _without_ids(reply: GatewayReply) -> GatewayReply:
    return replace(reply, headers=tuple(h for h in reply.headers if not h[0].lower().endswith("request-id")))


def _with(*headers: tuple[str, str]) -> Callable[[GatewayReply], GatewayReply]:
    return lambda reply: replace(reply, headers=(*reply.headers, *headers))


async def _always_compressed(request: GatewayRequest, forward: Forward, _state: GatewayState) -> GatewayReply:
    """Compresses for clients that name no coding; for the others as they want it."""
    reply = await forward(request)
    if any(name.lower() == "accept-encoding" for name, _ in request.received) or reply.is_stream:
        return reply
    packed = with_body(reply, gzip.compress(await whole(reply.body)))
    return replace(packed, headers=(*packed.headers, ("content-encoding", "gzip")))


DEFECTS = (
    defect(
        "client-key-beside-own",
        "Leaves the client's Authorization beside its own key in x-api-key",
        "GW090",
        _key_beside,
    ),
    defect("client-key-renamed", "Forwards the client's key in a field of another name", "GW090", _key_renamed),
    defect(
        "client-key-in-streams",
        "One route, that of streams, forwards the client's Authorization",
        "GW090",
        _forwarding("authorization", where=_is_stream),
    ),
    defect("client-cookie-forwarded", "Forwards the client's cookies", "GW090", _forwarding("cookie")),
    defect("spare-keys-forwarded", "Forwards api-key and x-api-key", "GW090", _forwarding("api-key", "x-api-key")),
    defect(
        "query-forwarded",
        "Forwards the query with the credential in it",
        "GW090",
        lambda request: replace(request, target=request.received_target),
    ),
    defect(
        "own-key-missing",
        "Lets the client's key through where its own is missing",
        "GW090",
        lambda request: request,
        policy=GatewayPolicy(key="own"),
        has_own_key=False,
    ),
    GatewayChange(
        name="upstream-key-in-header",
        title="A debugging header of the reply repeats the credential of the upstream",
        caught_by="GW091",
        handle=on_reply(_with(("x-debug-request", "authorization: Bearer sk-canary-upstream"))),
    ),
    GatewayChange(
        name="upstream-key-in-error",
        title="The gateway's own error repeats the credential of the upstream",
        caught_by="GW091",
        handle=_key_in_error,
    ),
    defect(
        "two-keys",
        "Sends an old key in x-api-key beside the one in Authorization",
        "GW092",
        lambda request: _set(request, ("x-api-key", "sk-canary-of-last-year")),
    ),
    defect(
        "key-lost-in-streams",
        "Sends streams upstream without a credential",
        "GW092",
        lambda request: without("authorization")(request) if _is_stream(request) else request,
    ),
    defect(
        "passed-key-lost-in-streams",
        "Passes the client's key on, but not with streams",
        "GW092",
        lambda request: without("authorization")(request) if _is_stream(request) else request,
        has_own_key=False,
    ),
    defect(
        "subscription-token-moved",
        "Moves the token of a subscription into x-api-key",
        "GW093",
        _token_moved,
        apis=("messages",),
        has_own_key=False,
    ),
    defect(
        "client-headers-forwarded",
        "Forwards whatever header fields the client sends, but for credentials",
        "GW094",
        _forwarding("x-team-note"),
    ),
    defect(
        "organization-forwarded",
        "Forwards the organisation and the project of the client with a key of its own",
        "GW094",
        _forwarding("openai-organization", "openai-project"),
    ),
    defect(
        "internal-header",
        "Sends a field of its own to the provider",
        "GW095",
        lambda request: _set(request, ("x-bridge-session", "user-17")),
    ),
    defect("hop-by-hop-forwarded", "Forwards a field that Connection names", "GW096", _forwarding("x-canary-hop")),
    GatewayChange(
        name="hop-by-hop-returned",
        title="Returns a field that the upstream's Connection names",
        caught_by="GW096",
        handle=on_reply(_with(("x-canary-answer-hop", "canary"))),
    ),
    defect(
        "version-dropped",
        "Drops anthropic-version",
        "GW097",
        without("anthropic-version"),
        apis=("messages",),
    ),
    defect("betas-dropped", "Drops anthropic-beta", "GW098", without(BETA), apis=("messages",)),
    defect(
        "unknown-betas-dropped",
        "Forwards the betas that it knows, and silently drops others",
        "GW098",
        _with_known_betas,
        apis=("messages",),
    ),
    GatewayChange(
        name="refused-beta-dropped",
        title="Tries again without its betas where the upstream refuses one, and does not say so",
        caught_by="GW098",
        policy=GatewayPolicy(retries=1, retry_on=(400,)),
        apis=("messages",),
        handle=retrying(1, 400, prepare=without(BETA), applies=lambda request: bool(request.header(BETA))),
    ),
    defect(
        "version-replaced",
        "Sends a version of its own to the Messages API",
        "GW098",
        lambda request: _set(request, ("anthropic-version", "2023-01-01")),
        apis=("messages",),
    ),
    defect("trace-dropped", "Drops traceparent", "GW099", without("traceparent")),
    defect("trace-restarted", "Begins a trace of its own", "GW099", _trace_restarted),
    GatewayChange(
        name="request-id-dropped",
        title="Drops the request id of the upstream, and has none of its own",
        caught_by="GW100",
        handle=on_reply(_without_ids),
    ),
    GatewayChange(
        name="compressed-unasked",
        title="Compresses the reply to a client that names no coding",
        caught_by="GW101",
        handle=_always_compressed,
    ),
    defect(
        "content-type-replaced",
        "Labels the JSON of requests as text",
        "GW102",
        lambda request: _set(request, ("content-type", "text/plain")),
    ),
    GatewayChange(
        name="stream-label-dropped",
        title="An allow-list of header fields drops the Content-Type of streams",
        caught_by="SSE001",
        handle=on_reply(_relabelled(None)),
    ),
)
