"""Sources of the requirements on event streams."""

WHATWG = "https://html.spec.whatwg.org/multipage/server-sent-events.html#"
PARSING = WHATWG + "parsing-an-event-stream"
INTERPRETING = WHATWG + "event-stream-interpretation"
CHUNKS = "https://platform.openai.com/docs/api-reference/chat-streaming"
ANTHROPIC = "https://platform.claude.com/docs/en/build-with-claude/streaming"
