"""The error object: its presence and its members."""

from collections.abc import Iterator
from typing import Any

from conformance.apis.errors import ErrorResponse, error_response, quoted, refuses_streaming
from conformance.apis.request import request_body
from conformance.model.case import Kind
from conformance.model.exchange import Exchange
from conformance.model.rule import rule
from conformance.model.verdict import MUST, OUT_OF_SCOPE, SHOULD, Finding, NotJudged, not_applicable
from conformance.model.words import APIS
from conformance.parsing.http1 import reply
from conformance.parsing.json_values import describe_member
from conformance.rules.conditions import all_of, readable, uncut, whole
from conformance.rules.err.example import GOOD, MISTAKE, REFUSED, refused_with
from conformance.rules.err.spec import ENVELOPE
from conformance.rules.example import answered, error, streamed

OUTSIDE = (Kind.AUTH, Kind.MODELS, Kind.OTHER_ROUTE)
"""Requests handled by another route than the API's, or by the API key check before it."""
BEFORE = ("unknown-route", "get", "huge-body")
"""Mistakes that the web server or framework may reject before the API handler runs."""
OPTIONAL = (Kind.COUNT_TOKENS, Kind.COMPACT, Kind.POLL, Kind.STORED)
"""Requests to a route that a target need not have: the router rejects them where it is missing."""
MISSING = (404, 405, 501)

MESSAGES_MISTAKE: dict[str, Any] = {"probe": "messages.mistake.bad-role"}
NOTHING = ("None", "null", "undefined", "nil")


def an_error(x: Exchange) -> NotJudged | None:
    """The response is a readable error that does not mean that streaming, or the API, is unsupported."""
    status = reply(x).status
    if 0 < status < 400:
        return not_applicable("the response is not an error")
    if skip := readable(x) or whole(x):
        return skip
    if status == 429:
        return not_applicable("the target rate-limited the request (HTTP 429)")
    if refuses_streaming(x) or (x.case.kind is Kind.BASELINE and x.mode == "stream"):
        return not_applicable("the error may mean that streaming is not supported")
    is_absent = x.case.kind in (Kind.BASELINE, Kind.RECORDED) and status in (404, 405)
    if is_absent or x.case.kind is Kind.WEBSOCKET:
        return not_applicable("the target does not serve the API, or not over WebSocket, on this path")
    return None


def _is_outside(x: Exchange) -> bool:
    is_missing = x.case.kind in OPTIONAL and reply(x).status in MISSING
    return is_missing or x.case.kind in OUTSIDE or (x.case.kind is Kind.MISTAKE and x.case.subject in BEFORE)


def _within_the_api(x: Exchange) -> NotJudged | None:
    return not_applicable("the request may not have reached the API handler") if _is_outside(x) else an_error(x)


def _outside_the_api(x: Exchange) -> NotJudged | None:
    return an_error(x) if _is_outside(x) and x.case.kind is not Kind.OTHER_ROUTE else OUT_OF_SCOPE


def _unfit(error: ErrorResponse) -> str:
    words = {"html": "an HTML page", "text": "plain text", "empty": "empty", "events": "an event stream"}
    return words.get(error.kind, "")


@rule(
    "ERR005",
    MUST,
    "The body of an error is JSON",
    spec=ENVELOPE,
    fix="Return the API's error object as application/json, and keep proxies from replacing it with their error pages.",
    applies_to=_within_the_api,
    apis=APIS,
    good=[GOOD, answered({"detail": "no"}, status=422, **MISTAKE)],
    bad=[
        answered("<html>Bad Request</html>", status=400, **MISTAKE),
        answered("bad request", status=400, **MISTAKE),
        answered("", status=400, **MISTAKE),
        streamed(error(), status=400, **MISTAKE),
    ],
)
def error_is_not_json(x: Exchange) -> Iterator[Finding]:
    """From any other body SDKs show only the status, and programs can't tell one error from another."""
    if what := _unfit(error_response(x)):
        yield Finding(f"the body of the {reply(x).status} error is {what}, not JSON", at=error_response(x).at)


