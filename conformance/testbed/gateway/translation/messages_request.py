"""A Messages request as one of Chat Completions."""

import json
from collections.abc import Iterator
from typing import Any, Final

from conformance.parsing.json_values import as_array, as_object
from conformance.testbed.gateway.translation.failures import refusal
from conformance.testbed.gateway.translation.fields import Body, refuse_others, renamed

RENAMED: Final = {
    "model": "model",
    "max_tokens": "max_tokens",
    "temperature": "temperature",
    "top_p": "top_p",
    "stop_sequences": "stop",
    "stream": "stream",
}
OTHERS: Final = ("messages", "system", "tools", "tool_choice", "metadata", "output_config", "thinking")
CHOICES: Final = {"auto": "auto", "any": "required", "none": "none"}
MOST_STOPS: Final = 4
"""Chat Completions takes no more stop sequences."""
EFFORTS: Final = ((4096, "low"), (16384, "medium"))
"""The effort for budgets of thinking up to a number of tokens; `high` for larger ones."""


def chat_request(body: Body) -> Body:
    """The request for a chat upstream. Raises FailedError for what has no counterpart."""
    refuse_others(body, (*RENAMED, *OTHERS))
    if len(as_array(body.get("stop_sequences"))) > MOST_STOPS:
        raise refusal("stop_sequences", f"has more than {MOST_STOPS} entries, the most that the upstream takes")
    system = [{"role": "system", "content": _joined(body["system"])}] if body.get("system") else []
    messages = [*system, *(made for at, m in enumerate(body["messages"]) for made in _messages(m, f"messages[{at}]"))]
    user = as_object(body.get("metadata")).get("user_id")
    return {
        **renamed(body, RENAMED),
        "messages": messages,
        **_tools(body),
        **_output(as_object(body.get("output_config"))),
        **_thinking(as_object(body.get("thinking"))),
        **({"user": user} if user else {}),
        **({"stream_options": {"include_usage": True}} if body.get("stream") else {}),
    }


def _joined(content: Any) -> str:
    """Text, or text blocks, as one text."""
    return content if isinstance(content, str) else "\n\n".join(block["text"] for block in content)


def _messages(message: Body, path: str) -> Iterator[Body]:
    """A message as one or more: tool results become messages of their own, before the text beside them."""
    content = message["content"]
    blocks: list[Body] = [{"type": "text", "text": content}] if isinstance(content, str) else content
    if message["role"] == "assistant":
        yield _assistant(blocks, path)
        return
    for at, block in enumerate(blocks):
        if block["type"] == "tool_result":
            result = _result(block, f"{path}.content[{at}]")
            yield {"role": "tool", "tool_call_id": block["tool_use_id"], "content": result}
    parts = [_part(b, f"{path}.content[{at}]") for at, b in enumerate(blocks) if b["type"] != "tool_result"]
    if parts:
        only_text = len(parts) == 1 and parts[0]["type"] == "text"
        yield {"role": "user", "content": parts[0]["text"] if only_text else parts}


def _result(block: Body, path: str) -> str:
    content = block.get("content") or ""
    if isinstance(content, str):
        return content
    for at, part in enumerate(content):
        if part["type"] != "text":
            raise refusal(f"{path}.content[{at}].type", "can't be in a tool result upstream")
    return _joined(content)


def _part(block: Body, path: str) -> Body:
    source = as_object(block.get("source"))
    if block["type"] == "text":
        return {"type": "text", "text": block["text"]}
    if block["type"] == "image" and source.get("type") in ("base64", "url"):
        inline = f"data:{source.get('media_type')};base64,{source.get('data')}"
        url = inline if source["type"] == "base64" else source["url"]
        return {"type": "image_url", "image_url": {"url": url}}
    if block["type"] == "document" and source.get("type") == "base64":
        data = f"data:{source['media_type']};base64,{source['data']}"
        return {"type": "file", "file": {"filename": block.get("title") or "document.pdf", "file_data": data}}
    raise refusal(f"{path}.type")


def _assistant(blocks: list[Body], path: str) -> Body:
    """An assistant's message; its thinking has no place in a chat request."""
    texts, calls = [], []
    for at, block in enumerate(blocks):
        if block["type"] == "text":
            texts.append(block["text"])
        elif block["type"] == "tool_use":
            arguments = json.dumps(block["input"], ensure_ascii=False, separators=(",", ":"))
            function = {"name": block["name"], "arguments": arguments}
            calls.append({"id": block["id"], "type": "function", "function": function})
        elif block["type"] not in ("thinking", "redacted_thinking"):
            raise refusal(f"{path}.content[{at}].type")
    content = "\n\n".join(texts) if texts else None if calls else ""
    return {"role": "assistant", "content": content, **({"tool_calls": calls} if calls else {})}


def _tools(body: Body) -> Body:
    tools = as_array(body.get("tools"))
    for at, tool in enumerate(tools):
        if tool.get("type") not in (None, "custom"):
            raise refusal(f"tools[{at}].type")
    choice = as_object(body.get("tool_choice"))
    made: Body = {"tools": [{"type": "function", "function": _function(tool)} for tool in tools]} if tools else {}
    if choice.get("type") == "tool":
        made["tool_choice"] = {"type": "function", "function": {"name": choice["name"]}}
    elif choice:
        made["tool_choice"] = CHOICES[choice["type"]]
    return made | ({"parallel_tool_calls": False} if choice.get("disable_parallel_tool_use") else {})


def _function(tool: Body) -> Body:
    described = renamed(tool, {"description": "description", "strict": "strict"})
    return {"name": tool["name"], **described, "parameters": tool["input_schema"]}


def _output(config: Body) -> Body:
    """Format and effort of the output."""
    refuse_others({f"output_config.{name}": value for name, value in config.items()}, OUTPUT)
    wanted = as_object(config.get("format"))
    schema = {"name": "output", "schema": wanted.get("schema"), "strict": True}
    made = {"response_format": {"type": "json_schema", "json_schema": schema}} if wanted else {}
    return made | renamed(config, {"effort": "reasoning_effort"})


OUTPUT: Final = ("output_config.format", "output_config.effort")


def _thinking(thinking: Body) -> Body:
    budget = thinking.get("budget_tokens")
    if thinking.get("type") != "enabled" or not isinstance(budget, int):
        return {}
    return {"reasoning_effort": next((word for most, word in EFFORTS if budget <= most), "high")}
