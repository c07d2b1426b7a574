"""Upper bounds of what a request can cost, in tokens and in US dollars. Pure."""

from conformance.model.exchange import Request
from conformance.model.target import Target


def tokens_of(request: Request) -> int:
    """An upper bound of a request's tokens: a token has at least two bytes of the prompt, in practice four.

    White space around the body is not part of the prompt.
    """
    return len(request.body.strip()) // 3 + request.max_tokens


def cost_of(request: Request, target: Target) -> float | None:
    """An upper bound of a request's cost in US dollars, or None if no price is known."""
    prices = target.prices
    if prices.request is not None:
        return prices.request
    if prices.input is None or prices.output is None:
        return None
    return (len(request.body.strip()) / 3 * prices.input + request.max_tokens * prices.output) / 1e6
