"""Requests that the upstream refuses, fails or leaves without a response; each is followed by a usual one."""

from collections.abc import Iterator
from typing import Final

from conformance.model.case import Kind
from conformance.model.probe import Probe
from conformance.model.words import MODES, THROUGH_GATEWAYS, Api, Mode, Suite
from conformance.probes.baseline import modes_of
from conformance.probes.gateway.routing import STEERING

CONNECTION_REFUSED: Final = "connection-refused"
"""The subject of the request during which the upstreams refuse connections."""
LAST: Final = 95
"""The stage of two failures in a row: a circuit breaker that they open keeps no other request from the upstream."""
STREAM: Final[tuple[Mode, ...]] = ("stream",)
UNARY: Final[tuple[Mode, ...]] = ("unary",)
OTHER_STATUSES: Final = (402, 403, 404, 408, 413, 422, 451, 500, 502, 503, 504, 529)
"""The statuses that the suite `full` adds to those of the gate."""


def _fault(
    api: Api,
    script: str,
    purpose: str,
    modes: tuple[Mode, ...] = MODES,
    suite: Suite = "gate",
    *,
    is_followed: bool = True,
    stage: int = 0,
) -> Probe:
    return Probe(
        api=api,
        kind=Kind.GATEWAY_FAULT,
        subject=script,
        purpose=purpose,
        script=script,
        modes=modes if "stream" in modes_of(api) else UNARY,
        suite=suite,
        is_followed=is_followed,
        stage=stage,
    )


def _refusals(api: Api) -> Iterator[Probe]:
    yield _fault(api, "status-400", "The upstream refuses the client's mistake.", STREAM, is_followed=False)
    yield _fault(api, "status-401", "The upstream does not accept the gateway's key.", UNARY)
    yield _fault(api, "status-429", "The upstream limits the rate, and says when to come back.", UNARY)
    for status in OTHER_STATUSES:
        yield _fault(api, f"status-{status}", f"The upstream refuses with {status}.", UNARY, "full")
    yield _fault(api, "empty-400", "The upstream's proxy refuses without a body.", UNARY, "full", is_followed=False)
    yield _fault(api, "text-503", "The upstream's proxy refuses with plain text.", STREAM, "full")
    yield _fault(api, "status-500-elsewhere", "The upstream fails; a second one would respond.", STREAM)
    page = "The upstream's proxy fails with a page; then another failure follows."
    yield _fault(api, "page-502-elsewhere", page, UNARY, is_followed=False, stage=LAST)
    if "stream" in modes_of(api):
        yield _fault(
            api, "error-first-elsewhere", "The upstream fails within a stream, before its content.", STREAM, "full"
        )


def _losses(api: Api) -> Iterator[Probe]:
    yield Probe(
        api=api,
        kind=Kind.GATEWAY_FAULT,
        subject=CONNECTION_REFUSED,
        purpose="The upstream refuses connections.",
        script="native-sse",
        modes=UNARY,
    )
    yield _fault(api, "no-reply-once", "The upstream reads the request, and closes without a byte.", UNARY)
    yield _fault(api, "silence", "The upstream reads the request, and stays silent.", STREAM, stage=LAST)
    yield _fault(api, "reset", "The upstream reads the request, and resets the connection.", STREAM, "full")
    yield _fault(api, "reset-in-head", "The upstream resets the connection within the head.", suite="full")
    yield _fault(api, "cut-once", "The upstream ends its first response within the body.", suite="full")


def _retries(api: Api) -> Iterator[Probe]:
    yield _fault(
        api, "status-503-once", "The upstream refuses once; the same request would now succeed.", is_followed=False
    )
    yield _fault(api, "status-429-once", "The upstream limits the rate once.", STREAM, "full")
    yield _fault(
        api, "status-504-once", "The upstream's proxy gives up once on a request that may be running.", UNARY, "full"
    )
    yield Probe(
        api=api,
        kind=Kind.GATEWAY_FAULT,
        subject="steered-503-once",
        purpose="The upstream refuses once a request with the routing headers of gateways.",
        script="status-503-once",
        modes=UNARY,
        suite="full",
        raw=STEERING,
    )


PROBES = tuple(probe for api in THROUGH_GATEWAYS for part in (_refusals, _losses, _retries) for probe in part(api))
