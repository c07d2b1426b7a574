"""Resolve the options of a run through a gateway: one that is there, or the embedded one."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final, NamedTuple

import anyio
import msgspec

from conformance.gateway.record import AddressError, Gateway, GatewayOptions, record_through
from conformance.gateway.selftest import KEY, UPSTREAM_KEY, UPSTREAMS
from conformance.model.criteria import Criteria
from conformance.model.run import RunManifest
from conformance.model.target import Target
from conformance.runner import NullProgress, Progress, RunOptions
from conformance.runs import config
from conformance.runs.config import ConfigError, near, one_of
from conformance.runs.execute import JudgedRun, judged_gateway, record_into
from conformance.runs.options import RunRequest, TargetOptions
from conformance.runs.resolve import options, resolved, with_overrides
from conformance.storage.memory import InMemoryRun
from conformance.testbed.gateway import changes
from conformance.testbed.gateway.handling import TRANSPARENT, GatewayChange
from conformance.testbed.gateway.serve import serve_gateway
from conformance.transport.limits import limits_for

MODEL: Final = "reference"
CANARY_KEY: Final = UPSTREAM_KEY
"""The credential of the embedded gateway at its upstream."""
NO_PROGRESS: Final = NullProgress()
TIMEOUT_S: Final = 30.0
"""Time limit of one exchange, unless an option sets it: the upstream answers within a second."""


class Chosen(NamedTuple):
    """The options of a run, and the gateway to start for it, if it is the embedded one."""

    options: RunOptions
    embedded: Gateway | None


def upstream_ports(given: tuple[int, ...], target: TargetOptions) -> tuple[int, ...]:
    """The ports of the upstreams: the given ones, else those of the target in its file, else a free one.

    The embedded gateway has two, as some of its defects show only with a second one. Raises ConfigError.
    """
    if not given and (target.deployment is not None or target.defect is not None):
        return UPSTREAMS
    path = config.find(target.config) if target.target and not given else None
    entry = config.entries(path).get(target.target or "") if path else None
    return given or (entry.upstream_ports if entry else ()) or (0,)


def chosen(request: RunRequest, environ: Mapping[str, str] = os.environ) -> Chosen:
    """The gateway that the options name. Raises ConfigError."""
    found = _chosen(request, environ)
    if request.limits.timeout is not None:
        return found
    return found._replace(options=replace(found.options, limits=limits_for(TIMEOUT_S)))


def options_through(request: RunRequest, ports: tuple[int, ...], host: str, wait_s: float) -> GatewayOptions:
    """The options of a run through a gateway, as the Python API takes them. Raises ConfigError."""
    if request.target == TargetOptions():
        raise ConfigError("base_url is missing: the gateway; accepted: base_url and model, target, or deployment")
    if not all(isinstance(port, int) and 0 <= port < 65536 for port in ports):
        raise ConfigError(f"upstream_ports={ports!r}; accepted: numbers from 0 to 65535")
    if not isinstance(wait_s, (int, float)) or not 0 < wait_s < float("inf"):
        raise ConfigError(f"wait={wait_s!r}; accepted: a number above 0")
    run, embedded = chosen(request)
    listening = upstream_ports(ports, request.target)
    return GatewayOptions(run=run, ports=listening, host=host, wait_s=wait_s, embedded=embedded)


def record(options: GatewayOptions, path: Path, progress: Progress = NO_PROGRESS) -> RunManifest:
    """Record a run through a gateway into a folder, as `execute.record_run` does. Raises ConfigError."""
    with _bound_addresses():
        return record_into(path, lambda folder: record_through(options, folder, progress))


def unstored(options: GatewayOptions, criteria: Criteria) -> JudgedRun:
    """Record a run through a gateway in memory, and judge it. Raises ConfigError."""
    store = InMemoryRun()
    with _bound_addresses():
        facts = anyio.run(record_through, options, store)
    return judged_gateway(facts, store.exchange, store.ids(), criteria)


@contextmanager
def _bound_addresses() -> Iterator[None]:
    """Say which option is wrong if a port can't be bound."""
    try:
        yield
    except AddressError as error:
        raise ConfigError(
            f"--upstream-host or --upstream-port: {error.strerror}; accepted: a free port, or 0 for any, "
            "on an address of this machine"
        ) from None


def _chosen(request: RunRequest, environ: Mapping[str, str]) -> Chosen:
    given = request.target
    if given.deployment is None and given.defect is None:
        with resolved(request, environ) as found:
            return Chosen(found, None)
    if given.base_url or given.target or given.config or given.from_env:
        raise ConfigError(
            "--base-url, --target, --config and --from-env exclude --deployment and --defect: the embedded gateway"
        )
    change = change_named(given.deployment, given.defect)
    policy = msgspec.structs.replace(Target(base_url="", model="").policy, gateway=change.policy)
    target = Target(name=change.name, base_url="http://127.0.0.1/v1", model=MODEL, policy=policy)
    found = options(request, with_overrides(target, request, environ), environ)
    return Chosen(replace(found, key=found.key or KEY), embedded(change))  # without a key, none can leak


def embedded(change: GatewayChange, port: int = 0) -> Gateway:
    """The embedded gateway with a change, to be started at a port; 0 selects a free one."""

    def start(upstreams: Sequence[str]) -> AbstractAsyncContextManager[str]:
        return serve_gateway(upstreams, change, port=port, key=CANARY_KEY if change.has_own_key else "")

    return start


def change_named(deployment: str | None, defect: str | None) -> GatewayChange:
    """The embedded gateway's defect or variant of that name; the transparent one without. Raises ConfigError."""
    if deployment is not None:
        one_of("--deployment", deployment, (TRANSPARENT.name,))
    if defect is None:
        return TRANSPARENT
    if found := changes.find(defect):
        return found
    known = [change.name for change in (*changes.defects(), *changes.variants())]
    raise ConfigError(f"--defect {defect} is not known{near(defect, known, 'conformance list gateway-defects')}")
