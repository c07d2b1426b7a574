"""How the embedded gateway handles a request: a chain of handlers, of which the last asks the upstream.

A planted defect or legal variant is one more handler in front of it.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final

from conformance.model.target import GatewayPolicy
from conformance.model.words import Api
from conformance.testbed.gateway.wire import USUAL, Wire
from conformance.testbed.server.body import parse
from conformance.testbed.server.endpoints import api_of
from conformance.testbed.server.reply import Headers, to_json

Pieces = AsyncIterator[bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayRequest:
    """A request as the gateway forwards it: `target` is path and query, `upstream` the number of the upstream, from 0.

    Header names are as the client sent them; Host and the fields that frame the message are not among them. `received`
    are all fields as the client sent them, whatever is forwarded, and `received_target` is the path and query.
    """

    method: str
    target: str
    headers: Headers
    body: bytes
    upstream: int = 0
    received: Headers = ()
    received_target: str = ""

    @property
    def json(self) -> Any:
        """The JSON value of the body, or None."""
        return parse(self.body).value

    def header(self, name: str) -> str:
        """The value of a header field, or empty."""
        return next((value for given, value in self.headers if given.lower() == name), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayReply:
    """A reply on its way to the client: `body` yields pieces as they arrive, and raises OSError where upstream broke.

    Fields that frame the message are not among the headers, but for Content-Length. `is_lost`: it is the gateway's own,
    because the upstream could not be reached, or sent no response.
    """

    status: int
    headers: Headers
    body: Pieces
    is_lost: bool = False

    def header(self, name: str) -> str:
        """The value of a header field, or empty."""
        return next((value for given, value in self.headers if given.lower() == name), "")

    @property
    def is_stream(self) -> bool:
        """Whether it is an event stream."""
        return self.header("content-type").lower().startswith("text/event-stream")


@dataclass(kw_only=True)
class GatewayState:
    """What a gateway remembers from request to request; each handler uses keys of its own."""

    memory: dict[str, Any] = field(default_factory=dict)


NO_CHANGES: Final = GatewayPolicy()
"""Nothing is meant to change."""

Forward = Callable[[GatewayRequest], Awaitable[GatewayReply]]
Handler = Callable[[GatewayRequest, Forward, GatewayState], Awaitable[GatewayReply]]
Edit = Callable[[GatewayRequest], GatewayRequest]


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayChange:
    """A planted defect, which the rule `caught_by` must catch, or a legal variant, under a policy.

    `outgoing` edits each request as it goes upstream, with its credential. `apis` are those whose requests show it.
    `is_full`: only the suite `full` catches it. `has_own_key`: the gateway has a credential of its own for the
    upstream; otherwise it passes the client's on. `wire` is how it writes HTTP.
    """

    name: str
    title: str
    handle: Handler
    caught_by: str = ""
    policy: GatewayPolicy = NO_CHANGES
    apis: tuple[Api, ...] = ("chat",)
    is_full: bool = False
    outgoing: Edit = lambda request: request
    has_own_key: bool = True
    wire: Wire = USUAL


async def whole(pieces: Pieces) -> bytes:
    """All pieces together. Raises OSError where upstream broke."""
    return b"".join([piece async for piece in pieces])


async def one(data: bytes) -> Pieces:
    """A body in one piece."""
    yield data


def with_body(reply: GatewayReply, data: bytes) -> GatewayReply:
    """The reply with another body, of which all is known."""
    kept = tuple(item for item in reply.headers if item[0].lower() != "content-length")
    return replace(reply, headers=(*kept, ("content-length", str(len(data)))), body=one(data))


def own_reply(status: int, value: Any, *headers: tuple[str, str]) -> GatewayReply:
    """A JSON reply of the gateway's own."""
    data = to_json(value)
    own = (("content-type", "application/json"), ("content-length", str(len(data))), *headers)
    return GatewayReply(status=status, headers=own, body=one(data))


def own_error(
    request: GatewayRequest, status: int, message: str, *headers: tuple[str, str], code: str = "bad_gateway"
) -> GatewayReply:
    """An error of the gateway's own, in the form of the requested API."""
    if api_of(request.target) == "messages":
        return own_reply(status, {"type": "error", "error": {"type": "api_error", "message": message}}, *headers)
    facts = {"message": message, "type": "gateway_error", "param": None, "code": code}
    return own_reply(status, {"error": facts}, *headers)


# Handlers from edits


def on_request(edit: Edit) -> Handler:
    """Edit each request before it is forwarded."""

    async def handle(request: GatewayRequest, forward: Forward, _state: GatewayState) -> GatewayReply:
        return await forward(edit(request))

    return handle


def on_json(edit: Callable[[dict[str, Any]], dict[str, Any]]) -> Handler:
    """Edit the JSON object of each request; other bodies pass as they are."""

    def edited(request: GatewayRequest) -> GatewayRequest:
        body = request.json
        return replace(request, body=to_json(edit(body))) if isinstance(body, dict) else request

    return on_request(edited)


def on_reply(edit: Callable[[GatewayReply], GatewayReply]) -> Handler:
    """Edit each reply; its body is an iterator that the edit may wrap."""

    async def handle(request: GatewayRequest, forward: Forward, _state: GatewayState) -> GatewayReply:
        return edit(await forward(request))

    return handle


def on_stream(edit: Callable[[Pieces], Pieces]) -> Handler:
    """Edit the pieces of each event stream; its length is then unknown."""

    def edited(reply: GatewayReply) -> GatewayReply:
        if not reply.is_stream:
            return reply
        kept = tuple(item for item in reply.headers if item[0].lower() != "content-length")
        return replace(reply, headers=kept, body=edit(reply.body))

    return on_reply(edited)


def in_turn(*handlers: Handler) -> Handler:
    """Several handlers, of which the first is next to the client, and the last next to the upstream."""

    async def handle(request: GatewayRequest, forward: Forward, state: GatewayState) -> GatewayReply:
        for handler in reversed(handlers):
            forward = _before(handler, forward, state)
        return await forward(request)

    return handle


def _before(handler: Handler, forward: Forward, state: GatewayState) -> Forward:
    async def forwarded(request: GatewayRequest) -> GatewayReply:
        return await handler(request, forward, state)

    return forwarded


async def pass_on(request: GatewayRequest, forward: Forward, _state: GatewayState) -> GatewayReply:
    """Change nothing."""
    return await forward(request)


TRANSPARENT: Final = GatewayChange(
    name="transparent", title="Passes everything on, and waits for nothing", handle=pass_on
)
