"""That a failure of the upstream ends: for its own request, and for the next one."""

from collections.abc import Iterator
from itertools import takewhile
from typing import Final

from conformance.apis.errors import error_response
from conformance.model.case import BASELINE, Compare, Kind
from conformance.model.exchange import NANOSECONDS_PER_MILLISECOND, Ending, Exchange, Pair
from conformance.model.rule import rule
from conformance.model.target import Policy
from conformance.model.verdict import MUST, Finding, NotJudged, not_applicable, untestable
from conformance.model.words import APIS
from conformance.parsing.http1 import reply
from conformance.rules.conditions import OK
from conformance.rules.example import JSON, answered, completion, exchange
from conformance.rules.gw.answers import given_up
from conformance.rules.gw.attempts import LOST as LOST_STATUS
from conformance.rules.gw.attempts import SERVER_ERROR, fate, is_unreachable, status_of
from conformance.rules.gw.conditions import through_gateway
from conformance.rules.gw.example import both
from conformance.rules.gw.failing_example import FAULT, LOST, OWN, at, refused

GATEWAY_TIMEOUT: Final = "https://www.rfc-editor.org/rfc/rfc9110#section-15.6.5"
MARGIN_S: Final = 1.0
"""How much longer than promised a gateway may wait: it and the machine may be busy."""
HANGING_S: Final = 5.0
"""How long after the end of its upstream's connection a gateway that says nothing counts as hanging."""
AFTER: Final = "chat.gateway.after.example"
SECOND: Final = 1000 * NANOSECONDS_PER_MILLISECOND
TOO_MANY: Final = 429
MOST_IN_A_ROW: Final = 2
"""Failures after which a circuit breaker must not be open yet: each may be several for a gateway that retries."""
NEXT: Final = answered(completion(), probe=AFTER)
USUAL: Final = both(answered(completion()), answered(completion()))
GIVEN_UP: Final = exchange(b"", mode="unary", probe=FAULT, ending=Ending("timeout", "first-byte", 20 * SECOND))


@rule(
    "GW078",
    MUST,
    "The request after a failure reaches the upstream and succeeds",
    spec="https://learn.microsoft.com/en-us/azure/architecture/patterns/circuit-breaker",
    fix="Let a circuit breaker open after several failures of the upstream, not after one; or declare it: gateway.breaker.",
    applies_to=through_gateway(Kind.GATEWAY_AFTER),
    apis=APIS,
    compares_with={
        "usual": BASELINE,
        "around": Compare(
            (Kind.GATEWAY_FAULT, Kind.GATEWAY_AFTER), many=True, any_api=True, any_mode=True, optional=True
        ),
    },
    good=[both(NEXT, NEXT) + USUAL],
    bad=[
        both(refused(503, OWN, (JSON, ("retry-after", "5")), probe=AFTER)) + USUAL,
        both(refused(500, OWN, probe=AFTER), NEXT) + USUAL,
        both(answered(OWN, probe=AFTER)) + USUAL,
        both(exchange(b"", mode="unary", probe=AFTER)) + USUAL,
    ],
)
def next_request_fails(
    x: Exchange, upstream: tuple[Exchange, ...], policy: Policy, usual: Pair, around: tuple[Pair, ...]
) -> Iterator[Finding | NotJudged]:
    """One client's bad luck, or its bad request, then closes the gateway for all others."""
    status = reply(x).status
    is_answered, in_a_row = _is_answered(x), failures_before(x, around)
    got = f"HTTP {status}" if status else f"no response ({x.ending.how})"
    if is_answered and not upstream:
        yield not_applicable("the gateway responded without the upstream")
    elif is_answered:
        return
    elif not _is_answered(usual.client):
        yield untestable("the baseline request failed, too, before any failure of the upstream")
    elif not upstream and policy.gateway.breaker:
        yield not_applicable("the policy declares a circuit breaker (gateway.breaker)")
    elif not upstream and in_a_row > MOST_IN_A_ROW:
        yield untestable(f"{in_a_row} failures came before it: a circuit breaker may be open (gateway.breaker)")
    elif not upstream:
        yield Finding(f"the request after a failure got {got}, and did not reach the upstream", at=reply(x).head)
    elif late := given_up(x, upstream[-1]):
        yield late
    elif any(fate(arrived) == "answered" for arrived in upstream):
        yield Finding(
            f"the upstream responded to the request after a failure, but the client got {got}", at=reply(x).head
        )
    else:
        yield untestable("the upstream did not respond to the request")


