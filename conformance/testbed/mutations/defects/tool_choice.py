"""Defects in the effect of tool_choice: forbidden calls, wrong calls, malformed calls."""

from collections.abc import Callable, Iterator
from typing import Any

from conformance import schemas
from conformance.testbed.mutations.defects.fld import all_of, dropped, has_value
from conformance.testbed.mutations.defects.tool import calls_of, goes_on, with_calls
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
    with_delta,
    with_fields,
    without_fields,
)
from conformance.testbed.mutations.mutate_requests import dropping, holds, rewriting, streaming
from conformance.testbed.server.reply import Mutation, OnResponse, ServerRequest


def in_function(edit: Callable[[Body], Body]) -> Edit:
    """Edit the function of a call or fragment, where it has one."""
    return lambda call: call | {"function": edit(call["function"])} if "function" in call else call


def everywhere(edit: Edit) -> OnResponse:
    """Edit every fragment, and every non-streaming call."""
    return in_turn(each_fragment(edit), each_call(edit))


def prefixed(function: Body) -> Body:
    """The function name with a chat template's prefix."""
    return function | {"name": f"functions.{function['name']}"} if function.get("name") else function


def respelt(spell: Callable[[str], str]) -> Edit:
    """Edit the arguments."""
    return in_function(lambda function: function | {"arguments": spell(function.get("arguments", ""))})


def as_latin_1(text: str) -> str:
    """UTF-8 decoded as Latin-1."""
    return text.encode().decode("latin-1")


def replaced(text: str) -> str:
    """Non-ASCII characters replaced, as if decoded byte by byte."""
    return "".join(letter if letter.isascii() else "\ufffd" for letter in text)


def as_text(call: Body) -> str:
    """A call in the model's template format."""
    function = call["function"]
    return f'<tool_call>\n{{"name": "{function["name"]}", "arguments": {function["arguments"]}}}\n</tool_call>'


def leaking(chunks: list[Body]) -> Iterator[Body]:
    """Each call as text, before the call itself."""
    for chunk in chunks:
        for call in calls_of(chunk):
            if "id" in call:
                yield with_delta(chunk, {"content": as_text(call)})
        yield chunk


def leaking_whole(message: Body) -> Body:
    """A message with its calls, and with their text."""
    calls = message.get("tool_calls") or []
    return message | {"content": "".join(map(as_text, calls))} if calls else message


def unparsed(choice: Body) -> Body:
    """A choice whose calls are left in the text, unparsed."""
    message = leaking_whole(choice["message"])
    return choice | {"message": {k: v for k, v in message.items() if k != "tool_calls"}, "finish_reason": "stop"}


def json_as_call(choice: Body) -> Body:
    """A choice with its JSON text turned into a tool call."""
    function = {"name": "json", "arguments": choice["message"]["content"]}
    call = {"id": "call_json", "type": "function", "function": function}
    return choice | {
        "message": choice["message"] | {"content": None, "tool_calls": [call]},
        "finish_reason": "tool_calls",
    }


def unconstrained(body: Body) -> Body:
    """A body whose strict tools accept any object."""
    tools = [_opened(tool) if tool["function"].get("strict") else tool for tool in body["tools"]]
    return body | {"tools": tools}


def _opened(tool: Body) -> Body:
    return tool | {"function": tool["function"] | {"parameters": {"type": "object"}}}


def has_strict_tool(request: Any) -> bool:
    """Whether a valid strict tool is offered."""
    tools = request.json.get("tools")
    functions = [tool.get("function") for tool in tools if isinstance(tool, dict)] if isinstance(tools, list) else []
    return any(isinstance(function, dict) and function.get("strict") is True for function in functions)


def without_arguments(chunks: list[Body]) -> Iterator[Body]:
    """No fragment with arguments where a function takes none."""
    for chunk in chunks:
        if not (goes_on(chunk) and all(call["function"].get("arguments") == "{}" for call in calls_of(chunk))):
            yield chunk


def called_complete(chunks: list[Body]) -> Iterator[Body]:
    """tool_calls instead of length, where a call has begun."""
    begun = any(map(calls_of, chunks))
    for chunk in chunks:
        cut = begun and any(choice["finish_reason"] == "length" for choice in chunk["choices"])
        yield with_delta(chunk, {}, finish="tool_calls") if cut else chunk


def with_marks(chunks: list[Body]) -> Iterator[Body]:
    """The template's call marker as text, before each call."""
    for chunk in chunks:
        if any(fragment.get("id") for fragment in calls_of(chunk)):
            yield with_delta(chunk, {"content": "<tool_call>"})
        yield chunk


def is_forced(request: ServerRequest) -> bool:
    """A valid request that requires a call."""
    choice = request.json.get("tool_choice")
    requires = choice == "required" or isinstance(choice, dict)
    return requires and schemas.validator("chat-request").is_valid(request.json)


def talkative(body: Body) -> Body:
    """A body without its tools, for a long text."""
    rest = {name: value for name, value in body.items() if name not in ("tools", "tool_choice", "parallel_tool_calls")}
    return rest | {"messages": [{"role": "user", "content": "Count from one to ninety-nine in words."}]}


def calls_freely(request: ServerRequest) -> bool:
    """Whether tools are offered, and the model may choose whether to call one."""
    return bool(holds("tools", list)(request)) and request.json.get("tool_choice", "auto") == "auto"


