"""How the embedded gateway reads and rewrites the events of a stream: from pieces that are cut anywhere to events."""

import json
import re
import zlib
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

from conformance.testbed.gateway.handling import (
    Forward,
    GatewayReply,
    GatewayRequest,
    GatewayState,
    Handler,
    Pieces,
    with_body,
)
from conformance.testbed.gateway.handling import whole as whole_body
from conformance.testbed.server.body import parse
from conformance.testbed.server.reply import to_json

LINE_END: Final = re.compile(rb"\r\n|\r|\n")
ANY_CODING: Final = 47
"""zlib's window bits for gzip and deflate alike."""
BODY_FIELDS: Final = ("content-length", "content-encoding")


@dataclass(frozen=True, slots=True)
class StreamEvent:
    """One event: its data, and its name, if it has one."""

    data: bytes
    name: str = ""

    @property
    def json(self) -> Any:
        """The JSON value of the data, or None."""
        return parse(self.data).value

    @property
    def raw(self) -> bytes:
        """The event as bytes, each line of its data in a line of its own."""
        named = f"event: {self.name}\n".encode() if self.name else b""
        return named + b"".join(b"data: %b\n" % line for line in self.data.split(b"\n")) + b"\n"

    def with_json(self, value: Any) -> "StreamEvent":
        """The event with another value; a `type` in it is the event's name, if that has one."""
        kind = value.get("type") if isinstance(value, dict) and self.name else None
        return StreamEvent(to_json(value), kind or self.name)


Events = AsyncIterator[StreamEvent]
DONE: Final = StreamEvent(b"[DONE]")


async def events(pieces: Pieces) -> Events:
    """The events of a stream, whatever its line ends and wherever it is cut (WHATWG HTML, section 9.2)."""
    name, data = "", list[bytes]()
    async for line in lines(pieces):
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if not line:
            if data:
                yield StreamEvent(b"\n".join(data), name)
            name, data = "", []
        elif field == b"data":
            data.append(value)
        elif field == b"event":
            name = value.decode()


async def lines(pieces: Pieces) -> AsyncIterator[bytes]:
    """The complete lines of a stream, without their ends, and without a byte order mark before them."""
    rest, skips_lf, is_first = b"", False, True
    async for piece in pieces:
        found = rest + (piece[1:] if skips_lf and piece.startswith(b"\n") else piece)
        skips_lf = found.endswith(b"\r") or (skips_lf and not piece)
        *whole, rest = LINE_END.split(found)
        for line in whole:
            yield line.removeprefix(b"\xef\xbb\xbf") if is_first else line
            is_first = False


async def decoded(pieces: Pieces) -> Pieces:
    """The pieces without their compression. Raises OSError where they are corrupt, as where upstream broke."""
    inflate = zlib.decompressobj(ANY_CODING)
    try:
        async for piece in pieces:
            yield inflate.decompress(piece)
        yield inflate.flush()
    except zlib.error as error:
        raise ConnectionResetError(str(error)) from error


def content(reply: GatewayReply) -> Pieces:
    """The body without compression."""
    return decoded(reply.body) if reply.header("content-encoding") in ("gzip", "deflate") else reply.body


def rewritten(reply: GatewayReply, body: Pieces) -> GatewayReply:
    """The reply with another body, whose length is unknown."""
    return replace(reply, body=body, headers=tuple(h for h in reply.headers if h[0].lower() not in BODY_FIELDS))


def is_stream(reply: GatewayReply) -> bool:
    """Whether a reply is a successful event stream, by its label."""
    return reply.status == 200 and reply.header("content-type").lower().startswith("text/event-stream")


async def written(found: Events) -> Pieces:
    """Events as bytes, one piece each."""
    async for event in found:
        yield event.raw


def on_events(edit: Callable[[Events], Events]) -> Handler:
    """Edit the events of each successful stream, which is read and written anew."""

    async def handle(request: GatewayRequest, forward: Forward, _state: GatewayState) -> GatewayReply:
        reply = await forward(request)
        return rewritten(reply, written(edit(events(content(reply))))) if is_stream(reply) else reply

    return handle


def each_event(edit: Callable[[Any], Iterable[Any]]) -> Handler:
    """Edit the JSON value of each event into any number of values; other events pass as they are."""

    async def edited(found: Events) -> Events:
        async for event in found:
            if event.json is None:
                yield event
                continue
            for value in edit(event.json):
                yield event.with_json(value)

    return on_events(edited)


def on_whole(edit: Callable[[dict[str, Any]], dict[str, Any]]) -> Handler:
    """Edit the JSON object of each successful reply without a stream."""

    async def handle(request: GatewayRequest, forward: Forward, _state: GatewayState) -> GatewayReply:
        reply = await forward(request)
        if reply.status != 200 or is_stream(reply):
            return reply
        raw = await whole_body(content(reply))
        value = parse(raw).value
        kept = replace(reply, headers=tuple(h for h in reply.headers if h[0].lower() != "content-encoding"))
        return with_body(kept, to_json(edit(value)) if isinstance(value, dict) else raw)

    return handle


def both(first: Handler, second: Handler) -> Handler:
    """Two handlers, the second of which is nearer to the upstream."""

    async def handle(request: GatewayRequest, forward: Forward, state: GatewayState) -> GatewayReply:
        return await first(request, lambda forwarded: second(forwarded, forward, state), state)

    return handle


def spelt_anew(value: Any) -> bytes:
    """JSON with other spaces, another order of members, and escapes."""
    return json.dumps(value, sort_keys=True).encode()
