"""Exchanges one after the other over a connection that is kept, as an SDK's HTTP client keeps one."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import NamedTuple, Self

import anyio
import httpx

from conformance.model.exchange import Exchange, Request
from conformance.transport.client import exchange_http, new_record, recorded_exchange
from conformance.transport.limits import Limits
from conformance.transport.proxies import USUAL_TRUST, Trust, is_kept, transport
from conformance.transport.tap import TapBackend


class _Connection(NamedTuple):
    """A connection that is kept after a complete response."""

    backend: TapBackend
    carrier: httpx.AsyncHTTPTransport

    @property
    def is_usable(self) -> bool:
        """Whether the next request can be sent over it."""
        return is_kept(self.carrier) and not self.backend.has_more


@dataclass(slots=True, kw_only=True, repr=False)
class Session:
    """Sends requests to one target, one at a time, over one connection as long as that can be used.

    It can be used after a complete response, unless the target announces that it closes the connection, closes it,
    or sends more bytes; and for as long as httpx keeps an idle connection (five seconds). The parameters are those
    of `exchange_once`.
    """

    key: str | None
    limits: Limits
    secrets: Sequence[str] = ()
    unix_socket: str | None = None
    trust: Trust = USUAL_TRUST
    _kept: _Connection | None = field(default=None, init=False)

    async def exchange(self, request: Request) -> Exchange:
        """Send one request and record the exchange, until its response is complete or has failed.

        After a response on a connection that stays open, the session does not listen, as the next request may follow;
        what has arrived by then is recorded. Cancellation closes the connection and propagates.
        """
        if self._kept and not self._kept.is_usable:
            await self.close()
        kept, self._kept = self._kept, None
        record = new_record(request, self.limits)
        backend = kept.backend if kept else TapBackend(record, self.unix_socket)
        backend.record = record
        carrier = kept.carrier if kept else None

        def connect(url: httpx.URL) -> httpx.AsyncHTTPTransport:
            nonlocal carrier
            carrier = carrier or transport(url, backend, self.trust)
            return carrier

        try:
            await exchange_http(request, self.key, backend, connect)
            made = _Connection(backend, carrier) if carrier and record.complete and not record.ended else None
            if made and made.is_usable:
                record.close("idle")
                self._kept = made
            else:
                await backend.listen()
        finally:
            if self._kept is None:
                await _close(backend)
        return recorded_exchange(request, self.key, self.secrets, backend.record, is_reused=kept is not None)

    async def close(self) -> None:
        """Close the connection, if one is kept."""
        kept, self._kept = self._kept, None
        if kept:
            await _close(kept.backend)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


async def _close(backend: TapBackend) -> None:
    with anyio.CancelScope(shield=True):
        await backend.aclose()
