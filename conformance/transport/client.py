"""Send one request and record the exchange within the configured limits.

Whatever the target or the network does is recorded in the exchange, never raised.
"""

import base64
from collections.abc import Callable, Sequence
from typing import Any

import anyio
import anyio.lowlevel
import h11
import httpx
import msgspec

from conformance.model.exchange import Exchange, Request
from conformance.transport import redact
from conformance.transport.connection_errors import describe_error
from conformance.transport.limits import Limits
from conformance.transport.proxies import USUAL_TRUST, RouteError, Trust, proxy_for, transport
from conformance.transport.record import Record
from conformance.transport.redact import to_bytes
from conformance.transport.tap import TapBackend

__all__ = ["Limits", "exchange_once"]

PLACEHOLDER = "{key}"
NO_KEY = "no-key"
YIELD_EVERY_CHUNKS = 256

Headers = list[tuple[bytes, bytes]]
Connect = Callable[[httpx.URL], httpx.AsyncHTTPTransport]


def _ignore() -> None:
    """Default of `on_response`."""


async def exchange_once(
    request: Request,
    key: str | None,
    limits: Limits,
    secrets: Sequence[str] = (),
    unix_socket: str | None = None,
    trust: Trust = USUAL_TRUST,
    on_response: Callable[[], None] = _ignore,
) -> Exchange:
    """Send one request over a new connection and record the exchange until it is over.

    `key` replaces `{key}` in the headers. The key and `secrets` (values of the target's own headers) are masked in the
    exchange. No redirect is followed, and there are no retries. Cancellation closes the connection and propagates. With
    `reuse_connection` the request is sent twice over the connection; the second exchange is recorded. `unix_socket` is
    connected to instead of the URL's host; `trust` says which certificates are accepted. `on_response` is called once,
    when the response is complete or has failed: after that the harness only listens for further bytes.
    """
    backend = TapBackend(new_record(request, limits), unix_socket)
    try:
        try:
            await exchange_http(request, key, backend, lambda url: transport(url, backend, trust))
        finally:
            on_response()
        await backend.listen()
    finally:
        with anyio.CancelScope(shield=True):
            await backend.aclose()
    return recorded_exchange(request, key, secrets, backend.record)


def new_record(request: Request, limits: Limits) -> Record:
    """A record of an exchange that begins now."""
    return Record(limits, request.disconnect_after_events, request.disconnect_after_s)


async def exchange_http(request: Request, key: str | None, backend: TapBackend, connect: Connect) -> None:
    """Send the request with httpx, once or twice, and read the response to the end of its HTTP/1.1 framing.

    `connect` makes the transport, or gives one that has a connection.
    """
    try:
        url = httpx.URL(request.url)
        headers = _headers(request, url, key)
        _check(request.method, headers)
        carrier = connect(url)
        await _send_and_read(request, url, headers, backend.record, carrier)
        if request.reuse_connection:
            backend.record = new_record(request, backend.record.limits)
            await _send_and_read(request, url, headers, backend.record, carrier)
    except Exception as error:  # noqa: BLE001 - a hostile response makes the parsers raise more than their own exceptions
        record = backend.record
        if not record.started:
            record.close("unreachable", _unreachable(error, backend.proxy_variable))
        elif record.ended is None or record.ended.how == "closed":
            record.finish_response(protocol_error=str(error) or type(error).__name__)


async def _send_and_read(
    request: Request, url: httpx.URL, headers: Headers, record: Record, carrier: httpx.AsyncHTTPTransport
) -> None:
    async def follow(event: str, info: dict[str, Any]) -> None:
        if event == "http11.send_request_headers.started" and info["request"].method != b"CONNECT":
            record.start()

    sent = httpx.Request(
        request.method,
        url,
        headers=headers,
        stream=httpx.ByteStream(request.body),
        extensions={"trace": follow},
    )
    reply = await carrier.handle_async_request(sent)
    if request.turns and reply.status_code == httpx.codes.SWITCHING_PROTOCOLS:
        from conformance.transport.websocket import converse

        await converse(request.turns, reply.extensions["network_stream"], record)
    async for _ in reply.aiter_raw():
        record.chunks += 1
        if (
            not record.chunks % YIELD_EVERY_CHUNKS
        ):  # many chunks in one read must not delay, and so misdate, other exchanges
            await anyio.lowlevel.checkpoint()
    record.finish_response()


