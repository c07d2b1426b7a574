"""LIFE: disconnects and concurrency. Concurrent requests stay separate, and a disconnected client leaves nothing behind."""

from collections.abc import Iterator, Sequence

from conformance.apis.chat import chat_content
from conformance.apis.deltas import arrivals, deltas
from conformance.apis.errors import error_response
from conformance.apis.request import request_body
from conformance.model.case import Compare, Kind
from conformance.model.exchange import NANOSECONDS_PER_MILLISECOND, Ending, Exchange
from conformance.model.rule import rule
from conformance.model.verdict import MUST, SHOULD, Finding, NotJudged, untestable
from conformance.model.words import GENERATIVE
from conformance.parsing.http1 import reply
from conformance.parsing.json_values import as_array, as_object, as_string
from conformance.parsing.metrics import requests_running
from conformance.parsing.sse import looks_like_events, span, stream
from conformance.rules.conditions import OK, all_of, baseline_ok, probe_is, succeeded
from conformance.rules.conditions import streamed as is_streamed
from conformance.rules.example import HELLO, JSON, SSE, answered, chunk, completion, error, exchange, http, sse

STREAMING = "https://platform.openai.com/docs/api-reference/chat/streaming"
PERSISTENCE = "https://www.rfc-editor.org/rfc/rfc9112#section-9.3"
CLOSING = "https://www.rfc-editor.org/rfc/rfc9110#section-9.2.2"

MS = NANOSECONDS_PER_MILLISECOND
PATIENCE = 250 * MS
"""How long a target may take to notice a client disconnect: several tokens' time."""
LEAST_DELAY = 1000 * MS

ASKED = {"messages": [{"role": "user", "content": "Write this word eighty times: quokka"}], "stream": True}
BEGUN = sse(HELLO[0], chunk({"content": "Quokka,"}))
DISCONNECTED = exchange(http(200, (SSE,), BEGUN, length=False), body=ASKED, ending=Ending("hung-up", "body", 5 * MS))
BASELINE = exchange(http(200, (SSE,), sse(*HELLO)))


def burst_response(word: str, name: str, requested: str = "lapwing") -> Exchange:
    """One of several concurrent requests: it requests one word, and its response has another word and this id."""
    body = {"messages": [{"role": "user", "content": f"Say only this word: {requested}"}], "stream": True}
    chunks = [chunk({"role": "assistant", "content": word}, id=name), chunk(finish="stop", id=name), "[DONE]"]
    return exchange(http(200, (SSE,), sse(*chunks)), probe=f"chat.crowd.{requested}", body=body)


def response_after_disconnect(text: str = "One.", *, at_ms: int = 60, probe: str = "chat.after.midway") -> Exchange:
    """The response to the request after a disconnect; its first delta arrives at `at_ms`, its last much later."""
    head, octets = http(200, (SSE,), b"", length=False), sse(chunk({"content": text}))
    rest = sse(*HELLO[-2:])
    arrivals = [(at_ms, len(head) + len(octets)), (at_ms + 400, len(rest))]
    return exchange(head + octets + rest, probe=probe, arrivals=arrivals, ending=Ending("closed", "after", 900 * MS))


def short_responses(*at_ms: int) -> tuple[Exchange, ...]:
    """Short responses whose first deltas arrive at these times."""
    return tuple(response_after_disconnect(at_ms=at, probe="chat.short") for at in at_ms)


def busy_with(requests: int) -> Exchange:
    """A /metrics response with this number of running requests."""
    text = f"# TYPE requests_running gauge\nrequests_running {requests}\n"
    return answered(text, headers=(("content-type", "text/plain"),), probe="chat.load.after")


def was_disconnected(hang_ups: Sequence[Exchange]) -> NotJudged | None:
    """The harness disconnected before the response ended."""
    if any(x.ending.how == "hung-up" for x in hang_ups):
        return None
    return untestable("the response ended, or failed, before the harness could disconnect")


