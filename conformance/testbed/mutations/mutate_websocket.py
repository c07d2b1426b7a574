"""A server that accepts WebSocket handshakes on /responses, for defects and variants of what it says there."""

from dataclasses import replace

from wsproto.utilities import generate_accept_token

from conformance.testbed.server.reply import OnWire, ServerRequest, WireResponse, Write
from conformance.testbed.server.websocket import Speech, conversing

PATH = "/v1/responses"
NOT_OFFERED = 405
"""The status of a handshake on the embedded server, whose request carries the key."""


def switching(speech: Speech | None, accept: str = "", *more: str) -> OnWire:
    """Accept WebSocket handshakes, and speak, or do nothing then. `accept` replaces the Sec-WebSocket-Accept.

    `more` are further lines of the head.
    """

    def change(reply: WireResponse, request: ServerRequest) -> WireResponse:
        key = next((value for name, value in request.headers if name == "sec-websocket-key"), "")
        if request.path != PATH or not key or reply.status != NOT_OFFERED:
            return reply
        named = (
            "HTTP/1.1 101 Switching Protocols",
            "upgrade: websocket",
            "connection: Upgrade",
            f"sec-websocket-accept: {accept or generate_accept_token(key.encode()).decode()}",
            *more,
        )
        return replace(
            reply,
            status=101,
            head="\r\n".join([*named, "", ""]).encode(),
            pieces=(Write(data=b""),),
            framing="close",
            converse=conversing(request, speech) if speech else None,
        )

    return change
