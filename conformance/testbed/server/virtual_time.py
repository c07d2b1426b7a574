"""An event loop whose clock stands still while anything can run, and jumps to the next timer when nothing can.

A server and a client that share such a loop are timed exactly: machine load changes nothing, and waiting takes no
time. Data must reach the other side at once: over Unix sockets it does; over TCP it may be in transit when the loop
looks idle, and the clock would run ahead of it.
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
        """The ready events; if there are none, the clock moves by `timeout`, or the wait is real if that is None."""
        if timeout is None:
            return super().select(None)
        ready = super().select(0)
        if not ready:
            self.now_s += max(0.0, timeout)
        return ready


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An asyncio event loop in virtual time. Its clock starts at the real time and only runs ahead."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        """Virtual seconds."""
        return self._jumping.now_s


IN_VIRTUAL_TIME: Final[dict[str, Any]] = {"loop_factory": VirtualTimeLoop}
"""Options of `anyio.run` for a virtual clock."""
