"""An event loop whose clock stands still while anything can run, and jumps to the next timer when nothing can.

A server and a client that share such a loop are timed exactly: a machine's load changes nothing, and waiting takes no
time. Whatever they say to each other must reach the other side at once: over Unix sockets it does, over TCP it may be
under way when the loop looks idle, and the clock would run ahead of it.
"""

import asyncio
import selectors
import time
from typing import Any, Final

Ready = list[tuple[selectors.SelectorKey, int]]


class _JumpingSelector(selectors.DefaultSelector):
    """Waits in virtual time: a wait without an event moves the clock and returns at once."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = time.monotonic()

    def select(self, timeout: float | None = None) -> Ready:
        """The events that are there; without any, the clock moves by `timeout`, or the wait is real if that is None."""
        if timeout is None:
            return super().select(None)
        ready = super().select(0)
        if not ready:
            self.now_s += max(0.0, timeout)
        return ready


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An asyncio event loop in virtual time. Its clock begins at the real one and only ever runs ahead."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        """Virtual seconds."""
        return self._jumping.now_s


IN_VIRTUAL_TIME: Final[dict[str, Any]] = {"loop_factory": VirtualTimeLoop}
"""The options of `anyio.run` with which what it runs has a virtual clock."""
