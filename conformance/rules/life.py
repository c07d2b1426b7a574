"""LIFE: what happens between requests. A crowd is kept apart, and a client that hangs up leaves nothing behind."""

from collections.abc import Iterator, Sequence

from conformance.apis.chat import answer
from conformance.apis.deltas import arrivals, deltas
from conformance.apis.errors import refusal
from conformance.apis.request import asked
from conformance.model.exchange import NANOSECONDS_PER_MILLISECOND, Ending, Exchange
from conformance.model.rule import rule
from conformance.model.verdict import MUST, SHOULD, Finding, Skip, untestable
from conformance.parsing.http1 import reply
from conformance.parsing.json_values import mapping, sequence, string
from conformance.parsing.metrics import running
from conformance.parsing.sse import looks_like_events, span, stream
from conformance.rules.conditions import OK, asks, both, greeted, succeeded
from conformance.rules.conditions import streamed as is_streamed
from conformance.rules.example import HELLO, JSON, SSE, answered, chunk, completion, error, exchange, http, sse

STREAMING = "https://platform.openai.com/docs/api-reference/chat/streaming"
PERSISTENCE = "https://www.rfc-editor.org/rfc/rfc9112#section-9.3"
CLOSING = "https://www.rfc-editor.org/rfc/rfc9110#section-9.2.2"

MS = NANOSECONDS_PER_MILLISECOND
PATIENCE = 250 * MS
"""How long a target may take to notice that a client hung up: several tokens' time."""
LEAST_DELAY = 1000 * MS

ASKED = {"messages": [{"role": "user", "content": "Write this word eighty times: quokka"}], "stream": True}
BEGUN = sse(HELLO[0], chunk({"content": "Quokka,"}))
HUNG_UP = exchange(http(200, (SSE,), BEGUN, length=False), body=ASKED, ending=Ending("hung-up", "body", 5 * MS))
GREETING = exchange(http(200, (SSE,), sse(*HELLO)))


def saying(word: str, name: str, asked_for: str = "lapwing") -> Exchange:
    """One of a crowd, who asked for one word and was told another, in an answer of that id."""
    body = {"messages": [{"role": "user", "content": f"Say only this word: {asked_for}"}], "stream": True}
    chunks = [chunk({"role": "assistant", "content": word}, id=name), chunk(finish="stop", id=name), "[DONE]"]
    return exchange(http(200, (SSE,), sse(*chunks)), probe=f"chat.crowd.{asked_for}", body=body)


def after(text: str = "One.", *, at_ms: int = 60, probe: str = "chat.after.midway") -> Exchange:
    """The answer to the question that follows a hang-up; its first word comes at that time, its last much later."""
    head, octets = http(200, (SSE,), b"", length=False), sse(chunk({"content": text}))
    rest = sse(*HELLO[-2:])
    arrivals = [(at_ms, len(head) + len(octets)), (at_ms + 400, len(rest))]
    return exchange(head + octets + rest, probe=probe, arrivals=arrivals, ending=Ending("closed", "after", 900 * MS))


def briefly(*at_ms: int) -> tuple[Exchange, ...]:
    """Brief answers whose first words come at these times."""
    return tuple(after(at_ms=at, probe="chat.short") for at in at_ms)


def busy_with(requests: int) -> Exchange:
    """A list of metrics that says so."""
    text = f"# TYPE requests_running gauge\nrequests_running {requests}\n"
    return answered(text, headers=(("content-type", "text/plain"),), probe="chat.load.after")


def was_hung_up(hang_ups: Sequence[Exchange]) -> Skip | None:
    """The harness hung up before the answer was over."""
    if any(x.ending.how == "hung-up" for x in hang_ups):
        return None
    return untestable("the answer was over, or failed, before the harness could hang up")


@rule(
    "LIFE001",
    MUST,
    "After a client hung up the next request is served",
    spec=CLOSING,
    fix="Treat a lost client as the end of one request alone: release its slot, lock and worker in a finally block.",
    when=asks("after"),
    good=[(after(), GREETING, HUNG_UP)],
    bad=[
        (answered(error("Busy."), status=503, mode="stream", probe="chat.after.midway"), GREETING, HUNG_UP),
        (exchange(b"", probe="chat.after.midway", ending=Ending("reset", "first-byte", MS)), GREETING, HUNG_UP),
    ],
    beside={"hang_ups": "hang-up.*"},
)
def dead_after_hang_up(x: Exchange, hello: Exchange, hang_ups: Sequence[Exchange]) -> Iterator[Finding | Skip]:
    """Users close tabs and agents time out: if that takes a worker each time, the service is down by noon."""
    status = reply(x).status
    if skip := was_hung_up(hang_ups) or greeted(hello):
        yield skip
    elif status == 429:
        yield untestable("the target put the question off (429): run again at a quieter time")
    elif status == 0:
        yield Finding(f"the next request got no reply ({x.ending.how} at {x.ending.phase})")
    elif status not in OK or refusal(x):
        yield Finding(f"the next request was answered {status}{_message(x)}", at=reply(x).head)


