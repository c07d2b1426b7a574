"""Defects in the tool calls of the chat API."""

from collections.abc import Iterator
from typing import Any

from conformance.reference.edit import (
    Body,
    each_call,
    each_choice,
    each_delta,
    each_fragment,
    each_message,
    each_part,
    in_turn,
    less,
    more,
    on_stream,
    on_whole,
    planted,
    with_delta,
)
from conformance.reference.reply import OnAnswer


def calls_of(chunk: Body) -> list[Body]:
    """The fragments in a chunk's first choice."""
    return next((choice["delta"].get("tool_calls") or [] for choice in chunk["choices"]), [])


def called(**changes: Any) -> OnAnswer:
    """Change calls in both modes: fields of the first fragments, and of whole calls."""
    edit = more(**changes)
    return in_turn(each_fragment(edit, lambda f: "id" in f), each_call(edit))


def function_less(name: str, call: Body) -> Body:
    """A call whose function lacks a field."""
    return call | {"function": less(name)(call["function"])}


def call_more(**changes: Any) -> OnAnswer:
    """A second call of the same tool in the stream, with these fields."""

    def edit(chunks: list[Body]) -> Iterator[Body]:
        first = next((call for chunk in chunks for call in calls_of(chunk)), None)
        last = max((at for at, chunk in enumerate(chunks) if calls_of(chunk)), default=0)
        for at, chunk in enumerate(chunks):
            yield chunk
            if first and at == last:
                function = first["function"] | {"arguments": "{}"}
                yield with_delta(chunk, {"tool_calls": [first | {"function": function} | changes]})

    return on_stream(edit)


def unnamed_at_first(chunks: list[Body]) -> Iterator[Body]:
    """The id in one fragment, the name in the next."""
    for chunk in chunks:
        first = next((call for call in calls_of(chunk) if "id" in call), None)
        if first is None:
            yield chunk
            continue
        yield with_delta(chunk, {"tool_calls": [less("function")(first)]})
        yield with_delta(chunk, {"tool_calls": [less("id", "type")(first)]})


def arguments_cut(chunks: list[Body]) -> list[Body]:
    """The last fragment is lost."""
    last = max((at for at, chunk in enumerate(chunks) if calls_of(chunk)), default=-1)
    return [chunk for at, chunk in enumerate(chunks) if at != last]


def cut_at_the_cap(whole: Body) -> Body:
    """Half of the arguments, and as many tokens as any request allows."""
    halved = [halve(choice) for choice in whole["choices"]]
    if halved == whole["choices"]:
        return whole
    told = whole["usage"]
    spent = {"completion_tokens": 64, "total_tokens": told["prompt_tokens"] + 64}
    return whole | {"choices": halved, "usage": told | spent}


def halve(choice: Body) -> Body:
    """A choice whose calls have half of their arguments."""
    calls = [
        call | {"function": call["function"] | {"arguments": call["function"]["arguments"][:-2]}}
        for call in choice["message"].get("tool_calls") or ()
    ]
    return choice | {"message": choice["message"] | {"tool_calls": calls}} if calls else choice


def as_object(call: Body) -> Body:
    """A call whose arguments are an object."""
    return call | {"function": call["function"] | {"arguments": {"city": "Oslo"}}}


TOOL_DEFECTS = (
    planted(
        "call-no-list",
        "tool_calls is one object, not a list",
        "TOOL001",
        in_turn(
            each_delta(lambda d: d | {"tool_calls": d["tool_calls"][0]}, lambda d: d.get("tool_calls")),
            each_message(lambda m: m | {"tool_calls": m["tool_calls"][0]} if m.get("tool_calls") else m),
        ),
    ),
    planted("call-without-index", "Fragments of calls have no index", "TOOL002", each_fragment(less("index"))),
    planted(
        "call-without-id", "Calls have no id", "TOOL003", in_turn(each_fragment(less("id")), each_call(less("id")))
    ),
    planted(
        "call-without-name",
        "Calls do not name the function",
        "TOOL004",
        in_turn(each_fragment(lambda f: function_less("name", f)), each_call(lambda c: function_less("name", c))),
    ),
    planted("call-name-late", "The function's name comes after the call's id", "TOOL005", on_stream(unnamed_at_first)),
    planted(
        "call-id-blanked",
        "Later fragments have a blank id",
        "TOOL006",
        each_fragment(more(id=""), lambda f: "id" not in f),
    ),
    planted(
        "call-arguments-object",
        "Arguments are an object, not a string",
        "TOOL007",
        in_turn(each_fragment(as_object, lambda f: "id" in f), each_call(as_object)),
    ),
    planted("call-arguments-cut", "The last piece of the arguments is lost", "TOOL008", on_stream(arguments_cut)),
    planted("call-index-shared", "Parallel calls have the same index", "TOOL009", call_more(id="call_2")),
    planted("call-id-shared", "Parallel calls have the same id", "TOOL010", call_more(index=1)),
    planted(
        "call-finishes-with-stop",
        "finish_reason is stop, though a tool is called",
        "TOOL011",
        in_turn(
            each_part(more(finish_reason="stop"), lambda c: c["finish_reason"] == "tool_calls"),
            each_choice(more(finish_reason="stop"), lambda c: c["finish_reason"] == "tool_calls"),
        ),
    ),
    planted(
        "call-lost",
        "Tool calls are left out, finish_reason still tells of them",
        "TOOL012",
        in_turn(each_delta(less("tool_calls")), each_message(less("tool_calls"))),
    ),
    planted(
        "call-without-type",
        "Calls do not say their type",
        "TOOL013",
        in_turn(each_fragment(less("type")), each_call(less("type"))),
    ),
    planted(
        "call-cut-at-the-cap",
        "A call that was cut off by the cap finishes with tool_calls",
        "TOOL014",
        on_whole(cut_at_the_cap),
    ),
)
