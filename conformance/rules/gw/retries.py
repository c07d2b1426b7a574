"""How often one request is sent upstream, and what becomes of the further attempts."""

from collections.abc import Iterator
from typing import Final

from conformance.apis.errors import error_response
from conformance.apis.forwarding.batches import is_in_parts
from conformance.apis.response_content import response_content
from conformance.model.case import Compare, Kind
from conformance.model.exchange import Exchange, Pair
from conformance.model.rule import rule
from conformance.model.target import GatewayPolicy, Policy
from conformance.model.verdict import MUST, SHOULD, Finding, NotJudged, not_applicable, untestable
from conformance.model.words import APIS
from conformance.parsing.http1 import reply
from conformance.parsing.json_values import display
from conformance.rules.conditions import OK
from conformance.rules.example import answered, completion
from conformance.rules.gw.answers import undecoded
from conformance.rules.gw.attempts import (
    Again,
    allows,
    failure,
    fate,
    is_generation,
    is_sent_twice,
    may_be_accepted,
    place,
    repeats,
    status_of,
)
from conformance.rules.gw.conditions import through_gateway
from conformance.rules.gw.example import both
from conformance.rules.gw.failing_example import FAULT, GOOD, LOST, OWN, begun, elsewhere, refused

IDEMPOTENT: Final = "https://www.rfc-editor.org/rfc/rfc9110#section-9.2.2"
RATE_LIMITED: Final = 429
PASSING: Final = (RATE_LIMITED, 500, 503, 529)
"""Failures after which a gateway that tries again at all does so."""


def _undeclared(upstream: tuple[Exchange, ...], policy: GatewayPolicy, *, accepted: bool) -> Iterator[Again]:
    """Attempts that the policy does not declare, after one that may have been accepted, or that was not."""
    for again in repeats(upstream):
        is_other_rules = again.is_elsewhere and fate(again.before) != "answered"
        if fate(again.before) == "unknown" or is_other_rules or allows(policy, again):
            continue
        if may_be_accepted(again.before) is accepted:
            yield again


def _counted(upstream: tuple[Exchange, ...]) -> str:
    return f"the request arrived {sum(map(is_generation, upstream))} times upstream"


@rule(
    "GW070",
    MUST,
    "One request is one request upstream, or as many as the policy declares",
    spec=IDEMPOTENT,
    fix="Leave retries to the client, or declare them: gateway.retries and gateway.retry_on of the policy.",
    applies_to=through_gateway(),
    apis=APIS,
    good=[
        both(refused(), refused()),
        both(GOOD, GOOD),
        both(GOOD, refused(), elsewhere(GOOD)),
        both(GOOD, refused(), GOOD),
    ],
    bad=[
        both(refused(), refused(), refused()),
        both(GOOD, refused(429), GOOD),
        both(GOOD, GOOD, GOOD),
        both(GOOD, GOOD, elsewhere(GOOD)),
        both(refused(400), refused(400), refused(400)),
        both(refused(), *[refused()] * 5),
    ],
)
def sent_again(x: Exchange, upstream: tuple[Exchange, ...], policy: Policy) -> Iterator[Finding | NotJudged]:
    """Client and gateway both retry: their attempts multiply, in the bill and in the load on what is overloaded."""
    if is_sent_twice(x):
        yield not_applicable("the harness sends the request twice")
        return
    for again in _undeclared(upstream, policy.gateway, accepted=False):
        after = failure(again.before)
        yield Finding(f"{_counted(upstream)}; attempt {again.after.attempt} came after {after}", expected="one request")
        return


@rule(
    "GW071",
    MUST,
    "A request that the upstream may have accepted is not sent again unless the policy declares it",
    spec=IDEMPOTENT,
    fix="Respond with 502 or 504 when the connection is lost after the request was sent; declare an opt-in as gateway.retry_on.",
    applies_to=through_gateway(),
    apis=APIS,
    good=[both(refused(502, OWN), LOST), both(GOOD, LOST, GOOD)],
    bad=[
        both(GOOD, LOST, GOOD),
        both(refused(502, OWN), LOST, LOST),
        both(GOOD, refused(504), GOOD),
        both(GOOD, begun(200, b'{"id":'), GOOD),
    ],
)
def accepted_request_sent_again(
    x: Exchange, upstream: tuple[Exchange, ...], policy: Policy
) -> Iterator[Finding | NotJudged]:
    """A proxy must not repeat a POST on its own: the first one may be generating, and is then billed a second time."""
    if is_sent_twice(x) or x.ending.how == "hung-up" or not any(map(may_be_accepted, upstream)):
        yield not_applicable("no request was lost that the upstream may have accepted, or the client left (see GW104)")
        return
    for again in _undeclared(upstream, policy.gateway, accepted=True):
        after = failure(again.before)
        yield Finding(f"{_counted(upstream)}; attempt {again.after.attempt} came after {after}", expected="502 or 504")
        return


