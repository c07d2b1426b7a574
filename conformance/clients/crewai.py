"""CrewAI: an LLM on openai-python 2, and a crew whose agent repeats its task on any error."""

from dataclasses import replace
from functools import partial
from typing import Any, Final

from conformance.clients.client import Client
from conformance.clients.openai_sdk import Calls, attribute, completed, items, slot_of, streamed, text_in
from conformance.clients.sdk import simulator
from conformance.clients.turn import ClientError, DecodedResponse
from conformance.model.exchange import Exchange

TASK_ATTEMPTS: Final = 3
RATE_LIMIT_ATTEMPTS: Final = 3
RATE_LIMIT_WORDS: Final = ("rate limit", "rate-limit", "too many requests", "throttled", "resource exhausted")


def handle_delta(delta: Any, calls: Calls) -> str:
    """Take one delta, which must not be None; a tool call without an index goes to the first slot."""
    text = text_in(attribute(delta, "content"))
    for fragment in items(attribute(delta, "tool_calls")):
        index = attribute(fragment, "index")
        calls.add(fragment, 0 if index is None else slot_of(index))
    return text


def _counts_only(chunk: Any) -> bool:
    """A chunk with usage is read for nothing else; one that says something is an event, whose ID must be text."""
    if attribute(chunk, "usage"):
        return True
    if _says_something(chunk) and not isinstance(chunk.get("id"), str | None):
        raise ClientError("invalid", "1 validation error for LLMStreamChunkEvent: response_id")
    return False


def _says_something(chunk: dict[str, Any]) -> bool:
    choices = chunk.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    delta = choice.get("delta") if isinstance(choice, dict) else None
    return isinstance(delta, dict) and bool(delta.get("content") or delta.get("tool_calls"))


def _reports_no_error(value: Any) -> None:
    error = attribute(value, "error")
    if error:
        message = error.get("message") if isinstance(error, dict) else error
        raise ClientError("api", message if isinstance(message, str) else "")


def call(x: Exchange) -> DecodedResponse:
    """`LLM.call`, which returns text or raises: text received before an error is lost."""
    if x.mode == "unary":
        return _as_called(completed(x, on_chunk=_reports_no_error))
    turn = streamed(x, handle_delta, on_chunk=_counts_only, calls=Calls(last_name=True))
    return replace(turn, text="") if turn.error else turn


def _as_called(turn: DecodedResponse) -> DecodedResponse:
    """Arguments that are already an object are used as they are."""
    tools = tuple(replace(t, arguments="{}") if isinstance(t.arguments, dict) else t for t in turn.tools)
    return replace(turn, tools=tools)


def kickoff(x: Exchange) -> DecodedResponse:
    """`Crew.kickoff`, which treats an empty response as an error."""
    turn = call(x)
    if turn.error or turn.text or turn.tools:
        return turn
    return turn.with_error(ClientError("invalid", "Invalid response from LLM call - None or empty."))


def _attempts(turn: DecodedResponse, *, task: int) -> int:
    """The task is retried on any error, and the call within it on a rate limit."""
    if turn.error is None or turn.error.kind == "hang":
        return 1
    message = turn.error.message.lower()
    limited = turn.error.status == 429 or any(words in message for words in RATE_LIMIT_WORDS)
    return task * (RATE_LIMIT_ATTEMPTS if limited else 1)


CREWAI = Client(
    profile="crewai",
    name="CrewAI 1.15",
    version="1.15.30 (openai 2.54.0)",
    api="chat",
    simulate=simulator(kickoff, framework_attempts=partial(_attempts, task=TASK_ATTEMPTS)),
)
CREWAI_LLM = Client(
    profile="crewai",
    name="CrewAI 1.15 (LLM.call)",
    version="1.15.30 (openai 2.54.0)",
    api="chat",
    simulate=simulator(call, framework_attempts=partial(_attempts, task=1)),
)
