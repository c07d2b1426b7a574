"""How busy this machine is, where Linux tells: https://docs.kernel.org/accounting/psi.html."""

from pathlib import Path
from typing import Final, NamedTuple

from conformance.transport.clock import now_ns

CPU: Final = Path("/proc/pressure/cpu")
NANOSECONDS_PER_MICROSECOND: Final = 1000


class Waited(NamedTuple):
    """Nanoseconds since boot in which some process waited for a processor, and the time when it was read."""

    waited_ns: int
    at_ns: int


def waited() -> Waited | None:
    """The time that processes have waited for a processor so far; None where the kernel does not tell."""
    try:
        some = CPU.read_text(encoding="ascii").splitlines()[0]
        return Waited(int(some.rpartition("total=")[2]) * NANOSECONDS_PER_MICROSECOND, now_ns())
    except (OSError, ValueError, IndexError):
        return None


def share_since(before: Waited | None) -> float | None:
    """The share of the time since then in which some process waited for a processor, from 0 to 1; None if unknown."""
    now = waited()
    if before is None or now is None or now.at_ns <= before.at_ns:
        return None
    return round(min(1.0, max(0.0, (now.waited_ns - before.waited_ns) / (now.at_ns - before.at_ns))), 2)
