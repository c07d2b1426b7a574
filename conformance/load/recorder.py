"""Collects the samples and facts of a load test, and reports its progress."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal, NamedTuple, Protocol

import msgspec

from conformance.load.engine import Engine
from conformance.load.options import LoadOptions
from conformance.load.part import Part
from conformance.load.sampled import Sampled
from conformance.load.shape import duration, most_users
from conformance.model.dialect import Dialect
from conformance.model.exchange import Exchange
from conformance.model.load import LoadFacts, LoadSecond, LoadStep
from conformance.model.run import RunManifest, Stopped
from conformance.model.sample import Outcome, Sample
from conformance.model.words import Api
from conformance.runner import Store, facts_so_far
from conformance.storage.metadata import unpack
from conformance.storage.samples import Shapes
from conformance.transport.clock import NANOSECONDS

WRITE_AT: Final = 200
"""Samples that are written together."""

Activity = Literal["preflight", "alone", "load", "waiting", "judging", "after"]


class LoadProgress(NamedTuple):
    """Progress of a load test: what it is doing, for how many of how many seconds, and what has been received."""

    activity: Activity
    seconds: float = 0.0
    of_seconds: float = 0.0
    users: int = 0
    sent: int = 0
    in_progress: int = 0
    outcomes: Counter[Outcome] = Counter()
    failed: Counter[str] = Counter()


OnProgress = Callable[[LoadProgress], None]


class LoadStore(Store, Protocol):
    """Storage of a load test: a folder, or memory."""

    def add_samples(self, samples: Sequence[Sample]) -> None:
        """Add samples."""

    def samples(self) -> Iterator[Sample]:
        """All samples so far."""

    def write_shapes(self, shapes: Shapes) -> None:
        """Write what the names in the samples stand for, or replace it."""


@dataclass(slots=True, kw_only=True, repr=False)
class Recorder:
    """Collects the samples and facts of a load test, and stores them."""

    options: LoadOptions
    store: LoadStore
    on_progress: OnProgress
    started: datetime
    dialects: dict[Api, Dialect] = field(default_factory=dict)
    planned: list[str] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    stopped: Stopped = ""
    reason: str = ""
    shapes: Shapes = field(default_factory=dict)
    unwritten: list[Sample] = field(default_factory=list)
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    began_ns: dict[int, int] = field(default_factory=dict)
    seconds: list[LoadSecond] = field(default_factory=list)
    loaded_s: float = 0.0
    not_sent: int = 0
    sampled: int = 0
    skipped: int = 0
    ended_early: str = ""
    processes: int = 1
    users: int = 0
    steps: list[LoadStep] = field(default_factory=list)
    latest: list[Sample] = field(default_factory=list)

    def since_load(self, engine: Engine) -> float:
        """Seconds since the load began."""
        return (engine.now_ns() - self.began_ns[engine.part.worker]) / NANOSECONDS

    def facts(self) -> RunManifest:
        """The run's facts so far."""
        return msgspec.structs.replace(
            facts_so_far(self.options.run, self),
            suite="load",
            dialects=self.dialects,
            seed=self.options.number,
            load=self.load_facts(),
        )

    def load_facts(self) -> LoadFacts:
        """What is known of the load so far."""
        return LoadFacts(
            users=self.users or most_users(self.options.stages),
            duration_s=round(self.loaded_s, 3),
            rate=self.options.rate,
            shape=self.options.shape,
            not_sent=self.not_sent,
            processes=self.processes,
            timeout_s=self.options.run.limits.timeout_s,
            began_ns=self.began_ns,
            seconds=tuple(self.seconds),
            steps=tuple(self.steps),
            bound=self.options.bound,
            judged=self.sampled - self.skipped if self.skipped else None,
            ended_early=self.ended_early,
        )

    def part(self) -> Part:
        """What the process that sends has to know."""
        run = self.options.run
        return Part(
            target=run.target,
            profiles=run.profiles,
            run=self.options.number,
            dialects=self.dialects,
            hang_ups=self.options.hang_ups,
            timeout_s=run.limits.timeout_s,
            unix_socket=run.unix_socket,
            rules=self.options.rules,
            rate=self.options.rate,
            max_requests=run.max_requests,
            max_tokens=run.max_tokens,
            max_cost=run.max_cost,
        )

    def keep(self, sampled: Sampled) -> None:
        """Keep a sample, and the exchange if its bytes are kept."""
        if sampled.exchange is not None:
            self.store.write(unpack(sampled.exchange))
        self.sampled += 1
        self.skipped += sampled.is_skipped
        self.shapes |= sampled.shapes
        if sampled.sample.task != "mistake":
            self.outcomes[sampled.sample.outcome] += 1
        self.failed.update(sampled.sample.failed)
        self.unwritten.append(sampled.sample)
        if self.options.in_steps:
            self.latest.append(sampled.sample)
        if len(self.unwritten) >= WRITE_AT:
            self.write()

    def progress(self, engine: Engine, activity: Activity, seconds: float = 0.0) -> LoadProgress:
        """The progress of the load test."""
        return LoadProgress(
            activity,
            seconds=seconds,
            of_seconds=duration(self.options.stages),
            users=len(engine.users),
            sent=engine.budget.requests,
            in_progress=engine.in_progress,
            outcomes=self.outcomes,
            failed=self.failed,
        )

    def stored(self, x: Exchange) -> Exchange:
        """Store an exchange of the preflight; returns it."""
        self.planned.append(x.id)
        self.store.write(x)
        return x

    def write(self) -> None:
        """Write what is not yet written."""
        self.store.add_samples(self.unwritten)
        self.unwritten.clear()
        self.store.write_shapes(self.shapes)
