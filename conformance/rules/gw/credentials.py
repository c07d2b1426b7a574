"""Credentials stay on their side of a gateway."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

from conformance.model.exchange import Exchange, Pair, Span
from conformance.model.rule import rule
from conformance.model.target import Policy
from conformance.model.verdict import MUST, Finding, NotJudged, not_applicable
from conformance.model.words import APIS
from conformance.parsing.http1 import reply
from conformance.rules.example import JSON, answered, completion
from conformance.rules.gw.conditions import through_gateway
from conformance.rules.gw.example import ASKED, both
from conformance.rules.gw.key_fields import (
    BASELINES,
    CANARY,
    all_pairs,
    credentials,
    is_clients,
    key_upstream,
    made_up,
    own_credentials,
    place_of,
)

API_KEYS: Final = "https://platform.openai.com/docs/api-reference/authentication"
AUTHORIZATION: Final = "https://www.rfc-editor.org/rfc/rfc9110#section-11.6.2"
OAUTH: Final = "https://github.com/agentgateway/agentgateway/pull/1220"
OAUTH_TOKEN: Final = "sk-ant-oat"  # noqa: S105 - the prefix of a kind of token
"""How the tokens of subscriptions begin, which the Messages API takes as a bearer only."""
NOTHING_ARRIVED: Final = not_applicable("no request arrived upstream")
PASSES_ON: Final = not_applicable("the gateway passes the client's key on, and has none of its own (gateway.key)")

MASK: Final = re.compile(rb"\*{6,}")
"""What a recording has in place of a key."""
HEADER: dict[str, Any] = {"probe": "chat.gateway.header.own", "body": ASKED}
KEYED: dict[str, Any] = {"request_headers": [("authorization", "Bearer ********")]}
OWN: dict[str, Any] = {"request_headers": [("authorization", "Bearer sk-canary-upstream")]}
COOKIE = ("cookie", "session=canary-cookie")


def request_with(*headers: tuple[str, str], **more: Any) -> Exchange:
    """A request with these header fields, which gets a response."""
    return answered(completion(), **{**HEADER, "request_headers": headers, **more})


def leaked(x: Exchange) -> Exchange:
    """The request as it arrived upstream, with the client's key where stars are."""
    at = x.sent.index(b"********")
    return replace(x, masked=(Span(at, at + 8, "sent"),), cache={})


CLIENT = request_with(("authorization", "Bearer ********"), COOKIE)
RIGHT = request_with(("authorization", "Bearer sk-canary-upstream"))
BESIDE = leaked(request_with(("authorization", "Bearer ********"), ("x-api-key", "sk-canary-upstream")))
SESSION = replace(
    answered(completion(), headers=(JSON, ("x-session", "****")), **HEADER), hidden=frozenset(("response",))
)
SHOWN = replace(
    answered(completion(), headers=(JSON, ("x-debug", "Bearer ********")), **HEADER),
    hidden=frozenset(("response", "upstream-key")),
)
"""Replies with a session, and with the key, that the gateway sends upstream, too; both are masked."""
WITH_COOKIE = request_with(("authorization", "Bearer sk-canary-upstream"), COOKIE)


@rule(
    "GW090",
    MUST,
    "No credential of the client reaches the upstream",
    spec=API_KEYS,
    fix="Replace the client's credentials by the upstream's on every route: Authorization, x-api-key, api-key, Cookie and "
    "the query. A gateway that is meant to pass the client's key on says so in the policy (gateway.key = client).",
    applies_to=through_gateway(),
    apis=APIS,
    good=[both(CLIENT, RIGHT)],
    bad=[both(CLIENT, BESIDE), both(CLIENT, WITH_COOKIE)],
    compares_with={"baselines": BASELINES},
)
def client_credential_upstream(
    x: Exchange, upstream: tuple[Exchange, ...], policy: Policy, baselines: Sequence[Pair]
) -> Iterator[Finding | NotJudged]:
    """A third party gets the key of the gateway's user, with which it can spend the user's budget."""
    found = [finding for arrived in upstream for finding in _leaks(x, arrived)]
    if not upstream:
        yield NOTHING_ARRIVED
    elif found and key_upstream(all_pairs(x, upstream, baselines), policy) == "client":
        yield PASSES_ON
    else:
        yield from found


def _leaks(x: Exchange, arrived: Exchange) -> Iterator[Finding]:
    """The client's credentials in a request upstream."""
    for span in arrived.masked:
        yield Finding(f"the client's key arrived upstream in {place_of(arrived, span.start)}")
    for word in sorted(made_up(x)):
        at = arrived.sent.find(word.encode())
        if at >= 0:
            yield Finding(f"a credential of the client ({word}) arrived upstream in {place_of(arrived, at)}")
    for field in credentials(arrived):
        is_reported = field.word in made_up(x) or any(map(field.holds, arrived.masked))
        if not is_reported and is_clients(field, arrived, x):
            yield Finding(f"the client's {field.name} arrived upstream, here with a placeholder instead of a key")


