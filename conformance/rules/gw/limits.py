"""When to come back: Retry-After and the quota's headers on refusals."""

import re
from collections.abc import Iterator
from typing import Final

from conformance.apis.retry_after import retry_after_s
from conformance.model.case import Kind
from conformance.model.exchange import Exchange
from conformance.model.rule import rule
from conformance.model.target import Policy
from conformance.model.verdict import MUST, SHOULD, Finding, NotJudged, not_applicable
from conformance.model.words import APIS
from conformance.parsing.http1 import reply
from conformance.rules.gw.attempts import failed_upstream, fate, is_sent_twice, is_unreachable, repeats
from conformance.rules.gw.conditions import through_gateway
from conformance.rules.gw.example import both
from conformance.rules.gw.failing_example import GOOD, at, elsewhere, limited, refused

RETRY_AFTER: Final = "https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3"
QUOTA: Final = re.compile(r"(?:x-ratelimit-|anthropic-ratelimit-).+|x-should-retry")
LIMITS: Final = (429, 503, 529)
AFTER: Final = ("retry-after", "1")
LEAST: Final = 0.9
"""The part of the time that a gateway has to wait: clocks differ."""


def _ended_ns(x: Exchange) -> int:
    """When the last byte of a response was sent, on the run's clock."""
    return x.began_ns + (x.arrivals[-1].at_ns if x.arrivals else x.ending.at_ns)


@rule(
    "GW072",
    SHOULD,
    "A gateway that tries again waits as long as Retry-After says",
    spec=RETRY_AFTER,
    fix="Wait for Retry-After before the next attempt at the same upstream, or pass the refusal on.",
    applies_to=through_gateway(),
    apis=APIS,
    timed=True,
    good=[
        both(GOOD, at(0, limited(AFTER)), at(1100, GOOD)),
        both(GOOD, at(0, limited(AFTER)), elsewhere(at(5, GOOD))),
    ],
    bad=[both(GOOD, at(0, limited(AFTER)), at(20, GOOD)), both(refused(429), at(0, limited(AFTER)), at(300, GOOD))],
)
def retry_after_ignored(x: Exchange, upstream: tuple[Exchange, ...]) -> Iterator[Finding | NotJudged]:
    """Attempts that come too early are refused, too, and count against the limit of all the gateway's clients."""
    with_delay = [
        again for again in repeats(upstream) if fate(again.before) == "refused" and retry_after_s(again.before)
    ]
    if not with_delay or is_sent_twice(x):
        yield not_applicable("no attempt came after a refusal with Retry-After in seconds")
        return
    for again in with_delay:
        wanted_s = retry_after_s(again.before) or 0.0
        waited_s = max(0.0, (again.after.began_ns - _ended_ns(again.before)) / 1e9)
        if not again.is_elsewhere and waited_s < wanted_s * LEAST:
            yield Finding(f"the upstream asked for {wanted_s:g} s, and got the request again after {waited_s:.2f} s")


@rule(
    "GW075",
    MUST,
    "Retry-After of the upstream's refusal survives",
    spec=RETRY_AFTER,
    fix="Pass Retry-After and retry-after-ms on with the refusal, or send a later time.",
    applies_to=through_gateway(Kind.GATEWAY_FAULT),
    apis=APIS,
    needs=("headers",),
    good=[
        both(limited(AFTER), limited(AFTER)),
        both(limited(("retry-after-ms", "1000")), limited(AFTER)),
        both(limited(AFTER, status=503), limited(AFTER, status=503)),
        both(limited(("retry-after", "5")), limited(AFTER)),
    ],
    bad=[
        both(limited(), limited(AFTER)),
        both(limited(("retry-after", "0")), limited(AFTER)),
        both(limited(status=503), limited(("retry-after", "30"), status=503)),
        both(limited(("retry-after", "")), limited(AFTER)),
    ],
)
def retry_after_dropped(x: Exchange, upstream: tuple[Exchange, ...], policy: Policy) -> Iterator[Finding | NotJudged]:
    """Without it SDKs come back after half a second, all at once, and agents ask without end while the limit lasts."""
    if skip := failed_upstream(x, upstream):
        yield skip
        return
    with_delay = [a for a in upstream if fate(a) == "refused" and _has_retry_after(a)]
    answer = reply(x)
    if not with_delay:
        yield not_applicable("the upstream's refusal has no Retry-After")
    elif answer.status not in LIMITS:
        yield not_applicable(f"the client got HTTP {answer.status}, which is no limit")
    elif not any(answer.value(name).strip() for name in ("retry-after", "retry-after-ms")):
        seen = f"the upstream's {reply(with_delay[-1]).status} has Retry-After, the client's {answer.status} has none"
        yield Finding(seen, at=answer.head)
    else:
        yield from _shortened(x, with_delay[-1], policy)


