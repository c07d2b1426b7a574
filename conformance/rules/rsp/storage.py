"""Whether a response that reports that it is stored can be retrieved, and continued with all that it stands for."""

from collections.abc import Iterator
from typing import Any, Final

from conformance.apis.continuation import stored_id
from conformance.apis.errors import error_response, quoted
from conformance.apis.responses import response_states
from conformance.apis.usage import usage
from conformance.model.case import Compare, Kind
from conformance.model.exchange import Exchange
from conformance.model.verdict import MUST, SHOULD, Finding, NotJudged, not_applicable, untestable
from conformance.parsing.http1 import reply
from conformance.parsing.json_values import describe_member
from conformance.rules.conditions import (
    UNRELATED,
    all_of,
    answered_or_rejected,
    not_rejected_for_other_reasons,
    probe_is,
    readable,
    replied,
)
from conformance.rules.example import answered, error
from conformance.rules.rsp.continued import forgotten
from conformance.rules.rsp.example import BASELINE_RESPONSE, USAGE, response
from conformance.rules.rsp.shape import response_rule, whole_rule
from conformance.rules.rsp.spec import SPECIFICATION, STATE

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


CHAINED: dict[str, Any] = {"probe": "responses.chain.next", "body_fields": {"previous_response_id": "resp_1"}}


def _turn(tokens: int, subject: str = "next") -> Exchange:
    """A turn whose usage counts these input tokens."""
    counts = USAGE | {"input_tokens": tokens, "total_tokens": tokens + 3}
    return response(usage=counts, store=True, **CHAINED | {"probe": f"responses.chain.{subject}"})


def _continuing(x: Exchange) -> NotJudged | None:
    """The request continues a stored response, and was accepted."""
    is_next = probe_is(Kind.CHAIN, subjects=("next",))
    if skip := all_of(is_next, not_rejected_for_other_reasons, readable, answered_or_rejected)(x):
        return skip
    if error_response(x):
        return not_applicable("the target rejects the next turn (see RSP025, RSP027)")
    return None if usage(x) else untestable("the response has no usage that counts the prompt")


@response_rule(
    "RSP037",
    MUST,
    "A turn with previous_response_id has the stored turn in its prompt",
    spec=f"{SPECIFICATION}#previous_response_id",
    fix="Load the input and the output of the stored response, and put them before the new input; or reject the request.",
    applies_to=_continuing,
    compares_with={"first": Compare(Kind.CHAIN, "first")},
    good=[(_turn(50), response(), _turn(40, "first"))],
    bad=[(_turn(12), response(), _turn(40, "first"))],
)
def stored_turn_forgotten(x: Exchange, baseline: Exchange, first: Exchange) -> Iterator[Finding | NotJudged]:
    """The model responds as if the conversation had just started, and the client does not have the history either.

    The first turn's prompt is two dozen words longer than that of the baseline request, and the second one's must
    contain it: usage must count at least as many tokens.
    """
    yield from forgotten(x, first, baseline)
