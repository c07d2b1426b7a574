"""Specifications of the FLD rules."""

CREATE = "https://platform.openai.com/docs/api-reference/chat/create"
DROPPED = "https://platform.openai.com/docs/guides/error-codes/api-errors"
OBJECT = "https://platform.openai.com/docs/api-reference/chat/object#chat/object-choices"
