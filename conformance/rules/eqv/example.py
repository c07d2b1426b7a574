"""The same content in both modes, for the EQV rules' examples."""

from typing import Any

from conformance.model.exchange import Exchange
from conformance.parsing.json_values import Object
from conformance.rules.example import answered, chunk, completion, streamed

TWIN: dict[str, Any] = {"probe": "chat.twin"}


def usage_object(prompt: int = 3, words: int = 3) -> Object:
    """A usage with these counts."""
    return {"prompt_tokens": prompt, "completion_tokens": words, "total_tokens": prompt + words}


def stream(text: str = "Hello there.", finish: str = "stop", usage: Object | None = None, **facts: Any) -> Exchange:
    """A stream with this text, and its usage at the end."""
    counted = chunk(choices=[], usage=usage or usage_object())
    return streamed(chunk({"role": "assistant", "content": text}), chunk(finish=finish), counted, "[DONE]", **facts)


def unary(text: str = "Hello there.", finish: str = "stop", usage: Object | None = None, **facts: Any) -> Exchange:
    """A non-streaming response with this text."""
    return answered(completion({"content": text}, finish, usage=usage or usage_object()), **facts)


STREAM, UNARY = stream(), unary()
