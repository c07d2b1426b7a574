"""Where it stands written what a parameter does."""

from conformance.model.exchange import Api

CREATE = "https://platform.openai.com/docs/api-reference/chat/create"
LOGPROBS = "https://platform.openai.com/docs/api-reference/chat/object#chat/object-choices"
CHAT: tuple[Api, ...] = ("chat",)
