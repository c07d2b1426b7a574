"""Events are flushed individually: no pause splits an event."""

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from conformance.model.case import Kind
from conformance.model.exchange import Ending, Exchange
from conformance.model.rule import rule
from conformance.model.verdict import SHOULD, Finding, NotJudged, not_applicable
from conformance.model.words import GENERATIVE
from conformance.parsing.http1 import reply
from conformance.parsing.sse import Event, span, stream
from conformance.rules.conditions import all_of, probe_is, whole
from conformance.rules.conditions import streamed as is_streamed
from conformance.rules.dlv.pace import MS, STREAMING, WORDS, paced
from conformance.rules.example import HELLO, SSE, chunk, exchange, http, sse

LEAST_SILENCE = 20 * MS
"""A network may split one write, but rarely by more than this, and not repeatedly."""
OFTEN = 2
LINE_ENDS = 4
"""Bytes after an event's data: a server that writes them separately is not buffering events."""


class Cut(NamedTuple):
    """A pause in the middle of an event, in nanoseconds."""

    event: Event
    silence_ns: int


def in_buffers(size: int, gap_ms: int) -> Exchange:
    """A stream sent in buffers of `size` bytes, each after a pause of `gap_ms`."""
    head, body = http(200, (SSE,), b"", length=False), sse(*(chunk({"content": word}) for word in WORDS), *HELLO[-2:])
    parts = [len(body[at : at + size]) for at in range(0, len(body), size)]
    times = [(1, len(head)), *((gap_ms * number, part) for number, part in enumerate(parts, 1))]
    ending = Ending("closed", "after", gap_ms * len(parts) * MS)
    return exchange(head + body, probe="chat.long", arrivals=times, ending=ending)


def silences(x: Exchange) -> Iterator[tuple[int, int]]:
    """For each pause: the number of content bytes received before it, and its length, the harness's delay excluded."""
    for (come, early), (_, late) in pairwise(reply(x).timeline):
        if late - early - x.harness_stall_ns >= LEAST_SILENCE:
            yield come, late - early


def cuts(x: Exchange) -> list[Cut]:
    """The pauses that split an event's data."""
    events = [event for event in stream(x).events if event.has_data]
    return [
        Cut(event, silence)
        for come, silence in silences(x)
        for event in events
        if event.start < come < event.end - LINE_ENDS
    ]


def parted(x: Exchange) -> NotJudged | None:
    """The response to a long prompt was streamed in several parts with pauses between them."""
    if skip := all_of(probe_is(Kind.LONG_STREAM), is_streamed, whole)(x):
        return skip
    few = sum(1 for _ in silences(x)) < OFTEN
    return not_applicable("the stream paused fewer than twice, too rarely to show buffering") if few else None


@rule(
    "DLV008",
    SHOULD,
    "Events are flushed individually",
    spec=STREAMING,
    fix="Flush after each event, and disable proxy buffering (X-Accel-Buffering: no).",
    applies_to=parted,
    apis=GENERATIVE,
    good=[paced(WORDS, range(60, 1660, 40)), paced(WORDS, [n // 8 * 50 for n in range(40)])],
    bad=[in_buffers(2048, 100), in_buffers(1000, 25)],
    timed=True,
)
def event_cut_by_a_buffer(x: Exchange) -> Iterator[Finding]:
    """A buffer of 4,000 bytes holds back a dozen words: short responses arrive all at once, long ones in bursts."""
    found, total = cuts(x), sum(1 for _ in silences(x))
    if len(found) >= OFTEN and len(found) * 2 > total:
        longest = max(found, key=lambda cut: cut.silence_ns)
        seen = f"{len(found)} of {total} pauses split an event, as if it was buffered; the longest is {longest.silence_ns / MS:.0f} ms"
        yield Finding(seen, at=span(x, longest.event))
