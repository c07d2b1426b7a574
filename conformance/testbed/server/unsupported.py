"""Valid fields that this server does not support, and those that are not possible together, by API."""

from collections.abc import Iterator
from typing import Any, Final

from conformance.testbed.server.refusal import Refusal, unsupported, wrong
from conformance.testbed.server.seal import unseal

CONTENT_FIELDS: Final = ("content", "tool_calls", "function_call", "refusal", "audio")
"""Fields of an assistant message of which at least one must be set."""

Body = dict[str, Any]


def unsupported_chat(body: Body) -> Iterator[Refusal]:
    """Of Chat Completions."""
    undone = ("functions", "function_call", "audio", "prediction", "moderation", "web_search_options")
    yield from (unsupported(name) for name in undone if body.get(name) is not None)
    if "audio" in (body.get("modalities") or ()):
        yield unsupported("modalities", "with 'audio' ")
    if body.get("stream_options") is not None and body.get("stream") is not True:
        yield wrong("stream_options", "may be given only where 'stream' is true")
    if body.get("top_logprobs") and not body.get("logprobs"):
        yield wrong("top_logprobs", "may be given only where 'logprobs' is true")
    yield from _unsupported_tools(body)
    yield from _unsupported_parts(body["messages"], {"text", "refusal"})
    yield from _orphans(body["messages"])


def _unsupported_tools(body: Body) -> Iterator[Refusal]:
    tools = body.get("tools") or []
    for index, tool in enumerate(tools):
        if tool["type"] == "custom":
            yield unsupported(f"tools[{index}].custom")
    choice = body.get("tool_choice")
    if choice == "required" and not tools:
        yield wrong("tool_choice", "may be 'required' only where 'tools' are given")
    if not isinstance(choice, dict):
        return
    if choice["type"] == "custom":
        yield unsupported("tool_choice.custom")
        return
    offered = {tool["function"]["name"] for tool in tools if tool["type"] == "function"}
    if choice["type"] == "function" and choice["function"]["name"] not in offered:
        yield wrong("tool_choice.function.name", "names none of the 'tools'")
    if choice["type"] == "allowed_tools":
        for index, tool in enumerate(choice["allowed_tools"]["tools"]):
            function = tool.get("function")
            if not isinstance(function, dict) or function.get("name") not in offered:
                yield wrong(f"tool_choice.allowed_tools.tools[{index}]", "names none of the 'tools'")


def _unsupported_parts(messages: list[Body], done: set[str]) -> Iterator[Refusal]:
    for at, message in enumerate(messages):
        content = message.get("content")
        for index, part in enumerate(content if isinstance(content, list) else ()):
            if part["type"] not in done:
                yield unsupported(f"messages[{at}].content[{index}].type", f"'{part['type']}' ")


def _orphans(messages: list[Body]) -> Iterator[Refusal]:
    """Tool results without a call, calls without a result, and empty assistant messages."""
    waiting: set[str] = set()
    for at, message in enumerate(messages):
        if message["role"] == "tool":
            if message["tool_call_id"] not in waiting:
                yield wrong(f"messages[{at}].tool_call_id", "matches no call of the message before the results")
            waiting.discard(message["tool_call_id"])
            continue
        if waiting:
            yield wrong(f"messages[{at}].role", "must be 'tool', as long as a call has no result")
        waiting = {call["id"] for call in message.get("tool_calls") or ()}
        if message["role"] == "assistant" and not any(message.get(name) is not None for name in CONTENT_FIELDS):
            yield wrong(f"messages[{at}].content", "is required where nothing is called or refused")
    if waiting:
        yield wrong("messages", "must go on with the results of all calls")


