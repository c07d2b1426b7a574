"""The header fields that a gateway passes on: none of one connection, and not the client's own where it has a key."""

from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Final

from conformance.testbed.gateway.handling import GatewayRequest
from conformance.testbed.server.reply import Headers

HOP_BY_HOP: Final = frozenset(
    (
        *("connection", "keep-alive", "proxy-authorization", "proxy-connection"),
        *("te", "trailer", "transfer-encoding", "upgrade"),
    )
)
"""Fields that belong to one connection (RFC 9110, section 7.6.1)."""
MEANT_FOR_THE_MODEL: Final = (
    *("accept", "accept-*", "content-*", "user-agent", "x-stainless-*", "anthropic-*", "openai-beta"),
    *("traceparent", "tracestate", "idempotency-key", "x-request-id"),
)
"""What a gateway with a key of its own forwards: the fields that describe the content, the API's and the trace's."""


def without_hops(headers: Headers) -> Headers:
    """The fields of a message that go on to the next connection."""
    named = {
        option.strip().lower() for name, value in headers if name.lower() == "connection" for option in value.split(",")
    }
    return tuple(item for item in headers if item[0].lower() not in HOP_BY_HOP | named)


def for_upstream(request: GatewayRequest, key: str) -> GatewayRequest:
    """The request with the upstream's credential; with all of the client's, if the gateway has none of its own.

    Of the fields that the client sent, those go on that are meant for the model; what a change adds goes on, too.
    """
    if not key:
        return request
    path = request.target.partition("?")[0]  # the query may hold a credential
    own = ("x-api-key", key) if "/messages" in path else ("authorization", f"Bearer {key}")
    kept = (item for item in request.headers if item not in request.received or _is_for_the_model(item[0]))
    return replace(request, target=path, headers=(*kept, own))


def _is_for_the_model(name: str) -> bool:
    return any(fnmatchcase(name.lower(), pattern) for pattern in MEANT_FOR_THE_MODEL)
