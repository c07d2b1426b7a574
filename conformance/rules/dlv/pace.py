"""Tokens are sent as they are generated."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from conformance.apis.deltas import arrivals, deltas
from conformance.model.case import Kind
from conformance.model.exchange import NANOSECONDS_PER_MILLISECOND, Ending, Exchange
from conformance.model.rule import rule
from conformance.model.verdict import MUST, SHOULD, Finding, NotJudged, not_applicable, untestable
from conformance.model.words import GENERATIVE
from conformance.parsing.sse import span
from conformance.rules.conditions import all_of, probe_is, whole
from conformance.rules.conditions import streamed as is_streamed
from conformance.rules.example import HELLO, SSE, chunk, exchange, http, sse

STREAMING = "https://platform.openai.com/docs/guides/streaming-responses"

MS = NANOSECONDS_PER_MILLISECOND
LEAST_WORDS = 16
"""A shorter response may be generated so quickly that its delivery proves nothing."""

LEAST_GAIN = 100 * MS
"""How much longer the long response must take than every short one before the difference exceeds noise."""

LEAST_BRIEFS = 3
"""Number of short responses that shows the target's own variation: a queue, a cold cache, a slow start."""

A_PIECE = MS // 5
"""5,000 deltas a second: no model generates one response that fast, and a busy machine drains a buffer that slowly."""

QUICK_PIECE = MS
"""Time per delta where one read has many deltas: they were not generated one after the other."""

LONG_SILENCE = 500 * MS

WORDS = tuple(f" word-{n}" for n in range(40))
TIMEOUT = Ending("timeout", "body", 2000 * MS, "silent for 2 s")


class Pace(NamedTuple):
    """How the deltas arrived: how many, in how many reads, and within how many nanoseconds.

    The first tenth is ignored: a server may send it early to look quick.
    """

    pieces: int
    reads: int
    span_ns: int

    @property
    def is_burst(self) -> bool:
        """Whether the deltas arrived together, faster than any model generates them."""
        least_ns = QUICK_PIECE if self.reads * 10 <= self.pieces else A_PIECE
        return self.reads <= 2 or self.span_ns < self.pieces * least_ns


def paced(
    texts: Sequence[str],
    at_ms: Sequence[int],
    *,
    probe: str = "chat.long",
    ending: Ending | None = None,
    end_ms: int | None = None,
) -> Exchange:
    """A stream of these deltas, arriving at these times; the rest arrives with the last one, or at `end_ms`."""
    events = [sse(chunk({"content": text})) for text in texts]
    head = http(200, (SSE,), b"", length=False)
    rest = sse(*HELLO[-2:])
    lengths, over_ms = [len(event) for event in events], end_ms or at_ms[-1]
    times = [(at_ms[0], len(head)), *zip(at_ms, lengths, strict=True), (over_ms, len(rest))]
    closed = ending or Ending("closed", "after", over_ms * MS)
    return exchange(head + b"".join(events) + rest, probe=probe, arrivals=times, ending=closed)


def briefly(*at_ms: int) -> tuple[Exchange, ...]:
    """Short responses whose last deltas arrive at these times; the first is the `short` probe's."""
    probes = ("chat.short", *("chat.usage" for _ in at_ms))
    return tuple(paced(WORDS[:2], [at - 1, at], probe=probe) for at, probe in zip(at_ms, probes, strict=False))


