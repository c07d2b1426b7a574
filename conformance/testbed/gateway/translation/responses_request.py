"""A Responses request as one of Chat Completions."""

from typing import Any, Final

from conformance.parsing.json_values import as_array, as_object
from conformance.testbed.gateway.translation.failures import refusal
from conformance.testbed.gateway.translation.fields import Body, has_effect, refuse_others, renamed

SAME: Final = (
    *("model", "temperature", "top_p", "stream", "parallel_tool_calls", "user", "safety_identifier"),
    *("prompt_cache_key", "metadata", "store", "service_tier", "top_logprobs"),
)
OTHERS: Final = (
    *("input", "instructions", "tools", "tool_choice", "max_output_tokens", "text", "reasoning"),
    *("stream_options",),
)


def chat_request(body: Body) -> Body:
    """The request for a chat upstream. Raises FailedError for what has no counterpart."""
    refuse_others(body, (*SAME, *OTHERS))
    given = body.get("input") or []
    items = [{"role": "user", "content": given}] if isinstance(given, str) else given
    instructions = [{"role": "system", "content": body["instructions"]}] if body.get("instructions") else []
    return {
        **renamed(body, {name: name for name in SAME if has_effect(name, body.get(name))}),
        **({"logprobs": True} if body.get("top_logprobs") else {}),
        **renamed(body, {"max_output_tokens": "max_completion_tokens"}),
        "messages": [*instructions, *_messages(items)],
        **_tools(body),
        **_text(as_object(body.get("text"))),
        **_reasoning(as_object(body.get("reasoning"))),
        **({"stream_options": {"include_usage": True}} if body.get("stream") else {}),
    }


def _messages(items: list[Body]) -> list[Body]:
    """The items as messages; calls join the assistant's message right before them."""
    made: list[Body] = []
    for at, item in enumerate(items):
        kind, path = item.get("type") or "message", f"input[{at}]"
        if kind == "message":
            made.append({"role": item["role"], "content": _content(item, path)})
        elif kind == "function_call":
            last = made[-1] if made else {}
            if last.get("role") != "assistant":
                last = {"role": "assistant", "content": None}
                made.append(last)
            last["tool_calls"] = [*last.get("tool_calls", ()), _call(item)]
        elif kind == "function_call_output":
            text = item["output"] if isinstance(item["output"], str) else _result(item["output"], path)
            made.append({"role": "tool", "tool_call_id": item["call_id"], "content": text})
        elif kind != "reasoning":  # which has no place in a chat request
            raise refusal(f"{path}.type")
    return made


def _call(item: Body) -> Body:
    function = {"name": item["name"], "arguments": item["arguments"]}
    return {"id": item["call_id"], "type": "function", "function": function}


def _content(item: Body, path: str) -> Any:
    """A message's content: text, unless there is more."""
    content = item["content"]
    if isinstance(content, str):
        return content
    parts = [_part(part, f"{path}.content[{at}]") for at, part in enumerate(content)]
    only_text = len(parts) == 1 and parts[0]["type"] == "text"
    return parts[0]["text"] if only_text else parts


def _part(part: Body, path: str) -> Body:
    if part["type"] in ("input_text", "output_text"):
        return {"type": "text", "text": part["text"]}
    if part["type"] == "refusal":
        return {"type": "refusal", "refusal": part["refusal"]}
    if part["type"] == "input_image" and part.get("image_url"):
        return {"type": "image_url", "image_url": renamed(part, {"image_url": "url", "detail": "detail"})}
    if part["type"] == "input_file" and (part.get("file_data") or part.get("file_id")):
        names = ("filename", "file_data", "file_id")
        return {"type": "file", "file": renamed(part, {name: name for name in names})}
    raise refusal(f"{path}.type")


def _result(parts: list[Body], path: str) -> str:
    for at, part in enumerate(parts):
        if part["type"] != "input_text":
            raise refusal(f"{path}.output[{at}].type", "can't be in a tool result upstream")
    return "".join(part["text"] for part in parts)


def _tools(body: Body) -> Body:
    tools, choice = as_array(body.get("tools")), body.get("tool_choice")
    for at, tool in enumerate(tools):
        if tool["type"] != "function":
            raise refusal(f"tools[{at}].type")
    fields = {name: name for name in ("name", "description", "parameters", "strict")}
    made: Body = {"tools": [{"type": "function", "function": renamed(tool, fields)} for tool in tools]} if tools else {}
    if isinstance(choice, dict):
        if choice["type"] != "function":
            raise refusal("tool_choice.type")
        choice = {"type": "function", "function": {"name": choice["name"]}}
    return made | ({"tool_choice": choice} if choice and tools else {})


def _text(text: Body) -> Body:
    """Format and length of the response."""
    wanted = as_object(text.get("format"))
    schema = {name: value for name, value in wanted.items() if name != "type"}
    kind = wanted.get("type", "text")
    nested = {"json_schema": schema} if kind == "json_schema" else {}
    made = {"response_format": {"type": kind, **nested}} if kind != "text" else {}
    return made | renamed(text, {"verbosity": "verbosity"})


def _reasoning(reasoning: Body) -> Body:
    if reasoning.get("summary") or reasoning.get("generate_summary"):
        raise refusal("reasoning.summary")
    return renamed(reasoning, {"effort": "reasoning_effort"})
