"""Whether `tools`, `tool_choice` and `parallel_tool_calls` are honoured: which tool, how many calls, or none."""

from collections.abc import Iterator
from typing import Any

from conformance.apis.chat import fragments, span_of
from conformance.apis.errors import quoted
from conformance.apis.response_content import response_content
from conformance.apis.tools import calls, offered, required_name, tool_call_in_text, wrong_tool_calls
from conformance.field_support.effects import effects
from conformance.model.exchange import Exchange
from conformance.model.verdict import MUST, SHOULD, Finding, NotJudged, not_applicable
from conformance.model.words import CONVERSATIONAL
from conformance.parsing.json_values import Object, display
from conformance.rules.example import HELLO, answered, chunk, completion, streamed
from conformance.rules.rsp.example import CALL as FUNCTION_CALL
from conformance.rules.rsp.example import response
from conformance.rules.shared_checks import is_truncated_object
from conformance.rules.tool.conditions import alone, chosen_freely, free_calls, named_to_the_end, talking, uncallable
from conformance.rules.tool.example import CHOICE, TOOLS, TWO_CALLS, called, calling, first_fragment, later_fragment
from conformance.rules.tool.shape import at_call, tool_rule

NONE = TOOLS | {"tool_choice": "none"}
OTHER = TOOLS | {"tool_choice": {"type": "function", "function": {"name": "g"}}}
TOOL: Object = {"type": "function", "name": "f", "parameters": {"type": "object"}}
OTHER_TOOL = TOOL | {"name": "g"}
ADDED: Object = {"type": "additional_tools", "role": "developer", "tools": [TOOL]}
SINGLE_CALL = TOOLS | {"parallel_tool_calls": False}


@tool_rule(
    "TOOL020",
    MUST,
    "No tool is called if tool_choice is none, or the request has no tools",
    spec=CHOICE,
    fix="Do not parse tool calls from the model's output if tool_choice is none, or the request has no tools.",
    applies_to=uncallable,
    needs=("headers", "request"),
    apis=CONVERSATIONAL,
    good=[streamed(*HELLO), answered(completion(), body=NONE)],
    bad=[
        calling(first_fragment(), later_fragment("{}"), body=NONE),
        called(first_fragment(arguments="{}"), body={"tools": []}),
    ],
)
def forbidden_call(x: Exchange) -> Iterator[Finding]:
    """The client does not expect a tool call in this turn: the turn ends without content, or a tool runs twice."""
    why = "although tool_choice is none" if offered(x) else "although the request has no tools"
    for _, call in calls(x):
        yield Finding(f"the tool {display(call.name)} is called {why}", at=at_call(x))


@tool_rule(
    "TOOL021",
    MUST,
    "A tool_choice that names a tool is honoured or rejected",
    spec=CHOICE,
    fix="Constrain the model to call the tool that tool_choice names, or reject that value with 400.",
    applies_to=named_to_the_end,
    needs=("headers",),
    apis=CONVERSATIONAL,
    good=[
        calling(first_fragment("g"), later_fragment("{}"), body=OTHER),
        called(first_fragment("g", "{}"), finish="stop", body=OTHER),
    ],
    bad=[
        calling(first_fragment(), later_fragment("{}"), body=OTHER),
        called(first_fragment(arguments="{}"), body=OTHER),
        answered(completion(), body=OTHER),
        streamed(*HELLO, body=OTHER),
    ],
)
def named_choice_dropped(x: Exchange) -> Iterator[Finding]:
    """Frameworks get structured output by naming one tool: on text they crash, and another tool's arguments are worse."""
    wanted = required_name(x)
    for call in wrong_tool_calls(x):
        yield Finding(
            f"tool_choice names {display(wanted)}, but the tool {display(call.name)} is called", at=at_call(x)
        )
    if not effects(x).calls:
        yield Finding(
            f"tool_choice names {display(wanted)}, but no tool is called: the field was silently ignored", at=span_of(x)
        )


@tool_rule(
    "TOOL022",
    MUST,
    "parallel_tool_calls: false (or its equivalent) is honoured or rejected",
    spec="https://platform.openai.com/docs/api-reference/chat/create#chat-create-parallel_tool_calls",
    fix="End the response after its first tool call, or list the field in the response header X-Ignored-Params; frameworks always send it.",
    applies_to=alone,
    needs=("headers",),
    apis=CONVERSATIONAL,
    good=[
        calling(first_fragment(), later_fragment("{}"), body=SINGLE_CALL),
        called(first_fragment(arguments="{}"), body=SINGLE_CALL),
    ],
    bad=[
        calling(*TWO_CALLS, body=SINGLE_CALL),
        called(first_fragment(), first_fragment("g", id="call_2"), body=SINGLE_CALL),
    ],
)
def several_calls_in_place_of_one(x: Exchange) -> Iterator[Finding]:
    """Agents that confirm each call, or run one tool at a time, drop the second call or run it unconfirmed."""
    for choice in response_content(x).choices:
        if len(choice.calls) > 1:
            last = [fragment for fragment in fragments(x) if fragment.choice == choice.index][-1:]
            field = "disable_parallel_tool_use: true" if x.api == "messages" else "parallel_tool_calls: false"
            seen = f"`{field}` was silently ignored: the response has {len(choice.calls)} tool calls"
            yield Finding(seen, at=span_of(x, *last))


