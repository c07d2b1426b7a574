"""The values of arguments, if the tool's schema allows only one."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from conformance.apis.chat import span_of
from conformance.apis.content import ToolCall
from conformance.apis.tools import calls, offered
from conformance.model.exchange import Exchange, Span
from conformance.model.verdict import MUST, SHOULD, Finding, NotJudged, not_applicable
from conformance.model.words import CONVERSATIONAL
from conformance.parsing.json_text import parse_json
from conformance.parsing.json_values import display
from conformance.parsing.single_value import NOT_UNIQUE, encoding_damage, only_value
from conformance.rules.tool.conditions import uncut_calls
from conformance.rules.tool.example import called, calling, first_fragment, later_fragment
from conformance.rules.tool.shape import at_call, joined_calls, tool_rule


class CallArguments(NamedTuple):
    """A call's arguments, and the only value that the tool's schema allows."""

    call: ToolCall
    at: Span
    found: Any
    expected: Any
    is_strict: bool


def _calls(x: Exchange) -> Iterator[tuple[ToolCall, Span]]:
    """The calls of a response, each with its location."""
    if x.api == "chat":
        yield from ((call, span_of(x, found[-1])) for call, found in joined_calls(x))
    else:
        yield from ((call, at_call(x)) for _, call in calls(x))


def _call_arguments(x: Exchange) -> Iterator[CallArguments]:
    """The calls whose arguments are an object, of tools whose schema allows one value."""
    for call, at in _calls(x):
        tool = offered(x).get(call.name, {})
        expected, found = only_value(tool.get("parameters")), parse_json(call.arguments.encode("utf-8", "replace"))
        if expected is not NOT_UNIQUE and isinstance(found, dict):
            yield CallArguments(call, at, found, expected, tool.get("strict") is True)


def one_possible_call(x: Exchange) -> NotJudged | None:
    """The response has complete calls of tools whose schema allows one value."""
    if skip := uncut_calls(x):
        return skip
    return (
        None
        if any(True for _ in _call_arguments(x))
        else not_applicable("no called tool has a schema that allows exactly one value")
    )


def strict_call(x: Exchange) -> NotJudged | None:
    """As one_possible_call, and the tool is strict."""
    if skip := one_possible_call(x):
        return skip
    return None if any(one.is_strict for one in _call_arguments(x)) else not_applicable("no called tool is strict")


CITY = {
    "type": "object",
    "properties": {"city": {"enum": ["Zürich"]}},
    "required": ["city"],
    "additionalProperties": False,
}
STRICT = {"tools": [{"type": "function", "function": {"name": "f", "parameters": CITY, "strict": True}}]}


@tool_rule(
    "TOOL025",
    SHOULD,
    "The arguments of a strict tool satisfy its schema",
    spec="https://platform.openai.com/docs/guides/function-calling#strict-mode",
    fix="Constrain the arguments to the schema if strict is true, streaming or not, or reject strict with an error that names it.",
    applies_to=strict_call,
    apis=CONVERSATIONAL,
    good=[
        calling(first_fragment(), later_fragment('{"city": "Z\\u00fc'), later_fragment('rich"}'), body=STRICT),
        called(first_fragment(arguments='{"city": "Zürich"}'), body=STRICT),
    ],
    bad=[
        calling(first_fragment(), later_fragment('{"city": "Oslo"}'), body=STRICT),
        called(first_fragment(arguments="{}"), body=STRICT),
        called(first_fragment(arguments='{"city": "Zürich", "x": 1}'), body=STRICT),
    ],
)
def strict_dropped(x: Exchange) -> Iterator[Finding]:
    """Agents run strict tools without validation: a missing or invented argument reaches the tool itself."""
    for one in _call_arguments(x):
        if one.is_strict and one.found != one.expected and not any(encoding_damage(one.found, one.expected)):
            seen = f"the arguments of the strict tool {display(one.call.name)} are {display(one.call.arguments)}"
            yield Finding(f"{seen}, which its schema does not allow", at=one.at)


@tool_rule(
    "TOOL026",
    MUST,
    "Non-ASCII characters in tool call arguments are preserved",
    spec="https://www.rfc-editor.org/rfc/rfc8259#section-8.1",
    fix="Decode the model's tokens to UTF-8 incrementally, across chunks, and read and write UTF-8 everywhere.",
    applies_to=one_possible_call,
    needs=("bytes",),
    apis=CONVERSATIONAL,
    good=[
        calling(first_fragment(), later_fragment('{"city": "Zürich"}'), body=STRICT),
        called(first_fragment(arguments='{"city": "Zurich"}'), body=STRICT),
    ],
    bad=[
        calling(first_fragment(), later_fragment('{"city": "ZÃ¼rich"}'), body=STRICT),
        calling(first_fragment(), later_fragment('{"city": "Z\ufffd\ufffdrich"}'), body=STRICT),
        called(first_fragment(arguments='{"city": "Z?rich"}'), body=STRICT),
        called(first_fragment(arguments='{"city": "Zrich"}'), body=STRICT),
    ],
)
def letters_damaged(x: Exchange) -> Iterator[Finding]:
    """The tool runs with a damaged name: of a file or a customer that does not exist."""
    for one in _call_arguments(x):
        for found, expected in encoding_damage(one.found, one.expected):
            yield Finding(
                f"the arguments of the tool call have damaged characters: {display(found)}",
                at=one.at,
                expected=display(expected),
            )
