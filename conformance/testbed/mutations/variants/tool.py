"""Legal variants of tool calls and of tool features."""

import json
from collections.abc import Iterator
from typing import Any

from conformance.testbed.mutations.defects.tool import calls_of
from conformance.testbed.mutations.defects.tool_choice import has_strict_tool, in_function, respelt
from conformance.testbed.mutations.mutate_chat import (
    Body,
    each_call,
    each_choice,
    each_fragment,
    each_message,
    each_part,
    in_turn,
    on_stream,
    variant,
    with_delta,
    with_fields,
)
from conformance.testbed.mutations.mutate_requests import holds, refusal, sent
from conformance.testbed.server.reply import ModelResponse, Mutation, ServerRequest

PREFACE = "I look that up with get_weather."


def ids_repeated(chunks: list[Body]) -> Iterator[Body]:
    """The call's id in every fragment."""
    ids: dict[int, Any] = {}
    for chunk in chunks:
        calls = calls_of(chunk)
        ids |= {call["index"]: call["id"] for call in calls if "id" in call}
        yield (
            with_delta(chunk, {"tool_calls": [call | {"id": ids[call["index"]]} for call in calls]}) if calls else chunk
        )


def prefaced(chunks: list[Body]) -> Iterator[Body]:
    """A text before the first call."""
    is_added = False
    for chunk in chunks:
        if calls_of(chunk) and not is_added:
            is_added = True
            yield with_delta(chunk, {"content": PREFACE})
        yield chunk


def spaced(text: str) -> str:
    """Complete arguments as JSON with whitespace, newlines and escapes."""
    try:
        return json.dumps(json.loads(text), indent=2)
    except ValueError:
        return text


def is_cut_call(choice: Body) -> bool:
    """Whether the token cap cut a choice off within its call."""
    return choice["finish_reason"] == "length" and bool(choice["message"].get("tool_calls"))


def cut_call_as_text(choice: Body) -> Body:
    """A choice with its incomplete call as the model wrote it: a parser of complete calls finds none."""
    function = choice["message"]["tool_calls"][0]["function"]
    text = f'<tool_call>\n{{"name": "{function["name"]}", "arguments": {function["arguments"]}'
    message = {name: value for name, value in choice["message"].items() if name != "tool_calls"}
    return choice | {"message": message | {"content": text}}


def stopping(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """finish_reason stop where a tool was named, as in the reference API."""
    if not holds("tool_choice", dict)(request):
        return response
    edit = with_fields(finish_reason="stop")
    ends = in_turn(
        each_part(edit, lambda choice: choice["finish_reason"] == "tool_calls"),
        each_choice(edit, lambda choice: choice["finish_reason"] == "tool_calls"),
    )
    return ends(response, request)


def free_choice_only(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """Reject every tool_choice but auto, by name."""
    choice = sent(request).get("tool_choice")
    if choice in (None, "auto") or response.status >= 400 or request.api != "chat":
        return response
    return refusal(400, "'tool_choice' is not supported.", param="tool_choice", code="unsupported_parameter")


def no_none(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """Reject `tool_choice: none` by name."""
    if response.status >= 400 or sent(request).get("tool_choice") != "none":
        return response
    return refusal(400, "'tool_choice' may not be 'none'.", param="tool_choice", code="invalid_value")


def not_strict(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """Reject strict tools by name."""
    if response.status >= 400 or request.api != "chat" or not has_strict_tool(request):
        return response
    param = "tools[0].function.strict"
    return refusal(400, f"'{param}' is not supported.", param=param, code="unsupported_parameter")


TOOL_VARIANTS = (
    variant("call-id-repeated", "Every fragment of a call repeats its id", on_stream(ids_repeated)),
    variant(
        "call-name-null-later",
        "Later fragments of a call have name null",
        each_fragment(in_function(with_fields(name=None)), lambda fragment: "id" not in fragment),
    ),
    variant(
        "call-id-null-later",
        "Later fragments of a call have id null, as SGLang sends them",
        each_fragment(with_fields(id=None), lambda fragment: "id" not in fragment),
    ),
    variant(
        "content-beside-calls",
        "There is text before the tool calls",
        in_turn(on_stream(prefaced), each_message(lambda m: m | {"content": PREFACE} if m.get("tool_calls") else m)),
    ),
    variant(
        "cut-call-as-text",
        "A non-streaming call that the token cap cut off is sent as text, as vLLM sends it",
        each_choice(cut_call_as_text, is_cut_call),
    ),
    variant("call-arguments-spaced", "Arguments are JSON with whitespace and escapes", each_call(respelt(spaced))),
    Mutation(
        name="named-call-finishes-with-stop",
        title="A named tool call has finish_reason stop, as in the reference API",
        on_response=stopping,
    ),
    Mutation(
        name="tool-choice-not-offered",
        title="Every tool_choice but auto is rejected by name",
        on_response=free_choice_only,
    ),
    Mutation(name="tool-choice-none-not-offered", title="`tool_choice: none` is rejected by name", on_response=no_none),
    Mutation(name="strict-not-offered", title="Strict tools are rejected by name", on_response=not_strict),
)