def _message(x: Exchange) -> str:
    return f": {refusal(x).message[:120]}" if refusal(x).message else ""


@rule(
    "LIFE002",
    SHOULD,
    "An answer is no longer made when its client has hung up",
    spec=CLOSING,
    fix="Watch for the client's disconnect while generating, and cancel the generation: every token after it is lost money.",
    when=both(asks("after"), succeeded),
    good=[(after(), busy_with(0), busy_with(0), busy_with(0), HUNG_UP)],
    bad=[(after(), busy_with(0), busy_with(1), busy_with(1), HUNG_UP)],
    timed=True,
    beside={
        "before": "unary:load.before",
        "load": "unary:load.after",
        "last": "unary:load.last",
        "hang_ups": "hang-up.*",
    },
)
def generation_goes_on(
    x: Exchange, before: Exchange, load: Exchange, last: Exchange, hang_ups: Sequence[Exchange]
) -> Iterator[Finding | Skip]:
    """The target works, and bills or pays, for an answer that nobody reads; others wait for the slot."""
    now = running(load if x.mode == "stream" else last)
    took = x.ending.at_ns - x.sent_at_ns
    if skip := was_hung_up(hang_ups):
        yield skip
    elif now is None:
        yield untestable("the target does not tell at /metrics how many requests it is working on")
    elif running(before) != 0:
        yield untestable("the target was busy with other requests before the harness hung up")
    elif now and took < PATIENCE:
        yield untestable(f"only {took / MS:.0f} ms had passed since the harness hung up")
    elif now:
        yield Finding(
            f"{took / MS:.0f} ms after the only client hung up the target was still working on {now:g} requests"
        )


@rule(
    "LIFE003",
    SHOULD,
    "The next question does not wait for an answer whose client has hung up",
    spec=CLOSING,
    fix="Cancel the generation when its client disconnects, so that the slot is free for the next one.",
    when=both(asks("after"), is_streamed),
    good=[(after(), HUNG_UP, *briefly(55, 60, 70)), (after(at_ms=2000), HUNG_UP, *briefly(60, 70, 1500))],
    bad=[(after(at_ms=2000), HUNG_UP, *briefly(55, 60, 70))],
    modes=("stream",),
    timed=True,
    beside={"hang_up": "hang-up.midway"},
)
def slot_not_freed(x: Exchange, hang_up: Exchange, briefs: Sequence[Exchange]) -> Iterator[Finding | Skip]:
    """A user who stops an answer and asks again waits for the old answer to be made to its end."""
    told = [brief for brief in briefs if not is_streamed(brief) and deltas(brief)]
    if skip := was_hung_up([hang_up]):
        yield skip
    elif len(told) < 3 or not deltas(x):
        yield untestable(f"too few answers came to compare with ({len(told)})")
    else:
        waits = [first_ns(brief) for brief in told]
        late = first_ns(x) - x.held_up_ns - max(waits)
        if late >= max(LEAST_DELAY, 2 * (max(waits) - min(waits))):
            event = deltas(x)[0].event
            yield Finding(f"the first word came {late / MS:.0f} ms later than ever before", at=span(x, event))


def first_ns(x: Exchange) -> int:
    """How long the first piece of the answer took."""
    return arrivals(x)[0] - x.sent_at_ns


def _texts(x: Exchange) -> str:
    return "".join(choice.text + choice.reasoning for choice in answer(x).choices).lower()


def _word(x: Exchange) -> str:
    """The last word of the question, which nobody else in the crowd asked for."""
    said = [string(mapping(message).get("content")) for message in sequence(asked(x).get("messages"))]
    words = said[-1].split() if said else []
    return words[-1].lower() if words else ""


@rule(
    "LIFE004",
    MUST,
    "No answer holds what was said to somebody else",
    spec=STREAMING,
    fix="Keep all state of a request in that request: no module-level buffers, no shared queue or client between two streams.",
    when=both(asks("crowd"), succeeded),
    good=[
        (saying("Lapwing.", "a"), saying("Lapwing.", "a"), saying("Oxlip.", "b", "oxlip")),
    ],
    bad=[
        (saying("Oxlip.", "a"), saying("Oxlip.", "a"), saying("Lapwing.", "b", "oxlip")),
        (saying("Lapwing, oxlip.", "a"), saying("Oxlip.", "b", "oxlip")),
    ],
    beside={"crowd": "crowd.*"},
)
def answers_mixed_up(x: Exchange, crowd: Sequence[Exchange]) -> Iterator[Finding | Skip]:
    """One customer reads another's conversation."""
    mine, said = _word(x), _texts(x)
    others = {_word(other) for other in crowd} - {mine, ""}
    for word in sorted(others):
        if word in said:
            yield Finding(f"the answer to the one who asked for {mine!r} holds {word!r}, which another asked for")
    if mine not in said:
        yield untestable("the model did not say the word that it was asked for")