def unsupported_messages(body: Body) -> Iterator[Refusal]:
    """Of Messages."""
    for name in ("mcp_servers", "container", "output_config", "output_format"):
        if body.get(name):
            yield unsupported(name)
    if (body.get("thinking") or {}).get("budget_tokens", 0) >= body["max_tokens"]:
        yield wrong("thinking.budget_tokens", "must be less than 'max_tokens'")
    tools = body.get("tools") or []
    for index, tool in enumerate(tools):
        if tool.get("type") not in (None, "custom"):
            yield unsupported(f"tools[{index}].type", f"'{tool['type']}' ")
    choice = body.get("tool_choice") or {"type": "auto"}
    if choice["type"] == "any" and not tools:
        yield wrong("tool_choice", "may be 'any' only where 'tools' are given")
    if choice["type"] == "tool" and choice["name"] not in {tool["name"] for tool in tools}:
        yield wrong("tool_choice.name", "names none of the 'tools'")
    yield from _unsupported_parts(
        body["messages"], {"text", "tool_use", "tool_result", "thinking", "redacted_thinking"}
    )


def unsupported_responses(body: Body) -> Iterator[Refusal]:
    """Of Responses."""
    undone = ("background", "conversation", "context_management", "include", "moderation", "prompt", "top_logprobs")
    yield from (unsupported(name) for name in undone if body.get(name))
    for name in ("previous_response_id", "store"):
        if body.get(name):
            yield unsupported(name, "needs stored responses, and nothing is stored here: it ")
    if body.get("truncation") == "auto":
        yield unsupported("truncation", "'auto' ")
    if body.get("input") is None:
        yield Refusal(message="'input' is required.", param="input", code="missing_required_parameter")
    if body.get("stream_options") is not None and body.get("stream") is not True:
        yield wrong("stream_options", "may be given only where 'stream' is true")
    yield from _unsupported_tools_of_responses(body)
    yield from _unsupported_items(body)


def _unsupported_tools_of_responses(body: Body) -> Iterator[Refusal]:
    tools = body.get("tools") or []
    for index, tool in enumerate(tools):
        if tool["type"] != "function":
            yield unsupported(f"tools[{index}].type", f"'{tool['type'][:40]}' ")
    choice = body.get("tool_choice")
    if choice == "required" and not tools:
        yield wrong("tool_choice", "may be 'required' only where 'tools' are given")
    if isinstance(choice, dict) and choice["type"] != "function":
        yield unsupported("tool_choice.type", f"'{choice['type'][:40]}' ")
    elif isinstance(choice, dict) and choice.get("name") not in {tool.get("name") for tool in tools}:
        yield wrong("tool_choice.name", "names none of the 'tools'")


SUPPORTED_ITEMS = ("message", "function_call", "function_call_output", "reasoning", "compaction")
SUPPORTED_PARTS = ("input_text", "output_text", "refusal")


def _unsupported_items(body: Body) -> Iterator[Refusal]:
    """Items and parts that are not supported here, and outputs without a call."""
    called: set[str] = set()
    items = body.get("input")
    for at, item in enumerate(items if isinstance(items, list) else ()):
        kind = item.get("type", "message")
        if kind not in SUPPORTED_ITEMS:
            yield unsupported(f"input[{at}].type", f"'{kind[:40]}' ")
        if kind == "compaction" and unseal(str(item.get("encrypted_content"))) is None:
            yield wrong(f"input[{at}].encrypted_content", "is not what this server compacted")
        if kind == "function_call":
            called.add(item["call_id"])
        if kind == "function_call_output" and item["call_id"] not in called:
            yield wrong(f"input[{at}].call_id", "matches no earlier call")
        content = item.get("content", item.get("output"))
        for index, part in enumerate(content if isinstance(content, list) and kind != "reasoning" else ()):
            if part["type"] not in SUPPORTED_PARTS:
                yield unsupported(f"input[{at}].content[{index}].type", f"'{part['type']}' ")


def unsupported_completions(body: Body) -> Iterator[Refusal]:
    """Of Completions."""
    if body.get("stream_options") is not None and body.get("stream") is not True:
        yield wrong("stream_options", "may be given only where 'stream' is true")
    best = body.get("best_of")
    if best is not None and best < (body.get("n") or 1):
        yield wrong("best_of", "must not be less than 'n'")
    if (best or 1) > 1 and body.get("stream") is True:
        yield wrong("best_of", "may be above 1 only where 'stream' is not true")
