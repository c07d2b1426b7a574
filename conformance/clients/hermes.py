"""hermes-agent: its own loops above openai-python 2, whose retries it turns off.

Each turn is tried three times; 0.19 tries an empty stream three times within each. An empty response is retried
three times. A response that looks truncated is continued, and the texts of all continuations are joined. If a
retryable error reports that streaming is not supported, the next attempt is non-streaming.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import msgspec

from conformance.clients import claude_sdk_0
from conformance.clients.client import Client, Simulation
from conformance.clients.openai_sdk import Calls, attribute, completed, items, slot_of, streamed, text_in
from conformance.clients.transport import answered_2xx, body, json_value
from conformance.clients.turn import ClientError, DecodedResponse
from conformance.model.exchange import Exchange
from conformance.model.impact import Outcome

ATTEMPTS: Final = 3
INNER_ATTEMPTS: Final = 3
EMPTY_ATTEMPTS: Final = 4
THOUGHT_ATTEMPTS: Final = 2
LOST_CONNECTION: Final = (
    "connection lost",
    "connection reset",
    "connection closed",
    "connection terminated",
    "network error",
    "network connection",
    "terminated",
    "peer closed",
    "broken pipe",
    "upstream connect error",
)
"""Words of an error in the stream that hermes treats as a lost connection."""

NO_MODEL: Final = (
    "is not a valid model",
    "invalid model",
    "model not found",
    "model_not_found",
    "does not exist",
    "no such model",
    "unknown model",
    "unsupported model",
)
REFUSED_FIELD: Final = (
    "unknown parameter",
    "unsupported parameter",
    "unrecognized request argument",
    "invalid_request_error",
    "unknown_parameter",
    "unsupported_parameter",
)
NON_RETRYABLE: Final = (
    "invalid api key",
    "invalid_api_key",
    "authentication",
    "unauthorized",
    "forbidden",
    "insufficient credits",
    "insufficient_quota",
    "payment required",
    *NO_MODEL,
)
"""Words of an error in the stream after which hermes does not retry."""

BANNER: Final = "Streaming is not supported for this model/provider. Switching to non-streaming."


class Behaviour(msgspec.Struct, frozen=True, kw_only=True):
    """What differs between versions.

    `strict`: an empty stream is an error that is retried at once (else an empty response), text without a finish
    reason counts as truncated, and so does a stream that broke after text (else as empty). `resumes`: a stream that
    broke after text is requested again, not an error. `continuation_requests` and `tool_retry_requests` count all
    requests for a truncated text, and for a truncated tool call. `retried`: the statuses below 500 that are retried.
    `empty_message`: what the user reads instead of an empty response.
    """

    read: Callable[[Exchange], DecodedResponse]
    strict: bool
    resumes: bool = True
    continuation_requests: int
    tool_retry_requests: int
    retried: tuple[int, ...]
    empty_message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptResult:
    """Requests sent for one kind of response, and the final outcome."""

    outcome: Outcome
    requests: int = 1
    cause: str = ""
    user_effect: str = ""
    error: str = ""


def handle_delta(delta: Any, calls: Calls) -> str:
    """Take one delta; None is skipped, a tool call without an index goes to the first slot."""
    if not delta:
        return ""
    text = text_in(attribute(delta, "content"))
    for fragment in items(attribute(delta, "tool_calls")):
        index = attribute(fragment, "index")
        calls.add(fragment, 0 if index is None else slot_of(index))
    return text


def _has_choices(value: Any) -> None:
    if not (isinstance(value, dict) and value.get("choices")):
        raise ClientError("invalid", "Invalid API response: no choices")


def read_chat(x: Exchange) -> DecodedResponse:
    """One response as hermes reads it, before its loops."""
    if x.mode == "stream":
        return streamed(x, handle_delta, calls=Calls(last_name=True))
    return completed(x, on_chunk=_has_choices)


def simulate(behaviour: Behaviour, x: Exchange, fallback: Exchange | None) -> Simulation:
    """One user message: the stream, and a non-streaming request if the stream's error says that it is unsupported."""
    turn = _read(behaviour, x)
    result = _attempt_result(behaviour, turn, x.mode == "stream", ATTEMPTS)
    switches = x.mode == "stream" and not turn.text and _is_streaming_unsupported(turn.error)
    if not switches or result.requests == 1:
        error = f"{BANNER} {result.error}" if switches else result.error
        return Simulation(
            outcome=result.outcome,
            exchanges=(x,) * result.requests,
            turn=turn,
            cause=result.cause,
            user_effect=result.user_effect,
            error=error,
        )
    cause = "gets the error that streaming is not supported, then sends a non-streaming request"
    if fallback is None:
        user_effect = "the response to that request, which was not recorded"
        return Simulation(
            outcome="exception",
            exchanges=(x, None),
            turn=turn,
            cause=cause,
            user_effect=user_effect,
            error=result.error,
        )
    turn = _read(behaviour, fallback)
    result = _attempt_result(behaviour, turn, streams=False, attempts=ATTEMPTS - 1)
    recovers = result.outcome == "text"
    return Simulation(
        outcome="text+" if recovers else result.outcome,
        exchanges=(x, *(fallback,) * result.requests),
        turn=turn,
        cause=cause,
        user_effect="a warning, then the complete response" if recovers else result.user_effect,
        error=f"{BANNER} {result.error}".strip(),
    )


