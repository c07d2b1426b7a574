"""Specifications of the PAR rules."""

from conformance.model.words import Api

CREATE = "https://platform.openai.com/docs/api-reference/chat/create"
LOGPROBS = "https://platform.openai.com/docs/api-reference/chat/object#chat/object-choices"
CHAT: tuple[Api, ...] = ("chat",)
