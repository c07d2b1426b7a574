"""A planned request as the embedded server would see it."""

from conformance.model.exchange import Request
from conformance.testbed.server.body import parse
from conformance.testbed.server.endpoints import api_of
from conformance.testbed.server.reply import ServerRequest

AT = 1_790_000_000
"""The Unix second of a simulated request, which is never sent."""


def server_request(request: Request, base_url: str, key: str) -> ServerRequest:
    """The request to a server at `base_url`, which ends in `/v1`, under its own id; its headers carry `key`."""
    path, _, query = request.url.removeprefix(base_url.removesuffix("/v1")).partition("?")
    return ServerRequest(
        method=request.method,
        path=path,
        query=query,
        headers=tuple((name.lower(), value.replace("{key}", key)) for name, value in request.headers),
        body=request.body,
        json=parse(request.body).value,
        api=api_of(path),
        id=request.id,
        at=AT,
    )
