"""What a gateway does with a request whose client has left, and with one while others are in progress."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from conformance.testbed.gateway.handling import (
    Forward,
    GatewayReply,
    GatewayRequest,
    GatewayState,
    Handler,
    Pieces,
)

Where = Callable[[GatewayRequest], object]
END: Final = None


def deaf_while_waiting(where: Where = bool) -> Handler:
    """Do not notice before the first byte of the reply that the client has left."""

    async def handle(request: GatewayRequest, forward: Forward, _state: GatewayState) -> GatewayReply:
        if not where(request):
            return await forward(request)
        asking = asyncio.ensure_future(forward(request))
        try:
            return await asyncio.shield(asking)
        except asyncio.CancelledError:
            await _read((await asking).body)
            raise

    return handle


async def _read(pieces: Pieces) -> None:
    async for _ in pieces:
        pass


async def to_the_end(pieces: Pieces) -> Pieces:
    """The pieces, which are read to the end even if no one reads them."""
    taken: asyncio.Queue[bytes | OSError | None] = asyncio.Queue()

    async def pump() -> None:
        try:
            async for piece in pieces:
                taken.put_nowait(piece)
            taken.put_nowait(END)
        except OSError as error:
            taken.put_nowait(error)

    pumping = asyncio.ensure_future(pump())
    try:
        while (piece := await taken.get()) is not END:
            if isinstance(piece, OSError):
                raise piece
            yield piece
    except asyncio.CancelledError:
        await pumping
        raise


def deaf_in_body(where: Where = bool) -> Handler:
    """Do not notice within the body of the reply that the client has left."""

    async def handle(request: GatewayRequest, forward: Forward, _state: GatewayState) -> GatewayReply:
        reply = await forward(request)
        return replace(reply, body=to_the_end(reply.body)) if where(request) else reply

    return handle


def deaf(where: Where = bool) -> Handler:
    """Do not notice at all that the client has left."""

    async def handle(request: GatewayRequest, forward: Forward, state: GatewayState) -> GatewayReply:
        async def forwarded(inner: GatewayRequest) -> GatewayReply:
            return await deaf_in_body(where)(inner, forward, state)

        return await deaf_while_waiting(where)(request, forwarded, state)

    return handle


def late(seconds: float) -> Handler:
    """Notice so many seconds later that the client has left."""

    async def handle(request: GatewayRequest, forward: Forward, _state: GatewayState) -> GatewayReply:
        asking = asyncio.ensure_future(forward(request))
        try:
            return await asyncio.shield(asking)
        except asyncio.CancelledError:
            await asyncio.sleep(seconds)
            asking.cancel()
            raise

    return handle


def trying_again(attempts: int, pause_s: float, *, for_nobody: bool) -> Handler:
    """Try again after a pause where the upstream failed; whether also for a client that leaves in the pause."""

    async def handle(request: GatewayRequest, forward: Forward, _state: GatewayState) -> GatewayReply:
        reply = await forward(request)
        for _ in range(attempts - 1):
            if reply.status not in (502, 503):
                break
            try:
                await asyncio.sleep(pause_s)
            except asyncio.CancelledError:
                if for_nobody:
                    await asyncio.sleep(pause_s)
                    await _read((await forward(request)).body)
                raise
            reply = await forward(request)
        return reply

    return handle


def at_most(requests: int) -> Handler:
    """Ask the upstream for so many requests at a time; a reply counts until its last piece."""

    async def held(pieces: Pieces, slots: asyncio.Semaphore) -> Pieces:
        try:
            async for piece in pieces:
                yield piece
        finally:
            slots.release()

    async def handle(request: GatewayRequest, forward: Forward, state: GatewayState) -> GatewayReply:
        slots: asyncio.Semaphore = state.memory.setdefault("slots", asyncio.Semaphore(requests))
        await slots.acquire()
        try:
            reply = await forward(request)
        except BaseException:
            slots.release()
            raise
        return replace(reply, body=held(reply.body, slots))

    return handle
