"""A Chat Completions request as one of Messages, and as one of Responses."""

import json
from collections.abc import Iterator
from typing import Any, Final

from conformance.parsing.json_values import as_array, as_object
from conformance.testbed.gateway.translation.failures import refusal
from conformance.testbed.gateway.translation.fields import Body, refuse_others, renamed

SHARED: Final = {"model": "model", "temperature": "temperature", "top_p": "top_p", "stream": "stream"}
READ: Final = (
    *("messages", "tools", "tool_choice", "parallel_tool_calls", "max_tokens", "max_completion_tokens"),
    *("stream_options", "response_format", "user", "safety_identifier", "reasoning_effort"),
)
"""Fields that both lanes translate by themselves."""
INSTRUCTIONS: Final = ("system", "developer")
CHOICES: Final = {"auto": "auto", "required": "any", "none": "none"}
USUAL_CAP: Final = 4096
"""Messages requires a cap, Chat Completions does not."""
HOTTEST: Final = 1
"""The highest temperature of Messages."""


def messages_request(body: Body) -> Body:
    """The request for a Messages upstream. Raises FailedError for what has no counterpart."""
    refuse_others(body, (*SHARED, *READ, "stop"))
    if (body.get("temperature") or 0) > HOTTEST:
        raise refusal("temperature", f"is above {HOTTEST}, the most that the upstream takes")
    stop = body.get("stop")
    system = [text for m in body["messages"] if m["role"] in INSTRUCTIONS for text in texts_of(m["content"])]
    user = body.get("safety_identifier") or body.get("user")
    return {
        **renamed(body, SHARED),
        "max_tokens": _cap(body) or USUAL_CAP,
        **({"system": "\n\n".join(system)} if system else {}),
        "messages": list(_merged(_turns(body["messages"]))),
        **({"stop_sequences": [stop] if isinstance(stop, str) else stop} if stop else {}),
        **_messages_tools(body),
        **_output(body),
        **({"metadata": {"user_id": user}} if user else {}),
    }


def _cap(body: Body) -> int | None:
    caps = [body[name] for name in ("max_tokens", "max_completion_tokens") if body.get(name) is not None]
    return min(caps, default=None)


def texts_of(content: Any) -> list[str]:
    """The texts of a message's content."""
    return [content] if isinstance(content, str) else [part["text"] for part in as_array(content)]


def _turns(messages: list[Body]) -> Iterator[Body]:
    """Each message that is no instruction, with content blocks."""
    for at, message in enumerate(messages):
        path = f"messages[{at}]"
        if message["role"] == "user":
            yield {"role": "user", "content": _blocks(message["content"], path)}
        elif message["role"] == "tool":
            text = "".join(texts_of(message["content"]))
            block = {"type": "tool_result", "tool_use_id": message["tool_call_id"], "content": text}
            yield {"role": "user", "content": [block]}
        elif message["role"] == "assistant":
            yield {"role": "assistant", "content": [*_texts(message, path), *_calls(message, path)]}
        elif message["role"] not in INSTRUCTIONS:
            raise refusal(f"{path}.role")


def _merged(turns: Iterator[Body]) -> Iterator[Body]:
    """Neighbours of one role as one message: results of parallel calls belong together."""
    held: Body | None = None
    for turn in turns:
        if held and held["role"] == turn["role"]:
            held = held | {"content": [*held["content"], *turn["content"]]}
            continue
        if held:
            yield held
        held = turn
    if held:
        yield held


def _blocks(content: Any, path: str) -> list[Body]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return [_block(part, f"{path}.content[{at}]") for at, part in enumerate(content)]


def _block(part: Body, path: str) -> Body:
    if part["type"] == "text":
        return {"type": "text", "text": part["text"]}
    if part["type"] == "image_url":
        return {"type": "image", "source": _source(part["image_url"]["url"])}
    if part["type"] == "file" and part["file"].get("file_data"):
        return {"type": "document", "source": _source(part["file"]["file_data"])}
    raise refusal(f"{path}.type")


def _source(url: str) -> Body:
    if not url.startswith("data:"):
        return {"type": "url", "url": url}
    kind, _, data = url.removeprefix("data:").partition(";base64,")
    return {"type": "base64", "media_type": kind, "data": data}


def _texts(message: Body, path: str) -> list[Body]:
    """The texts of an assistant's message, and its refusal; a block can't be empty."""
    if message.get("function_call") or message.get("audio"):
        raise refusal(f"{path}.{'audio' if message.get('audio') else 'function_call'}")
    content = message.get("content")
    texts = [content] if isinstance(content, str) else [p.get("text") or p.get("refusal") for p in as_array(content)]
    return [{"type": "text", "text": text} for text in (*texts, message.get("refusal")) if text]


