"""Documentation URLs of what streams and non-streaming responses share."""

CREATE = "https://platform.openai.com/docs/api-reference/chat/create"
CHUNK = "https://platform.openai.com/docs/api-reference/chat/streaming"
USAGE = "https://platform.openai.com/docs/api-reference/chat/object#chat/object-usage"
CHOICES = "https://platform.openai.com/docs/api-reference/chat/streaming#chat/streaming-choices"
ERRORS = "https://platform.openai.com/docs/guides/error-codes/api-errors"
