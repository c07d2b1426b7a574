"""What a call is known by: its index, its id, its name and its type."""

from collections.abc import Iterator

from conformance.apis.chat import fragments, place
from conformance.model.exchange import Exchange
from conformance.model.verdict import MUST, SHOULD, Finding
from conformance.parsing.json_values import held, is_integer, shown, string
from conformance.rules.tool.conditions import called_some, known_calls
from conformance.rules.tool.example import (
    CUSTOM,
    PARALLEL,
    STREAM,
    VENDOR,
    WHOLE,
    begins,
    called,
    calling,
    goes_on,
    less,
)
from conformance.rules.tool.shape import function_of, is_function_call, joined_calls, other_ids, tool_rule


@tool_rule(
    "TOOL002",
    MUST,
    "Every fragment of a tool call has an index",
    fix="Number the calls of an answer from 0, and repeat the number in every fragment.",
    when=called_some,
    modes=("stream",),
    good=[STREAM, PARALLEL, VENDOR],
    bad=[
        calling(less(begins(), "index")),
        calling(begins(index="0")),
        calling(begins(index=-1)),
        calling(begins(), less(goes_on("{}"), "index")),
    ],
)
def no_call_index(x: Exchange) -> Iterator[Finding]:
    """Fragments are joined by it: LangGraph, the OpenAI SDKs' helpers and the Vercel AI SDK lose the call or crash."""
    for fragment in fragments(x):
        if isinstance(fragment.value, dict):
            index = fragment.value.get("index")
            if not (is_integer(index) and index >= 0):
                yield Finding(f"a fragment of a tool call has {held(fragment.value, 'index')}", at=place(x, fragment))


@tool_rule(
    "TOOL003",
    MUST,
    "Every tool call has an id",
    fix="Give each call an id of its own, and send it in the call's first fragment.",
    when=known_calls,
    good=[STREAM, PARALLEL, VENDOR, WHOLE, CUSTOM],
    bad=[
        calling(less(begins(), "id"), goes_on("{}")),
        calling(begins(id="")),
        called(begins(id=None)),
        called(begins(id=7)),
    ],
)
def no_call_id(x: Exchange) -> Iterator[Finding]:
    """The tool's result goes back under this id: without it LangGraph ends in an exception, others in a refused next turn."""
    for call, found in joined_calls(x):
        if not call.id:
            yield Finding(f"a call of {shown(call.name)} has {held(found[0].value, 'id')}", at=place(x, found[0]))


@tool_rule(
    "TOOL004",
    MUST,
    "Every tool call names its function",
    fix="Send function.name, whole, in the call's first fragment.",
    when=known_calls,
    good=[STREAM, PARALLEL, VENDOR, WHOLE, CUSTOM],
    bad=[calling(begins(""), goes_on("{}")), called(less(begins(), "function")), called(begins(None, "{}"))],
)
def no_call_name(x: Exchange) -> Iterator[Finding]:
    """Nobody can run a tool that has no name; agents answer themselves that it does not exist, and ask again."""
    for call, found in joined_calls(x):
        if not call.name:
            yield Finding(f"tool call {shown(call.id)} has no function name", at=place(x, found[0]))


@tool_rule(
    "TOOL005",
    SHOULD,
    "The first fragment of a tool call has its id and its function's name",
    fix="Send id, type and function.name together, before any arguments.",
    when=known_calls,
    modes=("stream",),
    good=[STREAM, PARALLEL, VENDOR],
    bad=[
        calling({"index": 0, "id": "call_1"}, {"index": 0, "function": {"name": "f", "arguments": "{}"}}),
        calling(less(begins(), "id"), goes_on("{}", id="call_1")),
    ],
)
def call_begins_late(x: Exchange) -> Iterator[Finding]:
    """Clients that begin a call with its first fragment keep the blank they found there, and the next turn is refused."""
    for call, found in joined_calls(x):
        lacks = (
            "id" if not string(found[0].value.get("id")) else "name" if not function_of(found[0]).get("name") else ""
        )
        if lacks and call.id and call.name and is_function_call(call):
            yield Finding(f"the first fragment of call {shown(call.id)} has no {lacks}", at=place(x, found[0]))


@tool_rule(
    "TOOL006",
    SHOULD,
    "Later fragments of a tool call do not blank its id or name",
    fix="Leave id and function.name out of all fragments but the first.",
    when=called_some,
    modes=("stream",),
    good=[STREAM, PARALLEL, VENDOR],
    bad=[
        calling(begins(), goes_on("{}", id="")),
        calling(begins(), {"index": 0, "function": {"name": "", "arguments": "{}"}}),
    ],
)
def call_blanked(x: Exchange) -> Iterator[Finding]:
    """Clients that take the last value they see are left with a call without id or name, and the session ends."""
    for call, found in joined_calls(x):
        for fragment in found[1:]:
            blank = [
                name for name, of in (("id", fragment.value), ("name", function_of(fragment))) if of.get(name) == ""
            ]
            if blank:
                yield Finding(f"a later fragment of call {shown(call.id)} blanks its {blank[0]}", at=place(x, fragment))
                break


@tool_rule(
    "TOOL009",
    MUST,
    "Each tool call of a stream has an index of its own",
    fix="Count the index up with every call, and keep a call's id through all of its fragments.",
    when=called_some,
    modes=("stream",),
    good=[STREAM, PARALLEL, VENDOR],
    bad=[calling(begins(arguments="{}"), begins("g", "{}", id="call_2"))],
)
def call_index_shared(x: Exchange) -> Iterator[Finding]:
    """Parallel calls run into one with the arguments `{}{}`: it fails, and the others are never run."""
    for fragment, first, other in other_ids(x):
        index = shown(fragment.value["index"])
        yield Finding(
            f"index {index} belongs to call {shown(first)}, and to {shown(other)} as well", at=place(x, fragment)
        )


@tool_rule(
    "TOOL010",
    MUST,
    "Each tool call has an id of its own",
    fix="Make a new id for every call, parallel ones included.",
    when=called_some,
    good=[STREAM, PARALLEL, VENDOR, WHOLE, called(begins(), begins("g", id="call_2"))],
    bad=[calling(begins(arguments="{}"), begins("g", "{}", index=1)), called(begins(), begins("g"))],
)
def call_id_shared(x: Exchange) -> Iterator[Finding]:
    """Results are matched to calls by id: one result is taken for both, and the next turn is refused."""
    seen: set[str] = set()
    for call, found in joined_calls(x):
        if call.id and call.id in seen:
            yield Finding(f"two calls have the id {shown(call.id)}", at=place(x, found[0]))
        seen.add(call.id)


@tool_rule(
    "TOOL013",
    SHOULD,
    "A tool call says its type",
    fix='Send type: "function" with the call\'s first fragment.',
    when=known_calls,
    good=[STREAM, PARALLEL, VENDOR, WHOLE, CUSTOM],
    bad=[calling(less(begins(), "type")), called(less(begins(arguments="{}"), "type")), called(begins(type="tool"))],
)
def no_call_type(x: Exchange) -> Iterator[Finding]:
    """The helper of the OpenAI Node SDK ends with an error where it is missing; typed clients choose the shape by it."""
    for call, found in joined_calls(x):
        if call.type not in ("function", "custom"):
            yield Finding(f"call {shown(call.id)} has {held(found[0].value, 'type')}", at=place(x, found[0]))
