"""Finds the planted defects and legal variants of the gateway, and rejects duplicate names."""

import importlib
import pkgutil
from collections.abc import Iterator
from functools import cache
from types import ModuleType
from typing import Final

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


NEAR: Final = {
    "caches": "boundaries",
    "completions": "batches",
    "conversation": "requests",
    "delivery": "replies",
    "embeddings": "batches",
    "endings": "replies",
    "hang_ups": "boundaries",
    "isolation": "boundaries",
    "lane_replies": "lanes",
    "retries": "failures",
    "usage": "replies",
    "values": "replies",
}
"""The modules of variants that are near to those of defects, where they have another name."""


def variants_near(rule: str) -> tuple[GatewayChange, ...]:
    """The legal variants that are near to the defects that the rule must catch."""
    groups = {NEAR.get(group, group) for group, defect in _grouped(defects_package) if defect.caught_by == rule}
    mine = {change.name for group, change in _grouped(variants_package) if group in groups}
    return tuple(change for change in variants() if change.name in mine)


def _collect(package: ModuleType) -> tuple[GatewayChange, ...]:
    """Every change in the package's modules, by name. Raises ValueError for a duplicate name."""
    found: dict[str, GatewayChange] = {}
    for group, change in _grouped(package):
        if found.setdefault(change.name, change) is not change:
            raise ValueError(f"{change.name} is defined twice; the second is in {package.__name__}.{group}")
    return tuple(sorted(found.values(), key=lambda change: change.name))


def _grouped(package: ModuleType) -> Iterator[tuple[str, GatewayChange]]:
    """The changes in the package's modules, alone or in a tuple, with the names of the modules."""
    for info in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"{package.__name__}.{info.name}")
        for value in vars(module).values():
            items = value if isinstance(value, tuple) else (value,)
            yield from ((info.name, change) for change in items if isinstance(change, GatewayChange))
