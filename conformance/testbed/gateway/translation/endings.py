"""Why a response ended, and what it cost, in the words of each API."""

from typing import Any, Final

from conformance.parsing.json_values import as_object

TO_MESSAGES: Final = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "content_filter": "refusal",
}
FROM_MESSAGES: Final = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
INCOMPLETE: Final = {"length": "max_output_tokens", "content_filter": "content_filter"}
"""The reasons of an incomplete response for those finish reasons of Chat Completions that mean one."""

Body = dict[str, Any]


def _count(value: Any, *path: str) -> int:
    for name in path:
        value = as_object(value).get(name)
    return value if isinstance(value, int) else 0


def messages_usage(usage: Any) -> Body:
    """A chat usage as that of a message, which does not count cached tokens as input tokens."""
    cached = _count(usage, "prompt_tokens_details", "cached_tokens")
    thinking = _count(usage, "completion_tokens_details", "reasoning_tokens")
    return {
        "input_tokens": _count(usage, "prompt_tokens") - cached,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": cached,
        "output_tokens": _count(usage, "completion_tokens"),
        **({"output_tokens_details": {"thinking_tokens": thinking}} if thinking else {}),
    }


def responses_usage(usage: Any) -> Body:
    """A chat usage as that of a response."""
    return {
        "input_tokens": _count(usage, "prompt_tokens"),
        "input_tokens_details": {"cached_tokens": _count(usage, "prompt_tokens_details", "cached_tokens")},
        "output_tokens": _count(usage, "completion_tokens"),
        "output_tokens_details": {
            "reasoning_tokens": _count(usage, "completion_tokens_details", "reasoning_tokens"),
        },
        "total_tokens": _count(usage, "prompt_tokens") + _count(usage, "completion_tokens"),
    }


def chat_usage_of_messages(usage: Any) -> Body:
    """The usage of a message as that of a chat completion, whose prompt includes what came from the cache."""
    cached = _count(usage, "cache_read_input_tokens")
    prompt = _count(usage, "input_tokens") + cached + _count(usage, "cache_creation_input_tokens")
    thinking = _count(usage, "output_tokens_details", "thinking_tokens")
    return _chat_usage(prompt, _count(usage, "output_tokens"), cached, thinking)


def chat_usage_of_responses(usage: Any) -> Body:
    """The usage of a response as that of a chat completion."""
    return _chat_usage(
        _count(usage, "input_tokens"),
        _count(usage, "output_tokens"),
        _count(usage, "input_tokens_details", "cached_tokens"),
        _count(usage, "output_tokens_details", "reasoning_tokens"),
    )


def _chat_usage(prompt: int, completion: int, cached: int, reasoning: int) -> Body:
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": cached},
        "completion_tokens_details": {"reasoning_tokens": reasoning},
    }
