"""Documentation URLs of what streams and non-streaming responses share."""

from conformance.model.words import Api

CREATE = "https://platform.openai.com/docs/api-reference/chat/create"
CHUNK = "https://platform.openai.com/docs/api-reference/chat/streaming"
USAGE = "https://platform.openai.com/docs/api-reference/chat/object#chat/object-usage"
CHOICES = "https://platform.openai.com/docs/api-reference/chat/streaming#chat/streaming-choices"
ERRORS = "https://platform.openai.com/docs/guides/error-codes/api-errors"
CHAT: tuple[Api, ...] = ("chat",)
