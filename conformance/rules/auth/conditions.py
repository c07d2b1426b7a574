"""Conditions under which a rule on the API key applies, and whether it was asked for."""

from conformance.apis.errors import error_response, quoted
from conformance.apis.request import has_key
from conformance.model.case import Kind
from conformance.model.exchange import Exchange
from conformance.model.rule import Condition
from conformance.model.verdict import OUT_OF_SCOPE, NotJudged, not_applicable, untestable
from conformance.parsing.http1 import reply
from conformance.rules.conditions import OK, baseline_ok, mode_supported, replied

AUTHENTICATION = "https://platform.openai.com/docs/api-reference/authentication"
LOCKED = (401, 403)


def is_open(x: Exchange) -> bool:
    """Whether the request succeeded."""
    return reply(x).status in OK and not error_response(x)


def is_refused(x: Exchange) -> bool:
    """Whether the request was rejected with a 4xx other than 429."""
    return 400 <= reply(x).status < 500 and reply(x).status != 429


def keyed(baseline: Exchange) -> NotJudged | None:
    """The run has an API key, and the baseline request succeeded with it."""
    if reply(baseline).status in LOCKED:
        error = error_response(baseline)
        why = quoted(error.message or error.text) if (error.message or error.text).strip() else "without a reason"
        return untestable(f"the target rejected the API key of the run with HTTP {reply(baseline).status}: {why}")
    return baseline_ok(baseline) or (None if has_key(baseline) else not_applicable("the run has no API key"))


def key_tested(kind: Kind, *subjects: str) -> Condition:
    """A request that tests the API key, in a supported mode, and was not rate-limited."""

    def is_of(x: Exchange) -> NotJudged | None:
        if x.case.kind is not kind or (subjects and x.case.subject not in subjects):
            return OUT_OF_SCOPE
        if skip := mode_supported(x) or replied(x):
            return skip
        return untestable("rate-limited (HTTP 429)") if reply(x).status == 429 else None

    return is_of
