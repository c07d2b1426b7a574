"""Resolve the options of a run through a gateway: one that is there, or the embedded one."""

import os
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Final, NamedTuple

import msgspec

from conformance.gateway.record import Gateway
from conformance.gateway.selftest import UPSTREAM_KEY
from conformance.model.target import Target
from conformance.runner import RunOptions
from conformance.runs import config
from conformance.runs.config import ConfigError, near, one_of
from conformance.runs.options import RunRequest, TargetOptions
from conformance.runs.resolve import options, resolved, with_overrides
from conformance.testbed.gateway import changes
from conformance.testbed.gateway.handling import TRANSPARENT, GatewayChange
from conformance.testbed.gateway.serve import serve_gateway
from conformance.transport.limits import limits_for

MODEL: Final = "reference"
CANARY_KEY: Final = UPSTREAM_KEY
"""The credential of the embedded gateway at its upstream."""
TIMEOUT_S: Final = 30.0
"""Time limit of one exchange, unless an option sets it: the upstream answers within a second."""


class Chosen(NamedTuple):
    """The options of a run, and the gateway to start for it, if it is the embedded one."""

    options: RunOptions
    embedded: Gateway | None


def upstream_ports(given: tuple[int, ...], target: TargetOptions) -> tuple[int, ...]:
    """The ports of the upstreams: the given ones, else those of the target in its file, else a free one.

    Raises ConfigError.
    """
    path = config.find(target.config) if target.target and not given else None
    entry = config.entries(path).get(target.target or "") if path else None
    return given or (entry.upstream_ports if entry else ()) or (0,)


def chosen(request: RunRequest, environ: Mapping[str, str] = os.environ) -> Chosen:
    """The gateway that the options name. Raises ConfigError."""
    check_suite(request)
    found = _chosen(request, environ)
    if request.limits.timeout is not None:
        return found
    return found._replace(options=replace(found.options, limits=limits_for(TIMEOUT_S)))


def check_suite(request: RunRequest) -> None:
    """Reject a suite that is not sent through gateways. Raises ConfigError."""
    if request.selection.suite == "fields":
        raise ConfigError("--suite fields is not supported by `conformance gateway`; accepted: smoke, gate, full")


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
    return Chosen(options(request, with_overrides(target, request, environ), environ), embedded(change))


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
