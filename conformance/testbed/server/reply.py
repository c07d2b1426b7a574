"""What the embedded server sends: a response as content, and the reply as bytes and delays."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from conformance.model.target import Policy
from conformance.model.words import CONVERSATIONAL, Api, Mode

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reasoning:
    """How many tokens the model generates before the first visible one, and what the response shows of them.

    `field` names their text in chat messages and deltas. `is_text`: reasoning items and thinking blocks contain it.
    `is_sealed`: reasoning items have `encrypted_content`. `is_redacted`: it is in a redacted_thinking block.
    """

    tokens: int = 0
    field: str = ""
    is_text: bool = False
    is_sealed: bool = False
    is_redacted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerRequest:
    """A request as the server sees it. `json` is the parsed body, or None where it is not JSON.

    Header names are in lower case. `id` is unique per server; `at` is the Unix second in which the request was read, so
    that the response is a pure function of it. `disconnects` counts earlier client disconnects, `running` the other
    requests in progress, `peak` the most that ever were, `earlier` the earlier requests on the same connection.
    `neighbour` is the request that came before this one, if any is in progress. `reasoning` is what the model does
    before it responds.
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
    disconnects: int = 0
    running: int = 0
    peak: int = 0
    earlier: int = 0
    neighbour: "ServerRequest | None" = None
    reasoning: Reasoning = Reasoning()

    @property
    def mode(self) -> Mode:
        """`stream` if the body sets `stream: true`."""
        return "stream" if isinstance(self.json, dict) and self.json.get("stream") is True else "unary"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event of a stream: its payload (a JSON value, or text sent as it is), name, and the delay before it."""

    data: Any
    name: str | None = None
    wait_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelResponse:
    """A response as content: one JSON value, or the events of a stream.

    `wait_s` is the delay before a non-streaming response, as long as the model takes to generate it. `text` is plain
    text instead of JSON.
    """

    status: int = 200
    headers: Headers = ()
    whole: Any = None
    text: str | None = None
    events: tuple[Event, ...] | None = None
    wait_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """Bytes that are written together, after a delay."""

    data: bytes
    wait_s: float = 0.0


class SocketReply(NamedTuple):
    """What is written after a message over a WebSocket; `closes`: and then the connection is closed."""

    pieces: tuple[Write, ...] = ()
    closes: bool = False


Converse = Callable[[tuple[str, ...]], SocketReply]
"""What is written after the last of all messages that the client has sent over a WebSocket."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WireResponse:
    """The bytes that are sent.

    `framing` is how the body is delimited, `end` what happens after it: `clean` is normal HTTP; `abort` closes the
    connection without the last chunk or bytes; `reset` resets it; `hold` keeps it open for `hold_s` with the reply
    unfinished, then closes it. When the client disconnects, the server continues for `ignore_disconnect_s`;
    `ends_with_others`: the reply is cut when another client disconnects. An unfinished reply lacks its last chunk, or
    the last byte of its Content-Length. `head` replaces the status line and headers by raw bytes. The headers are sent
    with the first piece, after that piece's delay; an empty first piece sends them alone. `after` follows a clean end,
    and then the connection is closed. `converse`: the connection becomes a WebSocket.
    """

    status: int
    headers: Headers
    pieces: tuple[Write, ...]
    framing: Literal["length", "chunked", "close"] = "length"
    end: Literal["clean", "abort", "reset", "hold"] = "clean"
    hold_s: float = 0.0
    head: bytes | None = None
    after: bytes = b""
    ignore_disconnect_s: float = 0.0
    ends_with_others: bool = False
    converse: Converse | None = None


def to_json(value: Any) -> bytes:
    """JSON as the APIs write it: compact, UTF-8."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def encode_event(event: Event) -> bytes:
    """One event as bytes."""
    data = event.data.encode() if isinstance(event.data, str) else to_json(event.data)
    name = f"event: {event.name}\n".encode() if event.name else b""
    return name + b"data: " + data + b"\n\n"


def to_reply(response: ModelResponse) -> WireResponse:
    """The bytes of a response: JSON with Content-Length, or a chunked event stream with one piece per event."""
    if response.text is not None:
        headers = (("content-type", "text/plain; charset=utf-8"), *response.headers)
        return WireResponse(status=response.status, headers=headers, pieces=(Write(data=response.text.encode()),))
    if response.events is None:
        headers = (("content-type", "application/json"), *response.headers)
        return WireResponse(
            status=response.status,
            headers=headers,
            pieces=(Write(data=to_json(response.whole), wait_s=response.wait_s),),
        )
    headers = (("content-type", "text/event-stream; charset=utf-8"), ("cache-control", "no-cache"), *response.headers)
    pieces = tuple(Write(data=encode_event(e), wait_s=e.wait_s) for e in response.events)
    return WireResponse(status=response.status, headers=headers, pieces=pieces, framing="chunked")


OnRequest = Callable[[ServerRequest], ServerRequest]
OnResponse = Callable[[ModelResponse, ServerRequest], ModelResponse]
OnWire = Callable[[WireResponse, ServerRequest], WireResponse]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutation:
    """A planted defect or a legal variant: one change to a correct deployment's request, response or reply.

    `caught_by` is the ID of the rule that must catch a defect; empty for a legal variant. `on` names the deployment
    that it changes, `policy` that deployment's policy (None: its usual one). `apis` are those whose
    requests show it. `on_request` changes the request before it is read (this is how a field is silently ignored),
    `on_response` changes the content, `on_wire` the bytes. `needs_tcp`: it resets connections, which no other kind of
    socket does.
    """

    name: str
    title: str
    caught_by: str = ""
    on: str = "native-sse"
    policy: Policy | None = None
    apis: tuple[Api, ...] = CONVERSATIONAL
    needs_tcp: bool = False
    on_request: OnRequest | None = None
    on_response: OnResponse | None = None
    on_wire: OnWire | None = None
