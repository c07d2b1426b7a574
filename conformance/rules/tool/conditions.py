"""When a rule on tool calls applies."""

from conformance.apis.chat import fragments, is_shaped
from conformance.apis.request import cap_asked, choices_asked
from conformance.apis.response_content import answer
from conformance.apis.tools import SINGLE, calls, freedom, offered, wants_one_call
from conformance.apis.usage import usage
from conformance.field_support.capability import announced
from conformance.field_support.effects import effects, illegible
from conformance.model.exchange import Exchange
from conformance.model.verdict import Skip, not_applicable, untestable
from conformance.rules.chk.conditions import unbroken
from conformance.rules.conditions_by_api import by_api, chosen, finished
from conformance.rules.tool.shape import has_odd_arguments, mentions, other_ids, repeated_arguments, stray_fragments


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


def _called(x: Exchange) -> Skip | None:
    return chosen(x) or (None if any(True for _ in calls(x)) else not_applicable("no tool was called"))


told_apart = by_api({"chat": known_calls, "messages": _called, "responses": _called})
"""An answer of any API came with calls that can be told apart."""


def called_to_the_end(x: Exchange) -> Skip | None:
    """An answer came whole that calls tools."""
    return called_some(x) or finished(x)


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
    if skip := finished(x):
        return skip
    if not is_shaped(x):
        return untestable("what the choices hold can't be read")
    said = any("tool_calls" in choice.finishes for choice in answer(x).choices)
    return None if said else not_applicable("finish_reason is not tool_calls")


def uncallable(x: Exchange) -> Skip | None:
    """An answer came to a request that allows no call."""
    if skip := chosen(x):
        return skip
    if freedom(x) != "none":
        return not_applicable("the request allows calls")
    return _unannounced(x, "tool_choice") if offered(x) else None


def named(x: Exchange) -> Skip | None:
    """An answer came, and can be read, to a request that names the tool to be called."""
    if skip := chosen(x):
        return skip
    if freedom(x) != "named":
        return not_applicable("no tool was named to be called")
    return _unannounced(x, "tool_choice") or (untestable(fault) if (fault := illegible(x)) else None)


def named_to_the_end(x: Exchange) -> Skip | None:
    """As named, and the answer holds a call, or it is the model's whole answer (a lost call is told by TOOL012)."""
    if skip := named(x):
        return skip
    seen = effects(x)
    if not seen.calls and (seen.is_cut or "tool_calls" in seen.finishes.values()):
        return untestable("the answer ended before a tool call could be seen, or the call was lost")
    return None


def alone(x: Exchange) -> Skip | None:
    """Calls came that can be told apart, to a request that allows no more than one."""
    if skip := told_apart(x):
        return skip
    return _unannounced(x, SINGLE[x.api]) if wants_one_call(x) else not_applicable("the request allows several calls")


def free_calls(x: Exchange) -> Skip | None:
    """Whole calls came to a request that offers tools and leaves it to the model which one it calls."""
    if skip := told_apart(x):
        return skip
    return None if freedom(x) in ("auto", "required") and offered(x) else not_applicable("the model had no choice")


def talking(x: Exchange) -> Skip | None:
    """An answer came to a request under which the model may call tools."""
    if skip := chosen(x):
        return skip
    allowed = freedom(x) in ("auto", "required", "named") and offered(x)
    return None if allowed else not_applicable("the request allows no call")


def _uncut(x: Exchange) -> Skip | None:
    if skip := finished(x) or told_apart(x):
        return skip
    return not_applicable("the answer ran into the cap") if effects(x).is_cut else None


uncut_calls = by_api({"chat": uncapped_calls, "messages": _uncut, "responses": _uncut})
"""An answer of any API came whole with calls, and did not run into the cap of the request."""


def _unannounced(x: Exchange, name: str) -> Skip | None:
    """The target does not say that it ignores the field."""
    return not_applicable(f"the target says that it ignored `{name}`") if announced(x, name) else None
