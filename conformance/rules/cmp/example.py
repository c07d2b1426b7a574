"""Completions for the CMP rules' examples."""

from typing import Any

from conformance.model.exchange import Exchange
from conformance.parsing.json_values import Object
from conformance.rules.example import answered, chunk, streamed
from conformance.rules.example import completion as whole

GOOD = answered(whole())
VENDOR = answered(
    whole({"reasoning_content": None, "annotations": [], "x": 1}, system_fingerprint=None, service_tier=None, created=0)
)
CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
CALLS = answered(whole({"content": None, "tool_calls": [CALL]}, finish="tool_calls"))
SPOKEN = streamed(chunk({"role": "assistant", "content": "Hello"}), chunk(finish="stop"), "[DONE]")
THREE = {"prompt_tokens": 3, "completion_tokens": 30, "total_tokens": 33}


def without(*names: str) -> Object:
    """A good completion without these fields."""
    return {name: value for name, value in whole().items() if name not in names}


def choosing_once(**choice: Any) -> Exchange:
    """A completion with this one choice."""
    return answered(whole(choices=[choice]))
