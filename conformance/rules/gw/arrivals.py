"""What arrived upstream for a request, and what its differences are, for the rules about requests."""

from collections.abc import Callable, Iterator
from typing import Final

from conformance.apis.forwarding.aspects import Aspect
from conformance.apis.forwarding.batches import is_in_parts
from conformance.apis.forwarding.records import Fate, FieldRecord, aspects_sent, exact_body, forwarded, records, refused
from conformance.apis.request import MOST_VALUES, has_too_many_values
from conformance.model.case import Kind
from conformance.model.exchange import Exchange, Pair
from conformance.model.rule import Condition
from conformance.model.target import Policy
from conformance.model.verdict import OUT_OF_SCOPE, Finding, NotJudged, not_applicable, untestable
from conformance.model.words import GENERATIVE
from conformance.parsing.http1 import reply
from conformance.rules.conditions import OK
from conformance.rules.gw.answers import IN_PARTS, OTHER_API
from conformance.rules.gw.conditions import through_gateway

Upstream = tuple[Exchange, ...]
SENT = through_gateway()
TOO_MANY_VALUES: Final = untestable(f"more than {MOST_VALUES} JSON values arrived upstream (see GW022)")


def sent_with(*aspects: Aspect) -> Condition:
    """A request was sent through a gateway that has something about one of these aspects."""

    def applies_to(x: Exchange) -> NotJudged | None:
        return SENT(x) or (None if aspects_sent(x) & {*aspects} else OUT_OF_SCOPE)

    return applies_to


def compared(x: Exchange, upstream: Upstream, policy: Policy) -> tuple[FieldRecord, ...] | NotJudged:
    """The differences between a request and the one that arrived, or why there is nothing to compare."""
    if why := nothing_arrived(x, upstream):
        is_cached = policy.gateway.cache and reply(x).status in OK
        return not_applicable("the gateway may serve an equal request from its cache") if is_cached else why
    arrived = forwarded_of(x, upstream)
    if arrived is None:
        return IN_PARTS if is_in_parts(x, upstream) else OTHER_API
    if not isinstance(exact_body(x), dict):
        return not_applicable("the request has no JSON object")
    if has_too_many_values(arrived):
        return TOO_MANY_VALUES
    if not isinstance(exact_body(arrived), dict):
        return untestable("no JSON object arrived upstream")
    return records(x, arrived, policy.gateway)


def forwarded_of(x: Exchange, upstream: Upstream) -> Exchange | None:
    """The one request that arrived at the same API of the upstream, or None."""
    return forwarded(Pair(x, upstream))


def nothing_arrived(x: Exchange, upstream: Upstream) -> NotJudged | None:
    """Why nothing arrived upstream, if so: the gateway refused the request, or the evidence is missing."""
    if upstream:
        return None
    if not isinstance(exact_body(x), dict):
        return not_applicable("the request has no JSON object")
    status = reply(x).status
    if x.api not in GENERATIVE and x.case.kind is Kind.GATEWAY_CACHE and status in OK:
        return not_applicable("the gateway may respond to an equal input with what it has stored")
    if 400 <= status < 500:
        names = ", ".join(record.path for record in refused(x)[:5])
        return not_applicable(f"the gateway refused the request with {status}{f', and named {names}' if names else ''}")
    what = f"the gateway responded with {status}" if status else f"no response was received ({x.ending.how})"
    return untestable(f"no request arrived upstream: {what}")


def findings(
    x: Exchange, upstream: Upstream, policy: Policy, fits: Callable[[FieldRecord], bool], expected: str = ""
) -> Iterator[Finding | NotJudged]:
    """A finding for each difference that fits, unless the policy allows it."""
    found = compared(x, upstream, policy)
    if isinstance(found, NotJudged):
        yield found
        return
    yield from (Finding(record.seen, expected=expected) for record in found if not record.allowed and fits(record))


def about(*aspects: Aspect, fate: Fate | None = None) -> Callable[[FieldRecord], bool]:
    """Differences of one of these aspects, and of a fate if one is given."""
    return lambda record: record.aspect in aspects and fate in (None, record.fate)