def _unreachable(error: Exception, proxy_variable: str) -> str:
    if isinstance(error, httpx.ProxyError):
        return f"the proxy ({proxy_variable}) rejected the request: {error}"
    if isinstance(error, httpx.RemoteProtocolError):
        return f"the proxy ({proxy_variable}) sent an invalid response: {error}"
    if isinstance(error, httpx.InvalidURL):
        return f"the URL is not valid: {error}"
    return str(error) if isinstance(error, RouteError) else describe_error(error)


def _headers(request: Request, url: httpx.URL, key: str | None) -> Headers:
    """The headers in order: Host first, Content-Length last, as the SDKs' HTTP clients send them."""
    given = [(name.encode(), to_bytes(value.replace(PLACEHOLDER, key or NO_KEY))) for name, value in request.headers]
    names = {name.lower() for name, _ in given}
    host = [] if b"host" in names else [(b"Host", url.netloc)]
    has_length = bool(request.body) or request.method in ("POST", "PUT", "PATCH")
    framed = b"content-length" in names or b"transfer-encoding" in names
    length = [(b"Content-Length", str(len(request.body)).encode())] if has_length and not framed else []
    return [*host, *given, *length]


def _check(method: str, headers: Headers) -> None:
    """Reject headers that HTTP/1.1 forbids. The message does not repeat the value: it may hold the key."""
    try:
        h11.Request(method=method, target="/", headers=headers)
    except h11.LocalProtocolError:
        _blame(method, headers)


def _blame(method: str, headers: Headers) -> None:
    """Name the header that makes the request illegal, if a single one does."""
    for name, value in headers:
        host = [] if name.lower() == b"host" else [(b"Host", b"x")]
        try:
            h11.Request(method=method, target="/", headers=[*host, (name, value)])
        except h11.LocalProtocolError as error:
            raise RouteError(f"the header {name.decode()} can't be sent: it has an illegal name or value") from error


def recorded_exchange(
    request: Request, key: str | None, secrets: Sequence[str], record: Record, *, is_reused: bool = False
) -> Exchange:
    """The exchange that was recorded, with secrets masked."""
    keys = (key,) if key and len(key) >= redact.MIN_LENGTH else ()
    words = redact.words([*secrets, *_proxy_credentials(request.url)])
    written = b"\n".join((request.body, *(turn.event for turn in request.turns)))
    others = tuple(word for word in words if to_bytes(word) not in written)  # what the harness writes is no secret
    received, masked = redact.mask_received(_taken(record.received), keys)
    received, _ = redact.mask_received(received, others)
    ending = record.ending()
    return Exchange(
        id=request.id,
        case=request.cases[0],
        merged_cases=request.cases[1:],
        attempt=request.attempt,
        nonce=request.nonce,
        began_ns=record.started_ns,
        is_reused=is_reused,
        sent=redact.mask_sent(bytes(record.sent), _secret_lines(request, key, secrets), (*keys, *others)),
        received=received,
        arrivals=tuple(record.arrivals),
        sent_at_ns=record.sent_at_ns or 0,
        ending=msgspec.structs.replace(ending, detail=redact.mask_text(ending.detail, (*keys, *others))),
        masked=masked if key and _looks_secret(key) else (),
    )


def _taken(received: bytearray) -> bytes:
    """The bytes, moved out of the buffer: a copy of each large response would multiply the memory of a run."""
    taken = bytes(received)
    received.clear()
    return taken


def _looks_secret(key: str) -> bool:
    """Whether finding the key means that the target repeated it: a placeholder such as "ollama" may occur anyway."""
    return len(key) >= 12 or any(c.isdigit() for c in key)


def _secret_lines(request: Request, key: str | None, secrets: Sequence[str]) -> list[tuple[bytes, bytes]]:
    """The header lines that hold a secret, as sent and masked; here even a short secret is masked."""
    lines = []
    for name, value in request.headers:
        sent = value.replace(PLACEHOLDER, key or NO_KEY)
        masked = _mask(sent) if value in secrets else value.replace(PLACEHOLDER, _mask(key) if key else NO_KEY)
        if sent != masked:
            lines.append((to_bytes(f"{name}: {sent}"), to_bytes(f"{name}: {masked}")))
    return lines


def _mask(secret: str) -> str:
    return "*" * len(to_bytes(secret))


def _proxy_credentials(url: str) -> list[str]:
    """The secrets in the Proxy-Authorization header for a forward proxy."""
    try:
        proxy = proxy_for(httpx.URL(url))
    except (httpx.InvalidURL, RouteError):
        return []
    if proxy is None or not proxy.userinfo:
        return []
    return [proxy.password, base64.b64encode(f"{proxy.username}:{proxy.password}".encode()).decode()]