@tool_rule(
    "TOOL023",
    SHOULD,
    "Every tool call names a tool of the request",
    spec=CHOICE,
    fix="Send the name as it is in the request's tools, without a prefix or number added by the chat template.",
    applies_to=free_calls,
    needs=("request",),
    apis=CONVERSATIONAL,
    good=[
        calling(*TWO_CALLS, body=TOOLS),
        called(first_fragment(arguments="{}"), body=TOOLS),
        response(output=[FUNCTION_CALL], body_fields={"tools": [OTHER_TOOL], "input": [ADDED]}),
        response(output=[FUNCTION_CALL], body_fields={"tools": [{"type": "namespace", "name": "n", "tools": [TOOL]}]}),
    ],
    bad=[
        response(output=[FUNCTION_CALL], body_fields={"tools": [OTHER_TOOL], "input": "Hi"}),
        calling(first_fragment("functions.f"), later_fragment("{}"), body=TOOLS),
        called(first_fragment("F", "{}"), body=TOOLS | {"tool_choice": "required"}),
    ],
)
def invented_tool(x: Exchange) -> Iterator[Finding]:
    """The agent has no such tool: it reports that to the model and pays for another turn, or raises an exception."""
    for _, call in calls(x):
        if call.name and call.name not in offered(x):
            names = ", ".join(display(name) for name in list(offered(x))[:5])
            yield Finding(
                f"the tool {display(call.name)} is called, which is not in the request's tools",
                at=at_call(x),
                expected=f"one of {names}",
            )


FREE: dict[str, Any] = {"probe": "chat.tools.auto", "body": TOOLS}
CALLED = called(first_fragment(arguments="{}"), **FREE)


@tool_rule(
    "TOOL031",
    SHOULD,
    "If the model may choose, a stream has a tool call if the non-streaming response has one",
    spec=CHOICE,
    fix="Parse tool calls from the model's output in one place, streaming or not, whatever tool_choice is.",
    applies_to=chosen_freely,
    apis=CONVERSATIONAL,
    modes=("stream",),
    good=[(calling(first_fragment(), later_fragment("{}"), **FREE), CALLED)],
    bad=[(streamed(*HELLO, **FREE), CALLED)],
)
def call_in_one_mode(stream: Exchange, unary: Exchange) -> Iterator[Finding | NotJudged]:
    """A parser that works in one mode only: agents stream, so no tool is ever run.

    A model may decide otherwise the second time, so it is no MUST; CMP014 reports a stream with nothing at all.
    """
    called = next((call for _, call in calls(unary)), None)
    if skip := chosen_freely(unary):
        yield skip
    elif not called:
        yield not_applicable("the non-streaming response has no tool call")
    elif not any(True for _ in calls(stream)):
        seen = f"the stream has no tool call, but the same non-streaming request gets a call of {display(called.name)}"
        yield Finding(seen, at=span_of(stream))


MARKED = '<tool_call>\n{"name": "f", "arguments": {}}\n</tool_call>'


@tool_rule(
    "TOOL024",
    MUST,
    "A tool call is not sent as text in the content",
    fix="Use the tool call parser that matches the model's chat template, and send tool calls in their own field only.",
    applies_to=talking,
    apis=CONVERSATIONAL,
    good=[
        calling(first_fragment(), later_fragment("{}"), body=TOOLS),
        answered(completion(), body=TOOLS),
        answered(completion({"content": "I call f now."}), body=TOOLS),
    ],
    bad=[
        answered(completion({"content": MARKED}), body=TOOLS),
        answered(completion({"content": MARKED}, "length"), body=TOOLS),
        answered(completion({"content": '```json\n{"name": "f", "parameters": {}}\n```'}), body=TOOLS),
        answered(completion({"content": "[TOOL_CALLS]f{}"}), body=TOOLS),
        streamed(
            chunk({"content": "<tool_call>"}), chunk({"tool_calls": [first_fragment(arguments="{}")]}), body=TOOLS
        ),
    ],
)
def call_as_text(x: Exchange) -> Iterator[Finding | NotJudged]:
    """The user sees the call as text, and no tool is run: the agent treats it as the final content.

    Of a call that the token cap cut off, no client would run a tool.
    """
    text = tool_call_in_text(x)
    if text and effects(x).is_cut and is_truncated_object(text[text.find("{") :]):
        yield not_applicable("the call is incomplete, for example truncated by its token cap")
    elif text:
        yield Finding(f"the content contains a tool call as text: {quoted(text)}", at=span_of(x))
