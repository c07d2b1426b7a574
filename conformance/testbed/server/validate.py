"""Reject what an API does not document or this server does not support, naming the field."""

import json
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Any

from conformance import schemas
from conformance.model.words import Api
from conformance.testbed.server.refusal import Refusal
from conformance.testbed.server.reply import ServerRequest
from conformance.testbed.server.seal import unseal

CODES = {
    "type": "invalid_type",
    "required": "missing_required_parameter",
    "additionalProperties": "unknown_parameter",
}
"""The error code for a failed schema keyword; `invalid_value` for any other."""

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
CONTENT_FIELDS = ("content", "tool_calls", "function_call", "refusal", "audio")
"""Fields of an assistant message of which at least one must be set."""

Body = dict[str, Any]


def invalid(request: ServerRequest) -> Refusal | None:
    """The first error of a request whose body is a JSON object, or None."""
    has_beta = any(header == "anthropic-beta" for header, _ in request.headers)
    return _first_error(request.api or "chat", json.dumps(request.json), has_beta)


@lru_cache(maxsize=2048)
def _first_error(api: Api, body: str, has_beta: bool) -> Refusal | None:  # noqa: FBT001 - a key of the cache
    """As `invalid`, for a body as JSON text; cached because clients repeat bodies and schema validation is slow."""
    value = json.loads(body)
    errors: Iterator[Any] = schemas.validator(f"{api}-request").iter_errors(value)
    refusals = (_refusal(error) for error in errors)
    if has_beta:
        refusals = (r for r in refusals if r.code != CODES["additionalProperties"])
    return next(refusals, None) or next(NOT_IMPLEMENTED[api](value), None)


def _refusal(error: Any) -> Refusal:
    """A schema error as a refusal that names the field by its path."""
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


def _unsupported_chat(body: Body) -> Iterator[Refusal]:
    """Valid fields that are not supported here or not possible together."""
    undone = ("functions", "function_call", "audio", "prediction", "moderation", "web_search_options")
    yield from (_unsupported(name) for name in undone if body.get(name) is not None)
    if "audio" in (body.get("modalities") or ()):
        yield _unsupported("modalities", "with 'audio' ")
    if body.get("stream_options") is not None and body.get("stream") is not True:
        yield _wrong("stream_options", "may be given only where 'stream' is true")
    if body.get("top_logprobs") and not body.get("logprobs"):
        yield _wrong("top_logprobs", "may be given only where 'logprobs' is true")
    yield from _unsupported_tools(body)
    yield from _unsupported_parts(body["messages"], {"text", "refusal"})
    yield from _orphans(body["messages"])


def _unsupported_tools(body: Body) -> Iterator[Refusal]:
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


def _unsupported_parts(messages: list[Body], done: set[str]) -> Iterator[Refusal]:
    for at, message in enumerate(messages):
        content = message.get("content")
        for index, part in enumerate(content if isinstance(content, list) else ()):
            if part["type"] not in done:
                yield _unsupported(f"messages[{at}].content[{index}].type", f"'{part['type']}' ")


def _orphans(messages: list[Body]) -> Iterator[Refusal]:
    """Tool results without a call, calls without a result, and empty assistant messages."""
    waiting: set[str] = set()
    for at, message in enumerate(messages):
        if message["role"] == "tool":
            if message["tool_call_id"] not in waiting:
                yield _wrong(f"messages[{at}].tool_call_id", "matches no call of the message before the results")
            waiting.discard(message["tool_call_id"])
            continue
        if waiting:
            yield _wrong(f"messages[{at}].role", "must be 'tool', as long as a call has no result")
        waiting = {call["id"] for call in message.get("tool_calls") or ()}
        if message["role"] == "assistant" and not any(message.get(name) is not None for name in CONTENT_FIELDS):
            yield _wrong(f"messages[{at}].content", "is required where nothing is called or refused")
    if waiting:
        yield _wrong("messages", "must go on with the results of all calls")


def _unsupported_messages(body: Body) -> Iterator[Refusal]:
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
    yield from _unsupported_parts(
        body["messages"], {"text", "tool_use", "tool_result", "thinking", "redacted_thinking"}
    )


def _unsupported_responses(body: Body) -> Iterator[Refusal]:
    undone = ("background", "conversation", "context_management", "include", "moderation", "prompt", "top_logprobs")
    yield from (_unsupported(name) for name in undone if body.get(name))
    for name in ("previous_response_id", "store"):
        if body.get(name):
            yield _unsupported(name, "needs stored responses, and nothing is stored here: it ")
    if body.get("truncation") == "auto":
        yield _unsupported("truncation", "'auto' ")
    if body.get("input") is None:
        yield Refusal(message="'input' is required.", param="input", code="missing_required_parameter")
    if body.get("stream_options") is not None and body.get("stream") is not True:
        yield _wrong("stream_options", "may be given only where 'stream' is true")
    yield from _unsupported_tools_of_responses(body)
    yield from _unsupported_items(body)


def _unsupported_tools_of_responses(body: Body) -> Iterator[Refusal]:
    tools = body.get("tools") or []
    for index, tool in enumerate(tools):
        if tool["type"] != "function":
            yield _unsupported(f"tools[{index}].type", f"'{tool['type'][:40]}' ")
    choice = body.get("tool_choice")
    if choice == "required" and not tools:
        yield _wrong("tool_choice", "may be 'required' only where 'tools' are given")
    if isinstance(choice, dict) and choice["type"] != "function":
        yield _unsupported("tool_choice.type", f"'{choice['type'][:40]}' ")
    elif isinstance(choice, dict) and choice.get("name") not in {tool.get("name") for tool in tools}:
        yield _wrong("tool_choice.name", "names none of the 'tools'")


SUPPORTED_ITEMS = ("message", "function_call", "function_call_output", "reasoning", "compaction")
SUPPORTED_PARTS = ("input_text", "output_text", "refusal")


def _unsupported_items(body: Body) -> Iterator[Refusal]:
    """Items and parts that are not supported here, and outputs without a call."""
    called: set[str] = set()
    items = body.get("input")
    for at, item in enumerate(items if isinstance(items, list) else ()):
        kind = item.get("type", "message")
        if kind not in SUPPORTED_ITEMS:
            yield _unsupported(f"input[{at}].type", f"'{kind[:40]}' ")
        if kind == "compaction" and unseal(str(item.get("encrypted_content"))) is None:
            yield _wrong(f"input[{at}].encrypted_content", "is not what this server compacted")
        if kind == "function_call":
            called.add(item["call_id"])
        if kind == "function_call_output" and item["call_id"] not in called:
            yield _wrong(f"input[{at}].call_id", "matches no earlier call")
        content = item.get("content", item.get("output"))
        for index, part in enumerate(content if isinstance(content, list) and kind != "reasoning" else ()):
            if part["type"] not in SUPPORTED_PARTS:
                yield _unsupported(f"input[{at}].content[{index}].type", f"'{part['type']}' ")


NOT_IMPLEMENTED: dict[Api, Callable[[Body], Iterator[Refusal]]] = {
    "chat": _unsupported_chat,
    "messages": _unsupported_messages,
    "responses": _unsupported_responses,
}
"""What each API documents and this server does not support."""


def _wrong(param: str, complaint: str) -> Refusal:
    return Refusal(message=f"'{param}' {complaint}.", param=param, code="invalid_value")


def _unsupported(param: str, detail: str = "") -> Refusal:
    return Refusal(message=f"'{param}' {detail}is not supported here.", param=param, code="unsupported_parameter")
