"""Requests with a wrong API key, or without one: what becomes of them."""

from collections.abc import Iterator
from typing import Any

from conformance.apis.errors import error_response
from conformance.model.case import Compare, Kind
from conformance.model.exchange import Exchange, Span
from conformance.model.profile import WRONG_KEY
from conformance.model.rule import rule
from conformance.model.verdict import MAY, MUST, OUT_OF_SCOPE, SHOULD, Finding, NotJudged, not_applicable, untestable
from conformance.model.words import APIS, GENERATIVE
from conformance.parsing.http1 import reply
from conformance.rules.auth.conditions import AUTHENTICATION, LOCKED, is_open, is_refused, key_tested, keyed
from conformance.rules.auth.example import BASELINE_RESPONSE, KEY, NO, NONE, REFUSED, REFUSED_BARE, WRONG
from conformance.rules.conditions import OK, all_of, probe_is, replied
from conformance.rules.example import HELLO, JSON, answered, completion, error, streamed
from conformance.rules.msg.example import BASELINE_RESPONSE as MESSAGE

RFC9110 = "https://www.rfc-editor.org/rfc/rfc9110#section-"
UNAUTHORIZED = RFC9110 + "15.5.2"


@rule(
    "AUTH001",
    MUST,
    "An invalid API key is rejected if a missing one is",
    spec=AUTHENTICATION,
    fix="Compare the API key with the issued ones, instead of only checking that one is present.",
    applies_to=key_tested(Kind.AUTH, "wrong-key", "wrong-key-stream", "wrong-x-api-key"),
    apis=APIS,
    good=[(REFUSED, BASELINE_RESPONSE, REFUSED_BARE)],
    bad=[(answered(completion(), **WRONG), BASELINE_RESPONSE, REFUSED_BARE)],
    compares_with={"bare": Compare(Kind.AUTH, "no-key")},
)
def wrong_key_accepted(x: Exchange, baseline: Exchange, bare: Exchange) -> Iterator[Finding | NotJudged]:
    """Anyone can invent an API key, and use the model at the owner's expense."""
    if skip := keyed(baseline):
        yield skip
    elif is_open(bare):
        yield not_applicable("the target requires no API key")
    elif not is_refused(bare):
        yield untestable(f"the baseline request without an API key got HTTP {reply(bare).status}")
    elif is_open(x):
        yield Finding(
            f"an invalid API key was accepted; a request without one is rejected with HTTP {reply(bare).status}",
            at=reply(x).head,
        )


@rule(
    "AUTH002",
    MUST,
    "The API key is required with streaming and without",
    spec=AUTHENTICATION,
    fix="Check the API key in one place, before reading the request body and before sending a status.",
    applies_to=key_tested(Kind.AUTH),
    apis=GENERATIVE,
    good=[(answered(NO, status=401, mode="stream", **NONE), REFUSED_BARE, BASELINE_RESPONSE)],
    bad=[
        (streamed(*HELLO, **NONE), REFUSED_BARE, BASELINE_RESPONSE),
        (answered(NO, status=401, mode="stream", **NONE), answered(completion(), **NONE), BASELINE_RESPONSE),
        (streamed(NO, "[DONE]", **NONE), REFUSED_BARE, BASELINE_RESPONSE),
    ],
    compares_with={"baseline": Compare(Kind.BASELINE, mode="unary")},
)
def key_required_in_one_mode(stream: Exchange, unary: Exchange, baseline: Exchange) -> Iterator[Finding | NotJudged]:
    """One mode is open to everyone; or the rejection is inside a 200 response, and clients treat it as success."""
    if skip := keyed(baseline):
        yield skip
    elif is_refused(unary) and is_open(stream):
        yield Finding(
            f"the request is rejected with HTTP {reply(unary).status} without streaming, but accepted with streaming",
            at=reply(stream).head,
        )
    elif is_refused(stream) and is_open(unary):
        yield Finding(
            f"the request is rejected with HTTP {reply(stream).status} with streaming, but accepted without",
            at=reply(unary).head,
        )
    elif is_refused(unary) and reply(stream).status in OK:
        seen = f"the request is rejected with HTTP {reply(unary).status} without streaming, but with streaming inside a {reply(stream).status} response"
        yield Finding(seen, at=error_response(stream).at)


def _of_the_key(x: Exchange) -> NotJudged | None:
    """No API key, or an invalid one, was sent to the API or to GET /models."""
    is_listing = x.case.kind is Kind.MODELS
    return key_tested(Kind.MODELS, "wrong-key")(x) if is_listing else key_tested(Kind.AUTH)(x)


