"""Defects in what a gateway does when a client leaves, and when one waits."""

from conformance.model.target import GatewayPolicy
from conformance.testbed.gateway.connections import at_most, deaf, deaf_in_body, deaf_while_waiting, late, trying_again
from conformance.testbed.gateway.handling import GatewayChange, GatewayRequest


def _is_stream(request: GatewayRequest) -> bool:
    body = request.json
    return isinstance(body, dict) and body.get("stream") is True


def _is_unary(request: GatewayRequest) -> bool:
    return not _is_stream(request)


def _is_not_chat(request: GatewayRequest) -> bool:
    return "/chat/" not in request.target


DEFECTS = (
    GatewayChange(
        name="unary-hang-up-ignored",
        title="Reads a non-streaming response to its end although the client has left",
        caught_by="GW103",
        handle=deaf(_is_unary),
    ),
    GatewayChange(
        name="hang-up-before-head-ignored",
        title="Notices only after the upstream's first byte that the client of a stream has left",
        caught_by="GW103",
        handle=deaf_while_waiting(_is_stream),
    ),
    GatewayChange(
        name="hang-up-in-stream-ignored",
        title="Reads a stream to its end although the client has left",
        caught_by="GW103",
        handle=deaf_in_body(_is_stream),
    ),
    GatewayChange(
        name="hang-up-ignored-elsewhere",
        title="Passes hang-ups on for Chat Completions, but not for Messages and Responses",
        caught_by="GW103",
        handle=deaf(_is_not_chat),
        apis=("messages",),
    ),
    GatewayChange(
        name="hang-up-passed-on-late",
        title="Closes the request upstream three seconds after the client has left",
        caught_by="GW103",
        handle=late(3.5),
    ),
    GatewayChange(
        name="retries-for-nobody",
        title="Goes on trying for a client that has left",
        caught_by="GW104",
        policy=GatewayPolicy(retries=2, retry_on=(0, 502, 503)),
        handle=trying_again(3, 1.0, for_nobody=True),
    ),
    GatewayChange(
        name="one-at-a-time",
        title="A call of the upstream blocks all other clients",
        caught_by="GW105",
        handle=at_most(1),
    ),
)
