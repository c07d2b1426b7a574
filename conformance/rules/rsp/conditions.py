"""Conditions under which a rule on responses applies."""

from conformance.apis.request import request_body
from conformance.apis.responses import STREAMED, building, has_failed, items, response_states, terminal
from conformance.model.case import Kind
from conformance.model.exchange import Exchange
from conformance.model.verdict import OUT_OF_SCOPE, NotJudged, not_applicable, untestable
from conformance.parsing.json_body import json_body
from conformance.rules.conditions import looks_for_nothing
from conformance.rules.typed_events import ended, typed, whole_answer

OF_ITEMS = ("response.output_", "response.content_part.", "response.refusal.", *(f"{kind}." for kind in STREAMED))
"""Type prefixes of the events that belong to an item."""
ELSEWHERE = (Kind.COMPACT, Kind.POLL, Kind.WEBSOCKET)
"""Test cases sent to another route than /responses."""


def whole_response(x: Exchange) -> NotJudged | None:
    """A non-streaming response of the responses route is JSON, and not an error."""
    is_elsewhere = x.case.kind in ELSEWHERE or looks_for_nothing(x)
    return OUT_OF_SCOPE if is_elsewhere else whole_answer(x)


def listed(x: Exchange) -> NotJudged | None:
    """A non-streaming response has an output list."""
    if skip := whole_response(x):
        return skip
    found = (json_body(x) or {}).get("output")
    return None if isinstance(found, list) else untestable("the response has no output list (see RSP001)")


def has_content(x: Exchange) -> NotJudged | None:
    """A Responses API response, in either mode."""
    if skip := listed(x) if x.mode == "unary" else typed(x):
        return skip
    if has_failed(x):
        return not_applicable("the response has status failed (see RSP021)")
    if not (response_states(x) or items(x)):
        return untestable("no event contains a response (see RSP003)")
    return _in_background(x)


def _in_background(x: Exchange) -> NotJudged | None:
    """The response is not one that goes on in the background, whose content is not known yet."""
    status = response_states(x)[-1].get("status") if x.mode == "unary" else None
    if request_body(x).get("background") is True and status in ("queued", "in_progress"):
        return not_applicable(f"the response goes on in the background: its status is {status}")
    return None


def has_indexed_items(x: Exchange) -> NotJudged | None:
    """A response whose items can be distinguished, with all of their events (otherwise RSP010 reports it)."""
    if skip := has_content(x):
        return skip
    kept = {event.start for item in items(x) for event in item.events}
    lost = any(part.type.startswith(OF_ITEMS) and part.event.start not in kept for part in building(x))
    return untestable("an event belongs to no output item (see RSP010)") if x.mode == "stream" and lost else None


def finished(x: Exchange) -> NotJudged | None:
    """The response is complete, and its items can be distinguished."""
    if x.mode == "stream" and (skip := ended(x)):
        return skip
    if skip := has_indexed_items(x):
        return skip
    return None if x.mode == "unary" or terminal(x) else untestable("no event ends the response (see SSE007)")
