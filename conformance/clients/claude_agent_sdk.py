"""The Claude Agent SDK: Claude Code, which retries for minutes and falls back to a non-streaming request.

Measured, not read: Claude Code is a binary. It retries transient errors ten times; it removes beta features from a
rejected request, one by one; and if a stream is empty, truncated or ends in an error, it sends one non-streaming
request.
"""

from dataclasses import dataclass, replace
from typing import Any, Final

from conformance.clients.client import Client, Simulation
from conformance.clients.javascript import optional_get, parse_json
from conformance.clients.node import messages, refusal, text_of
from conformance.clients.openai_sdk import Calls
from conformance.clients.sdk import should_retry
from conformance.clients.transport import body
from conformance.clients.turn import ClientError, DecodedResponse, DecodedToolCall, outcome_of
from conformance.model.exchange import Exchange
from conformance.parsing.http1 import reply

RETRIES: Final = 10
"""It doubles its wait after each, from half a second to half a minute: about three minutes in all."""
STRIPPED: Final = 6
"""Requests sent when one is rejected, each with fewer beta features."""
ERROR_RETRIES: Final = 2
"""Retries of a stream that begins with an error."""
LOST: Final = ("cut", "reset", "coding")
KNOWN: Final = (
    "message_start",
    "message_delta",
    "message_stop",
    "content_block_start",
    "content_block_delta",
    "content_block_stop",
    "error",
)
WAITS: Final = "nothing for about three minutes of retries"
"""A wait that long counts as a hang: few users wait for it."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A stream as read; `began`: a message had begun; `torn`: a delta belongs to no started block."""

    turn: DecodedResponse
    began: bool = False
    torn: bool = False


def _streamed(x: Exchange) -> Reading:
    """Read the events up to the message's end; those without a name, or with an unknown one, are skipped."""
    received, calls = messages(x), Calls()
    text: list[str] = []
    blocks: set[Any] = set()
    began, stopped, finish = False, False, ""
    for event in received.events:
        if event.name not in KNOWN or stopped:
            continue
        value = parse_json(event.data)
        kind = optional_get(value, "type") or event.name
        if isinstance(value, ClientError) or event.name == "error" or kind == "error":
            error = ClientError("api", _error_of(value))
            return Reading(DecodedResponse(text="".join(text), error=error, seen=began), began)
        began = began or kind == "message_start"
        index = str(optional_get(value, "index"))
        if kind == "content_block_start":
            blocks.add(index)
            _open(calls, optional_get(value, "content_block"), index)
        elif kind == "content_block_delta":
            if index not in blocks:
                error = ClientError("shape", "Content block not found")
                return Reading(DecodedResponse(text="".join(text), error=error), began, torn=True)
            text.append(_grow(calls, optional_get(value, "delta"), index))
        finish = str(optional_get(optional_get(value, "delta"), "stop_reason") or finish)
        stopped = kind == "message_stop"
    ended = began and (stopped or bool(finish))
    waits = received.error is not None and received.error.kind == "hang"
    tools = tuple(tool for tool in calls.tools() if tool.name)
    return Reading(
        DecodedResponse(
            text="".join(text),
            tools=tools,
            finish=finish[:40],
            seen=began,
            ended=ended,
            error=received.error if waits or not ended else None,
        ),
        began,
    )


def _error_of(value: Any) -> str:
    said = optional_get(optional_get(value, "error"), "message")
    return said if isinstance(said, str) else ""


def _open(calls: Calls, block: Any, index: str) -> None:
    if optional_get(block, "type") == "tool_use":
        calls.add({"id": block.get("id"), "function": {"name": block.get("name")}}, index)


def _grow(calls: Calls, delta: Any, index: str) -> str:
    kind = optional_get(delta, "type")
    if kind == "input_json_delta" and isinstance(delta.get("partial_json"), str):
        calls.add({"function": {"arguments": delta["partial_json"]}}, index)
    said = optional_get(delta, "text") if kind == "text_delta" else ""
    return said if isinstance(said, str) else ""


