"""Conversations that must arrive at the upstream as they were sent: turns, tools, parts, cache markers, reasoning."""

from collections.abc import Callable, Iterator
from typing import Any, Final

from conformance.model.case import Kind
from conformance.model.probe import Probe
from conformance.model.words import CONVERSATIONAL, Api, Suite
from conformance.probes.accepted_forms import RED_SQUARE, SILENCE
from conformance.probes.baseline import Change, Fields, token_cap
from conformance.probes.gateway.fields import UNKNOWN
from conformance.probes.tools import CITY_SCHEMA, closed, tool

SCRIPT: Final = "native-sse"
REPEATS: Final = 3
"""How often the request with tools and a history is sent; the suite `gate` sends two."""

NAMES: Final = (
    *("zone", "alpha", "unit", "beta", "query", "limit", "cursor", "order", "format", "lang"),
    *("depth", "exact", "fields", "since", "until", "tags", "owner", "color", "width", "height"),
)
"""Of a schema's properties: not in the order of the alphabet, and too many to be in one order by chance."""
SEARCH: Final = tool(
    "search",
    "Search the archive.",
    closed(**{name: {"type": "string", "description": f"The {name}."} for name in NAMES}),
    strict=True,
)
WEATHER: Final = tool("get_weather", "Tell the weather in a city.", CITY_SCHEMA)
VERDICT: Final = closed(thoughts={"type": "string"}, answer={"type": "string"}, certain={"type": "boolean"})
"""A schema whose order matters: thoughts are written before the result."""
RULES: Final = (
    "Be brief,\u00a0please.\n\n\t- no tabs\n  - e\u0301t\u00e9, \u6771\u4eac \U0001f319 \n"
    "<b>{{name}} ${HOME} %s &amp; \\n</b>\n\ndata: [DONE]\n\n"
)
"""A system prompt with what a gateway may change: spaces, a tab, letters, and what templates, HTML and streams have."""
ARGUMENTS: Final = '{ "city":"Z\u00fcrich",\n  "id": 9007199254740993, "ratio": 1.10, "note":"a\\/b" }'
"""Arguments as a model wrote them."""
RESULT: Final = "  7 \u00b0C\r\n\x1b[1mdry\x1b[0m\n"
THOUGHT: Final = "Let\u2009me  think:\n\t1. Oslo \u2192 7\u202f\u00b0C\r\n2. \u201cdry\u201d \\n \U0001f319 \n"
"""Reasoning with white space that a parser may trim, and an escape that is none."""
SIGNATURE: Final = "EqQBCgYIARgCKkAx/y+Zz0=\u200b== "
SEALED: Final = "gAAAAABo/+8w==\n"
"""A signature, and encrypted content, which no server writes like that: texts that are not to be read."""
QUESTION, FOLLOW_UP = "What is the weather in Z\u00fcrich?", "And tomorrow?"
BRIEF: Final[Fields] = {"type": "ephemeral"}
LASTING: Final[Fields] = {"type": "ephemeral", "ttl": "1h"}


def _of_chat(body: Fields) -> Fields:
    calls = [
        {"id": f"call_{at}", "type": "function", "function": {"name": "get_weather", "arguments": arguments}}
        for at, arguments in enumerate((ARGUMENTS, "{}"))
    ]
    messages = [
        {"role": "system", "content": RULES},
        {"role": "user", "content": QUESTION, "name": "ada"},
        {"role": "assistant", "content": None, "tool_calls": calls},
        {"role": "tool", "tool_call_id": "call_0", "content": RESULT},
        {"role": "tool", "tool_call_id": "call_1", "content": [{"type": "text", "text": "none"}]},
        {"role": "assistant", "content": "7 degrees. "},
        {"role": "user", "content": [{"type": "text", "text": "Thanks."}, {"type": "text", "text": FOLLOW_UP}]},
    ]
    offered = [{"type": "function", "function": one} for one in (SEARCH, WEATHER)]
    form = {"type": "json_schema", "json_schema": {"name": "verdict", "schema": VERDICT, "strict": True}}
    return body | {"messages": messages, "tools": offered, "tool_choice": "none", "response_format": form}


