"""TOOL: the tool calls in a Chat Completions answer, in both modes: whether a client can run them.

What the model chose to call is never judged, only whether the call comes whole.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from conformance.exchange import MODES, Exchange, Mode
from conformance.read.chat import (
    Fragment,
    ToolCall,
    answer,
    completion,
    fragments,
    is_shaped,
    join,
    parts,
    place,
    whole_choices,
)
from conformance.read.json_text import value_of
from conformance.read.request import asked, cap_asked, choices_asked
from conformance.read.usage import usage
from conformance.read.value import Object, held, is_integer, mapping, shown, string
from conformance.rule import Example, Judge, Rule, When, rule
from conformance.rules import cmp
from conformance.rules.chk import choosing, finished
from conformance.rules.example import answered, chunk, streamed
from conformance.rules.example import completion as whole
from conformance.verdict import MUST, SHOULD, Finding, Level, Skip, not_applicable, untestable

SPEC = "https://platform.openai.com/docs/api-reference/chat"
NAMED = {"tool_choice": {"type": "function", "function": {"name": "f"}}}
USAGE = {"prompt_tokens": 3, "completion_tokens": 8, "total_tokens": 11}


def begins(name: Any = "f", arguments: Any = "", **more: Any) -> Object:
    """The first fragment of a call, or a whole call."""
    return {"index": 0, "id": "call_1", "type": "function", "function": {"name": name, "arguments": arguments}} | more


def goes_on(arguments: Any, index: int = 0, **more: Any) -> Object:
    """A later fragment of a call."""
    return {"index": index, "function": {"arguments": arguments}} | more


def calling(*found: Any, finish: str = "tool_calls", **facts: Any) -> Exchange:
    """A stream with these fragments, one a chunk."""
    deltas = [chunk({"tool_calls": [fragment]}) for fragment in found]
    return streamed(chunk({"role": "assistant", "content": None}), *deltas, chunk(finish=finish), "[DONE]", **facts)


def called(*found: Any, finish: str = "tool_calls", **facts: Any) -> Exchange:
    """A whole answer with these calls."""
    calls = [{k: v for k, v in call.items() if k != "index"} if isinstance(call, dict) else call for call in found]
    return answered(whole({"content": None, "tool_calls": calls}, finish=finish, usage=USAGE), **facts)


def less(call: Object, *names: str) -> Object:
    """A call that lacks fields."""
    return {name: value for name, value in call.items() if name not in names}


TWO = (begins(), goes_on("{}"), begins("g", index=1, id="call_2"), goes_on("{}", 1))
STREAM = calling(begins(), goes_on('{"city"'), goes_on(': "Oslo"}'))
PARALLEL = calling(*TWO)
VENDOR = calling(begins(type=None, x=1), goes_on("{}", id="call_1", type="function"))
WHOLE = called(begins(arguments="{}"))
CUSTOM = called({"id": "call_1", "type": "custom", "custom": {"name": "sql", "input": "select 1"}})
PLAIN = streamed(chunk({"role": "assistant", "content": "Hi", "tool_calls": []}), chunk(finish="stop"), "[DONE]")


def tool_rule(  # noqa: PLR0913 - as rule
    id: str,  # noqa: A002 - as rule
    level: Level,
    title: str,
    *,
    fix: str,
    when: When,
    good: Sequence[Example],
    bad: Sequence[Example],
    modes: Sequence[Mode] = MODES,
) -> Callable[[Judge], Rule]:
    """A rule on the tool calls of the chat API."""
    spec = f"{SPEC}/streaming#chat/streaming-choices" if modes == ("stream",) else f"{SPEC}/object#chat/object-choices"
    return rule(id, level, title, spec=spec, fix=fix, when=when, good=good, bad=bad, apis=("chat",), modes=modes)


def chosen(x: Exchange) -> Skip | None:
    """Choices came, in either mode."""
    return choosing(x) if x.mode == "stream" else cmp.choosing(x)


def mentioned(x: Exchange) -> Skip | None:
    """An answer came that speaks of tool calls."""
    return chosen(x) or (None if any(True for _ in _mentions(x)) else not_applicable("no tool was called"))


def called_some(x: Exchange) -> Skip | None:
    """An answer came that calls tools."""
    found = any(isinstance(fragment.value, dict) for fragment in fragments(x))
    return chosen(x) or (None if found else not_applicable("no tool was called"))


def called_to_the_end(x: Exchange) -> Skip | None:
    """An answer came whole that calls tools."""
    return called_some(x) or (finished(x) if x.mode == "stream" else None)


def _mentions(x: Exchange) -> Iterator[tuple[Fragment, Any]]:
    """Each value of `tool_calls` that is not null, with a place to point at."""
    whole_answer = completion(x)
    if whole_answer is not None:
        for index, _, message in whole_choices(whole_answer):
            if message.get("tool_calls") is not None:
                yield Fragment(None, index, None), message["tool_calls"]
        return
    for part in parts(x):
        if part.delta.get("tool_calls") is not None:
            yield Fragment(part.chunk.event, part.slot, None), part.delta["tool_calls"]


def _calls(x: Exchange) -> Iterator[tuple[ToolCall, list[Fragment]]]:
    """Each call with its fragments, or the one value that it is in a whole answer."""
    groups: dict[Any, list[Fragment]] = {}
    for number, fragment in enumerate(fragments(x)):
        if isinstance(fragment.value, dict):
            index = fragment.value.get("index")
            key = (fragment.choice, int(index) if is_integer(index) else 0) if fragment.event else number
            groups.setdefault(key, []).append(fragment)
    for found in groups.values():
        yield from ((call, found) for call in join(f.value for f in found))


def _function(fragment: Fragment) -> Object:
    return mapping(fragment.value.get("function"))


def _is_function(call: ToolCall) -> bool:
    return call.type != "custom"


@tool_rule(
    "TOOL001",
    MUST,
    "Tool calls are a list of objects",
    fix="Send tool_calls as a list, one object a call or fragment; leave it out where no tool is called.",
    when=mentioned,
    good=[STREAM, PARALLEL, WHOLE, CUSTOM, PLAIN],
    bad=[
        streamed(chunk({"tool_calls": begins()})),
        streamed(chunk({"tool_calls": "f()"})),
        calling(None),
        answered(whole({"tool_calls": begins()})),
        called("f()"),
    ],
)
def calls_no_list(x: Exchange) -> Iterator[Finding]:
    """Clients loop over the list: over anything else they crash, or run nothing."""
    for at, value in _mentions(x):
        if not isinstance(value, list):
            yield Finding(f"tool_calls is {shown(value)}", at=place(x, at), expected="a list")
        elif not all(isinstance(call, dict) for call in value):
            yield Finding("an entry of tool_calls is no object", at=place(x, at))


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
    when=called_some,
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
    for call, found in _calls(x):
        if not call.id:
            yield Finding(f"a call of {shown(call.name)} has {held(found[0].value, 'id')}", at=place(x, found[0]))


@tool_rule(
    "TOOL004",
    MUST,
    "Every tool call names its function",
    fix="Send function.name, whole, in the call's first fragment.",
    when=called_some,
    good=[STREAM, PARALLEL, VENDOR, WHOLE, CUSTOM],
    bad=[calling(begins(""), goes_on("{}")), called(less(begins(), "function")), called(begins(None, "{}"))],
)
def no_call_name(x: Exchange) -> Iterator[Finding]:
    """Nobody can run a tool that has no name; agents answer themselves that it does not exist, and ask again."""
    for call, found in _calls(x):
        if not call.name:
            yield Finding(f"tool call {shown(call.id)} has no function name", at=place(x, found[0]))


@tool_rule(
    "TOOL005",
    SHOULD,
    "The first fragment of a tool call has its id and its function's name",
    fix="Send id, type and function.name together, before any arguments.",
    when=called_some,
    modes=("stream",),
    good=[STREAM, PARALLEL, VENDOR],
    bad=[
        calling({"index": 0, "id": "call_1"}, {"index": 0, "function": {"name": "f", "arguments": "{}"}}),
        calling(less(begins(), "id"), goes_on("{}", id="call_1")),
    ],
)
def call_begins_late(x: Exchange) -> Iterator[Finding]:
    """Clients that begin a call with its first fragment keep the blank they found there, and the next turn is refused."""
    for call, found in _calls(x):
        lacks = "id" if not string(found[0].value.get("id")) else "name" if not _function(found[0]).get("name") else ""
        if lacks and call.id and call.name and _is_function(call):
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
    for call, found in _calls(x):
        for fragment in found[1:]:
            blank = [name for name, of in (("id", fragment.value), ("name", _function(fragment))) if of.get(name) == ""]
            if blank:
                yield Finding(f"a later fragment of call {shown(call.id)} blanks its {blank[0]}", at=place(x, fragment))
                break


def _odd_arguments(fragment: Fragment) -> bool:
    """Whether arguments are there and no string; null is forgiven in a fragment."""
    function = fragment.value.get("function")
    if not isinstance(function, dict) or isinstance(function.get("arguments"), str):
        return False
    return function.get("arguments") is not None or fragment.event is None


@tool_rule(
    "TOOL007",
    MUST,
    "The arguments of a tool call are a string",
    fix="Send the arguments as JSON text inside a string, not as an object.",
    when=called_some,
    good=[STREAM, PARALLEL, VENDOR, WHOLE, CUSTOM],
    bad=[
        calling(begins(arguments={"city": "Oslo"})),
        calling(begins(), goes_on(7)),
        called(begins(arguments={})),
        called(begins(arguments=None)),
    ],
)
def arguments_no_string(x: Exchange) -> Iterator[Finding]:
    """Clients add the pieces up as text: an exception with the OpenAI SDKs, empty arguments and a wrongly run tool elsewhere."""
    for fragment in fragments(x):
        if isinstance(fragment.value, dict) and _odd_arguments(fragment):
            yield Finding(f"a tool call has {held(_function(fragment), 'arguments')}", at=place(x, fragment))


def _shared(x: Exchange) -> Iterator[tuple[Fragment, str, str]]:
    """Fragments that bring another id for a call that has one."""
    for call, found in _calls(x):
        for fragment in found:
            name = string(fragment.value.get("id"))
            if name and name != call.id and is_integer(fragment.value.get("index")):
                yield fragment, call.id, name
                break


def complete_calls(x: Exchange) -> Skip | None:
    """An answer came whole that calls functions, with arguments that can be joined."""
    if skip := called_to_the_end(x):
        return skip
    if any(isinstance(f.value, dict) and _odd_arguments(f) for f in fragments(x)) or any(True for _ in _shared(x)):
        return untestable("the arguments can't be joined")
    return None


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


def _broken(x: Exchange) -> Iterator[tuple[ToolCall, Fragment]]:
    """Calls whose arguments are no JSON object."""
    for call, found in _calls(x):
        if _is_function(call) and not isinstance(value_of(call.arguments.encode("utf-8", "replace")), dict):
            yield call, found[-1]


def _finish(x: Exchange, slot: int) -> str:
    return next((choice.finish for choice in answer(x).choices if choice.index == slot), "")


@tool_rule(
    "TOOL008",
    SHOULD,
    "The arguments of a finished tool call are one JSON object",
    fix="Send every piece of the arguments once and in order; {} where a function takes none.",
    when=uncapped_calls,
    good=[STREAM, PARALLEL, VENDOR, WHOLE, CUSTOM, calling(begins(), goes_on('{"city'), finish="length")],
    bad=[
        calling(begins(), goes_on('{"city')),
        called(begins(arguments="")),
        called(begins(arguments="{}{}")),
        called(begins(arguments="0")),
    ],
)
def arguments_no_json(x: Exchange) -> Iterator[Finding]:
    """The specification leaves room for a model's slips, but agents run tools with what they can parse: nothing, or half."""
    for call, fragment in _broken(x):
        if _finish(x, fragment.choice) not in ("length", "content_filter"):
            yield Finding(f"the arguments of {shown(call.name)} are {shown(call.arguments)}", at=place(x, fragment))


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
    for fragment, first, other in _shared(x):
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
    for call, found in _calls(x):
        if call.id and call.id in seen:
            yield Finding(f"two calls have the id {shown(call.id)}", at=place(x, found[0]))
        seen.add(call.id)


