"""Where it stands written what a response and its events are."""

OBJECT = "https://platform.openai.com/docs/api-reference/responses/object"
EVENTS = "https://platform.openai.com/docs/api-reference/responses-streaming"
CREATE = "https://platform.openai.com/docs/api-reference/responses/create"
STATE = "https://platform.openai.com/docs/guides/conversation-state"
