"""When a rule on responses applies."""

from conformance.apis.responses import building, has_failed, items, terminal, told
from conformance.model.exchange import Exchange
from conformance.model.verdict import Skip, not_applicable, untestable
from conformance.parsing.json_body import whole_object
from conformance.rules.typed_events import ended, typed, whole_answer

OF_ITEMS = ("response.output_", "response.content_part.", "response.function_call_arguments.", "response.refusal.")
"""The beginnings of the types of events that belong to an item."""


def listed(x: Exchange) -> Skip | None:
    """A whole response came with a list of output."""
    if skip := whole_answer(x):
        return skip
    found = (whole_object(x) or {}).get("output")
    return None if isinstance(found, list) else untestable("the answer has no list of output (RSP001 tells of that)")


def spoken(x: Exchange) -> Skip | None:
    """A response came, in either mode."""
    if skip := listed(x) if x.mode == "unary" else typed(x):
        return skip
    if has_failed(x):
        return not_applicable("the response says that it failed")
    return None if told(x) or items(x) else untestable("no event tells of a response (RSP003 tells of that)")


def numbered(x: Exchange) -> Skip | None:
    """A response came whose items can be told apart, with all that was added to them (or else RSP010 tells of it)."""
    if skip := spoken(x):
        return skip
    kept = {event.start for item in items(x) for event in item.events}
    lost = any(part.type.startswith(OF_ITEMS) and part.event.start not in kept for part in building(x))
    return untestable("an event belongs to no item") if x.mode == "stream" and lost else None


def finished(x: Exchange) -> Skip | None:
    """A response came to its end, and its items can be told apart."""
    if x.mode == "stream" and (skip := ended(x)):
        return skip
    if skip := numbered(x):
        return skip
    return None if x.mode == "unary" or terminal(x) else untestable("no event ends the response (SSE007 tells of that)")