@rule(
    "LIFE001",
    MUST,
    "The next request after a client disconnect is served",
    spec=CLOSING,
    fix="Release the request's slot, lock and worker in a finally block, which also runs on client disconnect.",
    applies_to=probe_is(Kind.AFTER_DISCONNECT),
    apis=GENERATIVE,
    good=[(response_after_disconnect(), BASELINE, DISCONNECTED)],
    bad=[
        (answered(error("Busy."), status=503, mode="stream", probe="chat.after.midway"), BASELINE, DISCONNECTED),
        (exchange(b"", probe="chat.after.midway", ending=Ending("reset", "first-byte", MS)), BASELINE, DISCONNECTED),
    ],
    compares_with={"hang_ups": Compare(Kind.DISCONNECT, many=True)},
)
def unavailable_after_disconnect(
    x: Exchange, baseline: Exchange, hang_ups: Sequence[Exchange]
) -> Iterator[Finding | NotJudged]:
    """Users close tabs and agents time out: if each disconnect costs a worker, the service is down by noon."""
    status = reply(x).status
    if skip := was_disconnected(hang_ups) or baseline_ok(baseline):
        yield skip
    elif status == 429:
        yield untestable("the request was rate-limited (HTTP 429): run again at a quieter time")
    elif status == 0:
        yield Finding(f"the request after the disconnect got no response ({x.ending.how} at {x.ending.phase})")
    elif status not in OK or error_response(x):
        yield Finding(f"the request after the disconnect got HTTP {status}{_message(x)}", at=reply(x).head)


def _message(x: Exchange) -> str:
    return f": {error_response(x).message[:120]}" if error_response(x).message else ""


@rule(
    "LIFE002",
    SHOULD,
    "Generation is cancelled on client disconnect",
    spec=CLOSING,
    fix="Watch for the client's disconnect while generating, and cancel the generation.",
    applies_to=all_of(probe_is(Kind.AFTER_DISCONNECT), succeeded),
    apis=GENERATIVE,
    good=[(response_after_disconnect(), busy_with(0), busy_with(0), busy_with(0), DISCONNECTED)],
    bad=[(response_after_disconnect(), busy_with(0), busy_with(1), busy_with(1), DISCONNECTED)],
    timed=True,
    compares_with={
        "before": Compare(Kind.LOAD, "before", mode="unary"),
        "load": Compare(Kind.LOAD, "after", mode="unary"),
        "last": Compare(Kind.LOAD, "last", mode="unary"),
        "hang_ups": Compare(Kind.DISCONNECT, many=True),
    },
)
def generation_goes_on(
    x: Exchange, before: Exchange, load: Exchange, last: Exchange, hang_ups: Sequence[Exchange]
) -> Iterator[Finding | NotJudged]:
    """The target generates, and bills or pays for, tokens that are never read; other requests wait for the slot."""
    now = requests_running(load if x.mode == "stream" else last)
    took = x.ending.at_ns - x.sent_at_ns
    if skip := was_disconnected(hang_ups):
        yield skip
    elif now is None:
        yield untestable("/metrics does not report the number of running requests")
    elif requests_running(before) != 0:
        yield untestable("the target was running other requests before the harness disconnected")
    elif now and took < PATIENCE:
        yield untestable(f"only {took / MS:.0f} ms had passed since the harness disconnected")
    elif now:
        yield Finding(
            f"/metrics still reports {now:g} running requests {took / MS:.0f} ms after the only client's disconnect"
        )


@rule(
    "LIFE003",
    SHOULD,
    "The next request does not wait for a response whose client has disconnected",
    spec=CLOSING,
    fix="Cancel the generation when its client disconnects, so that its slot is free for the next request.",
    applies_to=all_of(probe_is(Kind.AFTER_DISCONNECT), is_streamed),
    apis=GENERATIVE,
    good=[
        (response_after_disconnect(), DISCONNECTED, *short_responses(55, 60, 70)),
        (response_after_disconnect(at_ms=2000), DISCONNECTED, *short_responses(60, 70, 1500)),
    ],
    bad=[(response_after_disconnect(at_ms=2000), DISCONNECTED, *short_responses(55, 60, 70))],
    modes=("stream",),
    timed=True,
    compares_with={"hang_up": Compare(Kind.DISCONNECT, "midway")},
)
def slot_not_freed(x: Exchange, hang_up: Exchange, short_streams: Sequence[Exchange]) -> Iterator[Finding | NotJudged]:
    """A user who stops a response and sends a new request waits until the old response is fully generated."""
    told = [brief for brief in short_streams if not is_streamed(brief) and deltas(brief)]
    if skip := was_disconnected([hang_up]):
        yield skip
    elif len(told) < 3 or not deltas(x):
        yield untestable(f"too few short streams to compare with ({len(told)})")
    else:
        waits = [first_ns(brief) for brief in told]
        late = first_ns(x) - x.harness_stall_ns - max(waits)
        if late >= max(LEAST_DELAY, 2 * (max(waits) - min(waits))):
            event = deltas(x)[0].event
            yield Finding(
                f"the first delta after the disconnect arrived {late / MS:.0f} ms later than in any short stream",
                at=span(x, event),
            )


