"""The server behind an accepting side: its address, and the connections to it."""

import asyncio
import ssl
from collections.abc import Callable
from typing import NamedTuple

import httpx

from conformance.transport.proxies import USUAL_TRUST, Trust, tls_context

PORTS = {"http": 80, "https": 443}


class Upstream(NamedTuple):
    """A server's address. `netloc` is the value of Host that it expects; `unix_socket` replaces host and port."""

    host: str
    port: int
    netloc: bytes
    tls: ssl.SSLContext | None = None
    unix_socket: str | None = None

    async def connect(self, protocol: Callable[[], asyncio.Protocol]) -> None:
        """Open a connection for the protocol. Raises OSError, which ssl.SSLError is, too."""
        loop = asyncio.get_running_loop()
        if self.unix_socket:
            await loop.create_unix_connection(protocol, self.unix_socket)
        elif self.tls:
            await loop.create_connection(protocol, self.host, self.port, ssl=self.tls, server_hostname=self.host)
        else:
            await loop.create_connection(protocol, self.host, self.port)


def upstream(url: str, trust: Trust = USUAL_TRUST, unix_socket: str | None = None) -> Upstream:
    """The server of a URL; its path does not matter.

    Raises:
        RouteError: the certificate authorities can't be read.
    """
    parsed = httpx.URL(url)
    context = tls_context(trust) if parsed.scheme == "https" and not unix_socket else None
    if context:
        context.set_alpn_protocols(["http/1.1"])
    return Upstream(parsed.host, parsed.port or PORTS[parsed.scheme], parsed.netloc, context, unix_socket)
