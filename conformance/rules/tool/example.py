"""Tool calls, streamed and non-streaming, for the examples."""

from typing import Any

from conformance.model.exchange import Exchange
from conformance.parsing.json_values import Object
from conformance.rules.example import answered, chunk, streamed
from conformance.rules.example import completion as whole

CHOICE = "https://platform.openai.com/docs/api-reference/chat/create#chat-create-tool_choice"
TOOLS = {"tools": [{"type": "function", "function": {"name": name}} for name in "fg"]}
NAMED = {"tool_choice": {"type": "function", "function": {"name": "f"}}}
USAGE = {"prompt_tokens": 3, "completion_tokens": 8, "total_tokens": 11}


def first_fragment(name: Any = "f", arguments: Any = "", **more: Any) -> Object:
    """The first fragment of a call, or a complete call."""
    return {"index": 0, "id": "call_1", "type": "function", "function": {"name": name, "arguments": arguments}} | more


def later_fragment(arguments: Any, index: int = 0, **more: Any) -> Object:
    """A later fragment of a call."""
    return {"index": index, "function": {"arguments": arguments}} | more


def calling(*found: Any, finish: str = "tool_calls", body: Object | None = None, **facts: Any) -> Exchange:
    """A stream with these fragments, one per chunk, in response to a request with tools."""
    deltas = [chunk({"tool_calls": [fragment]}) for fragment in found]
    chunks = (chunk({"role": "assistant", "content": None}), *deltas, chunk(finish=finish), "[DONE]")
    return streamed(*chunks, body=TOOLS | (body or {}), **facts)


def called(*found: Any, finish: str = "tool_calls", body: Object | None = None, **facts: Any) -> Exchange:
    """A non-streaming response with these calls, to a request with tools."""
    calls = [{k: v for k, v in call.items() if k != "index"} if isinstance(call, dict) else call for call in found]
    message = {"content": None, "tool_calls": calls}
    return answered(whole(message, finish=finish, usage=USAGE), body=TOOLS | (body or {}), **facts)


def without_fields(call: Object, *names: str) -> Object:
    """The call without these fields."""
    return {name: value for name, value in call.items() if name not in names}


TWO_CALLS = (first_fragment(), later_fragment("{}"), first_fragment("g", index=1, id="call_2"), later_fragment("{}", 1))
STREAM = calling(first_fragment(), later_fragment('{"city"'), later_fragment(': "Oslo"}'))
PARALLEL = calling(*TWO_CALLS)
VENDOR = calling(first_fragment(type=None, x=1), later_fragment("{}", id="call_1", type="function"))
WHOLE = called(first_fragment(arguments="{}"))
CUSTOM = called({"id": "call_1", "type": "custom", "custom": {"name": "sql", "input": "select 1"}})
PLAIN = streamed(chunk({"role": "assistant", "content": "Hi", "tool_calls": []}), chunk(finish="stop"), "[DONE]")
