"""The WebSocket of Responses: its handshake, and its frames."""

import base64
import hashlib
from collections.abc import Iterator
from typing import Final

from conformance.apis.websocket import sent, whole
from conformance.model.case import Kind
from conformance.model.exchange import Exchange
from conformance.model.verdict import MUST, OUT_OF_SCOPE, Finding, NotJudged, not_applicable, untestable
from conformance.parsing.http1 import SWITCHING, connection, reply, request_header
from conformance.parsing.websocket import BINARY, CONTINUATION, PING, frame
from conformance.rules.conditions import all_of, probe_is, replied
from conformance.rules.rsp.shape import whole_rule
from conformance.rules.rsp.websocket_example import (
    ACCEPTED,
    KEY,
    NO_MASK,
    answered,
    conversation,
    create,
    handshake,
)

PROTOCOL: Final = "https://www.rfc-editor.org/rfc/rfc6455"
HANDSHAKE: Final = f"{PROTOCOL}#section-4.2.2"
FRAMES: Final = f"{PROTOCOL}#section-5"
GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
"""Joined to the client's key, it gives what a server must return the hash of."""
NEGOTIATED: Final = ("Sec-WebSocket-Extensions", "Sec-WebSocket-Protocol")
"""What a server may only choose from what the client offers."""
LATER: Final = (408, 425, 429, 500, 502, 503, 504)
"""Statuses that another attempt may not get. Not 403: that is how web frameworks reject a path without WebSocket."""


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


@whole_rule(
    "RSP042",
    MUST,
    "A WebSocket handshake that is accepted has the headers that clients check",
    spec=HANDSHAKE,
    fix="Return Upgrade: websocket, Connection: Upgrade, and the Sec-WebSocket-Accept of the request's key; no extension unasked.",
    applies_to=_switched,
    needs=("headers", "framing", "bytes"),
    good=[handshake(ACCEPTED), handshake(ACCEPTED, "WebSocket", "keep-alive, Upgrade")],
    bad=[
        handshake(""),
        handshake(KEY[1]),
        handshake(ACCEPTED, upgrade=""),
        handshake(ACCEPTED, connection="keep-alive"),
        handshake(ACCEPTED, more=(("sec-websocket-extensions", "permessage-deflate"),)),
    ],
)
def handshake_without_proof(x: Exchange) -> Iterator[Finding]:
    """Clients close the connection: a proxy that returns 101 without a WebSocket server behind it looks like this."""
    yield from _faults_of_handshake(x)


def _faults_of_handshake(x: Exchange) -> Iterator[Finding]:
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
    for name in NEGOTIATED:
        if head.value(name.lower()) and not request_header(x, name.lower()):
            seen = f"{name} is {head.value(name.lower())[:40]!r}, and the request offers none"
            yield Finding(seen, at=head.span(name.lower()))


def _opened(x: Exchange) -> NotJudged | None:
    """The target accepted the handshake as clients require, and the harness could read all frames."""
    if skip := _switched(x):
        return skip
    if any(_faults_of_handshake(x)):
        return untestable("clients do not accept the handshake (see RSP042)")
    too_much = untestable("the server sent more frames than the harness reads")
    return too_much if connection(x).is_too_much else None


def _framed(x: Exchange) -> NotJudged | None:
    """The server sent something over the WebSocket; it need not, after a handshake alone."""
    if skip := _opened(x):
        return skip
    if not connection(x).is_empty:
        return None
    return untestable("the server sent nothing over the WebSocket") if sent(x).messages else OUT_OF_SCOPE


def conversed(x: Exchange) -> NotJudged | None:
    """The harness spoke over the WebSocket as clients do, and understood the frames of the server."""
    if skip := _opened(whole(x)):
        return skip
    return untestable("a frame is not valid (see RSP043)") if connection(x).faults else None


def _sent(*frames: bytes) -> Exchange:
    return conversation((create(), frames))


@whole_rule(
    "RSP043",
    MUST,
    "The server sends valid WebSocket frames, and text messages in UTF-8",
    spec=FRAMES,
    fix="Frame messages with a WebSocket library: unmasked, without reserved bits, in UTF-8, each complete before a close.",
    applies_to=_framed,
    needs=("headers", "framing", "bytes"),
    good=[
        _sent(*answered()),
        _sent(frame(b'{"type": "response.', is_final=False), frame(b"", PING), frame(b'created"}', CONTINUATION)),
        _sent(frame("ä".encode()[:1], is_final=False), frame("ä".encode()[1:], CONTINUATION)),
        _sent(frame(b"{}", BINARY)),
    ],
    bad=[
        _sent(frame(b"{}", mask=NO_MASK)),
        _sent(frame(b"{}", reserved=4)),
        _sent(frame(b"{}", 3)),
        _sent(frame("ä".encode()[:1], is_final=False), frame(b"o", CONTINUATION)),
        _sent(frame(b"{}", CONTINUATION)),
        _sent(frame(b"{", is_final=False), frame(b"{}")),
        _sent(frame(b"?", PING, is_final=False)),
        _sent(b"\x81\x7e\x00\x02{}"),
        _sent(frame(b'{"type": "response.created"}')[:-3]),
        _sent(b"HTTP/1.1 200 OK\r\n\r\n"),
    ],
)
def invalid_websocket_frame(x: Exchange) -> Iterator[Finding]:
    """Clients fail the connection at the first invalid frame, and the rest of the response is lost."""
    found = connection(x)
    for fault in found.faults:
        yield Finding(fault.what, at=fault.span)
    if found.unfinished and x.ending.how == "closed" and not sent(x).is_closed:
        yield Finding("the server closed the connection within a message", at=found.unfinished)
