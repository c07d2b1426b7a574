"""Building blocks of the SSE rules' examples."""

import json

from conformance.model.exchange import Exchange
from conformance.rules.example import CLOSED, HELLO, SSE, exchange, http, sse, streamed

GOOD = streamed(*HELLO)
EVENTS = sse(*HELLO)
CHUNK_JSON = json.dumps(HELLO[1])


def raw(body: bytes | str, *, headers: tuple[tuple[str, str], ...] = (SSE,), probe: str = "chat.hello") -> Exchange:
    """A stream of these bytes."""
    raw = body.encode() if isinstance(body, str) else body
    return exchange(http(200, headers, raw), probe=probe, ending=CLOSED)


def named(*types: str, name: str | None = None) -> bytes:
    """Messages API events, each named after its type, or all with one name."""
    return b"".join(f'event: {name or kind}\ndata: {{"type": "{kind}"}}\n\n'.encode() for kind in types)


MESSAGES = named("message_start", "ping", "content_block_delta", "message_stop")
GOOD_MESSAGES = raw(MESSAGES, probe="messages.hello")
