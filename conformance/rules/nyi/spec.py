"""Specifications of the NYI rules, and the error code for unsupported streaming."""

STATUS_501 = "https://www.rfc-editor.org/rfc/rfc9110#section-15.6.2"
STATUS_503 = "https://www.rfc-editor.org/rfc/rfc9110#section-15.6.4"
ENVELOPE = "https://platform.openai.com/docs/guides/error-codes/api-errors"
RETRIES = "https://github.com/openai/openai-python#retries"
MESSAGES_ERRORS = "https://platform.claude.com/docs/en/api/errors#error-shapes"

CODE = "streaming_not_supported"