def _completed(x: Exchange) -> DecodedResponse:
    """Read the response to the fallback, or to a request that was non-streaming from the start."""
    failed = refusal(x) or body(x).error
    if failed:
        return DecodedResponse(error=failed)
    value = parse_json(text_of(x))
    blocks = optional_get(value, "content")
    if not isinstance(blocks, list):
        return DecodedResponse(error=ClientError("invalid", "API returned an empty or malformed response (HTTP 200)"))
    texts = (optional_get(block, "text") for block in blocks if optional_get(block, "type") == "text")
    tools = tuple(
        DecodedToolCall(name=block.get("name"), arguments="{}", id=block.get("id"))
        for block in blocks
        if optional_get(block, "type") == "tool_use"
    )
    said = "".join(piece for piece in texts if isinstance(piece, str))
    return DecodedResponse(text=said, tools=tools, seen=True, ended=True)


def simulate(x: Exchange, fallback: Exchange | None) -> Simulation:
    """One user message: the stream, its retries, and the same request without streaming if that may help."""
    if x.mode == "unary":
        return _ends(_completed(x), (x,))
    failed = refusal(x)
    if failed:
        return _refused(x, fallback, failed)
    reading = _streamed(x)
    turn = reading.turn
    if turn.error and turn.error.kind == "hang":
        return Simulation(outcome="hang", exchanges=(x,), turn=turn)
    if turn.error is None and turn.ended:
        return Simulation(outcome=outcome_of(turn), exchanges=(x,), turn=turn)
    if turn.error and turn.error.kind in LOST:
        exchanges = (*(x,) * (1 + RETRIES), fallback)
        cause = "loses the stream, retries ten times, then sends a non-streaming request"
        return Simulation(
            outcome="hang",
            exchanges=exchanges,
            turn=turn,
            cause=cause,
            user_effect=f"{WAITS}, then the complete response",
        )
    return _without_stream(x, fallback, 1 + _streams_again(reading))


def _streams_again(reading: Reading) -> int:
    """How often the stream itself is retried before the fallback."""
    if reading.turn.error and not reading.began:
        return ERROR_RETRIES
    return 1 if reading.began and not reading.turn.error and not reading.torn else 0


def _refused(x: Exchange, fallback: Exchange | None, failed: ClientError) -> Simulation:
    turn = DecodedResponse(error=failed)
    if failed.kind == "hang":
        return Simulation(outcome="hang", exchanges=(x,), turn=turn)
    status, header = failed.status, reply(x).value("x-should-retry")
    if status == 404:
        return _without_stream(x, fallback, 1)
    stripped = STRIPPED - 1 if status in (400, 422) else 0
    tried_again = failed.kind == "connection" or status == 401 or should_retry(x)
    if tried_again and header != "false":
        exchanges = (x,) * (1 + stripped + RETRIES)
        return Simulation(outcome="hang", exchanges=exchanges, turn=turn, user_effect=f"{WAITS}, then an error")
    return _ends(turn, (x,) * (1 + stripped))


def _without_stream(x: Exchange, fallback: Exchange | None, streams: int) -> Simulation:
    """Send one non-streaming request, after `streams` streaming ones."""
    exchanges = (*(x,) * streams, fallback)
    cause = "gets no response from the stream, then sends a non-streaming request"
    if fallback is None:
        user_effect = "the response to that request, which was not recorded"
        return Simulation(
            outcome="exception", exchanges=exchanges, turn=DecodedResponse(), cause=cause, user_effect=user_effect
        )
    return replace(_ends(_completed(fallback), exchanges), cause=cause)


def _ends(turn: DecodedResponse, exchanges: tuple[Exchange | None, ...]) -> Simulation:
    """The end of a message: an error is shown as text, as if it were the response, and then raised."""
    if turn.error:
        user_effect = "an error message as if it were the response, then an exception"
        return Simulation(outcome="partial_text+exception", exchanges=exchanges, turn=turn, user_effect=user_effect)
    return Simulation(outcome=outcome_of(turn), exchanges=exchanges, turn=turn)


CLAUDE_AGENT_SDK = Client(
    profile="claude-agent-sdk",
    name="Claude Agent SDK 0.2",
    version="0.2.187 (Claude Code 2.1.330)",
    api="messages",
    simulate=simulate,
)