def _of_messages(body: Fields) -> Fields:
    called = {"type": "tool_use", "id": "toolu_0", "name": "get_weather", "input": {"city": "Z\u00fcrich", "days": 0}}
    failed = {"type": "tool_result", "tool_use_id": "toolu_0", "is_error": True}
    failed |= {"content": [{"type": "text", "text": RESULT}]}
    messages = [
        {"role": "user", "content": QUESTION},
        {"role": "assistant", "content": [*_thoughts(), {"type": "text", "text": "I look. "}, called]},
        {"role": "user", "content": [failed | {"cache_control": BRIEF}]},
        {"role": "assistant", "content": [{"type": "text", "text": "7 degrees.", "cache_control": BRIEF}]},
        {"role": "user", "content": FOLLOW_UP},
    ]
    offered = [
        {"name": one["name"], "description": one["description"], "input_schema": one["parameters"]}
        for one in (SEARCH, WEATHER)
    ]
    offered[-1] |= {"cache_control": LASTING}
    system = [{"type": "text", "text": RULES}, {"type": "text", "text": "Cite.", "cache_control": LASTING}]
    thinking = {"thinking": {"type": "enabled", "budget_tokens": 1025}, "max_tokens": 1089}
    return body | {"messages": messages, "tools": offered, "system": system} | thinking


def _thoughts() -> list[Fields]:
    return [
        {"type": "thinking", "thinking": THOUGHT, "signature": SIGNATURE},
        {"type": "redacted_thinking", "data": SEALED},
    ]


def _of_responses(body: Fields) -> Fields:
    items = [
        {"role": "developer", "content": RULES},
        {"role": "user", "content": QUESTION},
        {
            "type": "reasoning",
            "id": "rs_0",
            "summary": [{"type": "summary_text", "text": THOUGHT}],
            "encrypted_content": SEALED,
        },
        {"type": "function_call", "call_id": "call_0", "name": "get_weather", "arguments": ARGUMENTS},
        {"type": "function_call_output", "call_id": "call_0", "output": RESULT},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "7 degrees. "}]},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": FOLLOW_UP}]},
    ]
    offered = [{"type": "function", **one} for one in (SEARCH, WEATHER)]
    form = {"type": "json_schema", "name": "verdict", "schema": VERDICT, "strict": True}
    return body | {
        "input": items,
        "tools": offered,
        "tool_choice": "none",
        "text": {"format": form},
        "include": ["reasoning.encrypted_content"],
    }


HISTORIES: Final[dict[Api, Callable[[Fields], Fields]]] = {
    "chat": _of_chat,
    "messages": _of_messages,
    "responses": _of_responses,
}


def _extended(body: Fields) -> Fields:
    """A second turn of chat with what vendors add to it: reasoning, thought signatures and cache markers."""
    called = {
        "id": "call_0",
        "type": "function",
        "function": {"name": "get_weather", "arguments": ARGUMENTS},
        "extra_content": {"google": {"thought_signature": SIGNATURE}},
    }
    details = [{"type": "reasoning.text", "text": THOUGHT, "signature": SIGNATURE, "index": 0}]
    thought = {"reasoning_content": THOUGHT, "reasoning_details": details}
    messages = [
        {"role": "system", "content": [{"type": "text", "text": RULES, "cache_control": BRIEF}]},
        {"role": "user", "content": QUESTION},
        {"role": "assistant", "content": "", "tool_calls": [called], **thought},
        {"role": "tool", "tool_call_id": "call_0", "content": RESULT},
        {"role": "user", "content": [{"type": "text", "text": FOLLOW_UP, "cache_control": LASTING}]},
    ]
    offered = [{"type": "function", "function": WEATHER, "cache_control": BRIEF}]
    return body | {"messages": messages, "tools": offered, "tool_choice": "none"} | UNKNOWN


