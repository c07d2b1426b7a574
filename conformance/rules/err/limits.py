"""When to retry after a rate limit: the Retry-After header."""

import re
from collections.abc import Iterator

from conformance.apis.errors import quoted
from conformance.model.exchange import Exchange
from conformance.model.rule import rule
from conformance.model.verdict import MAY, SHOULD, Finding, NotJudged, not_applicable
from conformance.model.words import APIS
from conformance.parsing.http1 import reply
from conformance.rules.conditions import replied
from conformance.rules.example import JSON, Headers, answered, error

SECONDS = re.compile(r"[0-9]{1,9}")
MINUTE = re.compile(r"0*(?:[0-9]|[1-5][0-9]|60)")
DATE = re.compile(
    r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT"
    r"|[A-Z][a-z]{5,8}, \d\d-[A-Z][a-z]{2}-\d\d \d\d:\d\d:\d\d GMT"
    r"|[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}"
)
"""An HTTP-date, or one of its two obsolete forms (RFC 9110, section 5.6.7)."""

RETRY_AFTER = "https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3"


def limited(*headers: tuple[str, str], status: int = 429) -> Exchange:
    """A rate-limit error with these headers."""
    given: Headers = (JSON, *headers)
    return answered(error("Slow down.", "rate_limit_error"), status=status, headers=given)


def _limited(x: Exchange) -> NotJudged | None:
    return replied(x) or (
        None if reply(x).status == 429 else not_applicable("the request was not rate-limited (HTTP 429)")
    )


@rule(
    "ERR028",
    SHOULD,
    "A 429 response has a Retry-After header",
    spec="https://www.rfc-editor.org/rfc/rfc6585#section-4",
    fix="Send Retry-After, in seconds, with every 429.",
    applies_to=_limited,
    needs=("headers",),
    apis=APIS,
    good=[limited(("retry-after", "2")), limited(("retry-after-ms", "200"))],
    bad=[limited(), limited(("x-ratelimit-remaining-requests", "0"))],
)
def limit_without_retry_after(x: Exchange) -> Iterator[Finding]:
    """Without it SDKs retry after half a second, all at once. The header retry-after-ms is accepted instead."""
    if not (reply(x).values("retry-after") or reply(x).values("retry-after-ms")):
        yield Finding("the 429 response has neither a Retry-After nor a retry-after-ms header", at=reply(x).head)


def _has_retry_after(x: Exchange) -> NotJudged | None:
    if skip := replied(x):
        return skip
    return None if reply(x).values("retry-after") else not_applicable("the response has no Retry-After")


@rule(
    "ERR029",
    SHOULD,
    "Retry-After is a number of seconds or a date",
    spec=RETRY_AFTER,
    fix="Send whole seconds, for example `Retry-After: 2`.",
    applies_to=_has_retry_after,
    needs=("headers",),
    apis=APIS,
    good=[limited(("retry-after", "2")), limited(("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT"), status=503)],
    bad=[limited(("retry-after", value)) for value in ("soon", "-1", "", "2s", "1.5")],
)
def unreadable_retry_after(x: Exchange) -> Iterator[Finding]:
    """Clients ignore an invalid value and retry after their own delay."""
    value = reply(x).value("retry-after")
    if not (SECONDS.fullmatch(value) or DATE.fullmatch(value)):
        yield Finding(
            f"Retry-After is {quoted(value)}, neither a number of seconds nor a date", at=reply(x).span("retry-after")
        )


def _readable(x: Exchange) -> NotJudged | None:
    if skip := _has_retry_after(x):
        return skip
    value = reply(x).value("retry-after")
    is_clear = SECONDS.fullmatch(value) or DATE.fullmatch(value)
    return None if is_clear else not_applicable("Retry-After is neither a number of seconds nor a date")


@rule(
    "ERR030",
    MAY,
    "Retry-After is a number of at most 60 seconds",
    spec=RETRY_AFTER,
    fix="Send Retry-After as a number of seconds up to 60; use another status for longer outages.",
    applies_to=_readable,
    needs=("headers",),
    apis=APIS,
    good=[limited(("retry-after", "60"))],
    bad=[limited(("retry-after", "3600")), limited(("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT"), status=503)],
)
def retry_after_that_few_obey(x: Exchange) -> Iterator[Finding]:
    """SDKs ignore a delay of more than 60 seconds and use their own, and some clients parse no dates."""
    value = reply(x).value("retry-after")
    if not MINUTE.fullmatch(value):
        yield Finding(
            f"Retry-After is {quoted(value)}, not a number of at most 60 seconds", at=reply(x).span("retry-after")
        )
