"""Clients that leave, and clients that wait for each other."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

from conformance.model.case import Compare, Kind
from conformance.model.exchange import Arrival, Ending, Exchange, Pair
from conformance.model.rule import rule
from conformance.model.verdict import MUST, Finding, NotJudged, not_applicable, untestable
from conformance.model.words import APIS
from conformance.parsing.http1 import finished_at_ns, reply
from conformance.rules.example import answered, completion, error, exchange
from conformance.rules.gw.conditions import through_gateway
from conformance.rules.gw.example import ASKED, both

CLOSING: Final = "https://www.rfc-editor.org/rfc/rfc9112#section-9.6"
RETRIED: Final = "https://github.com/maximhq/bifrost/issues/7035"
BLOCKING: Final = "https://github.com/1rgs/claude-code-proxy/pull/114"
MS: Final = 1_000_000
SECOND: Final = 1000 * MS
BOUND: Final = 5 * SECOND // 2
"""Nanoseconds within which a hang-up has to reach the upstream: many times what a gateway needs that watches for one."""
LEAST: Final = SECOND
"""A reply that ends sooner after the hang-up does not show that the gateway would have read on."""
GRACE: Final = SECOND // 2
"""A request that is sent upstream so soon after the hang-up may have been under way."""
HELD: Final = SECOND
"""How long the upstream must have been busy with the slow request."""

LEFT: dict[str, Any] = {"probe": "chat.gateway.hang-up.waiting", "body": ASKED}


def left(at_ms: int = 500) -> Exchange:
    """A client that leaves without having got a byte."""
    return exchange(b"", mode="unary", ending=Ending("hung-up", "first-byte", at_ms * MS), **LEFT)


def upstream_at(began_ms: int, ended_ms: int, how: str = "hung-up", status: int = 200) -> Exchange:
    """A request upstream that began at a time and ended at another one."""
    took = (ended_ms - began_ms) * MS
    if how == "hung-up":
        return replace(
            exchange(b"", mode="unary", ending=Ending("hung-up", "first-byte", took), **LEFT), began_ns=began_ms * MS
        )
    value = completion() if status == 200 else error()
    whole = answered(value, status=status, ending=Ending("closed", "after", took), **LEFT)
    return replace(whole, began_ns=began_ms * MS, arrivals=(Arrival(took, len(whole.received)),))


def left_ns(x: Exchange) -> int:
    """When an exchange with the gateway was over, on the run's clock: its client left, or had its response."""
    return x.began_ns + x.ending.at_ns


def ended_ns(arrived: Exchange) -> int:
    """When a request upstream was over: the gateway left, or the reply was complete."""
    if arrived.ending.how == "hung-up" or not reply(arrived).complete:
        return arrived.began_ns + arrived.ending.at_ns
    return arrived.began_ns + finished_at_ns(arrived)


def not_left(x: Exchange, upstream: tuple[Exchange, ...]) -> NotJudged | None:
    """Why no client has left, or it is not known where the request was by then."""
    if x.ending.how != "hung-up":
        status = reply(x).status
        if status >= 400:
            return not_applicable(f"HTTP {status} came before the client was to leave")
        return untestable(f"the client did not leave before the reply was over ({x.ending.how} at {x.ending.phase})")
    has_arrived = upstream and upstream[0].began_ns < left_ns(x)
    return None if has_arrived else untestable("the request had not arrived upstream when the client left")


@rule(
    "GW103",
    MUST,
    "When the client disconnects, the gateway closes its request upstream",
    spec=CLOSING,
    fix="Watch for the client's disconnect during every wait, before the first byte as well, and then close the connection "
    "to the upstream.",
    applies_to=through_gateway(Kind.GATEWAY_DISCONNECT),
    apis=APIS,
    good=[both(left(), upstream_at(20, 800))],
    bad=[both(left(), upstream_at(20, 5000, "closed")), both(left(), upstream_at(20, 4500))],
    timed=True,
)
def hang_up_not_passed_on(x: Exchange, upstream: tuple[Exchange, ...]) -> Iterator[Finding | NotJudged]:
    """The model generates to the end, and the owner of the gateway pays for tokens that are never read."""
    if skip := not_left(x, upstream):
        yield skip
        return
    due = [arrived for arrived in upstream if arrived.began_ns < left_ns(x) < ended_ns(arrived)]
    if not due:
        yield not_applicable("no request was in progress upstream when the client left")
    for arrived in due:
        late = ended_ns(arrived) - left_ns(x) - arrived.harness_stall_ns
        seconds = f"{(ended_ns(arrived) - left_ns(x)) / SECOND:.1f} s after the client left"
        if arrived.ending.how == "hung-up" and late > BOUND:
            yield Finding(f"the request upstream was closed {seconds}", expected=f"within {BOUND / SECOND:g} s")
        elif arrived.ending.how != "hung-up" and late > LEAST:
            yield Finding(f"the gateway went on with the request upstream until it ended, {seconds}")
        elif arrived.ending.how != "hung-up":
            yield untestable(f"the request upstream ended on its own {seconds}, too soon to show what the gateway does")


