"""Clients that leave while their response is due, in each phase of it, and between two attempts of the gateway."""

from typing import Final

from conformance.model.case import Kind
from conformance.model.probe import BURST_STAGE, Probe
from conformance.model.words import THROUGH_GATEWAYS, Api, Mode, Suite
from conformance.probes.baseline import modes_of, token_cap, with_fields

LEAVES_AFTER_S: Final = 0.8
"""By then the request is upstream, unless the gateway holds it back."""
LEAVES_EARLY_S: Final = 0.4
"""Before the second attempt of a gateway that waits as long as Retry-After says."""
STREAM_AT_MOST_S: Final = 1.5
"""When a client leaves that gets no event of a running stream, because the gateway holds them back."""
EVENTS: Final = 3
LAST_STAGE: Final = 90
"""After the faults: what the gateway thinks of its upstream after failures matters to no other request then."""


def _leaving(  # noqa: PLR0913 - a probe is a record
    api: Api,
    subject: str,
    script: str,
    when: str,
    modes: tuple[Mode, ...],
    suite: Suite = "gate",
    *,
    after_s: float = LEAVES_AFTER_S,
    events: int | None = None,
    stage: int = BURST_STAGE,
) -> Probe:
    return Probe(
        api=api,
        kind=Kind.GATEWAY_DISCONNECT,
        subject=subject,
        purpose=f"The client leaves {when}.",
        script=script,
        modes=modes,
        suite=suite,
        build_body=with_fields(**token_cap(api, 64)),
        stage=stage,
        disconnect_after_events=events,
        disconnect_after_s=after_s,
    )


def _of(api: Api) -> tuple[Probe, ...]:
    elsewhere: Suite = "gate" if api == "chat" else "full"
    return (
        _leaving(api, "waiting", "held", "before the first byte of the reply", modes_of(api)),
        *(_in_streams(api, elsewhere) if "stream" in modes_of(api) else ()),
        _leaving(
            api,
            "between-attempts",
            "busy-then-held",
            "after a first attempt that failed with 503",
            ("unary",),
            elsewhere,
            after_s=LEAVES_EARLY_S,
            stage=LAST_STAGE,
        ),
        _leaving(
            api,
            "lost-attempt",
            "lost-slowly",
            "in an attempt that ends without a response",
            modes_of(api),
            "full",
            after_s=LEAVES_EARLY_S,
            stage=LAST_STAGE,
        ),
    )


def _in_streams(api: Api, elsewhere: Suite) -> tuple[Probe, ...]:
    return (
        _leaving(api, "first-token", "head-then-held", "before the first event", ("stream",), elsewhere),
        _leaving(
            api,
            "in-stream",
            "slow-stream",
            "in the middle of a stream",
            ("stream",),
            after_s=STREAM_AT_MOST_S,
            events=EVENTS,
        ),
    )


PROBES = tuple(probe for api in THROUGH_GATEWAYS for probe in _of(api))
