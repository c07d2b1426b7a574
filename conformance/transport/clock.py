"""The clock of the transport: the event loop's own, so that whoever sets the loop's clock sets all times."""

import anyio

NANOSECONDS = 1_000_000_000


def now_ns() -> int:
    """Nanoseconds on the running event loop's clock, which is the monotonic one unless the loop says otherwise."""
    return int(anyio.current_time() * NANOSECONDS)