@tool_rule(
    "TOOL011",
    MUST,
    "An answer that calls tools finishes with tool_calls, not with stop",
    fix="Set finish_reason to tool_calls where the choice holds tool calls.",
    when=called_to_the_end,
    good=[
        STREAM,
        PARALLEL,
        WHOLE,
        calling(begins(), goes_on("{}"), finish="stop", body=NAMED),
        calling(begins(), goes_on("{"), finish="length"),
    ],
    bad=[calling(begins(), goes_on("{}"), finish="stop"), called(begins(arguments="{}"), finish="stop")],
)
def stop_in_place_of_tool_calls(x: Exchange) -> Iterator[Finding]:
    """Agent loops go on only while the reason is tool_calls: the run ends, and the tool is never run.

    A named tool_choice is excepted: there the reference API itself says `stop`.
    """
    if isinstance(asked(x).get("tool_choice"), dict):
        return
    for choice in answer(x).choices:
        if choice.calls and choice.finish == "stop":
            at = next((f for f in reversed(fragments(x)) if f.choice == choice.index), None)
            yield Finding(f"tool calls came ({len(choice.calls)}), but finish_reason is 'stop'", at=place(x, at))


def says_tool_calls(x: Exchange) -> Skip | None:
    """An answer came whole that finishes with `tool_calls`."""
    if skip := chosen(x) or (finished(x) if x.mode == "stream" else None):
        return skip
    if not is_shaped(x):
        return untestable("what the choices hold can't be read")
    said = any("tool_calls" in choice.finishes for choice in answer(x).choices)
    return None if said else not_applicable("finish_reason is not tool_calls")


