"""A run in memory, with the interface of a run folder: for runs that are not stored."""

from collections.abc import Iterator, Sequence

from conformance.model.exchange import Exchange
from conformance.model.run import RunManifest
from conformance.model.sample import Sample
from conformance.storage.samples import Shapes


class InMemoryRun:
    """One run; its exchanges keep their cached values."""

    def __init__(self) -> None:
        self.written: dict[str, Exchange] = {}
        self._samples: list[Sample] = []
        self._shapes: Shapes = {}

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

    def add_samples(self, samples: Sequence[Sample]) -> None:
        """Add samples of a load test."""
        self._samples += samples

    def samples(self) -> Iterator[Sample]:
        """The samples of a load test, in order of their addition."""
        return iter(self._samples)

    def write_shapes(self, shapes: Shapes) -> None:
        """Keep what the names in the samples stand for."""
        self._shapes = dict(shapes)

    def shapes(self) -> Shapes:
        """What the names in the samples stand for."""
        return self._shapes
