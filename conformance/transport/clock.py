"""The transport's clock is the event loop's, so that a virtual-time loop controls all times."""

import asyncio

NANOSECONDS = 1_000_000_000


def now_ns() -> int:
    """Nanoseconds on the running event loop's clock, monotonic by default; also in callbacks, which run in no task."""
    return int(asyncio.get_running_loop().time() * NANOSECONDS)