def _calls(message: Body, path: str) -> Iterator[Body]:
    for at, call in enumerate(as_array(message.get("tool_calls"))):
        place = f"{path}.tool_calls[{at}]"
        if call["type"] != "function":
            raise refusal(f"{place}.type")
        try:
            arguments = json.loads(call["function"]["arguments"] or "{}")
        except ValueError:
            raise refusal(f"{place}.function.arguments", "is not JSON, which the upstream's API requires") from None
        yield {"type": "tool_use", "id": call["id"], "name": call["function"]["name"], "input": arguments}


def functions_of(body: Body) -> list[Body]:
    """The functions that may be called. Raises FailedError for a tool of another type."""
    tools = as_array(body.get("tools"))
    for at, tool in enumerate(tools):
        if tool["type"] != "function":
            raise refusal(f"tools[{at}].type")
    return [tool["function"] for tool in tools]


def _messages_tools(body: Body) -> Body:
    functions = functions_of(body)
    tools = [
        {
            "name": function["name"],
            **renamed(function, {"description": "description", "strict": "strict"}),
            "input_schema": function.get("parameters") or {"type": "object", "properties": {}},
        }
        for function in functions
    ]
    choice = body.get("tool_choice") or ("auto" if tools else None)
    alone = {"disable_parallel_tool_use": True} if body.get("parallel_tool_calls") is False else {}
    if isinstance(choice, dict):
        if choice["type"] != "function":
            raise refusal("tool_choice.type")
        made: Body = {"type": "tool", "name": choice["function"]["name"]}
    else:
        made = {"type": CHOICES[choice]} if choice and (alone or choice != "auto") else {}
    return {**({"tools": tools} if tools else {}), **({"tool_choice": made | alone} if made else {})}


def _output(body: Body) -> Body:
    """Format and effort of the output."""
    wanted = as_object(body.get("response_format"))
    if wanted.get("type") == "json_object":
        raise refusal("response_format.type", "'json_object' has no counterpart in the upstream's API")
    schema = as_object(wanted.get("json_schema")).get("schema")
    form = {"format": {"type": "json_schema", "schema": schema}} if wanted.get("type") == "json_schema" else {}
    config = form | renamed(body, {"reasoning_effort": "effort"})
    return {"output_config": config} if config else {}


# To Responses

RESPONSES: Final = SHARED | {
    name: name
    for name in (
        *("user", "safety_identifier", "prompt_cache_key", "metadata", "store", "service_tier"),
        "parallel_tool_calls",
    )
}


def responses_request(body: Body) -> Body:
    """The request for a Responses upstream. Raises FailedError for what has no counterpart."""
    refuse_others(body, (*RESPONSES, *READ, "verbosity"))
    cap = _cap(body)
    text = _text_format(as_object(body.get("response_format"))) | renamed(body, {"verbosity": "verbosity"})
    effort = renamed(body, {"reasoning_effort": "effort"})
    return {
        **renamed(body, RESPONSES),
        "input": [item for at, m in enumerate(body["messages"]) for item in _items(m, f"messages[{at}]")],
        **({"max_output_tokens": cap} if cap is not None else {}),
        **({"text": text} if text else {}),
        **({"reasoning": effort} if effort else {}),
        **_responses_tools(body),
    }


def _items(message: Body, path: str) -> Iterator[Body]:
    role = message["role"]
    if role == "tool":
        text = "".join(texts_of(message["content"]))
        yield {"type": "function_call_output", "call_id": message["tool_call_id"], "output": text}
    elif role == "assistant":
        parts = [{"type": "output_text", "text": block["text"], "annotations": []} for block in _texts(message, path)]
        if parts:
            yield {"type": "message", "role": role, "content": parts}
        for call in as_array(message.get("tool_calls")):
            yield {"type": "function_call", "call_id": call["id"], **call["function"]}
    elif role == "function":
        raise refusal(f"{path}.role")
    else:
        content = message["content"]
        parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
        made = [_input_part(part, f"{path}.content[{at}]") for at, part in enumerate(parts)]
        yield {"type": "message", "role": role, "content": made}


def _input_part(part: Body, path: str) -> Body:
    if part["type"] == "text":
        return {"type": "input_text", "text": part["text"]}
    if part["type"] == "image_url":
        return {"type": "input_image", "image_url": part["image_url"]["url"], "detail": "auto"} | renamed(
            part["image_url"], {"detail": "detail"}
        )
    if part["type"] == "file":
        return {"type": "input_file", **part["file"]}
    raise refusal(f"{path}.type")


def _text_format(wanted: Body) -> Body:
    if not wanted:
        return {}
    return {"format": {"type": wanted["type"], **as_object(wanted.get("json_schema"))}}


def _responses_tools(body: Body) -> Body:
    tools = [{"type": "function", "strict": False, "parameters": None, **f} for f in functions_of(body)]
    choice = body.get("tool_choice")
    if isinstance(choice, dict):
        if choice["type"] != "function":
            raise refusal("tool_choice.type")
        choice = {"type": "function", "name": choice["function"]["name"]}
    return {**({"tools": tools} if tools else {}), **({"tool_choice": choice} if choice else {})}
