"""The embedded deployments as targets of a run."""

from typing import NamedTuple

from conformance.runs.config import ConfigError, near, one_of
from conformance.testbed.mutations import changes
from conformance.testbed.server.deployments import DEPLOYMENTS, MODEL, Deployment
from conformance.testbed.server.reply import Mutation
from conformance.testbed.server.serve import running

__all__ = ["Embedded", "find_embedded", "running"]


class Embedded(NamedTuple):
    """An embedded deployment: its name as a target, its planted changes, and the model it serves."""

    name: str
    deployment: Deployment
    changes: tuple[Mutation, ...]
    model: str = MODEL


def find_embedded(deployment: str | None, defect: str | None) -> Embedded:
    """Find an embedded deployment by name. Raises ConfigError."""
    if deployment is not None:
        one_of("--deployment", deployment, DEPLOYMENTS)
    change = changes.find(defect) if defect is not None else None
    if defect is not None and change is None:
        known = [c.name for c in changes.every()]
        raise ConfigError(f"--defect {defect} is not known{near(defect, known, 'conformance list defects')}")
    name = deployment or (change.on if change else next(iter(DEPLOYMENTS)))
    planted = (change,) if change else ()
    return Embedded("+".join((name, *(c.name for c in planted))), DEPLOYMENTS[name], planted)
