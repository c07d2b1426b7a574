"""The index, id, name and type of a tool call."""

from collections.abc import Iterator

from conformance.apis.chat import fragments, span_of
from conformance.model.exchange import Exchange
from conformance.model.verdict import MUST, SHOULD, Finding
from conformance.parsing.json_values import Object, as_string, describe_member, display, is_integer
from conformance.rules.example import answered, completion
from conformance.rules.shared_checks import calls_without_id, calls_without_name, is_object
from conformance.rules.tool.conditions import called_some, known_calls
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
    without_fields,
)
from conformance.rules.tool.shape import function_of, is_function_call, joined_calls, other_ids, tool_rule

CALLING: Object = completion({"content": None, "tool_calls": [first_fragment(arguments="{}")]}, finish="tool_calls")[
    "choices"
][0]


@tool_rule(
    "TOOL002",
    MUST,
    "Every fragment of a tool call has an integer index",
    fix="Number the tool calls of a response from 0, and repeat the index in every fragment.",
    applies_to=called_some,
    modes=("stream",),
    good=[STREAM, PARALLEL, VENDOR],
    bad=[
        calling(without_fields(first_fragment(), "index")),
        calling(first_fragment(index="0")),
        calling(first_fragment(index=-1)),
        calling(first_fragment(), without_fields(later_fragment("{}"), "index")),
    ],
)
def no_call_index(x: Exchange) -> Iterator[Finding]:
    """Fragments are joined by index: without it, LangGraph, the OpenAI SDKs' helpers and the Vercel AI SDK lose the call or crash."""
    for fragment in fragments(x):
        if isinstance(fragment.value, dict):
            index = fragment.value.get("index")
            if not (is_integer(index) and index >= 0):
                yield Finding(
                    f"a fragment of a tool call has {describe_member(fragment.value, 'index')}", at=span_of(x, fragment)
                )


@tool_rule(
    "TOOL003",
    MUST,
    "Every tool call has a non-empty id",
    fix="Give each call a unique id, and send it in the call's first fragment.",
    applies_to=known_calls,
    good=[STREAM, PARALLEL, VENDOR, WHOLE, CUSTOM],
    bad=[
        calling(without_fields(first_fragment(), "id"), later_fragment("{}")),
        calling(first_fragment(id="")),
        called(first_fragment(id=None)),
        called(first_fragment(id=7)),
    ],
)
def no_call_id(x: Exchange) -> Iterator[Finding]:
    """The result is sent back under this id: without it LangGraph raises an exception; others have the next turn rejected."""
    yield from calls_without_id(x, (call for call, _ in joined_calls(x)))


@tool_rule(
    "TOOL004",
    MUST,
    "Every tool call has a function name",
    fix="Send the complete function.name in the call's first fragment.",
    applies_to=known_calls,
    good=[STREAM, PARALLEL, VENDOR, WHOLE, CUSTOM],
    bad=[
        calling(first_fragment(""), later_fragment("{}")),
        called(without_fields(first_fragment(), "function")),
        called(first_fragment(None, "{}")),
    ],
)
def no_call_name(x: Exchange) -> Iterator[Finding]:
    """A tool without a name can't be run; agents report to the model that it does not exist, and pay for another turn."""
    yield from calls_without_name(x, (call for call, _ in joined_calls(x)))


@tool_rule(
    "TOOL005",
    MUST,
    "The first fragment of a tool call has its id and function name",
    fix="Send id, type and function.name together, before any arguments.",
    applies_to=known_calls,
    modes=("stream",),
    good=[STREAM, PARALLEL, VENDOR],
    bad=[
        calling({"index": 0, "id": "call_1"}, {"index": 0, "function": {"name": "f", "arguments": "{}"}}),
        calling(without_fields(first_fragment(), "id"), later_fragment("{}", id="call_1")),
    ],
)
def call_begins_late(x: Exchange) -> Iterator[Finding]:
    """Clients that read id and name from the first fragment only keep them empty, and the next turn is rejected."""
    for call, found in joined_calls(x):
        lacks = (
            "id" if not as_string(found[0].value.get("id")) else "name" if not function_of(found[0]).get("name") else ""
        )
        if lacks and call.id and call.name and is_function_call(call):
            yield Finding(f"the first fragment of tool call {display(call.id)} has no {lacks}", at=span_of(x, found[0]))


