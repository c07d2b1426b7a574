"""Open arrivals: requests are due at a rate, whatever the target takes; whichever user is free sends the next one."""

import heapq
from dataclasses import dataclass, field

from conformance.transport.clock import NANOSECONDS


@dataclass(slots=True, kw_only=True)
class Arrivals:
    """The times at which requests are due: `rate` a second from `began_ns` on."""

    rate: float
    began_ns: int
    _next: int = 0
    _returned: list[int] = field(default_factory=list)

    def take(self) -> int:
        """The time of the earliest arrival that no user has taken, in nanoseconds."""
        if self._returned:
            return heapq.heappop(self._returned)
        self._next += 1
        return self.began_ns + round((self._next - 1) / self.rate * NANOSECONDS)

    def give_back(self, due_ns: int) -> None:
        """Leave an arrival to another user: the one that took it has left before it was due."""
        heapq.heappush(self._returned, due_ns)

    def not_sent(self, over_ns: int) -> int:
        """How many were due before that time, and taken by no user."""
        due = -(-(over_ns - self.began_ns) * self.rate // NANOSECONDS)
        return max(0, int(due) - self._next) + sum(due_ns < over_ns for due_ns in self._returned)
