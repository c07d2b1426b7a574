"""Responses with usage, for the USE rules' examples."""

from typing import Any

from conformance.model.exchange import Exchange
from conformance.parsing.json_values import Object
from conformance.rules.example import HELLO, answered, chunk, completion, streamed

ASKED = {"stream": True, "stream_options": {"include_usage": True}}
CAPPED = {"max_tokens": 8}


def usage_object(prompt: Any = 3, words: Any = 3, total: Any = 6, **more: Any) -> Object:
    """A usage object."""
    return {"prompt_tokens": prompt, "completion_tokens": words, "total_tokens": total, **more}


LAST = chunk(choices=[], usage=usage_object())
STREAM = streamed(*HELLO[:-1], LAST, "[DONE]", body=ASKED)
WHOLE = answered(completion())


def with_usage(**counts: Any) -> Exchange:
    """A non-streaming response with this usage."""
    return answered(completion(usage=usage_object(**counts)))
