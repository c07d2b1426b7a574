"""Upper bounds of what requests can cost, in tokens and in US dollars. Pure."""

from dataclasses import dataclass

from conformance.model.exchange import Request
from conformance.model.target import Target


def tokens_of(request: Request) -> int:
    """An upper bound of a request's tokens: a token has at least two bytes of the prompt, in practice four.

    White space around the body is not part of the prompt.
    """
    return _longest_prompt(request) // 3 + request.max_tokens


def cost_of(request: Request, target: Target) -> float | None:
    """An upper bound of a request's cost in US dollars, or None if no price is known."""
    prices = target.prices
    if prices.request is not None:
        return prices.request * max(1, len(request.turns))
    if prices.input is None or prices.output is None:
        return None
    return (_longest_prompt(request) / 3 * prices.input + request.max_tokens * prices.output) / 1e6


def _longest_prompt(request: Request) -> int:
    """Bytes that become prompts: the body, or the turns over a WebSocket, each of which may continue all before it."""
    return len(request.body.strip()) + len(request.turns) * sum(len(turn.event) for turn in request.turns)


@dataclass(slots=True, kw_only=True)
class Budget:
    """What a run may still send; None is no bound. No request is sent that could exceed one.

    `requests`, `tokens` and `cost` count what was sent. What `kept_back` counts is left for later.
    """

    target: Target
    max_requests: int | None = None
    max_tokens: int | None = None
    max_cost: float | None = None
    requests: int = 0
    tokens: int = 0
    cost: float = 0.0
    kept_back: "Budget | None" = None

    def count(self, request: Request) -> None:
        """Count a request that is sent."""
        self.requests += 1
        self.tokens += tokens_of(request)
        self.cost += cost_of(request, self.target) or 0.0

    def exceeded_by(self, request: Request) -> str:
        """The bound that a further request could exceed, or empty."""
        later = self.kept_back or Budget(target=self.target)
        requests, tokens = self.requests + later.requests + 1, self.tokens + later.tokens + tokens_of(request)
        cost = self.cost + later.cost + (cost_of(request, self.target) or 0.0)
        if self.max_requests is not None and requests > self.max_requests:
            return f"over --max-requests {self.max_requests}"
        if self.max_tokens is not None and tokens > self.max_tokens:
            return f"over --max-tokens {self.max_tokens}"
        if self.max_cost is not None and cost > self.max_cost:
            return f"over --max-cost {self.max_cost}"
        return ""