@rule(
    "GW091",
    MUST,
    "The upstream's credential does not reach the client",
    spec=API_KEYS,
    fix="Build the replies to clients, errors and debugging headers included, without the headers of upstream requests.",
    applies_to=through_gateway(),
    apis=APIS,
    good=[
        both(CLIENT, RIGHT),
        both(SESSION, request_with(("authorization", "Bearer ********"), ("x-session", "****"))),
    ],
    bad=[
        both(answered(completion(), headers=(JSON, ("x-debug", "Bearer sk-canary-upstream")), **HEADER), RIGHT),
        both(SHOWN, request_with(("authorization", "Bearer ********"))),
    ],
    compares_with={"baselines": BASELINES},
)
def upstream_credential_shown(
    x: Exchange, upstream: tuple[Exchange, ...], baselines: Sequence[Pair]
) -> Iterator[Finding | NotJudged]:
    """Every client can then use the provider's account, past the gateway and its limits."""
    own = tuple(own_credentials(all_pairs(x, upstream, baselines)))
    words = sorted({field.word for field in own if CANARY.search(field.word)} - made_up(x))
    for word in words:
        if word.encode() in x.received or word.encode() in reply(x).content:
            at = x.received.find(word.encode())
            yield Finding(
                f"the reply holds the credential of the upstream ({word})",
                at=Span(at, at + len(word)) if at >= 0 else reply(x).head,
            )
    if own and "upstream-key" in x.hidden:
        masked = MASK.search(x.received)
        at_mask = Span(*masked.span()) if masked else reply(x).head
        yield Finding("the reply holds the credential of the upstream, which is masked", at=at_mask)
    elif not own:
        yield not_applicable("the gateway sent no credential of its own")


@rule(
    "GW092",
    MUST,
    "Each request upstream carries one credential",
    spec=AUTHORIZATION,
    fix="Set the upstream's credential in one header field, replace what is there, and do so on every route and in both modes.",
    applies_to=through_gateway(),
    apis=APIS,
    good=[
        both(CLIENT, RIGHT),
        both(CLIENT, request_with(("authorization", "Bearer sk-canary-a"), ("x-api-key", "sk-canary-a"))),
    ],
    bad=[
        both(CLIENT, request_with(("authorization", "Bearer sk-canary-a"), ("x-api-key", "sk-canary-b"))),
        both(CLIENT, request_with(), RIGHT),
    ],
    compares_with={"baselines": BASELINES},
)
def other_than_one_credential(
    x: Exchange, upstream: tuple[Exchange, ...], policy: Policy, baselines: Sequence[Pair]
) -> Iterator[Finding | NotJudged]:
    """The upstream takes either of two keys, or refuses both; without one it refuses the request."""
    if not upstream:
        yield NOTHING_ARRIVED
        return
    if key_upstream(all_pairs(x, upstream, baselines), policy) not in ("own", "client"):
        yield not_applicable("the upstream gets no credential")
        return
    for arrived in upstream:
        own = [field for field in credentials(arrived) if not is_clients(field, arrived, x)]
        shown = sorted({field.word for field in own if not field.is_hidden})
        names = [field.name for field in own]
        twice = sorted({name for name in names if names.count(name) > 1})
        if len(shown) > 1:
            yield Finding(f"different credentials arrived upstream in {' and '.join(names)}: {', '.join(shown)}")
        elif twice:
            yield Finding(f"{twice[0]} arrived upstream more than once")
        elif not credentials(arrived) and (credentials(x) or policy.gateway.key != "client"):
            yield Finding("a request arrived upstream without a credential")


def _subscription(field: str) -> Exchange:
    value = "sk-ant-oat01-canary"
    return request_with(
        (field, f"Bearer {value}" if field == "authorization" else value), probe="messages.gateway.header.own"
    )


@rule(
    "GW093",
    MUST,
    "The token of a subscription stays in Authorization",
    spec=OAUTH,
    fix="Forward Authorization as it is; put only API keys into x-api-key.",
    applies_to=through_gateway(),
    apis=("messages",),
    good=[both(_subscription("authorization"), _subscription("authorization"))],
    bad=[both(_subscription("authorization"), _subscription("x-api-key"))],
    compares_with={"baselines": BASELINES},
)
def subscription_token_moved(
    x: Exchange, upstream: tuple[Exchange, ...], policy: Policy, baselines: Sequence[Pair]
) -> Iterator[Finding | NotJudged]:
    """The API accepts it as a bearer only, and responds with 401 to one in x-api-key."""
    tokens = {field.word for field in credentials(x) if field.name == "authorization" and OAUTH_TOKEN in field.word}
    if not tokens:
        yield not_applicable("the client sent no token of a subscription")
        return
    if key_upstream(all_pairs(x, upstream, baselines), policy) == "own":
        yield not_applicable("the gateway has a credential of its own")
        return
    for arrived in upstream:
        for field in credentials(arrived):
            if field.word in tokens and field.name != "authorization":
                yield Finding(f"the token arrived upstream in {field.name}", expected="Authorization: Bearer")
