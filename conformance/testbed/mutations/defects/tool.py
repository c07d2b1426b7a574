"""Defects in the tool calls of the chat API."""

import json
from collections.abc import Iterator
from itertools import accumulate
from typing import Any

from conformance.testbed.mutations.mutate_chat import (
    Body,
    Edit,
    defect,
    each_call,
    each_choice,
    each_delta,
    each_fragment,
    each_message,
    each_part,
    in_turn,
    on_stream,
    on_whole,
    with_delta,
    with_fields,
    without_fields,
)
from conformance.testbed.server.reply import OnResponse


def calls_of(chunk: Body) -> list[Body]:
    """The fragments in a chunk's first choice."""
    return next((choice["delta"].get("tool_calls") or [] for choice in chunk["choices"]), [])


def called(**changes: Any) -> OnResponse:
    """Change calls in both modes: the first fragments, and non-streaming calls."""
    edit = with_fields(**changes)
    return in_turn(each_fragment(edit, lambda f: "id" in f), each_call(edit))


def function_less(name: str, call: Body) -> Body:
    """A call whose function lacks a field."""
    return call | {"function": without_fields(name)(call["function"])}


def call_more(**changes: Any) -> OnResponse:
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
        yield with_delta(chunk, {"tool_calls": [without_fields("function")(first)]})
        yield with_delta(chunk, {"tool_calls": [without_fields("id", "type")(first)]})


def arguments_cut(chunks: list[Body]) -> list[Body]:
    """The last fragment is lost."""
    last = max((at for at, chunk in enumerate(chunks) if calls_of(chunk)), default=-1)
    return [chunk for at, chunk in enumerate(chunks) if at != last]


def cut_at_the_cap(whole: Body) -> Body:
    """Truncated arguments, with as many tokens as the highest cap of any request."""
    halved = [halve(choice) for choice in whole["choices"]]
    if halved == whole["choices"]:
        return whole
    reported = whole["usage"]
    spent = {"completion_tokens": 64, "total_tokens": reported["prompt_tokens"] + 64}
    return whole | {"choices": halved, "usage": reported | spent}


def halve(choice: Body) -> Body:
    """A choice whose calls have truncated arguments."""
    calls = [
        call | {"function": call["function"] | {"arguments": call["function"]["arguments"][:-2]}}
        for call in choice["message"].get("tool_calls") or ()
    ]
    return choice | {"message": choice["message"] | {"tool_calls": calls}} if calls else choice


def as_object(call: Body) -> Body:
    """A call whose arguments are an object."""
    return call | {"function": call["function"] | {"arguments": {"city": "Oslo"}}}


def with_calls(chunk: Body, edit: Edit) -> Body:
    """The chunk with its fragments edited."""
    found = calls_of(chunk)
    return with_delta(chunk, {"tool_calls": [edit(call) for call in found]}) if found else chunk


def goes_on(chunk: Body) -> bool:
    """Whether a chunk holds a later fragment of a call."""
    return any("id" not in call for call in calls_of(chunk))


def with_arguments(text: str) -> Edit:
    """A fragment with these arguments."""
    return lambda call: call | {"function": call["function"] | {"arguments": text}}


def arguments_of(chunk: Body) -> str:
    """The arguments in a chunk's fragments."""
    return "".join(call["function"].get("arguments", "") for call in calls_of(chunk))


def arguments_so_far(chunks: list[Body]) -> Iterator[Body]:
    """Every fragment repeats all earlier arguments."""
    for chunk, text in zip(chunks, accumulate(map(arguments_of, chunks)), strict=True):
        yield with_calls(chunk, with_arguments(text)) if goes_on(chunk) else chunk


def arguments_again(chunks: list[Body]) -> Iterator[Body]:
    """The complete arguments once more after the last fragment."""
    last = max((at for at, chunk in enumerate(chunks) if calls_of(chunk)), default=-1)
    for at, chunk in enumerate(chunks):
        yield chunk
        if at == last:
            yield with_calls(chunk, with_arguments("".join(map(arguments_of, chunks))))


def named_everywhere(chunks: list[Body]) -> Iterator[Body]:
    """The function's name in every fragment."""
    calls = (call for chunk in chunks for call in calls_of(chunk))
    name = next((call["function"]["name"] for call in calls if call["function"].get("name")), "")
    for chunk in chunks:
        yield with_calls(chunk, lambda call: call | {"function": call["function"] | {"name": name}})


def twice_json(call: Body) -> Body:
    """A call whose arguments are JSON encoded twice."""
    function = call["function"]
    return call | {"function": function | {"arguments": json.dumps(function["arguments"])}}


