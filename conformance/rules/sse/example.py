"""What the SSE rules' examples are made of."""

import json

from conformance.model.exchange import Exchange
from conformance.rules.example import CLOSED, HELLO, SSE, exchange, http, sse, streamed

GOOD = streamed(*HELLO)
EVENTS = sse(*HELLO)
ONE = json.dumps(HELLO[1])


def raw(body: bytes | str, *, headers: tuple[tuple[str, str], ...] = (SSE,), probe: str = "chat.hello") -> Exchange:
    """A stream of these octets."""
    octets = body.encode() if isinstance(body, str) else body
    return exchange(http(200, headers, octets), probe=probe, ending=CLOSED)


def named(*types: str, name: str | None = None) -> bytes:
    """Events of the Messages API, each named after its type, or all by one name."""
    return b"".join(f'event: {name or kind}\ndata: {{"type": "{kind}"}}\n\n'.encode() for kind in types)


MESSAGES = named("message_start", "ping", "content_block_delta", "message_stop")
GOOD_MESSAGES = raw(MESSAGES, probe="messages.hello")