def _is_answered(x: Exchange) -> bool:
    return reply(x).status in OK and not error_response(x)


def failures_before(x: Exchange, others: tuple[Pair, ...]) -> int:
    """How many failures of the upstream came between the last request that it served, and this one."""
    before = sorted((pair for pair in others if pair.client.began_ns < x.began_ns), key=lambda p: p.client.began_ns)
    return sum(map(_has_failed, takewhile(lambda pair: not _is_success(pair), reversed(before))))


def _is_success(pair: Pair) -> bool:
    return bool(pair.upstream) and fate(pair.upstream[-1]) == "answered"


def _has_failed(pair: Pair) -> bool:
    """Whether the upstream failed on its own: not where it refused the request, or was not asked."""
    status = status_of(pair.upstream[-1]) if pair.upstream else LOST_STATUS
    is_fault = pair.client.case.kind is Kind.GATEWAY_FAULT
    return is_fault and (status in (LOST_STATUS, TOO_MANY) or status >= SERVER_ERROR)


def _end_ns(x: Exchange) -> int:
    return x.began_ns + x.ending.at_ns


@rule(
    "GW079",
    MUST,
    "Silence of the upstream ends: in a response to the client, in the time that the policy promises",
    spec=GATEWAY_TIMEOUT,
    fix="Bound the wait for the upstream's response, and respond with 504 when it is over, or when the connection is closed.",
    applies_to=through_gateway(Kind.GATEWAY_FAULT),
    apis=APIS,
    timed=True,
    good=[both(refused(504, OWN), LOST), both(refused(), refused())],
    bad=[both(GIVEN_UP, LOST), both(at(0, GIVEN_UP), at(5, refused()))],
)
def silence_without_end(x: Exchange, upstream: tuple[Exchange, ...], policy: Policy) -> Iterator[Finding | NotJudged]:
    """The client waits until its own time-out, often ten minutes, and no fallback is asked."""
    if x.ending.how == "hung-up":
        yield not_applicable("the client left before the response")
    elif not upstream and not is_unreachable(x):
        yield untestable("no request arrived upstream")
    else:
        yield from _overdue(upstream, policy.gateway.timeout_s)
        if x.is_given_up and not reply(x).complete:
            yield from _unanswered(x, upstream)


def _overdue(upstream: tuple[Exchange, ...], promised_s: float | None) -> Iterator[Finding]:
    """The upstream said nothing for longer than the gateway is to wait, and the gateway was still there."""
    for arrived in upstream:
        silent_s = (arrived.ending.at_ns - arrived.sent_at_ns) / 1e9
        most_s = MARGIN_S + arrived.harness_stall_ns / 1e9
        if promised_s is not None and not arrived.received and silent_s > promised_s + most_s:
            yield Finding(f"the upstream was silent for {silent_s:.1f} s; the policy promises {promised_s:g} s")


def _unanswered(x: Exchange, upstream: tuple[Exchange, ...]) -> Iterator[Finding | NotJudged]:
    waited_s = x.ending.at_ns / 1e9
    after_s = (_end_ns(x) - max(map(_end_ns, upstream), default=x.began_ns)) / 1e9
    if after_s > HANGING_S + x.harness_stall_ns / 1e9:
        seen = f"the client got no response within {waited_s:.0f} s, {after_s:.0f} s after the upstream's connection had ended"
        yield Finding(seen, expected="502 or 504")
    else:
        yield untestable(
            f"the gateway had not responded within {waited_s:.0f} s; a longer --timeout would show whether"
        )
