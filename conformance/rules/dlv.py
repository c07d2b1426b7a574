"""DLV: delivery in time. A streamed answer comes while it is made, and a reply ends when it is over."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from conformance.exchange import NANOSECONDS_PER_MILLISECOND, Ending, Exchange
from conformance.read.http1 import over_at_ns, reply
from conformance.read.sse import at_ns, ends, span, stream
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
"""How much longer the long answer has to take than the greeting, before its lateness is more than noise."""

A_PIECE = MS // 10
"""Ten thousand pieces a second: no model makes one answer that fast."""

LONG_SILENCE = 500 * MS
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
        return self.reads <= 2 or self.span_ns < self.pieces * A_PIECE


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


GREETING = paced(WORDS[:8], range(60, 100, 5), probe="chat.hello")
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


def held_back_ns(x: Exchange, hello: Exchange) -> int:
    """By how many nanoseconds the long answer was held back and then came in a burst; 0 where it was not."""
    if is_streamed(hello) or not deltas(hello) or not pace(x).is_burst:
        return 0
    gain = took_ns(x) - took_ns(hello)
    is_late = gain >= LEAST_GAIN + took_ns(hello) // 4 and pace(x).span_ns * 4 < gain
    return gain if is_late else 0


def _held_up_ns(*exchanges: Exchange) -> int:
    """For how long the harness could not read: so much of a delay is its own, perhaps."""
    return max(x.held_up_ns for x in exchanges)


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
    good=[(STEADY, GREETING), (QUICK, GREETING), (SLOW_START, GREETING)],
    bad=[(BUFFERED, GREETING), (HEAD_START, GREETING)],
    timed=True,
)
def late_delivery(x: Exchange, hello: Exchange) -> Iterator[Finding | Skip]:
    """The user looks at an empty screen until the whole answer is made, and idle time-outs cut long ones off."""
    seen = pace(x)
    how = f"{seen.pieces} pieces came in {seen.reads} reads within {seen.span_ns / MS:.1f} ms"
    held = held_back_ns(x, hello)
    if held and (ours := _held_up_ns(x, hello)) * 2 > held:
        yield untestable(f"the harness itself was held up for {ours / MS:.0f} ms; run it on a quieter machine")
    elif held:
        span_ = span(x, deltas(x)[-1].event)
        yield Finding(f"the answer took {held / MS:.0f} ms longer than the greeting, and then {how}", at=span_)
    elif seen.is_burst:
        yield untestable(f"the answer was made too quickly to tell whether it was held back: {how}")


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
    ],
)
def stalled_reply(x: Exchange) -> Iterator[Finding]:
    """The client hangs until its own time-out, which is ten minutes in OpenAI's and Anthropic's SDKs."""
    if _gave_up(x) and not (x.mode == "stream" and ends(x)):
        events = len(stream(x).dispatched) if x.mode == "stream" else 0
        after = f"{events} events" if events else f"{len(reply(x).content)} octets of the body"
        yield Finding(f"the reply did not go on after {after}: {x.ending.detail or 'the harness gave up waiting'}")


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
    lag = over_at_ns(x) - at_ns(x, ends(x)[0]) - _held_up_ns(x)
    if lag > LATE_END:
        yield Finding(f"the reply ended {lag / MS:.0f} ms after the end marker", at=span(x, ends(x)[0]))


@rule(
    "DLV006",
    SHOULD,
    "A long answer does not come in one read after a silence",
    spec=STREAMING,
    fix="Look for a layer that collects the stream: a proxy's buffer, a compressor, a middleware that reads the whole body.",
    when=long_enough,
    good=[(STEADY, GREETING), (SLOW_START, GREETING)],
    bad=[(paced(WORDS, [900] * 40), paced(WORDS[:8], [880] * 8, probe="chat.hello"))],
    timed=True,
)
def silence_then_everything(x: Exchange, hello: Exchange) -> Iterator[Finding | Skip]:
    """Short answers are held back too, it seems: the first word comes when the last one is made."""
    if held_back_ns(x, hello):
        yield not_applicable("the answer was held back")
    elif pace(x).reads == 1 and len(deltas(x)) > 1 and took_ns(x) - _held_up_ns(x) >= LONG_SILENCE:
        silence = took_ns(x) / MS
        yield Finding(
            f"after {silence:.0f} ms all {len(deltas(x))} pieces came in one read", at=span(x, deltas(x)[0].event)
        )
