"""Find and sort the rules, profiles and probes; reject duplicates."""

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from types import ModuleType
from typing import Any, Final, TypeVar

from conformance import probes as probes_package
from conformance import rules as rules_package
from conformance.model.case import Compare, Kind
from conformance.model.criteria import ALL_RULES, RuleSelection
from conformance.model.probe import Probe
from conformance.model.profile import Profile
from conformance.model.rule import Rule
from conformance.profiles.recording import recorded

T = TypeVar("T")
WITHOUT_PROBE: Final = (Kind.PREFLIGHT, Kind.GATEWAY_AFTER)
"""Kinds of requests that are sent before or after others, and have no probe of their own."""


@dataclass(frozen=True, eq=False)
class Catalogue:
    """The rules, profiles and probes used to plan and judge a run.

    Compared by identity, so that values cached for one catalogue are never used for another.
    """

    rules: tuple[Rule, ...]
    profiles: tuple[Profile, ...]
    probes: tuple[Probe, ...]

    @cached_property
    def compared(self) -> frozenset[Compare]:
        """All comparisons of the rules: the cases whose responses others are compared with."""
        return frozenset(compare for rule in self.rules for compare in rule.compares_with.values())


@cache
def installed() -> Catalogue:
    """The rules, profiles and probes of this package. Raises ValueError for a comparison with a case never sent."""
    catalogue = Catalogue(rules(), profiles(), probes())
    for problem in unplanned(catalogue):
        raise ValueError(problem)
    return catalogue


@cache
def selected(selection: RuleSelection) -> Catalogue:
    """The installed catalogue with the selected rules alone."""
    whole = installed()
    if selection == ALL_RULES:
        return whole
    return Catalogue(tuple(filter(selection.includes, whole.rules)), whole.profiles, whole.probes)


def unplanned(catalogue: Catalogue) -> Iterator[str]:
    """The comparisons of rules with cases that no suite sends, in words."""
    for rule in catalogue.rules:
        for compare in rule.compares_with.values():
            if compare.kinds not in WITHOUT_PROBE and not any(
                probe.api in rule.apis and compare.matches(probe.kind, probe.subject, probe.variant, probe.repeat)
                for probe in catalogue.probes
            ):
                yield f"rule {rule.id} compares with {compare.name(rule.apis[0])}, which no probe sends"


@cache
def rules() -> tuple[Rule, ...]:
    """All rules, sorted by ID."""
    return tuple(sorted(_collect(rules_package, Rule, lambda r: r.id), key=lambda r: r.id))


@cache
def profiles() -> tuple[Profile, ...]:
    """All profiles, sorted by name."""
    return tuple(sorted(recorded(), key=lambda p: (p.name, p.api)))


@cache
def probes() -> tuple[Probe, ...]:
    """All probes, sorted by name."""
    return tuple(sorted(_collect(probes_package, Probe, lambda p: p.name), key=lambda p: p.name))


def _collect(package: ModuleType, kind: type[T], key: Callable[[T], str]) -> Iterable[T]:
    """Every value of that type in the modules of the package, subpackages included, alone or in a tuple.

    Raises ValueError if two have the same key.
    """
    found: dict[str, T] = {}
    for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        module = importlib.import_module(info.name)
        for item in _items(vars(module).values(), kind):
            if found.setdefault(key(item), item) is not item:
                raise ValueError(f"{key(item)} is defined twice; the second is in {module.__name__}")
    return found.values()


def _items(values: Iterable[Any], kind: type[T]) -> Iterable[T]:
    for value in values:
        if isinstance(value, kind):
            yield value
        elif isinstance(value, tuple):
            yield from (item for item in value if isinstance(item, kind))
