"""What the client gets when the upstream refuses or fails: the status."""

from collections.abc import Iterable, Iterator
from typing import Final

from conformance.apis.claims import is_error
from conformance.model.case import Kind
from conformance.model.exchange import Exchange
from conformance.model.rule import rule
from conformance.model.verdict import MUST, SHOULD, Finding, NotJudged, not_applicable, untestable
from conformance.model.words import APIS
from conformance.parsing.http1 import reply
from conformance.rules.example import answered, exchange, http, streamed
from conformance.rules.gw.answers import undecoded
from conformance.rules.gw.attempts import LOST, failed_upstream, failure, fate, status_of
from conformance.rules.gw.conditions import through_gateway
from conformance.rules.gw.example import both
from conformance.rules.gw.failing_example import FAULT, OWN, SAID, UNREACHABLE, refused
from conformance.rules.gw.failing_example import LOST as NO_RESPONSE
from conformance.rules.rsp import example as rsp

BAD_GATEWAY: Final = "https://www.rfc-editor.org/rfc/rfc9110#section-15.6.3"
CODES_4XX: Final = "https://www.rfc-editor.org/rfc/rfc9110#section-15.5"
CODES_5XX: Final = "https://www.rfc-editor.org/rfc/rfc9110#section-15.6"
CREDENTIALS: Final = (401, 402, 403, 407)
"""Statuses about the key that was sent: upstream, that is the gateway's."""
OVERLOADED: Final = (503, 529)
NOT_NOW: Final = (408, 425, 429)
"""Statuses of the 4xx class that say nothing of the request."""
ASKED_AGAIN: Final = (408, 409, 425, 429)
"""Statuses of the 4xx class after which SDKs send the request again."""
NO_ROUTE: Final = 404
FAILED: Final = (500, 502, 503, 504)


def is_blamed(was: int, now: int) -> bool:
    """Whether a failure that is not the client's is reported as the client's mistake."""
    is_clients = 400 <= was < 500 and was not in CREDENTIALS and was not in NOT_NOW
    if is_clients or was == now or not 400 <= now < 500:
        return False
    is_limit = was in (402, 429, *OVERLOADED) and now == 429
    is_timeout = was in (LOST, 408, 504) and now == 408
    return not (is_limit or is_timeout)


def is_excused(was: int, now: int) -> bool:
    """Whether the client's mistake is reported as anything else, so that clients retry, or doubt their key.

    `now` is LOST where the client got no response: SDKs retry then, too.
    """
    is_clients = 400 <= was < 500 and was not in CREDENTIALS and was not in ASKED_AGAIN
    if not is_clients or was == now or LOST < now < 400:
        return False
    if now == LOST:
        return True
    if was == NO_ROUTE and now in FAILED:  # the upstream's route is the gateway's own to configure
        return False
    return now >= 500 or now in CREDENTIALS or now in ASKED_AGAIN


def usual_statuses(was: int) -> tuple[int, ...]:
    """The statuses by which a gateway may tell a failure of its upstream."""
    if was == LOST:
        return (502, 503, 504)
    if was in CREDENTIALS:
        return (was, 500, 502, 503)
    if was in OVERLOADED:
        return (429, 502, *OVERLOADED)
    if was in (408, 504):
        return (was, 502, 504)
    return (was, 502) if was >= 500 or was == NO_ROUTE else (was,)


def failures_of(upstream: Iterable[Exchange]) -> tuple[int, ...]:
    """The statuses by which the upstream failed; LOST alone if it could not be reached."""
    return tuple(status_of(arrived) for arrived in upstream) or (LOST,)


def described(upstream: tuple[Exchange, ...]) -> str:
    """How the upstream failed, in words."""
    return failure(upstream[-1]) if upstream else "no connection"


def is_reported(x: Exchange, upstream: tuple[Exchange, ...]) -> bool:
    """Whether a success holds the error where it has to: as in the upstream's, or in a stream; or it breaks off.

    A refusal has a status, so that no stream has to begin.
    """
    fates = {fate(arrived) for arrived in upstream}
    in_place = "error-event" in fates or (x.mode == "stream" and "refused" not in fates)
    return x.is_lost or (is_error(x) and in_place)


OF_RESPONSES: Final = f"responses.{FAULT.partition('.')[2]}"
FAILED_AT_ONCE: Final = rsp.events({"type": "error", "code": "server_error", "message": "Later."}, probe=OF_RESPONSES)
FAILED_RESPONSE: Final = rsp.events(
    rsp.state("created"), rsp.state("failed", error={"code": "server_error", "message": "Later."}), probe=OF_RESPONSES
)
TOLD_IN_STREAM: Final = (both(FAILED_RESPONSE, FAILED_AT_ONCE), both(FAILED_AT_ONCE, FAILED_RESPONSE))
"""An error event and `response.failed` stand for each other."""


