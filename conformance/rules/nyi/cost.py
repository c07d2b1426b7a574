"""What the error for unsupported streaming costs: retries, usage, latency, caching."""

import re
from collections.abc import Iterator

from conformance.apis.errors import body, error_response, quoted
from conformance.apis.usage import counts_tokens
from conformance.model.exchange import NANOSECONDS_PER_MILLISECOND, Exchange
from conformance.model.rule import rule
from conformance.model.verdict import MUST, SHOULD, Finding, NotJudged
from conformance.model.words import GENERATIVE
from conformance.parsing.http1 import reply
from conformance.parsing.json_values import as_object
from conformance.rules.example import (
    JSON,
    answered,
    completion,
)
from conformance.rules.nyi.example import GOOD, NO_RETRY, SAID, rejection
from conformance.rules.nyi.spec import ENVELOPE, RETRIES, STATUS_501
from conformance.rules.nyi.statement import about_streaming, streaming_rejected, why_not_about_streaming

CACHED = re.compile(r"(?:^|[\s,])(?:public|immutable|(?:s-maxage|max-age)\s*=\s*\"?0*[1-9])", re.IGNORECASE)
PROMPT_MS = 250
"""Beyond the connection time. A slower rejection that takes as long as a completion was not immediate."""


@rule(
    "NYI014",
    MUST,
    "The error for unsupported streaming sets x-should-retry: false",
    spec=RETRIES,
    fix="Send the header x-should-retry: false, once, with the error.",
    applies_to=streaming_rejected,
    needs=("headers",),
    apis=GENERATIVE,
    good=[GOOD, rejection(headers=(JSON, ("X-Should-Retry", "false"))), rejection(status=400, headers=(JSON,))],
    bad=[
        rejection(headers=(JSON,)),
        rejection(headers=(JSON, ("x-should-retry", "true"))),
        rejection(headers=(JSON, ("x-should-retry", "0"))),
        rejection(headers=(JSON, NO_RETRY, NO_RETRY)),
    ],
)
@about_streaming
def refusal_that_is_retried(x: Exchange) -> Iterator[Finding | NotJudged]:
    """Every SDK retries a 5xx: three requests per message, eleven with Claude Code, unless this header stops it."""
    value = ", ".join(reply(x).values("x-should-retry"))
    if reply(x).status >= 500 and value != "false":
        seen = f"x-should-retry is {quoted(value)}" if value else "the header x-should-retry is missing"
        yield Finding(seen, at=reply(x).span("x-should-retry"), expected="x-should-retry: false")


@rule(
    "NYI015",
    MUST,
    "The error for unsupported streaming has no Retry-After",
    spec="https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3",
    fix="Remove Retry-After from the error, and check that no proxy adds it to every 5xx.",
    applies_to=streaming_rejected,
    needs=("headers",),
    apis=GENERATIVE,
    good=[GOOD],
    bad=[rejection(headers=(JSON, NO_RETRY, ("retry-after", "1")))],
)
@about_streaming
def refusal_with_retry_after(x: Exchange) -> Iterator[Finding | NotJudged]:
    """Retry-After makes clients retry, although streaming will still be unsupported."""
    for name in ("retry-after", "retry-after-ms"):
        if value := reply(x).value(name):
            yield Finding(f"the error for unsupported streaming sets {name}: {value[:40]}", at=reply(x).span(name))


@rule(
    "NYI016",
    MUST,
    "The error for unsupported streaming reports no usage above zero",
    spec=ENVELOPE,
    fix="Reject the request before the model runs, and leave usage out of the error.",
    applies_to=streaming_rejected,
    apis=GENERATIVE,
    good=[GOOD, rejection(SAID | {"usage": {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}})],
    bad=[rejection(SAID | {"usage": {"prompt_tokens": 9, "completion_tokens": 9, "total_tokens": 18}})],
)
@about_streaming
def refusal_with_usage(x: Exchange) -> Iterator[Finding | NotJudged]:
    """Clients billed by usage pay for a completion that they did not get."""
    value = body(x)
    inside = (value, value.get("error")) if isinstance(value, dict) else ()
    if any(counts_tokens(as_object(part).get("usage")) for part in inside):
        yield Finding("the error for unsupported streaming reports usage", at=error_response(x).at, expected="no usage")


def _waited_ms(x: Exchange, arrival: int) -> float:
    return (x.arrivals[arrival].at_ns - x.sent_at_ns) / NANOSECONDS_PER_MILLISECOND if x.arrivals else 0.0


@rule(
    "NYI018",
    SHOULD,
    "Unsupported streaming is rejected immediately",
    spec=STATUS_501,
    fix="Check `stream`, and reject the request, before the model runs.",
    applies_to=streaming_rejected,
    timed=True,
    apis=GENERATIVE,
    good=[GOOD, (rejection(arrivals=[(300, 400)])[0], answered(completion(), arrivals=[(900, 600)]))],
    bad=[(rejection(arrivals=[(900, 400)])[0], answered(completion(), arrivals=[(900, 600)]))],
)
def refusal_after_generation(stream: Exchange, unary: Exchange) -> Iterator[Finding | NotJudged]:
    """A rejection that takes as long as a completion has probably generated one, which is paid for and lost."""
    if skip := why_not_about_streaming(stream, unary):
        yield skip
        return
    took, whole = _waited_ms(stream, 0), _waited_ms(unary, -1)
    there = stream.sent_at_ns / NANOSECONDS_PER_MILLISECOND
    if took >= max(PROMPT_MS + there, 0.9 * whole):
        yield Finding(
            f"unsupported streaming was rejected after {took:.0f} ms; the non-streaming response took {whole:.0f} ms",
            at=reply(stream).head,
        )


@rule(
    "NYI020",
    SHOULD,
    "The error for unsupported streaming is not cacheable",
    spec="https://www.rfc-editor.org/rfc/rfc9111#section-5.2.2",
    fix="Send Cache-Control: no-store, or omit Cache-Control.",
    applies_to=streaming_rejected,
    needs=("headers",),
    apis=GENERATIVE,
    good=[GOOD, rejection(headers=(JSON, NO_RETRY, ("cache-control", "no-store")))],
    bad=[rejection(headers=(JSON, NO_RETRY, ("cache-control", "public, max-age=600")))],
)
@about_streaming
def refusal_that_is_cached(x: Exchange) -> Iterator[Finding | NotJudged]:
    """Caches still serve the error after streaming is deployed."""
    value = ", ".join(reply(x).values("cache-control"))
    if CACHED.search(value) and "no-store" not in value.lower():
        yield Finding(
            f"the error for unsupported streaming sets Cache-Control: {value[:60]}", at=reply(x).span("cache-control")
        )
