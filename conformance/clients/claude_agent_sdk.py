"""The Claude Agent SDK: Claude Code, which retries for minutes and falls back to a non-streaming request.

Measured, not read: Claude Code is a binary. It retries transient errors ten times; it removes beta features from a
rejected request, one by one. It shows a block of content when the block ends. If a stream fails before that, it sends
one non-streaming request; if after that, it sends the streaming request three more times, and shows each block.
"""

from dataclasses import replace
from typing import Any, Final

from conformance.clients.client import Client, Simulation
from conformance.clients.javascript import optional_get, parse_json
from conformance.clients.node import messages, refusal, text_of
from conformance.clients.sdk import should_retry
from conformance.clients.transport import body
from conformance.clients.turn import ClientError, DecodedResponse, DecodedToolCall, outcome_of
from conformance.model.exchange import Exchange
from conformance.parsing.http1 import reply

RETRIES: Final = 10
"""It doubles its wait after each, from half a second to half a minute: about three minutes in all."""
STRIPPED: Final = 6
"""Requests sent when one is rejected, each with fewer beta features."""
PATIENCE_S: Final = 60.0
"""It does not retry at all if Retry-After is longer."""
ERROR_RETRIES: Final = 2
"""Retries of a stream that begins with an error."""
RESUMED: Final = 3
"""Retries of a stream that fails after a block was shown."""
LOST: Final = ("cut", "reset", "coding")
NAMES: Final = (
    "completion",
    "message",
    "message_start",
    "message_delta",
    "message_stop",
    "content_block_start",
    "content_block_delta",
    "content_block_stop",
)
"""The events that are read, by their `event:` names; what an event is, its data says."""
BLOCKS: Final = ("text", "tool_use", "thinking", "redacted_thinking", "server_tool_use")
WAITS: Final = "nothing for about three minutes of retries"
"""A wait that long counts as a hang: few users wait for it."""


class _Message:
    """The message so far. `began`: it has a head; `told`: it was refused by an error event before that.

    `shown` has the blocks that ended, in order.
    """

    def __init__(self) -> None:
        self.open: dict[str, dict[str, Any]] = {}
        self.shown: list[dict[str, Any]] = []
        self.began = self.failed_first = self.stopped = False
        self.finish = ""

    def add(self, value: Any) -> None:
        """Take an event's data. Raises ClientError where the stream fails."""
        if value is None:
            raise ClientError("type", "null")
        kind, index = optional_get(value, "type"), str(optional_get(value, "index"))
        if kind == "message_start":
            self.began = _required(value.get("message"), "message") is not None
        elif kind == "content_block_start":
            self.open[index] = dict(_required(value.get("content_block"), "content block"))
            self.open[index]["text"] = self.open[index]["input"] = ""
            if self.open[index].get("type") not in BLOCKS:
                raise ClientError("shape", "unknown content block")
        elif kind in ("content_block_delta", "content_block_stop"):
            if index not in self.open:
                raise ClientError("shape", "Content block not found")
            if kind == "content_block_stop":
                self.shown.append(self.open.pop(index))
            else:
                _grow(self.open[index], _required(value.get("delta"), "delta"))
        elif kind == "message_delta":
            self.finish = str(_required(value.get("delta"), "delta").get("stop_reason") or self.finish)
        self.stopped = self.stopped or kind == "message_stop"

    @property
    def text(self) -> str:
        """The text of the blocks that ended."""
        return "".join(block["text"] for block in self.shown if block["type"] == "text")

    @property
    def tools(self) -> tuple[DecodedToolCall, ...]:
        """The tool calls among them."""
        calls = (block for block in self.shown if block["type"] == "tool_use" and block.get("name"))
        return tuple(DecodedToolCall(name=c["name"], arguments=c["input"], id=c.get("id")) for c in calls)


