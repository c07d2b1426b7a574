"""hermes-agent: its own loops above openai-python 2, whose retries it turns off.

Each turn is tried three times; 0.19 tries an empty stream three times within each. An empty response is retried
three times. A response that looks truncated is continued, and the texts of all continuations are joined. If a
retryable error reports that streaming is not supported, the next attempt is non-streaming.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

from conformance.clients.claude_sdk import with_helper
from conformance.clients.client import Client, Simulation
from conformance.clients.openai_sdk import Calls, attribute, completed, items, slot_of, streamed, text_in
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """What differs between versions.

    `strict`: an empty stream is an error that is retried at once (else an empty response), text without a finish
    reason counts as truncated, and so does a stream that broke after text (else as empty). `resumes`: a stream that
    broke after text is requested again, not an error. `continued` and `recalled` count all requests for a truncated
    text, and for a truncated tool call. `retried`: the statuses below 500 that are retried. `told`: what the user
    reads instead of an empty response.
    """

    read: Callable[[Exchange], DecodedResponse]
    strict: bool
    resumes: bool = True
    continued: int
    recalled: int
    retried: tuple[int, ...]
    told: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptResult:
    """Requests sent for one kind of response, and the final outcome."""

    outcome: Outcome
    requests: int = 1
    why: str = ""
    sees: str = ""
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
    return completed(x, look=_has_choices)


def read_messages(x: Exchange) -> DecodedResponse:
    """The same on Messages, through the SDK's helper; hermes detects an empty stream on its own."""
    turn = with_helper(x)
    empty = x.mode == "stream" and turn.error is not None and turn.error.kind == "shape" and not turn.seen
    return DecodedResponse() if empty else turn


def simulate(habits: Behaviour, x: Exchange, fallback: Exchange | None) -> Simulation:
    """One user message: the stream, and a non-streaming request if the stream's error means "unsupported"."""
    turn = habits.read(x)
    fate = _attempt_result(habits, turn, x.mode == "stream", ATTEMPTS)
    switches = x.mode == "stream" and not turn.text and _says_unsupported(turn.error)
    if not switches or fate.requests == 1:
        told = f"{BANNER} {fate.error}" if switches else fate.error
        return Simulation(
            outcome=fate.outcome, asked=(x,) * fate.requests, turn=turn, why=fate.why, sees=fate.sees, error=told
        )
    why = "gets the error that streaming is not supported, then sends a non-streaming request"
    if fallback is None:
        sees = "the response to that request, which was not recorded"
        return Simulation(outcome="exception", asked=(x, None), turn=turn, why=why, sees=sees, error=fate.error)
    turn = habits.read(fallback)
    fate = _attempt_result(habits, turn, streams=False, attempts=ATTEMPTS - 1)
    recovers = fate.outcome == "text"
    return Simulation(
        outcome="text+" if recovers else fate.outcome,
        asked=(x, *(fallback,) * fate.requests),
        turn=turn,
        why=why,
        sees="a warning, then the complete response" if recovers else fate.sees,
        error=f"{BANNER} {fate.error}".strip(),
    )


def _attempt_result(habits: Behaviour, turn: DecodedResponse, streams: bool, attempts: int) -> AttemptResult:  # noqa: FBT001
    if turn.error:
        return _failed(habits, turn, turn.error, streams=streams, attempts=attempts)
    if turn.tools:
        return _tool_called(habits, turn)
    strict = streams and habits.strict and not turn.finish
    if strict and not (turn.text or turn.thought):
        nothing = ClientError("invalid", "Provider returned an empty stream with no finish_reason.")
        why = "finds nothing in the stream and treats that as an error" if turn.seen else ""
        return _failed_after(nothing, attempts * INNER_ATTEMPTS, why)
    if turn.finish in ("length", "max_tokens") or (strict and turn.text and habits.resumes):
        return _continued_requests(habits, turn)
    if turn.visible:
        return AttemptResult(outcome="text" if turn.ended else "partial_text")
    thought = turn.thought or bool(turn.text.strip())
    requests = EMPTY_ATTEMPTS + (THOUGHT_ATTEMPTS if thought else 0)
    return AttemptResult(outcome="empty_silent", requests=requests, sees=f"`{habits.told}`", error=habits.told)


def _failed(
    habits: Behaviour, turn: DecodedResponse, error: ClientError, *, streams: bool, attempts: int
) -> AttemptResult:
    if error.kind == "hang":
        return AttemptResult(outcome="hang")
    if turn.text and habits.resumes:
        return _stream_lost(habits)
    if turn.text:
        return _failed_after(ClientError("invalid", "Invalid API response"), attempts)
    return _failed_after(error, _attempts(habits, error, streams, attempts))