TOOL_DEFECTS = (
    defect(
        "call-no-list",
        "tool_calls is one object, not a list",
        "TOOL001",
        in_turn(
            each_delta(lambda d: d | {"tool_calls": d["tool_calls"][0]}, lambda d: d.get("tool_calls")),
            each_message(lambda m: m | {"tool_calls": m["tool_calls"][0]} if m.get("tool_calls") else m),
        ),
    ),
    defect(
        "call-without-index", "Tool call fragments have no index", "TOOL002", each_fragment(without_fields("index"))
    ),
    defect(
        "call-without-id",
        "Tool calls have no id",
        "TOOL003",
        in_turn(each_fragment(without_fields("id")), each_call(without_fields("id"))),
    ),
    defect(
        "call-without-name",
        "Tool calls have no function name",
        "TOOL004",
        in_turn(each_fragment(lambda f: function_less("name", f)), each_call(lambda c: function_less("name", c))),
    ),
    defect(
        "call-name-late",
        "The function name is sent after the call id, in a later fragment",
        "TOOL005",
        on_stream(unnamed_at_first),
    ),
    defect(
        "call-id-blanked",
        "Later fragments have an empty id",
        "TOOL006",
        each_fragment(with_fields(id=""), lambda f: "id" not in f),
    ),
    defect(
        "call-arguments-object",
        "Arguments are an object, not a string",
        "TOOL007",
        in_turn(each_fragment(as_object, lambda f: "id" in f), each_call(as_object)),
    ),
    defect("call-arguments-cut", "The last fragment of the arguments is lost", "TOOL033", on_stream(arguments_cut)),
    defect("call-index-shared", "Parallel tool calls have the same index", "TOOL009", call_more(id="call_2")),
    defect("call-id-shared", "Parallel tool calls have the same id", "TOOL010", call_more(index=1)),
    defect(
        "call-finishes-with-stop",
        "finish_reason is stop, though a tool is called",
        "TOOL011",
        in_turn(
            each_part(with_fields(finish_reason="stop"), lambda c: c["finish_reason"] == "tool_calls"),
            each_choice(with_fields(finish_reason="stop"), lambda c: c["finish_reason"] == "tool_calls"),
        ),
    ),
    defect(
        "call-lost",
        "tool_calls are missing, though finish_reason is tool_calls",
        "TOOL012",
        in_turn(each_delta(without_fields("tool_calls")), each_message(without_fields("tool_calls"))),
    ),
    defect(
        "call-without-type",
        "Tool calls have no type",
        "TOOL013",
        in_turn(each_fragment(without_fields("type")), each_call(without_fields("type"))),
    ),
    defect(
        "call-index-counts-fragments",
        "The tool call index counts fragments",
        "TOOL015",
        on_stream(lambda chunks: [with_calls(chunk, with_fields(index=at)) for at, chunk in enumerate(chunks)]),
    ),
    defect(
        "call-index-from-one",
        "Tool call indexes start at 1",
        "TOOL016",
        each_fragment(lambda fragment: fragment | {"index": fragment["index"] + 1}),
    ),
    defect(
        "call-arguments-cumulative",
        "Arguments are cumulative: each fragment repeats all earlier ones",
        "TOOL017",
        on_stream(arguments_so_far),
    ),
    defect(
        "call-arguments-again",
        "The complete arguments are sent again at the end of the call",
        "TOOL017",
        on_stream(arguments_again),
    ),
    defect(
        "call-fragments-twice",
        "Every fragment of the arguments is sent twice",
        "TOOL017",
        on_stream(lambda chunks: [c for chunk in chunks for c in ([chunk] if not goes_on(chunk) else [chunk, chunk])]),
    ),
    defect(
        "call-named-in-every-fragment",
        "Every fragment repeats the function name",
        "TOOL018",
        on_stream(named_everywhere),
    ),
    defect(
        "call-finishes-with-function-call",
        "finish_reason is function_call, though tool_calls holds the call",
        "TOOL019",
        in_turn(
            each_part(with_fields(finish_reason="function_call"), lambda c: c["finish_reason"] == "tool_calls"),
            each_choice(with_fields(finish_reason="function_call"), lambda c: c["finish_reason"] == "tool_calls"),
        ),
    ),
    defect(
        "call-cut-at-the-cap",
        "A tool call truncated at the token cap has finish_reason tool_calls",
        "TOOL014",
        on_whole(cut_at_the_cap),
    ),
    defect(
        "call-arguments-encoded-twice",
        "Arguments of a non-streaming call are JSON encoded twice",
        "TOOL035",
        each_call(twice_json),
    ),
    defect(
        "call-type-null-later",
        "Later fragments of a call have type null",
        "TOOL032",
        each_fragment(with_fields(type=None), lambda f: "id" not in f),
    ),
    defect(
        "calls-listed-empty",
        "Responses without a tool call have an empty tool_calls list, in both modes",
        "TOOL034",
        in_turn(
            each_delta(with_fields(tool_calls=[]), lambda delta: delta.get("content")),
            each_message(lambda message: {"tool_calls": []} | message),
        ),
    ),
)