def _has_retry_after(x: Exchange) -> bool:
    return any(reply(x).value(name) for name in ("retry-after", "retry-after-ms"))


def _shortened(x: Exchange, refusal: Exchange, policy: Policy) -> Iterator[Finding]:
    """The client may come back before the upstream's time; with another upstream that may be right."""
    wanted_s, sent_s = retry_after_s(refusal), retry_after_s(x)
    if wanted_s is None or sent_s is None or policy.gateway.fallback:
        return
    waited_s = max(0.0, (x.began_ns + _length_ns(x) - _ended_ns(refusal)) / 1e9)
    if sent_s + waited_s < wanted_s * LEAST:
        yield Finding(
            f"the upstream asked for {wanted_s:g} s, but the client gets {sent_s:g} s", at=reply(x).span("retry-after")
        )


def _length_ns(x: Exchange) -> int:
    return x.arrivals[0].at_ns if x.arrivals else x.ending.at_ns


@rule(
    "GW076",
    SHOULD,
    "The quota's headers of the upstream's refusal survive",
    spec="https://platform.claude.com/docs/en/api/rate-limits#response-headers",
    fix="Pass x-ratelimit-*, anthropic-ratelimit-* and x-should-retry on, or send the gateway's own quota in them.",
    applies_to=through_gateway(Kind.GATEWAY_FAULT),
    apis=APIS,
    needs=("headers",),
    good=[
        both(limited(("x-ratelimit-limit-requests", "60")), limited(("x-ratelimit-limit-requests", "60"))),
        both(limited(("x-ratelimit-limit-requests", "9")), limited(("x-ratelimit-limit-requests", "60"))),
    ],
    bad=[
        both(limited(AFTER), limited(AFTER, ("x-ratelimit-limit-requests", "60"))),
        both(limited(AFTER), limited(AFTER, ("anthropic-ratelimit-unified-status", "rejected"))),
    ],
)
def quota_headers_dropped(x: Exchange, upstream: tuple[Exchange, ...]) -> Iterator[Finding | NotJudged]:
    """Agents read from them which limit was reached, and until when: without them they retry without end."""
    if skip := failed_upstream(x, upstream):
        yield skip
        return
    refusals = [a for a in upstream if fate(a) == "refused" and a.api == x.api and reply(a).status == reply(x).status]
    sent = {h.name for a in refusals for h in reply(a).headers if QUOTA.fullmatch(h.name)}
    if not sent:
        yield not_applicable("no refusal of an upstream with this status and API has headers about a quota")
    elif lost := sorted(sent - {h.name for h in reply(x).headers}):
        yield Finding(f"the upstream's refusal has {', '.join(lost)}; the client's has not", at=reply(x).head)


@rule(
    "GW077",
    SHOULD,
    "A refusal of the gateway's own says when to come back",
    spec="https://www.rfc-editor.org/rfc/rfc6585#section-4",
    fix="Send Retry-After with the gateway's own 429 and 503, for as long as the upstream is not asked.",
    applies_to=through_gateway(),
    apis=APIS,
    needs=("headers",),
    good=[both(limited(AFTER)), both(limited(AFTER, status=503))],
    bad=[both(limited()), both(limited(status=503))],
)
def own_limit_without_retry_after(x: Exchange, upstream: tuple[Exchange, ...]) -> Iterator[Finding | NotJudged]:
    """While the gateway lets an upstream rest, it alone knows for how long."""
    answer = reply(x)
    if upstream or is_unreachable(x) or answer.status not in LIMITS:
        yield not_applicable("the gateway did not refuse the request on its own with 429 or 503")
    elif not _has_retry_after(x):
        seen = f"the gateway refused the request on its own with {answer.status}, without Retry-After"
        yield Finding(seen, at=answer.head)
