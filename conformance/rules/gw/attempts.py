"""What became of each request that a gateway sent upstream, and whether its policy allows another one."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Final, Literal, NamedTuple

from conformance.apis.claims import is_error
from conformance.apis.deltas import deltas
from conformance.apis.forwarding.batches import are_parts
from conformance.apis.specs import spec
from conformance.model.case import Kind
from conformance.model.exchange import Exchange, cached_reader
from conformance.model.target import GatewayPolicy
from conformance.model.verdict import NotJudged, not_applicable, untestable
from conformance.model.words import APIS, Api
from conformance.parsing.http1 import reply
from conformance.rules.gw.answers import given_up

Fate = Literal["answered", "refused", "error-event", "lost", "cut", "left", "unknown"]
"""What became of a request upstream.

`error-event`: an error inside a success, before any content; `lost`: the upstream closed the connection without a
response; `cut`: within the response; `left`: the gateway closed it first; `unknown`: the recording does not show it.
"""

LOST: Final = 0
"""The number by which a policy names a lost connection."""
UNREACHABLE: Final = "connection-refused"
"""The subject of the request during which the upstreams refuse connections."""
STEERED: Final = ("routing", "steered-503-once")
"""The subjects of the requests with the headers by which gateways route inside themselves."""
SERVER_ERROR: Final = 500
GAVE_UP: Final = (LOST, 408, 504)
"""The numbers by which a policy may name that the gateway stopped waiting."""
NOT_PROCESSED: Final = frozenset((408, 409, 425, 429, 500, 503, 529))
"""Statuses that say that the request was not processed: a gateway whose policy names none tries again after these."""
OF_A_PROXY: Final = (502, 504)
"""Statuses by which a proxy says that it lost the request: what is behind it may still process it."""


@cached_reader
def fate(x: Exchange) -> Fate:
    """What became of a request upstream."""
    status = reply(x).status
    if x.ending.how in ("interrupted", "limit", "timeout"):
        return "unknown"
    if status >= 400:
        return "refused"
    if status == 0:
        return "left" if x.ending.how == "hung-up" else "lost"
    if is_error(x):
        return "cut" if deltas(x) else "error-event"
    return "answered" if x.ending.phase == "after" else "cut"


def status_of(x: Exchange) -> int:
    """The status by which the upstream failed, or LOST."""
    return reply(x).status if fate(x) == "refused" else SERVER_ERROR if fate(x) == "error-event" else LOST


def failure(x: Exchange) -> str:
    """How a request upstream failed, in words."""
    words: dict[Fate, str] = {
        "answered": "a response",
        "refused": f"HTTP {reply(x).status}",
        "error-event": "an error event",
        "lost": "a connection closed without a response",
        "cut": "a response that was cut",
        "left": "giving up on the response",
        "unknown": "an exchange that was not recorded to its end",
    }
    return words[fate(x)]


def place(x: Exchange) -> str:
    """Which upstream was asked."""
    return x.origin.host if x.origin else ""


def is_generation(x: Exchange) -> bool:
    """Whether it is a request for a response, not a lookup such as counting tokens."""
    return x.case.kind is not Kind.RECORDED or _path_of(x) is not None


def api_by_path(x: Exchange) -> Api:
    """The API that the path of a request upstream is for, whatever its body is."""
    return _path_of(x) or x.api


def _path_of(x: Exchange) -> Api | None:
    path = x.case.subject.rstrip("/")
    return next((api for api in APIS if path.endswith(spec(api).path)), None)


def is_sent_twice(x: Exchange) -> bool:
    """Whether the harness itself sends the request twice, over one connection."""
    return x.case.kind is Kind.KEEP_ALIVE


def may_be_accepted(x: Exchange) -> bool:
    """Whether the upstream may be processing the request all the same, and bill it."""
    return fate(x) in ("lost", "cut", "left") or (fate(x) == "refused" and reply(x).status in OF_A_PROXY)


class Again(NamedTuple):
    """A request that was sent again: the one before it, and how often it had been sent to that upstream by then."""

    before: Exchange
    after: Exchange
    times: int

    @property
    def is_elsewhere(self) -> bool:
        """Whether it went to another upstream."""
        return place(self.before) != place(self.after)


def repeats(upstream: tuple[Exchange, ...]) -> Iterator[Again]:
    """The requests that were sent again, in order; the parts of a batch are none."""
    sent = [x for x in upstream if is_generation(x)]
    for at, (before, after) in enumerate(pairwise(sent), 1):
        if not are_parts(before, after):
            yield Again(before, after, sum(place(x) == place(after) for x in sent[:at]))


def allows(policy: GatewayPolicy, again: Again) -> bool:
    """Whether the policy declares that a request is sent again to the same upstream."""
    if again.times > policy.retries or fate(again.before) == "answered":
        return False
    declared = set(policy.retry_on) or NOT_PROCESSED
    how = fate(again.before)
    seen = GAVE_UP if how == "left" else (500, 502, 503) if how == "error-event" else (status_of(again.before),)
    return not declared.isdisjoint(seen)


def failed_upstream(x: Exchange, upstream: tuple[Exchange, ...]) -> NotJudged | None:
    """The upstream failed before any content, in each attempt, or could not be reached; and the client stayed."""
    if x.ending.how == "hung-up":
        return not_applicable("the client left before the response")
    if x.is_given_up:
        return untestable("the gateway did not respond in time (see GW079)")
    return _not_failed(x, upstream) if upstream else _not_forwarded(x)


def _not_failed(x: Exchange, upstream: tuple[Exchange, ...]) -> NotJudged | None:
    """Why what the upstream sent is no failure before any content, or it is not known what the gateway got of it."""
    if _is_own_failure(x, upstream) and (late := given_up(x, upstream[-1])):
        return late
    fates = {fate(arrived) for arrived in upstream}
    if "unknown" in fates:
        return untestable("an exchange with the upstream was not recorded to its end")
    if "answered" in fates:
        return not_applicable("the upstream responded")
    return not_applicable("the upstream's response was cut within its content") if "cut" in fates else None


def _is_own_failure(x: Exchange, upstream: tuple[Exchange, ...]) -> bool:
    """Whether the client got a failure, or nothing, that no upstream sent: the gateway may have waited no longer."""
    status = reply(x).status
    return (not status or status == 408 or status >= SERVER_ERROR) and status not in map(status_of, upstream)


def _not_forwarded(x: Exchange) -> NotJudged | None:
    """Why the client's response tells of no failure of the upstream, which got no request; None if it refused them."""
    if x.case.kind is Kind.GATEWAY_REFUSAL:
        return not_applicable("the gateway did not forward the request (see GW085)")
    return None if is_unreachable(x) else untestable("no request arrived upstream")


def is_unreachable(x: Exchange) -> bool:
    """Whether the upstreams refused connections while the request was sent."""
    return x.case.kind is Kind.GATEWAY_FAULT and x.case.subject == UNREACHABLE


def is_steered(x: Exchange) -> bool:
    """Whether the client sent the headers by which gateways route inside themselves."""
    return x.case.kind in (Kind.GATEWAY_HEADER, Kind.GATEWAY_FAULT) and x.case.subject in STEERED
