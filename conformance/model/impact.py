"""The impact: what the user of one framework would see for an exchange, and its cost."""

from typing import Literal

import msgspec

from conformance.model.case import Kind
from conformance.model.words import Mode

Outcome = Literal[
    "text",
    "text+",
    "partial_text",
    "empty_silent",
    "exception",
    "partial_text+exception",
    "hang",
    "tool_ok",
    "tool_bad",
]


class Impact(msgspec.Struct, frozen=True, kw_only=True):
    """How one framework would handle a response.

    `requests` and `billed` count the requests of one user message; `wasted_usd` is the cost of its retries, `cost_usd`
    its total cost (None if no price is known), and both again per day (None if the number of messages is unknown).
    `detail` is one sentence: what the user sees and why. `error` is the message as the user would read it.
    `uncertain`: the outcome depends on more than the bytes, as on a clock, or on how they are split into reads.
    Behind a gateway, `upstream_requests` counts those that it sends upstream for the client's; `billed` and the costs
    are then those of the successful ones there. None: there is no gateway.
    """

    profile: str
    client: str
    probe: str
    mode: Mode
    outcome: Outcome
    requests: int
    billed: int
    wasted_usd: float | None = None
    cost_usd: float | None = None
    wasted_usd_day: float | None = None
    cost_usd_day: float | None = None
    estimated: bool = False
    uncertain: bool = False
    detail: str = ""
    error: str = ""
    upstream_requests: int | None = None

    @property
    def is_of_failure(self) -> bool:
        """Whether a gateway's upstream failed on purpose, so that no response could be delivered at first."""
        return f".{Kind.GATEWAY_FAULT}." in self.probe

    @property
    def delivered(self) -> bool:
        """Whether the user gets the complete response, once."""
        return self.outcome in ("text", "tool_ok")
