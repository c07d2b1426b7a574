"""Specifications of the ERR rules."""

ENVELOPE = "https://platform.openai.com/docs/guides/error-codes/api-errors"
CODES_4XX = "https://www.rfc-editor.org/rfc/rfc9110#section-15.5"
CODES_5XX = "https://www.rfc-editor.org/rfc/rfc9110#section-15.6"
STREAMED_ERRORS = "https://platform.claude.com/docs/en/build-with-claude/streaming#error-events"