@rule(
    "ERR006",
    MUST,
    "A JSON error has the API's error object",
    spec=ENVELOPE,
    fix='Replace the web framework\'s error handlers with one that writes {"error": {"message", "type", "param", "code"}}.',
    applies_to=_within_the_api,
    apis=APIS,
    good=[GOOD, answered({"type": "error", **REFUSED}, status=400, **MISTAKE)],
    bad=[
        answered({"detail": [{"loc": ["body", "messages"], "msg": "Field required"}]}, status=422, **MISTAKE),
        answered([REFUSED], status=400, **MISTAKE),
        answered({"error": "no"}, status=400, **MISTAKE),
        answered({"message": "no"}, status=400, **MISTAKE),
    ],
)
def error_without_an_error_object(x: Exchange) -> Iterator[Finding | NotJudged]:
    """SDKs read `error`: for a body with `detail` they report only a 422, without the reason."""
    error = error_response(x)
    if not error.is_json:
        yield not_applicable("the error is not JSON (see ERR005)")
    elif not error.is_enveloped:
        kinds = {
            "detail": "has `detail`, not `error`",
            "array": "is an array, not an object",
            "error-text": "has a string as `error`",
        }
        kind = kinds.get(error.kind, "has no `error` object")
        yield Finding(f"the body of the {error.status} error {kind}", at=error.at, expected="an `error` object")


@rule(
    "ERR007",
    SHOULD,
    "Errors from the API key check and the router have the API's error object",
    spec=ENVELOPE,
    fix="Return the API's error object from the API key check (401) and from the web framework (404, 405 and 413).",
    applies_to=_outside_the_api,
    apis=APIS,
    good=[answered(error("Not found."), status=404, probe="chat.mistake.unknown-route")],
    bad=[
        answered({"detail": "Not Found"}, status=404, probe="chat.mistake.unknown-route"),
        answered("<html>", status=404, probe="chat.mistake.unknown-route"),
        answered("", status=405, probe="chat.mistake.get"),
        answered({"error": "Unauthorized"}, status=401, probe="chat.auth.wrong-key"),
        answered({"detail": "Not Found"}, status=404, probe="chat.models.unknown"),
        answered({"detail": "Not Found"}, status=404, probe="messages.count"),
        answered(error(""), status=404, probe="chat.mistake.unknown-route"),
    ],
)
def early_error_without_an_error_object(x: Exchange) -> Iterator[Finding]:
    """A user who mistypes the base URL, model or API key gets an error that looks like another product's."""
    error = error_response(x)
    if not error.is_enveloped:
        yield Finding(
            f"the body of the {error.status} error is {_unfit(error) or 'JSON without an `error` object'}", at=error.at
        )
    elif not error.message.strip():
        yield Finding(f"the {error.status} error has no message", at=error.at)


def _with_error_object(x: Exchange) -> NotJudged | None:
    if skip := an_error(x):
        return skip
    return None if error_response(x).has_error_object else not_applicable("the error has no error object (see ERR006)")


def _has_fields(x: Exchange) -> NotJudged | None:
    """The response is an error object of its own API, or has its flat event inside a stream of Responses."""
    error = error_response(x)
    if x.api == "responses" and error.kind == "event" and error.in_band:
        return uncut(x)
    if skip := _with_error_object(x):
        return skip
    if x.api == "messages":
        return _within_the_api(x)
    return None if error.form == "openai" else not_applicable("the error object is another API's")


def _as_json(x: Exchange) -> NotJudged | None:
    if skip := an_error(x):
        return skip
    return None if error_response(x).is_json else not_applicable("the error is not JSON (see ERR005)")


@rule(
    "ERR008",
    MUST,
    "An error has a non-empty error.message",
    spec=ENVELOPE,
    fix="Set `error.message` to a sentence that states what is wrong.",
    applies_to=all_of(_within_the_api, _with_error_object),
    apis=APIS,
    good=[GOOD],
    bad=[
        refused_with(message=""),
        refused_with(message=None),
        refused_with(message={"text": "no"}),
        answered({"error": {}}, status=400, **MISTAKE),
    ],
)
def error_without_a_message(x: Exchange) -> Iterator[Finding]:
    """The message is all that users see of an error."""
    error = error_response(x)
    if not error.message.strip():
        what = "empty" if isinstance(error.error.get("message"), str) else "not a string"
        yield Finding(f"`error.message` of the {error.status} error is {what}", at=error.at)


