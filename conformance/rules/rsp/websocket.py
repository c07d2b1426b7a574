"""The WebSocket handshake of Responses."""

import base64
import hashlib
from collections.abc import Iterator
from typing import Any, Final

from conformance.model.case import Kind
from conformance.model.exchange import Exchange
from conformance.model.verdict import MUST, Finding, NotJudged, not_applicable, untestable
from conformance.parsing.http1 import SWITCHING, reply, request_header
from conformance.rules.conditions import all_of, probe_is, replied
from conformance.rules.example import Headers, exchange, http
from conformance.rules.rsp.shape import whole_rule

HANDSHAKE: Final = "https://www.rfc-editor.org/rfc/rfc6455#section-4.2.2"
GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
"""Joined to the client's key, it gives what a server must return the hash of."""
LATER: Final = (408, 425, 429, 500, 502, 503, 504)
"""Statuses that another attempt may not get. Not 403: that is how web frameworks reject a path without WebSocket."""
KEY: Final = ("sec-websocket-key", "dGhlLWxhbXBzLWFyZS1ncg==")
PROBE: Final[dict[str, Any]] = {"probe": "responses.websocket", "mode": "unary"}


def accepted_key(key: str) -> str:
    """The Sec-WebSocket-Accept that belongs to a key."""
    return base64.b64encode(hashlib.sha1(key.encode("latin-1") + GUID, usedforsecurity=False).digest()).decode()


def _switched(x: Exchange) -> NotJudged | None:
    """The target accepted the handshake."""
    if skip := all_of(probe_is(Kind.WEBSOCKET), replied)(x):
        return skip
    status = reply(x).status
    if status in LATER:
        return untestable(f"the handshake got HTTP {status}")
    return None if status == SWITCHING else not_applicable(f"the target rejects a WebSocket handshake (HTTP {status})")


def _handshake(accept: str, upgrade: str = "websocket", connection: str = "Upgrade") -> Exchange:
    named: Headers = (("upgrade", upgrade), ("connection", connection), ("sec-websocket-accept", accept))
    received = http(SWITCHING, [(name, value) for name, value in named if value], b"", length=False)
    return exchange(received, request_headers=(KEY,), **PROBE)


@whole_rule(
    "RSP042",
    MUST,
    "A WebSocket handshake that is accepted has the headers that clients check",
    spec=HANDSHAKE,
    fix="Return Upgrade: websocket, Connection: Upgrade, and the Sec-WebSocket-Accept of the request's key; or reject it.",
    applies_to=_switched,
    needs=("headers", "framing", "bytes"),
    good=[_handshake(accepted_key(KEY[1])), _handshake(accepted_key(KEY[1]), "WebSocket", "keep-alive, Upgrade")],
    bad=[
        _handshake(""),
        _handshake(KEY[1]),
        _handshake(accepted_key(KEY[1]), upgrade=""),
        _handshake(accepted_key(KEY[1]), connection="keep-alive"),
    ],
)
def handshake_without_proof(x: Exchange) -> Iterator[Finding]:
    """Clients close the connection: a proxy that returns 101 without a WebSocket server behind it looks like this."""
    head, wanted = reply(x), accepted_key(next(iter(request_header(x, KEY[0])), ""))
    tokens = {token.strip().lower() for value in head.values("connection") for token in value.split(",")}
    if head.value("upgrade").lower() != "websocket":
        yield Finding(
            f"the 101 response has Upgrade {head.value('upgrade')[:40]!r}", at=head.head, expected="websocket"
        )
    if "upgrade" not in tokens:
        yield Finding("the Connection header of the 101 response lacks Upgrade", at=head.span("connection"))
    if head.value("sec-websocket-accept") != wanted:
        seen = f"Sec-WebSocket-Accept is {head.value('sec-websocket-accept')[:40]!r}"
        yield Finding(seen, at=head.span("sec-websocket-accept"), expected=wanted)
