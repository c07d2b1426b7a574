"""Documentation URLs of responses and their events."""

OBJECT = "https://platform.openai.com/docs/api-reference/responses/object"
EVENTS = "https://platform.openai.com/docs/api-reference/responses-streaming"
CREATE = "https://platform.openai.com/docs/api-reference/responses/create"
STATE = "https://platform.openai.com/docs/guides/conversation-state"
ITEMS = "https://www.openresponses.org/specification#items-are-state-machines"
