"""Exchanges that are received and not yet judged: passed on in batches, and bounded in memory."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

import anyio

from conformance.load.sampled import Sampled
from conformance.load.sampling_process import Due

BATCH: Final = 64
"""Exchanges that are passed on together, at most."""
COLLECT_S: Final = 0.05
"""How long exchanges are collected: each batch has a cost of its own."""
HURRY_AT: Final = 8 * 1024 * 1024
"""Bytes that wait from which only responses are judged that look unlike all before."""
HOLD_AT: Final = 32 * 1024 * 1024
"""Bytes that wait from which no request is sent: memory is bounded, whatever the target sends."""


class SampleTaker(Protocol):
    """Takes samples of exchanges."""

    async def ready(self) -> None:
        """Wait until it can begin."""

    async def take(self, due: Sequence[Due], *, is_hurried: bool = False) -> list[Sampled]:
        """The samples, in the same order."""


@dataclass(slots=True, kw_only=True, repr=False, eq=False)
class Outbox:
    """Exchanges on their way to the samples. `on_sampled` gets each sample, in order."""

    sampling: SampleTaker
    on_sampled: Callable[[Sampled], None]
    bytes_waiting: int = 0
    has_held: bool = False
    """Whether a sender had to wait for room since this was last reset."""
    _due: deque[Due] = field(default_factory=deque)
    _changed: anyio.Event = field(default_factory=anyio.Event)
    _in_hand: int = 0
    _is_over: bool = False

    def put(self, due: Due) -> None:
        """Pass on an exchange, later."""
        self._due.append(due)
        self.bytes_waiting += _size(due)
        self._notify()

    async def room(self) -> None:
        """Wait until there is room for another exchange."""
        while self.bytes_waiting > HOLD_AT:
            self.has_held = True
            await self._changed.wait()

    async def emptied(self) -> None:
        """Wait until the samples of all exchanges are taken, or none will be any more."""
        while (self._due or self._in_hand) and not self._is_over:
            await self._changed.wait()

    async def run(self) -> None:
        """Pass exchanges on until cancelled. Raises BrokenExecutor if the process that takes samples is gone."""
        try:
            while True:
                await self._pass_on()
        finally:
            self._is_over = True
            self._notify()

    async def _pass_on(self) -> None:
        while not self._due:
            await self._changed.wait()
        if len(self._due) < BATCH:
            await anyio.sleep(COLLECT_S)
        batch = [self._due.popleft() for _ in range(min(BATCH, len(self._due)))]
        self._in_hand = len(batch)
        for sampled in await self.sampling.take(batch, is_hurried=self.bytes_waiting > HURRY_AT):
            self.on_sampled(sampled)
        self._in_hand = 0
        self.bytes_waiting -= sum(map(_size, batch))
        self._notify()

    def _notify(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()


def _size(due: Due) -> int:
    return len(due.exchange.sent) + len(due.exchange.received) + 64 * len(due.exchange.arrivals)