@rule(
    "GW073",
    MUST,
    "After another attempt the client gets its response, whole and alone",
    spec="https://github.com/maximhq/bifrost/pull/4911",
    fix="Read the response of the attempt that succeeded, and nothing of the others; do not try again once content is sent.",
    applies_to=through_gateway(),
    apis=APIS,
    good=[both(GOOD, refused(), GOOD)],
    bad=[
        both(refused(), refused(), GOOD),
        both(answered(OWN, probe=FAULT), refused(), GOOD),
        both(answered(completion({"content": "Hel Hello there."}), probe=FAULT), begun(200, b"Hel"), GOOD),
        both(LOST, refused(), GOOD),
    ],
)
def later_answer_lost(x: Exchange, upstream: tuple[Exchange, ...]) -> Iterator[Finding | NotJudged]:
    """The response was generated and billed, but the client gets the error of an earlier attempt, or a mixture."""
    sent = [arrived for arrived in upstream if is_generation(arrived)]
    good = [arrived for arrived in sent if fate(arrived) == "answered"]
    if len(sent) <= 1 or is_in_parts(x, sent):
        yield not_applicable("there was no further attempt")
    elif x.ending.how == "hung-up":
        yield not_applicable("the client left before the response")
    elif x.is_given_up:
        yield untestable("the client's response did not end in time")
    elif hidden := undecoded(x):
        yield hidden
    elif good:
        yield from _another_answer(x, good)
    elif not (text := _text(x)):
        yield not_applicable("no attempt succeeded, and the client got no text")
    elif not any(_text(arrived).startswith(text) for arrived in sent):
        yield Finding(f"no attempt succeeded, and the client got a text of several: {display(text)}")


def _another_answer(x: Exchange, good: list[Exchange]) -> Iterator[Finding]:
    status = reply(x).status
    which = f"attempt {good[-1].attempt} succeeded"
    if status not in OK or error_response(x):
        got = f"HTTP {status}" if status not in OK else f"an error inside HTTP {status}"
        yield Finding(f"{which}, but the client got {got if status else 'no response'}", at=reply(x).head)
    elif (text := _text(x)) not in [_text(arrived) for arrived in good]:
        yield Finding(f"{which} with {display(_text(good[-1]))}, but the client got {display(text)}", at=reply(x).head)


def _text(x: Exchange) -> str:
    return "".join(choice.text for choice in response_content(x).choices)


@rule(
    "GW084",
    SHOULD,
    "The policy's retries and fallback happen, streaming or not",
    spec="https://github.com/api7/aisix/pull/807",
    fix="Retry and fall back in both modes until the first content is sent, or take it out of the policy.",
    applies_to=through_gateway(Kind.GATEWAY_FAULT),
    apis=APIS,
    compares_with={"faults": Compare(Kind.GATEWAY_FAULT, many=True, any_profile=True, optional=True)},
    good=[both(GOOD, refused(503), GOOD)],
    bad=[both(refused(503), refused(503))],
)
def declared_retry_missing(
    x: Exchange, upstream: tuple[Exchange, ...], policy: Policy, faults: tuple[Pair, ...]
) -> Iterator[Finding | NotJudged]:
    """A user of streams gets the error that the policy promises to hide."""
    declared = policy.gateway
    if not (declared.retries or declared.fallback):
        yield not_applicable("the policy declares neither retries nor a fallback")
    elif not upstream or x.ending.how == "hung-up" or x.is_given_up:
        yield untestable("no request arrived upstream, or the client did not wait for the response")
    elif status_of(upstream[0]) not in PASSING:
        yield not_applicable("the first attempt did not fail in a way that passes")
    elif len(upstream) == 1 and _is_retried_on(declared, upstream[0]):
        yield Finding(f"the upstream failed with {failure(upstream[0])}, and no retry arrived", expected="a retry")
    elif declared.fallback and status_of(upstream[-1]) in PASSING:
        yield from _fallback_missing(upstream, faults)


def _is_moved_by_limit(pair: Pair) -> bool:
    """Whether another upstream was asked after the first one had limited the rate."""
    attempts = pair.upstream
    return any(place(other) != place(attempts[0]) for other in attempts[1:] if status_of(attempts[0]) == RATE_LIMITED)


def _is_retried_on(declared: GatewayPolicy, x: Exchange) -> bool:
    return fate(x) == "refused" and allows(declared, Again(x, x, 1))


def _fallback_missing(upstream: tuple[Exchange, ...], faults: tuple[Pair, ...]) -> Iterator[Finding | NotJudged]:
    first = place(upstream[0])
    if any(place(arrived) != first for arrived in upstream):
        return
    if all(place(arrived) == first for pair in faults for arrived in pair.upstream):
        yield untestable("no request of this run arrived at another upstream")
    elif status_of(upstream[-1]) == RATE_LIMITED and not any(map(_is_moved_by_limit, faults)):
        yield not_applicable("the gateway passes rate limits on, and asks another upstream after other failures")
    else:
        seen = f"the upstream failed with {failure(upstream[-1])}, and the other upstream was not asked"
        yield Finding(seen, expected="a fallback")
