"""Overload is reported honestly: served, or rejected with a status that clients retry, an error object and a delay."""

from collections.abc import Iterator
from typing import Final

from conformance.model.rule import rule
from conformance.model.sample import Population, Sample
from conformance.model.verdict import MUST, SHOULD, Finding, NotJudged, not_applicable, untestable
from conformance.model.words import GENERATIVE
from conformance.rules.example import JSON, answered, chunk, error, streamed
from conformance.rules.load.conditions import (
    MOST_STALL,
    beyond_chance,
    complete,
    counted,
    has_given_up,
    is_one_event,
    judged,
    not_loaded,
    of_users,
    one_event,
    spoilt_alone,
)
from conformance.rules.load.endings import broken_by_disconnects, is_broken
from conformance.rules.load.example import AS_REQUESTED, BUSY, NO_BYTE, cut, of, rejected
from conformance.rules.load.spec import ERRORS, OVERLOADED, RETRY_AFTER, STATUS, TOO_MANY

PAYMENT_REQUIRED: Final = 402
"""The account's money is used up: that is no overload."""
HTML: Final = "<html><body><h1>503 Service Temporarily Unavailable</h1></body></html>"


def _is_dropped(sample: Sample) -> bool:
    """Whether a request got no response at all, other than by a connection that was closed after use.

    A harness that stalls may be the reason why no connection was made in time.
    """
    if sample.outcome == "unreachable":
        return sample.stall <= MOST_STALL
    return sample.outcome == "cut" and sample.status == 0 and not sample.is_reused


def _is_failure(sample: Sample) -> bool:
    """Whether a request got neither a completion nor an honest rejection; that it was too late is LOAD020's matter."""
    is_error = sample.outcome == "error" and not sample.in_band and sample.status != PAYMENT_REQUIRED
    return (is_error and not has_given_up(sample)) or _is_dropped(sample)


@rule(
    "LOAD012",
    MUST,
    "Under load a request is served, or rejected with 429, 503 or 529",
    spec=TOO_MANY,
    fix="Limit concurrent requests, queue some, and reject the overflow with 429 (or 503) and Retry-After.",
    applies_to=of_users,
    apis=GENERATIVE,
    good=[
        AS_REQUESTED,
        (*AS_REQUESTED, rejected(3)),
        (*AS_REQUESTED, *(rejected(3, turn, status=503) for turn in range(2))),
    ],
    bad=[
        (*AS_REQUESTED, *(rejected(3, turn, status=500) for turn in range(2))),
        (*AS_REQUESTED, *(rejected(3, turn, status=400) for turn in range(2))),
        (*AS_REQUESTED, *(cut(3, turn, NO_BYTE) for turn in range(2))),
    ],
)
def overload_as_something_else(population: Population) -> Iterator[Finding | NotJudged]:
    """Another error ends the user's task, or is retried at once, and hides that the server is full."""
    load = judged(population.load)
    alone = {(s.task, s.status) for s in population.alone if s.status >= 400}
    bad = [s for s in load if _is_failure(s) and (s.task, s.status) not in alone]
    dropped = list(filter(_is_dropped, population.run.load))
    repeated = [again.status == s.status for s, again in population.repeated if _is_failure(s)]
    if skip := not_loaded(population):
        yield skip
    elif not complete(population.alone):
        yield spoilt_alone("no request is served")
    elif bad and broken_by_disconnects(population) and all(map(is_broken, bad)):
        yield not_applicable("requests fail where another client disconnects (see LOAD010)")
    elif not load:
        yield untestable("no exchange under load was observed to its end")
    elif bad and repeated and all(repeated):
        yield untestable("the same requests fail when they are repeated alone, too")
    elif bad and all(map(_is_dropped, bad)) and is_one_event(dropped, population.run.load):
        yield one_event(bad, len(load), _how(bad[0]))
    elif bad:
        alike = sum(_is_failure(s) and s.status == bad[0].status and s.task == bad[0].task for s in population.run.load)
        yield from beyond_chance(bad, len(load), _how(bad[0]), everywhere=alike)


def _how(sample: Sample) -> str:
    if sample.outcome == "unreachable":
        return f"are missing: {sample.error or 'no connection was made'}"
    if sample.status < 400:
        return (
            f"have status {sample.status}, and no body" if sample.status else "are missing: the connection was closed"
        )
    return f"have status {sample.status}"


def _rejected(population: Population) -> list[Sample]:
    """The honest rejections under load."""
    return [s for s in population.load if s.outcome == "overloaded"]


