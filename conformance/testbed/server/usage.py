"""Count a prompt's tokens, the same for a stream and for a whole answer."""

from typing import Any

from conformance.testbed.server.model import as_json

OCTETS_A_TOKEN = 4
TOKENS_A_MESSAGE = 3


def prompt_tokens(messages: list[Any], *more: Any) -> int:
    """Tokens of the messages, and of whatever else goes into the prompt: tools, a system text, a format."""
    extra = sum(len(as_json(part)) for part in more if part)
    read = [message | {"content": _text(message.get("content"))} for message in messages]
    return (len(as_json(read)) + extra) // OCTETS_A_TOKEN + TOKENS_A_MESSAGE * len(messages)


def _text(content: Any) -> Any:
    """A content of text parts as one text: what a part is wrapped in is no part of the prompt."""
    parts = content if isinstance(content, list) else []
    texts = [part["text"] for part in parts if isinstance(part.get("text"), str)]
    return "\n".join(texts) if texts and len(texts) == len(parts) else content
