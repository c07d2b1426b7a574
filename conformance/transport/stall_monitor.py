"""Detect stalls of the harness itself, so that they are not attributed to the target."""

from collections import deque
from collections.abc import Iterator
from itertools import takewhile

import anyio

from conformance.transport.clock import NANOSECONDS, now_ns

TICK_NS = 5_000_000
LEAST_NS = 10_000_000
MOST_KEPT = 1000
"""Stalls that are remembered: a proxy records for days."""


class StallMonitor:
    """Ticks while exchanges are under way. A late tick means that nothing was read meanwhile."""

    def __init__(self) -> None:
        self._next_ns = now_ns() + TICK_NS
        self._late: deque[tuple[int, int]] = deque(maxlen=MOST_KEPT)

    async def tick(self) -> None:
        """Tick until cancelled."""
        while True:
            await anyio.sleep(TICK_NS / NANOSECONDS)
            now = now_ns()
            if now - self._next_ns > LEAST_NS:
                self._late.append((now, now - self._next_ns))
            self._next_ns = now + TICK_NS

    def longest_stall_ns(self, since_ns: int) -> int:
        """The longest harness stall since then in nanoseconds; 0 for negligible stalls."""
        pending = now_ns() - self._next_ns
        late = (late for _, late in self._since(since_ns))
        return max((*late, pending if pending > LEAST_NS else 0), default=0)

    def all_stalls_ns(self, since_ns: int) -> int:
        """All harness stalls since then together: on a starved machine many short ones add up."""
        pending = now_ns() - self._next_ns
        late = sum(min(late, at - since_ns) for at, late in self._since(since_ns))
        return late + (min(pending, now_ns() - since_ns) if pending > LEAST_NS else 0)

    def _since(self, since_ns: int) -> Iterator[tuple[int, int]]:
        """The stalls that ended since then, the last one first: when, and how long they were."""
        return takewhile(lambda one: one[0] >= since_ns, reversed(self._late))
