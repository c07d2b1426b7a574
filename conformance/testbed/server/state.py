"""What a server remembers of its clients: how many it is answering, and how many hung up on it."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

GLANCE_S = 0.02
"""How often a server that waits looks whether its client is still there."""


class Business:
    """The counts of one server."""

    def __init__(self) -> None:
        self._gone = 0
        self._answers: dict[object, Callable[[], bool]] = {}

    @property
    def running(self) -> int:
        """How many answers are being made."""
        return len(self._answers)

    @property
    def hang_ups(self) -> int:
        """How many clients did not wait for their answer, those included whose server has not noticed yet."""
        return self._gone + sum(is_gone() for is_gone in self._answers.values())

    @contextmanager
    def answering(self, is_gone: Callable[[], bool] = lambda: False) -> Iterator[None]:
        """While an answer is made, whose client can be seen to be gone; an OSError says that it is."""
        answer = object()
        self._answers[answer] = is_gone
        try:
            yield
        except OSError:
            self._gone += 1
            raise
        finally:
            del self._answers[answer]


async def pause(seconds: float, is_gone: Callable[[], Awaitable[bool]]) -> None:
    """Wait, as long as the client does.

    Raises:
        ConnectionResetError: the client hung up.
    """
    while seconds > 0:
        await asyncio.sleep(min(seconds, GLANCE_S))
        seconds -= GLANCE_S
        if await is_gone():
            raise ConnectionResetError