@rule(
    "GW104",
    MUST,
    "No request is sent upstream for a client that has left",
    spec=RETRIED,
    fix="Stop trying again when the client disconnects, in the pause between two attempts as well.",
    applies_to=through_gateway(Kind.GATEWAY_DISCONNECT),
    apis=APIS,
    good=[both(left(), upstream_at(20, 30, "closed", 503)), both(left(), upstream_at(20, 800))],
    bad=[both(left(), upstream_at(20, 30, "closed", 503), upstream_at(1050, 2200, "closed", 503))],
    timed=True,
)
def tried_for_nobody(x: Exchange, upstream: tuple[Exchange, ...]) -> Iterator[Finding | NotJudged]:
    """Each attempt may be billed, and a busy upstream gets busier with requests that no client waits for."""
    if skip := not_left(x, upstream):
        yield skip
        return
    for arrived in upstream:
        late = arrived.began_ns - left_ns(x) - max(x.harness_stall_ns, arrived.harness_stall_ns)
        if late > GRACE:
            seconds = (arrived.began_ns - left_ns(x)) / SECOND
            yield Finding(f"attempt {arrived.attempt} was sent upstream {seconds:.1f} s after the client left")


SLOW: dict[str, Any] = {"probe": "chat.gateway.burst.00", "body": ASKED}
QUICK: dict[str, Any] = {"probe": "chat.gateway.burst.01", "body": ASKED}


def took(began_ms: int, ended_ms: int, **facts: Any) -> Exchange:
    """A request that gets its response, from one time to another."""
    took_ns = (ended_ms - began_ms) * MS
    whole = answered(completion(), ending=Ending("idle", "after", took_ns), **facts)
    return replace(whole, began_ns=began_ms * MS, arrivals=(Arrival(took_ns, len(whole.received)),))


@rule(
    "GW105",
    MUST,
    "A slow request does not keep other clients waiting",
    spec=BLOCKING,
    fix="Call the upstream without blocking: with an asynchronous client, or in a thread for each request; a gateway that "
    "serves one request at a time says so in the target's `concurrency`.",
    applies_to=through_gateway(Kind.GATEWAY_BURST),
    apis=APIS,
    good=[
        (
            *both(took(0, 1600, **SLOW), took(10, 1590, **SLOW)),
            *both(took(1, 90, **QUICK), took(20, 80, **QUICK)),
            *both(took(1, 90, **QUICK), took(20, 80, **QUICK)),
        )
    ],
    bad=[
        (
            *both(took(0, 1600, **SLOW), took(10, 1590, **SLOW)),
            *both(took(1, 1690, **QUICK), took(1600, 1680, **QUICK)),
            *both(took(1, 1790, **QUICK), took(1700, 1780, **QUICK)),
        )
    ],
    timed=True,
    compares_with={
        "others": Compare((Kind.GATEWAY_BURST, Kind.GATEWAY_DISCONNECT), many=True, any_profile=True, any_mode=True)
    },
)
def others_stalled(
    x: Exchange, upstream: tuple[Exchange, ...], others: Sequence[Pair]
) -> Iterator[Finding | NotJudged]:
    """One long response stops the service for everybody else."""
    held = upstream[0] if upstream else None
    if held is None or ended_ns(held) - held.began_ns < HELD:
        yield not_applicable("the upstream responded to this request at once")
        return
    began, until = held.began_ns, ended_ns(held)
    waiting = [pair for pair in others if pair.client is not x and _is_waiting(pair.client, began, until)]
    overlapping = [pair for pair in waiting if _goes_on(pair, until)]
    if x.harness_stall_ns > (until - began) // 2:
        yield untestable(f"the harness itself stalled for {x.harness_stall_ns / MS:.0f} ms")
    elif overlapping:
        return
    elif len(waiting) < 2:
        yield untestable("no other requests were due while this one was kept waiting")
    else:
        yield Finding(
            f"none of {len(waiting)} other requests was sent upstream for {(until - began) / SECOND:.1f} s, until the "
            "response to this one"
        )


def _goes_on(pair: Pair, until: int) -> bool:
    """Whether a request was sent upstream by a time, or had its response by then, be it with an error."""
    is_answered = pair.client.ending.how != "hung-up" and left_ns(pair.client) < until
    return is_answered or any(one.began_ns < until for one in pair.upstream)


def _is_waiting(client: Exchange, began: int, until: int) -> bool:
    """Whether a request was sent in time to get a response meanwhile, and had none before."""
    return client.began_ns < until - 3 * SECOND // 4 and client.began_ns + client.ending.at_ns > began
