"""The end of a response: status, reason, id; and fields about state."""

import re
from collections.abc import Iterator
from typing import Any

from conformance.apis.chat import span_of
from conformance.apis.errors import error_response
from conformance.apis.request import request_body
from conformance.apis.responses import items, output, response_states, terminal, terminal_event
from conformance.model.case import Kind
from conformance.model.exchange import Exchange
from conformance.model.verdict import MUST, OUT_OF_SCOPE, SHOULD, Finding, NotJudged, not_applicable
from conformance.parsing.http1 import reply
from conformance.parsing.json_values import as_object, as_string, describe_member, display
from conformance.parsing.sse import span
from conformance.parsing.typed_events import of_type
from conformance.rules.conditions import (
    all_of,
    answered_or_rejected,
    mode_supported,
    not_rejected_for_other_reasons,
    probe_is,
    readable,
    succeeded,
)
from conformance.rules.example import answered, error
from conformance.rules.rsp.conditions import finished, has_content
from conformance.rules.rsp.example import (
    CALL,
    CUT,
    GOOD,
    SPOKEN,
    events,
    response,
    state,
    streamed,
    text,
)
from conformance.rules.rsp.shape import response_rule, stream_rule
from conformance.rules.rsp.spec import CREATE, EVENTS, ITEMS, OBJECT, STATE
from conformance.rules.shared_checks import undefined_reasons
from conformance.rules.typed_events import unbroken

Facts = dict[str, Any]
REASONS = ("max_output_tokens", "content_filter")


@stream_rule(
    "RSP017",
    MUST,
    "The event that ends a stream matches the status of its response",
    spec=EVENTS,
    fix="End with response.completed, response.incomplete or response.failed, and set the same status in its response.",
    applies_to=finished,
    good=[GOOD, streamed(*text("Hi"), end="incomplete")],
    bad=[
        events(state("created"), *text("Hi"), state("completed", status="in_progress")),
        events(state("created"), *text("Hi"), state("incomplete")),
    ],
)
def end_of_another_status(x: Exchange) -> Iterator[Finding]:
    """Some clients read the event's type, others the status: if they differ, a truncated response passes as complete."""
    end = terminal(x)
    if end and as_object(end.value.get("response")).get("status") != end.type.removeprefix("response."):
        seen = f"the response in {end.type} has {describe_member(end.value.get('response'), 'status')}"
        yield Finding(seen, at=span(x, end.event))


@response_rule(
    "RSP018",
    MUST,
    "An incomplete response has a documented incomplete_details.reason, a completed one has none",
    spec=OBJECT,
    fix="Set incomplete_details.reason to max_output_tokens or content_filter if status is incomplete; otherwise send null.",
    applies_to=finished,
    good=[GOOD, response(**CUT), streamed(*text("Hi"), end="incomplete")],
    bad=[
        response(status="incomplete"),
        response(status="incomplete", incomplete_details={"reason": "length"}),
        response(incomplete_details={"reason": "max_output_tokens"}),
    ],
)
def incomplete_without_a_reason(x: Exchange) -> Iterator[Finding]:
    """An agent requests the rest after the token cap, but not after a content filter: without the reason it can't decide."""
    end, at = response_states(x)[-1], terminal_event(x)
    reason = as_object(end.get("incomplete_details")).get("reason")
    if end.get("status") == "incomplete" and reason is None:
        seen = describe_member(end.get("incomplete_details"), "reason")
        yield Finding(f"status is incomplete, but incomplete_details has {seen}", at=span_of(x, at))
    elif end.get("status") == "incomplete":
        yield from undefined_reasons(x, "incomplete_details.reason", REASONS, [(reason, at)])
    elif end.get("status") == "completed" and reason:
        yield Finding(f"status is completed, but incomplete_details has reason {display(reason)}", at=span_of(x, at))


WRITTEN = ("message", "function_call", "custom_tool_call")
"""Items that the model writes for the client; one that the server runs may end early, and the model goes on."""
HALF = SPOKEN | {"status": "incomplete"}
HALF_SAID = [value | {"item": HALF} if value["type"] == "response.output_item.done" else value for value in text("Hi")]