TOOL_TYPES: Final[dict[Api, list[Fields]]] = {  # with names that a gateway might write in another way
    "chat": [
        {"type": "function", "function": WEATHER},
        {
            "type": "custom",
            "custom": {
                "name": "Grep-All",
                "description": "Search by pattern.",
                "format": {"type": "grammar", "grammar": {"syntax": "regex", "definition": "[a-z]+"}},
            },
        },
    ],
    "messages": [
        {"name": "get_weather", "input_schema": CITY_SCHEMA},
        {"type": "custom", "name": "lookAround", "input_schema": CITY_SCHEMA, "strict": True},
        {"type": "web_search_20250305", "name": "web_search", "max_uses": 3, "allowed_domains": ["example.com"]},
        {"type": "bash_20250124", "name": "bash"},
    ],
    "responses": [
        {"type": "function", "strict": True, **WEATHER},
        {"type": "custom", "name": "Grep-All", "description": "Search by pattern.", "format": {"type": "text"}},
        {"type": "web_search", "search_context_size": "low"},
        {"type": "file_search", "vector_store_ids": ["vs_7"], "max_num_results": 3},
        {"type": "code_interpreter", "container": {"type": "auto"}},
        {"type": "mcp", "server_label": "notes", "server_url": "https://mcp.example.com/", "require_approval": "never"},
    ],
}
NAMED: Final[dict[Api, Fields]] = {
    "chat": {"type": "function", "function": {"name": "get_weather"}},
    "messages": {"type": "tool", "name": "get_weather"},
    "responses": {"type": "function", "name": "get_weather"},
}
PDF: Final = "JVBERi0xLjQKJSBjYW5hcnktMTM3OQp0cmFpbGVyPDw+PgolJUVPRgo="
IMAGE_DATA: Final = RED_SQUARE.partition(",")[2]
IMAGE_URL: Final = "https://example.com/a%20b.png?size=1&sig=%2B%2F"
PARTS: Final[dict[Api, list[Fields]]] = {
    "chat": [
        {"type": "text", "text": "Look at these:"},
        {"type": "image_url", "image_url": {"url": RED_SQUARE, "detail": "low"}},
        {"type": "image_url", "image_url": {"url": IMAGE_URL}},
        {"type": "input_audio", "input_audio": {"data": SILENCE, "format": "wav"}},
        {"type": "file", "file": {"filename": "a b.pdf", "file_data": f"data:application/pdf;base64,{PDF}"}},
        {"type": "text", "text": "What is there?"},
    ],
    "messages": [
        {"type": "text", "text": "Look at these:"},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": IMAGE_DATA}},
        {"type": "image", "source": {"type": "url", "url": IMAGE_URL}, "cache_control": BRIEF},
        {
            "type": "document",
            "source": {"type": "base64", "media_type": "application/pdf", "data": PDF},
            "title": "a b.pdf",
            "context": "From the archive.",
            "citations": {"enabled": True},
        },
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": RULES}},
        {"type": "search_result", "source": IMAGE_URL, "title": "A", "content": [{"type": "text", "text": "B"}]},
        {"type": "text", "text": "What is there?"},
    ],
    "responses": [
        {"type": "input_text", "text": "Look at these:"},
        {"type": "input_image", "image_url": RED_SQUARE, "detail": "low"},
        {"type": "input_image", "image_url": IMAGE_URL, "detail": "auto"},
        {"type": "input_file", "filename": "a b.pdf", "file_data": f"data:application/pdf;base64,{PDF}"},
        {"type": "input_text", "text": "What is there?"},
    ],
}
"""Content parts of each type between texts, as a message. The marker is in a later one: this one may get lost."""


def _with_parts(api: Api) -> Change:
    place = "input" if api == "responses" else "messages"
    turns = [
        {"role": "user", "content": PARTS[api]},
        {"role": "assistant", "content": "A red square."},
        {"role": "user", "content": FOLLOW_UP},
    ]
    return lambda body, _mode: body | {place: turns} | token_cap(api, 64)


def _probe(kind: Kind, api: Api, subject: str, purpose: str, change: Change, suite: Suite = "gate") -> Probe:
    return Probe(
        api=api,
        kind=kind,
        subject=subject,
        purpose=purpose,
        script=SCRIPT,
        modes=("unary",),
        suite=suite,
        build_body=change,
        max_tokens=64,
    )


def _of_history(api: Api) -> Change:
    return lambda body, _mode: HISTORIES[api](body | token_cap(api, 64))


def _probes(api: Api) -> Iterator[Probe]:
    for number in range(1, REPEATS + 1):
        purpose = "A conversation with tools, schemas and calls arrives, and again in the same bytes."
        subject = f"prefix-{number}" if number > 1 else "prefix"
        suite: Suite = "full" if number == REPEATS else "gate"
        yield _probe(Kind.GATEWAY_REPEAT, api, subject, purpose, _of_history(api), suite)
    offered: Fields = {"tools": TOOL_TYPES[api], "tool_choice": NAMED[api]} | token_cap(api, 64)
    offer = "Tools of each type arrive, or are refused."
    yield _probe(Kind.GATEWAY_CONTENT, api, "tool-types", offer, lambda body, _mode: body | offered)
    parts = "Images, audio and files arrive, or are refused."
    yield _probe(Kind.GATEWAY_CONTENT, api, "parts", parts, _with_parts(api))


def _extensions() -> Probe:
    purpose = "Fields, reasoning, thought signatures and cache markers of vendors arrive on the second turn."

    def change(body: dict[str, Any], _mode: Any) -> Any:
        return _extended(body | token_cap("chat", 64))

    return _probe(Kind.GATEWAY_TURN, "chat", "extensions", purpose, change)


PROBES = (*(probe for api in CONVERSATIONAL for probe in _probes(api)), _extensions())