@rule(
    "AUTH003",
    MUST,
    "A missing or invalid API key gets no 5xx",
    spec=RFC9110 + "15.6",
    fix="Return 401, and catch the exceptions of the API key check, also of its database.",
    applies_to=_of_the_key,
    apis=APIS,
    good=[(REFUSED, BASELINE_RESPONSE), (answered(completion(), **WRONG), BASELINE_RESPONSE)],
    bad=[(answered("", status=500, **WRONG), BASELINE_RESPONSE), (answered(NO, status=502, **NONE), BASELINE_RESPONSE)],
)
def wrong_key_as_500(x: Exchange, baseline: Exchange) -> Iterator[Finding | NotJudged]:
    """Every SDK retries a 5xx, and reports an outage to a user who mistyped the API key."""
    status = reply(x).status
    if skip := keyed(baseline):
        yield skip
    elif status == 503 and reply(x).value("retry-after"):
        yield untestable("the target rejected the request for an unrelated reason (HTTP 503)")
    elif 500 <= status < 600 and status != 501:
        yield Finding(
            f"the target returned HTTP {status} for the test case: {x.case.subject.replace('-', ' ', 1)}",
            at=reply(x).head,
            expected="401",
        )


def _turned_away(x: Exchange) -> NotJudged | None:
    return key_tested(Kind.AUTH)(x) or (None if is_refused(x) else not_applicable("the request was not rejected"))


@rule(
    "AUTH004",
    SHOULD,
    "A missing or invalid API key is rejected with 401 (or 403)",
    spec=UNAUTHORIZED,
    fix="Return 401 for a missing or invalid API key (clients understand 403, too).",
    applies_to=_turned_away,
    apis=APIS,
    good=[(REFUSED, BASELINE_RESPONSE), (answered(NO, status=403, **WRONG), BASELINE_RESPONSE)],
    bad=[(answered(NO, status=status, **WRONG), BASELINE_RESPONSE) for status in (400, 404, 422)],
)
def key_refused_by_another_status(x: Exchange, baseline: Exchange) -> Iterator[Finding | NotJudged]:
    """SDKs raise an authentication error by the status alone: on a 400, users look for the error in their request."""
    if skip := keyed(baseline):
        yield skip
    elif reply(x).status not in LOCKED:
        yield Finding(
            f"a missing or invalid API key was rejected with HTTP {reply(x).status}", at=reply(x).head, expected="401"
        )


def _unauthorized(x: Exchange) -> NotJudged | None:
    return _of_the_key(x) or (None if reply(x).status == 401 else not_applicable("the status is not 401"))


@rule(
    "AUTH005",
    SHOULD,
    "A 401 response has a WWW-Authenticate header",
    spec=UNAUTHORIZED,
    fix="Send the header `WWW-Authenticate: Bearer` with every 401.",
    applies_to=_unauthorized,
    needs=("headers",),
    apis=APIS,
    good=[(REFUSED, BASELINE_RESPONSE)],
    bad=[(answered(NO, status=401, **WRONG), BASELINE_RESPONSE)],
)
def unauthorized_without_a_challenge(x: Exchange, baseline: Exchange) -> Iterator[Finding | NotJudged]:
    """HTTP requires it, and proxies and browsers rely on it."""
    if skip := keyed(baseline):
        yield skip
    elif not reply(x).values("www-authenticate"):
        yield Finding("the 401 response has no WWW-Authenticate header", at=reply(x).head)


def _with_a_wrong_one(x: Exchange) -> NotJudged | None:
    return _of_the_key(x) if x.case.subject.startswith("wrong") else OUT_OF_SCOPE


@rule(
    "AUTH006",
    SHOULD,
    "Responses never contain an invalid API key in full",
    spec="https://cwe.mitre.org/data/definitions/209.html",
    fix="Repeat at most a few characters of the API key.",
    applies_to=_with_a_wrong_one,
    needs=("headers",),
    apis=APIS,
    good=[REFUSED, answered(error(f"Wrong key: {WRONG_KEY[:4]}***."), status=401, **WRONG)],
    bad=[
        answered(error(f"Wrong key: {WRONG_KEY}."), status=401, **WRONG),
        answered(NO, status=401, headers=(JSON, ("x-key", WRONG_KEY)), **WRONG),
    ],
)
def wrong_key_sent_back(x: Exchange) -> Iterator[Finding]:
    """It is often another service's valid API key, or this one's with a typo: it ends up in every client's log."""
    word, answer = WRONG_KEY.encode(), reply(x)
    at = x.received.find(word)
    if at >= 0 or word in answer.content:
        yield Finding(
            "the response contains the complete invalid API key",
            at=Span(at, at + len(word)) if at >= 0 else answer.head,
        )


BARE: dict[str, Any] = {"probe": "chat.bare", **KEY}
BLOCKED = answered("blocked", status=403, **KEY)
BLOCKED_TOO = answered("blocked", status=403, **BARE)


