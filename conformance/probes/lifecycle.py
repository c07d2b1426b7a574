"""Operation: concurrent requests, reused connections, and clients that disconnect."""

from collections.abc import Iterator

from conformance.model.case import Kind
from conformance.model.marker_words import ABANDONED_WORD, BURST_WORDS
from conformance.model.probe import BURST_STAGE, Probe, RawRequest
from conformance.model.words import Mode, Suite
from conformance.probes.baseline import COUNT, with_prompt

FEW = 6
"""Number of concurrent requests in the suite `gate`."""

BEFORE, MIDWAY, AFTERWARDS, AT_ONCE = 4, 5, 7, 8
"""Stages around the disconnects: each request is sent alone, so that nothing else keeps the target busy."""

LONG_PROMPT = f"Write this word eighty times, and nothing else: {ABANDONED_WORD}"
"""Prompt of the client that disconnects: a long completion of a word that no other request uses."""

LOAD = RawRequest(method="GET", path="/metrics", at_root=True)


def _burst() -> Iterator[Probe]:
    for number, word in enumerate(BURST_WORDS, 1):
        yield Probe(
            kind=Kind.BURST,
            subject=f"{number:02}",
            purpose="One of many concurrent requests, each for a unique word.",
            api="chat",
            modes=("stream",),
            build_body=with_prompt(f"Say only this word, and nothing else: {word}", max_tokens=8),
            suite="gate" if number <= FEW else "full",
            max_tokens=8,
            stage=BURST_STAGE,
        )


def _load(about: str, turn: int) -> Probe:
    return Probe(
        kind=Kind.LOAD,
        subject=about,
        purpose="The number of running requests, from /metrics if available, before and after a client disconnect.",
        api="chat",
        modes=("unary",),
        raw=LOAD,
        suite="full",
        max_tokens=0,
        stage=turn,
    )


def _disconnect(about: str, what: str, mode: Mode, events: int, turn: int, suite: Suite) -> Iterator[Probe]:
    yield Probe(
        kind=Kind.DISCONNECT,
        subject=about,
        purpose=f"The client disconnects {what}.",
        api="chat",
        modes=(mode,),
        build_body=with_prompt(LONG_PROMPT, max_tokens=256),
        suite=suite,
        max_tokens=256,
        stage=turn,
        disconnect_after_events=events,
    )
    yield Probe(
        kind=Kind.AFTER_DISCONNECT,
        subject=about,
        purpose=f"The next request after a client disconnected {what}.",
        api="chat",
        modes=(mode,),
        build_body=with_prompt(COUNT, max_tokens=96),
        suite=suite,
        max_tokens=96,
        stage=turn + 1,
    )


def _retry(about: str, when: str, turn: int) -> Probe:
    return Probe(
        kind=Kind.RETRY,
        subject=about,
        purpose=f"The request of the client that disconnects, sent {when} the disconnect.",
        api="chat",
        modes=("unary",),
        build_body=with_prompt(LONG_PROMPT, max_tokens=16, temperature=0),
        suite="full",
        max_tokens=16,
        never_merge=True,
        stage=turn,
    )


BURST = tuple(_burst())
RETRIES = (_retry("before", "before", BEFORE), _retry("midway", "again after", MIDWAY + 1))
DISCONNECTS = (
    *_disconnect("midway", "in the middle of a stream", "stream", 2, MIDWAY, "gate"),
    *_disconnect("at-once", "right after a non-streaming request", "unary", 0, AT_ONCE, "full"),
)
LOADS = (_load("before", BEFORE), _load("after", AFTERWARDS), _load("last", AT_ONCE + 2))
KEPT = Probe(
    kind=Kind.KEEP_ALIVE,
    purpose="The same request twice over one connection: the second response is judged.",
    api="chat",
    modes=("stream",),
    build_body=with_prompt(COUNT, max_tokens=2),
    max_tokens=2,
    reuse_connection=True,
)
