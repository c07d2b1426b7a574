"""Finds the planted defects and legal variants, and rejects duplicate names."""

import importlib
import pkgutil
from functools import cache
from types import ModuleType

from conformance.testbed.mutations import defects as defects_package
from conformance.testbed.mutations import under_load
from conformance.testbed.mutations import variants as variants_package
from conformance.testbed.server.reply import Mutation


@cache
def defects() -> tuple[Mutation, ...]:
    """All planted defects, by name."""
    return _collect(defects_package)


@cache
def variants() -> tuple[Mutation, ...]:
    """All legal variants, by name."""
    return _collect(variants_package)


@cache
def load_defects() -> tuple[Mutation, ...]:
    """All planted defects that show only while several requests are in progress, by name."""
    return tuple(change for change in _collect(under_load) if change.caught_by)


@cache
def load_variants() -> tuple[Mutation, ...]:
    """All legal variants that show only while several requests are in progress, by name."""
    return tuple(change for change in _collect(under_load) if not change.caught_by)


def every() -> tuple[Mutation, ...]:
    """All defects and variants, also those that show only under load."""
    return (*defects(), *variants(), *load_defects(), *load_variants())


def find(name: str) -> Mutation | None:
    """The defect or variant of that name, or None."""
    return next((change for change in every() if change.name == name), None)


def _collect(package: ModuleType) -> tuple[Mutation, ...]:
    """Every Mutation in the package's modules, alone or in a tuple. Raises ValueError for a duplicate name."""
    found: dict[str, Mutation] = {}
    for info in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"{package.__name__}.{info.name}")
        for value in vars(module).values():
            for change in value if isinstance(value, tuple) else (value,):
                if isinstance(change, Mutation) and found.setdefault(change.name, change) is not change:
                    raise ValueError(f"{change.name} is defined twice; the second is in {module.__name__}")
    return tuple(sorted(found.values(), key=lambda change: change.name))