@tool_rule(
    "TOOL006",
    SHOULD,
    "Later fragments of a tool call do not have an empty id or function name",
    fix="Leave id and function.name out of all fragments but the first.",
    applies_to=called_some,
    modes=("stream",),
    good=[STREAM, PARALLEL, VENDOR],
    bad=[
        calling(first_fragment(), later_fragment("{}", id="")),
        calling(first_fragment(), {"index": 0, "function": {"name": "", "arguments": "{}"}}),
    ],
)
def call_blanked(x: Exchange) -> Iterator[Finding]:
    """Clients that keep the last value end up with a call without id or name, and the session ends."""
    for call, found in joined_calls(x):
        for fragment in found[1:]:
            blank = [
                name for name, of in (("id", fragment.value), ("name", function_of(fragment))) if of.get(name) == ""
            ]
            if blank:
                yield Finding(
                    f"a later fragment of tool call {display(call.id)} has an empty {blank[0]}", at=span_of(x, fragment)
                )
                break


@tool_rule(
    "TOOL032",
    MUST,
    "Later fragments of a tool call repeat its type, or omit it",
    fix="Omit type in all fragments but the first; null is no type.",
    applies_to=called_some,
    modes=("stream",),
    good=[STREAM, PARALLEL, VENDOR, calling(first_fragment(), later_fragment("{}", type="function", id=None))],
    bad=[
        calling(first_fragment(), later_fragment("{}", type=None)),
        calling(first_fragment(), later_fragment("{}", type="")),
    ],
)
def call_type_changes(x: Exchange) -> Iterator[Finding]:
    """The stream helper of openai-python keeps the last type: it raises an AssertionError, and the call is lost."""
    for call, found in joined_calls(x):
        for fragment in found[1:]:
            if call.type and call.index is not None and fragment.value.get("type", call.type) != call.type:
                what = describe_member(fragment.value, "type")
                yield Finding(f"a later fragment of tool call {display(call.id)} has {what}", at=span_of(x, fragment))
                break


@tool_rule(
    "TOOL009",
    MUST,
    "Each tool call of a stream has a unique index",
    fix="Increment the index with every call, and keep a call's id in all of its fragments.",
    applies_to=called_some,
    modes=("stream",),
    good=[STREAM, PARALLEL, VENDOR],
    bad=[
        calling(first_fragment(arguments="{}"), first_fragment("g", "{}", id="call_2")),
        calling(first_fragment(arguments='{"city"'), first_fragment(arguments=': "Oslo"}', id="call_2")),
    ],
)
def call_index_shared(x: Exchange) -> Iterator[Finding]:
    """Clients merge the calls into one with the arguments `{}{}`: it fails, and the others are never run.

    A server that generates an id for each fragment seems to send as many calls; clients join the ids.
    """
    for fragment, call, other in other_ids(x):
        index = display(fragment.value["index"])
        is_one = is_object(call.arguments) and function_of(fragment).get("name") in (None, call.name)
        seen = (
            f"a later fragment of tool call {display(call.id)} has another id, {display(other)}"
            if is_one
            else f"tool calls {display(call.id)} and {display(other)} share index {index}"
        )
        yield Finding(seen, at=span_of(x, fragment))


@tool_rule(
    "TOOL010",
    MUST,
    "Each tool call of a choice has a unique id",
    fix="Generate a new id for every call, including parallel calls.",
    applies_to=called_some,
    good=[
        *(STREAM, PARALLEL, VENDOR, WHOLE, called(first_fragment(), first_fragment("g", id="call_2"))),
        answered(completion(choices=[CALLING, CALLING | {"index": 1}]), body={"n": 2}),
    ],
    bad=[
        calling(first_fragment(arguments="{}"), first_fragment("g", "{}", index=1)),
        called(first_fragment(), first_fragment("g")),
    ],
)
def call_id_shared(x: Exchange) -> Iterator[Finding]:
    """Results are matched to calls by id: one result is used for both calls, and the next turn is rejected.

    The choices of a response are alternatives: a conversation goes on with one of them.
    """
    seen: set[tuple[int, str]] = set()
    for call, found in joined_calls(x):
        name = found[0].choice, call.id
        if call.id and name in seen:
            yield Finding(f"two tool calls have the id {display(call.id)}", at=span_of(x, found[0]))
        seen.add(name)


@tool_rule(
    "TOOL013",
    SHOULD,
    "Every tool call has type function (or custom)",
    fix='Send type: "function" in the call\'s first fragment.',
    applies_to=known_calls,
    good=[STREAM, PARALLEL, VENDOR, WHOLE, CUSTOM],
    bad=[
        calling(without_fields(first_fragment(), "type")),
        called(without_fields(first_fragment(arguments="{}"), "type")),
        called(first_fragment(type="tool")),
    ],
)
def no_call_type(x: Exchange) -> Iterator[Finding]:
    """The OpenAI Node SDK's helper raises an error without it; typed clients select the shape of the call by it."""
    for call, found in joined_calls(x):
        if call.type not in ("function", "custom"):
            yield Finding(
                f"tool call {display(call.id)} has {describe_member(found[0].value, 'type')}",
                at=span_of(x, found[0]),
                expected="function",
            )
