"""The plain turns: a greeting as each framework sends it, a long answer, a tool call, usage, and two choices."""

from collections.abc import Callable
from typing import Any

from conformance.exchange import Mode
from conformance.probe import Probe

Change = Callable[[dict[str, Any], Mode], Any]

COUNT = "Count from one to sixty in words, nothing else."
WEATHER = "What is the weather in Oslo now? Call the tool."
CITY_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"city": {"type": "string", "description": "The name of a city."}},
    "required": ["city"],
    "additionalProperties": False,
}
TOOL: dict[str, Any] = {
    "type": "function",
    "function": {"name": "get_weather", "description": "Tell the weather in a city.", "parameters": CITY_SCHEMA},
}


def says(text: str, **fields: Any) -> Change:
    """Replace the conversation by one user message, and set these fields."""
    return lambda body, _mode: body | {"messages": [{"role": "user", "content": text}], **fields}


def sets(**fields: Any) -> Change:
    """Set these fields of the greeting."""
    return lambda body, _mode: body | fields


def with_usage(change: Change) -> Change:
    """Ask for the usage as well; a whole answer has it unasked."""

    def asking(body: dict[str, Any], mode: Mode) -> Any:
        more = {"stream_options": {"include_usage": True}} if mode == "stream" else {}
        return change(body, mode) | more

    return asking


CHAT_HELLO = Probe(
    name="chat.hello",
    purpose="A plain greeting, exactly as the framework sends it.",
    api="chat",
    asker="framework",
    suite="smoke",
    max_tokens=64,
)
MESSAGES_HELLO = Probe(
    name="messages.hello",
    purpose="A plain greeting, exactly as the framework sends it.",
    api="messages",
    asker="framework",
    suite="smoke",
    max_tokens=64,
)
CHAT_LONG = Probe(
    name="chat.long",
    purpose="An answer that is long enough to show whether it comes as it is made, or all at once.",
    api="chat",
    modes=("stream",),
    change=says(COUNT, max_tokens=64),
    max_tokens=64,
)
MESSAGES_LONG = Probe(
    name="messages.long",
    purpose="An answer that is long enough to show whether it comes as it is made, or all at once.",
    api="messages",
    modes=("stream",),
    change=says(COUNT, max_tokens=64),
    max_tokens=64,
)
CHAT_SHORT = Probe(
    name="chat.short",
    purpose="The same question under a small cap: what the long answer takes beyond this, its making took.",
    api="chat",
    modes=("stream",),
    change=says(COUNT, max_tokens=8),
    max_tokens=8,
)
MESSAGES_SHORT = Probe(
    name="messages.short",
    purpose="The same question under a small cap: what the long answer takes beyond this, its making took.",
    api="messages",
    modes=("stream",),
    change=says(COUNT, max_tokens=8),
    max_tokens=8,
)
MESSAGES_BRIEF = tuple(
    Probe(
        name=f"messages.brief.{tokens}",
        purpose="Brief answers show how much the target's delays differ by themselves.",
        api="messages",
        modes=("stream",),
        change=says(COUNT, max_tokens=tokens),
        max_tokens=tokens,
    )
    for tokens in range(1, 7)
)
CHAT_TOOLS = Probe(
    name="chat.tools",
    purpose="A tool must be called: the call's name, ID and arguments have to come whole.",
    api="chat",
    change=with_usage(says(WEATHER, tools=[TOOL], tool_choice="required", max_tokens=64)),
    max_tokens=64,
)
CHAT_USAGE = Probe(
    name="chat.usage",
    purpose="A stream is asked to end with its token usage.",
    api="chat",
    modes=("stream",),
    change=sets(stream_options={"include_usage": True}, max_tokens=8),
    max_tokens=8,
)
CHAT_N = Probe(
    name="chat.n",
    purpose="Two answers to one question are asked for.",
    api="chat",
    change=sets(n=2, max_tokens=4),
    max_tokens=8,
)
