"""The client: one version of a framework or SDK, and how it handles a response."""

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from conformance.clients.turn import DecodedResponse
from conformance.model.exchange import Exchange
from conformance.model.impact import Outcome
from conformance.model.words import MODES, Api, Mode


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """One user message as the client handles it, retries included.

    `exchanges` has the exchange of each request in order, None where that request was not recorded. `cause` and
    `user_effect` are clauses: how the client handles the response, and what its user sees, where that does not follow
    from `turn`, the last response as the client read it. The request that carries a tool's result is not counted.
    `uncertain`: the outcome depends on more than the bytes, as on a clock, or on how they are split into reads.
    """

    outcome: Outcome
    exchanges: tuple[Exchange | None, ...]
    turn: DecodedResponse
    cause: str = ""
    user_effect: str = ""
    error: str = ""
    uncertain: bool = False


class Client(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a framework or SDK. `simulate` runs it on an exchange (and a unary one to fall back on).

    `modes`: those in which it reads responses; some never ask for a stream.
    """

    profile: str
    name: str
    version: str
    api: Api
    modes: tuple[Mode, ...] = MODES
    simulate: Callable[[Exchange, Exchange | None], Simulation]

    def reads(self, x: Exchange) -> bool:
        """Whether it may get such a response: of its API, in one of its modes."""
        return self.api == x.api and x.mode in self.modes
