"""Compaction: POST /responses/compact, and the next turn with its output."""

from collections.abc import Iterator
from typing import Any, Final

from conformance.apis.errors import body, error_response, quoted
from conformance.apis.vendor_refusals import refused_cap
from conformance.model.case import Kind
from conformance.model.exchange import Exchange
from conformance.model.rule import Condition
from conformance.model.verdict import MUST, SHOULD, Finding, NotJudged, not_applicable, untestable
from conformance.parsing.http1 import reply
from conformance.parsing.json_text import NOT_JSON
from conformance.parsing.json_values import Object, as_array, as_object
from conformance.rules.conditions import (
    OK,
    all_of,
    baseline_ok,
    not_rejected_for_other_reasons,
    probe_is,
    readable,
    whole,
)
from conformance.rules.example import answered, error
from conformance.rules.rsp.example import USAGE, response
from conformance.rules.rsp.open_responses import schema_faults
from conformance.rules.rsp.shape import whole_rule
from conformance.rules.rsp.spec import COMPACT

MISSING: Final = (404, 405, 501)
SUMMARY: Object = {"type": "compaction", "id": "cmp_1", "encrypted_content": "c3VtbWFyeQ=="}
SAID: Object = {
    "type": "message",
    "id": "msg_1",
    "status": "completed",
    "role": "user",
    "content": [{"type": "input_text", "text": "The boats come home."}],
}
COMPACTION: Object = {
    "id": "resp_1",
    "object": "response.compaction",
    "created_at": 1_760_000_000,
    "output": [SAID, SUMMARY],
    "usage": USAGE,
}


def _offered(subject: str) -> Condition:
    """The target has the compact route, and decided on this request; a valid one may fail by chance."""

    def is_offered(x: Exchange) -> NotJudged | None:
        if skip := all_of(probe_is(Kind.COMPACT, subjects=(subject,)), not_rejected_for_other_reasons, readable)(x):
            return skip
        if reply(x).status in MISSING:
            return not_applicable(f"the target does not offer /responses/compact (HTTP {reply(x).status})")
        if reply(x).status >= 500 and (reply(x).status != 500 or not subject):
            return untestable(f"the target failed with HTTP {reply(x).status}")
        return None

    return is_offered


def _compacted(x: Exchange) -> NotJudged | None:
    """The target compacted the conversation, or accepted the request at least."""
    if skip := _offered("")(x):
        return skip
    if error := error_response(x):
        return not_applicable(f"the target rejects the compaction: {quoted(error.message or error.text)}")
    return whole(x) or (untestable("the response body is not JSON") if body(x) is NOT_JSON else None)


def _response(**changes: object) -> Exchange:
    return answered(COMPACTION | changes, probe="responses.compact")


@whole_rule(
    "RSP034",
    SHOULD,
    "A compaction is a response.compaction with an output that has a compaction item",
    spec=COMPACT,
    fix="Return object response.compaction, id, created_at, usage, and the output with a compaction item at its end.",
    applies_to=_compacted,
    good=[_response(), _response(output=[SUMMARY]), _response(vendor=1)],
    bad=[
        _response(object="response"),
        _response(output=[SAID]),
        _response(output=[]),
        _response(usage=None),
        _response(output=[SUMMARY | {"encrypted_content": None}]),
        answered([], probe="responses.compact"),
    ],
)
def malformed_compaction(x: Exchange) -> Iterator[Finding]:
    """Agents replace the conversation by this output: what is not in it is lost, and what they can't read ends the session."""
    at = reply(x).locate(0, len(reply(x).content))
    if faults := schema_faults(body(x), "open-responses-compaction"):
        yield Finding(f"the compaction differs from its schema: {faults}", at=at)
    elif not any(item.get("type") == "compaction" for item in map(as_object, as_array(body(x).get("output")))):
        yield Finding("the output of the compaction has no item of type compaction", at=at)


NO_MODEL: dict[str, Any] = {"probe": "responses.compact.no-model"}


@whole_rule(
    "RSP035",
    SHOULD,
    "A compaction without a model is rejected with 400 or 422",
    spec=COMPACT,
    fix="Require `model` in the request model of /responses/compact, and return 400 with `error.param: model`.",
    applies_to=_offered("no-model"),
    good=[answered(error("'model' is required.", param="model"), status=400, **NO_MODEL)],
    bad=[answered(COMPACTION, **NO_MODEL), *(answered(error("No."), status=code, **NO_MODEL) for code in (409, 500))],
)
def compaction_without_a_model(x: Exchange) -> Iterator[Finding]:
    """The summary is made by a model that the client did not choose, and is billed."""
    status = reply(x).status
    if status in OK:
        yield Finding(f"a compaction without `model` was accepted with HTTP {status}", at=reply(x).head)
    elif status not in (400, 422):
        yield Finding(f"a compaction without `model` got HTTP {status}", at=reply(x).head, expected="400 or 422")


TAKEN_BACK: dict[str, Any] = {"probe": "responses.compacted"}
NEXT = TAKEN_BACK | {"body_fields": {"model": "m", "input": [SUMMARY]}}


@whole_rule(
    "RSP036",
    MUST,
    "The output of a compaction is accepted as the input of the next request",
    spec=COMPACT,
    fix="Accept compaction items, and the other items of a compaction's output, in the input of /responses.",
    applies_to=all_of(probe_is(Kind.COMPACTED), not_rejected_for_other_reasons, readable),
    good=[(response(**NEXT), response())],
    bad=[
        (answered(error("Unknown item type.", param="input[0].type"), status=400, **TAKEN_BACK), response()),
        (answered(error("Not implemented."), status=501, **TAKEN_BACK), response()),
    ],
)
def own_compaction_refused(x: Exchange, baseline: Exchange) -> Iterator[Finding | NotJudged]:
    """The agent has only the compacted conversation left: after it, no turn succeeds."""
    error = error_response(x)
    if error and error.status >= 500 and error.status != 501:
        yield untestable(f"the target failed with HTTP {error.status}")
    elif cap := refused_cap(x):
        yield untestable(f"the target rejected `{cap}`, which the request also sets")
    elif error and (skip := baseline_ok(baseline)):
        yield skip
    elif error:
        why = quoted(error.message or error.text)
        yield Finding(f"the compaction's own output was rejected with HTTP {reply(x).status}: {why}", at=error.at)
