"""Both sides of a gateway for the rules' good and bad examples."""

from dataclasses import replace
from typing import Any

from conformance.model.exchange import Exchange
from conformance.rules.example import answered, completion

NONCE = "qexampleexample2"
ASKED = {"model": "m", "messages": [{"role": "user", "content": f"Hi ({NONCE}:native-sse)"}], "max_tokens": 16}
"""The body of a request through a gateway."""


def both(client: Exchange, *upstream: Exchange) -> tuple[Exchange, ...]:
    """An exchange with a gateway, and those upstream, in order of arrival."""
    arrived = (
        replace(x, id=f"example.upstream-{at}", hop="upstream", nonce=NONCE, attempt=at)
        for at, x in enumerate(upstream, 1)
    )
    return (replace(client, nonce=NONCE), *arrived)


def forwarded(sent: Any, arrived: Any, probe: str = "chat.gateway.field") -> tuple[Exchange, ...]:
    """A request with one body, which arrived upstream with another; the answer is whole."""
    return both(answered(completion(), body=sent, probe=probe), answered(completion(), body=arrived, probe=probe))
