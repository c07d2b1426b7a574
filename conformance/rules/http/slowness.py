"""Whether a target that did not respond in time is slow: how long a large request may need, judged by smaller ones."""

from collections.abc import Sequence

from conformance.model.case import Kind
from conformance.model.exchange import NANOSECONDS_PER_MILLISECOND, Exchange

PER_S = 1000 * NANOSECONDS_PER_MILLISECOND
APART = 4
"""How much larger one request must be than another for their times to show a rate."""


def slowness(x: Exchange, smaller: Sequence[Exchange]) -> str:
    """Why a timeout before the first byte may be slowness, with the time to set; or empty.

    A prompt takes time in proportion to its length. The estimate errs on the large side: of one smaller request, all
    its time is taken to be the prompt's.
    """
    if x.ending.how != "timeout" or x.ending.phase != "first-byte":
        return ""
    waited_s = (x.ending.at_ns - x.sent_at_ns) / PER_S
    if (x.case.kind, x.case.subject) == (Kind.MISTAKE, "too-long"):
        return f"no byte came within {waited_s:.3g} s of a prompt that is longer than any user's: this may be slowness"
    needed_s = _needed_s(body_size(x), smaller)
    if needed_s <= waited_s:
        return ""
    return (
        f"no byte came within {waited_s:.3g} s of a request of {body_size(x):,} bytes; at the rate of smaller ones it "
        f"may need {needed_s:.0f} s: set a longer --timeout"
    )


def _needed_s(size: int, smaller: Sequence[Exchange]) -> float:
    """The time to the first byte that a body of this size may need, in seconds; 0 if no smaller one shows it."""
    times = sorted((body_size(x), (x.arrivals[0].at_ns - x.sent_at_ns) / PER_S) for x in smaller if x.arrivals)
    shown = [(length, time_s) for length, time_s in times if 2 * length <= size]
    if not shown:
        return 0.0
    (least, least_s), (most, most_s) = shown[0], shown[-1]
    rate = max(0.0, (most_s - least_s) / (most - least)) if most >= APART * least else most_s / most
    return most_s + rate * (size - most)


def body_size(x: Exchange) -> int:
    """The bytes of the request's body."""
    return max(1, len(x.sent.partition(b"\r\n\r\n")[2]))
