"""From exchanges to samples: what each shows, which rules it fails by itself, and whether its bytes are kept."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import msgspec

from conformance.apis.load_samples import reasons_to_keep, sample_of, shapes_of
from conformance.catalogue import Catalogue
from conformance.deciding import Outcome
from conformance.load.sampled import Sampled
from conformance.model.exchange import Exchange
from conformance.model.rule import Rule
from conformance.model.sample import Group, Sample
from conformance.model.target import Policy
from conformance.model.verdict import Status
from conformance.storage.metadata import pack
from conformance.traffic import outcomes

KEEP_ONE_IN: Final = 100
"""One response under load in so many is kept as an example, whatever it shows."""
MOST_KEPT: Final = 5
"""Exchanges that are kept for each reason, of one API, profile and mode."""
JUDGED: Final = ("complete", "overloaded", "error")
"""Outcomes whose responses are judged by themselves. What is lost or late under load, the rules about load judge."""


class _Look(NamedTuple):
    """What two responses have in common that look alike: most rules judge them alike."""

    group: Group
    facts: tuple[Any, ...]


@dataclass(slots=True, kw_only=True)
class Sampler:
    """Takes the samples of one process, whose number is `worker`, by the rules of a catalogue."""

    rules: Catalogue
    policy: Policy
    worker: int = 0
    kept: Counter[tuple[Group, str]] = field(default_factory=Counter)
    named: set[str] = field(default_factory=set)
    seen: set[_Look] = field(default_factory=set)
    under_load: int = 0

    def take(self, x: Exchange, *, late: int = 0, is_hurried: bool = False) -> Sampled:
        """The sample of an exchange that began `late` nanoseconds after it was due.

        `is_hurried`: the harness is behind, so that only a response is judged that looks unlike all before.
        """
        sample = sample_of(x, worker=self.worker)
        is_due = is_judged_alone(sample)
        is_skipped = is_due and not self._is_new(sample) and is_hurried
        failed, broken = self._judged(x) if is_due and not is_skipped else ((), ())
        sample = msgspec.structs.replace(sample, late=late, failed=failed)
        is_kept = self._is_kept(sample, broken)
        return Sampled(
            sample=msgspec.structs.replace(sample, exchange=x.id) if is_kept else sample,
            shapes=dict(self._new_names(x)),
            exchange=pack(x) if is_kept else None,
            is_skipped=is_skipped,
        )

    def _judged(self, x: Exchange) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The rules that it fails by itself, and those that raise."""
        found = [(rule.id, outcome.status) for rule, outcome in judged_alone(x, self.rules, self.policy)]
        failed = tuple(name for name, status in found if status is Status.FAIL)
        return failed, tuple(name for name, status in found if status is Status.ERROR)

    def _is_new(self, one: Sample) -> bool:
        """Whether a response looks unlike all before."""
        how = (one.task, one.outcome, one.status, one.body, one.media_type, one.numbers, one.finish, one.closing)
        look = _Look(one.group, (*how, one.shape, one.headers, one.has_own_nonce, bool(one.foreign)))
        is_new = look not in self.seen
        self.seen.add(look)
        return is_new

    def _is_kept(self, sample: Sample, broken: tuple[str, ...]) -> bool:
        """Whether the bytes are kept: they are evidence that is not there yet, or an example."""
        self.under_load += sample.phase == "load"
        reasons = [*reasons_to_keep(sample), *broken, *(["example"] if sample.phase != "load" else [])]
        lacking = [reason for reason in reasons if self.kept[sample.group, reason] < MOST_KEPT]
        self.kept.update((sample.group, reason) for reason in reasons)
        return bool(lacking) or (sample.phase == "load" and self.under_load % KEEP_ONE_IN == 1)

    def _new_names(self, x: Exchange) -> Iterator[tuple[str, tuple[str, ...]]]:
        for name, names in shapes_of(x).items():
            if name not in self.named:
                self.named.add(name)
                yield name, names


def is_judged_alone(sample: Sample) -> bool:
    """Whether the rules about single responses judge one."""
    return sample.outcome in JUDGED


def judged_alone(x: Exchange, rules: Catalogue, policy: Policy) -> Iterator[tuple[Rule, Outcome]]:
    """What the rules make of one exchange; those about time are left out, as a busy target may be slow."""
    return ((rule, outcome) for rule, outcome in outcomes(x, rules, policy) if not rule.timed)
