"""Conditions under which a rule applies: None if it does, else a Skip with the reason."""

from collections.abc import Callable, Collection

from conformance.apis.continuation import UNSTORED
from conformance.apis.errors import UNRELATED_STATUSES, body, error_response, refuses_streaming
from conformance.apis.evidence import missing_part, shows_end, unanswered_reason
from conformance.apis.request import body_sent, has_too_many_values
from conformance.apis.specs import spec
from conformance.model.case import Kind
from conformance.model.exchange import Exchange, cached_reader
from conformance.model.rule import Condition
from conformance.model.verdict import OUT_OF_SCOPE, NotJudged, not_applicable, untestable
from conformance.parsing.http1 import reply
from conformance.parsing.json_text import NOT_JSON
from conformance.parsing.sse import is_labelled, looks_like_events
from conformance.schemas import validator

OK = range(200, 300)
BODILESS = (204, 205)
"""Success statuses without a body (RFC 9110, sections 15.3.5 and 15.3.6)."""
UNRELATED = UNRELATED_STATUSES
UNKNOWN_END = "the response ends within its JSON or a line, and the recording does not hold whether the recorder cut it"

INVALID = (Kind.MISTAKE, Kind.WRONG_TYPE, Kind.UNKNOWN_FIELD, Kind.OUT_OF_RANGE, Kind.FUZZ)
"""Test cases whose requests a target may reject."""
BROKEN = (*(kind for kind in INVALID if kind is not Kind.FUZZ), Kind.PREVIOUS_RESPONSE)
"""Test cases whose requests no target has to process; of the fuzzed ones, those that do not match the schema."""
DOCUMENTED = (
    *(Kind.TOOLS, Kind.REPLAY, Kind.USAGE, Kind.CHOICES, Kind.EFFECT, Kind.ACCEPTED_FORM),
    *(Kind.LONG_STREAM, Kind.SHORT_STREAM, Kind.REPEAT, Kind.SEED),
)
"""Test cases with requests that the API documents."""


def uncut(x: Exchange) -> NotJudged | None:
    """The harness did not stop reading before the end: what it cut off is not the target's fault."""
    if x.is_cut_by_harness:
        return untestable(f"the harness stopped reading the response ({x.ending.how}{_detail(x)})")
    return None


def replied(x: Exchange) -> NotJudged | None:
    """A response head was received, and the harness did not cut the response."""
    if skip := uncut(x):
        return skip
    if reply(x).status == 0:
        return untestable(f"no response was received ({x.ending.how} at {x.ending.phase}{_detail(x)})")
    return None


def _detail(x: Exchange) -> str:
    return f": {x.ending.detail}" if x.ending.detail else ""


def readable(x: Exchange) -> NotJudged | None:
    """A response was received, and its content coding can be decoded."""
    answer = reply(x)
    if answer.undecodable:
        return untestable(f"the response has Content-Encoding: {answer.coding[:40]}, which the harness can't decode")
    if answer.undeclared_coding:
        return untestable(
            f"the response body is compressed with {answer.undeclared_coding}, but has no Content-Encoding"
        )
    why = answer.coding_fault or answer.cut
    return replied(x) or (untestable(why) if why else None)


def succeeded(x: Exchange) -> NotJudged | None:
    """The response has a 2xx status."""
    return replied(x) or (
        None if reply(x).status in OK else not_applicable(f"the status is {reply(x).status}, not 2xx")
    )


def refused(x: Exchange) -> NotJudged | None:
    """The response has a 4xx or 5xx status."""
    return replied(x) or (
        None if reply(x).status >= 400 else not_applicable(f"the status is {reply(x).status}, not an error")
    )


def validly_requested(x: Exchange) -> NotJudged | None:
    """The request is valid, so that its response has a form that the API defines.

    Whatever a target makes of a broken request, only the rules about mistakes judge it. A recorded request of somebody
    else is valid if it succeeded; one that got an error may be broken, like a fuzzed one.
    """
    may_be_broken = x.case.kind is Kind.FUZZ or (x.case.kind is Kind.RECORDED and bool(error_response(x)))
    if x.case.kind in BROKEN or (may_be_broken and not _matches_schema(x)):
        return not_applicable("the request is invalid: the rules about mistakes judge its response")
    return None


