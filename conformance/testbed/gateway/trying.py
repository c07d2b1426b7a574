"""How a gateway handles failures of its upstream: edits of errors, further attempts, and other upstreams."""

import asyncio
from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any, Final

from conformance.testbed.gateway.handling import (
    Forward,
    GatewayReply,
    GatewayRequest,
    GatewayState,
    Handler,
    one,
    own_reply,
    whole,
    with_body,
)
from conformance.testbed.server.body import parse
from conformance.testbed.server.reply import to_json

LOST: Final = 0
"""Stands among statuses for a connection that was lost before a response."""
OwnError = Callable[[GatewayRequest, GatewayReply], GatewayReply]


async def failure(reply: GatewayReply) -> tuple[int, GatewayReply]:
    """The status of an error, LOST where there was no response, and the reply with its body read."""
    data = await whole(reply.body)
    return (LOST if reply.is_lost else reply.status), replace(reply, body=one(data))


def on_failure(edit: OwnError, *statuses: int) -> Handler:
    """Edit the replies to failures with these statuses, or with any."""

    async def handle(request: GatewayRequest, forward: Forward, _state: GatewayState) -> GatewayReply:
        reply = await forward(request)
        if reply.status < 400:
            return reply
        status, reply = await failure(reply)
        return edit(request, reply) if not statuses or status in statuses else reply

    return handle


def on_error_object(edit: Callable[[dict[str, Any], int], dict[str, Any]], *statuses: int) -> Handler:
    """Edit the error objects of the upstream's refusals with these statuses, or with any."""

    async def handle(request: GatewayRequest, forward: Forward, _state: GatewayState) -> GatewayReply:
        reply = await forward(request)
        if reply.status < 400 or (statuses and reply.status not in statuses):
            return reply
        data = await whole(reply.body)
        value = parse(data).value
        if reply.is_lost or not (isinstance(value, dict) and isinstance(value.get("error"), dict)):
            return replace(reply, body=one(data))
        return with_body(reply, to_json(value | {"error": edit(value["error"], reply.status)}))

    return handle


def responding(status: int, value: Any) -> OwnError:
    """Another status and JSON body."""
    return lambda _request, _reply: own_reply(status, value)


async def wait_retry_after(reply: GatewayReply) -> None:
    """Wait as long as Retry-After says."""
    if wait_s := reply.header("retry-after"):
        await asyncio.sleep(float(wait_s))


def retrying(
    times: int,
    *statuses: int,
    is_patient: bool = True,
    applies: Callable[[GatewayRequest], bool] = lambda _: True,
    prepare: Callable[[GatewayRequest], GatewayRequest] = lambda request: request,
) -> Handler:
    """Try so many times again after these failures; patient: as late as Retry-After says."""

    async def handle(request: GatewayRequest, forward: Forward, _state: GatewayState) -> GatewayReply:
        reply = await forward(request)
        for _ in range(times if applies(request) else 0):
            if reply.status < 400:
                break
            status, reply = await failure(reply)
            if status not in statuses:
                break
            if is_patient:
                await wait_retry_after(reply)
            reply = await forward(prepare(request))
        return reply

    return handle


FAILING: Final = (429, 500, 502, 503, 504, 529)


def falling_back(
    edit: Callable[[GatewayReply], GatewayReply] = lambda reply: reply,
    prepare: Callable[[GatewayRequest], GatewayRequest] = lambda request: request,
    on: Collection[int] = FAILING,
) -> Handler:
    """Ask the second upstream where the first one fails; `edit` its response."""

    async def handle(request: GatewayRequest, forward: Forward, _state: GatewayState) -> GatewayReply:
        reply = await forward(request)
        if reply.status < 400:
            return reply
        status, reply = await failure(reply)
        return edit(await forward(replace(prepare(request), upstream=1))) if status in on else reply

    return handle


def without(*beginnings: str) -> Callable[[GatewayRequest, GatewayReply], GatewayReply]:
    """The reply without headers whose names begin like that."""
    return lambda _request, reply: replace(
        reply, headers=tuple(h for h in reply.headers if not h[0].lower().startswith(beginnings))
    )


def headed(*headers: tuple[str, str]) -> Callable[[GatewayRequest, GatewayReply], GatewayReply]:
    """The reply with these headers in place of those of the same name."""
    names = {name for name, _ in headers}
    return lambda _request, reply: replace(
        reply, headers=(*(h for h in reply.headers if h[0].lower() not in names), *headers)
    )
