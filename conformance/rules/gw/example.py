"""Both sides of a gateway for the rules' good and bad examples."""

from dataclasses import replace
from typing import Any

from conformance.model.exchange import Exchange
from conformance.rules.example import answered, completion

NONCE = "qexampleexample2"
OTHER_NONCE = "qexampleexample3"
ASKED: dict[str, Any] = {
    "model": "m",
    "messages": [{"role": "user", "content": f"Hi ({NONCE}:native-sse)"}],
    "max_tokens": 16,
}
"""The body of a request through a gateway."""


def both(client: Exchange, *upstream: Exchange) -> tuple[Exchange, ...]:
    """An exchange with a gateway, and those upstream, in order of arrival."""
    arrived = (
        replace(x, id=f"example.upstream-{at}", hop="upstream", nonce=NONCE, attempt=at)
        for at, x in enumerate(upstream, 1)
    )
    return (replace(client, nonce=NONCE), *arrived)


def forwarded(sent: Any, arrived: Any, probe: str = "chat.gateway.field") -> tuple[Exchange, ...]:
    """A request with one body, which arrived upstream with another; the response is complete."""
    return both(answered(completion(), body=sent, probe=probe), answered(completion(), body=arrived, probe=probe))


def forwarded_text(sent: str, arrived: str, probe: str = "chat.gateway.field") -> tuple[Exchange, ...]:
    """The same with bodies as they are written."""
    return both(*(with_request(answered(completion(), probe=probe), text) for text in (sent, arrived)))


def with_request(x: Exchange, body: str) -> Exchange:
    """The exchange with another request body, as it is written."""
    payload = body.encode()
    head = f"POST /v1/x HTTP/1.1\r\nHost: example\r\nContent-Length: {len(payload)}\r\n\r\n".encode()
    return replace(x, sent=head + payload, cache={})