@cached_reader
def _matches_schema(x: Exchange) -> bool:
    """Whether the request body has the form that the API documents; one of too many values is not looked at."""
    if has_too_many_values(x):
        return False
    try:
        return validator(spec(x.api).request_schema).is_valid(body_sent(x))
    except RecursionError:  # nested deeper than any documented request
        return False


def streamed(x: Exchange) -> NotJudged | None:
    """The request is streaming and the response is an event stream, whatever its Content-Type.

    How a stream is framed does not depend on what was requested.
    """
    if x.mode != "stream":
        return not_applicable("the request is not streaming")
    if skip := succeeded(x) or readable(x):
        return skip
    if looks_like_events(x) or (is_labelled(reply(x)) and body(x) is NOT_JSON):
        return None
    what = "a single JSON value" if is_labelled(reply(x)) else reply(x).media_type or "a body without Content-Type"
    return validly_requested(x) or untestable(f"the response is not an event stream, but {what}")


def answered_whole(x: Exchange) -> NotJudged | None:
    """The request is valid and non-streaming, and the response is 2xx and not an event stream."""
    if x.mode != "unary":
        return not_applicable("the request is streaming")
    if skip := validly_requested(x):
        return skip
    if skip := succeeded(x) or readable(x):
        return skip
    return (
        untestable("an event stream was received instead of a non-streaming response") if looks_like_events(x) else None
    )


def whole(x: Exchange) -> NotJudged | None:
    """The response is complete according to its own framing; in a recording without it, according to its content."""
    if skip := replied(x):
        return skip
    if not reply(x).complete:
        return untestable(f"the response was truncated{_detail(x)}")
    return None if "framing" in x.recorded or shows_end(x) else untestable(UNKNOWN_END)


def probe_is(*kinds: Kind, subjects: Collection[str] | None = None) -> Condition:
    """The test case is of one of these kinds, and about one of these subjects if they are given."""

    def is_probe(x: Exchange) -> NotJudged | None:
        is_it = x.case.kind in kinds and (subjects is None or x.case.subject in subjects)
        return None if is_it else OUT_OF_SCOPE

    return is_probe


def looks_for_nothing(x: Exchange) -> bool:
    """Whether the request is for what must not be found: what else is served at its path, is not of the API."""
    return (x.case.kind, x.case.subject) == (Kind.STORED, UNSTORED)


def all_of(*conditions: Callable[[Exchange], NotJudged | None]) -> Condition:
    """All conditions hold; the first that fails gives the reason."""

    def all_hold(x: Exchange) -> NotJudged | None:
        return next((skip for condition in conditions if (skip := condition(x))), None)

    return all_hold


def not_rejected_for_other_reasons(x: Exchange) -> NotJudged | None:
    """The target accepted the request, or rejected it because of the request's content."""
    if skip := replied(x):
        return skip
    answer = reply(x)
    is_later = answer.status == 503 and (answer.value("retry-after") or "headers" not in x.recorded)
    if answer.status in UNRELATED or is_later:
        return untestable(f"the target rejected the request for an unrelated reason (HTTP {answer.status})")
    if answer.status in OK or answer.status >= 400:
        return None
    return untestable(f"the status is {answer.status}, neither a success nor an error")


def baseline_ok(baseline: Exchange) -> NotJudged | None:
    """The baseline request succeeded in this mode, so a failure is due to the probe."""
    if refuses_streaming(baseline):
        return not_applicable("the target declares that it does not support streaming")
    if reply(baseline).status in OK and not error_response(baseline):
        return None
    return untestable(f"the baseline request failed too ({reply(baseline).status or 'no response'})")


def not_cut(x: Exchange) -> NotJudged | None:
    """The request was rejected, or a response is there as a whole: a part of one does not show what is missing."""
    return untestable(reason) if (reason := missing_part(x)) else None


def answered_or_rejected(x: Exchange) -> NotJudged | None:
    """The request was rejected, or answered by a completion; only such a response shows what became of a field."""
    if error_response(x):
        return None
    return untestable(reason) if (reason := unanswered_reason(x)) else None


def mode_supported(x: Exchange) -> NotJudged | None:
    """The target did not reject the request because it is streaming."""
    return not_applicable("the target declares that it does not support streaming") if refuses_streaming(x) else None
