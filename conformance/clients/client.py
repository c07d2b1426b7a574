"""The client: one version of a framework or SDK, and what it would do with a reply."""

from collections.abc import Callable
from dataclasses import dataclass

from conformance.clients.turn import Turn
from conformance.model.exchange import Api, Exchange
from conformance.model.impact import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Play:
    """One user message played through.

    `asked` has the reply to each request in order, None where the recording has no reply to that request. `why` and
    `sees` say in clauses what the client takes the reply for and what its user sees, where that does not follow from
    `turn`, the last reply as the client read it. The request that carries a tool's result is not counted.
    """

    outcome: Outcome
    asked: tuple[Exchange | None, ...]
    turn: Turn
    why: str = ""
    sees: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """One version of a framework or SDK. `play` tells what it does with a reply (and a unary one to fall back on)."""

    profile: str
    name: str
    version: str
    api: Api
    play: Callable[[Exchange, Exchange | None], Play]
