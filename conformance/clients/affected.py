"""The clients that a response affects, computed over all clients: no list of frameworks is kept by hand."""

from typing import Final

from conformance.apis.embeddings import vectors
from conformance.apis.errors import rejected_fields
from conformance.apis.request import request_body
from conformance.clients.explain import impact, is_affected
from conformance.clients.registry import CLIENTS
from conformance.model.exchange import Exchange
from conformance.model.impact import Impact
from conformance.model.target import Prices
from conformance.parsing.http1 import reply

LONGEST: Final = 2 * 1024 * 1024
"""Bytes of content; a longer response is not simulated, as each client would need seconds for it."""


def profile_impacts(x: Exchange, fallback: Exchange | None, prices: Prices) -> tuple[Impact, ...]:
    """The impacts on the clients of the profile that sent the request; none for an unknown profile.

    `fallback` is the same profile's unary exchange of the same probe.
    """
    clients = CLIENTS.get(x.case.profile, ()) if _is_simulated(x) else ()
    return tuple(impact(client, x, fallback, prices) for client in clients if client.reads(x))


def affected_clients(x: Exchange, fallback: Exchange | None, prices: Prices) -> tuple[Impact, ...]:
    """The impacts of the same bytes on all clients of the API, without those whose users simply get the response.

    Clients of one profile with the same impact are reported once, by the later version. A recording that the user
    interrupted does not show what a client would have received.
    """
    if x.ending.how == "interrupted" or not _is_simulated(x):
        return ()
    clients = [client for speakers in CLIENTS.values() for client in speakers if client.reads(x)]
    found: dict[tuple[str, str, int], Impact] = {}
    for seen in (impact(client, x, fallback, prices) for client in clients):
        if is_affected(seen):
            found.setdefault((seen.profile, seen.outcome, seen.requests), seen)
    return tuple(found.values())


def concerns_only_its_sender(x: Exchange) -> bool:
    """Whether other clients may get another response, as they send other fields.

    A field of this one is rejected, or vectors are in Base64, for which this one does not ask.
    """
    return bool(rejected_fields(x)) or _has_unasked_base64(x)


def _has_unasked_base64(x: Exchange) -> bool:
    is_requested = request_body(x).get("encoding_format") == "base64"
    return x.api == "embeddings" and not is_requested and any(isinstance(one.sent, str) for one in vectors(x))


def _is_simulated(x: Exchange) -> bool:
    return len(reply(x).content) <= LONGEST
