"""When a rule on the HTTP message applies."""

from conformance.model.exchange import Exchange
from conformance.model.verdict import Skip, not_applicable, untestable
from conformance.parsing.http1 import reply
from conformance.rules.conditions import replied, succeeded


def tried(x: Exchange) -> Skip | None:
    """The target was reached, and the user let the exchange end."""
    if x.ending.how in ("unreachable", "interrupted"):
        return untestable(f"the exchange ended too early ({x.ending.how}{x.ending.detail and ': ' + x.ending.detail})")
    return None


def heard(x: Exchange) -> Skip | None:
    """Something came back, and the harness read it to its end."""
    if skip := tried(x):
        return skip
    if x.ending.how == "limit":
        return untestable(f"the harness stopped reading at a bound: {x.ending.detail}")
    return None if x.heard else untestable("nothing came back")


def has_body(x: Exchange) -> Skip | None:
    """A reply with a body came."""
    return replied(x) or (None if reply(x).raw else not_applicable("the reply has no body"))


def posted(x: Exchange) -> Skip | None:
    """A question was posted, and a success came back."""
    return succeeded(x) or (None if x.sent.startswith(b"POST ") else not_applicable("nothing was posted"))
