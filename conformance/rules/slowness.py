"""Whether a target that did not respond in time is slow: how long a large request may need, judged by smaller ones."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from conformance.apis.deltas import arrivals, deltas
from conformance.model.case import Kind
from conformance.model.exchange import NANOSECONDS_PER_MILLISECOND, Exchange
from conformance.parsing.http1 import reply
from conformance.rules.conditions import OK

PER_S = 1000 * NANOSECONDS_PER_MILLISECOND
APART = 4
"""How much larger one request must be than another for their times to show a rate."""

LEAST_STALL = PER_S
"""A shorter silence shows nothing."""

Sample = tuple[int, float]
"""The size of a request's body in bytes, and how long its response took to begin, in seconds."""


def slowness(x: Exchange, others: Sequence[Exchange]) -> str:
    """Why a timeout before the first byte, or before the first token of a stream, may be slowness; or empty.

    `others` are baseline and preflight exchanges. A target that is still generating one of them at the timeout makes
    other requests wait. And a prompt takes time in proportion to its length, before or after the response's head: the
    estimate errs on the large side; of one smaller request, all its time is taken to be the prompt's.
    """
    if x.ending.how != "timeout":
        return ""
    if x.ending.phase == "first-byte":
        what, begun = "byte", _begun(others, by_token=x.mode == "unary")
    elif x.ending.phase == "body" and x.mode == "stream" and not deltas(x):
        what, begun = "token", _begun(others, by_token=True)
    else:
        return ""
    return _overlong(x) or _occupied(x, what, others) or _estimate(x, what, begun)


def is_in_progress(x: Exchange) -> bool:
    """Whether a stream timed out while its deltas kept coming."""
    if x.ending.how != "timeout" or x.ending.phase != "body" or not deltas(x):
        return False
    return not fell_silent(x.ending.at_ns, arrivals(x))


def fell_silent(ended_ns: int, times_ns: Sequence[int]) -> bool:
    """Whether what came at these times stopped before the end: for a second, and far longer than ever before."""
    longest = max((late - early for early, late in pairwise(times_ns)), default=0)
    return ended_ns - times_ns[-1] >= max(LEAST_STALL, 3 * longest)


def _occupied(x: Exchange, what: str, others: Iterable[Exchange]) -> str:
    slow = next((other for other in others if is_in_progress(other)), None)
    if slow is None:
        return ""
    return (
        f"no {what} came within {_waited_s(x):.3g} s, but the response to {slow.case.probe} of {slow.case.profile} was "
        "still in progress at the timeout, and others may wait for it: set a longer --timeout and --concurrency 1"
    )


def _overlong(x: Exchange) -> str:
    if (x.case.kind, x.case.subject) != (Kind.MISTAKE, "too-long"):
        return ""
    return f"no byte came within {_waited_s(x):.3g} s of a prompt that is longer than any user's: this may be slowness"


def _estimate(x: Exchange, what: str, samples: Iterable[Sample]) -> str:
    needed_s = _needed_s(body_size(x), samples)
    if needed_s <= _waited_s(x):
        return ""
    return (
        f"no {what} came within {_waited_s(x):.3g} s of a request of {body_size(x):,} bytes; at the rate of smaller ones "
        f"it may need {needed_s:.0f} s: set a longer --timeout"
    )


def _waited_s(x: Exchange) -> float:
    return (x.ending.at_ns - x.sent_at_ns) / PER_S


def _begun(others: Iterable[Exchange], *, by_token: bool) -> Iterator[Sample]:
    """When each response began: with its first byte, or if it is a stream, `by_token` with its first delta.

    The other bytes of a stream may be sent before the model has read the prompt. An error needs no model.
    """
    for x in others:
        if reply(x).status not in OK:
            continue
        times = arrivals(x) if by_token and x.mode == "stream" else tuple(read.at_ns for read in x.arrivals[:1])
        if times:
            yield body_size(x), (times[0] - x.sent_at_ns) / PER_S


def _needed_s(size: int, samples: Iterable[Sample]) -> float:
    """The time to begin that a body of this size may need, in seconds; 0 if no smaller one shows it."""
    shown = [(length, time_s) for length, time_s in sorted(samples) if 2 * length <= size]
    if not shown:
        return 0.0
    (least, least_s), (most, most_s) = shown[0], shown[-1]
    rate = max(0.0, (most_s - least_s) / (most - least)) if most >= APART * least else most_s / most
    return most_s + rate * (size - most)


def body_size(x: Exchange) -> int:
    """The bytes of the request's body."""
    return max(1, len(x.sent.partition(b"\r\n\r\n")[2]))