@rule(
    "AUTH009",
    MUST,
    "A request is not rejected because of SDK headers (User-Agent, X-Stainless-...)",
    spec=AUTHENTICATION,
    fix="Allow the SDKs' headers (User-Agent, X-Stainless-...), and look for a firewall rule against bots.",
    applies_to=all_of(probe_is(Kind.MINIMAL_HEADERS), replied),
    apis=GENERATIVE,
    good=[(answered(completion(), **BARE), BASELINE_RESPONSE, BASELINE_RESPONSE), (BLOCKED_TOO, BLOCKED, BLOCKED)],
    bad=[(answered(completion(), **BARE), BLOCKED, BLOCKED)],
    compares_with={"other": Compare(Kind.EFFECT, "max_tokens")},
)
def sdk_headers_refused(x: Exchange, baseline: Exchange, other: Exchange) -> Iterator[Finding]:
    """The request works with curl but with no SDK, and users look for the error everywhere else."""
    status = reply(baseline).status
    if is_open(x) and status >= 400 and status != 429 and not is_open(other):
        yield Finding(
            f"with an SDK's headers the baseline request got HTTP {status}; without them it succeeds", at=reply(x).head
        )


@rule(
    "AUTH010",
    SHOULD,
    "A missing API key is rejected if an invalid one is",
    spec=AUTHENTICATION,
    fix="Reject requests without an API key too, or document that none is required.",
    applies_to=key_tested(Kind.AUTH, "wrong-key"),
    apis=APIS,
    good=[(REFUSED, BASELINE_RESPONSE, REFUSED_BARE)],
    bad=[(REFUSED, BASELINE_RESPONSE, answered(completion(), **NONE))],
    compares_with={"bare": Compare(Kind.AUTH, "no-key")},
)
def missing_key_accepted(x: Exchange, baseline: Exchange, bare: Exchange) -> Iterator[Finding | NotJudged]:
    """A check that runs only if an API key is present protects nothing: omitting the header bypasses it."""
    if skip := keyed(baseline):
        yield skip
    elif is_refused(x) and is_open(bare):
        seen = f"an invalid API key is rejected with HTTP {reply(x).status}, but a request without one is accepted"
        yield Finding(seen, at=reply(x).head)


OWN: dict[str, Any] = {"probe": "messages.auth.x-api-key"}
AS_BEARER = answered(MESSAGE, probe="messages.hello", request_headers=[("authorization", "Bearer ********")])


@rule(
    "AUTH011",
    SHOULD,
    "The Messages API accepts the API key in the x-api-key header",
    spec="https://platform.claude.com/docs/en/api/overview#authentication",
    fix="Read the API key from `x-api-key` if the request has no `Authorization: Bearer`.",
    needs=("headers",),
    apis=("messages",),
    applies_to=key_tested(Kind.AUTH, "x-api-key"),
    good=[(answered(MESSAGE, **OWN), AS_BEARER)],
    bad=[(answered(NO, status=401, **OWN), AS_BEARER)],
)
def x_api_key_refused(x: Exchange, baseline: Exchange) -> Iterator[Finding | NotJudged]:
    """It is the API's documented header: agents, older SDKs and those of other languages send the API key only there."""
    if reply(baseline).status in LOCKED and is_open(x):
        yield untestable(
            "the target accepts the API key as x-api-key, but not as Authorization: Bearer, as it was sent"
        )
    elif skip := keyed(baseline):
        yield skip
    elif reply(x).status in LOCKED:
        seen = (
            f"the API key is accepted as Authorization: Bearer, but rejected with HTTP {reply(x).status} as x-api-key"
        )
        yield Finding(seen, at=reply(x).head)


@rule(
    "AUTH012",
    MAY,
    "An API key is checked, if the run has one",
    spec=AUTHENTICATION,
    fix="Check the API key, or document that none is required.",
    applies_to=key_tested(Kind.AUTH, "wrong-key"),
    apis=APIS,
    good=[(REFUSED, BASELINE_RESPONSE, REFUSED_BARE)],
    bad=[(answered(completion(), **WRONG), BASELINE_RESPONSE, answered(completion(), **NONE))],
    compares_with={"bare": Compare(Kind.AUTH, "no-key")},
)
def key_not_checked(x: Exchange, baseline: Exchange, bare: Exchange) -> Iterator[Finding | NotJudged]:
    """Whoever configured an API key expects that it locks something: behind a gateway it may never arrive."""
    if skip := keyed(baseline):
        yield skip
    elif is_open(x) and is_open(bare):
        seen = "the run has an API key, but the target also accepts an invalid one, and none"
        yield Finding(seen, at=reply(x).head)