def _stream_lost(habits: Behaviour) -> AttemptResult:
    """The stream broke after some text, which is discarded."""
    if habits.strict:
        why = "loses the stream in the middle of the response and discards the partial text"
        error = f"Response remained truncated after {habits.continued} continuation attempts"
        return AttemptResult(outcome="empty_silent", requests=habits.continued, why=why, error=error)
    why = "loses the stream in the middle of the response and treats it as empty"
    return AttemptResult(
        outcome="empty_silent", requests=EMPTY_ATTEMPTS, why=why, sees=f"`{habits.told}`", error=habits.told
    )


def _failed_after(error: ClientError, requests: int, why: str = "") -> AttemptResult:
    status = f"HTTP {error.status}: " if error.status else ""
    told = f"API call failed after {ATTEMPTS} retries: " if requests > 1 else ""
    return AttemptResult(
        outcome="exception", requests=requests, why=why, error=f"{told}{status}{error.said or error.message}"
    )


def _tool_called(habits: Behaviour, turn: DecodedResponse) -> AttemptResult:
    if all(tool.callable for tool in turn.tools):
        return AttemptResult(outcome="tool_ok")
    if not all(tool.name for tool in turn.tools):
        return AttemptResult(outcome="tool_bad")
    requests = habits.recalled if turn.finish or not habits.strict else habits.continued
    why = "treats the tool call's arguments as truncated"
    return AttemptResult(
        outcome="tool_bad", requests=requests, why=why, error="Response truncated due to output length limit"
    )


def _continued_requests(habits: Behaviour, turn: DecodedResponse) -> AttemptResult:
    why = "treats the response as truncated because " + (
        "of its finish reason" if turn.finish else "it has no finish reason"
    )
    outcome: Outcome = "text+" if turn.ended else "partial_text"
    sees = "the texts of all attempts, joined"
    return AttemptResult(
        outcome=outcome if turn.text else "empty_silent", requests=habits.continued, why=why, sees=sees
    )


def _attempts(habits: Behaviour, error: ClientError, streams: bool, attempts: int) -> int:  # noqa: FBT001
    """How often a request that fails like this is sent."""
    lost = error.kind == "connection" or (not streams and error.kind in ("cut", "reset", "coding"))
    if lost:
        return attempts + ATTEMPTS  # once more from the start, with a new connection pool
    if error.kind == "cut":
        return (attempts + ATTEMPTS) * INNER_ATTEMPTS
    if error.kind == "status":
        return attempts if _retryable(habits, error) else 1
    if error.kind == "api":
        said = error.message.lower()
        if any(words in said for words in LOST_CONNECTION):
            return attempts * INNER_ATTEMPTS
        return 1 if any(words in said for words in NON_RETRYABLE) else attempts
    return 1 if error.kind in ("type", "unicode") else attempts


def _retryable(habits: Behaviour, error: ClientError) -> bool:
    said = error.message.lower()
    if error.status in (500, 502) and habits.strict:
        return not any(words in said for words in REFUSED_FIELD)
    if error.status == 404:
        return not any(words in said for words in NO_MODEL)
    return error.status >= 500 or error.status in habits.retried


def _says_unsupported(error: ClientError | None) -> bool:
    if error is None or error.kind not in ("status", "api", "json", "shape", "type"):
        return False
    said = error.message.lower()
    return "stream" in said and "not supported" in said


NO_REPLY_0_19: Final = "⚠️ No reply: the model returned empty content after retries and any fallback providers."

BEHAVIOUR_0_19: Final = Behaviour(
    read=read_chat, strict=True, continued=4, recalled=5, retried=(408, 429), told=NO_REPLY_0_19
)
HERMES_0_19 = Client(
    profile="hermes",
    name="hermes 0.19",
    version="0.19.0 (openai 2.24.0)",
    api="chat",
    play=partial(simulate, BEHAVIOUR_0_19),
)
HERMES_0_19_ANTHROPIC = Client(
    profile="hermes",
    name="hermes 0.19 (Anthropic)",
    version="0.19.0 (anthropic 0.87.0)",
    api="messages",
    play=partial(simulate, replace(BEHAVIOUR_0_19, read=read_messages, resumes=False)),
)
HERMES_0_14 = Client(
    profile="hermes",
    name="hermes 0.14",
    version="0.14.0 (openai 2.24.0)",
    api="chat",
    play=partial(
        simulate,
        Behaviour(read=read_chat, strict=False, continued=3, recalled=2, retried=(402, 429), told="(empty)"),
    ),
)
