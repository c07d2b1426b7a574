"""A run in memory, with the interface of a run folder: for runs that are not stored."""

from conformance.model.exchange import Exchange
from conformance.model.run import RunManifest


class InMemoryRun:
    """One run; its exchanges keep their cached values."""

    def __init__(self) -> None:
        self.written: dict[str, Exchange] = {}

    def write_facts(self, facts: RunManifest) -> None:
        """Do nothing: `record` returns the facts."""

    def write(self, exchange: Exchange) -> None:
        """Add one exchange."""
        self.written[exchange.id] = exchange

    def ids(self) -> tuple[str, ...]:
        """The IDs of the exchanges, sorted."""
        return tuple(sorted(self.written))

    def exchange(self, id: str) -> Exchange:  # noqa: A002 - the field's name in Exchange
        """One exchange. Raises KeyError for an unknown ID."""
        return self.written[id]
