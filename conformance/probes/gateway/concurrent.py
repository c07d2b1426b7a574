"""Concurrent requests, each with a nonce of its own: every reply must be the one to its request."""

from collections.abc import Iterator
from typing import Final

from conformance.model.case import Kind
from conformance.model.probe import BURST_STAGE, Probe
from conformance.model.words import THROUGH_GATEWAYS, Api, Mode, Suite
from conformance.probes.baseline import modes_of, token_cap, with_fields

MANY: Final = 12
FEW: Final[dict[Api, int]] = {"chat": 5, "completions": 2, "embeddings": 2}
"""Requests of the suite `gate` by API, which the leaving clients join."""
SLOW, SLOW_STREAM = "00", "00-stream"
"""Those to which the upstream responds slowly; they are the first, so that the others are sent meanwhile."""


def _burst(api: Api) -> Iterator[Probe]:
    modes = modes_of(api)
    for number in range(1, MANY + 1):
        yield Probe(
            api=api,
            kind=Kind.GATEWAY_BURST,
            subject=f"{number:02}",
            purpose="One of many concurrent requests.",
            script="native-sse",
            modes=(modes[(number - 1) % len(modes)],),
            suite="gate" if number <= FEW.get(api, 0) else "full",
            build_body=with_fields(**token_cap(api, 64)),
            stage=BURST_STAGE,
        )
    yield _slow(api, SLOW, "late-reply", "unary", "gate" if api in FEW else "full")
    if "stream" in modes:
        yield _slow(api, SLOW_STREAM, "slow-stream", "stream", "full")


def _slow(api: Api, subject: str, script: str, mode: Mode, suite: Suite) -> Probe:
    return Probe(
        api=api,
        kind=Kind.GATEWAY_BURST,
        subject=subject,
        purpose="A request whose response is slow to come: the others get responses meanwhile.",
        script=script,
        modes=(mode,),
        suite=suite,
        build_body=with_fields(**token_cap(api, 64)),
        stage=BURST_STAGE,
    )


PROBES = tuple(probe for api in THROUGH_GATEWAYS for probe in _burst(api))
