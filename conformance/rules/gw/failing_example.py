"""Both sides of a gateway whose upstream fails, for the rules' examples."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from conformance.model.exchange import Ending, Exchange, Origin
from conformance.rules.example import JSON, Headers, answered, completion, error, exchange, http

FAULT = "chat.gateway.fault.example"
UNREACHABLE = "chat.gateway.fault.connection-refused"
SAID = error("Overloaded, come back.", "overloaded", code="engine_overloaded")
OWN = error("The upstream can't be reached.", "server_error", code="bad_gateway")
"""A gateway's own error."""
GOOD = answered(completion(), probe=FAULT)
LOST = exchange(b"", mode="unary", probe=FAULT, ending=Ending("closed", "first-byte", 2_000_000))


def refused(status: int = 503, value: Any = SAID, headers: Headers = (JSON,), probe: str = FAULT) -> Exchange:
    """A refusal, on either side."""
    return answered(value, status=status, headers=headers, probe=probe)


def limited(*headers: tuple[str, str], status: int = 429) -> Exchange:
    """A refusal with a rate limit's headers."""
    return refused(status, headers=(JSON, *headers))


def error_with(**fields: Any) -> Any:
    """The upstream's error with other fields."""
    return {"error": SAID["error"] | fields}


def at(began_ms: int, x: Exchange) -> Exchange:
    """An exchange that began at this time."""
    return replace(x, began_ns=began_ms * 1_000_000)


def elsewhere(x: Exchange) -> Exchange:
    """An exchange with the second upstream."""
    return replace(x, origin=Origin(host="upstream 2"))


def begun(status: int, body: bytes, headers: Sequence[tuple[str, str]] = (JSON,)) -> Exchange:
    """A response of which only this much arrived."""
    received = http(status, headers, body + b" ")[:-1]
    return exchange(received, mode="unary", probe=FAULT, ending=Ending("closed", "body", 2_000_000))