def first_ns(x: Exchange) -> int:
    """The time from the request to the first delta, in nanoseconds."""
    return arrivals(x)[0] - x.sent_at_ns


def _texts(x: Exchange) -> str:
    return "".join(choice.text + choice.reasoning for choice in chat_content(x).choices).lower()


def _word(x: Exchange) -> str:
    """The last word of the prompt, which is unique among the concurrent requests."""
    said = [as_string(as_object(message).get("content")) for message in as_array(request_body(x).get("messages"))]
    words = said[-1].split() if said else []
    return words[-1].lower() if words else ""


@rule(
    "LIFE004",
    MUST,
    "Concurrent responses never mix their content",
    spec=STREAMING,
    fix="Keep all state of a request in that request: no module-level buffers, and no queue or client shared by two streams.",
    applies_to=all_of(probe_is(Kind.BURST), succeeded),
    apis=GENERATIVE,
    good=[
        (burst_response("Lapwing.", "a"), burst_response("Lapwing.", "a"), burst_response("Oxlip.", "b", "oxlip")),
    ],
    bad=[
        (burst_response("Oxlip.", "a"), burst_response("Oxlip.", "a"), burst_response("Lapwing.", "b", "oxlip")),
        (burst_response("Lapwing, oxlip.", "a"), burst_response("Oxlip.", "b", "oxlip")),
    ],
    compares_with={"burst": Compare(Kind.BURST, many=True)},
)
def answers_mixed_up(x: Exchange, burst: Sequence[Exchange]) -> Iterator[Finding | NotJudged]:
    """One customer reads another customer's conversation."""
    mine, said = _word(x), _texts(x)
    others = {_word(other) for other in burst} - {mine, ""}
    for word in sorted(others):
        if word in said:
            yield Finding(
                f"the response to the request for {mine!r} contains {word!r}, the word of a concurrent request"
            )
    if mine not in said:
        yield untestable("the response does not contain the requested word")


@rule(
    "LIFE005",
    MUST,
    "Concurrent responses have different ids",
    spec=STREAMING,
    fix="Generate a random id (UUID) for each request, instead of deriving it from the time, the process or the model.",
    applies_to=all_of(probe_is(Kind.BURST), succeeded),
    apis=GENERATIVE,
    good=[(burst_response("Lapwing.", "a"), burst_response("Oxlip.", "b", "oxlip"))],
    bad=[(burst_response("Lapwing.", "a"), burst_response("Oxlip.", "a", "oxlip"))],
    compares_with={"burst": Compare(Kind.BURST, many=True)},
)
def id_used_twice(x: Exchange, burst: Sequence[Exchange]) -> Iterator[Finding]:
    """Logs, bills and resumable streams are keyed by id: two responses with the same id become one."""
    mine = set(chat_content(x).ids)
    shared = {name for other in burst if other.case != x.case for name in chat_content(other).ids if name in mine}
    if shared:
        count = sum(bool(shared & set(chat_content(other).ids)) for other in burst)
        first = next((e for e in stream(x).dispatched), None) if looks_like_events(x) else None
        name = min(shared)
        yield Finding(f"{count} concurrent responses have the id {name[:60]!r}", at=span(x, first) if first else None)


