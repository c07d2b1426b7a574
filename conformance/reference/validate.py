"""Refuse what an API does not document or this server does not do, naming the field."""

from collections.abc import Iterable, Iterator
from typing import Any

from conformance import schemas
from conformance.reference.refusal import Refusal
from conformance.reference.reply import Asked

CODES = {
    "type": "invalid_type",
    "required": "missing_required_parameter",
    "additionalProperties": "unknown_parameter",
}
"""The envelope's code for a schema keyword that does not hold; for any other it is `invalid_value`."""

LIMITS = {
    "minimum": "must be at least {}",
    "maximum": "must be at most {}",
    "minItems": "must have {} or more items",
    "maxItems": "must have no more than {} items",
    "minLength": "must have {} or more characters",
    "maxLength": "must have no more than {} characters",
    "maxProperties": "must have no more than {} entries",
    "pattern": "must match {}",
}
TYPES: dict[type, str] = {
    dict: "object",
    list: "array",
    str: "string",
    bool: "boolean",
    int: "integer",
    float: "number",
    type(None): "null",
}
LONGEST_NAME = 100

Body = dict[str, Any]


def invalid(asked: Asked) -> Refusal | None:
    """The first thing that is wrong with a request whose body is a JSON object, or None."""
    name = "messages-request" if asked.api == "messages" else "chat-request"
    errors: Iterator[Any] = schemas.validator(name).iter_errors(asked.json)
    refusals = (_refusal(error) for error in errors)
    if any(header == "anthropic-beta" for header, _ in asked.headers):
        refusals = (r for r in refusals if r.code != CODES["additionalProperties"])
    undone = _undone_messages if asked.api == "messages" else _undone_chat
    return next(refusals, None) or next(undone(asked.json), None)


def _refusal(error: Any) -> Refusal:
    """What a schema's error says, naming the field by its path."""
    keyword = str(error.validator)
    names: list[str | int] = list(error.absolute_path)
    if keyword == "required":
        names.append(next(n for n in error.validator_value if n not in error.instance))
    elif keyword == "additionalProperties":
        names.append(next(n for n in error.instance if n not in error.schema["properties"]))
    param = path_of(names)
    message = f"'{param}' {_complaint(keyword, error)}." if names else f"The body {_complaint(keyword, error)}."
    return Refusal(message=message, param=param or None, code=CODES.get(keyword, "invalid_value"))


def path_of(names: Iterable[str | int]) -> str:
    """A field's path as the APIs write it: `tools[0].function.strict`."""
    parts = (f"[{n}]" if isinstance(n, int) else f".{n[:LONGEST_NAME]}" for n in names)
    return "".join(parts).removeprefix(".")


def _complaint(keyword: str, error: Any) -> str:
    if keyword == "required":
        return "is required"
    if keyword == "additionalProperties":
        return "is not a field that this API knows"
    if keyword == "type":
        wanted = error.validator_value
        accepted = " or ".join([wanted] if isinstance(wanted, str) else wanted)
        return f"must be of type {accepted}, not {TYPES[type(error.instance)]}"
    if keyword == "enum":
        return "must be one of " + ", ".join(str(v) for v in error.validator_value if v is not None)
    return LIMITS.get(keyword, "is not acceptable").format(error.validator_value)


def _undone_chat(body: Body) -> Iterator[Refusal]:
    """What is well-formed, and yet not done here or not possible together."""
    undone = ("functions", "function_call", "audio", "prediction", "moderation", "web_search_options")
    yield from (_unsupported(name) for name in undone if body.get(name) is not None)
    if "audio" in (body.get("modalities") or ()):
        yield _unsupported("modalities", "with 'audio' ")
    if body.get("stream_options") is not None and body.get("stream") is not True:
        yield _wrong("stream_options", "may be given only where 'stream' is true")
    if body.get("top_logprobs") and not body.get("logprobs"):
        yield _wrong("top_logprobs", "may be given only where 'logprobs' is true")
    yield from _undone_tools(body)
    yield from _undone_parts(body["messages"], {"text", "refusal"})
    yield from _orphans(body["messages"])


def _undone_tools(body: Body) -> Iterator[Refusal]:
    tools = body.get("tools") or []
    for index, tool in enumerate(tools):
        if tool["type"] == "custom":
            yield _unsupported(f"tools[{index}].custom")
    choice = body.get("tool_choice")
    if choice == "required" and not tools:
        yield _wrong("tool_choice", "may be 'required' only where 'tools' are given")
    if not isinstance(choice, dict):
        return
    if choice["type"] == "custom":
        yield _unsupported("tool_choice.custom")
        return
    offered = {tool["function"]["name"] for tool in tools if tool["type"] == "function"}
    if choice["type"] == "function" and choice["function"]["name"] not in offered:
        yield _wrong("tool_choice.function.name", "names none of the 'tools'")
    if choice["type"] == "allowed_tools":
        for index, tool in enumerate(choice["allowed_tools"]["tools"]):
            function = tool.get("function")
            if not isinstance(function, dict) or function.get("name") not in offered:
                yield _wrong(f"tool_choice.allowed_tools.tools[{index}]", "names none of the 'tools'")


def _undone_parts(messages: list[Body], done: set[str]) -> Iterator[Refusal]:
    for at, message in enumerate(messages):
        content = message.get("content")
        for index, part in enumerate(content if isinstance(content, list) else ()):
            if part["type"] not in done:
                yield _unsupported(f"messages[{at}].content[{index}].type", f"'{part['type']}' ")


def _orphans(messages: list[Body]) -> Iterator[Refusal]:
    """Tool results that answer no call."""
    called: set[str] = set()
    for at, message in enumerate(messages):
        called |= {call["id"] for call in message.get("tool_calls") or ()}
        if message["role"] == "tool" and message["tool_call_id"] not in called:
            yield _wrong(f"messages[{at}].tool_call_id", "answers no call of an earlier message")


def _undone_messages(body: Body) -> Iterator[Refusal]:
    for name in ("mcp_servers", "container", "output_config", "output_format"):
        if body.get(name):
            yield _unsupported(name)
    if (body.get("thinking") or {}).get("budget_tokens", 0) >= body["max_tokens"]:
        yield _wrong("thinking.budget_tokens", "must be less than 'max_tokens'")
    tools = body.get("tools") or []
    for index, tool in enumerate(tools):
        if tool.get("type") not in (None, "custom"):
            yield _unsupported(f"tools[{index}].type", f"'{tool['type']}' ")
    choice = body.get("tool_choice") or {"type": "auto"}
    if choice["type"] == "any" and not tools:
        yield _wrong("tool_choice", "may be 'any' only where 'tools' are given")
    if choice["type"] == "tool" and choice["name"] not in {tool["name"] for tool in tools}:
        yield _wrong("tool_choice.name", "names none of the 'tools'")
    yield from _undone_parts(body["messages"], {"text", "tool_use", "tool_result", "thinking", "redacted_thinking"})


def _wrong(param: str, complaint: str) -> Refusal:
    return Refusal(message=f"'{param}' {complaint}.", param=param, code="invalid_value")


def _unsupported(param: str, detail: str = "") -> Refusal:
    return Refusal(message=f"'{param}' {detail}is not supported here.", param=param, code="unsupported_parameter")