@rule(
    "LIFE005",
    MUST,
    "Each answer has an id of its own",
    spec=STREAMING,
    fix="Make the id anew for each request, at random (UUID): not from the time, the process or the model.",
    when=both(asks("crowd"), succeeded),
    good=[(saying("Lapwing.", "a"), saying("Oxlip.", "b", "oxlip"))],
    bad=[(saying("Lapwing.", "a"), saying("Oxlip.", "a", "oxlip"))],
    beside={"crowd": "crowd.*"},
)
def id_used_twice(x: Exchange, crowd: Sequence[Exchange]) -> Iterator[Finding]:
    """Logs, bills and resumable streams are kept by id: two answers become one."""
    mine = set(answer(x).ids)
    shared = {name for other in crowd if other.question != x.question for name in answer(other).ids if name in mine}
    if shared:
        count = sum(bool(shared & set(answer(other).ids)) for other in crowd)
        first = next((e for e in stream(x).dispatched), None) if looks_like_events(x) else None
        name = min(shared)
        yield Finding(f"{count} answers have the id {name[:60]!r}", at=span(x, first) if first else None)


@rule(
    "LIFE006",
    MUST,
    "A connection that is kept open serves the next request",
    spec=PERSISTENCE,
    fix="End each reply exactly (last chunk, Content-Length), read the request's whole body, or say Connection: close.",
    when=asks("kept"),
    good=[(answered(completion(), probe="chat.kept"), GREETING)],
    bad=[
        (exchange(b"", probe="chat.kept", ending=Ending("closed", "first-byte", MS)), GREETING),
        (exchange(http(400, (JSON,), b"{}"), probe="chat.kept"), GREETING),
    ],
)
def kept_connection_is_broken(x: Exchange, hello: Exchange) -> Iterator[Finding | Skip]:
    """Every SDK keeps its connections: the second turn of each conversation fails, and no curl line shows it."""
    status = reply(x).status
    if skip := greeted(hello):
        yield skip
    elif status == 0:
        yield Finding(f"the second request on the connection got no reply ({x.ending.how} at {x.ending.phase})")
    elif status == 429:
        yield untestable("the target put the question off (429)")
    elif status not in OK:
        yield Finding(f"the second request on the connection was answered {status}{_message(x)}", at=reply(x).head)


@rule(
    "LIFE007",
    MUST,
    "An answer whose client hung up is told to nobody else",
    spec=CLOSING,
    fix="Close the connection to the model when its client is lost, or read it to its end, before another request uses it.",
    when=both(asks("after"), succeeded),
    good=[(after(), HUNG_UP)],
    bad=[(after("quokka, quokka. One."), HUNG_UP)],
    modes=("stream",),
    beside={"hang_ups": "hang-up.*"},
)
def abandoned_answer_goes_on(x: Exchange, hang_ups: Sequence[Exchange]) -> Iterator[Finding | Skip]:
    """A pool hands out a connection on which the old answer is still coming: one user reads another's conversation."""
    left = {_word(other) for other in hang_ups if other.ending.how == "hung-up"} - {_word(x), ""}
    told = sorted(word for word in left if word in _texts(x))
    if skip := was_hung_up(hang_ups):
        yield skip
    elif told:
        yield Finding(f"the answer holds {told[0]!r}, which the client asked for that hung up before")
    elif not any(word in _texts(other) for other in hang_ups for word in left):
        yield untestable("the model had not said the word that it was asked for when the client hung up")


@rule(
    "LIFE008",
    MUST,
    "One of many who ask at the same time is answered, or put off",
    spec="https://www.rfc-editor.org/rfc/rfc6585#section-4",
    fix="Bound what is answered at the same time, queue the rest, and put off what does not fit with 429 and Retry-After.",
    when=asks("crowd"),
    good=[
        (saying("Lapwing.", "a"), GREETING),
        (answered(error("Later."), status=429, mode="stream", probe="chat.crowd.lapwing"), GREETING),
        (answered(error("Busy."), status=503, mode="stream", probe="chat.crowd.lapwing"), GREETING),
    ],
    bad=[
        (answered(error("Boom."), status=500, mode="stream", probe="chat.crowd.lapwing"), GREETING),
        (exchange(b"", probe="chat.crowd.lapwing", ending=Ending("reset", "first-byte", MS)), GREETING),
    ],
)
def crowd_not_served(x: Exchange, hello: Exchange) -> Iterator[Finding | Skip]:
    """An agent that asks for several things at once, or a second user, makes the others' turns fail."""
    status = reply(x).status
    if skip := greeted(hello):
        yield skip
    elif status == 0 and x.ending.how in ("closed", "reset"):
        yield Finding(f"one of the crowd got no reply ({x.ending.how} at {x.ending.phase})")
    elif status >= 500 and status not in (503, 529):
        yield Finding(f"one of the crowd was answered {status}{_message(x)}", at=reply(x).head)
    elif status not in (*OK, 429, 503, 529):
        yield untestable(f"one of the crowd was not answered ({status or x.ending.how})")
