"""When to come back: what a rate limit says of it."""

import re
from collections.abc import Iterator

from conformance.apis.errors import quoted
from conformance.model.exchange import Exchange
from conformance.model.rule import rule
from conformance.model.verdict import MAY, SHOULD, Finding, Skip, not_applicable
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
"""A date in the form that HTTP wants, or in one of the two that it once had (RFC 9110, section 5.6.7)."""

RETRY_AFTER = "https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3"


def limited(*headers: tuple[str, str], status: int = 429) -> Exchange:
    """A refusal for now, with these headers."""
    given: Headers = (JSON, *headers)
    return answered(error("Slow down.", "rate_limit_error"), status=status, headers=given)


def _limited(x: Exchange) -> Skip | None:
    return replied(x) or (None if reply(x).status == 429 else not_applicable("no rate limit was met"))


@rule(
    "ERR028",
    SHOULD,
    "A rate limit says when to come back",
    spec="https://www.rfc-editor.org/rfc/rfc6585#section-4",
    fix="Send Retry-After with every 429.",
    when=_limited,
    good=[limited(("retry-after", "2")), limited(("retry-after-ms", "200"))],
    bad=[limited(), limited(("x-ratelimit-remaining-requests", "0"))],
)
def limit_without_retry_after(x: Exchange) -> Iterator[Finding]:
    """Without it SDKs come back after half a second, and all at once."""
    if not (reply(x).values("retry-after") or reply(x).values("retry-after-ms")):
        yield Finding("the reply is 429 without the header Retry-After", at=reply(x).head)


def _told(x: Exchange) -> Skip | None:
    if skip := replied(x):
        return skip
    return None if reply(x).values("retry-after") else not_applicable("there is no Retry-After")


@rule(
    "ERR029",
    SHOULD,
    "Retry-After is a number of seconds or a date",
    spec=RETRY_AFTER,
    fix="Send whole seconds, for example `Retry-After: 2`.",
    when=_told,
    good=[limited(("retry-after", "2")), limited(("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT"), status=503)],
    bad=[limited(("retry-after", value)) for value in ("soon", "-1", "", "2s", "1.5")],
)
def unreadable_retry_after(x: Exchange) -> Iterator[Finding]:
    """What can't be read is passed over: the client comes back when it likes."""
    value = reply(x).value("retry-after")
    if not (SECONDS.fullmatch(value) or DATE.fullmatch(value)):
        yield Finding(f"Retry-After is {quoted(value)}", at=reply(x).span("retry-after"))


def _readable(x: Exchange) -> Skip | None:
    if skip := _told(x):
        return skip
    value = reply(x).value("retry-after")
    is_clear = SECONDS.fullmatch(value) or DATE.fullmatch(value)
    return None if is_clear else not_applicable("Retry-After can't be read")


@rule(
    "ERR030",
    MAY,
    "Retry-After is a minute or less, in seconds",
    spec=RETRY_AFTER,
    fix="Send seconds, no more than 60, and refuse for longer with another status.",
    when=_readable,
    good=[limited(("retry-after", "60"))],
    bad=[limited(("retry-after", "3600")), limited(("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT"), status=503)],
)
def retry_after_that_few_obey(x: Exchange) -> Iterator[Finding]:
    """SDKs that are told more than 60 seconds come back at their own time, and some clients read no dates."""
    value = reply(x).value("retry-after")
    if not MINUTE.fullmatch(value):
        yield Finding(f"Retry-After is {quoted(value)}", at=reply(x).span("retry-after"))
