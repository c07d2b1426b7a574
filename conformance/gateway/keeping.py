"""Keep what both sides of a gateway saw until it is stored: matched, numbered, within bounds, and without secrets."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from conformance.gateway.arrived import (
    credentials_of,
    exchange_of,
    is_beside,
    is_broken,
    may_be,
    name_of,
    nonce_of,
    without,
)
from conformance.model.exchange import Exchange, Request
from conformance.transport.accepted import AcceptedExchange

MOST_ATTEMPTS: Final = 50
"""Requests upstream for one of the client's that are kept; further ones are counted."""
MOST_BYTES: Final = 128 * 1024 * 1024
"""Bytes of exchanges upstream that a run keeps; a gateway forwards some hundred kilobytes in all."""
MOST_OTHERS: Final = 100
OTHERS: Final = "other requests"
MOST_CREDENTIALS: Final = 32
LARGE: Final = 1024 * 1024
"""Bytes of a response of the gateway that is stored at once, without the credentials that are seen later."""


class Sent(NamedTuple):
    """A request to the gateway, and when it was sent, on the harness's clock."""

    at_ns: int
    request: Request


class Arrived(NamedTuple):
    """An exchange upstream that is over, the number of its upstream, its nonce, and the request that it is for."""

    exchange: AcceptedExchange
    upstream: int
    nonce: str
    request: Request


@dataclass(slots=True, kw_only=True, repr=False)
class Kept:
    """The exchanges of both sides that are not yet stored, and what is known of all.

    `key` is the client's, `secrets` are other values that it sends and that are nobody's business. `more` counts the
    requests upstream that are not kept, by the ID of the client's request, `others` those without a nonce of the run,
    and those to other endpoints. `credentials` are those that the gateway's requests brought, and whether each is a key
    of the API.
    `alone` is the only request under way, if so: what arrives without a nonce may then be this one. `broken` are
    requests upstream without a nonce and without a whole body, and the numbers of their upstreams: when both sides are
    over, each counts as the one of the client's that was under way and that arrived in no other form.
    """

    key: str | None
    secrets: tuple[str, ...] = ()
    began_ns: int = 0
    more: dict[str, int] = field(default_factory=dict)
    others: dict[str, int] = field(default_factory=dict)
    sent: dict[str, list[Sent]] = field(default_factory=dict)
    answered: list[Exchange] = field(default_factory=list)
    arrived: list[Arrived] = field(default_factory=list)
    credentials: dict[str, bool] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    attempts: dict[str, int] = field(default_factory=dict)
    alone: Request | None = None
    broken: list[tuple[AcceptedExchange, int]] = field(default_factory=list)
    bytes_left: int = MOST_BYTES

    def expect(self, requests: Sequence[Request], at_ns: int) -> None:
        """Note that requests are sent now. Those with one nonce are sent one after the other."""
        for request in requests:
            self.sent.setdefault(request.nonce, []).append(Sent(at_ns, request))

    @property
    def has_arrived(self) -> bool:
        """Whether any request of the run has arrived upstream, and is over."""
        return bool(self.counts)

    def arrive(self, x: AcceptedExchange, upstream: int) -> None:
        """Keep an exchange of the upstream of this number."""
        nonce = nonce_of(x) or self._nonce_of_alone(x)
        if nonce in self.sent:
            self._keep(x, upstream, nonce)
        elif not nonce and len(self.broken) < MOST_OTHERS and is_broken(x):
            self.broken.append((x, upstream))
        else:
            self._count_other(f"{name_of(x)}{' of another run' if nonce else ''}")

    def _keep(self, x: AcceptedExchange, upstream: int, nonce: str) -> None:
        request = self._request_of(x, nonce)
        if is_beside(x, request.url):
            self._count_other(name_of(x))
            return
        count = self.counts[request.id] = self.counts.get(request.id, 0) + 1
        if count > MOST_ATTEMPTS or x.size > self.bytes_left:
            self.more[request.id] = self.more.get(request.id, 0) + 1
            return
        self.bytes_left -= x.size
        self.arrived.append(Arrived(x, upstream, nonce, request))

    def _nonce_of_alone(self, x: AcceptedExchange) -> str:
        """The nonce of the only request under way, if one that arrived without a nonce may be it; or empty."""
        is_it = self.alone is not None and x.method == b"POST" and may_be(x, self.alone.body)
        return self.alone.nonce if self.alone and is_it else ""

    def _assign_broken(self) -> None:
        """Keep each broken request as that of a client who waited for it, or count it."""
        broken, self.broken = self.broken, []
        for x, upstream in broken:
            until = x.began_ns + x.ending.at_ns
            owner = next((one for one in self.answered if self._is_waiting(one, x.began_ns, until)), None)
            if owner:
                self._keep(x, upstream, owner.nonce)
            else:
                self._count_other(name_of(x))

    def _is_waiting(self, client: Exchange, began_ns: int, until_ns: int) -> bool:
        """Whether a client waited for its response all that time, and its request has not arrived."""
        is_under_way = client.began_ns <= began_ns and until_ns <= client.began_ns + client.ending.at_ns
        return is_under_way and client.id not in self.counts and client.nonce in self.sent

    def _request_of(self, x: AcceptedExchange, nonce: str) -> Request:
        """The last request with a nonce that was sent before one arrived upstream."""
        sent = self.sent[nonce]
        return next((one.request for one in reversed(sent) if one.at_ns <= x.began_ns), sent[0].request)

    def _count_other(self, name: str) -> None:
        name = name if name in self.others or len(self.others) < MOST_OTHERS else OTHERS
        self.others[name] = self.others.get(name, 0) + 1

    def answer(self, x: Exchange) -> Iterator[Exchange]:
        """Keep an exchange with the gateway; yields it if it is large, to be stored at once."""
        if len(x.received) > LARGE:
            yield self._of_client(x)
        else:
            self.answered.append(x)

    def due(self, in_progress: Collection[str] = ()) -> Iterator[Exchange]:
        """The exchanges to store now, those of the upstream numbered by nonce in order of arrival.

        Those whose nonce has requests in progress wait, for these may have arrived before.
        """
        self._assign_broken()
        ready = sorted((one for one in self.arrived if one.nonce not in in_progress), key=lambda one: one[0].began_ns)
        self.arrived = [one for one in self.arrived if one.nonce in in_progress]
        for one in ready:  # all of them first: each is masked wherever it is
            self._learn(credentials_of(one.exchange, self._known(one.request)))
        yield from map(self._of_upstream, ready)
        answered, self.answered = self.answered, []
        yield from map(self._of_client, answered)

    def _known(self, request: Request) -> frozenset[str]:
        """The values of header fields that the client sends with a request, and that are no secrets."""
        return frozenset(value for _, value in request.headers) - {*self.secrets}

    def _learn(self, credentials: Mapping[str, bool]) -> None:
        for value, is_key in credentials.items():
            if value not in (*self.secrets, self.key) and len(self.credentials) < MOST_CREDENTIALS:
                self.credentials[value] = is_key or self.credentials.get(value, False)

    def _of_upstream(self, one: Arrived) -> Exchange:
        x, upstream, nonce, request = one
        attempt = self.attempts[nonce] = self.attempts.get(nonce, 0) + 1
        found = exchange_of(x, upstream, self.key, (*self.secrets, *self.credentials), self._known(request))
        name = f"{request.id}.upstream-{attempt}"
        return replace(found, id=name, attempt=attempt, nonce=nonce, began_ns=x.began_ns - self.began_ns)

    def _of_client(self, x: Exchange) -> Exchange:
        return replace(without(x, self.credentials), began_ns=x.began_ns - self.began_ns)
