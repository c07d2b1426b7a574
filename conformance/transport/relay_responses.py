"""Error responses of the relay itself: to what is not HTTP, to what it does not relay, and if no server is reached."""

import json
import re
from http import HTTPStatus
from typing import Final, NamedTuple

from conformance.transport.framing import Message, is_no_request
from conformance.transport.upstream import Upstream

SCHEME = re.compile(rb"\S+ [a-z][a-z0-9+.-]*://", re.IGNORECASE)


class RelayResponse(NamedTuple):
    """An error response of the relay, after which it closes the connection. `why`, in a few words, is counted."""

    why: str
    data: bytes


def _error(status: HTTPStatus, why: str, code: str, message: str) -> RelayResponse:
    """An error that the SDKs of OpenAI and of Anthropic can read."""
    error = {"type": code, "code": code, "param": None, "message": f"conformance proxy: {message}"}
    body = json.dumps({"type": "error", "error": error}).encode()
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
    )
    return RelayResponse(why, head.encode() + body)


NOT_HTTP: Final = _error(
    HTTPStatus.BAD_REQUEST,
    "not an HTTP/1.1 request",
    "not_http",
    "this is not a request of HTTP/1.0 or 1.1; the proxy speaks neither TLS nor HTTP/2: use http://",
)
TOO_LONG: Final = _error(
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    "a head without end",
    "head_too_large",
    "the head of the request is too long to be read",
)
LATE: Final = _error(
    HTTPStatus.REQUEST_TIMEOUT, "a head that did not end in time", "request_timeout", "the head of the request is late"
)
TUNNEL: Final = _error(
    HTTPStatus.NOT_IMPLEMENTED,
    "CONNECT or an absolute URL",
    "not_a_forward_proxy",
    "this is no forward proxy: use its address as the base URL, not as HTTP_PROXY or HTTPS_PROXY",
)


def refusal(request: Message) -> RelayResponse | None:
    """The answer to a request that is not passed on; None for one that is, or whose head is not complete."""
    if request.is_too_long:
        return TOO_LONG
    if is_no_request(request.head or request.begun):
        return NOT_HTTP
    return TUNNEL if request.head.startswith(b"CONNECT ") or SCHEME.match(request.head) else None


def unreachable(upstream: Upstream, why: str) -> RelayResponse:
    """The response where no server can be reached."""
    where = upstream.netloc.decode("ascii", "replace")
    return _error(
        HTTPStatus.BAD_GATEWAY,
        f"the upstream {where} can't be reached: {why}",
        "upstream_unreachable",
        f"the upstream {where} can't be reached: {why}",
    )