@rule(
    "LIFE006",
    MUST,
    "A keep-alive connection serves the next request",
    spec=PERSISTENCE,
    fix="End each response exactly (last chunk, Content-Length), read the complete request body, or send Connection: close.",
    applies_to=probe_is(Kind.KEEP_ALIVE),
    apis=GENERATIVE,
    good=[(answered(completion(), probe="chat.kept"), BASELINE)],
    bad=[
        (exchange(b"", probe="chat.kept", ending=Ending("closed", "first-byte", MS)), BASELINE),
        (exchange(http(400, (JSON,), b"{}"), probe="chat.kept"), BASELINE),
    ],
)
def kept_connection_is_broken(x: Exchange, baseline: Exchange) -> Iterator[Finding | NotJudged]:
    """Every SDK reuses connections: the second turn of each conversation fails, and a single curl command doesn't show it."""
    status = reply(x).status
    if skip := baseline_ok(baseline):
        yield skip
    elif status == 0:
        yield Finding(
            f"the second request on the keep-alive connection got no response ({x.ending.how} at {x.ending.phase})"
        )
    elif status == 429:
        yield untestable("the request was rate-limited (HTTP 429): run again at a quieter time")
    elif status not in OK:
        yield Finding(
            f"the second request on the keep-alive connection got HTTP {status}{_message(x)}", at=reply(x).head
        )


@rule(
    "LIFE007",
    MUST,
    "A response aborted by a disconnect never leaks into a later one",
    spec=CLOSING,
    fix="On client disconnect, close the connection to the model, or drain it before another request uses it.",
    applies_to=all_of(probe_is(Kind.AFTER_DISCONNECT), succeeded),
    apis=GENERATIVE,
    good=[(response_after_disconnect(), DISCONNECTED)],
    bad=[(response_after_disconnect("quokka, quokka. One."), DISCONNECTED)],
    modes=("stream",),
    compares_with={"hang_ups": Compare(Kind.DISCONNECT, many=True)},
)
def abandoned_answer_goes_on(x: Exchange, hang_ups: Sequence[Exchange]) -> Iterator[Finding | NotJudged]:
    """A pool reuses a connection that still delivers the old response: one user reads another's conversation."""
    left = {_word(other) for other in hang_ups if other.ending.how == "hung-up"} - {_word(x), ""}
    told = sorted(word for word in left if word in _texts(x))
    if skip := was_disconnected(hang_ups):
        yield skip
    elif told:
        yield Finding(f"the response contains {told[0]!r}, the word of the response that was aborted by a disconnect")
    elif not any(word in _texts(other) for other in hang_ups for word in left):
        yield untestable("the aborted response did not contain the requested word before the disconnect")


@rule(
    "LIFE008",
    MUST,
    "Each request of a burst is served, or rejected with HTTP 429, 503 or 529",
    spec="https://www.rfc-editor.org/rfc/rfc6585#section-4",
    fix="Limit concurrent requests, queue the rest, and reject the overflow with 429 and Retry-After.",
    applies_to=probe_is(Kind.BURST),
    apis=GENERATIVE,
    good=[
        (burst_response("Lapwing.", "a"), BASELINE),
        (answered(error("Later."), status=429, mode="stream", probe="chat.crowd.lapwing"), BASELINE),
        (answered(error("Busy."), status=503, mode="stream", probe="chat.crowd.lapwing"), BASELINE),
        (answered(error("Overloaded."), status=529, mode="stream", probe="chat.crowd.lapwing"), BASELINE),
    ],
    bad=[
        (answered(error("Boom."), status=500, mode="stream", probe="chat.crowd.lapwing"), BASELINE),
        (exchange(b"", probe="chat.crowd.lapwing", ending=Ending("reset", "first-byte", MS)), BASELINE),
    ],
)
def burst_dropped(x: Exchange, baseline: Exchange) -> Iterator[Finding | NotJudged]:
    """An agent that sends concurrent requests, or a second user, makes requests fail.

    529 is Anthropic's status for an overloaded API; clients retry it as they do 503.
    """
    status = reply(x).status
    if skip := baseline_ok(baseline):
        yield skip
    elif status == 0 and x.ending.how in ("closed", "reset"):
        yield Finding(f"one of several concurrent requests got no response ({x.ending.how} at {x.ending.phase})")
    elif status >= 500 and status not in (503, 529):
        yield Finding(f"one of several concurrent requests got HTTP {status}{_message(x)}", at=reply(x).head)
    elif status not in (*OK, 429, 503, 529):
        yield untestable(f"one of several concurrent requests failed ({status or x.ending.how})")
