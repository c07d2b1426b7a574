"""Count a prompt's tokens, independent of the mode."""

from typing import Any

from conformance.testbed.server.model import as_json

BYTES_A_TOKEN = 4
TOKENS_A_MESSAGE = 3


def prompt_tokens(messages: list[Any], *more: Any) -> int:
    """Tokens of the messages, and of everything else in the prompt: tools, system text, format."""
    extra = sum(len(as_json(part)) for part in more if part)
    read = [message | {"content": _text(message.get("content"))} for message in messages]
    return (len(as_json(read)) + extra) // BYTES_A_TOKEN + TOKENS_A_MESSAGE * len(messages)


def _text(content: Any) -> Any:
    """Text parts as one text, so that the wrapping of parts does not count."""
    parts = content if isinstance(content, list) else []
    texts = [part["text"] for part in parts if isinstance(part.get("text"), str)]
    return "\n".join(texts) if texts and len(texts) == len(parts) else content


def conversation_tokens(body: dict[str, Any]) -> int:
    """Tokens of the prompt of a body with messages."""
    return prompt_tokens(body["messages"], body.get("tools"), body.get("system"))