def _required(value: Any, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ClientError("type", f"{name} is not an object")
    return value


def _grow(block: dict[str, Any], delta: dict[str, Any]) -> None:
    kind = delta.get("type")
    if not isinstance(kind, str):
        raise ClientError("type", "a delta without a type")
    for wanted, field, name in (("text_delta", "text", "text"), ("input_json_delta", "input", "partial_json")):
        if kind == wanted:
            if not isinstance(delta.get(name), str):
                raise ClientError("type", f"{name} is not a string")
            block[field] += delta[name]


def _streamed(x: Exchange) -> tuple[_Message, ClientError | None]:
    """The message of a stream, and the error that ended it before it was complete."""
    message, received = _Message(), messages(x)
    try:
        for event in received.events:
            if message.stopped:
                break
            if event.name == "error":
                message.failed_first = not message.began
                return message, ClientError("api", _error_of(parse_json(event.data)))
            if event.name in NAMES:
                value = parse_json(event.data)
                if isinstance(value, ClientError):
                    return message, value
                message.add(value)
    except ClientError as raised:
        return message, raised
    waits = received.error is not None and received.error.kind == "hang"
    return message, received.error if waits or not message.stopped else None


def _error_of(value: Any) -> str:
    text = optional_get(optional_get(value, "error"), "message")
    return text if isinstance(text, str) else ""


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
    text = "".join(piece for piece in texts if isinstance(piece, str))
    return DecodedResponse(text=text, tools=tools, seen=True, ended=True)


def simulate(x: Exchange, fallback: Exchange | None) -> Simulation:
    """One user message: the stream, its retries, and the same request without streaming if that may help."""
    if x.mode == "unary":
        return _ends(_completed(x), (x,))
    failed = refusal(x)
    if failed:
        return _refused(x, fallback, failed)
    message, error = _streamed(x)
    complete = message.stopped or bool(message.finish)
    turn = DecodedResponse(
        text=message.text,
        tools=message.tools,
        finish=message.finish[:40],
        seen=message.began,
        ended=complete,
        error=None if message.shown and complete and error and error.kind not in ("hang", *LOST) else error,
    )
    if turn.error and turn.error.kind == "hang":
        return Simulation(outcome="hang", exchanges=(x,), turn=turn)
    if turn.error and turn.error.kind in LOST:
        return _lost(x, fallback, turn)
    return _read(x, fallback, turn, message)


def _read(x: Exchange, fallback: Exchange | None, turn: DecodedResponse, message: _Message) -> Simulation:
    if message.shown and message.began:
        if turn.ended and (turn.text or turn.tools):
            return Simulation(outcome=outcome_of(turn), exchanges=(x,), turn=turn)
        if not turn.ended:
            cause = "loses the stream after a block of content, and sends the request three more times"
            failed = turn.error or ClientError("cut", "The response stream was malformed.")
            return replace(_ends(turn.with_error(failed), (x,) * (1 + RESUMED)), cause=cause)
    if turn.error is None and message.began and message.stopped and message.finish:
        cause = "gets no content, and sends the request once more"
        return Simulation(outcome="empty_silent", exchanges=(x, x), turn=turn, cause=cause)
    again = ERROR_RETRIES if message.failed_first else int(message.began and not turn.error and not turn.ended)
    return _without_stream(x, fallback, 1 + again)


def _lost(x: Exchange, fallback: Exchange | None, turn: DecodedResponse) -> Simulation:
    cause = "loses the stream, retries ten times, then sends a non-streaming request"
    return Simulation(
        outcome="hang",
        exchanges=(*(x,) * (1 + RETRIES), fallback),
        turn=turn,
        cause=cause,
        user_effect=f"{WAITS}, then the complete response",
    )


def _refused(x: Exchange, fallback: Exchange | None, failed: ClientError) -> Simulation:
    turn = DecodedResponse(error=failed)
    unread = body(x).error if failed.kind == "status" else failed
    if unread and unread.kind == "hang":
        return Simulation(outcome="hang", exchanges=(x,), turn=turn)
    status, header = failed.status, reply(x).value("x-should-retry")
    if status == 404:
        return _without_stream(x, fallback, 1)
    stripped = STRIPPED - 1 if status in (400, 422) else 0
    tried_again = _is_passing(x, failed)
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
    turn = _completed(fallback)
    if turn.error and _is_passing(fallback, turn.error):
        exchanges = (*exchanges, *(fallback,) * RETRIES)
        return Simulation(outcome="hang", exchanges=exchanges, turn=turn, cause=cause, user_effect=f"{WAITS}, an error")
    return replace(_ends(turn, exchanges), cause=cause)


def _is_far(retry_after: str) -> bool:
    """Whether a Retry-After in seconds is longer than it waits; it does not read dates."""
    try:
        return float(retry_after) > PATIENCE_S
    except ValueError:
        return False


def _is_passing(x: Exchange, error: ClientError) -> bool:
    """Whether it sends a request that failed like this again, ten times."""
    if error.kind == "status":
        return (error.status == 401 or should_retry(x)) and not _is_far(reply(x).value("retry-after"))
    return error.kind in ("connection", "hang", *LOST)


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