@rule(
    "LOAD013",
    MUST,
    "A rejection under load has the API's error object",
    spec=ERRORS,
    fix="Return the API's error object with 429 and 503 from every layer, and keep proxies from sending their own pages.",
    applies_to=of_users,
    apis=GENERATIVE,
    good=[(*AS_REQUESTED, rejected(3)), (*AS_REQUESTED, rejected(3, value={"type": "error", **BUSY}, status=529))],
    bad=[
        (*AS_REQUESTED, rejected(3, value=HTML, status=503, headers=(("content-type", "text/html"),))),
        (*AS_REQUESTED, rejected(3, value="Too many requests", headers=(("content-type", "text/plain"),))),
        (*AS_REQUESTED, rejected(3, value={"detail": "Too many requests"})),
        (*AS_REQUESTED, rejected(3, value="")),
    ],
)
def rejection_without_an_error_object(population: Population) -> Iterator[Finding | NotJudged]:
    """Programs tell a rate limit from a used-up quota by the error's type and code; users read a page of HTML."""
    rejections = _rejected(population)
    bad = [s for s in rejections if s.body != "envelope"]
    if skip := not_loaded(population):
        yield skip
    elif not rejections:
        yield not_applicable("no request under load was rejected")
    elif bad:
        words = {"html": "an HTML page", "text": "plain text", "empty": "nothing", "json": "JSON without it"}
        what = (
            f"are rejections ({bad[0].status}) without an error object: the body is {words.get(bad[0].body, 'another')}"
        )
        yield counted(bad, len(population.load), what)


@rule(
    "LOAD014",
    SHOULD,
    "A rejection under load says when to retry",
    spec=RETRY_AFTER,
    fix="Send Retry-After, in seconds, with every 429, 503 and 529; spread the delays, so that clients do not return together.",
    applies_to=of_users,
    apis=GENERATIVE,
    good=[
        (*AS_REQUESTED, rejected(3)),
        (*AS_REQUESTED, rejected(3, headers=(JSON, ("retry-after-ms", "200")))),
        (*AS_REQUESTED, rejected(3, headers=(JSON, ("x-ratelimit-reset-requests", "1s")))),
    ],
    bad=[(*AS_REQUESTED, rejected(3, headers=(JSON,))), (*AS_REQUESTED, rejected(3, status=503, headers=(JSON,)))],
)
def rejection_without_a_delay(population: Population) -> Iterator[Finding | NotJudged]:
    """Without it all clients retry after half a second, all at once, and the server stays full."""
    rejections = _rejected(population)
    if skip := not_loaded(population):
        yield skip
    elif not rejections:
        yield not_applicable("no request under load was rejected")
    elif bad := [s for s in rejections if not s.retry_after and not _has_reset_header(population, s)]:
        yield counted(bad, len(population.load), f"are rejections ({bad[0].status}) without Retry-After")


def _has_reset_header(population: Population, sample: Sample) -> bool:
    """Whether a header field says when the limit is reset, as some vendors' do."""
    return any("ratelimit" in name and "reset" in name for name in population.shapes.get(sample.headers, ()))


def _is_hidden(sample: Sample) -> bool:
    """Whether an error has a success status."""
    return sample.outcome == "error" and sample.in_band and sample.task != "mistake"


def _is_stream(sample: Sample) -> bool:
    return sample.media_type == "text/event-stream"


@rule(
    "LOAD015",
    MUST,
    "Overload is not reported under a success status",
    spec=STATUS,
    fix="Reject the request with 429 or 503 before a response is begun.",
    applies_to=of_users,
    apis=GENERATIVE,
    good=[AS_REQUESTED, (*AS_REQUESTED, rejected(3))],
    bad=[(*AS_REQUESTED, rejected(3, status=200)), (*AS_REQUESTED, of(answered(BUSY), 3))],
)
def overload_as_success(population: Population) -> Iterator[Finding | NotJudged]:
    """No SDK checks a 200 for an error, so none retries; the user sees nothing, and load tools count a success."""
    load = judged(population.load)
    bad = [s for s in load if _is_hidden(s) and not _is_stream(s)]
    if skip := not_loaded(population):
        yield skip
    elif any(_is_hidden(s) and not _is_stream(s) for s in population.alone):
        yield spoilt_alone("errors have a success status")
    elif not load:
        yield untestable("no exchange under load was observed to its end")
    elif bad:
        yield counted(bad, len(load), f"are errors with status {bad[0].status}")


FAILED: Final = streamed(chunk({"role": "assistant", "content": ""}), error("Overloaded.", "server_error"))
BEGUN: Final = streamed(chunk({"role": "assistant", "content": "Hel"}), error("Overloaded.", "server_error"))


@rule(
    "LOAD016",
    SHOULD,
    "An overloaded server rejects a stream before it begins",
    spec=OVERLOADED,
    fix="Send the status line of a stream only when generation has begun, so that a rejection can be 429 or 503.",
    applies_to=of_users,
    apis=GENERATIVE,
    modes=("stream",),
    good=[AS_REQUESTED, (*AS_REQUESTED, rejected(3)), (*AS_REQUESTED, of(BEGUN, 3))],
    bad=[(*AS_REQUESTED, of(FAILED, 3))],
)
def stream_that_is_only_an_error(population: Population) -> Iterator[Finding | NotJudged]:
    """SDKs retry a rejected request, but not a stream that has begun: the user sees the error."""
    load = judged(population.load)
    bad = [s for s in load if _is_hidden(s) and _is_stream(s) and s.first_token is None]
    if skip := not_loaded(population):
        yield skip
    elif not any(_is_stream(s) for s in load):
        yield not_applicable("no response under load is an event stream")
    elif bad:
        yield counted(bad, len(load), "are streams with an error and no text")
