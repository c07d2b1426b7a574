"""Whether an error identifies its cause: by the field's name for people, by code and status for programs."""

from collections.abc import Iterator
from typing import Any

from conformance.apis.errors import ErrorResponse, error_response, mentions_word, names_field, quoted
from conformance.apis.request import request_body
from conformance.model.case import Compare, Kind
from conformance.model.exchange import Exchange
from conformance.model.rule import Condition, rule
from conformance.model.verdict import OUT_OF_SCOPE, SHOULD, Finding, NotJudged, not_applicable, untestable
from conformance.model.words import APIS, WITH_CHOICES
from conformance.parsing.http1 import reply
from conformance.parsing.json_values import describe_member
from conformance.rules.conditions import baseline_ok, mode_supported, replied
from conformance.rules.err.example import BASELINE_RESPONSE, GOOD, MISTAKE, refused_with
from conformance.rules.err.mistakes import mistaken
from conformance.rules.err.spec import CODES_4XX, ENVELOPE
from conformance.rules.example import answered, error

FIELDS = {
    "no-model": ("model",),
    "unknown-model": ("model",),
    "no-messages": ("messages", "input"),
    "no-prompt": ("input", "prompt"),
    "empty-messages": ("messages", "input"),
    "bad-role": ("role", "messages", "input"),
    "negative-cap": ("max_tokens", "max_completion_tokens", "max_output_tokens"),
    "zero-cap": ("max_tokens", "max_completion_tokens"),
    "n-zero": ("n", "choices"),
    "top-logprobs-alone": ("top_logprobs", "logprobs"),
    "response-format": ("response_format", "type", "format"),
    "best-of-below-n": ("best_of", "n"),
}
"""The names that an error may use for the invalid field, per kind of mistake."""

WORD = 4
"""Letters of a value that an error quotes; a shorter one may be a word of the message."""
ABOUT_THE_BODY = (*FIELDS, "bad-json", "array-body", "empty-body", "invalid-utf8", "duplicate-keys")
"""Mistakes in the body only; the API key is valid."""

KEY_MATTERS = (401, 403)
TOO_LONG = "context_length_exceeded"
NO_MODEL = "model_not_found"


def _refused(*abouts: str) -> Condition:
    """One of these mistakes was rejected with a 4xx status and the error object of Chat Completions."""

    def refused(x: Exchange) -> NotJudged | None:
        if x.case.kind is not Kind.MISTAKE or x.case.subject not in abouts:
            return OUT_OF_SCOPE
        if skip := mistaken(x):
            return skip
        error = error_response(x)
        if not 400 <= error.status < 500:
            return untestable("the request was not rejected") if not error else not_applicable("the status is not 4xx")
        return None if error.form == "openai" else not_applicable("the error is not this API's error object")

    return refused


def _unknown(sent: Any = None, **facts: Any) -> Exchange:
    fields = {"message": "No model `x`.", "kind": "invalid_request_error", "param": "model", "code": NO_MODEL} | facts
    return answered(error(**fields), status=404, probe="chat.mistake.unknown-model", body=sent or {"model": "x"})


@rule(
    "ERR025",
    SHOULD,
    "The error for an unknown model has code model_not_found",
    spec=ENVELOPE,
    fix="Reject an unknown model with 404 and `error.code: model_not_found`.",
    applies_to=_refused("unknown-model"),
    good=[_unknown()],
    bad=[_unknown(code=None), _unknown(code="invalid_value")],
    apis=WITH_CHOICES,
)
def model_refused_without_a_code(x: Exchange) -> Iterator[Finding]:
    """Gateways and agents fall back to another model on this code; without it the error looks like any bad request."""
    if error_response(x).code != NO_MODEL:
        seen = f"the {error_response(x).status} error has {describe_member(error_response(x).error, 'code')}"
        yield Finding(seen, at=error_response(x).at, expected=f"code {NO_MODEL}")


def _overflowed(x: Exchange) -> NotJudged | None:
    if skip := _refused("too-long")(x):
        return skip
    return (
        not_applicable("the body size was rejected (HTTP 413), not the prompt length")
        if reply(x).status == 413
        else None
    )


def _long(code: str | None, status: int = 400) -> Exchange:
    return answered(error("The prompt is too long.", code=code), status=status, probe="chat.mistake.too-long")


