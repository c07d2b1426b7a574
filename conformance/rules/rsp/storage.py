"""Whether a response that reports that it is stored can be retrieved, and continued with all that it stands for."""

from collections.abc import Iterator
from typing import Any, Final

from conformance.apis.continuation import RUNNING, UNSTORED, stored_id, unstored_id
from conformance.apis.errors import body, error_response, quoted
from conformance.apis.response_content import response_content
from conformance.apis.responses import response_states
from conformance.apis.usage import usage
from conformance.model.case import Compare, Kind
from conformance.model.exchange import Exchange
from conformance.model.verdict import MUST, SHOULD, Finding, NotJudged, not_applicable, untestable
from conformance.parsing.http1 import reply
from conformance.parsing.json_values import Object, as_object, describe_member, display
from conformance.rules.conditions import (
    UNRELATED,
    all_of,
    answered_or_rejected,
    mode_supported,
    not_rejected_for_other_reasons,
    probe_is,
    readable,
    replied,
)
from conformance.rules.example import answered, error
from conformance.rules.rsp.continued import forgotten
from conformance.rules.rsp.example import BASELINE_RESPONSE, USAGE, message_item, response
from conformance.rules.rsp.shape import response_rule, whole_rule
from conformance.rules.rsp.spec import CREATE, SPECIFICATION, STATE

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
    applies_to=all_of(probe_is(Kind.STORED, subjects=("",)), replied, readable),
    good=[(FOUND, STORED)],
    bad=[(NOT_FOUND, STORED), (answered(BASELINE_RESPONSE | {"id": "resp_2"}, probe="responses.stored"), STORED)],
)
def stored_response_not_found(x: Exchange, baseline: Exchange) -> Iterator[Finding | NotJudged]:
    """Agents that rely on stored responses send only the new message, or fetch a response that was cut: both fail."""
    status, wanted = reply(x).status, stored_id(baseline)
    if status in MISSING:
        error = error_response(x)
        why = quoted(error.message or error.text)
        yield Finding(
            f"the response has `store: true`, but GET /responses/{wanted[:40]} got HTTP {status}: {why}", at=error.at
        )
    elif status in UNRELATED or status >= 300:
        yield untestable(f"the request for the stored response got HTTP {status}")
    elif (found := response_states(x)[-1:]) and found[0].get("id") != wanted:
        yield Finding(f"the stored response has {describe_member(found[0], 'id')}, not {wanted[:40]}", at=reply(x).head)


ITEM: Final = message_item("Hello, and welcome.")


def _found(x: Exchange) -> NotJudged | None:
    """A stored response was found by its id, and is finished."""
    if skip := all_of(probe_is(Kind.STORED, subjects=("",)), replied, readable)(x):
        return skip
    if reply(x).status != 200 or not response_states(x):
        return untestable("the stored response was not found (see RSP027)")
    status = response_states(x)[-1].get("status")
    return untestable(f"the stored response has status {display(status)}") if status in RUNNING else None


@whole_rule(
    "RSP058",
    MUST,
    "A stored response has the text and the calls that it was returned with",
    spec=STATE,
    fix="Store the response as it is returned, with all of its output, and serve it unchanged at GET /responses/{id}.",
    applies_to=_found,
    good=[(FOUND, STORED), (answered(BASELINE_RESPONSE | {"metadata": None}, probe="responses.stored"), STORED)],
    bad=[(answered(BASELINE_RESPONSE | {"output": out}, probe="responses.stored"), STORED) for out in ([], [ITEM])],
)
def stored_response_changed(x: Exchange, baseline: Exchange) -> Iterator[Finding]:
    """Clients that lost a response fetch it again, and evaluations read stored ones: they get another, or nothing."""
    if response_states(x)[-1].get("id") != stored_id(baseline):
        return
    now, before = (_content(response) for response in (x, baseline))
    if now != before:
        seen = f"the stored response has {display(now)}, but it was returned with {display(before)}"
        yield Finding(seen, at=reply(x).head)


def _content(x: Exchange) -> str:
    """The text of a response, and the arguments of its calls."""
    choices = response_content(x).choices
    return "".join(choice.text + "".join(call.arguments for call in choice.calls) for choice in choices)


TO_FORGET = response(store=False, body_fields={"store": False}, probe="responses.store")
HELD: dict[str, Any] = {"probe": "responses.stored.unstored"}


@whole_rule(
    "RSP057",
    MUST,
    "A response to store: false is not found by its id",
    spec=CREATE,
    fix="Store nothing if the request sets `store: false`: then GET /responses/{id} gets 404.",
    applies_to=all_of(probe_is(Kind.STORED, subjects=(UNSTORED,)), replied, readable),
    compares_with={"unstored": Compare(Kind.STORE)},
    good=[
        (answered(error("No response with this id."), status=404, **HELD), TO_FORGET),
        (answered({}, **HELD), TO_FORGET),
        (answered("<html></html>", headers=(("content-type", "text/html"),), **HELD), TO_FORGET),
    ],
    bad=[(answered(BASELINE_RESPONSE, **HELD), TO_FORGET)],
)
def unstored_response_found(x: Exchange, unstored: Exchange) -> Iterator[Finding | NotJudged]:
    """Users who may not leave customer data with a vendor break a contract, and nothing tells them."""
    status, wanted = reply(x).status, unstored_id(unstored)
    if (status >= 500 and status != 501) or status == 429:
        yield untestable(f"the request for the response got HTTP {status}")
    elif status == 200 and as_object(body(x)).get("id") == wanted:
        seen = f"the request sets `store: false`, and GET /responses/{wanted[:40]} returns the response"
        yield Finding(seen, at=reply(x).head)


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


LOST: Final[Object] = {"type": "item_reference", "id": "msg_of_nobody"}
REFERRED: dict[str, Any] = {"probe": "responses.previous.reference"}


@response_rule(
    "RSP061",
    MUST,
    "A reference to an unknown item is rejected",
    spec=f"{CREATE}#responses-create-input",
    fix="Load the item that an `item_reference` names, or reject the request: 404 for an unknown id, 400 if none are stored.",
    applies_to=all_of(
        probe_is(Kind.PREVIOUS_RESPONSE, subjects=("reference",)),
        mode_supported,
        not_rejected_for_other_reasons,
        readable,
        answered_or_rejected,
    ),
    good=[answered(error("Item not found."), status=code, **REFERRED) for code in (400, 404)],
    bad=[response(body_fields={"input": [LOST]}, **REFERRED)],
)
def dropped_reference(x: Exchange) -> Iterator[Finding]:
    """Vercel's AI SDK sends earlier messages and calls as references: without them the history is silently lost."""
    if not error_response(x):
        yield Finding(
            f"an `item_reference` to an unknown item was silently ignored: the request got HTTP {reply(x).status}",
            at=reply(x).head,
        )
