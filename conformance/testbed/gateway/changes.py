"""Finds the planted defects and legal variants of the gateway, and rejects duplicate names."""

import importlib
import pkgutil
from functools import cache
from types import ModuleType

from conformance.testbed.gateway import defects as defects_package
from conformance.testbed.gateway import variants as variants_package
from conformance.testbed.gateway.handling import GatewayChange


@cache
def defects() -> tuple[GatewayChange, ...]:
    """All planted defects, by name."""
    return _collect(defects_package)


@cache
def variants() -> tuple[GatewayChange, ...]:
    """All legal variants, by name."""
    return _collect(variants_package)


def find(name: str) -> GatewayChange | None:
    """The defect or variant of that name, or None."""
    return next((change for change in (*defects(), *variants()) if change.name == name), None)


def _collect(package: ModuleType) -> tuple[GatewayChange, ...]:
    """Every change in the package's modules, alone or in a tuple. Raises ValueError for a duplicate name."""
    found: dict[str, GatewayChange] = {}
    for info in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"{package.__name__}.{info.name}")
        for value in vars(module).values():
            for change in value if isinstance(value, tuple) else (value,):
                if isinstance(change, GatewayChange) and found.setdefault(change.name, change) is not change:
                    raise ValueError(f"{change.name} is defined twice; the second is in {module.__name__}")
    return tuple(sorted(found.values(), key=lambda change: change.name))
