"""Build what a report has of both sides of a gateway: how many requests arrived, and what became of them. Pure."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from msgspec import UNSET, UnsetType

from conformance import catalogue
from conformance.apis.nonce import marker
from conformance.gateway.outcome import outcome
from conformance.gateway.plan import GOOD
from conformance.model.exchange import Pair
from conformance.model.run import RunManifest
from conformance.parsing.http1 import request_content
from conformance.report import gateway_policy
from conformance.report.document import GatewayDefect, GatewayLane, GatewayRequest, ReportGateway
from conformance.report.escaping import safe
from conformance.report.gateway_fields import Lane, counted, field_table, lane_of, records_by_lane


def reported(facts: RunManifest, pairs: Sequence[Pair]) -> ReportGateway | UnsetType:
    """The part of a report about both sides; UNSET if the run was not through a gateway."""
    if facts.gateway is None:
        return UNSET
    policy = facts.target.policy.gateway
    lanes = records_by_lane(pairs, policy)
    return ReportGateway(
        ports=facts.gateway.ports,
        arrived=sum(len(pair.upstream) for pair in pairs) + sum(facts.gateway.more_requests.values()),
        attempts={pair.client.nonce: len(pair.upstream) for pair in pairs},
        requests=tuple(
            GatewayRequest(
                exchange=pair.client.id, nonce=pair.client.nonce, upstream=tuple(x.id for x in pair.upstream)
            )
            for pair in pairs
        ),
        lanes=tuple(_lanes(pairs)),
        fields=tuple(field_table(lanes)),
        defects=tuple(_defects(pairs)),
        policy=tuple(gateway_policy.lines(policy, pairs, counted(lanes))),
        other_requests={safe(name): count for name, count in facts.gateway.other_requests.items()},
        more_requests=facts.gateway.more_requests,
        refused={safe(why): count for why, count in facts.gateway.refused.items()},
        unfinished=facts.gateway.unfinished,
    )


def _lanes(pairs: Iterable[Pair]) -> Iterator[GatewayLane]:
    requests: Counter[Lane] = Counter()
    arrived: Counter[Lane] = Counter()
    for pair in pairs:
        lane = lane_of(pair)
        requests[lane] += 1
        arrived[lane] += len(pair.upstream)
    for (client, upstream), count in requests.items():
        yield GatewayLane(client=client, upstream=upstream or "", requests=count, arrived=arrived[client, upstream])


def _defects(pairs: Iterable[Pair]) -> Iterator[GatewayDefect]:
    """What became of the faults of the upstream."""
    for pair in pairs:
        x, mark = pair.client, marker(request_content(pair.client))
        if mark and mark.script != GOOD and (found := outcome(pair, catalogue.installed())):
            yield GatewayDefect(script=safe(mark.script), api=x.api, mode=x.mode, outcome=found, exchange=x.id)
