"""Documentation URLs of usage."""

OBJECT = "https://platform.openai.com/docs/api-reference/chat/object#chat/object-usage"
OPTIONS = "https://platform.openai.com/docs/api-reference/chat/create#chat-create-stream_options"
CAP = "https://platform.openai.com/docs/api-reference/chat/create#chat-create-max_completion_tokens"
COUNTS = ("prompt_tokens", "completion_tokens", "total_tokens")
