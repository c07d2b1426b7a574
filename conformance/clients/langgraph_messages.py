"""LangGraph on Messages: ChatAnthropic, which turns anthropic-python's raw events into chunks."""

from dataclasses import replace

from conformance.clients.claude_sdk import block_text, completed, streamed
from conformance.clients.client import Client
from conformance.clients.sdk import messages, simulator
from conformance.clients.transport import json_value
from conformance.clients.turn import ClientError, DecodedResponse
from conformance.model.exchange import Exchange

WITH_CHUNKS = ("message_start", "content_block_delta", "message_delta")


def read(x: Exchange) -> DecodedResponse:
    """`graph.stream` on a stream, `graph.invoke` otherwise."""
    if x.mode == "unary":
        return completed(x)
    turn = streamed(x, helper=False, text_of=block_text)
    kinds = [value.get("type") for e in messages(x).events if isinstance(value := json_value(e.data), dict) and e.name]
    if turn.error or any(kind in WITH_CHUNKS for kind in kinds):
        return turn
    return replace(turn, seen=False).with_error(ClientError("invalid", "No generations found in stream."))


LANGGRAPH_ANTHROPIC = Client(
    profile="langgraph",
    name="LangGraph 1.2 (ChatAnthropic)",
    version="1.2.22 (langchain-anthropic 1.7.7, anthropic 2.12.0)",
    api="messages",
    simulate=simulator(read),
)
