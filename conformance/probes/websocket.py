"""Responses over a WebSocket: the handshake, several turns on one connection, and what the next connection knows."""

from typing import Any, Final

from msgspec import structs

from conformance.apis.websocket import NO_KEY, RECONNECT, TURNS, WARM_UP, after_reconnecting
from conformance.model.case import Compare, Kind
from conformance.model.probe import Probe, RawRequest, SocketTurn
from conformance.probes.accepted_forms import MARKER_TEXT
from conformance.probes.auth import NO_KEY as WITHOUT_KEY
from conformance.probes.baseline import token_cap

CAP: Final = 64
"""Tokens: enough for a completed response to a short prompt."""
PATIENCE_S: Final = 5.0
"""Seconds to wait for what need not be generated."""
HANDSHAKE = RawRequest(
    method="GET",
    headers=(
        ("content-type", None),
        ("connection", "Upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlLWxhbXBzLWFyZS1ncg=="),
    ),
)


def turns(body: dict[str, Any]) -> tuple[SocketTurn, ...]:
    """The roles of `TURNS`, in order."""
    create = {"type": "response.create", "model": body["model"], "store": False} | token_cap("responses", CAP)
    return (
        SocketTurn(create | {"input": [{"type": "message", "role": "user", "content": "Say hello."}]}),
        SocketTurn(create | {"input": f"{MARKER_TEXT} Say hello."}),
        SocketTurn(create | {"input": "Say hello again."}, continues=1),
        SocketTurn(create | {"input": "Say hello again.", "previous_response_id": "resp_of_nobody"}),
        SocketTurn({"type": "response.of_nobody"}, patience_s=PATIENCE_S),
    )


def warming_up(body: dict[str, Any]) -> tuple[SocketTurn, ...]:
    """The second and the third turn of `TURNS`, the first of them as a warm-up."""
    _, second, continued, *_ = turns(body)
    return SocketTurn(second.event | {"generate": False}), continued._replace(continues=0)


def unlocked(body: dict[str, Any]) -> tuple[SocketTurn, ...]:
    """The first turn of `TURNS` alone."""
    return turns(body)[:1]


WEBSOCKET = Probe(
    kind=Kind.WEBSOCKET,
    purpose="A WebSocket handshake: a target need not offer this transport, and what accepts it must do so correctly.",
    api="responses",
    modes=("unary",),
    raw=HANDSHAKE,
    max_tokens=0,
)
CONVERSATIONS = (
    Probe(
        kind=Kind.WEBSOCKET,
        subject=TURNS,
        purpose="Five turns over one WebSocket: two new ones, a continuation, an unknown id, and an event of no API.",
        api="responses",
        modes=("unary",),
        raw=HANDSHAKE,
        build_turns=turns,
        suite="full",
        max_tokens=5 * CAP,
    ),
    Probe(
        kind=Kind.WEBSOCKET,
        subject=RECONNECT,
        purpose="A second WebSocket: it knows no response of the first, and forgets one whose continuation failed.",
        api="responses",
        modes=("unary",),
        follows=(Compare(Kind.WEBSOCKET, TURNS), Compare(Kind.COMPACT)),
        build_next=after_reconnecting,
        suite="full",
        max_tokens=5 * CAP,
    ),
    Probe(
        kind=Kind.WEBSOCKET,
        subject=WARM_UP,
        purpose="A warm-up over a WebSocket (`generate` is false), and a turn that continues it.",
        api="responses",
        modes=("unary",),
        raw=HANDSHAKE,
        build_turns=warming_up,
        suite="full",
        max_tokens=2 * CAP,
    ),
    Probe(
        kind=Kind.WEBSOCKET,
        subject=NO_KEY,
        purpose="A WebSocket without an API key, and a turn over it: one of them must be rejected.",
        api="responses",
        modes=("unary",),
        raw=structs.replace(HANDSHAKE, headers=(*HANDSHAKE.headers, *WITHOUT_KEY)),
        build_turns=unlocked,
        suite="full",
        max_tokens=CAP,
    ),
)
