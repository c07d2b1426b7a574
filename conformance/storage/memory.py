"""A run in memory, with the interface of a run folder: for runs that nobody keeps."""

from conformance.model.exchange import Exchange
from conformance.model.run import RunFacts


class RunMemory:
    """One run, whose exchanges are objects; what was read of them stays read."""

    def __init__(self) -> None:
        self.written: dict[str, Exchange] = {}

    def write_facts(self, facts: RunFacts) -> None:
        """Nobody reads them again: `record` returns them."""

    def write(self, exchange: Exchange) -> None:
        """Add one exchange."""
        self.written[exchange.id] = exchange

    def ids(self) -> tuple[str, ...]:
        """The IDs of the exchanges, sorted."""
        return tuple(sorted(self.written))

    def exchange(self, id: str) -> Exchange:  # noqa: A002 - the word that the exchange itself uses
        """One exchange. Raises KeyError for an ID that is not there."""
        return self.written[id]