BRIEFS = briefly(60, 62, 65, 70)
STEADY = paced(WORDS, range(60, 260, 5))
QUICK = paced(WORDS, [60 + n // 2 for n in range(40)])
BUFFERED = paced(WORDS, [300] * 40)
HEAD_START = paced(WORDS, [60] + [300] * 39)
SLOW_START = paced(WORDS, [900 + n // 2 for n in range(40)])


def pace(x: Exchange) -> Pace:
    """How the deltas arrived."""
    times = arrivals(x)
    times = times[len(times) // 10 :]
    return Pace(len(times), len(set(times)), times[-1] - times[0])


def took_ns(x: Exchange) -> int:
    """The time from the request's last byte to the last delta, in nanoseconds."""
    return arrivals(x)[-1] - x.sent_at_ns


def endless(event: Any, *, every_ms: int = 10, cap: int = 64) -> Exchange:
    """A stream that repeats one event, or comment, until the harness times out after two seconds."""
    raw = event.encode() + b"\n\n" if isinstance(event, str) else sse(event)
    head, times = http(200, (SSE,), b"", length=False), range(0, 2000, every_ms)
    arrivals = [(0, len(head)), *((at, len(raw)) for at in times)]
    return exchange(head + raw * len(times), arrivals=arrivals, ending=TIMEOUT, body={"max_tokens": cap})


class Start(NamedTuple):
    """The time that a target needs for a response of any length, as measured from short responses.

    `short_ns` is the time of the response to the long prompt with a small token cap; `slowest_ns` the slowest of all;
    `noise_ns` their range, without the harness's own delay.
    """

    answers: int = 0
    short_ns: int | None = None
    slowest_ns: int = 0
    noise_ns: int = 0

    @property
    def is_known(self) -> bool:
        """Whether there are enough short responses to compare with."""
        return self.answers >= LEAST_BRIEFS and self.short_ns is not None


def start(short_streams: Sequence[Exchange]) -> Start:
    """Measure the short responses."""
    whole = [brief for brief in short_streams if not is_streamed(brief) and deltas(brief)]
    if not whole:
        return Start()
    slowest = max(took_ns(brief) - brief.harness_stall_ns for brief in whole)
    short = next((took_ns(brief) for brief in whole if brief.case.kind is Kind.SHORT_STREAM), None)
    return Start(len(whole), short, slowest, max(0, slowest - min(map(took_ns, whole))))


def held_back_ns(x: Exchange, short_streams: Sequence[Exchange]) -> int:
    """The nanoseconds for which the long response was buffered before it arrived in a burst; 0 if uncertain.

    Only a delay that grows with the response's length is certain: the long response has to be later than every short
    one, by twice as much as those differ among themselves.
    """
    seen = start(short_streams)
    if seen.short_ns is None or not seen.is_known or not pace(x).is_burst:
        return 0
    gain = took_ns(x) - seen.short_ns
    is_sure = took_ns(x) - max(seen.slowest_ns, seen.short_ns) >= 2 * seen.noise_ns
    is_late = gain >= LEAST_GAIN + seen.short_ns // 4 and pace(x).span_ns * 4 < gain
    return gain if is_sure and is_late else 0


def kinds_of(x: Exchange) -> dict[str, list[str]]:
    """The delta texts of each kind that has enough words to judge."""
    found: dict[str, list[str]] = {}
    for delta in deltas(x):
        found.setdefault(delta.kind, []).append(delta.text)
    return {kind: texts for kind, texts in found.items() if len("".join(texts).split()) >= LEAST_WORDS}


def long_enough(x: Exchange) -> NotJudged | None:
    """A long response was requested, and a complete, long stream was received."""
    if skip := all_of(probe_is(Kind.LONG_STREAM), is_streamed, whole)(x):
        return skip
    return (
        None
        if kinds_of(x)
        else untestable(f"the model generated fewer than {LEAST_WORDS} words, too few to show buffering")
    )


@rule(
    "DLV001",
    MUST,
    "Tokens are sent as they are generated",
    spec=STREAMING,
    fix="Flush each event as it is generated: no buffering proxy (X-Accel-Buffering: no), no compression without flush, no wait for the complete response.",
    applies_to=long_enough,
    apis=GENERATIVE,
    good=[(STEADY, *BRIEFS), (QUICK, *BRIEFS), (SLOW_START, *BRIEFS)],
    bad=[(BUFFERED, *BRIEFS), (HEAD_START, *BRIEFS)],
    timed=True,
)
def late_delivery(x: Exchange, short_streams: Sequence[Exchange]) -> Iterator[Finding | NotJudged]:
    """The user sees an empty screen until the response is complete, and idle timeouts truncate long ones."""
    seen = pace(x)
    how = f"{seen.pieces} deltas arrived in {seen.reads} reads within {seen.span_ns / MS:.1f} ms"
    held = held_back_ns(x, short_streams)
    if held and x.harness_stall_ns * 2 > held:
        yield untestable(
            f"the harness itself stalled for {x.harness_stall_ns / MS:.0f} ms; run it on a less busy machine"
        )
    elif held:
        span_ = span(x, deltas(x)[-1].event)
        yield Finding(
            f"the stream was buffered: it took {held / MS:.0f} ms longer than a short one, then {how}", at=span_
        )
    elif seen.is_burst:
        yield untestable(f"{_unsure(short_streams)}: {how}")


def _unsure(short_streams: Sequence[Exchange]) -> str:
    """Why a response that arrived in a burst may have been generated that quickly."""
    seen = start(short_streams)
    if not seen.is_known:
        return f"too few short streams to compare with ({seen.answers})"
    if seen.noise_ns >= LEAST_GAIN:
        return f"the times of short streams differ by {seen.noise_ns / MS:.0f} ms; run again with --concurrency 1"
    return "the response was generated too quickly to show buffering"


@rule(
    "DLV002",
    MUST,
    "A long response is streamed in more than one event",
    spec=STREAMING,
    fix="Stream tokens from the model, instead of wrapping its complete response into one event.",
    applies_to=long_enough,
    apis=GENERATIVE,
    good=[STEADY, BUFFERED],
    bad=[paced(["".join(WORDS)], [300])],
)
def stream_in_one_event(x: Exchange) -> Iterator[Finding]:
    """Nothing is shown until generation ends: the user waits as long as without streaming."""
    for kind, texts in kinds_of(x).items():
        if len(texts) == 1:
            event = next(delta.event for delta in deltas(x) if delta.kind == kind)
            what = "chunk" if x.api == "chat" else "delta"
            yield Finding(
                f"all {len(texts[0].split())} words of the {kind} are in one {what}, as if the response was buffered",
                at=span(x, event),
            )


@rule(
    "DLV006",
    SHOULD,
    "A long streaming response does not arrive in one read after a pause",
    spec=STREAMING,
    fix="Find the layer that buffers the stream (a proxy, a compressor, a middleware that reads the complete body), and make it flush each event.",
    applies_to=long_enough,
    apis=GENERATIVE,
    good=[(STEADY, *BRIEFS), (SLOW_START, *BRIEFS)],
    bad=[(paced(WORDS, [900] * 40), *briefly(870, 875, 880))],
    timed=True,
)
def silence_then_everything(x: Exchange, short_streams: Sequence[Exchange]) -> Iterator[Finding | NotJudged]:
    """Responses of any length seem to be buffered: the first word arrives when the last one is generated."""
    if held_back_ns(x, short_streams):
        yield not_applicable("the response was buffered (DLV001 reports it)")
    elif pace(x).reads == 1 and len(deltas(x)) > 1 and took_ns(x) - x.harness_stall_ns >= LONG_SILENCE:
        silence = took_ns(x) / MS
        yield Finding(
            f"all {len(deltas(x))} deltas arrived in one read after {silence:.0f} ms, as if the stream was buffered",
            at=span(x, deltas(x)[0].event),
        )
