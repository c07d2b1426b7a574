"""Whether a response that reports that it is stored can be retrieved."""

from collections.abc import Iterator
from typing import Final

from conformance.apis.continuation import stored_id
from conformance.apis.errors import error_response, quoted
from conformance.apis.responses import response_states
from conformance.model.case import Kind
from conformance.model.exchange import Exchange
from conformance.model.verdict import SHOULD, Finding, NotJudged, untestable
from conformance.parsing.http1 import reply
from conformance.parsing.json_values import describe_member
from conformance.rules.conditions import UNRELATED, all_of, probe_is, readable, replied
from conformance.rules.example import answered, error
from conformance.rules.rsp.example import BASELINE_RESPONSE, response
from conformance.rules.rsp.shape import whole_rule
from conformance.rules.rsp.spec import STATE

MISSING: Final = (404, 405, 501)
STORED = response(store=True)
FOUND = answered(BASELINE_RESPONSE | {"store": True}, probe="responses.stored")
NOT_FOUND = answered(error("No response with this id."), status=404, probe="responses.stored")


@whole_rule(
    "RSP027",
    SHOULD,
    "A response with store: true is found by its id",
    spec=STATE,
    fix="Serve GET /responses/{id} for each response with `store: true`, or return `store: false`.",
    applies_to=all_of(probe_is(Kind.STORED), replied, readable),
    good=[(FOUND, STORED)],
    bad=[(NOT_FOUND, STORED), (answered(BASELINE_RESPONSE | {"id": "resp_2"}, probe="responses.stored"), STORED)],
)
def stored_response_not_found(x: Exchange, baseline: Exchange) -> Iterator[Finding | NotJudged]:
    """Agents that rely on stored responses send only the new message, or fetch a response that was cut: both fail."""
    status, wanted = reply(x).status, stored_id(baseline)
    if status in MISSING:
        said = error_response(x)
        why = quoted(said.message or said.text)
        yield Finding(
            f"the response has `store: true`, but GET /responses/{wanted[:40]} got HTTP {status}: {why}", at=said.at
        )
    elif status in UNRELATED or status >= 300:
        yield untestable(f"the request for the stored response got HTTP {status}")
    elif (found := response_states(x)[-1:]) and found[0].get("id") != wanted:
        yield Finding(f"the stored response has {describe_member(found[0], 'id')}, not {wanted[:40]}", at=reply(x).head)
