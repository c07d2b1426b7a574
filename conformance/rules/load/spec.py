"""The specifications that the rules about load cite."""

from typing import Final

STREAMING: Final = "https://platform.openai.com/docs/api-reference/chat/streaming"
USAGE: Final = "https://platform.openai.com/docs/api-reference/chat/object"
ERRORS: Final = "https://platform.openai.com/docs/guides/error-codes"
OVERLOADED: Final = "https://platform.claude.com/docs/en/api/errors"
TOO_MANY: Final = "https://www.rfc-editor.org/rfc/rfc6585#section-4"
RETRY_AFTER: Final = "https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3"
STATUS: Final = "https://www.rfc-editor.org/rfc/rfc9110#section-15"
INCOMPLETE: Final = "https://www.rfc-editor.org/rfc/rfc9112#section-8"
TEAR_DOWN: Final = "https://www.rfc-editor.org/rfc/rfc9112#section-9.6"