@rule(
    "ERR009",
    SHOULD,
    "An error has a non-empty error.type",
    spec=ENVELOPE,
    fix="Set `error.type`, for example to `invalid_request_error`.",
    applies_to=_with_error_object,
    apis=APIS,
    good=[GOOD],
    bad=[
        refused_with(type=None),
        refused_with(type=400),
        refused_with(type=""),
        answered([{"error": {"message": "No."}}], status=400, **MISTAKE),
    ],
)
def error_without_a_type(x: Exchange) -> Iterator[Finding]:
    """Gateways and agents choose by type whether to retry, shorten the prompt, or give up."""
    error = error_response(x)
    if not error.type:
        yield Finding(
            f"the {error.status} error has {describe_member(error.error, 'type')}",
            at=error.at,
            expected="a non-empty string",
        )


@rule(
    "ERR010",
    SHOULD,
    'An error has param and code, each a string or null; on Messages, type "error" beside `error`',
    spec=ENVELOPE,
    fix='Always send `param` and `code`, each a string or null (a status number is not a code); on Messages send `"type": "error"` beside `error`.',
    applies_to=_has_fields,
    apis=APIS,
    good=[
        GOOD,
        answered(error("No."), status=400, **MISTAKE),
        answered({"type": "error", "error": {"type": "api_error", "message": "No."}}, status=400, **MESSAGES_MISTAKE),
        streamed({"type": "error", "code": None, "message": "No.", "param": None}, probe="responses.hello"),
    ],
    bad=[
        refused_with(code=400),
        refused_with(param=["messages"]),
        answered({"error": {"message": "no", "type": "t"}}, status=400, **MISTAKE),
        answered(error("No."), status=400, **MESSAGES_MISTAKE),
        streamed({"type": "error", "code": 500, "message": "No.", "param": None}, probe="responses.hello"),
        streamed({"type": "error", "message": "No."}, probe="responses.hello"),
    ],
)
def error_with_another_code(x: Exchange) -> Iterator[Finding]:
    """Typed clients (Go, Rust, Java) can't parse a number where a string is documented, and lose the complete error."""
    error = error_response(x)
    what = f"the {error.status} error" if not error.in_band else "the error event of the stream"
    if x.api == "messages":
        if error.form != "anthropic":
            yield Finding(f"{what} has no `type` beside `error`", at=error.at, expected='"type": "error"')
        return
    for name in ("param", "code"):
        if name not in error.error:
            yield Finding(f"{what} has no `{name}`", at=error.at)
        elif not isinstance(error.error[name], str | None):
            yield Finding(f"{what} has {describe_member(error.error, name)}", at=error.at, expected="a string or null")


@rule(
    "ERR011",
    SHOULD,
    'Empty error fields are JSON null, not the string "None" or "null"',
    spec=ENVELOPE,
    fix="Send JSON null where type, param or code has no value; don't convert it to a string.",
    applies_to=_with_error_object,
    apis=APIS,
    good=[GOOD],
    bad=[refused_with(param="None"), refused_with(type="None"), refused_with(code="null")],
)
def null_as_a_word(x: Exchange) -> Iterator[Finding]:
    """Clients show their users an error about a field named None."""
    error = error_response(x)
    for name in ("type", "param", "code"):
        if error.error.get(name) in NOTHING and error.error[name] not in request_body(x):
            yield Finding(
                f"`error.{name}` of the {error.status} error is the string {quoted(error.error[name])}, not null",
                at=error.at,
            )


@rule(
    "ERR012",
    SHOULD,
    "Errors use Content-Type: application/json",
    spec="https://www.rfc-editor.org/rfc/rfc9110#section-8.3",
    fix="Set Content-Type: application/json on errors too.",
    applies_to=_as_json,
    needs=("headers",),
    apis=APIS,
    good=[
        GOOD,
        answered(REFUSED, status=400, headers=[("content-type", "application/problem+json; charset=utf-8")], **MISTAKE),
    ],
    bad=[
        answered(REFUSED, status=400, headers=[("content-type", "text/html")], **MISTAKE),
        answered(REFUSED, status=400, headers=[], **MISTAKE),
    ],
)
def error_with_wrong_content_type(x: Exchange) -> Iterator[Finding]:
    """Clients and gateways that check Content-Type don't parse the error."""
    media = reply(x).media_type
    if media != "application/json" and not media.endswith("+json"):
        seen = f"Content-Type of the {reply(x).status} error is {quoted(media) if media else 'missing'}"
        yield Finding(seen, at=reply(x).span("content-type"), expected="application/json")
