"""Operation: concurrent requests, reused connections, and clients that disconnect."""

from collections.abc import Iterator

from conformance.model.case import Kind
from conformance.model.marker_words import ABANDONED_WORD, BURST_WORDS
from conformance.model.probe import BURST_STAGE, Probe, RawRequest
from conformance.model.words import WITH_CHOICES, Api, Mode, Suite
from conformance.probes.baseline import COUNT, prompted

FEW = 6
"""Number of concurrent requests in the suite `gate`."""

BEFORE, MIDWAY, AFTERWARDS, AT_ONCE = 4, 5, 7, 8
"""Stages around the disconnects: each request is sent alone, so that nothing else keeps the target busy."""

LONG_PROMPT = f"Write this word eighty times, and nothing else: {ABANDONED_WORD}"
"""Prompt of the client that disconnects: a long completion of a word that no other request uses."""

LOAD = RawRequest(method="GET", path="/metrics", at_root=True)


def _suite(api: Api) -> Suite:
    """The suite of what a server does for all its APIs: one of them is enough in `gate`."""
    return "gate" if api == "chat" else "full"


def _burst(api: Api) -> Iterator[Probe]:
    words = BURST_WORDS if api == "chat" else BURST_WORDS[:FEW]
    for number, word in enumerate(words, 1):
        yield Probe(
            kind=Kind.BURST,
            subject=f"{number:02}",
            purpose="One of many concurrent requests, each for a unique word.",
            api=api,
            modes=("stream",),
            build_body=prompted(api, f"Say only this word, and nothing else: {word}", 8),
            suite=_suite(api) if number <= FEW else "full",
            max_tokens=8,
            stage=BURST_STAGE,
        )


def _load(api: Api, about: str, turn: int) -> Probe:
    return Probe(
        kind=Kind.LOAD,
        subject=about,
        purpose="The number of running requests, from /metrics if available, before and after a client disconnect.",
        api=api,
        modes=("unary",),
        raw=LOAD,
        suite="full",
        max_tokens=0,
        stage=turn,
    )


def _disconnect(
    api: Api, about: str, what: str, mode: Mode, events: int, turn: int, suite: Suite = "full"
) -> Iterator[Probe]:
    yield Probe(
        kind=Kind.DISCONNECT,
        subject=about,
        purpose=f"The client disconnects {what}.",
        api=api,
        modes=(mode,),
        build_body=prompted(api, LONG_PROMPT, 256),
        suite=suite,
        max_tokens=256,
        stage=turn,
        disconnect_after_events=events,
    )
    yield Probe(
        kind=Kind.AFTER_DISCONNECT,
        subject=about,
        purpose=f"The next request after a client disconnected {what}.",
        api=api,
        modes=(mode,),
        build_body=prompted(api, COUNT, 96),
        suite=suite,
        max_tokens=96,
        stage=turn + 1,
    )


def _retry(api: Api, about: str, when: str, turn: int) -> Probe:
    return Probe(
        kind=Kind.RETRY,
        subject=about,
        purpose=f"The request of the client that disconnects, sent {when} the disconnect.",
        api=api,
        modes=("unary",),
        build_body=prompted(api, LONG_PROMPT, 16, temperature=0),
        suite="full",
        max_tokens=16,
        never_merge=True,
        stage=turn,
    )


def _kept(api: Api) -> Probe:
    return Probe(
        kind=Kind.KEEP_ALIVE,
        purpose="The same request twice over one connection: the second response is judged.",
        api=api,
        modes=("stream",),
        build_body=prompted(api, COUNT, 2),
        suite=_suite(api),
        max_tokens=2,
        reuse_connection=True,
    )


def _of(api: Api) -> Iterator[Probe]:
    yield from _burst(api)
    yield _kept(api)
    yield _retry(api, "before", "before", BEFORE)
    yield _retry(api, "midway", "again after", MIDWAY + 1)
    yield from _disconnect(api, "midway", "in the middle of a stream", "stream", 2, MIDWAY, _suite(api))
    yield from _disconnect(api, "at-once", "right after a non-streaming request", "unary", 0, AT_ONCE)
    for about, stage in (("before", BEFORE), ("after", AFTERWARDS), ("last", AT_ONCE + 2)):
        yield _load(api, about, stage)


PROBES = tuple(probe for api in WITH_CHOICES for probe in _of(api))
