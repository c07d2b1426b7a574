"""Shared by the tool call rules: the rule decorator, and tool calls with their fragments."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any

from conformance.apis.chat import Fragment, fragments, join, parts_with, span_of, whole_choices
from conformance.apis.content import ToolCall
from conformance.apis.specs import conversation
from conformance.model.case import Compare
from conformance.model.exchange import Exchange, Span, cached_reader
from conformance.model.rule import DEFAULT_COMPARISONS, Check, Condition, Example, Rule, rule
from conformance.model.verdict import Level
from conformance.model.words import MODES, Api, Facet, Mode
from conformance.parsing.json_body import json_body
from conformance.parsing.json_values import Object, as_object, as_string, is_integer
from conformance.rules.shared_checks import is_object

SPEC = "https://platform.openai.com/docs/api-reference/chat"


def tool_rule(  # noqa: PLR0913 - as rule
    id: str,  # noqa: A002 - as rule
    level: Level,
    title: str,
    *,
    fix: str,
    applies_to: Condition,
    good: Sequence[Example],
    bad: Sequence[Example],
    spec: str = "",
    apis: Sequence[Api] = ("chat",),
    modes: Sequence[Mode] = MODES,
    needs: Sequence[Facet] = (),
    compares_with: Mapping[str, Compare] = DEFAULT_COMPARISONS,
) -> Callable[[Check], Rule]:
    """A rule on tool calls; `spec` defaults to their shape in the chat API."""
    shape = "streaming#chat/streaming-choices" if modes == ("stream",) else "object#chat/object-choices"
    spec = spec or f"{SPEC}/{shape}"
    return rule(
        id,
        level,
        title,
        spec=spec,
        fix=fix,
        applies_to=applies_to,
        needs=needs,
        good=good,
        bad=bad,
        apis=apis,
        modes=modes,
        compares_with=compares_with,
    )


def mentions(x: Exchange) -> Iterator[tuple[Fragment, Any]]:
    """Each value of `tool_calls` that is not null, with its location."""
    whole_answer = json_body(x)
    if whole_answer is not None:
        for index, _, message in whole_choices(whole_answer):
            if message.get("tool_calls") is not None:
                yield Fragment(None, index, None), message["tool_calls"]
        return
    for part in parts_with(x, "tool_calls"):
        yield Fragment(part.chunk.event, part.slot, None), part.delta["tool_calls"]


@cached_reader
def joined_calls(x: Exchange) -> tuple[tuple[ToolCall, list[Fragment]], ...]:
    """Each call with its fragments; in a non-streaming response a call is one value."""
    groups: dict[Any, list[Fragment]] = {}
    for number, fragment in enumerate(fragments(x)):
        if isinstance(fragment.value, dict):
            index = fragment.value.get("index")
            key = (fragment.choice, int(index) if is_integer(index) else 0) if fragment.event else number
            groups.setdefault(key, []).append(fragment)
    return tuple((call, found) for found in groups.values() for call in join(found))


def at_call(x: Exchange) -> Span:
    """The bytes where the first call starts, or the complete content if they are not known."""
    return span_of(x, conversation(x.api).first_call(x))


def function_of(fragment: Fragment) -> Object:
    """The object `function` of a call or fragment; empty if missing."""
    return as_object(fragment.value.get("function"))


def is_function_call(call: ToolCall) -> bool:
    """Whether the call is of a function, whose arguments are JSON."""
    return call.type != "custom"


def has_odd_arguments(fragment: Fragment) -> bool:
    """Whether arguments are present and not a string; null is allowed in a fragment."""
    function = fragment.value.get("function")
    if not isinstance(function, dict) or isinstance(function.get("arguments"), str):
        return False
    return function.get("arguments") is not None or fragment.event is None


def other_ids(x: Exchange) -> Iterator[tuple[Fragment, ToolCall, str]]:
    """Fragments with a different id than their call, with that call and the id."""
    for call, found in joined_calls(x):
        for fragment in found:
            name = as_string(fragment.value.get("id"))
            if name and name != call.id and is_integer(fragment.value.get("index")):
                yield fragment, call, name
                break


def stray_fragments(x: Exchange) -> Iterator[Fragment]:
    """Fragments, after the first call, under an index without a call, or that continue a complete call."""
    yield from _misfiled(x)
    begun: set[int] = set()
    for call, found in joined_calls(x):
        if call.id or call.name or call.type:
            begun.add(found[0].choice)
        elif found[0].choice in begun and call.index is not None and found[0].event:
            yield found[0]


def _misfiled(x: Exchange) -> Iterator[Fragment]:
    """The first fragment after a call's complete arguments, if another call of the same choice has none."""
    begun = [(call, found) for call, found in joined_calls(x) if call.index is not None and found[0].event]
    bare = {found[0].choice for call, found in begun if call.name and not call.arguments}
    for call, found in begun:
        if found[0].choice not in bare or is_object(call.arguments):
            continue
        arguments = ""
        for fragment in found:
            more = as_string(function_of(fragment).get("arguments"))
            if more.strip() and is_object(arguments):
                yield fragment
                break
            arguments += more


def repeated_arguments(x: Exchange) -> Iterator[tuple[ToolCall, list[Fragment], str]]:
    """Streamed calls whose arguments are one JSON object only without repeated pieces, and how they repeat."""
    for call, found in joined_calls(x):
        pieces = [text for f in found if (text := as_string(function_of(f).get("arguments")))]
        if call.index is None or found[0].event is None or not is_function_call(call) or is_object(call.arguments):
            continue
        how = next((how for how, rest in _without_repeats(pieces) if is_object(rest)), "")
        if how:
            yield call, found, how


def _without_repeats(pieces: list[str]) -> Iterator[tuple[str, str]]:
    """Each way in which the pieces repeat, and the arguments without the repetition."""
    joined, half = "".join(pieces), "".join(pieces)[: sum(map(len, pieces)) // 2]
    if len(set(pieces)) > 2 and all(map(str.startswith, pieces[1:], pieces)):
        yield "each fragment repeats all earlier fragments", pieces[-1]
    if len(pieces) > 2 and pieces[-1] == "".join(pieces[:-1]):
        yield "the last fragment repeats all earlier fragments", pieces[-1]
    if len(pieces) > 3 and pieces[::2] == pieces[1::2]:
        yield "each fragment is sent twice", "".join(pieces[::2])
    if joined == half + half and len(half) > len("{}") and half in accumulate(pieces):
        yield "the arguments are sent twice", half
