"""Conditions under which a rule on tool calls applies."""

from conformance.apis.chat import fragments, is_shaped
from conformance.apis.request_fields import requested_cap, requested_choices
from conformance.apis.response_content import response_content
from conformance.apis.specs import conversation
from conformance.apis.tools import allows_one_call, calls, offered, tool_choice_mode
from conformance.apis.usage import usage
from conformance.field_support.capability import warned
from conformance.field_support.effects import effects, unreadable_reason
from conformance.field_support.readers import is_text_to_the_cap
from conformance.model.case import Kind
from conformance.model.exchange import Exchange
from conformance.model.verdict import OUT_OF_SCOPE, NotJudged, not_applicable, untestable
from conformance.rules.chk.conditions import unbroken
from conformance.rules.conditions_by_api import by_api, finished, has_distinct_choices
from conformance.rules.tool.shape import has_odd_arguments, mentions, other_ids, repeated_arguments, stray_fragments


def mentioned(x: Exchange) -> NotJudged | None:
    """The response has the field `tool_calls`."""
    return has_distinct_choices(x) or (None if any(True for _ in mentions(x)) else not_applicable("no tool was called"))


def called_some(x: Exchange) -> NotJudged | None:
    """The response has tool calls."""
    found = any(isinstance(fragment.value, dict) for fragment in fragments(x))
    return has_distinct_choices(x) or (None if found else not_applicable("no tool was called"))


def unlost_calls(x: Exchange) -> NotJudged | None:
    """The response has tool calls, and none of their fragments was lost."""
    return called_some(x) or (unbroken(x) if x.mode == "stream" else None)


def known_calls(x: Exchange) -> NotJudged | None:
    """As unlost_calls, and the fragments can be joined to calls (otherwise TOOL015 reports it)."""
    if skip := unlost_calls(x):
        return skip
    return untestable("a tool call changes its index (see TOOL015)") if any(True for _ in stray_fragments(x)) else None


def _called(x: Exchange) -> NotJudged | None:
    return has_distinct_choices(x) or (None if any(True for _ in calls(x)) else not_applicable("no tool was called"))


has_distinct_calls = by_api({"chat": known_calls, "messages": _called, "responses": _called})
"""The response, of any API, has tool calls that can be distinguished."""


def called_to_the_end(x: Exchange) -> NotJudged | None:
    """The response is complete and has tool calls."""
    return called_some(x) or finished(x)


def joinable_calls(x: Exchange) -> NotJudged | None:
    """The response is complete and has function calls whose arguments can be joined."""
    if skip := called_to_the_end(x) or known_calls(x):
        return skip
    if any(isinstance(f.value, dict) and has_odd_arguments(f) for f in fragments(x)) or any(True for _ in other_ids(x)):
        return untestable("the arguments of a tool call can't be joined (see TOOL007, TOOL009)")
    return None


def complete_calls(x: Exchange) -> NotJudged | None:
    """As joinable_calls, and no arguments were repeated (otherwise TOOL017 reports it)."""
    if skip := joinable_calls(x):
        return skip
    return (
        untestable("arguments of a tool call were repeated (see TOOL017)")
        if any(True for _ in repeated_arguments(x))
        else None
    )


def capped_call(x: Exchange) -> NotJudged | None:
    """A single choice has tool calls, and its usage shows that it reached the request's token cap."""
    if skip := complete_calls(x):
        return skip
    spent, cap = usage(x), requested_cap(x)
    if not cap or requested_choices(x) > 1:
        return not_applicable("the request sets no token cap, or requests several choices")
    if spent is None:
        return untestable("no usage shows whether the token cap was reached")
    return None if spent.completion >= cap else not_applicable("the response stayed under the token cap")


def uncapped_calls(x: Exchange) -> NotJudged | None:
    """As complete_calls, and the completion did not reach the token cap (TOOL014 judges those)."""
    if skip := complete_calls(x):
        return skip
    return None if capped_call(x) else not_applicable("the response reached the token cap (see TOOL014)")


