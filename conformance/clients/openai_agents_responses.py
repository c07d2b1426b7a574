"""The OpenAI Agents SDK on the Responses API, its default: only the last event of a stream counts."""

from dataclasses import replace
from typing import Any, Final

from conformance.clients.client import Client
from conformance.clients.openai_python import simulator_3
from conformance.clients.openai_responses import ENDS, called, joinable, kind_of, listed, read_stream, read_whole
from conformance.clients.openai_sdk import attribute, chunks
from conformance.clients.turn import ClientError, DecodedResponse, DecodedToolCall
from conformance.model.exchange import Exchange

COMPLETED: Final = ENDS[0]
FAILURES: Final = (*ENDS[1:], "error")
NO_END: Final = ClientError("invalid", "Model did not produce a final response!")


def _stopped(event: Any) -> ClientError | None:
    """The error that the SDK raises for an event that reports a failure."""
    kind = kind_of(event) if isinstance(event, dict) else None
    if kind not in FAILURES:
        return None
    reason = event if kind == "error" else attribute(event.get("response") or {}, "error") or {}
    facts = "; ".join(f"{name}={reason[name]}" for name in ("code", "message") if reason.get(name))
    return ClientError("invalid", f"Responses stream ended with terminal event `{kind}`. {facts}"[:300])


def stream(x: Exchange) -> DecodedResponse:
    """`Runner.run_streamed`: the deltas are shown, and response.completed decides the turn."""
    turn = read_stream(x)
    if turn.error:
        return turn
    for event in chunks(x).values:
        if error := _stopped(event):
            return turn.with_error(error)
        if kind_of(event) == COMPLETED:
            return _ended(turn, event)
    return turn.with_error(NO_END)


def _ended(turn: DecodedResponse, event: Any) -> DecodedResponse:
    """The calls are those of the final response; the deltas were shown before."""
    try:
        response = attribute(event, "response")
        tools: tuple[DecodedToolCall, ...] = tuple(
            t for item in listed(attribute(response, "output")) for t in called(item)
        )
    except ClientError as raised:
        return turn.with_error(raised)
    return replace(turn, tools=tools)


def final_output(response: Any) -> str:
    """`result.final_output`: the texts of the last message; any part but a refusal is read as text."""
    messages = [item for item in listed(attribute(response, "output")) if attribute(item, "type") == "message"]
    parts = [part for item in messages[-1:] for part in listed(attribute(item, "content"))]
    texts = (attribute(part, "text") for part in parts if attribute(part, "type") != "refusal")
    return "".join(joinable(text) for text in texts if text)


def read(x: Exchange) -> DecodedResponse:
    """`Runner.run_streamed` on a stream, `Runner.run` otherwise."""
    return stream(x) if x.mode == "stream" else read_whole(x, final_output)


OPENAI_AGENTS_RESPONSES = Client(
    profile="openai-agents",
    name="OpenAI Agents SDK 0.24 (Responses)",
    version="0.24.0 (openai 3.54.0)",
    api="responses",
    simulate=simulator_3(read),
)
