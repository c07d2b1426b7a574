"""The cost of errors, as far as their responses report it."""

from collections.abc import Iterator
from typing import Any

from conformance.apis.chat import chat_content
from conformance.apis.errors import body, error_at, error_response, may_refuse_streaming, refuses_streaming
from conformance.apis.usage import counts_tokens, usage
from conformance.model.case import Kind
from conformance.model.exchange import Exchange
from conformance.model.rule import rule
from conformance.model.verdict import MUST, OUT_OF_SCOPE, SHOULD, Finding, NotJudged, not_applicable
from conformance.model.words import APIS, WITH_CHOICES
from conformance.parsing.http1 import reply
from conformance.parsing.json_values import as_object
from conformance.parsing.sse import looks_like_events
from conformance.rules.conditions import replied, succeeded
from conformance.rules.err.mistakes import mistaken
from conformance.rules.example import JSON, answered, chunk, completion, error, streamed

ERRORS = "https://platform.openai.com/docs/guides/error-codes/api-errors"
RETRIES = "https://github.com/openai/openai-python#retries"
SPENT = {"prompt_tokens": 9, "completion_tokens": 9, "total_tokens": 18}
MISTAKE: dict[str, Any] = {"probe": "chat.mistake.bad-role"}
REFUSED = error("No such role.")
BASELINE_RESPONSE = answered(completion())
RETRIED = 409
"""The only 4xx status that SDKs retry, besides timeouts and rate limits."""


def _error_in_one_piece(x: Exchange) -> NotJudged | None:
    """The response is an error, not a stream. NYI judges rejected streaming baseline requests, usage included."""
    if skip := replied(x):
        return skip
    if not error_response(x) or looks_like_events(x):
        return not_applicable("the response is not a non-streaming error")
    if x.case.kind is Kind.BASELINE and x.mode == "stream" and may_refuse_streaming(x):
        return OUT_OF_SCOPE
    return None


@rule(
    "BILL001",
    MUST,
    "Error responses report no usage above zero",
    spec=ERRORS,
    fix="Reject the request before the model runs, and leave usage out of the error.",
    applies_to=_error_in_one_piece,
    apis=APIS,
    good=[
        (answered(REFUSED, status=400, **MISTAKE), BASELINE_RESPONSE),
        (answered(REFUSED | {"usage": None}, status=400, **MISTAKE), BASELINE_RESPONSE),
        (answered(REFUSED | {"usage": dict.fromkeys(SPENT, 0)}, status=400, **MISTAKE), BASELINE_RESPONSE),
    ],
    bad=[
        (answered(REFUSED | {"usage": SPENT}, status=400, **MISTAKE), BASELINE_RESPONSE),
        (answered({"error": REFUSED["error"] | {"usage": SPENT}}, status=500, **MISTAKE), BASELINE_RESPONSE),
        (answered(REFUSED | {"usage": SPENT}, **MISTAKE), BASELINE_RESPONSE),
    ],
)
def error_with_usage(x: Exchange, baseline: Exchange) -> Iterator[Finding | NotJudged]:
    """Clients billed by usage pay for a completion that they did not get."""
    if refuses_streaming(x) and refuses_streaming(baseline):
        yield not_applicable("NYI rules judge the usage of rejected streaming on the baseline request")
        return
    value = as_object(body(x))
    for part in (value, as_object(value.get("error"))):
        if counts_tokens(part.get("usage")):
            yield Finding(
                f"the error response (HTTP {error_response(x).status}) reports usage",
                at=error_response(x).at,
                expected="no usage",
            )


def _failed_at_once(x: Exchange) -> NotJudged | None:
    """The stream contains an error, and no content, tool call or reasoning."""
    if skip := succeeded(x):
        return skip
    if not looks_like_events(x) or error_at(x) is None:
        return not_applicable("the stream contains no error")
    has_content = any(c.text or c.calls or c.reasoning or c.refusal or c.other for c in chat_content(x).choices)
    return not_applicable("the stream also has content") if has_content else None


ROLE = chunk({"role": "assistant", "content": ""})
FAILED = error("The upstream failed.", "server_error")


@rule(
    "BILL002",
    SHOULD,
    "A stream that fails before any content reports no completion tokens",
    spec=ERRORS,
    fix="Count only delivered tokens in usage, which are 0 here.",
    applies_to=_failed_at_once,
    good=[streamed(ROLE, FAILED), streamed(FAILED), streamed(FAILED | {"usage": SPENT | {"completion_tokens": 0}})],
    bad=[streamed(ROLE, FAILED | {"usage": SPENT}), streamed(ROLE, FAILED, chunk(choices=[], usage=SPENT), "[DONE]")],
    apis=WITH_CHOICES,
)
def failed_stream_with_usage(x: Exchange) -> Iterator[Finding]:
    """The user pays for the failure, and again for the retry."""
    spent = usage(x)
    if spent and spent.completion:
        seen = f"the stream failed before any content, but its usage reports {spent.completion} completion tokens"
        yield Finding(seen, at=error_response(x).at)


def _refused(x: Exchange) -> NotJudged | None:
    if skip := mistaken(x):
        return skip
    return None if 400 <= reply(x).status < 500 else not_applicable("the invalid request was not rejected with a 4xx")


@rule(
    "BILL003",
    SHOULD,
    "Errors for invalid requests do not make SDKs retry",
    spec=RETRIES,
    fix="Return 400, without x-should-retry or with x-should-retry: false.",
    applies_to=_refused,
    needs=("headers",),
    apis=APIS,
    good=[
        answered(REFUSED, status=400, **MISTAKE),
        answered(REFUSED, status=400, headers=(JSON, ("x-should-retry", "false")), **MISTAKE),
    ],
    bad=[
        answered(REFUSED, status=409, **MISTAKE),
        answered(REFUSED, status=400, headers=(JSON, ("x-should-retry", "true")), **MISTAKE),
    ],
)
def mistake_that_is_retried(x: Exchange) -> Iterator[Finding]:
    """By default SDKs send the request three times, although it can never work."""
    retry = reply(x).value("x-should-retry").lower()
    if retry == "true":
        yield Finding("the error for an invalid request sets x-should-retry: true", at=reply(x).span("x-should-retry"))
    elif reply(x).status == RETRIED and retry != "false":
        yield Finding(
            "the invalid request was rejected with HTTP 409, which SDKs retry", at=reply(x).head, expected="400"
        )
