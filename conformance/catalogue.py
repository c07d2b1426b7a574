"""Find and sort the rules, profiles and probes; reject duplicates."""

import importlib
import pkgutil
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from types import ModuleType
from typing import Final, TypeVar

from conformance import probes as probes_package
from conformance import rules as rules_package
from conformance.model.case import Compare, Kind
from conformance.model.criteria import ALL_RULES, RuleSelection
from conformance.model.probe import Probe
from conformance.model.profile import Profile
from conformance.model.rule import Rule, family_of
from conformance.profiles.recording import recorded
from conformance.rules.families import FAMILIES, OF_ONE_SIDE, OF_USERS

T = TypeVar("T")
DEFAULT_PROFILES: Final = ("claude-sdk", "hermes", "langgraph", "letta")
"""The frameworks whose requests a run sends, unless an option selects others."""
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
def of_one_side() -> Catalogue:
    """As `installed`, without the rules that need more than the exchanges of one client: a run starts sooner so."""
    return Catalogue(rules(OF_ONE_SIDE), profiles(), probes())


@cache
def of_users() -> Catalogue:
    """As `of_one_side`, with the rules about the exchanges of many users together."""
    return Catalogue(rules(OF_USERS), profiles(), probes())


@cache
def selected(selection: RuleSelection, among: Callable[[], Catalogue] = of_one_side) -> Catalogue:
    """A catalogue with the selected rules alone."""
    whole = among()
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
def rules(families: tuple[str, ...] = tuple(FAMILIES)) -> tuple[Rule, ...]:
    """The rules of all families, or of some, sorted by ID. Each family has the module or package of its name."""
    packages = frozenset(family.lower() for family in families)
    return tuple(sorted(_collect(rules_package, Rule, lambda r: r.id, packages), key=lambda r: r.id))


def named(ids: Iterable[str]) -> Iterator[Rule]:
    """The rules with these IDs, sorted; those of unknown IDs are left out."""
    wanted = frozenset(ids)
    families = tuple(sorted({family_of(id_) for id_ in wanted} & FAMILIES.keys()))
    return (rule for rule in rules(families) if rule.id in wanted)


@cache
def profiles() -> tuple[Profile, ...]:
    """All profiles, sorted by name."""
    return tuple(sorted(recorded(), key=lambda p: (p.name, p.api)))


@cache
def probes() -> tuple[Probe, ...]:
    """All probes, sorted by name."""
    return tuple(sorted(_collect(probes_package, Probe, lambda p: p.name), key=lambda p: p.name))


def _collect(
    package: ModuleType, kind: type[T], key: Callable[[T], str], only: Collection[str] | None = None
) -> Iterable[T]:
    """Every value of that type in the `modules` of a package. Raises ValueError if two have the same key."""
    found: dict[str, T] = {}
    for module in modules(package, only):
        for item in items(module, kind):
            if found.setdefault(key(item), item) is not item:
                raise ValueError(f"{key(item)} is defined twice; the second is in {module.__name__}")
    return found.values()


def modules(package: ModuleType, only: Collection[str] | None = None) -> Iterator[ModuleType]:
    """The modules of a package, subpackages included; with `only`, of the modules and subpackages of these names."""
    for info in pkgutil.iter_modules(package.__path__):
        if only is None or info.name in only:
            module = importlib.import_module(f"{package.__name__}.{info.name}")
            yield module
            if info.ispkg:
                yield from modules(module)


def items(module: ModuleType, kind: type[T]) -> Iterator[T]:
    """Every value of that type in a module, alone or in a tuple."""
    for value in vars(module).values():
        if isinstance(value, kind):
            yield value
        elif isinstance(value, tuple):
            yield from (item for item in value if isinstance(item, kind))