def says_tool_calls(x: Exchange) -> NotJudged | None:
    """The response is complete with finish_reason `tool_calls`."""
    if skip := finished(x):
        return skip
    if not is_shaped(x):
        return untestable("the content of the choices can't be read")
    has_reason = any("tool_calls" in choice.finishes for choice in response_content(x).choices)
    return None if has_reason else not_applicable("finish_reason is not tool_calls")


def uncallable(x: Exchange) -> NotJudged | None:
    """A response to a request that allows no tool calls."""
    if skip := has_distinct_choices(x):
        return skip
    if tool_choice_mode(x) != "none":
        return not_applicable("the request allows tool calls")
    return _unannounced(x, "tool_choice") if offered(x) else None


def named(x: Exchange) -> NotJudged | None:
    """A readable response to a request whose tool_choice names a tool."""
    if skip := has_distinct_choices(x):
        return skip
    if tool_choice_mode(x) != "named":
        return not_applicable("tool_choice names no tool")
    return _unannounced(x, "tool_choice") or (untestable(fault) if (fault := unreadable_reason(x)) else None)


def named_to_the_end(x: Exchange) -> NotJudged | None:
    """As named, and the response has a tool call, or is complete or plain text without one (TOOL012: a lost call)."""
    if skip := named(x):
        return skip
    seen = effects(x)
    is_lost = seen.is_cut or "tool_calls" in seen.finishes.values()
    if not seen.calls and is_lost and not is_text_to_the_cap(x):
        return untestable("the response ended before a tool call, or the call was lost (see TOOL012)")
    return None


def alone(x: Exchange) -> NotJudged | None:
    """The response has tool calls that can be distinguished, to a request that allows one."""
    if skip := has_distinct_calls(x):
        return skip
    return (
        _unannounced(x, conversation(x.api).single_call)
        if allows_one_call(x)
        else not_applicable("the request allows several tool calls")
    )


def free_calls(x: Exchange) -> NotJudged | None:
    """The response has complete tool calls, to a request that leaves the choice of tool to the model."""
    if skip := has_distinct_calls(x):
        return skip
    return (
        None
        if tool_choice_mode(x) in ("auto", "required") and offered(x)
        else not_applicable("the request does not leave the choice of tool to the model")
    )


def chosen_freely(x: Exchange) -> NotJudged | None:
    """A complete response to a test request that offers tools, and leaves to the model whether one is called."""
    if x.case.kind is not Kind.TOOLS:
        return OUT_OF_SCOPE
    if skip := finished(x):
        return skip
    if tool_choice_mode(x) != "auto" or not offered(x):
        return not_applicable("the request does not leave to the model whether a tool is called")
    if fault := unreadable_reason(x):
        return untestable(fault)
    lost = effects(x).is_cut or "tool_calls" in effects(x).finishes.values()
    return untestable("the response was truncated, or its call was lost") if lost and not effects(x).calls else None


def talking(x: Exchange) -> NotJudged | None:
    """A response to a request that allows tool calls."""
    if skip := has_distinct_choices(x):
        return skip
    allowed = tool_choice_mode(x) in ("auto", "required", "named") and offered(x)
    return None if allowed else not_applicable("the request allows no tool call")


def _uncut(x: Exchange) -> NotJudged | None:
    if skip := finished(x) or has_distinct_calls(x):
        return skip
    return (
        not_applicable("the response is incomplete, for example truncated by its token cap")
        if effects(x).is_cut
        else None
    )


uncut_calls = by_api({"chat": uncapped_calls, "messages": _uncut, "responses": _uncut})
"""The response, of any API, is complete, has tool calls, and did not reach the token cap."""


def _unannounced(x: Exchange, name: str) -> NotJudged | None:
    """The target does not announce that it ignores the field."""
    return not_applicable(f"the target announces that it ignores `{name}`") if warned(x, name) else None
