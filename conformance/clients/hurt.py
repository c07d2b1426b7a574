"""Whom a reply hurts: the impacts over every client of an API, so that no list is ever kept by hand."""

from conformance.clients.predict import impact, is_hurt
from conformance.clients.registry import CLIENTS
from conformance.exchange import Exchange
from conformance.impact import Impact
from conformance.target import Prices


def hurts(x: Exchange, fallback: Exchange | None, prices: Prices) -> tuple[Impact, ...]:
    """The impacts of the same octets on all clients of the exchange's API, without those whose users get the answer.

    Clients of one profile that fare alike are told once. `fallback` is the unary exchange of the same probe.
    """
    found: dict[tuple[str, str, int], Impact] = {}
    for clients in CLIENTS.values():
        for client in clients:
            if client.api == x.api:
                seen = impact(client, x, fallback, prices)
                if is_hurt(seen):
                    found.setdefault((seen.profile, seen.outcome, seen.requests), seen)
    return tuple(found.values())
