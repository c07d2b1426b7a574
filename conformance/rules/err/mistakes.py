"""Responses to invalid requests, streaming or not."""

from collections.abc import Iterator
from typing import Any

from conformance.apis.errors import error_response, quoted
from conformance.apis.messages import left_open
from conformance.apis.request import EXTENDED, NO_JSON, body_sent
from conformance.model.case import Kind
from conformance.model.exchange import Exchange
from conformance.model.rule import Condition, rule
from conformance.model.verdict import MUST, OUT_OF_SCOPE, SHOULD, Finding, NotJudged, not_applicable, untestable
from conformance.model.words import APIS, GENERATIVE
from conformance.parsing.http1 import reply
from conformance.parsing.sse import looks_like_events
from conformance.rules.conditions import (
    DOCUMENTED,
    INVALID,
    UNRELATED,
    all_of,
    answered_or_rejected,
    baseline_ok,
    mode_supported,
    not_cut,
    not_rejected_for_other_reasons,
    probe_is,
    readable,
    replied,
)
from conformance.rules.err.example import BASELINE_RESPONSE, GOOD, MISTAKE, REFUSED
from conformance.rules.err.spec import CODES_4XX, CODES_5XX
from conformance.rules.example import HELLO, JSON, Headers, answered, completion, error, streamed

UNREADABLE = ("bad-json", "array-body", "empty-body", "no-messages", "no-prompt", "unknown-route")
"""Mistakes that leave no request to process."""
FORGIVEN = (
    "no-model",
    "unknown-model",
    "empty-messages",
    "bad-role",
    "invalid-utf8",
    "negative-cap",
    "zero-cap",
    "n-zero",
    "top-logprobs-alone",
    "response-format",
    "best-of-below-n",
)
"""Mistakes that some servers silently repair."""


def mistaken(x: Exchange) -> NotJudged | None:
    """The request is invalid, in a mode that the target supports."""
    return all_of(probe_is(*INVALID), mode_supported, not_rejected_for_other_reasons)(x)


def _of(abouts: tuple[str, ...], fuzzed: str) -> Condition:
    """The request is one of these mistakes, or a fuzzed body of that kind."""

    def is_of(x: Exchange) -> NotJudged | None:
        is_odd = x.case.kind is Kind.FUZZ and x.case.subject == fuzzed
        is_mistake = x.case.kind is Kind.MISTAKE and x.case.subject in abouts
        is_probed = is_mistake or (is_odd and not isinstance(body_sent(x), dict))
        return mistaken(x) or readable(x) or not_cut(x) if is_probed else OUT_OF_SCOPE

    return is_of


def _let_through(x: Exchange) -> Iterator[Finding]:
    if not error_response(x):
        what = " ".join(filter(None, (x.case.subject, x.case.variant))).replace("-", " ")
        yield Finding(
            f"an invalid request ({what}) was accepted with HTTP {reply(x).status}",
            at=reply(x).head,
            expected="a 4xx error",
        )


@rule(
    "ERR001",
    MUST,
    "Requests that can't be parsed, or have no messages or an unknown path, are rejected",
    spec=CODES_4XX,
    fix="Return 400 with the API's error object, and 404 for an unknown path.",
    applies_to=_of(UNREADABLE, NO_JSON),
    apis=APIS,
    good=[GOOD, answered(REFUSED, status=422, **MISTAKE)],
    bad=[answered(completion(), **MISTAKE), answered("<html>Welcome</html>", probe="chat.mistake.unknown-route")],
)
def invalid_request_accepted(x: Exchange) -> Iterator[Finding]:
    """A client that gets 200 assumes success: its developer looks for the error everywhere but in the request."""
    yield from _let_through(x)


ROLE: dict[str, Any] = {"probe": "chat.mistake.bad-role"}


@rule(
    "ERR002",
    SHOULD,
    "Missing or invalid values are rejected, not silently ignored or repaired",
    spec=CODES_4XX,
    fix="Return 400 and name the field; for an unknown model, return 404 with `error.code: model_not_found`.",
    applies_to=all_of(_of(FORGIVEN, EXTENDED), answered_or_rejected),
    apis=APIS,
    good=[answered(error("Unknown role.", param="messages[0].role"), status=400, **ROLE)],
    bad=[answered(completion(), **ROLE), answered(completion(), probe="chat.mistake.unknown-model")],
)
def invalid_value_accepted(x: Exchange) -> Iterator[Finding]:
    """A mistyped model or role is noticed only in production, when another model than the one paid for responds."""
    yield from _let_through(x)


def _crashed(x: Exchange, baseline: Exchange) -> Iterator[Finding | NotJudged]:
    status = reply(x).status
    if status not in range(500, 600) or status == 501:
        return
    if skip := baseline_ok(baseline):
        yield skip
    else:
        yield Finding(f"the target returned HTTP {status} for the probe {x.case.probe}", at=reply(x).head)


