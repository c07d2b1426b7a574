"""What a gateway may do with HTTP itself: header fields, framing, compression, versions and connections."""

import asyncio
import time
import zlib
from dataclasses import replace
from email.utils import formatdate
from typing import Final

from conformance.testbed.gateway.handling import (
    Forward,
    GatewayChange,
    GatewayReply,
    GatewayRequest,
    GatewayState,
    Pieces,
    on_reply,
    on_stream,
    pass_on,
)
from conformance.testbed.gateway.wire import Wire
from conformance.testbed.server.reply import Headers

MERGE_S: Final = 0.04
"""How often what has arrived is passed on."""
EARLY_HINTS: Final = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n"
OF_NETWORKS: Final[Headers] = (
    ("Via", "1.1 varnish, 1.1 gateway"),
    ("Server-Timing", 'cache;desc="miss", app;dur=47.2'),
    ("Alt-Svc", 'h3=":443"; ma=86400'),
    ("CF-Ray", "8f1d2c3b4a5e6f70-FRA"),
    ("cf-cache-status", "DYNAMIC"),
    ("Set-Cookie", "__cf_bm=aXJ0dW8Yk2v3x8s9d0f1g2h3; path=/; HttpOnly; Secure; SameSite=None"),
    ("Strict-Transport-Security", "max-age=31536000"),
    ("Vary", "Origin, Accept-Encoding"),
    ("Access-Control-Allow-Origin", "*"),
    ("X-Envoy-Upstream-Service-Time", "12"),
    ("X-Kong-Upstream-Latency", "5"),
    ("apim-request-id", "8c1f0ad4-6f55-4b3f-8f4e-0d3b6a0a7f0a"),
)
"""What Varnish, Cloudflare, Envoy, Kong and Azure API Management add to replies."""


def _titled(headers: Headers) -> Headers:
    return tuple((name.title(), value) for name, value in sorted(headers, key=lambda item: item[0].lower()))


def _dated(reply: GatewayReply) -> GatewayReply:
    """Retry-After as a date (RFC 9110, section 10.2.3), no sooner than the upstream said."""
    headers = (_date(*item) if item[0].lower() == "retry-after" else item for item in reply.headers)
    return replace(reply, headers=tuple(headers))


def _date(name: str, value: str) -> tuple[str, str]:
    return name, formatdate(time.time() + 1 + int(value), usegmt=True) if value.isdecimal() else value


async def _compressed(request: GatewayRequest, forward: Forward, _state: GatewayState) -> GatewayReply:
    """What is not yet compressed, for clients that accept it; they can read each piece at once."""
    reply = await forward(request)
    is_accepted = any(name.lower() == "accept-encoding" and "gzip" in value for name, value in request.received)
    if not is_accepted or reply.header("content-encoding"):
        return reply
    kept = tuple(item for item in reply.headers if item[0].lower() != "content-length")
    coded = (*kept, ("content-encoding", "gzip"), ("vary", "accept-encoding"))
    return replace(reply, headers=coded, body=_packed(reply.body))


async def _packed(pieces: Pieces) -> Pieces:
    pack = zlib.compressobj(wbits=31)
    async for piece in pieces:
        yield pack.compress(piece) + pack.flush(zlib.Z_SYNC_FLUSH)
    yield pack.flush()


async def _merged(pieces: Pieces) -> Pieces:
    """What arrives within MERGE_S, as one piece."""
    held = bytearray()
    reading = asyncio.ensure_future(_read(pieces, held))
    try:
        while not reading.done():
            await asyncio.wait((reading,), timeout=MERGE_S)
            yield _taken(held)
        yield _taken(held)
        await reading
    finally:
        reading.cancel()


async def _read(pieces: Pieces, into: bytearray) -> None:
    async for piece in pieces:
        into += piece


def _taken(held: bytearray) -> bytes:
    piece = bytes(held)
    held.clear()
    return piece


def _at_azure(request: GatewayRequest) -> GatewayRequest:
    """At the addresses of Azure OpenAI, and with its field for the key."""
    body = request.json
    model = body.get("model") if isinstance(body, dict) else ""
    key = request.header("authorization").removeprefix("Bearer ")
    kept = tuple(item for item in request.headers if item[0].lower() != "authorization")
    target = f"/openai/deployments/{model}/chat/completions?api-version=2024-10-21"
    return replace(request, target=target, headers=(*kept, ("api-key", key)))


VARIANTS = (
    GatewayChange(
        name="fields-in-title-case",
        title="Writes header fields in title case, in another order, with more white space",
        handle=on_reply(lambda reply: replace(reply, headers=_titled(reply.headers))),
        outgoing=lambda request: replace(request, headers=_titled(request.headers)),
        wire=Wire(line="{}:\t {} \t".format),
        apis=("messages",),
    ),
    GatewayChange(
        name="fields-of-networks",
        title="Adds to replies what networks and proxies add, a cookie among it",
        handle=on_reply(lambda reply: replace(reply, headers=(*reply.headers, *OF_NETWORKS))),
        apis=("responses",),
    ),
    GatewayChange(
        name="retry-after-as-date",
        title="Writes Retry-After as a date",
        handle=on_reply(_dated),
    ),
    GatewayChange(
        name="replies-compressed",
        title="Compresses replies for clients that accept it, streams as well",
        handle=_compressed,
        apis=("responses",),
    ),
    GatewayChange(
        name="pieces-merged",
        title="Passes on what has arrived 25 times a second",
        handle=on_stream(_merged),
        apis=("messages",),
    ),
    GatewayChange(
        name="chunks-extended",
        title="Sends early hints, chunk extensions and trailers",
        handle=pass_on,
        wire=Wire(interim=EARLY_HINTS, extension=b';n=1;by="a;b"', trailers=b"Server-Timing: total;dur=3\r\n"),
        apis=("responses",),
    ),
    GatewayChange(
        name="closes-after-each-reply",
        title="Closes the connection after each reply",
        handle=pass_on,
        wire=Wire(closes=True),
        apis=("messages",),
    ),
    GatewayChange(
        name="upstream-in-http-1-0",
        title="Speaks HTTP/1.0 to its upstream",
        handle=pass_on,
        wire=Wire(version=b"1.0"),
    ),
    GatewayChange(
        name="requests-in-chunks",
        title="Sends requests in chunked coding, once the upstream expects them",
        handle=pass_on,
        wire=Wire(is_chunked=True, expects=True),
        apis=("responses",),
    ),
    GatewayChange(
        name="azure-upstream",
        title="Has Azure OpenAI as its upstream: another path, a query, and api-key",
        handle=pass_on,
        outgoing=_at_azure,
    ),
)
