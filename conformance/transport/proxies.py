"""Proxies from the environment, and certificate authorities."""

import functools
import ipaddress
import os
import ssl
from typing import Any, NamedTuple
from urllib.request import getproxies, proxy_bypass

import httpx

from conformance.transport.tap import TapBackend


class RouteError(ValueError):
    """The environment or the URL makes it impossible to connect; the message holds no secrets."""


class Trust(NamedTuple):
    """Which certificates of a target are accepted: those of the authorities in a file, the usual ones, or any."""

    cacert: str | None = None
    insecure: bool = False


USUAL_TRUST = Trust()


def transport(url: httpx.URL, backend: TapBackend, trust: Trust = USUAL_TRUST) -> httpx.AsyncHTTPTransport:
    """An HTTP/1.1 transport for one exchange, through the proxy set in the environment, if any.

    `trust` is about the target alone: a proxy's certificate is always verified by the usual authorities.

    Raises:
        RouteError: the URL or the environment can't be used.
    """
    if url.scheme not in ("http", "https") or not url.host:
        raise RouteError("the URL is not an http:// or https:// URL with a host")
    proxy = proxy_for(url)
    context = tls_context(trust) if url.scheme == "https" else _no_tls()
    of_proxy = tls_context() if proxy and proxy.scheme == "https" else None
    try:
        made = httpx.AsyncHTTPTransport(
            verify=context, proxy=httpx.Proxy(proxy, ssl_context=of_proxy) if proxy else None
        )
    except (ImportError, ValueError) as error:
        scheme = proxy.scheme if proxy else ""
        raise RouteError(f"{scheme}:// proxies are not supported") from error
    backend.proxy_variable = _variable(url) if proxy else ""
    # httpx has no public way to choose httpcore's network backend; httpcore has.
    made._pool._network_backend = backend  # noqa: SLF001
    return made


def is_kept(carrier: httpx.AsyncHTTPTransport) -> bool:
    """Whether it has an open connection that the next request can be sent over."""
    connections = carrier._pool.connections  # noqa: SLF001 - as in transport
    return any(one.is_idle() and not one.has_expired() and not _has_rest(one) for one in connections)


def _has_rest(connection: Any) -> bool:
    """Whether bytes came with a response that do not belong to it: the next one would begin with them."""
    while connection is not None and not hasattr(connection, "_h11_state"):
        connection = getattr(connection, "_connection", None)
    return connection is not None and bool(connection._h11_state.trailing_data[0])  # noqa: SLF001 - as in transport


def tls_context(trust: Trust = USUAL_TRUST) -> ssl.SSLContext:
    """A context for TLS with whom `trust` accepts.

    Raises:
        RouteError: the certificate authorities can't be read.
    """
    try:
        return _context(trust, *_authorities())
    except OSError as error:
        named = (("cacert", trust.cacert), *zip(_NAMES, _authorities(), strict=True))
        where = " and ".join(f"{name}={value}" for name, value in named if value)
        raise RouteError(f"the certificate authorities can't be read ({where}): {error.strerror or error}") from error


def proxy_for(url: httpx.URL) -> httpx.URL | None:
    """The proxy for a URL according to HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY.

    Loopback is always direct: the proxy's loopback is another machine.

    Raises:
        RouteError: the proxy variable is not a URL.
    """
    named = _proxies(tuple(os.environ.get(name) for name in _PROXY_NAMES))
    proxy = named.get(url.scheme) or named.get("all")
    if not proxy or _is_loopback(url.host) or proxy_bypass(url.host if ":" in url.host else url.netloc.decode()):
        return None
    try:
        return httpx.URL(proxy if "://" in proxy else f"http://{proxy}")
    except httpx.InvalidURL as error:
        raise RouteError(f"the proxy set in the environment for {url.scheme}:// is not a URL") from error


_PROXY_NAMES = ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "REQUEST_METHOD")


def _variable(url: httpx.URL) -> str:
    """The environment variable that sets the proxy for a URL; `getproxies` reads the first of these."""
    names = (f"{url.scheme}_proxy", f"{url.scheme}_proxy".upper(), "all_proxy", "ALL_PROXY")
    return next((name for name in names if os.environ.get(name)), "the system's settings")


@functools.lru_cache(maxsize=8)
def _proxies(_values: tuple[str | None, ...]) -> dict[str, str]:
    """The proxies set in the environment, cached: scanning it takes longer than a short exchange.

    The cache key is the values of `_PROXY_NAMES`, the variables that matter.
    """
    return getproxies()


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


_NAMES = ("SSL_CERT_FILE", "SSL_CERT_DIR")


def _authorities() -> tuple[str, str]:
    return os.environ.get(_NAMES[0], ""), os.environ.get(_NAMES[1], "")


@functools.cache
def _context(trust: Trust, file: str, folder: str) -> ssl.SSLContext:  # noqa: ARG001 - httpx reads the same variables; they are the cache key
    """A context for TLS, cached: loading the authorities takes longer than a short exchange."""
    if trust.cacert:
        return ssl.create_default_context(cafile=trust.cacert)
    return httpx.create_ssl_context(verify=not trust.insecure)


@functools.cache
def _no_tls() -> ssl.SSLContext:
    """An unused context: without it httpx would load the authorities for plain connections, too."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
