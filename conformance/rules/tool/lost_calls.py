"""Tool calls that the model made, and that one of the two modes lost."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from conformance.apis.chat import span_of
from conformance.apis.content import ToolCall
from conformance.apis.response_content import response_content
from conformance.apis.tools import calls
from conformance.apis.usage import usage
from conformance.field_support.effects import effects, unreadable_reason
from conformance.model.case import Kind
from conformance.model.exchange import Exchange
from conformance.model.verdict import MUST, OUT_OF_SCOPE, Finding, NotJudged, not_applicable, untestable
from conformance.model.words import CONVERSATIONAL
from conformance.parsing.json_text import NOT_JSON, parse_json
from conformance.parsing.json_values import display
from conformance.rules.conditions_by_api import finished
from conformance.rules.example import chunk, streamed
from conformance.rules.tool.example import CHOICE, TOOLS, called, first_fragment
from conformance.rules.tool.shape import tool_rule

LENGTH_OF_A_TOKEN: Final = 4
"""Characters: a call has at least as many tokens as its arguments have runs of that length, and its name's besides."""
MODE: Final = {"stream": "stream", "unary": "non-streaming response"}


def _called_to_the_end(x: Exchange) -> NotJudged | None:
    """A complete response to a test request that offers tools."""
    if x.case.kind is not Kind.TOOLS:
        return OUT_OF_SCOPE
    if skip := finished(x):
        return skip
    if fault := unreadable_reason(x):
        return untestable(fault)
    if effects(x).is_cut:
        return not_applicable("the response is incomplete, for example truncated by its token cap")
    return None if any(True for _ in calls(x)) else not_applicable("no tool was called")


def _comparable(call: ToolCall) -> tuple[str, Any]:
    """The name of a call, and its parsed arguments, so that JSON formatting does not matter."""
    value = parse_json(call.arguments.encode("utf-8", "replace"))
    return call.name, call.arguments if value is NOT_JSON else value


def _missing(fewer: list[ToolCall], more: list[ToolCall]) -> list[ToolCall] | None:
    """The calls of `more` that `fewer` lacks; None if `fewer` has another call."""
    left = list(more)
    for call in fewer:
        same = next((other for other in left if _comparable(other) == _comparable(call)), None)
        if same is None:
            return None
        left.remove(same)
    return left


def _texts(x: Exchange) -> list[str]:
    return [f"{choice.reasoning}{choice.text}" for choice in response_content(x).choices]


def _fewest_tokens(found: Iterable[ToolCall], texts: Iterable[str] = ()) -> int:
    """As many tokens as calls and texts have at least."""
    return sum(map(len, (*(call.arguments for call in found), *texts))) // LENGTH_OF_A_TOKEN


FREE: dict[str, Any] = {"probe": "chat.tools.auto", "body": TOOLS}
OSLO = first_fragment(arguments='{"city": "Oslo"}')
ROME = first_fragment(arguments='{"city": "Rome"}', index=1, id="call_2")


def stream_of(*found: Any, tokens: int = 8) -> Exchange:
    """A stream with these calls, for which usage counts these tokens."""
    spent = {"prompt_tokens": 3, "completion_tokens": tokens, "total_tokens": tokens + 3}
    deltas = [chunk({"tool_calls": [fragment]}) for fragment in found]
    return streamed(*deltas, chunk(finish="tool_calls"), chunk(choices=[], usage=spent), "[DONE]", **FREE)


@tool_rule(
    "TOOL036",
    MUST,
    "No tool call is lost in one of the two modes",
    spec=CHOICE,
    fix="Collect all calls of the model's output in one place, streaming or not, and send each with its own index.",
    applies_to=_called_to_the_end,
    apis=CONVERSATIONAL,
    good=[
        (stream_of(OSLO, ROME), called(OSLO, ROME, **FREE)),
        (stream_of(OSLO, tokens=4), called(OSLO, ROME, **FREE)),
        (stream_of(ROME), called(OSLO, **FREE)),
    ],
    bad=[
        (stream_of(OSLO), called(OSLO, ROME, **FREE)),
        (stream_of(OSLO, ROME), called(ROME, **FREE)),
    ],
)
def call_lost(stream: Exchange, unary: Exchange) -> Iterator[Finding | NotJudged]:
    """The agent runs a part of what the model decided, and the next turn is about a result that never comes.

    A model may call fewer tools the second time; but then usage counts fewer tokens.
    """
    late, whole = ([call for _, call in calls(x)] for x in (stream, unary))
    x, other = (stream, unary) if len(late) < len(whole) else (unary, stream)
    fewer, more = (late, whole) if x is stream else (whole, late)
    lost = _missing(fewer, more)
    mine, theirs = usage(x), usage(other)
    if not lost:
        return
    if not (mine and theirs):
        yield untestable("no usage shows whether the model made fewer calls")
    elif mine.reasoning or theirs.reasoning or _texts(x) != _texts(other):
        yield untestable("the response has other text, which may have the tokens of the missing call")
    elif theirs.completion < _fewest_tokens(more, _texts(other)):
        yield untestable("usage does not count the tokens of tool calls")
    elif theirs.completion - mine.completion < _fewest_tokens(lost):
        seen = f"the {MODE[x.mode]} lacks the call {display(lost[0].name)}({lost[0].arguments[:60]})"
        yield Finding(f"{seen}, but usage counts {mine.completion} tokens for it, as if it were there", at=span_of(x))
