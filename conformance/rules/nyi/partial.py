"""Streaming that works, but is rejected for some requests."""

from collections.abc import Iterator
from typing import Any

from conformance.apis.errors import error_response, quoted, refuses_streaming
from conformance.model.case import Kind
from conformance.model.exchange import Exchange
from conformance.model.rule import rule
from conformance.model.verdict import MUST, OUT_OF_SCOPE, Finding, NotJudged, not_applicable, untestable
from conformance.model.words import GENERATIVE
from conformance.parsing.http1 import reply
from conformance.parsing.sse import looks_like_events
from conformance.rules.conditions import OK, UNRELATED, replied
from conformance.rules.example import HELLO, JSON, answered, error, streamed
from conformance.rules.nyi.example import NO_RETRY, SAID
from conformance.rules.nyi.spec import STATUS_501

TOOLS: dict[str, Any] = {"mode": "stream", "probe": "chat.tools"}


def _refused(x: Exchange) -> NotJudged | None:
    """Streaming was rejected for a request other than the baseline."""
    if x.case.kind in (Kind.BASELINE, Kind.MISTAKE):
        return OUT_OF_SCOPE
    if skip := replied(x):
        return skip
    if refuses_streaming(x) and reply(x).status not in UNRELATED:
        return None
    return not_applicable("streaming was not rejected")


def _faults(x: Exchange) -> Iterator[str]:
    """What is wrong with the error, in clauses that follow `the error`."""
    answer, error = reply(x), error_response(x)
    if answer.status >= 500 and answer.status != 501:
        yield f"reports a server failure (HTTP {answer.status})"
    if not error.is_enveloped:
        yield "has no error object"
    if answer.status >= 500 and answer.values("x-should-retry") != ("false",):
        yield "does not set x-should-retry: false"
    if answer.value("retry-after") or answer.value("retry-after-ms"):
        yield "sets Retry-After"


@rule(
    "NYI023",
    MUST,
    "An error that rejects streaming for some requests only is well-formed and not retryable",
    spec=STATUS_501,
    fix="Stream the request like any other, or return 501 with the API's error object and x-should-retry: false.",
    applies_to=_refused,
    needs=("headers",),
    apis=GENERATIVE,
    good=[
        (answered(SAID, status=501, headers=(JSON, NO_RETRY), **TOOLS), streamed(*HELLO)),
        (answered(error("No `stream` beside tools.", param="stream"), status=400, **TOOLS), streamed(*HELLO)),
    ],
    bad=[
        (answered(SAID, status=501, **TOOLS), streamed(*HELLO)),
        (answered(SAID, status=500, headers=(JSON, NO_RETRY), **TOOLS), streamed(*HELLO)),
        (answered("<html>", status=501, headers=(("content-type", "text/html"), NO_RETRY), **TOOLS), streamed(*HELLO)),
    ],
)
def streaming_refused_badly_for_some(x: Exchange, baseline: Exchange) -> Iterator[Finding | NotJudged]:
    """A client that has streamed once treats the failure as temporary: it retries, and pays for the earlier turns again."""
    if refuses_streaming(baseline):
        yield not_applicable("the target declares that it does not support streaming")
    elif reply(baseline).status not in OK or not looks_like_events(baseline) or error_response(baseline):
        yield untestable("the baseline request was not streamed")
    elif faults := list(_faults(x)):
        error = error_response(x)
        why = quoted(error.message or error.text)
        yield Finding(
            f"the baseline request is streamed, but this one is rejected with HTTP {error.status} {why}: the error {', '.join(faults)}",
            at=error.at,
        )
