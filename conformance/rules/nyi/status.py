"""The status for unsupported streaming: 501, and only for requests with `stream: true`."""

from collections.abc import Iterator, Sequence

from conformance.apis.errors import error_response, quoted
from conformance.model.exchange import Exchange
from conformance.model.rule import rule
from conformance.model.target import Policy
from conformance.model.verdict import MUST, SHOULD, Finding, NotJudged, not_applicable
from conformance.parsing.http1 import reply
from conformance.parsing.sse import looks_like_events
from conformance.rules.conditions import OK, asks, both, replied
from conformance.rules.example import HELLO, JSON, answered, streamed
from conformance.rules.nyi.example import ANSWER, GOOD, NO_RETRY, SAID, no
from conformance.rules.nyi.spec import STATUS_501, STATUS_503
from conformance.rules.nyi.statement import declined, no_statement, statement


@rule(
    "NYI001",
    MUST,
    "Streaming is supported, unless the target's policy allows rejecting it",
    spec="https://platform.openai.com/docs/api-reference/chat/create#chat-create-stream",
    fix="Stream with text/event-stream; until then run with `--streaming stopgap-ok`.",
    when=both(asks("hello"), replied),
    good=[(streamed(*HELLO), ANSWER), GOOD],
    bad=[GOOD, no(status=400)],
)
def streaming_refused(stream: Exchange, unary: Exchange, policy: Policy) -> Iterator[Finding | NotJudged]:
    """Agent frameworks stream by default, and some can't do otherwise: without streaming they get no completion."""
    said = error_response(stream)
    if reply(stream).status in OK and looks_like_events(stream):
        return
    if skip := declined(stream) or no_statement(stream, unary):
        yield skip
    elif policy.streaming == "required":
        yield Finding(f"streaming is rejected with {said.status}: {quoted(said.message or said.text)}", at=said.at)


def _status_rule(x: Exchange, statuses: Sequence[int], means: str) -> Iterator[Finding]:
    if (status := reply(x).status) in statuses:
        yield Finding(
            f"unsupported streaming is rejected with {status}, which means {means}", at=reply(x).head, expected="501"
        )


@rule(
    "NYI002",
    MUST,
    "Unsupported streaming is not reported as unavailable (503)",
    spec=STATUS_503,
    fix="Return 501; a 503 promises that a retry helps.",
    when=declined,
    good=[GOOD],
    bad=[no(status=503)],
)
@statement
def called_unavailable(x: Exchange) -> Iterator[Finding | NotJudged]:
    """Clients and load balancers wait and retry forever, for a feature that does not exist."""
    yield from _status_rule(x, (503,), "a temporary outage")


@rule(
    "NYI003",
    MUST,
    "Unsupported streaming is not reported as a server failure (500)",
    spec=STATUS_501,
    fix="Return 501; any other 5xx reports a server failure.",
    when=declined,
    good=[GOOD],
    bad=[no(status=500), no(status=502)],
)
@statement
def called_a_crash(x: Exchange) -> Iterator[Finding | NotJudged]:
    """It is retried, counted as an outage and pages operators, and does not reveal `stream` as the reason."""
    yield from _status_rule(x, [s for s in range(500, 600) if s not in (501, 503)], "a server failure")


@rule(
    "NYI004",
    SHOULD,
    "Unsupported streaming is rejected with 501, not with a 4xx",
    spec=STATUS_501,
    fix="Return 501 with `x-should-retry: false`: frameworks fall back to a non-streaming request only then.",
    when=declined,
    good=[GOOD],
    bad=[no(status=400), no(status=422)],
)
@statement
def called_a_client_s_mistake(x: Exchange) -> Iterator[Finding | NotJudged]:
    """After a 501 hermes retries without streaming; after a 400 it gives up the turn."""
    yield from _status_rule(x, range(400, 500), "an invalid request")


@rule(
    "NYI017",
    MUST,
    "Only streaming requests get 501",
    spec=STATUS_501,
    fix="Reject only requests with `stream: true`, and serve every other request.",
    when=declined,
    good=[GOOD],
    bad=[(GOOD[0], answered(SAID, status=501, headers=(JSON, NO_RETRY)))],
)
def refusal_without_a_stream(stream: Exchange, unary: Exchange) -> Iterator[Finding | NotJudged]:
    """The fallback that the error promises fails as well."""
    if reply(stream).status != 501:
        yield not_applicable("streaming was not rejected with 501")
    elif reply(unary).status == 501:
        yield Finding("a non-streaming request gets 501 too", at=reply(unary).head, expected="a completion")
