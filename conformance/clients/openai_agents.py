"""The OpenAI Agents SDK on Chat Completions: an async openai-python 3 whose chunks become items of a response."""

from dataclasses import replace
from typing import Any, Final

from conformance.clients.client import Client
from conformance.clients.openai_python import simulator_3
from conformance.clients.openai_sdk import Calls, attribute, completed, items, slot_of, streamed, text_in
from conformance.clients.turn import ClientError, DecodedResponse, as_text
from conformance.model.exchange import Exchange

NO_MESSAGE: Final = "'NoneType' object has no attribute 'content'"
WITHHELD: Final = "Response withheld by the provider's content filter."


def handle(delta: Any, calls: Calls) -> str:
    """Take one delta; None is skipped, a refusal counts as text, and the last name of a call is kept."""
    if not delta:
        return ""
    if attribute(delta, "audio"):
        raise ClientError("invalid", "Audio is not currently supported")
    for fragment in items(attribute(delta, "tool_calls")):
        if attribute(fragment, "type") != "custom":
            calls.add(fragment, slot_of(attribute(fragment, "index")))
    return text_in(attribute(delta, "content")) + text_in(attribute(delta, "refusal"))


def _later_choices(chunk: Any) -> bool:
    """Whether a chunk has choices, and none of them is the first one."""
    choices = attribute(chunk, "choices")
    return isinstance(choices, list) and bool(choices) and all(attribute(c, "index") != 0 for c in choices)


def _has_choices(value: Any) -> None:
    if not attribute(value, "choices"):
        raise ClientError("invalid", "ChatCompletion response has no choices (possible provider error payload)")


def _validated(turn: DecodedResponse) -> DecodedResponse:
    """A choice without a message is an empty response; content and arguments must be strings."""
    if turn.error and turn.error.message == NO_MESSAGE:
        return DecodedResponse(seen=True, ended=True)
    if turn.text_after_end:
        return replace(turn, text="").with_error(ClientError("invalid", "text: Input should be a valid string"))
    for tool in turn.tools:
        if not isinstance(tool.arguments, str):
            message = f"arguments: Input should be a valid string [input_value={as_text(tool.arguments, 80)}]"
            return turn.with_error(ClientError("invalid", message))
    return turn


def _judged(turn: DecodedResponse) -> DecodedResponse:
    """An empty response is an error if its finish reason is `length`, and a refusal if it is `content_filter`."""
    if turn.error or turn.text or turn.tools:
        return turn
    if turn.finish == "length":
        message = "Chat Completions response terminated with finish_reason='length' but produced no assistant text"
        return turn.with_error(ClientError("invalid", message))
    return replace(turn, text=WITHHELD) if turn.finish == "content_filter" else turn


def read(x: Exchange) -> DecodedResponse:
    """`Runner.run_streamed` on a stream, `Runner.run` otherwise."""
    if x.mode == "stream":
        return _judged(streamed(x, handle, on_chunk=_later_choices, whole_body=False, calls=Calls(last_name=True)))
    return _judged(_validated(completed(x, on_chunk=_has_choices, whole_body=False)))


OPENAI_AGENTS = Client(
    profile="openai-agents",
    name="OpenAI Agents SDK 0.24",
    version="0.24.0 (openai 3.54.0)",
    api="chat",
    simulate=simulator_3(read),
)
