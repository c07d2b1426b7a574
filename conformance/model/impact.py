"""The impact: what one framework's user would see for an exchange, and what it would cost."""

from typing import Literal

import msgspec

from conformance.model.exchange import Mode

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
    """What one framework would make of a reply.

    `requests` and `billed` count the requests of one user message; `wasted_usd` is what its retries cost, `cost_usd`
    what the message cost in all (None where no price is known), and both again for a day of messages (None where
    nobody said how many). `delivered` tells whether the user sees the answer.
    `detail` is one sentence: what the user sees and why. `error` is the message as the user would read it.
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
    detail: str = ""
    error: str = ""

    @property
    def delivered(self) -> bool:
        """Whether the user gets the whole answer, once."""
        return self.outcome in ("text", "tool_ok")
