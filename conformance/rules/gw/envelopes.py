"""What the client gets when the upstream refuses or fails: the body of the error."""

from collections.abc import Iterator
from typing import Final

from conformance.apis.errors import ErrorResponse, error_response, quoted
from conformance.model.case import Kind
from conformance.model.exchange import Exchange
from conformance.model.rule import rule
from conformance.model.verdict import MUST, SHOULD, Finding, NotJudged, not_applicable, untestable
from conformance.model.words import APIS
from conformance.parsing.http1 import reply
from conformance.parsing.json_values import describe_member, display
from conformance.rules.conditions import readable
from conformance.rules.example import error
from conformance.rules.gw.attempts import failed_upstream, fate
from conformance.rules.gw.conditions import through_gateway
from conformance.rules.gw.example import both
from conformance.rules.gw.failing_example import FAULT, OWN, SAID, UNREACHABLE, error_with, refused
from conformance.rules.gw.failing_example import LOST as NO_RESPONSE
from conformance.rules.gw.statuses import CREDENTIALS

ENVELOPE: Final = "https://platform.openai.com/docs/guides/error-codes/api-errors"
MOST_COMPARED: Final = 200
"""Characters of a message that have to arrive: a gateway may shorten a long one."""
MESSAGES_FAULT: Final = "messages.gateway.fault.example"
ANTHROPIC: Final = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded, come back."}}
PAGE: Final = "<html><h1>502 Bad Gateway</h1></html>"
HTML: Final = ("content-type", "text/html")


def _rejected(x: Exchange, upstream: tuple[Exchange, ...]) -> NotJudged | None:
    """The upstream failed, and the client got an error that is more than the upstream's bytes passed on."""
    if skip := failed_upstream(x, upstream):
        return skip
    if not error_response(x) or error_response(x).in_band:
        return not_applicable("the client got no error status")
    if skip := readable(x):
        return skip
    alike = [arrived for arrived in upstream if arrived.api == x.api and fate(arrived) == "refused"]
    if reply(x).content in [reply(arrived).content for arrived in alike]:
        return not_applicable("the error's body is the upstream's, unchanged")
    return None


@rule(
    "GW064",
    MUST,
    "An error of the gateway, or one that it rewrites, has the API's error object and a message",
    spec=ENVELOPE,
    fix="Write the gateway's own errors, and the upstream's that are not JSON, as the API's error object.",
    applies_to=through_gateway(Kind.GATEWAY_FAULT),
    apis=APIS,
    good=[both(refused(502, OWN), NO_RESPONSE), both(refused(502, OWN), refused(502, PAGE, [HTML]))],
    bad=[
        both(refused(502, PAGE, [HTML]), NO_RESPONSE),
        both(refused(503, {"error": "Overloaded"}), refused()),
        both(refused(503, error("")), refused()),
        both(refused(502, "", probe=UNREACHABLE)),
        both(refused(503, {"detail": "Overloaded"}), refused()),
        both(refused(429, "", ()), refused(429)),
    ],
)
def envelope_lost(x: Exchange, upstream: tuple[Exchange, ...]) -> Iterator[Finding | NotJudged]:
    """SDKs show `error.message`, and retry and report by its members; of another body they show only the status."""
    if skip := _rejected(x, upstream):
        yield skip
        return
    got = error_response(x)
    if not got.has_error_object:
        words = {"html": "an HTML page", "text": "plain text", "empty": "empty", "error-text": "`error` as a text"}
        seen = f"the body of the {got.status} error is {words.get(got.kind, 'JSON without an error object')}"
        yield Finding(seen, at=got.at, expected="an `error` object")
    elif not got.message.strip():
        yield Finding(f"the {got.status} error has no message", at=got.at)


def _fits(x: Exchange, error: ErrorResponse) -> str:
    """What an error object lacks of the API's form, as a clause; or empty."""
    if x.api == "messages":
        if error.form != "anthropic":
            return 'no `"type": "error"` beside `error`'
        return "" if isinstance(error.error.get("type"), str) else describe_member(error.error, "type")
    if error.form == "anthropic":
        return '`"type": "error"` beside `error`, as another API has it'
    if not isinstance(error.error.get("type"), str):
        return describe_member(error.error, "type")
    return "" if isinstance(error.error.get("code"), str | None) else describe_member(error.error, "code")


@rule(
    "GW065",
    SHOULD,
    "An error of the gateway, or one that it rewrites, has the form of the client's API",
    spec="https://platform.claude.com/docs/en/api/errors",
    fix="Translate errors to the client's API, as the responses are.",
    applies_to=through_gateway(Kind.GATEWAY_FAULT),
    apis=APIS,
    good=[
        both(refused(502, OWN), NO_RESPONSE),
        both(refused(529, ANTHROPIC, probe=MESSAGES_FAULT), refused()),
    ],
    bad=[
        both(refused(529, SAID, probe=MESSAGES_FAULT), refused(probe=FAULT)),
        both(refused(529, ANTHROPIC), refused(529, ANTHROPIC | {"request_id": "r"})),
        both(refused(429, {"error": {"code": 429, "message": "No.", "status": "RESOURCE_EXHAUSTED"}}), refused(429)),
    ],
)
def error_of_another_api(x: Exchange, upstream: tuple[Exchange, ...]) -> Iterator[Finding | NotJudged]:
    """A client of one API looks for the members of its own errors, and finds none of them."""
    if skip := _rejected(x, upstream):
        yield skip
        return
    got = error_response(x)
    if not got.has_error_object:
        yield not_applicable("the error has no error object (see GW064)")
    elif lacks := _fits(x, got):
        yield Finding(f"the {got.status} error has {lacks}", at=got.at)


