"""What the embedded server will put on the wire: an answer as meaning, and the reply as octets and pauses."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from conformance.model.exchange import Api, Mode
from conformance.model.target import Policy

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request as the server sees it. `json` is the parsed body, or None where it is not JSON.

    Header names are in lower case. `id` tells the server's requests apart and `at` is the Unix second in which this
    one was read, so that the answer to it is a pure function. `hang_ups` counts the clients that hung up on the server
    before, `running` the other answers that it is making, `earlier` the requests on the same connection before.
    """

    method: str
    path: str
    query: str
    headers: Headers
    body: bytes
    json: Any
    api: Api | None
    id: str = "0"
    at: int = 0
    hang_ups: int = 0
    running: int = 0
    earlier: int = 0

    @property
    def mode(self) -> Mode:
        """`stream` where the body says `stream: true`."""
        return "stream" if isinstance(self.json, dict) and self.json.get("stream") is True else "unary"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event of a stream to come: its payload (a JSON value, or text as it stands), name, and pause before it."""

    data: Any
    name: str | None = None
    wait_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the server means to say: one JSON value, or the events of a stream.

    `wait_s` is the pause before a whole answer, as long as the model takes to make it. `text` is plain text
    in the place of JSON.
    """

    status: int = 200
    headers: Headers = ()
    whole: Any = None
    text: str | None = None
    events: tuple[Event, ...] | None = None
    wait_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Octets that are written together, after a pause."""

    octets: bytes
    wait_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What goes over the connection.

    `framing` chooses how the body is delimited; `end` what happens then: `clean` as HTTP wants it, `abort` the
    connection is closed without the last chunk or octets, `reset` it is reset, `hold` it is kept open for `hold_s`
    with the reply unfinished and then closed. When the client hangs up, the reply is given up after `deaf_s` more. An
    unfinished reply lacks its last chunk, or the last octet of its length. `head` replaces status line and headers by
    octets of its own. The head leaves together with the first piece, after that piece's pause; an empty first piece
    sends the head alone. `after` follows a clean end, and then the connection is closed.
    """

    status: int
    headers: Headers
    pieces: tuple[Piece, ...]
    framing: Literal["length", "chunked", "close"] = "length"
    end: Literal["clean", "abort", "reset", "hold"] = "clean"
    hold_s: float = 0.0
    head: bytes | None = None
    after: bytes = b""
    deaf_s: float = 0.0


def to_json(value: Any) -> bytes:
    """JSON as the APIs write it: compact, UTF-8."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def encode_event(event: Event) -> bytes:
    """One event as octets."""
    data = event.data.encode() if isinstance(event.data, str) else to_json(event.data)
    name = f"event: {event.name}\n".encode() if event.name else b""
    return name + b"data: " + data + b"\n\n"


def to_reply(answer: Answer) -> Reply:
    """The octets of an answer: JSON with its length, or an event stream in chunks, one piece an event."""
    if answer.text is not None:
        headers = (("content-type", "text/plain; charset=utf-8"), *answer.headers)
        return Reply(status=answer.status, headers=headers, pieces=(Piece(octets=answer.text.encode()),))
    if answer.events is None:
        headers = (("content-type", "application/json"), *answer.headers)
        return Reply(
            status=answer.status, headers=headers, pieces=(Piece(octets=to_json(answer.whole), wait_s=answer.wait_s),)
        )
    headers = (("content-type", "text/event-stream; charset=utf-8"), ("cache-control", "no-cache"), *answer.headers)
    pieces = tuple(Piece(octets=encode_event(e), wait_s=e.wait_s) for e in answer.events)
    return Reply(status=answer.status, headers=headers, pieces=pieces, framing="chunked")


Ask = Callable[[Asked], Asked]
OnAnswer = Callable[[Answer, Asked], Answer]
OnReply = Callable[[Reply, Asked], Reply]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A planted defect, or a legal variant: one change to what a good deployment reads, says or writes.

    `caught_by` is the ID of the rule that must catch a defect; nothing for a legal variant. `on` names the deployment
    that it changes, `policy` what that deployment's owner promises (none: what is usual for it). `asked` changes the
    request before it is read (this is how a field is dropped), `answer` changes the meaning, `reply` the octets.
    `needs_tcp`: it resets connections, which no other kind of socket does.
    """

    name: str
    title: str
    caught_by: str = ""
    on: str = "native-sse"
    policy: Policy | None = None
    needs_tcp: bool = False
    asked: Ask | None = None
    answer: OnAnswer | None = None
    reply: OnReply | None = None
