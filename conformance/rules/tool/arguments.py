"""The arguments of a tool call."""

from collections.abc import Iterator

from conformance.apis.chat import Fragment, chat_content, fragments, span_of
from conformance.apis.content import ToolCall
from conformance.apis.tools import calls
from conformance.model.exchange import Exchange
from conformance.model.verdict import MUST, SHOULD, Finding
from conformance.parsing.json_values import describe_member, display
from conformance.rules.example import as_json
from conformance.rules.shared_checks import (
    arguments_not_object,
    is_encoded_twice,
    is_object,
    is_truncated_object,
    objects_in_a_row,
)
from conformance.rules.tool.conditions import called_some, capped_call, uncapped_calls, uncut_calls
from conformance.rules.tool.example import (
    CUSTOM,
    PARALLEL,
    STREAM,
    VENDOR,
    WHOLE,
    called,
    calling,
    first_fragment,
    later_fragment,
)
from conformance.rules.tool.shape import (
    function_of,
    has_odd_arguments,
    is_function_call,
    joined_calls,
    tool_rule,
)


@tool_rule(
    "TOOL007",
    MUST,
    "The arguments of a tool call are a string",
    fix="Send the arguments as JSON text inside a string, not as an object.",
    applies_to=called_some,
    good=[STREAM, PARALLEL, VENDOR, WHOLE, CUSTOM],
    bad=[
        calling(first_fragment(arguments={"city": "Oslo"})),
        calling(first_fragment(), later_fragment(7)),
        called(first_fragment(arguments={})),
        called(first_fragment(arguments=None)),
    ],
)
def arguments_no_string(x: Exchange) -> Iterator[Finding]:
    """Clients join the pieces as text: the OpenAI SDKs raise an exception, others run the tool with empty arguments."""
    for fragment in fragments(x):
        if isinstance(fragment.value, dict) and has_odd_arguments(fragment):
            yield Finding(
                f"a tool call has {describe_member(function_of(fragment), 'arguments')}",
                at=span_of(x, fragment),
                expected="a string",
            )


def _function_calls(x: Exchange) -> Iterator[tuple[ToolCall, Fragment]]:
    """The calls whose arguments are JSON, each with its last fragment."""
    return ((call, found[-1]) for call, found in joined_calls(x) if is_function_call(call))


def _finish(x: Exchange, slot: int) -> str:
    return next((choice.finish for choice in chat_content(x).choices if choice.index == slot), "")


@tool_rule(
    "TOOL008",
    SHOULD,
    "The arguments of a finished tool call are one JSON object",
    fix="Send every piece of the arguments once and in order, and {} if a function takes none.",
    applies_to=uncapped_calls,
    good=[
        STREAM,
        PARALLEL,
        VENDOR,
        WHOLE,
        CUSTOM,
        calling(first_fragment(), later_fragment('{"city'), finish="length"),
    ],
    bad=[
        calling(first_fragment(), later_fragment('{"city')),
        called(first_fragment(arguments="")),
        called(first_fragment(arguments="{}{}")),
        called(first_fragment(arguments="0")),
    ],
)
def arguments_are_not_json(x: Exchange) -> Iterator[Finding]:
    """The specification permits invalid JSON from the model, but agents run tools with what they can parse: nothing, or half."""
    yield from arguments_not_object(x, (call for call, _ in _finished_calls(x)))


def _finished_calls(x: Exchange) -> Iterator[tuple[ToolCall, Fragment]]:
    """The function calls, each with its last fragment, whose choice was neither cut nor filtered."""
    return (
        found for found in _function_calls(x) if _finish(x, found[1].choice) not in ("", "length", "content_filter")
    )


def _finished(x: Exchange) -> Iterator[ToolCall]:
    """The function calls of a complete response, of any API."""
    return (call for call, _ in _finished_calls(x)) if x.api == "chat" else (call for _, call in calls(x))


