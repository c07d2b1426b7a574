"""What the refusal costs: retries, usage, time, and a place in caches."""

import re
from collections.abc import Iterator

from conformance.apis.errors import body, quoted, refusal
from conformance.model.exchange import NANOSECONDS_PER_MILLISECOND, Exchange
from conformance.model.rule import rule
from conformance.model.verdict import MUST, SHOULD, Finding, Skip
from conformance.parsing.http1 import reply
from conformance.rules.example import (
    JSON,
    answered,
    completion,
)
from conformance.rules.nyi.example import GOOD, NO_RETRY, SAID, no
from conformance.rules.nyi.spec import ENVELOPE, RETRIES, STATUS_501
from conformance.rules.nyi.statement import declined, no_statement, statement

CACHED = re.compile(r"(?:^|[\s,])(?:public|immutable|(?:s-maxage|max-age)\s*=\s*\"?0*[1-9])", re.IGNORECASE)
PROMPT_MS = 250
"""A refusal that takes longer than this and the way there, and as long as an answer, was not made at once."""


@rule(
    "NYI014",
    MUST,
    "The refusal of streaming says `x-should-retry: false`",
    spec=RETRIES,
    fix="Add the header `x-should-retry: false`.",
    when=declined,
    good=[GOOD, no(headers=(JSON, ("X-Should-Retry", "false"))), no(status=400, headers=(JSON,))],
    bad=[
        no(headers=(JSON,)),
        no(headers=(JSON, ("x-should-retry", "true"))),
        no(headers=(JSON, ("x-should-retry", "0"))),
        no(headers=(JSON, NO_RETRY, NO_RETRY)),
    ],
)
@statement
def refusal_that_is_retried(x: Exchange) -> Iterator[Finding | Skip]:
    """Every SDK retries a 5xx: three requests for each message, eleven with Claude Code, unless this header stops it."""
    value = ", ".join(reply(x).values("x-should-retry"))
    if reply(x).status >= 500 and value != "false":
        seen = f"`x-should-retry` is {quoted(value)}" if value else "the header `x-should-retry` is missing"
        yield Finding(seen, at=reply(x).span("x-should-retry"), expected="x-should-retry: false")


@rule(
    "NYI015",
    MUST,
    "The refusal of streaming has no Retry-After",
    spec="https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3",
    fix="Leave Retry-After out; look for a proxy that adds it to every 5xx.",
    when=declined,
    good=[GOOD],
    bad=[no(headers=(JSON, NO_RETRY, ("retry-after", "1")))],
)
@statement
def refusal_with_retry_after(x: Exchange) -> Iterator[Finding | Skip]:
    """It tells clients to come back, and streaming will not be there then either."""
    for name in ("retry-after", "retry-after-ms"):
        if value := reply(x).value(name):
            yield Finding(f"the refusal of streaming says `{name}: {value[:40]}`", at=reply(x).span(name))


@rule(
    "NYI016",
    MUST,
    "The refusal of streaming reports no usage",
    spec=ENVELOPE,
    fix="Refuse before the model runs, and leave `usage` out.",
    when=declined,
    good=[GOOD],
    bad=[no(SAID | {"usage": {"prompt_tokens": 9, "completion_tokens": 9, "total_tokens": 18}})],
)
@statement
def refusal_with_usage(x: Exchange) -> Iterator[Finding | Skip]:
    """Who pays by usage pays for an answer that nobody got."""
    value = body(x)
    inside = (value, value.get("error")) if isinstance(value, dict) else ()
    if any(isinstance(part, dict) and part.get("usage") is not None for part in inside):
        yield Finding("the refusal of streaming reports a `usage`", at=refusal(x).at, expected="no usage")


def _waited_ms(x: Exchange, arrival: int) -> float:
    return (x.arrivals[arrival].at_ns - x.sent_at_ns) / NANOSECONDS_PER_MILLISECOND if x.arrivals else 0.0


@rule(
    "NYI018",
    SHOULD,
    "Streaming is refused at once",
    spec=STATUS_501,
    fix="Check `stream` before the model runs.",
    when=declined,
    timed=True,
    good=[GOOD, (no(arrivals=[(300, 400)])[0], answered(completion(), arrivals=[(900, 600)]))],
    bad=[(no(arrivals=[(900, 400)])[0], answered(completion(), arrivals=[(900, 600)]))],
)
def refusal_after_generation(stream: Exchange, unary: Exchange) -> Iterator[Finding | Skip]:
    """A refusal that takes as long as an answer has made the answer, and somebody pays for it."""
    if skip := no_statement(stream, unary):
        yield skip
        return
    took, whole = _waited_ms(stream, 0), _waited_ms(unary, -1)
    there = stream.sent_at_ns / NANOSECONDS_PER_MILLISECOND
    if took >= max(PROMPT_MS + there, 0.9 * whole):
        yield Finding(f"the refusal took {took:.0f} ms, the whole answer {whole:.0f} ms", at=reply(stream).head)


@rule(
    "NYI020",
    SHOULD,
    "The refusal of streaming is not offered to caches",
    spec="https://www.rfc-editor.org/rfc/rfc9111#section-5.2.2",
    fix="Send `cache-control: no-store`, or none.",
    when=declined,
    good=[GOOD, no(headers=(JSON, NO_RETRY, ("cache-control", "no-store")))],
    bad=[no(headers=(JSON, NO_RETRY, ("cache-control", "public, max-age=600")))],
)
@statement
def refusal_that_is_cached(x: Exchange) -> Iterator[Finding | Skip]:
    """A stored refusal outlives the day on which streaming comes."""
    value = ", ".join(reply(x).values("cache-control"))
    if CACHED.search(value) and "no-store" not in value.lower():
        yield Finding(f"the refusal of streaming says `cache-control: {value[:60]}`", at=reply(x).span("cache-control"))
