"""When a rule on tool calls applies."""

from conformance.exchange import Exchange
from conformance.read.chat import answer, fragments, is_shaped
from conformance.read.request import cap_asked, choices_asked
from conformance.read.usage import usage
from conformance.rules.chk.when import filed, finished, unbroken
from conformance.rules.cmp.when import choosing as choosing_whole
from conformance.rules.tool.shape import has_odd_arguments, mentions, other_ids, repeated_arguments, stray_fragments
from conformance.verdict import Skip, not_applicable, untestable


def chosen(x: Exchange) -> Skip | None:
    """Choices came, in either mode."""
    return filed(x) if x.mode == "stream" else choosing_whole(x)


def mentioned(x: Exchange) -> Skip | None:
    """An answer came that speaks of tool calls."""
    return chosen(x) or (None if any(True for _ in mentions(x)) else not_applicable("no tool was called"))


def called_some(x: Exchange) -> Skip | None:
    """An answer came that calls tools."""
    found = any(isinstance(fragment.value, dict) for fragment in fragments(x))
    return chosen(x) or (None if found else not_applicable("no tool was called"))


def unlost_calls(x: Exchange) -> Skip | None:
    """An answer came that calls tools, and no fragment of the calls was lost on the way."""
    return called_some(x) or (unbroken(x) if x.mode == "stream" else None)


def known_calls(x: Exchange) -> Skip | None:
    """As unlost_calls, and the fragments can be put together to calls (or else TOOL015 tells of it)."""
    if skip := unlost_calls(x):
        return skip
    return untestable("a call changes its index") if any(True for _ in stray_fragments(x)) else None


def called_to_the_end(x: Exchange) -> Skip | None:
    """An answer came whole that calls tools."""
    return called_some(x) or (finished(x) if x.mode == "stream" else None)


def joinable_calls(x: Exchange) -> Skip | None:
    """An answer came whole that calls functions, with arguments that can be joined."""
    if skip := called_to_the_end(x) or known_calls(x):
        return skip
    if any(isinstance(f.value, dict) and has_odd_arguments(f) for f in fragments(x)) or any(True for _ in other_ids(x)):
        return untestable("the arguments can't be joined")
    return None


def complete_calls(x: Exchange) -> Skip | None:
    """As joinable_calls, and no arguments were sent again (or else TOOL017 tells of it)."""
    if skip := joinable_calls(x):
        return skip
    return untestable("arguments were sent again") if any(True for _ in repeated_arguments(x)) else None


def capped_call(x: Exchange) -> Skip | None:
    """One answer calls tools, and its usage tells that it ran into the cap of the request."""
    if skip := complete_calls(x):
        return skip
    spent, cap = usage(x), cap_asked(x)
    if not cap or choices_asked(x) > 1:
        return not_applicable("the request set no cap on a single answer")
    if spent is None:
        return untestable("no usage tells whether the answer ran into the cap")
    return None if spent.completion >= cap else not_applicable("the answer stayed under the cap")


def uncapped_calls(x: Exchange) -> Skip | None:
    """As complete_calls, but the answer did not run into the cap of the request (where TOOL014 judges)."""
    if skip := complete_calls(x):
        return skip
    return None if capped_call(x) else not_applicable("the answer ran into the cap")


def says_tool_calls(x: Exchange) -> Skip | None:
    """An answer came whole that finishes with `tool_calls`."""
    if skip := chosen(x) or (finished(x) if x.mode == "stream" else None):
        return skip
    if not is_shaped(x):
        return untestable("what the choices hold can't be read")
    said = any("tool_calls" in choice.finishes for choice in answer(x).choices)
    return None if said else not_applicable("finish_reason is not tool_calls")
