"""A server's counts of its clients: requests in progress, and client disconnects."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

POLL_S = 0.02
"""How often a waiting server checks whether its client is still connected."""


class ServerState:
    """The counts of one server."""

    def __init__(self) -> None:
        self._gone = 0
        self._peak = 0
        self._in_progress: dict[object, Callable[[], bool]] = {}

    @property
    def running(self) -> int:
        """Requests in progress."""
        return len(self._in_progress)

    @property
    def peak(self) -> int:
        """The most requests that were ever in progress."""
        return self._peak

    @property
    def disconnects(self) -> int:
        """Clients that disconnected before their response ended, noticed by the server or not."""
        return self._gone + sum(is_gone() for is_gone in self._in_progress.values())

    @contextmanager
    def in_progress(self, is_gone: Callable[[], bool] = lambda: False) -> Iterator[None]:
        """Count a request as in progress. `is_gone`, or an OSError, shows that its client disconnected."""
        request = object()
        self._in_progress[request] = is_gone
        self._peak = max(self._peak, self.running)
        try:
            yield
        except OSError:
            self._gone += 1
            raise
        finally:
            del self._in_progress[request]


async def wait_for_client(seconds: float, is_gone: Callable[[], Awaitable[bool]]) -> None:
    """Wait while the client stays connected.

    Raises:
        ConnectionResetError: the client disconnected.
    """
    while seconds > 0:
        await asyncio.sleep(min(seconds, POLL_S))
        seconds -= POLL_S
        if await is_gone():
            raise ConnectionResetError
