"""The cost of retries, computed from how each framework would handle the response; no retry is sent."""

from collections.abc import Iterator

from conformance.apis.errors import refuses_streaming
from conformance.clients.affected import affected_clients
from conformance.model.case import Kind
from conformance.model.exchange import Exchange
from conformance.model.impact import Impact
from conformance.model.rule import rule
from conformance.model.target import Prices
from conformance.model.verdict import SHOULD, Finding, NotJudged, not_applicable
from conformance.model.words import GENERATIVE
from conformance.parsing.http1 import reply
from conformance.rules.conditions import all_of, probe_is, replied, succeeded
from conformance.rules.example import HELLO, JSON, answered, completion, error, streamed

RETRIES = "https://www.rfc-editor.org/rfc/rfc9110#section-9.2.2"
UNPRICED = Prices()
ENOUGH = 3
"""The most requests that SDKs send for one rejected message, by default."""

UNSUPPORTED = error("Streaming is not supported. Set stream=false.", param="stream", code="streaming_not_supported")
WHOLE = answered(completion())


def retry_sentence(worst: Impact, others: int) -> str:
    """The retries of one framework, and how many others do the same."""
    more = f"; {others} more clients retry too" if others else ""
    return f"{worst.client} sends {worst.requests} requests for one message, {worst.billed} of them billed{more}"


@rule(
    "BILL010",
    SHOULD,
    "No client is billed more than once for one message",
    spec=RETRIES,
    fix="Fix the other failures of this exchange: clients retry empty, invalid or truncated responses, and pay each time.",
    applies_to=all_of(probe_is(Kind.BASELINE), succeeded),
    needs=("headers",),
    apis=GENERATIVE,
    good=[(streamed(*HELLO), WHOLE)],
    bad=[(answered(completion(), mode="stream"), WHOLE), (streamed(*HELLO[:1], *HELLO[-2:]), WHOLE)],
)
def paid_again(stream: Exchange, unary: Exchange) -> Iterator[Finding]:
    """The user sees nothing, or the same text twice, and is billed three, four or nine times for the message."""
    paying = [seen for seen in affected_clients(stream, unary, UNPRICED) if seen.billed > 1]
    if paying:
        worst = max(paying, key=lambda seen: (seen.billed, seen.requests))
        yield Finding(retry_sentence(worst, len(paying) - 1), at=reply(stream).head)


def refused_to_stream(x: Exchange) -> NotJudged | None:
    """Streaming was rejected as not supported; the non-streaming response may be anything."""
    if x.mode == "unary" or refuses_streaming(x):
        return replied(x)
    return not_applicable("the target did not reject streaming as unsupported")


@rule(
    "BILL011",
    SHOULD,
    "No client sends more than three requests for one message if streaming is unsupported",
    spec=RETRIES,
    fix="Send x-should-retry: false with the error, and no Retry-After.",
    applies_to=all_of(probe_is(Kind.BASELINE), refused_to_stream),
    needs=("headers",),
    apis=GENERATIVE,
    good=[(answered(UNSUPPORTED, status=501, headers=(JSON, ("x-should-retry", "false")), mode="stream"), WHOLE)],
    bad=[
        (answered(UNSUPPORTED, status=501, mode="stream", probe="messages.hello"), answered({}, probe="messages.hello"))
    ],
)
def retried_again_and_again(stream: Exchange, unary: Exchange) -> Iterator[Finding]:
    """An agent that retries a request for minutes, although it can never work, seems to hang and keeps the server busy."""
    asking = [seen for seen in affected_clients(stream, unary, UNPRICED) if seen.requests > ENOUGH]
    if asking:
        worst = max(asking, key=lambda seen: seen.requests)
        yield Finding(retry_sentence(worst, len(asking) - 1), at=reply(stream).head)
