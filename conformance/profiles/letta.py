"""Letta: a stateful agent with three memory tools, on an asynchronous openai-python 2."""

from typing import Any

from conformance.exchange import Mode
from conformance.profile import KEY, MODEL, Body, Profile
from conformance.profiles.prose import fill
from conformance.profiles.stainless import Headers, json_only, opening, stainless

SDK = "2.54.0"
USER = "user-00000000-0000-4000-8000-000000000000"
SYSTEM_SIZE = 2690


def headers(_mode: Mode) -> Headers:
    """The same whether a stream is asked for or not; Brotli is accepted."""
    return (
        *opening("gzip, deflate, br"),
        ("Authorization", f"Bearer {KEY}"),
        *json_only(f"AsyncOpenAI/Python {SDK}"),
        *stainless(SDK),
        ("X-Stainless-Async", "async:asyncio"),
        ("x-stainless-retry-count", "0"),
        ("x-stainless-read-timeout", "600"),
    )


def _text(opening_words: str, size: int) -> dict[str, Any]:
    return {"type": "string", "description": fill(opening_words, size)}


def _tool(name: str, says: str, size: int, properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    parameters = {"type": "object", "properties": properties, "required": required}
    described = {"name": name, "description": fill(says, size), "parameters": parameters}
    return {"type": "function", "function": described}


LABEL = _text("The label of the memory block to change.", 65)


def _tools() -> list[dict[str, Any]]:
    roles = {"type": "string", "enum": ["assistant", "user", "tool"]}
    since = "Only messages from this day or moment on, as YYYY-MM-DD or YYYY-MM-DDTHH:MM."
    until = "Only messages up to this day or moment, as YYYY-MM-DD or YYYY-MM-DDTHH:MM."
    search: dict[str, Any] = {
        "query": _text("What to look for, by its words and by its meaning.", 150),
        "roles": {"type": "array", "items": roles, "description": "Only messages of these roles."},
        "limit": {"type": "integer", "description": "How many results to return at most."},
        "start_date": _text(since, 320),
        "end_date": _text(until, 320),
    }
    replace = {
        "label": LABEL,
        "old_string": _text("The text to replace, exactly as it stands in the block.", 85),
        "new_string": _text("The text to put in its place, without line numbers.", 105),
    }
    insert = {
        "label": LABEL,
        "new_string": _text("The text to insert, without line numbers.", 72),
        "insert_line": {"type": "integer", "description": "The line after which to insert; -1 for the end."},
    }
    return [
        _tool("conversation_search", "Search what was said before in this conversation.", 1760, search, []),
        _tool("memory_insert", "Insert text into a memory block.", 520, insert, ["label", "new_string"]),
        _tool(
            "memory_replace", "Replace a text in a memory block.", 1420, replace, ["label", "old_string", "new_string"]
        ),
    ]


def body(mode: Mode) -> Body:
    """Keys in alphabetical order, `content` before `role`; an absent cap is sent as null."""
    system = fill("You are an agent that remembers. Your memory blocks stand below; keep them true.", SYSTEM_SIZE)
    greeting = [{"content": system, "role": "system"}, {"content": "Say hello.", "role": "user"}]
    first: Body = {"messages": greeting, "model": MODEL, "max_completion_tokens": None, "parallel_tool_calls": False}
    streams: Body = {"stream": True, "stream_options": {"include_usage": True}} if mode == "stream" else {}
    return first | streams | {"temperature": 1.0, "tool_choice": "auto", "tools": _tools(), "user": USER}


LETTA = Profile(
    name="letta",
    title="Letta",
    api="chat",
    versions=f"letta 0.16.8, openai {SDK}",
    captured="2026-11",
    streams_by_default=True,
    headers=headers,
    body=body,
)