def _reason_key(x: Exchange) -> str:
    """The member of an error by which programs tell one from another."""
    return "type" if x.api == "messages" else "code"


def _both_errors(
    x: Exchange, upstream: tuple[Exchange, ...]
) -> Iterator[NotJudged | tuple[ErrorResponse, ErrorResponse]]:
    """The upstream's error and the client's, where the client's stands for it: it has the same status and API."""
    if skip := failed_upstream(x, upstream):
        yield skip
        return
    got = error_response(x)
    by_upstream = [error_response(a) for a in upstream if fate(a) == "refused" and a.api == x.api]
    alike = [sent for sent in by_upstream if sent.is_enveloped and sent.status == got.status]
    if not by_upstream:
        yield not_applicable("no upstream of the client's API refused the request")
    elif not alike:
        yield not_applicable("the upstream's error has no error object, or the client's another status")
    elif got.status in CREDENTIALS:
        yield not_applicable("the error is about the gateway's own key")
    elif skip := readable(x):
        yield skip
    elif not got.has_error_object:
        yield untestable("the client's error has no error object (see GW064)")
    else:
        yield alike[-1], got


@rule(
    "GW066",
    MUST,
    "The reason of the upstream's refusal survives: its code, or on Messages its type",
    spec=ENVELOPE,
    fix="Pass `error.code` (on Messages `error.type`) on as the upstream sent it.",
    applies_to=through_gateway(Kind.GATEWAY_FAULT),
    apis=APIS,
    good=[both(refused(400), refused(400)), both(refused(400, error_with(type="other")), refused(400))],
    bad=[
        both(refused(429, error_with(code="429")), refused(429)),
        both(refused(400, error_with(code=None)), refused(400)),
        both(
            refused(429, {"type": "error", "error": {"type": "api_error", "message": "No."}}, probe=MESSAGES_FAULT),
            refused(429, ANTHROPIC, probe=MESSAGES_FAULT),
        ),
    ],
)
def reason_replaced(x: Exchange, upstream: tuple[Exchange, ...]) -> Iterator[Finding | NotJudged]:
    """A full context, a used-up budget and a rate limit share a status: by the code programs shorten, stop or wait."""
    for found in _both_errors(x, upstream):
        if isinstance(found, NotJudged):
            yield found
            return
        (sent, got), key = found, _reason_key(x)
        if got.status >= 500:
            yield not_applicable("the gateway may describe an upstream's own failure in its words (see GW068)")
        elif isinstance(sent.error.get(key), str) and got.error.get(key) != sent.error[key]:
            seen = f"the upstream's error has {key} {display(sent.error[key])}, the client's {describe_member(got.error, key)}"
            yield Finding(seen, at=got.at)


@rule(
    "GW067",
    MUST,
    "The message of the upstream's refusal survives",
    spec=ENVELOPE,
    fix="Pass `error.message` on, alone or within a sentence of the gateway's.",
    applies_to=through_gateway(Kind.GATEWAY_FAULT),
    apis=APIS,
    good=[
        both(refused(400), refused(400)),
        both(refused(400, error_with(message="Provider says: Overloaded, come back.")), refused(400)),
    ],
    bad=[both(refused(400, error_with(message="Bad request")), refused(400))],
)
def message_lost(x: Exchange, upstream: tuple[Exchange, ...]) -> Iterator[Finding | NotJudged]:
    """It names the field, the limit or the policy: without it the request can't be repaired."""
    for found in _both_errors(x, upstream):
        if isinstance(found, NotJudged):
            yield found
            return
        sent, got = found
        if got.status >= 500:
            yield not_applicable("the gateway may describe an upstream's own failure in its words (see GW068)")
        elif _squeezed(sent.message)[:MOST_COMPARED] not in _squeezed(got.message):
            yield Finding(f"the message {quoted(sent.message)} has become {quoted(got.message)}", at=got.at)


def _squeezed(text: str) -> str:
    return " ".join(text.split())


@rule(
    "GW068",
    SHOULD,
    "All members of the upstream's error survive: type, code, param and message",
    spec=ENVELOPE,
    fix="Pass the upstream's error object on as it is.",
    applies_to=through_gateway(Kind.GATEWAY_FAULT),
    apis=APIS,
    good=[both(refused(503), refused(503))],
    bad=[
        both(refused(429, error_with(type="throttling_error")), refused(429)),
        both(refused(400, error_with(param=None)), refused(400, error_with(param="messages"))),
        both(refused(503, error_with(code="503")), refused(503)),
    ],
)
def members_replaced(x: Exchange, upstream: tuple[Exchange, ...]) -> Iterator[Finding | NotJudged]:
    """Agents choose by type whether to wait; `param` names the field to repair."""
    for found in _both_errors(x, upstream):
        if isinstance(found, NotJudged):
            yield found
            return
        sent, got = found
        names = ("type",) if x.api == "messages" else ("type", "code", "param")
        lost = [n for n in names if isinstance(sent.error.get(n), str) and got.error.get(n) != sent.error[n]]
        for name in lost:
            seen = f"the upstream's error has {name} {display(sent.error[name])}, the client's {describe_member(got.error, name)}"
            yield Finding(seen, at=got.at)
