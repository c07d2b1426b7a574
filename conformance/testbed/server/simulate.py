"""Simulate a deployment's response to a planned request, as an exchange, without a connection. Pure."""

from collections.abc import Sequence
from dataclasses import replace
from email.utils import formatdate
from functools import lru_cache
from typing import Final, Literal

from conformance.model.exchange import NANOSECONDS_PER_MILLISECOND, Arrival, Ending, Exchange, Request
from conformance.testbed.server.deployments import DEPLOYMENTS, reply_to, response_to, written
from conformance.testbed.server.framing import writes
from conformance.testbed.server.planned import AT, server_request
from conformance.testbed.server.reply import ModelResponse, Mutation, ServerRequest, WireResponse

BASE_URL: Final = "http://rehearsal/v1"
"""The base URL of simulated requests."""
KEY: Final = "sk-0123456789-of-nobody"
MS: Final = NANOSECONDS_PER_MILLISECOND


def simulate_exchange(
    request: Request,
    deployment: str,
    changes: Sequence[Mutation] = (),
    *,
    carried: str = KEY,
    wanted: str | None = None,
) -> Exchange:
    """The exchange in which a changed deployment responds to a planned request for BASE_URL.

    The request carries the key `carried`; where `wanted` is given, the deployment requires it. Nothing is masked, and
    only the reply's own delays take time.
    """
    server_request = _server_request(request, carried)
    received, arrivals, at_ms = b"", [], 1
    if any(change.on_request for change in changes):
        reply = reply_to(server_request, DEPLOYMENTS[deployment], changes, key=wanted)
    else:
        reply = written(_unchanged_response(request, deployment, carried, wanted), server_request, changes)
    for piece in writes(replace(reply, headers=(*reply.headers, ("date", formatdate(AT, usegmt=True))))):
        at_ms += int(piece.wait_s * 1000)
        received += piece.data
        arrivals += [Arrival(at_ms * MS, len(piece.data))] if piece.data else []
    head = "".join(f"{name}: {value}\r\n" for name, value in request.headers)
    return Exchange(
        id=request.id,
        case=request.cases[0],
        merged_cases=request.cases[1:],
        sent=f"{request.method} {server_request.path} HTTP/1.1\r\n{head}\r\n".encode() + request.body,
        received=received,
        arrivals=tuple(arrivals),
        ending=_ending(reply, at_ms * MS, started=bool(received)),
    )


@lru_cache(maxsize=1024)
def _unchanged_response(request: Request, deployment: str, carried: str, wanted: str | None) -> ModelResponse:
    """The deployment's response before any change to it, cached because all changes share it."""
    return response_to(_server_request(request, carried), DEPLOYMENTS[deployment], key=wanted)


@lru_cache(maxsize=1024)
def _server_request(request: Request, key: str) -> ServerRequest:
    return server_request(request, BASE_URL, key)


def _ending(reply: WireResponse, at_ns: int, *, started: bool) -> Ending:
    """How the reply's end looks to a client that reads until nothing more arrives."""
    phase: Literal["body", "first-byte"] = "body" if started else "first-byte"
    match reply.end:
        case "hold":
            return Ending("timeout", phase, at_ns + int(reply.hold_s * 1000) * MS, f"silent for {reply.hold_s:g} s")
        case "reset":
            return Ending("reset", phase, at_ns, "the connection was reset")
        case "abort":
            return Ending("closed", phase, at_ns)
    closes = reply.framing == "close" or reply.after
    return Ending("closed" if closes else "idle", "after", at_ns)