@response_rule(
    "RSP028",
    MUST,
    "A completed response has no incomplete message or call",
    spec=ITEMS,
    fix="Set the response's status to incomplete, with a reason, if its last item is incomplete.",
    applies_to=finished,
    good=[
        GOOD,
        response(output=[SPOKEN, CALL]),
        response(output=[HALF], **CUT),
        streamed(*HALF_SAID, end="incomplete"),
    ],
    bad=[
        response(output=[HALF]),
        response(output=[CALL | {"status": "incomplete"}]),
        streamed(*HALF_SAID),
        streamed(*HALF_SAID, output=[SPOKEN]),
    ],
)
def incomplete_item_in_a_completed_response(x: Exchange) -> Iterator[Finding]:
    """Clients read the response's status only: they treat half of a text, or of a call's arguments, as all of it."""
    end = response_states(x)[-1]
    if end.get("status") != "completed":
        return
    done = [(item.done, item.events[-1]) for item in items(x) if item.done]
    for item, at in (*done, *((item, terminal_event(x)) for item in output(end))):
        if item.get("status") == "incomplete" and item.get("type") in WRITTEN:
            kind = display(item["type"])
            yield Finding(
                f"an output item of type {kind} is incomplete, but the response is completed", at=span_of(x, at)
            )
            return


@stream_rule(
    "RSP019",
    MUST,
    "All events of a stream have the same response id",
    spec=EVENTS,
    fix="Generate the id once, before response.created.",
    applies_to=has_content,
    good=[GOOD],
    bad=[events(state("created"), *text("Hi"), state("completed", id="resp_2"))],
)
def response_renamed(x: Exchange) -> Iterator[Finding]:
    """The next turn continues from this id: whether the server knows it depends on which event the client read."""
    ids = list(dict.fromkeys(display(state["id"]) for state in response_states(x) if as_string(state.get("id"))))
    if len(ids) > 1:
        yield Finding(f"the response id is {ids[0]} at first, and {ids[1]} in a later event", at=span_of(x))


@stream_rule(
    "RSP020",
    SHOULD,
    "response.created has status in_progress or queued, and no output",
    spec=EVENTS,
    fix="Send response.created with status in_progress (or queued), output [] and usage null.",
    applies_to=has_content,
    good=[GOOD],
    bad=[
        events(state("created", status="completed"), *text("Hi"), state("completed")),
        events(state("created", output=[{"type": "message"}]), *text("Hi"), state("completed")),
    ],
)
def response_begun_at_its_end(x: Exchange) -> Iterator[Finding]:
    """Clients that wait for a final status stop at this event, before the output."""
    for part in of_type(x, "response.created")[:1]:
        begun = as_object(part.value.get("response"))
        if as_string(begun.get("id")) and begun.get("status") not in ("in_progress", "queued"):
            yield Finding(f"response.created has {describe_member(begun, 'status')}", at=span(x, part.event))
        if output(begun):
            yield Finding("response.created already has output", at=span(x, part.event))


@stream_rule(
    "RSP021",
    MUST,
    "response.failed has a response with error.code and error.message",
    spec=OBJECT,
    fix="Set error.code and error.message in the response of response.failed.",
    applies_to=unbroken,
    good=[
        GOOD,
        events(state("created"), state("failed", error={"code": "server_error", "message": "No."}, status="failed")),
    ],
    bad=[
        events(state("created"), state("failed", status="failed")),
        events(state("created"), state("failed", status="failed", error={"code": "server_error"})),
    ],
)
def failure_without_an_error(x: Exchange) -> Iterator[Finding]:
    """The user sees only that the response failed, not whether to wait, to retry or to pay."""
    for part in of_type(x, "response.failed"):
        error = as_object(as_object(part.value.get("response")).get("error"))
        for name in ("code", "message"):
            if not as_string(error.get(name)):
                yield Finding(
                    f"the error in response.failed has {describe_member(error, name)}", at=span(x, part.event)
                )


PREVIOUS = {"previous_response_id": "resp_of_nobody", "input": "And then?"}
ANOTHER: Facts = {"probe": "responses.previous", "body_fields": PREVIOUS}
PROBE_PREVIOUS: Facts = {"probe": "responses.previous"}


def _going_on(x: Exchange) -> NotJudged | None:
    """The request continues from a response that does not exist."""
    return all_of(
        probe_is(Kind.PREVIOUS_RESPONSE, subjects=("",)),
        mode_supported,
        not_rejected_for_other_reasons,
        readable,
        answered_or_rejected,
    )(x)


