"""The events of a stream that arrives in pieces of any length, and back to pieces."""

import re
import zlib
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any, Final

from conformance.parsing.json_text import NOT_JSON, parse_json
from conformance.parsing.sse import parse
from conformance.testbed.gateway.handling import GatewayReply, Pieces
from conformance.testbed.server.reply import Event, encode_event

Events = AsyncIterator[Event]
Body = dict[str, Any]

DONE: Final = "[DONE]"
GZIP: Final = 16 + zlib.MAX_WBITS
EOL: Final = rb"(?:\r\n|\n|\r(?!\n|\Z))"
BLOCK_END: Final = re.compile(EOL + EOL)
"""A blank line. A CR at the very end may be the first half of a CRLF, so it waits for the next piece."""


async def events_in(pieces: Pieces) -> Events:
    """The events of a stream, each as soon as its blank line has arrived. Raises OSError where upstream broke.

    The data of an event is a JSON value, or the text as it is where it is not JSON.
    """
    held = b""
    async for piece in pieces:
        held += piece
        while found := BLOCK_END.search(held):
            block, held = held[: found.end()], held[found.end() :]
            for event in _dispatched(block):
                yield event
    for event in _dispatched(held):
        yield event


def _dispatched(block: bytes) -> list[Event]:
    return [Event(data=_value(event.data), name=event.name or None) for event in parse(block).dispatched]


def _value(data: bytes) -> Any:
    value = parse_json(data)
    return data.decode("utf-8", "replace") if value is NOT_JSON else value


def inflated(reply: GatewayReply) -> GatewayReply:
    """The reply without its content coding, if that is gzip."""
    if reply.header("content-encoding").lower() != "gzip":
        return reply
    kept = tuple(item for item in reply.headers if item[0].lower() not in ("content-encoding", "content-length"))
    return replace(reply, headers=kept, body=_inflated(reply.body))


async def _inflated(pieces: Pieces) -> Pieces:
    """Raises OSError for what is not gzip."""
    inflating = zlib.decompressobj(wbits=GZIP)
    async for piece in pieces:
        try:
            yield inflating.decompress(piece)
        except zlib.error as error:
            raise ConnectionResetError(str(error)) from error


async def encoded(events: Events) -> Pieces:
    """The bytes of each event."""
    async for event in events:
        yield encode_event(event)


def typed(kind: str, **facts: Any) -> Event:
    """An event that is named after its type."""
    return Event(name=kind, data={"type": kind, **facts})
