"""Defects in how the calls of one response are told apart, and in the encoding of their arguments."""

import json
from collections.abc import Iterator

from conformance.testbed.mutations.defects.tool import calls_of, with_calls
from conformance.testbed.mutations.mutate_chat import (
    Body,
    defect,
    each_call,
    each_choice,
    in_turn,
    on_stream,
    with_delta,
)
from conformance.testbed.mutations.mutate_responses import is_call, on_response


def quoted(chunks: list[Body]) -> Iterator[Body]:
    """The fragments of each call's arguments, as the text of one JSON string."""
    open_calls: set[int] = set()
    for chunk in chunks:
        if any(choice["finish_reason"] == "tool_calls" for choice in chunk["choices"]):
            for index in sorted(open_calls):
                yield with_delta(chunk, {"tool_calls": [{"index": index, "function": {"arguments": '"'}}]})
        open_calls |= {call["index"] for call in calls_of(chunk)}
        yield with_calls(chunk, escaped)


def escaped(fragment: Body) -> Body:
    """A fragment whose arguments are a part of a JSON string."""
    function = fragment["function"]
    text = json.dumps(function["arguments"], ensure_ascii=False)[1:-1]
    return fragment | {"function": function | {"arguments": f'"{text}' if "id" in fragment else text}}


def as_python(call: Body) -> Body:
    """A call whose arguments have single quotes, as in a Python dictionary's text."""
    function = call["function"]
    return call | {"function": function | {"arguments": function["arguments"].replace('"', "'")}}


def merged(fragment: Body) -> Body:
    """A fragment of any call as one of the first call."""
    if not fragment["index"]:
        return fragment
    return {"index": 0, "function": {"arguments": fragment["function"]["arguments"]}}


def merged_calls(choice: Body) -> Body:
    """A choice with one call, which has the arguments of all."""
    calls = choice["message"].get("tool_calls") or []
    if len(calls) < 2:
        return choice
    joined = "".join(call["function"]["arguments"] for call in calls)
    one = calls[0] | {"function": calls[0]["function"] | {"arguments": joined}}
    return choice | {"message": choice["message"] | {"tool_calls": [one]}}


def first_call_alone(chunks: list[Body]) -> list[Body]:
    """The chunks without those of the second and further calls."""
    return [chunk for chunk in chunks if not any(call["index"] for call in calls_of(chunk))]


def first_call_kept(choice: Body) -> Body:
    """A choice with at most one call."""
    calls = choice["message"].get("tool_calls")
    return choice | {"message": choice["message"] | {"tool_calls": calls[:1]}} if calls else choice


def stopped_again(chunks: list[Body]) -> Iterator[Body]:
    """A finish_reason `stop` after `tool_calls`."""
    for chunk in chunks:
        yield chunk
        if any(choice["finish_reason"] == "tool_calls" for choice in chunk["choices"]):
            yield with_delta(chunk, {}, "stop")


ARGUMENTS = (
    defect(
        "call-arguments-encoded-twice-when-streaming",
        "Arguments of a streamed call are JSON encoded twice",
        "TOOL035",
        on_stream(quoted),
    ),
    defect(
        "call-arguments-as-python",
        "Arguments of a non-streaming call are a Python dictionary's text, in single quotes",
        "TOOL008",
        each_call(as_python),
    ),
    defect(
        "response-arguments-encoded-twice",
        "Arguments of function calls in a non-streaming response are JSON encoded twice",
        "TOOL035",
        on_response(
            lambda r: (
                r
                | {
                    "output": [
                        item | {"arguments": json.dumps(item["arguments"])} if is_call(item) else item
                        for item in r["output"]
                    ]
                }
            )
        ),
    ),
    defect(
        "parallel-calls-merged",
        "Parallel calls are merged into one, with the arguments of all",
        "TOOL035",
        in_turn(on_stream(lambda chunks: [with_calls(chunk, merged) for chunk in chunks]), each_choice(merged_calls)),
    ),
    defect(
        "second-call-lost-when-streaming",
        "A stream has only the first of several parallel calls",
        "TOOL036",
        on_stream(first_call_alone),
    ),
    defect(
        "second-call-lost-unless-streaming",
        "A non-streaming response has only the first of several parallel calls",
        "TOOL036",
        each_choice(first_call_kept),
    ),
    defect(
        "chunk-stops-after-tool-calls",
        "The finish_reason tool_calls is followed by a second one, stop",
        "TOOL011",
        on_stream(stopped_again),
    ),
)