@response_rule(
    "RSP022",
    MUST,
    "previous_response_id is honoured or rejected",
    spec=STATE,
    fix="Continue from the response with that id, or reject the request: 404 for an unknown id, 400 if none are stored.",
    applies_to=_going_on,
    good=[answered(error("Not found.", param="previous_response_id"), status=404, probe="responses.previous")],
    bad=[response(**ANOTHER), response(previous_response_id="resp_of_nobody", **ANOTHER)],
)
def dropped_history(x: Exchange) -> Iterator[Finding]:
    """The model responds as if the conversation had just started: the history is silently lost."""
    if not error_response(x):
        yield Finding(
            f"an unknown `previous_response_id` was silently ignored: the request was accepted with HTTP {reply(x).status}",
            at=reply(x).head,
        )


def _noted(x: Exchange) -> NotJudged | None:
    if skip := all_of(probe_is(Kind.METADATA), succeeded, readable)(x) or finished(x):
        return skip
    return None


NOTED: Facts = {"body_fields": {"metadata": {"lamp": "green"}}, "probe": "responses.metadata"}


@response_rule(
    "RSP023",
    SHOULD,
    "metadata is returned in the response, or rejected",
    spec=CREATE,
    fix="Return the request's metadata in the response, or reject the field with 400.",
    applies_to=_noted,
    good=[response(metadata={"lamp": "green"}, **NOTED)],
    bad=[response(**NOTED), response(metadata=None, **NOTED)],
)
def dropped_metadata(x: Exchange) -> Iterator[Finding]:
    """Users bill and audit responses by their metadata: without it, none is found."""
    returned = response_states(x)[-1]
    if returned.get("metadata") != request_body(x).get("metadata"):
        is_object = isinstance(returned.get("metadata"), dict)
        other = "other metadata" if is_object else describe_member(returned, "metadata")
        yield Finding(f"the response has {other}, not the request's metadata", at=span_of(x))


KEPT: Facts = {"body_fields": {"store": False}, "probe": "responses.store"}


def _unkept(x: Exchange) -> NotJudged | None:
    """The request sets `store: false`: the test case about it, or a turn over a WebSocket."""
    is_probed = x.case.kind is Kind.STORE or x.turn is not None
    if not is_probed or request_body(x).get("store") is not False:
        return OUT_OF_SCOPE
    if skip := all_of(succeeded, readable)(x) or finished(x):
        return skip
    stored = response_states(x)[-1].get("store")
    return None if isinstance(stored, bool) else not_applicable("the response has no boolean `store`")


@response_rule(
    "RSP024",
    MUST,
    "The response to store: false does not have store: true",
    spec=CREATE,
    fix="Store nothing if the request sets `store: false`, and return `store: false` in the response.",
    applies_to=_unkept,
    good=[response(store=False, **KEPT)],
    bad=[response(store=True, **KEPT)],
)
def store_false_ignored(x: Exchange) -> Iterator[Finding]:
    """Users who may not leave customer data with a vendor break a contract, and see it in the response at best.

    A response need not repeat the field.
    """
    if response_states(x)[-1].get("store"):
        yield Finding("the request sets `store: false`, but the response has `store: true`", at=span_of(x))


UNSUPPORTED = re.compile(r"unsupported|not (?:yet )?(?:supported|implemented|available|enabled)", re.IGNORECASE)
STORED = response(store=True)
NONE_KEPT = answered(
    error("'previous_response_id' is not supported.", param="previous_response_id"), status=400, **PROBE_PREVIOUS
)


def _unsupported(x: Exchange) -> NotJudged | None:
    """The target declares that it can't continue from a stored response."""
    if skip := _going_on(x):
        return skip
    error = error_response(x)
    is_declared = error and (error.status == 501 or (error.status != 404 and UNSUPPORTED.search(error.message)))
    return None if is_declared else not_applicable("the target does not say that `previous_response_id` is unsupported")


@response_rule(
    "RSP025",
    SHOULD,
    "A target that stores no responses has store: false",
    spec=STATE,
    fix="Return `store: false` if the response can't be retrieved or continued, whatever the request sets.",
    applies_to=_unsupported,
    good=[(NONE_KEPT, GOOD), (NONE_KEPT, response(store=False))],
    bad=[(NONE_KEPT, STORED)],
)
def store_without_storage(x: Exchange, baseline: Exchange) -> Iterator[Finding]:
    """SDKs continue a stored response by its id, and send only the new message: the second turn fails or is lost."""
    if any(state.get("store") is True for state in response_states(baseline)[-1:]):
        seen = "the baseline response has `store: true`, but the target does not support `previous_response_id`"
        yield Finding(f"{seen}: {error_response(x).message[:120]}", at=error_response(x).at)
