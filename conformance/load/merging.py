"""The results of several processes that send, as of one. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from conformance.load.messages import Results
from conformance.model.load import LoadSecond


@dataclass(slots=True)
class Merged:
    """What the processes have said so far; `most_users` were there at once."""

    latest: dict[int, Results] = field(default_factory=dict)
    seconds: dict[int, list[LoadSecond]] = field(default_factory=dict)
    most_users: int = 0

    def add(self, results: Results) -> None:
        """Add results of one process."""
        self.latest[results.worker] = results
        self.seconds.setdefault(results.worker, []).extend(results.seconds)
        self.most_users = max(self.most_users, self.users)

    @property
    def began_ns(self) -> Mapping[int, int]:
        """When the load began on the clock of each."""
        return {worker: latest.began_ns for worker, latest in self.latest.items()}

    @property
    def reason(self) -> str:
        """Why one of them sends nothing more, or empty."""
        return next((latest.reason for latest in self.latest.values() if latest.reason), "")

    @property
    def users(self) -> int:
        """The users of all processes."""
        return sum(latest.users for latest in self.latest.values())

    @property
    def sent(self) -> int:
        """The requests that all have sent."""
        return sum(latest.sent for latest in self.latest.values())

    @property
    def in_progress(self) -> int:
        """Their requests that are in progress."""
        return sum(latest.in_progress for latest in self.latest.values())

    @property
    def not_sent(self) -> int:
        """The arrivals that no user was free for."""
        return sum(latest.not_sent for latest in self.latest.values())

    def all_seconds(self) -> tuple[LoadSecond, ...]:
        """The seconds of all processes: users together, and of the rest the worst."""
        longest = max(map(len, self.seconds.values()), default=0)
        return tuple(_together(_at(self.seconds.values(), number)) for number in range(longest))


def _at(all_of_them: Iterable[Sequence[LoadSecond]], number: int) -> list[LoadSecond]:
    return [mine[number] for mine in all_of_them if number < len(mine)]


def _together(same: Sequence[LoadSecond]) -> LoadSecond:
    return LoadSecond(
        users=sum(one.users for one in same),
        stall_ms=max(one.stall_ms for one in same),
        stalled_ms=max(one.stalled_ms for one in same),
        cpu=max(one.cpu for one in same),
    )
