"""The transport's clock is the event loop's, so that a virtual-time loop controls all times."""

import anyio

NANOSECONDS = 1_000_000_000


def now_ns() -> int:
    """Nanoseconds on the running event loop's clock, monotonic by default."""
    return int(anyio.current_time() * NANOSECONDS)
