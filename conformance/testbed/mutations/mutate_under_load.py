"""Change responses only while the server is busy, or with what is known of the request before."""

import zlib
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from conformance.apis.nonce import NONCE
from conformance.testbed.mutations.mutate_bytes import Edit
from conformance.testbed.server.reply import (
    ModelResponse,
    Mutation,
    OnResponse,
    OnWire,
    ServerRequest,
    WireResponse,
    Write,
)

BUSY: Final = 4
"""Other requests in progress from which on the server is busy."""

Where = Callable[[ServerRequest], object]


def is_busy(request: ServerRequest) -> bool:
    """Whether a request for generation arrives while several others are in progress."""
    return request.method == "POST" and request.api is not None and request.running >= BUSY


def has_been_busy(request: ServerRequest) -> bool:
    """Whether it is the only request in progress, on a server that was busy before."""
    return request.method == "POST" and request.api is not None and not request.running and request.peak > BUSY


def when(where: Where, change: OnResponse) -> OnResponse:
    """The change, of successful responses to requests for which `where` holds."""

    def changed(response: ModelResponse, request: ServerRequest) -> ModelResponse:
        return change(response, request) if response.status == 200 and where(request) else response

    return changed


def wire_when(where: Where, edit: Edit) -> OnWire:
    """The edit of the bytes of successful responses to requests for which `where` holds."""

    def changed(reply: WireResponse, request: ServerRequest) -> WireResponse:
        return edit(reply) if reply.status == 200 and where(request) else reply

    return changed


def defect(name: str, title: str, caught_by: str, on_response: OnResponse) -> Mutation:
    """A defect in the content of responses while the server is busy."""
    return Mutation(name=name, title=title, caught_by=caught_by, on_response=when(is_busy, on_response))


def wire_defect(name: str, title: str, caught_by: str, edit: Edit, where: Where = is_busy) -> Mutation:
    """A defect in the bytes of responses while the server is busy, or where `where` holds."""
    return Mutation(name=name, title=title, caught_by=caught_by, on_wire=wire_when(where, edit))


def one_in(count: int) -> Where:
    """Busy, and one request of so many, by its text."""
    return lambda request: is_busy(request) and zlib.crc32(request.body) % count == 0


def number_of(request: ServerRequest) -> int:
    """A number that the server draws for each request, the same in each run."""
    return zlib.crc32(request.id[-6:].encode())


def nonce_of(request: ServerRequest | None) -> bytes:
    """The last nonce in a request; empty if it has none."""
    found: list[bytes] = NONCE.findall(request.body) if request else []
    return found[-1] if found else b""


def as_neighbour(reply: WireResponse, request: ServerRequest) -> WireResponse:
    """The reply, with the nonce of the request before in place of its own."""
    mine, theirs = nonce_of(request), nonce_of(request.neighbour)
    if not (mine and theirs):
        return reply
    return replace(reply, pieces=tuple(replace(p, data=p.data.replace(mine, theirs)) for p in reply.pieces))


def delayed(seconds: float) -> Edit:
    """The whole reply, so much later."""

    def edit(reply: WireResponse) -> WireResponse:
        first, *rest = reply.pieces or (Write(data=b""),)
        return replace(reply, pieces=(replace(first, wait_s=first.wait_s + seconds), *rest))

    return edit


def took_s(reply: WireResponse) -> float:
    """How long the reply takes, in seconds."""
    return sum(piece.wait_s for piece in reply.pieces)