@rule(
    "ERR003",
    MUST,
    "Invalid requests get 4xx, not 5xx",
    spec=CODES_5XX,
    fix="Validate the request before using it, return 400, and catch the exceptions of the parser and the validator.",
    applies_to=mistaken,
    apis=APIS,
    good=[(GOOD, BASELINE_RESPONSE), (answered(completion(), **MISTAKE), BASELINE_RESPONSE)],
    bad=[
        (answered(REFUSED, status=500, **MISTAKE), BASELINE_RESPONSE),
        (answered("", status=502, **MISTAKE), BASELINE_RESPONSE),
    ],
)
def invalid_request_as_500(x: Exchange, baseline: Exchange) -> Iterator[Finding | NotJudged]:
    """Every SDK retries a 5xx: a request that can never work is sent three times or more, and the operator is paged."""
    yield from _crashed(x, baseline)


@rule(
    "ERR004",
    MUST,
    "Documented requests succeed or are rejected: no 5xx, and no error inside the stream",
    spec=CODES_5XX,
    fix="Complete the response, or reject an unsupported field before the stream begins, with a 4xx (or 501) that names it.",
    applies_to=all_of(probe_is(*DOCUMENTED), mode_supported, not_rejected_for_other_reasons),
    apis=APIS,
    good=[
        (answered(completion(), probe="chat.n"), BASELINE_RESPONSE),
        (answered(error(param="n"), status=400, probe="chat.n"), BASELINE_RESPONSE),
    ],
    bad=[
        (answered(error(), status=500, probe="chat.n"), BASELINE_RESPONSE),
        (streamed(error("Boom."), probe="chat.n"), streamed(*HELLO)),
        (streamed(*HELLO[:2], {"error": "Boom."}, probe="chat.long"), streamed(*HELLO)),
    ],
)
def documented_request_crashed(x: Exchange, baseline: Exchange) -> Iterator[Finding | NotJudged]:
    """Clients retry a request whose tools, logprobs or schema crash the server, and it crashes again."""
    error = error_response(x)
    if not (error.in_band and looks_like_events(x)):
        yield from _crashed(x, baseline)
    elif error.error.get("code") in UNRELATED:
        yield untestable(f"the stream ended with an error for an unrelated reason ({error.error['code']})")
    elif skip := baseline_ok(baseline):
        yield skip
    else:
        yield Finding(
            f"the stream ended with an error: {quoted(error.message or error.text)}{left_open(x)}", at=error.at
        )


ROLE_REFUSED = answered(REFUSED, status=400, **ROLE)


@rule(
    "ERR016",
    MUST,
    "Invalid streaming requests are rejected with 4xx, not with an error inside a 200 response",
    spec=CODES_4XX,
    fix="Validate the request before sending the status line and the first event.",
    applies_to=mistaken,
    apis=GENERATIVE,
    good=[(answered(REFUSED, status=400, mode="stream", **ROLE), ROLE_REFUSED)],
    bad=[(streamed(REFUSED, "[DONE]", **ROLE), ROLE_REFUSED)],
)
def refusal_inside_a_stream(stream: Exchange, unary: Exchange) -> Iterator[Finding | NotJudged]:
    """Programs check the status: 200 means that the request was valid, and the error arrives too late to be handled."""
    late, early = error_response(stream), error_response(unary)
    if late.in_band and 400 <= early.status < 500:
        yield Finding(
            f"the error is inside a {late.status} response; the non-streaming request is rejected with HTTP {early.status}",
            at=late.at,
        )
    elif skip := not_cut(stream):
        yield skip
    elif late.in_band:
        yield not_applicable("the non-streaming request is not rejected with 4xx")
    elif not late:
        yield not_applicable("the streaming request is accepted")


@rule(
    "ERR017",
    SHOULD,
    "An invalid request gets the same status, streaming or not",
    spec=CODES_4XX,
    fix="Validate streaming and non-streaming requests with the same code, before branching on `stream`.",
    applies_to=mistaken,
    apis=GENERATIVE,
    good=[(answered(REFUSED, status=400, mode="stream", **ROLE), ROLE_REFUSED)],
    bad=[(answered(REFUSED, status=422, mode="stream", **ROLE), ROLE_REFUSED)],
)
def status_that_depends_on_streaming(stream: Exchange, unary: Exchange) -> Iterator[Finding | NotJudged]:
    """A client that handles 400 misses the same mistake when streaming, under another status."""
    one, other = reply(stream).status, reply(unary).status
    if not (400 <= one < 500 and 400 <= other < 500):
        yield not_applicable("the request is not rejected with 4xx in both modes")
    elif one != other:
        yield Finding(f"the same invalid request gets {one} with streaming and {other} without", at=reply(stream).head)


def _method_refused(x: Exchange) -> NotJudged | None:
    return replied(x) or (None if reply(x).status == 405 else not_applicable("the status is not 405"))


ALLOW: Headers = (JSON, ("allow", "POST"))


@rule(
    "ERR021",
    SHOULD,
    "A 405 response has an Allow header",
    spec="https://www.rfc-editor.org/rfc/rfc9110#section-15.5.6",
    fix="Send an Allow header with every 405, for example `Allow: POST`.",
    applies_to=_method_refused,
    needs=("headers",),
    apis=APIS,
    good=[answered(error(), status=405, headers=ALLOW, probe="chat.mistake.get")],
    bad=[answered(error(), status=405, probe="chat.mistake.get")],
)
def method_refused_without_allow(x: Exchange) -> Iterator[Finding]:
    """From the header a developer sees that the method is wrong, not the path. HTTP requires it."""
    if not reply(x).values("allow"):
        yield Finding("the 405 response has no Allow header", at=reply(x).head)
