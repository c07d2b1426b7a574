"""What became of request fields on the way through a gateway, as a table by lane. Pure."""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, Final

from conformance.apis.counterparts import SETTINGS, Setting, sent
from conformance.apis.forwarding.records import Fate, FieldRecord, fates, heaviest
from conformance.apis.request import request_body
from conformance.model.exchange import Exchange, Pair
from conformance.model.target import GatewayPolicy
from conformance.model.words import CONVERSATIONAL, Api
from conformance.parsing.http1 import request_content
from conformance.report.document import GatewayField
from conformance.report.escaping import safe
from conformance.rules.gw.conditions import named
from conformance.rules.gw.lane_conditions import generations
from conformance.rules.gw.lane_fields import BY_OTHER_MEANS

MOST_FIELDS: Final = 1000
"""Fields of a lane in a report: a gateway may add any number."""
CACHE_MARKER: Final = b"cache_control"

Lane = tuple[Api, Api | None]
Records = dict[Lane, list[tuple[FieldRecord, Exchange]]]


def lane_of(pair: Pair) -> Lane:
    """The API of a request, and the one in which the gateway asked its upstream; None if nothing arrived."""
    return pair.client.api, pair.upstream[0].api if pair.upstream else None


def records_by_lane(pairs: Iterable[Pair], policy: GatewayPolicy) -> Records:
    """What became of each field of each request, with the exchange that shows it."""
    lanes: Records = {}
    for pair in pairs:
        lanes.setdefault(lane_of(pair), []).extend((record, pair.client) for record in _records(pair, policy))
    return lanes


def counted(lanes: Records) -> Counter[tuple[str, Fate]]:
    """How many requests show that of each field."""
    seen = {(record.field, record.fate, x.id) for found in lanes.values() for record, x in found}
    return Counter((field, fate) for field, fate, _ in seen)


def field_table(lanes: Records) -> Iterator[GatewayField]:
    """The worst that became of each field, by lane."""
    for (client, upstream), found in lanes.items():
        shown_by: dict[tuple[str, Fate], dict[str, None]] = {}
        for record, x in found:
            shown_by.setdefault((record.field, record.fate), {})[x.id] = None
        for field, worst in islice(heaviest(record for record, _ in found).items(), MOST_FIELDS):
            exchanges = shown_by[field, worst.fate]
            yield GatewayField(
                client=client,
                upstream=upstream or "",
                field=safe(field),
                verdict=worst.fate.value,
                allowed=worst.allowed,
                requests=len(exchanges),
                exchange=next(iter(exchanges)),
                why=safe(worst.seen),
            )


def _records(pair: Pair, policy: GatewayPolicy) -> Iterable[FieldRecord]:
    upstream = generations(pair.upstream)
    if not upstream or upstream[0].api == pair.client.api:
        return fates(pair, policy)
    return _translated(pair.client, upstream, policy)


def _translated(x: Exchange, upstream: tuple[Exchange, ...], policy: GatewayPolicy) -> Iterator[FieldRecord]:
    """What became of the settings of a request whose upstream has another API."""
    for setting in SETTINGS:
        for name, value in islice(sent(setting, x.api, request_body(x)), 1):
            theirs = _arrived(setting, upstream[0])
            fate = _fate(setting, name, value, theirs) if theirs else _fate_of_lost(setting, x, upstream)
            allowed = {Fate.DROPPED: policy.dropped, Fate.CHANGED: policy.changed}.get(fate, ())
            words = ", ".join(f"`{path}`" for path in theirs)
            yield FieldRecord(
                path=name,
                fate=fate,
                seen=f"`{name}` arrived as {words}" if words else f"`{name}` did not arrive under any name",
                allowed=named(allowed, name) or named(allowed, name.partition(".")[0]),
            )
    yield from _marker(x, upstream[0], policy)


def _marker(x: Exchange, arrived: Exchange, policy: GatewayPolicy) -> Iterator[FieldRecord]:
    """What became of markers of prompt caching, which stand at many places; any that arrives counts."""
    if CACHE_MARKER in request_content(x):
        is_there = CACHE_MARKER in request_content(arrived)
        name = CACHE_MARKER.decode()
        yield FieldRecord(
            path=name,
            fate=Fate.EQUAL if is_there else Fate.DROPPED,
            seen="" if is_there else f"`{name}` did not arrive anywhere",
            allowed=named(policy.dropped, name),
        )


def _arrived(setting: Setting, arrived: Exchange) -> dict[str, Any]:
    """The fields of a setting upstream, under the names of its API or, as an extension, of another one."""
    body = request_body(arrived)
    places = (arrived.api, *(api for api in CONVERSATIONAL if api != arrived.api))
    return next((found for api in places if (found := dict(sent(setting, api, body)))), {})


def _fate(setting: Setting, name: str, value: Any, theirs: dict[str, Any]) -> Fate:
    if name in theirs and theirs[name] == value:
        return Fate.EQUAL
    is_same = setting.compared == "present" or any(_listed(value) == _listed(other) for other in theirs.values())
    return Fate.MAPPED if is_same else Fate.CHANGED


def _fate_of_lost(setting: Setting, x: Exchange, upstream: tuple[Exchange, ...]) -> Fate:
    """A setting without a field upstream: the gateway may do by other means what the upstream's API has not."""
    if setting.name == "n":
        return Fate.MAPPED if len(upstream) > 1 else Fate.DROPPED
    means = BY_OTHER_MEANS.get(setting.name)
    return Fate.MAPPED if means and means(x, upstream[0]) else Fate.DROPPED


def _listed(value: Any) -> Any:
    """A value to compare: one text is a list of one."""
    return [value] if isinstance(value, str) else value