@rule(
    "ERR026",
    SHOULD,
    "The error for a prompt that is too long has code context_length_exceeded",
    spec=ENVELOPE,
    fix="Reject a prompt that is too long with 400 and `error.code: context_length_exceeded`.",
    applies_to=_overflowed,
    good=[_long(TOO_LONG)],
    bad=[_long(None), _long("invalid_value")],
    apis=WITH_CHOICES,
)
def overflow_without_a_code(x: Exchange) -> Iterator[Finding]:
    """Agents shorten the conversation on this code; without it they guess from the message, or give up."""
    if error_response(x).code != TOO_LONG:
        seen = f"the {error_response(x).status} error has {describe_member(error_response(x).error, 'code')}"
        yield Finding(seen, at=error_response(x).at, expected=f"code {TOO_LONG}")


def _nameable(x: Exchange) -> NotJudged | None:
    if x.case.kind is not Kind.MISTAKE or x.case.subject not in FIELDS:
        return OUT_OF_SCOPE
    if skip := mistaken(x):
        return skip
    error = error_response(x)
    if not 400 <= error.status < 500:
        return not_applicable("the request was not rejected with 4xx")
    return None if error.is_json else not_applicable("the error is not JSON")


@rule(
    "ERR027",
    SHOULD,
    "The error for an invalid request names the invalid field",
    spec=ENVELOPE,
    fix="Set `error.param` to the invalid field, and name it in the message.",
    applies_to=_nameable,
    apis=APIS,
    good=[
        (GOOD, BASELINE_RESPONSE),
        (_unknown(param=None, message="The model `x` does not exist."), BASELINE_RESPONSE),
        (_unknown(param=None, message="models/gpt-7 is not found.", sent={"model": "gpt-7"}), BASELINE_RESPONSE),
    ],
    bad=[
        (refused_with(message="Bad request.", param=None), BASELINE_RESPONSE),
        (_unknown(message="Not found.", param=None), BASELINE_RESPONSE),
    ],
    compares_with={"baseline": Compare(Kind.BASELINE, optional=True)},
)
def refusal_that_names_nothing(x: Exchange, baseline: Exchange | None) -> Iterator[Finding | NotJudged]:
    """With `bad request`, a developer has to guess which of thirty fields is invalid.

    An error that quotes the value, as `models/gpt-7 is not found` does, identifies the field, too, and so does one that
    begins with its name: `Messages cannot be empty`.
    """
    error, wanted = error_response(x), FIELDS[x.case.subject]
    if baseline and (usual := error_response(baseline)) and _content_of(usual) == _content_of(error):
        yield untestable("the baseline request gets the same error: it is not about the invalid field")
        return
    values = (request_body(x).get(name) for name in wanted)
    quotes = any(isinstance(value, str) and len(value) >= WORD and value in error.text for value in values)
    sentence = f"{error.message[:1].lower()}{error.message[1:]}"
    if not quotes and not any(names_field(error, name) or mentions_word(sentence, name) for name in wanted):
        fields = " or ".join(f"`{name}`" for name in wanted)
        yield Finding(
            f"the {error.status} error does not name the invalid field: {quoted(error.message or error.text)}",
            at=error.at,
            expected=f"the word {fields}",
        )


def _content_of(error: ErrorResponse) -> tuple[int, str]:
    """The status and the message of an error, which may have an ID besides."""
    return error.status, error.message or error.text


def _of_the_body(x: Exchange) -> NotJudged | None:
    if x.case.kind is not Kind.MISTAKE or x.case.subject not in ABOUT_THE_BODY:
        return OUT_OF_SCOPE
    return mode_supported(x) or replied(x)


@rule(
    "ERR031",
    SHOULD,
    "An invalid request body is not rejected with 401 or 403",
    spec=CODES_4XX,
    fix="Return 400; look for a firewall in front of the API that returns 403 for a body that it can't parse.",
    applies_to=_of_the_body,
    apis=APIS,
    good=[(GOOD, BASELINE_RESPONSE)],
    bad=[(answered(error(), status=status, **MISTAKE), BASELINE_RESPONSE) for status in (401, 403)],
)
def validation_error_as_401(x: Exchange, baseline: Exchange) -> Iterator[Finding | NotJudged]:
    """SDKs raise an authentication error, and users replace their API key, because of a missing comma."""
    if reply(x).status not in KEY_MATTERS:
        return
    if skip := baseline_ok(baseline):
        yield skip
    else:
        seen = f"an invalid request body was rejected with HTTP {reply(x).status}; the baseline request with the same API key succeeds"
        yield Finding(seen, at=reply(x).head, expected="400")
