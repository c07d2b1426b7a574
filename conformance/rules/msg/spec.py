"""Documentation URLs of messages and their events."""

MESSAGE = "https://platform.claude.com/docs/en/api/messages/create"
EVENTS = "https://platform.claude.com/docs/en/build-with-claude/streaming#event-types"
TOOLS = "https://platform.claude.com/docs/en/agents-and-tools/tool-use/implement-tool-use"
STOPS = "https://platform.claude.com/docs/en/build-with-claude/handling-stop-reasons"
THINKING = "https://platform.claude.com/docs/en/build-with-claude/extended-thinking"
COUNT = "https://platform.claude.com/docs/en/api/messages/count_tokens"
VERSIONS = "https://platform.claude.com/docs/en/api/versioning"