@tool_rule(
    "TOOL012",
    MUST,
    "An answer that finishes with tool_calls holds tool calls",
    fix="Send the calls before the finish_reason, in tool_calls (not as text, and not in function_call).",
    when=says_tool_calls,
    good=[STREAM, PARALLEL, WHOLE],
    bad=[
        streamed(chunk({"content": "f()"}), chunk(finish="tool_calls"), "[DONE]"),
        answered(whole(finish="tool_calls")),
    ],
)
def tool_calls_lost(x: Exchange) -> Iterator[Finding]:
    """The agent waits to run a tool and finds none: the turn ends empty, or is asked and paid for again."""
    if any(True for at, value in _mentions(x) if value and not isinstance(value, list)):
        return
    for choice in answer(x).choices:
        if "tool_calls" in choice.finishes and not choice.calls:
            yield Finding("finish_reason is 'tool_calls', but no tool call came", at=place(x))


@tool_rule(
    "TOOL013",
    SHOULD,
    "A tool call says its type",
    fix='Send type: "function" with the call\'s first fragment.',
    when=called_some,
    good=[STREAM, PARALLEL, VENDOR, WHOLE, CUSTOM],
    bad=[calling(less(begins(), "type")), called(less(begins(arguments="{}"), "type")), called(begins(type="tool"))],
)
def no_call_type(x: Exchange) -> Iterator[Finding]:
    """The helper of the OpenAI Node SDK ends with an error where it is missing; typed clients choose the shape by it."""
    for call, found in _calls(x):
        if call.type not in ("function", "custom"):
            yield Finding(f"call {shown(call.id)} has {held(found[0].value, 'type')}", at=place(x, found[0]))


@tool_rule(
    "TOOL014",
    MUST,
    "A tool call that was cut off by the cap finishes with length",
    fix="Report length where the cap was reached, whatever had begun.",
    when=capped_call,
    good=[
        called(begins(arguments='{"ci'), finish="length", body={"max_tokens": 8}),
        called(begins(arguments="{}"), body={"max_tokens": 8}),
    ],
    bad=[called(begins(arguments='{"ci'), body={"max_tokens": 8})],
)
def cut_call_called_complete(x: Exchange) -> Iterator[Finding]:
    """The agent takes half a call for a whole one: it runs the tool with what it can repair, or blames the model."""
    for call, fragment in _broken(x):
        if (finish := _finish(x, fragment.choice)) != "length":
            seen = f"the cap cut {shown(call.arguments)}, but finish_reason is {shown(finish)}"
            yield Finding(seen, at=place(x, fragment))
