"""A stream arrives event by event: the gateway adds little delay, and holds nothing back."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import accumulate
from typing import Final, NamedTuple

from conformance.apis.deltas import arrivals, deltas
from conformance.model.case import Kind
from conformance.model.exchange import NANOSECONDS_PER_MILLISECOND, Exchange
from conformance.model.rule import rule
from conformance.model.verdict import MUST, SHOULD, Finding, NotJudged, not_applicable, untestable
from conformance.model.words import GENERATIVE
from conformance.parsing.http1 import reply
from conformance.parsing.sse import span
from conformance.rules.dlv.pace import paced
from conformance.rules.gw.answers import passed_on
from conformance.rules.gw.conditions import through_gateway
from conformance.rules.gw.example import both

STREAMING = "https://platform.openai.com/docs/guides/streaming-responses"
SLOW_START = "https://github.com/BerriAI/litellm/pull/37322"
MS: Final = NANOSECONDS_PER_MILLISECOND
LEAST_SPAN: Final = 600 * MS
"""A stream that the upstream sends more quickly does not show whether it is held back."""
LEAST_HELD: Final = 300 * MS
"""Longer than what gateways wait to send several events together."""
LEAST_SILENCE: Final = 500 * MS
FEWER: Final = 4
"""By what the number of writes is divided in a gateway that collects events."""
PACED = "chat.gateway.variant.paced"


class Delays(NamedTuple):
    """How much later the client got the text than the upstream sent it, piece by piece.

    `span_ns` is from the first text to the last upstream; `reads` are the reads that had text at the client, and
    `writes` those at the upstream.
    """

    least_ns: int
    most_ns: int
    span_ns: int
    reads: int
    writes: int

    @property
    def held_ns(self) -> int:
        """For how long a piece waited for others. A gateway that is slow throughout holds nothing back."""
        return self.most_ns - max(0, self.least_ns)

    @property
    def is_held(self) -> bool:
        """Whether the gateway collected events before it sent them; one stall of a busy machine is no collecting."""
        return self.held_ns >= LEAST_HELD and self.reads * FEWER <= self.writes


def delays(sent: Exchange, got: Exchange) -> Delays | None:
    """The delays of a stream; None if one side has no text in events, or another text."""
    ends, received = ([*accumulate(len(delta.text) for delta in deltas(x))] for x in (sent, got))
    if not ends or not received or ends[-1] != received[-1]:
        return None
    times = [sent.began_ns + at_ns for at_ns in arrivals(sent)]
    late = [_at(got, received, goal) - time for goal, time in zip(ends, times, strict=True)]
    return Delays(min(late), max(late), times[-1] - times[0], len(set(arrivals(got))), len(set(times)))


def _at(x: Exchange, lengths: Sequence[int], goal: int) -> int:
    """When this many characters had passed, on the clock that both sides share."""
    at = next(at for at, length in enumerate(lengths) if length >= goal)
    return x.began_ns + arrivals(x)[at]


def _head_at(x: Exchange) -> int:
    """When the head of the response had passed."""
    end, got = reply(x).head.end, 0
    for at_ns, length in x.arrivals:
        got += length
        if got >= end:
            return x.began_ns + at_ns
    return x.began_ns


WORDS = tuple(f" w{n}" for n in range(40))
SENT = paced(WORDS, range(20, 1220, 30), probe=PACED)
PASSED = paced(WORDS, range(25, 1225, 30), probe=PACED)
LATER = paced(WORDS, range(725, 1925, 30), probe=PACED)
HELD = paced(WORDS, [1225] * 40, probe=PACED)


@rule(
    "GW042",
    MUST,
    "A stream arrives event by event, as the upstream sends it",
    spec=STREAMING,
    fix="Flush each event when it arrives: no response buffering, no compression without a flush, no transformation that "
    "waits for the whole body.",
    applies_to=through_gateway(Kind.GATEWAY_VARIANT),
    apis=GENERATIVE,
    modes=("stream",),
    good=[both(PASSED, SENT), both(LATER, SENT)],
    bad=[both(HELD, SENT)],
    timed=True,
)
def held_back(x: Exchange, upstream: tuple[Exchange, ...]) -> Iterator[Finding | NotJudged]:
    """The user looks at an empty screen until the response is complete, and idle connections are closed."""
    sent = passed_on(x, upstream)
    if isinstance(sent, NotJudged):
        yield sent
        return
    seen = delays(sent, x)
    if seen is None or seen.span_ns < LEAST_SPAN:
        yield not_applicable("the upstream sent the response too quickly to show whether it is held back")
    elif seen.is_held and _stalled(x, sent) * 2 > seen.held_ns:
        yield untestable(f"the harness itself stalled for {_stalled(x, sent) / MS:.0f} ms")
    elif seen.is_held:
        yield Finding(
            f"the gateway held text back for {seen.held_ns / MS:.0f} ms: the upstream sent it in "
            f"{seen.writes} writes within {seen.span_ns / MS:.0f} ms, the client got it in {seen.reads} reads",
            at=span(x, deltas(x)[0].event),
        )


def _stalled(*sides: Exchange) -> int:
    return max(x.harness_stall_ns for x in sides)


def opened(head_ms: int, first_ms: int) -> Exchange:
    """A stream whose head arrives at one time, and its first text at another."""
    x = paced(WORDS, [first_ms + n for n in range(40)], probe=PACED)
    head, *rest = x.arrivals
    return replace(x, arrivals=(head._replace(at_ns=head_ms * MS), *rest))


@rule(
    "GW043",
    SHOULD,
    "The head of a stream reaches the client before the first token",
    spec=SLOW_START,
    fix="Send status and header fields when the upstream's arrive, and comments while the model is silent.",
    applies_to=through_gateway(Kind.GATEWAY_VARIANT),
    apis=GENERATIVE,
    modes=("stream",),
    good=[both(opened(25, 1000), opened(20, 990))],
    bad=[both(opened(1000, 1000), opened(20, 990))],
    timed=True,
)
def late_head(x: Exchange, upstream: tuple[Exchange, ...]) -> Iterator[Finding | NotJudged]:
    """While a model thinks, the client does not know whether its request has arrived; load balancers cut it off."""
    sent = passed_on(x, upstream)
    if isinstance(sent, NotJudged):
        yield sent
        return
    if not deltas(sent) or not deltas(x):
        yield not_applicable("the response has no text in events")
        return
    first, got_first = (side.began_ns + arrivals(side)[0] for side in (sent, x))
    silence, late = first - _head_at(sent), _head_at(x) - _head_at(sent)
    held = late - max(0, got_first - first)
    if silence < LEAST_SILENCE:
        yield not_applicable("the upstream was not silent for long before the first token")
    elif held * 2 > silence and _stalled(x, sent) * 2 > held:
        yield untestable(f"the harness itself stalled for {_stalled(x, sent) / MS:.0f} ms")
    elif held * 2 > silence:
        yield Finding(
            f"the head of the stream arrived {late / MS:.0f} ms after the upstream had sent it", at=reply(x).head
        )