def _read(behaviour: Behaviour, x: Exchange) -> DecodedResponse:
    """One response; where the body of an error can't be read, that is the error: the SDK does not retry before."""
    turn = behaviour.read(x)
    refused = turn.error is not None and turn.error.kind == "status" and not answered_2xx(x)
    unread = body(x).error if refused else None
    if refused and not (unread or behaviour.strict or _can_be_shortened(x)):
        unread = ClientError("type", "object is not subscriptable")
    return turn.with_error(unread) if unread else turn


def _can_be_shortened(x: Exchange) -> bool:
    """Whether the message in the body of an error is text: 0.14 takes its first characters."""
    value = json_value(body(x).content)
    error = value.get("error", value) if isinstance(value, dict) else None
    message = error.get("message") if isinstance(error, dict) else None
    return not message or isinstance(message, str | list)


def _attempt_result(behaviour: Behaviour, turn: DecodedResponse, streams: bool, attempts: int) -> AttemptResult:  # noqa: FBT001
    if turn.error:
        return _failed(behaviour, turn, turn.error, streams=streams, attempts=attempts)
    if turn.tools:
        return _tool_called(behaviour, turn)
    strict = streams and behaviour.strict and not turn.finish
    if strict and not (turn.text or turn.has_reasoning):
        nothing = ClientError("invalid", "Provider returned an empty stream with no finish_reason.")
        cause = "finds nothing in the stream and treats that as an error" if turn.seen else ""
        return _failed_after(nothing, attempts * INNER_ATTEMPTS, cause)
    if turn.finish in ("length", "max_tokens") or (strict and turn.text and behaviour.resumes):
        return _continued_requests(behaviour, turn)
    if turn.visible:
        return AttemptResult(outcome="text" if turn.ended else "partial_text")
    has_reasoning = turn.has_reasoning or bool(turn.text.strip())
    requests = EMPTY_ATTEMPTS + (THOUGHT_ATTEMPTS if has_reasoning else 0)
    return AttemptResult(
        outcome="empty_silent",
        requests=requests,
        user_effect=f"`{behaviour.empty_message}`",
        error=behaviour.empty_message,
    )


def _failed(
    behaviour: Behaviour, turn: DecodedResponse, error: ClientError, *, streams: bool, attempts: int
) -> AttemptResult:
    if error.kind == "hang":
        return AttemptResult(outcome="hang")
    if turn.text and behaviour.resumes:
        return _stream_lost(behaviour)
    if turn.text:
        return _failed_after(ClientError("invalid", "Invalid API response"), attempts)
    return _failed_after(error, _attempts(behaviour, error, streams, attempts))


def _stream_lost(behaviour: Behaviour) -> AttemptResult:
    """The stream broke after some text, which is discarded."""
    if behaviour.strict:
        cause = "loses the stream in the middle of the response and discards the partial text"
        error = f"Response remained truncated after {behaviour.continuation_requests} continuation attempts"
        return AttemptResult(outcome="empty_silent", requests=behaviour.continuation_requests, cause=cause, error=error)
    cause = "loses the stream in the middle of the response and treats it as empty"
    return AttemptResult(
        outcome="empty_silent",
        requests=EMPTY_ATTEMPTS,
        cause=cause,
        user_effect=f"`{behaviour.empty_message}`",
        error=behaviour.empty_message,
    )