def freely_called(edit: OnResponse) -> OnResponse:
    """Edit the responses to requests that offer tools and do not require a call."""
    return lambda response, request: edit(response, request) if calls_freely(request) else response


stopped = each_part(with_fields(finish_reason="stop"), lambda choice: choice["finish_reason"] == "tool_calls")


CHOICE_DEFECTS = (
    Mutation(
        name="types-tools-reads-none",
        title="`tools` and `tool_choice` are validated, then ignored: the model writes text up to its token cap",
        caught_by="FLD012",
        on_request=rewriting(talkative, is_forced),
    ),
    dropped(
        "tool-choice-none-ignored",
        "`tool_choice: none` is silently ignored",
        "TOOL020",
        "tool_choice",
        where=has_value("tool_choice", "none"),
    ),
    dropped(
        "tool-choice-none-ignored-when-streaming",
        "`tool_choice: none` is silently ignored when streaming",
        "TOOL020",
        "tool_choice",
        where=all_of(streaming, has_value("tool_choice", "none")),
    ),
    defect(
        "json-taken-for-a-call",
        "JSON text is treated as a tool call, though no tool is offered",
        "TOOL020",
        each_choice(json_as_call, lambda choice: (choice["message"]["content"] or "").startswith("{")),
    ),
    Mutation(
        name="named-tool-ignored",
        title="A named tool_choice is treated as `required`",
        caught_by="TOOL021",
        on_request=rewriting(with_fields(tool_choice="required"), holds("tool_choice", dict)),
    ),
    dropped(
        "named-tool-forgotten",
        "A named tool_choice and the tools are silently ignored",
        "TOOL021",
        "tools",
        "tool_choice",
        where=holds("tool_choice", dict),
    ),
    dropped(
        "parallel-tool-calls-ignored",
        "`parallel_tool_calls: false` is silently ignored",
        "TOOL022",
        "parallel_tool_calls",
        where=has_value("parallel_tool_calls", value=False),
    ),
    defect(
        "call-name-with-prefix",
        "The function name has a chat template's prefix",
        "TOOL023",
        everywhere(in_function(prefixed)),
    ),
    defect(
        "call-leaks-as-text",
        "Tool calls are repeated as text",
        "TOOL024",
        in_turn(on_stream(leaking), each_message(leaking_whole)),
    ),
    defect(
        "call-not-parsed",
        "Non-streaming tool calls are sent as text only",
        "TOOL024",
        each_choice(unparsed, lambda choice: choice["message"].get("tool_calls")),
    ),
    Mutation(
        name="strict-ignored",
        title="The schema of a strict tool is not enforced",
        caught_by="TOOL025",
        on_request=rewriting(unconstrained, has_strict_tool),
    ),
    defect(
        "call-read-as-latin-1",
        "The arguments' UTF-8 is decoded as Latin-1",
        "TOOL026",
        everywhere(respelt(as_latin_1)),
    ),
    defect(
        "call-decoded-octet-by-octet",
        "Non-ASCII characters of streamed arguments are replaced",
        "TOOL026",
        each_fragment(respelt(replaced)),
    ),
    defect(
        "call-arguments-blank",
        "Arguments are an empty string where a function takes none",
        "TOOL008",
        in_turn(on_stream(without_arguments), each_call(respelt(lambda text: "" if text == "{}" else text))),
    ),
    defect(
        "cut-call-finishes-with-tool-calls",
        "A streamed tool call truncated at the token cap has finish_reason tool_calls",
        "TOOL014",
        on_stream(called_complete),
    ),
    defect(
        "parallel-calls-at-index-0",
        "All tool calls of a completion have index 0",
        "TOOL009",
        on_stream(lambda chunks: [with_calls(chunk, with_fields(index=0)) for chunk in chunks]),
    ),
    Mutation(
        name="named-tool-ignored-when-streaming",
        title="A named tool_choice is treated as `required` when streaming",
        caught_by="TOOL021",
        on_request=rewriting(with_fields(tool_choice="required"), all_of(streaming, holds("tool_choice", dict))),
    ),
    dropped(
        "tool-choice-none-ignored-in-a-history",
        "`tool_choice: none` is silently ignored after an earlier tool result",
        "TOOL020",
        "tool_choice",
        where=lambda request: b'"role": "tool"' in request.body or b'"role":"tool"' in request.body,
    ),
    defect(
        "call-goes-on-as-the-first",
        "The second call's arguments have the first call's index",
        "TOOL015",
        each_fragment(with_fields(index=0), lambda fragment: fragment["index"] > 0 and "id" not in fragment),
    ),
    defect("call-mark-leaks-as-text", "Tool call markers leak into the text", "TOOL024", on_stream(with_marks)),
    Mutation(
        name="call-lost-when-streaming",
        title="A stream has neither the tool call nor text, if the model may choose whether to call",
        caught_by="CMP014",
        on_response=freely_called(in_turn(each_delta(without_fields("tool_calls")), stopped)),
    ),
    Mutation(
        name="call-replaced-when-streaming",
        title="A stream has text instead of the tool call, if the model may choose whether to call",
        caught_by="TOOL031",
        on_request=dropping("tools", where=all_of(streaming, calls_freely)),
    ),
)
