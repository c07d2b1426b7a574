"""A streamed answer comes while it is made."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from conformance.apis.deltas import arrivals, deltas
from conformance.model.exchange import NANOSECONDS_PER_MILLISECOND, Ending, Exchange
from conformance.model.rule import rule
from conformance.model.verdict import MUST, SHOULD, Finding, Skip, not_applicable, untestable
from conformance.parsing.sse import span
from conformance.rules.conditions import asks, both, whole
from conformance.rules.conditions import streamed as is_streamed
from conformance.rules.example import HELLO, SSE, chunk, exchange, http, sse

STREAMING = "https://platform.openai.com/docs/guides/streaming-responses"

MS = NANOSECONDS_PER_MILLISECOND
LEAST_WORDS = 16
"""A shorter answer may be made so quickly that nothing can be told from its delivery."""

LEAST_GAIN = 100 * MS
"""How much longer the long answer has to take than every brief one, before its lateness is more than noise."""

LEAST_BRIEFS = 3
"""So many brief answers show how much the target differs from itself: a queue, a cold cache, a slow start."""

A_PIECE = MS // 5
"""Five thousand pieces a second: no model makes one answer that fast, and a busy machine lets a buffer out so slowly."""

QUICK_PIECE = MS
"""A piece of an answer of which many come in one read: so many at once were not made one after the other."""

LONG_SILENCE = 500 * MS

WORDS = tuple(f" word-{n}" for n in range(40))
TIMEOUT = Ending("timeout", "body", 2000 * MS, "silent for 2 s")


class Pace(NamedTuple):
    """How the pieces of an answer came: how many, in how many reads, and within how many nanoseconds.

    The first tenth of them is left aside: a server may send it early to look quick.
    """

    pieces: int
    reads: int
    span_ns: int

    @property
    def is_burst(self) -> bool:
        """Whether the pieces came together, faster than any model makes them."""
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
    """A stream of these pieces that arrive at these times, the rest of the stream with the last one or at `end_ms`."""
    events = [sse(chunk({"content": text})) for text in texts]
    head = http(200, (SSE,), b"", length=False)
    rest = sse(*HELLO[-2:])
    lengths, over_ms = [len(event) for event in events], end_ms or at_ms[-1]
    times = [(at_ms[0], len(head)), *zip(at_ms, lengths, strict=True), (over_ms, len(rest))]
    closed = ending or Ending("closed", "after", over_ms * MS)
    return exchange(head + b"".join(events) + rest, probe=probe, arrivals=times, ending=closed)


def briefly(*at_ms: int) -> tuple[Exchange, ...]:
    """Brief answers whose last pieces come at these times; the first is the one to compare with."""
    probes = ("chat.short", *("chat.usage" for _ in at_ms))
    return tuple(paced(WORDS[:2], [at - 1, at], probe=probe) for at, probe in zip(at_ms, probes, strict=False))


BRIEFS = briefly(60, 62, 65, 70)
STEADY = paced(WORDS, range(60, 260, 5))
QUICK = paced(WORDS, [60 + n // 2 for n in range(40)])
BUFFERED = paced(WORDS, [300] * 40)
HEAD_START = paced(WORDS, [60] + [300] * 39)
SLOW_START = paced(WORDS, [900 + n // 2 for n in range(40)])


def pace(x: Exchange) -> Pace:
    """How the pieces of the answer came."""
    times = arrivals(x)
    times = times[len(times) // 10 :]
    return Pace(len(times), len(set(times)), times[-1] - times[0])


def took_ns(x: Exchange) -> int:
    """How long it was from the request's last octet to the answer's last piece."""
    return arrivals(x)[-1] - x.sent_at_ns


def endless(event: Any, *, every_ms: int = 10, cap: int = 64) -> Exchange:
    """A stream of the same event, or comment, again and again, until the harness has waited for two seconds."""
    octets = event.encode() + b"\n\n" if isinstance(event, str) else sse(event)
    head, times = http(200, (SSE,), b"", length=False), range(0, 2000, every_ms)
    arrivals = [(0, len(head)), *((at, len(octets)) for at in times)]
    return exchange(head + octets * len(times), arrivals=arrivals, ending=TIMEOUT, body={"max_tokens": cap})


class Start(NamedTuple):
    """What the brief answers show of the time that a target needs whatever the length of its answer.

    `short_ns` is how long the answer took that was asked like the long one, but for its cap; `slowest_ns` the slowest
    of all, and `noise_ns` by how much they differ, what was the harness's own delay left aside.
    """

    answers: int = 0
    short_ns: int | None = None
    slowest_ns: int = 0
    noise_ns: int = 0

    @property
    def is_known(self) -> bool:
        """Whether there is enough to compare with."""
        return self.answers >= LEAST_BRIEFS and self.short_ns is not None


def start(briefs: Sequence[Exchange]) -> Start:
    """What the brief answers show."""
    told = [brief for brief in briefs if not is_streamed(brief) and deltas(brief)]
    if not told:
        return Start()
    slowest = max(took_ns(brief) - brief.held_up_ns for brief in told)
    short = next((took_ns(brief) for brief in told if brief.question.topic == "short"), None)
    return Start(len(told), short, slowest, max(0, slowest - min(map(took_ns, told))))


def held_back_ns(x: Exchange, briefs: Sequence[Exchange]) -> int:
    """By how many nanoseconds the long answer was held back and then came in a burst; 0 where that is not sure.

    Only what grows with the answer is sure: the long answer has to be later than the short one and than every other
    brief one, by twice as much as those differ among themselves.
    """
    seen = start(briefs)
    if seen.short_ns is None or not seen.is_known or not pace(x).is_burst:
        return 0
    gain = took_ns(x) - seen.short_ns
    is_sure = took_ns(x) - max(seen.slowest_ns, seen.short_ns) >= 2 * seen.noise_ns
    is_late = gain >= LEAST_GAIN + seen.short_ns // 4 and pace(x).span_ns * 4 < gain
    return gain if is_sure and is_late else 0


def kinds_of(x: Exchange) -> dict[str, list[str]]:
    """The pieces of each kind that has words enough to judge."""
    found: dict[str, list[str]] = {}
    for delta in deltas(x):
        found.setdefault(delta.kind, []).append(delta.text)
    return {kind: texts for kind, texts in found.items() if len("".join(texts).split()) >= LEAST_WORDS}


def long_enough(x: Exchange) -> Skip | None:
    """A long answer was asked for and came as a stream, whole and long."""
    if skip := both(asks("long"), is_streamed, whole)(x):
        return skip
    return None if kinds_of(x) else untestable(f"the model answered in fewer than {LEAST_WORDS} words")


@rule(
    "DLV001",
    MUST,
    "A streamed answer comes while it is made",
    spec=STREAMING,
    fix="Flush each event as it is made: no buffering proxy (X-Accel-Buffering: no), no compression without flush, no wait for the whole answer.",
    when=long_enough,
    good=[(STEADY, *BRIEFS), (QUICK, *BRIEFS), (SLOW_START, *BRIEFS)],
    bad=[(BUFFERED, *BRIEFS), (HEAD_START, *BRIEFS)],
    timed=True,
)
def late_delivery(x: Exchange, briefs: Sequence[Exchange]) -> Iterator[Finding | Skip]:
    """The user looks at an empty screen until the whole answer is made, and idle time-outs cut long ones off."""
    seen = pace(x)
    how = f"{seen.pieces} pieces came in {seen.reads} reads within {seen.span_ns / MS:.1f} ms"
    held = held_back_ns(x, briefs)
    if held and x.held_up_ns * 2 > held:
        yield untestable(f"the harness itself was held up for {x.held_up_ns / MS:.0f} ms; run it on a quieter machine")
    elif held:
        span_ = span(x, deltas(x)[-1].event)
        yield Finding(f"the answer took {held / MS:.0f} ms longer than a short one, and then {how}", at=span_)
    elif seen.is_burst:
        yield untestable(f"{_unsure(briefs)}: {how}")


def _unsure(briefs: Sequence[Exchange]) -> str:
    """Why an answer that came in a burst may have been made as quickly."""
    seen = start(briefs)
    if not seen.is_known:
        return f"too few brief answers came to compare with ({seen.answers})"
    if seen.noise_ns >= LEAST_GAIN:
        return f"brief answers differ by {seen.noise_ns / MS:.0f} ms, ask again with --concurrency 1"
    return "the answer was made too quickly to tell whether it was held back"


@rule(
    "DLV002",
    MUST,
    "A streamed answer comes in more than one piece",
    spec=STREAMING,
    fix="Stream from the model itself: to wrap its whole answer into one event is no streaming.",
    when=long_enough,
    good=[STEADY, BUFFERED],
    bad=[paced(["".join(WORDS)], [300])],
)
def answer_in_one_piece(x: Exchange) -> Iterator[Finding]:
    """Nothing is shown until everything is made: the client waits as long as without a stream."""
    for kind, texts in kinds_of(x).items():
        if len(texts) == 1:
            event = next(delta.event for delta in deltas(x) if delta.kind == kind)
            yield Finding(f"all {len(texts[0].split())} words of the {kind} came in one event", at=span(x, event))


@rule(
    "DLV006",
    SHOULD,
    "A long answer does not come in one read after a silence",
    spec=STREAMING,
    fix="Look for a layer that collects the stream: a proxy's buffer, a compressor, a middleware that reads the whole body.",
    when=long_enough,
    good=[(STEADY, *BRIEFS), (SLOW_START, *BRIEFS)],
    bad=[(paced(WORDS, [900] * 40), *briefly(870, 875, 880))],
    timed=True,
)
def silence_then_everything(x: Exchange, briefs: Sequence[Exchange]) -> Iterator[Finding | Skip]:
    """Short answers are held back too, it seems: the first word comes when the last one is made."""
    if held_back_ns(x, briefs):
        yield not_applicable("the answer was held back")
    elif pace(x).reads == 1 and len(deltas(x)) > 1 and took_ns(x) - x.held_up_ns >= LONG_SILENCE:
        silence = took_ns(x) / MS
        yield Finding(
            f"after {silence:.0f} ms all {len(deltas(x))} pieces came in one read", at=span(x, deltas(x)[0].event)
        )
