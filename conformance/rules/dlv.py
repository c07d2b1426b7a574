"""DLV: delivery in time. A streamed answer comes while it is made, and a reply ends when it is over."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from conformance.exchange import NANOSECONDS_PER_MILLISECOND, Ending, Exchange
from conformance.read.http1 import over_at_ns, reply
from conformance.read.request import cap_asked, choices_asked
from conformance.read.sse import at_ns, ends, looks_like_events, span, stream
from conformance.read.text import arrivals, deltas
from conformance.rule import rule
from conformance.rules.example import HELLO, JSON, SSE, answered, chunk, completion, exchange, http, sse
from conformance.rules.when import asks, both, replied, whole
from conformance.rules.when import streamed as is_streamed
from conformance.verdict import MUST, SHOULD, Finding, Skip, not_applicable, untestable

STREAMING = "https://platform.openai.com/docs/guides/streaming-responses"
AUTHORING = "https://html.spec.whatwg.org/multipage/server-sent-events.html#authoring-notes"
MESSAGE_END = "https://www.rfc-editor.org/rfc/rfc9112#section-6.3"

MS = NANOSECONDS_PER_MILLISECOND
LEAST_WORDS = 16
"""A shorter answer may be made so quickly that nothing can be told from its delivery."""

LEAST_GAIN = 100 * MS
"""How much longer the long answer has to take than every brief one, before its lateness is more than noise."""

LEAST_BRIEFS = 3
"""So many brief answers show how much the target differs from itself: a queue, a cold cache, a slow start."""

A_PIECE = MS // 10
"""Ten thousand pieces a second: no model makes one answer that fast."""

QUICK_PIECE = MS
"""A piece of an answer of which many come in one read: so many at once were not made one after the other."""

LONG_SILENCE = 500 * MS
LEAST_STALL = 1000 * MS
SPARE_EVENTS = 64
"""Events beside those of the tokens: the role, the end, the usage, and what a vendor adds."""
LATE_END = 1000 * MS

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
    texts: Sequence[str], at_ms: Sequence[int], *, probe: str = "chat.long", ending: Ending | None = None
) -> Exchange:
    """A stream of these pieces that arrive at these times, the rest of the stream with the last one."""
    events = [sse(chunk({"content": text})) for text in texts]
    head = http(200, (SSE,), b"", length=False)
    rest = sse(*HELLO[-2:])
    lengths = [len(event) for event in events]
    times = [(at_ms[0], len(head)), *zip(at_ms, lengths, strict=True), (at_ms[-1], len(rest))]
    closed = ending or Ending("closed", "after", at_ms[-1] * MS)
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


def followable(x: Exchange) -> Skip | None:
    """A head came whose body can be followed to its end, or until the harness gave up waiting for it."""
    if skip := replied(x):
        return skip
    if reply(x).faults:
        return untestable("the reply is malformed")
    return None if reply(x).complete or x.ending.how == "timeout" else untestable("the reply did not come whole")


@rule(
    "DLV003",
    MUST,
    "A reply that has begun goes on to its end",
    spec=AUTHORING,
    fix="Find what blocks (a dead worker, a lost upstream); end the stream with an error then, and send a comment every 15 s of silence.",
    when=followable,
    good=[STEADY, answered(completion()), paced(WORDS, [300] * 40, ending=TIMEOUT)],
    bad=[
        exchange(http(200, (SSE, ("transfer-encoding", "chunked")), b"", length=False), ending=TIMEOUT),
        exchange(http(200, (SSE,), sse(*HELLO[:2]), length=False), ending=TIMEOUT),
        exchange(http(200, (JSON,), b'{"a": 1}')[:-1], mode="unary", ending=TIMEOUT),
        endless(HELLO[1], cap=8),
        endless(": ping", every_ms=100),
    ],
    timed=True,
)
def stalled_reply(x: Exchange) -> Iterator[Finding | Skip]:
    """The client hangs until its own time-out, which is ten minutes in OpenAI's and Anthropic's SDKs."""
    if not _gave_up(x) or (x.mode == "stream" and ends(x)):
        return
    events = len(stream(x).dispatched) if x.mode == "stream" else 0
    after = f"{events} events" if events else f"{len(reply(x).content)} octets of the body"
    why = x.ending.detail or "the harness gave up waiting"
    tokens = cap_asked(x) * choices_asked(x)
    if tokens and events > 4 * tokens + SPARE_EVENTS:
        yield Finding(f"the reply has no end: {after} came, and {tokens} tokens were allowed: {why}")
    elif _fell_silent(x):
        yield Finding(f"the reply did not go on after {after}: {why}")
    else:
        yield untestable(f"the reply still went on when the harness gave up, after {after}: set a longer --timeout")


def _fell_silent(x: Exchange) -> bool:
    """Whether the reply went on no more when the harness gave up: for a second, and far longer than ever before."""
    times = _went_on_at_ns(x)
    longest = max((late - early for early, late in pairwise(times)), default=0)
    return x.ending.at_ns - times[-1] >= max(LEAST_STALL, 3 * longest)


def _went_on_at_ns(x: Exchange) -> list[int]:
    """When the reply went on, its head included: by an event of a stream (a comment is none), or by any octet."""
    reads = [read.at_ns for read in x.arrivals] or [0]
    events = stream(x).events if looks_like_events(x) else ()
    if not events or (events[-1].has_data and not events[-1].terminated):
        return reads
    return [reads[0], *(at_ns(x, event) for event in events if event.dispatched)]


def _gave_up(x: Exchange) -> bool:
    return x.ending.how == "timeout" and not reply(x).complete


def at_its_end(x: Exchange) -> Skip | None:
    """A stream came up to its end marker."""
    if skip := is_streamed(x) or followable(x):
        return skip
    return None if ends(x) else untestable("the stream has no end marker")


@rule(
    "DLV004",
    MUST,
    "A reply ends after the end marker",
    spec=MESSAGE_END,
    fix="Finish the response (the last chunk) right after the end marker; don't wait for the client to hang up.",
    when=at_its_end,
    good=[STEADY],
    bad=[paced(WORDS, [300] * 40, ending=TIMEOUT)],
)
def reply_never_ends(x: Exchange) -> Iterator[Finding]:
    """Most clients read until the body ends: the answer is there, and the user waits for a time-out."""
    if _gave_up(x):
        why = x.ending.detail or "the harness gave up waiting"
        yield Finding(f"the reply was not ended after the end marker: {why}", at=span(x, ends(x)[0]))


@rule(
    "DLV005",
    SHOULD,
    "A reply ends at once after the end marker",
    spec=MESSAGE_END,
    fix="Do bookkeeping (billing, logs) after the response is finished, or before the end marker.",
    when=both(at_its_end, whole),
    good=[STEADY],
    bad=[paced(WORDS, range(60, 260, 5), ending=Ending("closed", "after", 2000 * MS))],
    timed=True,
)
def lingering_reply(x: Exchange) -> Iterator[Finding]:
    """Clients that read until the body ends give the answer to the user's next step that much later."""
    lag = over_at_ns(x) - at_ns(x, ends(x)[0]) - x.held_up_ns
    if lag > LATE_END:
        yield Finding(f"the reply ended {lag / MS:.0f} ms after the end marker", at=span(x, ends(x)[0]))


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
