"""What one user message costs behind a gateway: the client's attempts, times the gateway's for each of them. Pure."""

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from conformance.clients import CLIENTS, Client, impact
from conformance.clients.cost import bill
from conformance.clients.transport import answered_2xx
from conformance.model.case import Kind
from conformance.model.exchange import Exchange, Pair
from conformance.model.impact import Impact
from conformance.model.target import Prices


def impacts_through(pairs: Sequence[Pair], profiles: Iterable[str], prices: Prices) -> Iterator[Impact]:
    """The impacts of baseline requests on their clients, and of the upstream's failures on those of the profiles."""
    by_case = {pair.client.case: pair for pair in pairs}
    selected = [client for name in profiles for client in CLIENTS.get(name, ())]
    for pair in pairs:
        x = pair.client
        if x.ending.how in ("hung-up", "interrupted"):
            continue
        unary = by_case.get(msgspec.structs.replace(x.case, mode="unary"))
        if x.case.kind is Kind.BASELINE:
            clients = [client for client in CLIENTS.get(x.case.profile, ()) if client.reads(x)]
        else:
            clients = [c for c in selected if c.reads(x)] if x.case.kind is Kind.GATEWAY_FAULT else []
        yield from (_impact(client, pair, unary, prices) for client in clients)


def with_upstream(seen: Iterable[Impact], pair: Pair, unary: Pair | None, prices: Prices) -> tuple[Impact, ...]:
    """Impacts of a response on clients, with what the gateway sent upstream for it, and what is billed there."""
    clients = {(client.profile, client.name): client for known in CLIENTS.values() for client in known}
    return tuple(_impact(clients[i.profile, i.client], pair, unary, prices) for i in seen)


def _impact(client: Client, pair: Pair, unary: Pair | None, prices: Prices) -> Impact:
    """The impact on a client: each of its requests is sent upstream as often as the recorded one was."""
    fallback = unary.client if unary else None
    sent = client.simulate(pair.client, fallback).exchanges
    upstream = [arrived for x in sent for arrived in _upstream(x, pair, unary)]
    paid = [arrived for arrived in upstream if answered_2xx(arrived)]
    total, wasted = bill(paid, prices), bill(paid[1:], prices)
    return msgspec.structs.replace(
        impact(client, pair.client, fallback, prices),
        billed=len(paid),
        wasted_usd=wasted.usd,
        cost_usd=total.usd,
        estimated=total.estimated,
        upstream_requests=len(upstream),
    )


def _upstream(x: Exchange | None, pair: Pair, unary: Pair | None) -> tuple[Exchange, ...]:
    """What the gateway sends upstream for one request of the client."""
    if x is None or x.id == pair.client.id:
        return pair.upstream
    return unary.upstream if unary and x.id == unary.client.id else ()