def _failed_after(error: ClientError, requests: int, cause: str = "") -> AttemptResult:
    status = f"HTTP {error.status}: " if error.status else ""
    retried = f"API call failed after {ATTEMPTS} retries: " if requests > 1 else ""
    return AttemptResult(
        outcome="exception", requests=requests, cause=cause, error=f"{retried}{status}{error.message or error.message}"
    )


def _tool_called(behaviour: Behaviour, turn: DecodedResponse) -> AttemptResult:
    if all(tool.callable for tool in turn.tools):
        return AttemptResult(outcome="tool_ok")
    if not all(tool.name for tool in turn.tools):
        return AttemptResult(outcome="tool_bad")
    requests = behaviour.tool_retry_requests if turn.finish or not behaviour.strict else behaviour.continuation_requests
    cause = "treats the tool call's arguments as truncated"
    return AttemptResult(
        outcome="tool_bad", requests=requests, cause=cause, error="Response truncated due to output length limit"
    )


def _continued_requests(behaviour: Behaviour, turn: DecodedResponse) -> AttemptResult:
    cause = "treats the response as truncated because " + (
        "of its finish reason" if turn.finish else "it has no finish reason"
    )
    outcome: Outcome = "text+" if turn.ended else "partial_text"
    user_effect = "the texts of all attempts, joined"
    return AttemptResult(
        outcome=outcome if turn.text else "empty_silent",
        requests=behaviour.continuation_requests,
        cause=cause,
        user_effect=user_effect,
    )


def _attempts(behaviour: Behaviour, error: ClientError, streams: bool, attempts: int) -> int:  # noqa: FBT001
    """How often a request that fails like this is sent."""
    lost = error.kind == "connection" or (not streams and error.kind in ("cut", "reset", "coding"))
    if lost:
        return attempts + ATTEMPTS  # once more from the start, with a new connection pool
    if error.kind == "cut":
        return (attempts + ATTEMPTS) * INNER_ATTEMPTS
    if error.kind == "status":
        return attempts if _retryable(behaviour, error) else 1
    if error.kind == "api":
        message = error.message.lower()
        if any(words in message for words in LOST_CONNECTION):
            return attempts * INNER_ATTEMPTS
        return 1 if any(words in message for words in NON_RETRYABLE) else attempts
    return 1 if error.kind in ("type", "unicode") else attempts


def _retryable(behaviour: Behaviour, error: ClientError) -> bool:
    message = error.message.lower()
    if error.status in (500, 502) and behaviour.strict:
        return not any(words in message for words in REFUSED_FIELD)
    if error.status == 404:
        return not any(words in message for words in NO_MODEL)
    return not 400 <= error.status < 500 or error.status in behaviour.retried


def _is_streaming_unsupported(error: ClientError | None) -> bool:
    if error is None or error.kind not in ("status", "api", "json", "shape", "type"):
        return False
    message = error.message.lower()
    return "stream" in message and "not supported" in message


NO_REPLY_0_19: Final = "⚠️ No reply: the model returned empty content after retries and any fallback providers."

BEHAVIOUR_0_19: Final = Behaviour(
    read=read_chat,
    strict=True,
    continuation_requests=4,
    tool_retry_requests=5,
    retried=(408, 429),
    empty_message=NO_REPLY_0_19,
)
HERMES_0_19 = Client(
    profile="hermes",
    name="hermes 0.19",
    version="0.19.0 (openai 2.24.0)",
    api="chat",
    simulate=partial(simulate, BEHAVIOUR_0_19),
)
HERMES_0_19_ANTHROPIC = Client(
    profile="hermes",
    name="hermes 0.19 (Anthropic)",
    version="0.19.0 (anthropic 0.87.0)",
    api="messages",
    simulate=partial(simulate, msgspec.structs.replace(BEHAVIOUR_0_19, read=claude_sdk_0.read, resumes=False)),
)
HERMES_0_14 = Client(
    profile="hermes",
    name="hermes 0.14",
    version="0.14.0 (openai 2.24.0)",
    api="chat",
    simulate=partial(
        simulate,
        Behaviour(
            read=read_chat,
            strict=False,
            continuation_requests=3,
            tool_retry_requests=2,
            retried=(402, 429),
            empty_message="(empty)",
        ),
    ),
)
