"""Conditions for rules on the HTTP message."""

from conformance.model.exchange import Exchange
from conformance.model.verdict import NotJudged, not_applicable, untestable
from conformance.parsing.http1 import reply
from conformance.rules.conditions import replied, succeeded, validly_requested


def tried(x: Exchange) -> NotJudged | None:
    """The target was reached, and the user did not interrupt the exchange."""
    if x.ending.how in ("unreachable", "interrupted"):
        return untestable(f"the exchange ended too early ({x.ending.how}{x.ending.detail and ': ' + x.ending.detail})")
    return None


def received(x: Exchange) -> NotJudged | None:
    """Bytes were received, and no size limit stopped the harness."""
    if skip := tried(x):
        return skip
    if x.ending.how == "limit":
        return untestable(f"the harness stopped reading at a size limit: {x.ending.detail}")
    return None if x.received else untestable("no bytes were received")


def has_body(x: Exchange) -> NotJudged | None:
    """A response with a body was received."""
    return replied(x) or (None if reply(x).raw else not_applicable("the response body is empty"))


def posted(x: Exchange) -> NotJudged | None:
    """The request is a valid POST, and the response has a 2xx status."""
    return (
        succeeded(x)
        or validly_requested(x)
        or (None if x.sent.startswith(b"POST ") else not_applicable("the request is not a POST"))
    )
