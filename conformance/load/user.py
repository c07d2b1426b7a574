"""A virtual user: sends one request after the other over a connection that is kept, as a client does."""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Final, Protocol

import anyio

from conformance.apis.retry_after import retry_after_s
from conformance.load.arrivals import Arrivals
from conformance.load.mix import Mix
from conformance.model.exchange import Exchange, Request
from conformance.transport.clock import NANOSECONDS, now_ns
from conformance.transport.session import Session

PAUSE_S: Final = 0.5
"""How long a user waits after a refusal or without a connection, as the SDKs of OpenAI and of Anthropic do at least."""
REFUSALS: Final = (b"429", b"503", b"529")
STATUS: Final = slice(9, 12)
"""Where the status is in a response of HTTP/1.1."""


def delay_after(x: Exchange) -> float:
    """The seconds that a rejection says to wait; 0 for other responses, and where it does not say."""
    return (retry_after_s(x) or 0.0) if x.received[STATUS] in REFUSALS else 0.0


class Send(Protocol):
    """Sends requests."""

    async def __call__(self, session: Session, request: Request, late: int = 0) -> Exchange | None:
        """Send one that is `late` nanoseconds late, and pass the exchange on; None if it may not be sent."""


@dataclass(slots=True, kw_only=True, eq=False, repr=False)
class User:
    """A user of a load test. Each request follows the response to the last one, or with `arrivals` when it is due."""

    number: int
    mix: Mix
    send: Send
    open_session: Callable[[], Session]
    arrivals: Arrivals | None = None
    _leaving: anyio.Event = field(default_factory=anyio.Event)

    def leave(self) -> None:
        """Send nothing more; a response that is under way is still read."""
        self._leaving.set()

    async def run(self) -> None:
        """Send requests until told to leave, or until none may be sent."""
        async with self.open_session() as session:
            for turn in count():
                due_ns = await self._next_due()
                if self._leaving.is_set():
                    return
                late = max(0, now_ns() - due_ns) if due_ns is not None else 0
                x = await self.send(session, self.mix.request(self.number, turn), late)
                if x is None:
                    return
                if x.ending.how == "unreachable" or x.received[STATUS] in REFUSALS:
                    await self._wait(PAUSE_S)

    async def _next_due(self) -> int | None:
        """Wait until a request is due, and say since when; None without arrivals."""
        if self.arrivals is None:
            return None
        due_ns = self.arrivals.take()
        await self._wait((due_ns - now_ns()) / NANOSECONDS)
        if self._leaving.is_set():
            self.arrivals.give_back(due_ns)
        return due_ns

    async def _wait(self, seconds: float) -> None:
        """Wait so long, or until told to leave."""
        if seconds > 0:
            with anyio.move_on_after(seconds):
                await self._leaving.wait()
