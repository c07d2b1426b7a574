"""Errors for unsupported streaming, with the non-streaming response, for the examples."""

from typing import Any

from conformance.model.exchange import Exchange
from conformance.rules.example import JSON, Headers, answered, completion, error
from conformance.rules.nyi.spec import CODE

WORDS = "Streaming is not supported here yet. Set stream=false."
NO_RETRY = ("x-should-retry", "false")
SAID = error(WORDS, param="stream", code=CODE)
ANSWER = answered(completion())


def rejection(
    value: Any = SAID, status: int = 501, headers: Headers = (JSON, NO_RETRY), **facts: Any
) -> tuple[Exchange, Exchange]:
    """An error for unsupported streaming, and the response to the same request without `stream`."""
    return answered(value, status=status, headers=headers, mode="stream", **facts), ANSWER


GOOD = rejection()
MESSAGES = {"type": "error", "error": {"type": "api_error", "message": WORDS}}
GOOD_MESSAGES = (
    answered(MESSAGES, status=501, headers=(JSON, NO_RETRY), mode="stream", probe="messages.hello"),
    answered(completion(), probe="messages.hello"),
)
