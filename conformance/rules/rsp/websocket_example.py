"""Conversations over a WebSocket, for the rules' examples."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from conformance.apis.websocket import TURNS, turn
from conformance.model.exchange import Ending, Exchange
from conformance.parsing.http1 import SWITCHING
from conformance.parsing.json_values import Object
from conformance.parsing.websocket import frame
from conformance.rules.example import CLOSED, Headers, as_json, exchange, http
from conformance.rules.rsp.example import state, text

KEY: Final = ("sec-websocket-key", "dGhlLWxhbXBzLWFyZS1ncg==")
ACCEPTED: Final = "OACtaThkj+GWp4zORarYhh4YDMQ="
"""The Sec-WebSocket-Accept of that key."""
OPEN: Final = Ending("timeout", "body", 0)
"""The harness gave up waiting."""
NO_MASK: Final = bytes(4)
Said = tuple[Object, Sequence[bytes]]
"""A turn: what the client sends, and the bytes that the server answers with."""


def handshake(
    accept: str,
    upgrade: str = "websocket",
    connection: str = "Upgrade",
    *,
    more: Headers = (),
    subject: str = "",
    rest: bytes = b"",
) -> Exchange:
    """A handshake that is accepted with these headers; those that are empty are missing."""
    named: Headers = (("upgrade", upgrade), ("connection", connection), ("sec-websocket-accept", accept), *more)
    received = http(SWITCHING, [(name, value) for name, value in named if value], rest, length=False)
    probe = f"responses.websocket.{subject}" if subject else "responses.websocket"
    x = exchange(received, mode="unary", probe=probe)
    head = f"GET /v1/responses HTTP/1.1\r\nHost: example\r\nUpgrade: websocket\r\n{KEY[0]}: {KEY[1]}\r\n\r\n"
    return replace(x, sent=head.encode())


def conversation(*turns: Said, subject: str = TURNS, ending: Ending = CLOSED) -> Exchange:
    """A conversation with these turns, in the order of their roles."""
    x = handshake(ACCEPTED, subject=subject, rest=b"".join(part for _, answer in turns for part in answer))
    sent = b"".join(frame(as_json(event).encode(), mask=NO_MASK) for event, _ in turns)
    return replace(x, sent=x.sent + sent, ending=ending)


def create(**fields: Any) -> Object:
    """The event that begins a turn."""
    return {"type": "response.create", "model": "m", "store": False, "input": "Hi"} | fields


def messages(*values: Any) -> list[bytes]:
    """Values as messages, each a text frame; dictionaries are numbered as the events of one response."""
    numbered = ({"sequence_number": n} | value if isinstance(value, dict) else value for n, value in enumerate(values))
    return [frame((value if isinstance(value, str) else as_json(value)).encode()) for value in numbered]


def answered(name: str = "resp_1", **changes: Any) -> list[bytes]:
    """A complete response with this id."""
    facts = {"id": name} | changes
    opening = {key: value for key, value in facts.items() if key == "id"}
    return messages(state("created", **opening), *text("Hi", " there"), state("completed", **facts))


def refused(code: str | None, status: int | None = 400) -> list[bytes]:
    """An error event with this code and status."""
    error = {"type": "invalid_request_error", "code": code, "message": "No.", "param": None}
    return messages({"type": "error", "error": error} | ({} if status is None else {"status": status}))


def one_turn(role: str, *turns: Said, ending: Ending = CLOSED) -> Exchange:
    """One turn of a conversation. Raises ValueError if the conversation does not get as far."""
    found = turn(conversation(*turns, ending=ending), role)
    if found is None:
        raise ValueError(role)
    return found