@rule(
    "GW060",
    MUST,
    "A failure of the upstream is not reported as a success",
    spec=BAD_GATEWAY,
    fix="Respond with the upstream's error status, or 502 or 504 where it has none.",
    applies_to=through_gateway(Kind.GATEWAY_FAULT),
    apis=APIS,
    good=[
        both(refused(502, OWN), NO_RESPONSE),
        both(refused(), refused()),
        both(refused(502, OWN, probe=UNREACHABLE)),
        *TOLD_IN_STREAM,
    ],
    bad=[
        both(answered({"message": "Network connection lost."}, probe=FAULT), NO_RESPONSE),
        both(answered(SAID, probe=FAULT), refused()),
        both(answered(OWN, probe=UNREACHABLE)),
        both(exchange(http(204, (), b""), mode="unary", probe=FAULT), refused(500)),
        both(streamed(OWN, probe=FAULT), refused(503)),
    ],
)
def failure_told_as_success(x: Exchange, upstream: tuple[Exchange, ...]) -> Iterator[Finding | NotJudged]:
    """Clients treat the body of a success as the response: the user reads the error as the model's words, or nothing.

    An error inside a stream stops that, but SDKs then neither wait nor retry.
    """
    if skip := failed_upstream(x, upstream):
        yield skip
        return
    status = reply(x).status
    if 0 < status < 400 and not is_reported(x, upstream):
        seen = f"the upstream failed with {described(upstream)}, but the client got HTTP {status}"
        yield undecoded(x) or Finding(seen, at=reply(x).head, expected="the upstream's status, 502 or 504")


@rule(
    "GW061",
    MUST,
    "A failure that is not the client's is not reported as the client's mistake",
    spec=CODES_5XX,
    fix="Pass the upstream's status on, or respond with 502; only what the request itself gets wrong is a 4xx.",
    applies_to=through_gateway(Kind.GATEWAY_FAULT),
    apis=APIS,
    good=[
        both(refused(503), refused(503)),
        both(refused(502, OWN), refused(401)),
        both(refused(429), refused(529)),
        both(refused(400), refused(400)),
    ],
    bad=[
        both(refused(400, OWN), refused(500)),
        both(refused(400, OWN), NO_RESPONSE),
        both(refused(400, OWN), refused(401)),
        both(refused(404, OWN, probe=UNREACHABLE)),
        both(refused(403, OWN), refused(429)),
    ],
)
def failure_blamed_on_the_client(x: Exchange, upstream: tuple[Exchange, ...]) -> Iterator[Finding | NotJudged]:
    """SDKs do not send a 400 again, though the next attempt would succeed; and the user looks for a mistake in vain."""
    if skip := failed_upstream(x, upstream):
        yield skip
        return
    status = reply(x).status
    if all(is_blamed(was, status) for was in failures_of(upstream)):
        seen = f"the upstream failed with {described(upstream)}, but the client got HTTP {status}"
        yield Finding(seen, at=reply(x).head, expected="the upstream's status, or a 5xx")


@rule(
    "GW062",
    MUST,
    "The client's mistake is reported as one",
    spec=CODES_4XX,
    fix="Pass the upstream's 4xx on.",
    applies_to=through_gateway(Kind.GATEWAY_FAULT, Kind.GATEWAY_REFUSAL),
    apis=APIS,
    good=[both(refused(400), refused(400)), both(refused(400), refused(422)), both(refused(502, OWN), refused(404))],
    bad=[
        both(refused(500, OWN), refused(400)),
        both(refused(502, OWN), refused(413)),
        both(refused(429, OWN), refused(400)),
        both(refused(401, OWN), refused(422)),
        both(NO_RESPONSE, refused(400)),
    ],
)
def mistake_told_as_failure(x: Exchange, upstream: tuple[Exchange, ...]) -> Iterator[Finding | NotJudged]:
    """SDKs send the same wrong request again after a 5xx, a 429 or a lost connection, each time in vain."""
    if skip := failed_upstream(x, upstream):
        yield skip
        return
    status = reply(x).status
    if not status and not x.is_lost:
        yield untestable("the response was not recorded")
    elif all(is_excused(was, status) for was in failures_of(upstream)):
        got = f"HTTP {status}" if status else "no response"
        seen = f"the upstream refused the request with {described(upstream)}, but the client got {got}"
        yield Finding(seen, at=reply(x).head, expected="the upstream's status")


@rule(
    "GW063",
    SHOULD,
    "The upstream's status survives, or is 502; a lost connection is 502 or 504",
    spec=BAD_GATEWAY,
    fix="Pass the upstream's status on; respond with 502 for a lost connection and 504 for silence.",
    applies_to=through_gateway(Kind.GATEWAY_FAULT),
    apis=APIS,
    good=[
        both(refused(503), refused(503)),
        both(refused(502, OWN), refused(500)),
        both(refused(504, OWN), NO_RESPONSE),
    ],
    bad=[
        both(refused(500, OWN), NO_RESPONSE),
        both(refused(400), refused(422)),
        both(refused(500, OWN), refused(503)),
        both(refused(503, OWN), refused(429)),
        both(NO_RESPONSE, refused(503)),
        both(streamed(OWN, probe=FAULT), NO_RESPONSE),
    ],
)
def status_changed(x: Exchange, upstream: tuple[Exchange, ...]) -> Iterator[Finding | NotJudged]:
    """By the status clients tell what to do: repair the request, wait, retry, or give up."""
    if skip := failed_upstream(x, upstream):
        yield skip
        return
    status, failures = reply(x).status, failures_of(upstream)
    if any(is_blamed(was, status) or is_excused(was, status) for was in failures):
        yield not_applicable("the status is of another class (see GW061 and GW062)")
    elif 0 < status < 400:
        if is_reported(x, upstream) and not any(fate(arrived) == "error-event" for arrived in upstream):
            seen = f"the upstream failed with {described(upstream)}, but the client got it inside HTTP {status}"
            yield Finding(seen, at=reply(x).head, expected="an error status: SDKs retry before a stream, not in it")
    elif not any(status in usual_statuses(was) for was in failures):
        got = f"HTTP {status}" if status else "no response"
        expected = " or ".join(map(str, usual_statuses(failures[-1])))
        yield Finding(f"the upstream failed with {described(upstream)}, and the client got {got}", expected=expected)
