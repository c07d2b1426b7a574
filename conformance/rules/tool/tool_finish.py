"""Whether `tool_calls` and the finish_reason agree."""

from collections.abc import Iterator

from conformance.apis.chat import chat_content, span_of
from conformance.apis.request import request_body
from conformance.model.exchange import Exchange
from conformance.model.verdict import MAY, MUST, SHOULD, Finding
from conformance.parsing.json_values import display
from conformance.rules.example import answered, chunk, streamed
from conformance.rules.example import completion as whole
from conformance.rules.shared_checks import calls_with_reason, reason_without_calls
from conformance.rules.tool.conditions import called_to_the_end, mentioned, says_tool_calls
from conformance.rules.tool.example import (
    CUSTOM,
    NAMED,
    PARALLEL,
    PLAIN,
    STREAM,
    WHOLE,
    called,
    calling,
    first_fragment,
    later_fragment,
)
from conformance.rules.tool.shape import mentions, tool_rule


@tool_rule(
    "TOOL001",
    MUST,
    "tool_calls is a list of objects",
    fix="Send tool_calls as a list, one object per call or fragment; omit it if no tool is called.",
    applies_to=mentioned,
    good=[STREAM, PARALLEL, WHOLE, CUSTOM, PLAIN],
    bad=[
        streamed(chunk({"tool_calls": first_fragment()})),
        streamed(chunk({"tool_calls": "f()"})),
        calling(None),
        answered(whole({"tool_calls": first_fragment()})),
        called("f()"),
    ],
)
def calls_no_list(x: Exchange) -> Iterator[Finding]:
    """Clients iterate over the list: on anything else they crash, or run nothing."""
    for at, value in mentions(x):
        if not isinstance(value, list):
            yield Finding(f"tool_calls is {display(value)}", at=span_of(x, at), expected="a list")
        elif not all(isinstance(call, dict) for call in value):
            yield Finding("an entry of tool_calls is not an object", at=span_of(x, at))


@tool_rule(
    "TOOL034",
    MAY,
    "Without a tool call, tool_calls is omitted or null, not an empty list",
    fix="Omit tool_calls if no tool is called.",
    applies_to=mentioned,
    good=[STREAM, PARALLEL, WHOLE, CUSTOM],
    bad=[
        streamed(chunk({"content": "Hi", "tool_calls": []})),
        answered(whole({"content": "Hi", "tool_calls": []})),
    ],
)
def no_calls_listed(x: Exchange) -> Iterator[Finding]:
    """OpenAI's API rejects a history with an empty list, so that an agent can't move its session to another vendor."""
    for at, value in mentions(x):
        if value == []:
            yield Finding("tool_calls is an empty list", at=span_of(x, at), expected="no tool_calls")
            return


@tool_rule(
    "TOOL011",
    MUST,
    "A response with tool calls has finish_reason tool_calls, not stop",
    fix="Set finish_reason to tool_calls if the choice contains tool calls.",
    applies_to=called_to_the_end,
    needs=("request",),
    good=[
        STREAM,
        PARALLEL,
        WHOLE,
        calling(first_fragment(), later_fragment("{}"), finish="stop", body=NAMED),
        calling(first_fragment(), later_fragment("{"), finish="length"),
    ],
    bad=[
        calling(first_fragment(), later_fragment("{}"), finish="stop"),
        called(first_fragment(arguments="{}"), finish="stop"),
        streamed(
            chunk({"tool_calls": [first_fragment(arguments="{}")]}),
            chunk(finish="tool_calls"),
            chunk(finish="stop"),
            "[DONE]",
        ),
    ],
)
def stop_in_place_of_tool_calls(x: Exchange) -> Iterator[Finding]:
    """Agent loops continue only while finish_reason is tool_calls: the run ends, and the tool is never run.

    Of several reasons clients keep the last. Exception: if tool_choice names a tool, OpenAI's API itself sends `stop`.
    """
    if isinstance(request_body(x).get("tool_choice"), dict):
        return
    yield from calls_with_reason(x, "finish_reason", "stop")


@tool_rule(
    "TOOL019",
    SHOULD,
    "A response with tool calls does not have finish_reason function_call",
    fix="Set finish_reason to tool_calls; function_call belongs to the deprecated field of that name.",
    applies_to=called_to_the_end,
    good=[STREAM, PARALLEL, WHOLE],
    bad=[
        calling(first_fragment(), later_fragment("{}"), finish="function_call"),
        called(first_fragment(arguments="{}"), finish="function_call"),
    ],
)
def function_call_in_place_of_tool_calls(x: Exchange) -> Iterator[Finding]:
    """Agent loops continue only while finish_reason is tool_calls; function_call refers them to a field that is missing."""
    yield from calls_with_reason(x, "finish_reason", "function_call")


@tool_rule(
    "TOOL012",
    MUST,
    "A response with finish_reason tool_calls contains tool calls",
    fix="Send the calls before the finish_reason, in tool_calls (not as text, and not in function_call).",
    applies_to=says_tool_calls,
    good=[STREAM, PARALLEL, WHOLE],
    bad=[
        streamed(chunk({"content": "f()"}), chunk(finish="tool_calls"), "[DONE]"),
        answered(whole(finish="tool_calls")),
    ],
)
def tool_calls_lost(x: Exchange) -> Iterator[Finding]:
    """The agent finds no tool to run: the turn ends empty, or the request is sent and billed again."""
    if any(True for at, value in mentions(x) if value and not isinstance(value, list)):
        return
    ended = (choice for choice in chat_content(x).choices if "tool_calls" in choice.finishes)
    yield from reason_without_calls(x, ended, "finish_reason", "tool_calls")
