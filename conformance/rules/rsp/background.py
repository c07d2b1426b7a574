"""Responses in the background: started, and found by their id."""

from collections.abc import Iterator
from typing import Any, Final

from conformance.apis.continuation import running_id
from conformance.apis.errors import body, error_response, names_field, quoted
from conformance.apis.responses import response_states
from conformance.model.case import Compare, Kind
from conformance.model.exchange import Exchange
from conformance.model.verdict import MUST, SHOULD, Finding, NotJudged, not_applicable, untestable
from conformance.parsing.http1 import reply
from conformance.parsing.json_values import as_object, describe_member
from conformance.rules.conditions import (
    OK,
    all_of,
    answered_or_rejected,
    not_rejected_for_other_reasons,
    probe_is,
    readable,
)
from conformance.rules.example import answered, error
from conformance.rules.rsp.example import BASELINE_RESPONSE, response
from conformance.rules.rsp.response import STATES
from conformance.rules.rsp.shape import whole_rule
from conformance.rules.rsp.spec import BACKGROUND

MISSING: Final = (404, 405, 501)
RUNNING: Final = ("queued", "in_progress")
STARTED: dict[str, Any] = {"probe": "responses.background", "body_fields": {"background": True}}
QUEUED = response(status="queued", output=[], usage=None, background=True, **STARTED)


@whole_rule(
    "RSP038",
    SHOULD,
    "background: true is honoured, or rejected by name",
    spec=BACKGROUND,
    fix="Return the response at once with status queued, or reject `background` with 400 and `error.param: background`.",
    applies_to=all_of(probe_is(Kind.BACKGROUND), not_rejected_for_other_reasons, readable, answered_or_rejected),
    good=[
        QUEUED,
        response(background=True, **STARTED),
        answered(error("'background' is not supported.", param="background"), status=400, probe="responses.background"),
    ],
    bad=[
        response(**STARTED),
        response(background=False, **STARTED),
        answered(error("Invalid request."), status=400, probe="responses.background"),
    ],
)
def background_ignored(x: Exchange) -> Iterator[Finding | NotJudged]:
    """A client that expects an id at once waits for minutes, and gives up before the response that it pays for."""
    error, last = error_response(x), response_states(x)[-1] if response_states(x) else {}
    if error and names_field(error, "store"):
        yield not_applicable("the target rejects `store`, which a response in the background needs")
    elif error and error.status >= 500 and error.status != 501:
        yield untestable(f"the target failed with HTTP {error.status}")
    elif error and not names_field(error, "background"):
        why = quoted(error.message or error.text)
        yield Finding(f"`background` was rejected by an error that does not name it: {why}", at=error.at)
    elif not error and last.get("status") not in RUNNING and last.get("background") is not True:
        seen = f"the response has {describe_member(last, 'status')} and {describe_member(last, 'background')}"
        yield Finding(f"`background: true` was silently ignored: {seen}", at=reply(x).head)


POLLED = BASELINE_RESPONSE | {"background": True}


@whole_rule(
    "RSP039",
    MUST,
    "A response that goes on in the background is found by its id",
    spec=BACKGROUND,
    fix="Serve GET /responses/{id} for each response in the background, from the moment in which its id is returned.",
    applies_to=all_of(probe_is(Kind.POLL), not_rejected_for_other_reasons, readable),
    compares_with={"started": Compare(Kind.BACKGROUND)},
    good=[
        (answered(POLLED, probe="responses.poll"), QUEUED),
        (answered(POLLED | {"status": "in_progress", "usage": None}, probe="responses.poll"), QUEUED),
    ],
    bad=[
        (answered(error("No response with this id."), status=404, probe="responses.poll"), QUEUED),
        (answered(POLLED | {"id": "resp_2"}, probe="responses.poll"), QUEUED),
        (answered(POLLED | {"status": "done"}, probe="responses.poll"), QUEUED),
    ],
)
def background_response_not_found(x: Exchange, started: Exchange) -> Iterator[Finding | NotJudged]:
    """The response is generated and billed, and the client has no way to get it."""
    status, wanted, found = reply(x).status, running_id(started), as_object(body(x))
    if status in MISSING:
        why = quoted(error_response(x).message or error_response(x).text)
        yield Finding(f"GET /responses/{wanted[:40]} got HTTP {status}: {why}", at=reply(x).head)
    elif status not in OK:
        yield untestable(f"the request for the response got HTTP {status}")
    elif found.get("id") != wanted:
        yield Finding(f"the response has {describe_member(found, 'id')}, not {wanted[:40]}", at=reply(x).head)
    elif found.get("status") not in STATES:
        seen = f"the response has {describe_member(found, 'status')}"
        yield Finding(seen, at=reply(x).head, expected=f"one of {', '.join(STATES)}")
