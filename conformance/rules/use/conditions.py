"""Conditions under which a rule on usage applies, and where usage is located."""

from conformance.apis.chat import span_of
from conformance.apis.request import request_body
from conformance.apis.request_fields import adds_content, echoes, requested_cap, requested_choices
from conformance.apis.response_content import response_content
from conformance.apis.usage import Report, reports, usage
from conformance.model.exchange import Exchange, Span
from conformance.model.verdict import OUT_OF_SCOPE, NotJudged, not_applicable, untestable
from conformance.parsing.json_values import as_object
from conformance.parsing.sse import DONE, payloads
from conformance.rules.chk.conditions import chunked, in_chunks
from conformance.rules.chk.conditions import ended as streamed_to_the_end
from conformance.rules.conditions import DOCUMENTED, probe_is
from conformance.rules.conditions_by_api import has_content
from conformance.rules.shared_checks import is_cumulative

REFERENCES = (
    *("previous_response_id", "conversation", "container", "mcp_servers"),
    *("web_search_options", "search_settings", "plugins"),
)
"""Request fields that bring more into the prompt than the request's own text, as does an object in `prompt`."""
SMALL = 64
"""Tokens; no server's own limit on a completion, and no model's context, is this small."""
EXECUTED = frozenset(("executed_tools",))
"""The fields of a chat message that has what the server's own tools did."""
SENT_TO_CLIENT = frozenset(("custom_tool_call",))
"""Items of Responses, besides function calls, that ask the client to run a tool."""


def counted(x: Exchange) -> NotJudged | None:
    """The response has usage."""
    return has_content(x) or (None if reports(x) else not_applicable("the response has no usage"))


def counted_well(x: Exchange) -> NotJudged | None:
    """The response has usage with valid counts."""
    return counted(x) or (None if usage(x) else untestable("the usage has no valid counts (see USE002)"))


def usage_requested(x: Exchange) -> NotJudged | None:
    """A complete stream whose request sets include_usage.

    "If the stream is interrupted, you may not receive the final usage chunk": then usage is not required.
    """
    if skip := streamed_to_the_end(x):
        return skip
    if DONE not in payloads(x) and not any(choice.finishes for choice in response_content(x).choices):
        return untestable("the stream was truncated")
    is_set = as_object(request_body(x).get("stream_options")).get("include_usage") is True
    return None if is_set else not_applicable("the request does not set stream_options.include_usage")


def usage_not_requested(x: Exchange) -> NotJudged | None:
    """A stream of chunks was received, and the request does not ask for usage."""
    if skip := chunked(x):
        return skip
    is_set = as_object(request_body(x).get("stream_options")).get("include_usage")
    return not_applicable("the request sets stream_options.include_usage") if is_set else None


def requested_usage_sent(x: Exchange) -> NotJudged | None:
    """As usage_requested, and the stream has usage."""
    return usage_requested(x) or (None if reports(x) else untestable("the stream has no usage (see USE001)"))


def requested_usage_in_chunks(x: Exchange) -> NotJudged | None:
    """As requested_usage_sent, and the response consists of chunks."""
    return requested_usage_sent(x) or in_chunks(x)


def has_one_model_call(x: Exchange) -> NotJudged | None:
    """As counted_well, and the text sent and received is what the model read and wrote.

    A server that runs tools of its own, or compacts the conversation, calls the model several times on other texts.
    """
    if skip := counted_well(x):
        return skip
    if echoes(x):
        return not_applicable("the request sets `echo`: the text has the prompt, too")
    added = {name for choice in response_content(x).choices for name in choice.other} - SENT_TO_CLIENT
    if x.api == "chat":
        added &= EXECUTED
    what = f"the response has {min(added)}: its usage counts other text than it shows" if added else ""
    return not_applicable(what) if added else None


def counted_once(x: Exchange) -> NotJudged | None:
    """As has_one_model_call, and the deltas are not cumulative (CHK021 reports those)."""
    if skip := has_one_model_call(x):
        return skip
    return (
        untestable("deltas repeat the earlier text") if any(map(is_cumulative, response_content(x).choices)) else None
    )


def bounded(x: Exchange) -> NotJudged | None:
    """The response has usage, and all that its prompt can be made of is in the request, as text."""
    if skip := counted_well(x):
        return skip
    body = request_body(x)
    is_stored = isinstance(body.get("prompt"), dict)
    if is_stored or any(body.get(name) for name in REFERENCES):
        return not_applicable("the request refers to content that is stored elsewhere")
    return (
        not_applicable("the request has content other than text, or tools of the vendor") if adds_content(x) else None
    )


def capped(x: Exchange) -> NotJudged | None:
    """The request sets a token cap, and the response has usage."""
    return counted_well(x) or (None if requested_cap(x) else not_applicable("the request sets no token cap"))


def usage_sent_again(x: Exchange) -> NotJudged | None:
    """The stream has usage more than once."""
    if skip := chunked(x):
        return skip
    return None if len(reports(x)) > 1 else not_applicable("the stream has usage at most once")


def cut(x: Exchange) -> NotJudged | None:
    """Every choice has finish_reason length, at a token cap too small for another cause, and the response has usage."""
    if not 0 < requested_cap(x) <= SMALL:
        return OUT_OF_SCOPE
    if skip := probe_is(*DOCUMENTED)(x) or counted_well(x):
        return skip
    choices = response_content(x).choices
    if not choices or any(choice.end != "length" for choice in choices) or len(choices) != requested_choices(x):
        return not_applicable("the response was not truncated by its token cap")
    spent = usage(x)
    return None if spent and spent.completion else untestable("usage counts 0 completion tokens")


def at(x: Exchange, report: Report) -> Span:
    """The bytes of this usage."""
    return span_of(x, report.event)