@tool_rule(
    "TOOL033",
    MUST,
    "The arguments of a finished tool call are not truncated",
    fix="Send every piece of the arguments before the end, from the parser's buffer too; at the token cap, report that it cut them off.",
    applies_to=uncut_calls,
    apis=("chat", "responses"),
    good=[
        STREAM,
        PARALLEL,
        WHOLE,
        CUSTOM,
        calling(first_fragment(), later_fragment('{"city'), finish="length"),
        calling(first_fragment(), later_fragment('{"city": Oslo}')),
    ],
    bad=[
        calling(first_fragment(), later_fragment('{"city')),
        calling(first_fragment(), later_fragment('{"city": "Oslo"')),
        called(first_fragment(arguments='{"city": ["Oslo"')),
    ],
)
def arguments_cut(x: Exchange) -> Iterator[Finding]:
    """Agents treat the call as complete: they run the tool with half of its arguments, or fail. MSG016 judges Messages."""
    for call in _finished(x):
        if is_truncated_object(call.arguments):
            seen = f"the arguments of {display(call.name)} are truncated, though the response is complete"
            yield Finding(f"{seen}: {display(call.arguments)}", at=span_of(x, call.last))


@tool_rule(
    "TOOL035",
    MUST,
    "The arguments of a finished tool call are not encoded twice, and not those of several calls",
    fix="Encode the arguments as JSON once, also if the model writes them as a string, and give each call its own entry.",
    applies_to=uncut_calls,
    apis=("chat", "responses"),
    good=[STREAM, PARALLEL, WHOLE, CUSTOM, called(first_fragment(arguments='{"city": "{}"}'))],
    bad=[
        called(first_fragment(arguments=as_json('{"city": "Oslo"}'))),
        calling(first_fragment(), later_fragment('"{'), later_fragment('}"')),
        calling(first_fragment(), later_fragment('{"city": "Oslo"}'), later_fragment('{"city": "Rome"}')),
        called(first_fragment(arguments='{"city": "Oslo"} {"city": "Rome"}')),
    ],
)
def arguments_of_another_form(x: Exchange) -> Iterator[Finding]:
    """Every client parses the arguments once: it gets a string in place of an object, or an error, and runs no tool.

    A model may write invalid JSON (see TOOL008), but well-formed objects in a wrong frame are the server's to unpack.
    MSG015 and MSG016 judge Messages.
    """
    for call in _finished(x):
        if is_encoded_twice(call.arguments):
            seen = f"the arguments of {display(call.name)} are encoded twice: {display(call.arguments)}"
            yield Finding(seen, at=span_of(x, call.last), expected="the text of a JSON object")
        elif (count := objects_in_a_row(call.arguments)) > 1:
            seen = f"the arguments of {display(call.name)} are {count} JSON objects: {display(call.arguments)}"
            yield Finding(seen, at=span_of(x, call.last), expected="one object per call")


@tool_rule(
    "TOOL014",
    MUST,
    "A tool call truncated by the token cap has finish_reason length",
    fix="Set finish_reason to length if the token cap is reached, also inside a tool call.",
    applies_to=capped_call,
    good=[
        called(first_fragment(arguments='{"ci'), finish="length", body={"max_tokens": 8}),
        called(first_fragment(arguments="{}"), body={"max_tokens": 8}),
    ],
    bad=[called(first_fragment(arguments='{"ci'), body={"max_tokens": 8})],
)
def cut_call_called_complete(x: Exchange) -> Iterator[Finding]:
    """The agent treats the truncated call as complete: it runs the tool with repaired arguments, or reports bad JSON."""
    for call, fragment in _function_calls(x):
        if not is_object(call.arguments) and (finish := _finish(x, fragment.choice)) != "length":
            seen = f"the token cap truncated the arguments to {display(call.arguments)}, but finish_reason is {display(finish)}"
            yield Finding(seen, at=span_of(x, fragment))
