"""Count a prompt's tokens, the same for a stream and for a whole answer."""

from typing import Any

from conformance.reference.model import as_json

OCTETS_A_TOKEN = 4
TOKENS_A_MESSAGE = 3


def prompt_tokens(messages: list[Any], *more: Any) -> int:
    """Tokens of the messages, and of whatever else goes into the prompt: tools, a system text, a format."""
    extra = sum(len(as_json(part)) for part in more if part)
    return (len(as_json(messages)) + extra) // OCTETS_A_TOKEN + TOKENS_A_MESSAGE * len(messages)
