"""The role and content of a message."""

from collections.abc import Iterator

from conformance.apis.chat import span_of
from conformance.model.exchange import Exchange
from conformance.model.verdict import MUST, SHOULD, Finding
from conformance.parsing.json_values import describe_member, display
from conformance.rules.cmp.conditions import speaking
from conformance.rules.cmp.example import CALL, CALLS, GOOD, VENDOR, choosing_once
from conformance.rules.cmp.shape import messages_of, whole_rule
from conformance.rules.example import answered
from conformance.rules.example import completion as whole


@whole_rule(
    "CMP009",
    MUST,
    "The role of a message is assistant",
    about="choices",
    fix='Send role: "assistant" in every message.',
    applies_to=speaking,
    good=[GOOD, VENDOR, CALLS],
    bad=[
        answered(whole({"role": "user"})),
        answered(whole({"role": None})),
        choosing_once(index=0, message={"content": "Hi"}, finish_reason="stop"),
    ],
)
def wrong_role(x: Exchange) -> Iterator[Finding]:
    """LangGraph, Letta and pydantic-ai raise a validation error if the role is missing."""
    for message in messages_of(x):
        if message.get("role") != "assistant":
            yield Finding(f"a message has {describe_member(message, 'role')}", at=span_of(x))


@whole_rule(
    "CMP010",
    MUST,
    "The content of a message is a string or null",
    about="choices",
    fix="Send content as a plain string, without content parts, which are for requests only.",
    applies_to=speaking,
    good=[GOOD, VENDOR, CALLS],
    bad=[answered(whole({"content": [{"type": "text", "text": "Hi"}]})), answered(whole({"content": {"text": "Hi"}}))],
)
def content_no_string(x: Exchange) -> Iterator[Finding]:
    """The Vercel AI SDK rejects the response, other clients show the raw list to the user."""
    for message in messages_of(x):
        if not isinstance(content := message.get("content"), str | None):
            yield Finding(f"a message's content is {display(content)}", at=span_of(x))


@whole_rule(
    "CMP011",
    SHOULD,
    "A message has the key content, even if null",
    about="choices",
    fix="Keep null fields when serialising messages, so that content is null if the message has only tool calls.",
    applies_to=speaking,
    good=[GOOD, CALLS],
    bad=[choosing_once(index=0, message={"role": "assistant", "tool_calls": [CALL]}, finish_reason="tool_calls")],
)
def content_left_out(x: Exchange) -> Iterator[Finding]:
    """Clients with strict schemas reject a message without the key, and later requests send it back without the key."""
    for message in messages_of(x):
        if "content" not in message:
            yield Finding("a message has no key content", at=span_of(x), expected="a string, or null")
