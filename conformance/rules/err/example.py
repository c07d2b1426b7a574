"""Error responses to an invalid request, for the examples."""

from typing import Any

from conformance.model.exchange import Exchange
from conformance.rules.example import answered, completion, error

MISTAKE: dict[str, Any] = {"probe": "chat.mistake.no-messages", "body": {"model": "m"}}
REFUSED = error("'messages' is missing.", param="messages", code="missing_required_parameter")
GOOD = answered(REFUSED, status=400, **MISTAKE)
BASELINE_RESPONSE = answered(completion())


def refused_with(**fields: Any) -> Exchange:
    """The good error response with other values in its error object."""
    return answered({"error": REFUSED["error"] | fields}, status=400, **MISTAKE)
