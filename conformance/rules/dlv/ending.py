"""A reply that has begun goes on, and ends when it is over."""

from collections.abc import Iterator
from itertools import pairwise

from conformance.apis.deltas import arrivals, deltas
from conformance.apis.request import cap_asked, choices_asked
from conformance.model.exchange import NANOSECONDS_PER_MILLISECOND, Ending, Exchange
from conformance.model.rule import rule
from conformance.model.verdict import MUST, SHOULD, Finding, Skip, untestable
from conformance.parsing.http1 import over_at_ns, reply
from conformance.parsing.sse import at_ns, ends, looks_like_events, span, stream
from conformance.rules.conditions import both, replied, whole
from conformance.rules.conditions import streamed as is_streamed
from conformance.rules.dlv.pace import STEADY, STREAMING, TIMEOUT, WORDS, endless, paced
from conformance.rules.example import HELLO, JSON, SSE, answered, completion, exchange, http, sse

AUTHORING = "https://html.spec.whatwg.org/multipage/server-sent-events.html#authoring-notes"
MESSAGE_END = "https://www.rfc-editor.org/rfc/rfc9112#section-6.3"

MS = NANOSECONDS_PER_MILLISECOND
LEAST_STALL = 1000 * MS
SPARE_EVENTS = 64
"""Events beside those of the tokens: the role, the end, the usage, and what a vendor adds."""
LATE_END = 1000 * MS


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


def spoken_to_its_end(x: Exchange) -> Skip | None:
    """An answer came in pieces, up to its end marker."""
    return at_its_end(x) or (None if deltas(x) else untestable("no piece of an answer came"))


@rule(
    "DLV007",
    SHOULD,
    "The end marker comes soon after the last piece of the answer",
    spec=STREAMING,
    fix="Send the finish, the usage and the end marker when the model stops; check and bill afterwards, or beside it.",
    when=spoken_to_its_end,
    good=[STEADY, paced(WORDS[:3], [900, 1800, 2700], end_ms=4500)],
    bad=[paced(WORDS, range(60, 260, 5), end_ms=1500)],
    timed=True,
)
def late_end_marker(x: Exchange) -> Iterator[Finding]:
    """Agents act on an answer when its stream ends: each of a task's many turns takes that much longer."""
    times = arrivals(x)
    longest = max((late - early for early, late in pairwise(times)), default=0)
    lag = at_ns(x, ends(x)[0]) - times[-1] - x.held_up_ns
    if lag > max(LATE_END, 3 * longest):
        yield Finding(f"the end marker came {lag / MS:.0f} ms after the last piece", at=span(x, ends(x)[0]))
