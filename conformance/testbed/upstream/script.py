"""What the upstream does with a request: a script is a list of changes to a correct server's response."""

from dataclasses import dataclass

from conformance.testbed.server.reply import Mutation

Changes = tuple[Mutation, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """Changes by attempt, the last of which hold for all further ones.

    `elsewhere` are those of the second and further upstreams, whatever the attempt; None: the same as of the first.
    """

    name: str
    title: str
    attempts: tuple[Changes, ...] = ((),)
    elsewhere: Changes | None = None

    def changes(self, attempt: int, upstream: int) -> Changes:
        """The changes at an attempt, counted from 1, at an upstream, counted from 0."""
        if upstream and self.elsewhere is not None:
            return self.elsewhere
        return self.attempts[min(attempt, len(self.attempts)) - 1]
