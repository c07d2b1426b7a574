"""The status for unsupported streaming: 501, and only for requests with `stream: true`."""

from collections.abc import Iterator, Sequence

from conformance.apis.errors import error_response, quoted, speaks_of_streaming
from conformance.model.case import Kind
from conformance.model.exchange import Exchange
from conformance.model.rule import rule
from conformance.model.target import Policy
from conformance.model.verdict import MUST, SHOULD, Finding, NotJudged, not_applicable
from conformance.model.words import GENERATIVE
from conformance.parsing.http1 import reply
from conformance.parsing.sse import looks_like_events
from conformance.rules.conditions import OK, all_of, probe_is, replied
from conformance.rules.example import HELLO, JSON, answered, streamed
from conformance.rules.nyi.example import ANSWER, GOOD, NO_RETRY, SAID, rejection
from conformance.rules.nyi.spec import STATUS_501, STATUS_503
from conformance.rules.nyi.statement import about_streaming, streaming_rejected, why_not_about_streaming


@rule(
    "NYI001",
    MUST,
    "Streaming is supported, unless the target's policy allows rejecting it",
    spec="https://platform.openai.com/docs/api-reference/chat/create#chat-create-stream",
    fix="Implement streaming (text/event-stream), and until then run the harness with `--streaming stopgap-ok`.",
    applies_to=all_of(probe_is(Kind.BASELINE), replied),
    apis=GENERATIVE,
    good=[(streamed(*HELLO), ANSWER), GOOD],
    bad=[GOOD, rejection(status=400)],
)
def streaming_refused(stream: Exchange, unary: Exchange, policy: Policy) -> Iterator[Finding | NotJudged]:
    """Agent frameworks stream by default, and some can't do otherwise: without streaming they get no completion."""
    error = error_response(stream)
    if reply(stream).status in OK and looks_like_events(stream):
        return
    if skip := streaming_rejected(stream) or why_not_about_streaming(stream, unary):
        yield skip
    elif policy.streaming == "required":
        yield Finding(
            f"streaming is rejected with HTTP {error.status} {quoted(error.message or error.text)}", at=error.at
        )


def _status_rule(x: Exchange, statuses: Sequence[int], means: str) -> Iterator[Finding]:
    if (status := reply(x).status) in statuses:
        yield Finding(
            f"unsupported streaming is rejected with HTTP {status}, which means {means}",
            at=reply(x).head,
            expected="HTTP 501",
        )


@rule(
    "NYI002",
    MUST,
    "Unsupported streaming is not rejected with HTTP 503",
    spec=STATUS_503,
    fix="Return 501 instead of 503, which promises that a retry helps.",
    applies_to=streaming_rejected,
    apis=GENERATIVE,
    good=[GOOD],
    bad=[rejection(status=503)],
)
@about_streaming
def called_unavailable(x: Exchange) -> Iterator[Finding | NotJudged]:
    """Clients and load balancers wait and retry, for a feature that does not exist."""
    yield from _status_rule(x, (503,), "a temporary outage")


@rule(
    "NYI003",
    MUST,
    "Unsupported streaming is not rejected as a server failure (5xx other than 501 and 503)",
    spec=STATUS_501,
    fix="Return 501 instead of another 5xx, which reports a server failure.",
    applies_to=streaming_rejected,
    apis=GENERATIVE,
    good=[GOOD],
    bad=[rejection(status=500), rejection(status=502)],
)
@about_streaming
def unsupported_as_500(x: Exchange) -> Iterator[Finding | NotJudged]:
    """Clients retry it, monitoring counts it as an outage, and operators are paged for a feature that does not exist."""
    yield from _status_rule(x, [s for s in range(500, 600) if s not in (501, 503)], "a server failure")


@rule(
    "NYI004",
    SHOULD,
    "Unsupported streaming is rejected with HTTP 501, not with a 4xx",
    spec=STATUS_501,
    fix="Return 501 with `x-should-retry: false`: frameworks fall back to a non-streaming request only then.",
    applies_to=streaming_rejected,
    apis=GENERATIVE,
    good=[GOOD],
    bad=[rejection(status=400), rejection(status=422)],
)
@about_streaming
def called_a_client_s_mistake(x: Exchange) -> Iterator[Finding | NotJudged]:
    """After a 501 hermes retries without streaming; after a 400 it gives up the turn."""
    yield from _status_rule(x, range(400, 500), "an invalid request")


@rule(
    "NYI017",
    MUST,
    "Only streaming requests are rejected with HTTP 501",
    spec=STATUS_501,
    fix="Reject only requests with `stream: true`, and serve every other request.",
    applies_to=streaming_rejected,
    apis=GENERATIVE,
    good=[GOOD],
    bad=[(GOOD[0], answered(SAID, status=501, headers=(JSON, NO_RETRY)))],
)
def refusal_without_a_stream(stream: Exchange, unary: Exchange) -> Iterator[Finding | NotJudged]:
    """The fallback to a non-streaming request, which the error promises, fails too."""
    if reply(stream).status != 501:
        yield not_applicable("streaming was not rejected with HTTP 501")
    elif not speaks_of_streaming(error_response(stream)):
        yield not_applicable("the error promises no fallback: it does not mention streaming (see ERR022)")
    elif reply(unary).status == 501:
        yield Finding(
            "the non-streaming request is rejected with HTTP 501 too", at=reply(unary).head, expected="a completion"
        )
