"""Wrong types: who reads a field must refuse what makes no sense; an answer shows that nobody looked."""

from collections.abc import Iterator
from typing import Any

from conformance.exchange import Mode
from conformance.probe import Probe
from conformance.probes.hello import TOOL, Change, sets

NO_SCALAR: Any = {"unexpected": True}
"""In the place of a number, text, boolean or array: an object, which no reader turns into one of them."""
NO_OBJECT: Any = [17]
"""In the place of an object: an array."""

WRONG: dict[str, Any] = {
    "audio": NO_OBJECT,
    "frequency_penalty": NO_SCALAR,
    "function_call": NO_OBJECT,
    "functions": NO_SCALAR,
    "logit_bias": NO_OBJECT,
    "logprobs": NO_SCALAR,
    "max_completion_tokens": NO_SCALAR,
    "max_tokens": NO_SCALAR,
    "messages": NO_SCALAR,
    "metadata": NO_OBJECT,
    "modalities": NO_SCALAR,
    "model": NO_SCALAR,
    "moderation": NO_OBJECT,
    "n": NO_SCALAR,
    "parallel_tool_calls": NO_SCALAR,
    "prediction": NO_OBJECT,
    "presence_penalty": NO_SCALAR,
    "prompt_cache_key": NO_SCALAR,
    "prompt_cache_options": NO_OBJECT,
    "prompt_cache_retention": NO_SCALAR,
    "reasoning_effort": NO_SCALAR,
    "response_format": NO_OBJECT,
    "safety_identifier": NO_SCALAR,
    "seed": NO_SCALAR,
    "service_tier": NO_SCALAR,
    "stop": NO_SCALAR,
    "store": NO_SCALAR,
    "stream": NO_SCALAR,
    "stream_options": NO_OBJECT,
    "temperature": NO_SCALAR,
    "tool_choice": NO_OBJECT,
    "tools": NO_SCALAR,
    "top_logprobs": NO_SCALAR,
    "top_p": NO_SCALAR,
    "user": NO_SCALAR,
    "verbosity": NO_SCALAR,
    "web_search_options": NO_OBJECT,
}
"""For each field of a chat request, a value of a type that no reader can turn into the right one."""

BESIDE: dict[str, dict[str, Any]] = {
    "top_logprobs": {"logprobs": True},
    "tool_choice": {"tools": [TOOL]},
    "parallel_tool_calls": {"tools": [TOOL]},
}
"""What must stand beside a field for a server to look at it."""

CAPS = ("max_tokens", "max_completion_tokens")
STREAMED_TOO = ("parallel_tool_calls", "temperature", "top_p")
"""Fields that some servers lose on the way to their streaming code alone, and that no witness shows there."""
STREAMED_ONLY = ("stream_options",)


def _modes(name: str) -> tuple[Mode, ...]:
    if name in STREAMED_ONLY:
        return ("stream",)
    return ("stream", "unary") if name in STREAMED_TOO else ("unary",)


def _wrong(about: str, change: Change, *modes: Mode) -> Probe:
    return Probe(
        name=f"chat.wrong-type.{about}",
        purpose=f"`{about}` is of a wrong type: it must be refused, an answer shows that nobody looked at it.",
        api="chat",
        modes=modes,
        change=change,
        max_tokens=32 if about in CAPS else 1,
    )


def _by_field() -> Iterator[Probe]:
    for name, value in WRONG.items():
        cap = {} if name in CAPS else {"max_tokens": 1}
        yield _wrong(name, sets(**{name: value}, **BESIDE.get(name, {}), **cap), *_modes(name))


FIELDS = tuple(_by_field())
NESTED = (
    _wrong(
        "stream_options.include_usage",
        sets(stream_options={"include_usage": NO_SCALAR}, max_tokens=1),
        "stream",
    ),
    _wrong(
        "response_format.json_schema",
        sets(response_format={"type": "json_schema", "json_schema": NO_OBJECT}, max_tokens=1),
        "unary",
    ),
)
