"""Defects of a whole server, as first written by hand: one cause, by which many rules fail."""

from collections.abc import Callable
from dataclasses import replace
from itertools import count
from typing import Any

from conformance.model.words import CONVERSATIONAL
from conformance.testbed.mutations.mutate_requests import Body, as_detail, editing_errors, rewriting, with_body
from conformance.testbed.server.reply import Event, ModelResponse, Mutation, OnResponse, OnWire, ServerRequest

READ = ("model", "messages", "input", "stream")
"""The only fields that a first request model declares."""
REQUIRED = ("max_tokens",)
"""What Messages demands besides."""


def _declared(body: Body, *names: str) -> Body:
    return {name: value for name, value in body.items() if name in names}


def only_declared(request: ServerRequest) -> ServerRequest:
    """Read nothing but the declared fields."""
    names = (*READ, *REQUIRED) if request.api == "messages" else READ
    return rewriting(lambda body: _declared(body, *names), apis=CONVERSATIONAL)(request)


def by_hand(chunk: Callable[[str, int], Body], *, is_ended: bool) -> OnResponse:
    """Write each chunk of a chat stream with text by hand, from its text and number."""

    def change(response: ModelResponse, request: ServerRequest) -> ModelResponse:
        if request.api != "chat" or response.events is None:
            return response
        texts = [event for event in response.events if _text(event.data)]
        written = [Event(data=chunk(_text(event.data), n), wait_s=event.wait_s) for n, event in zip(count(), texts)]
        end = [event for event in response.events if event.data == "[DONE]"] if is_ended else []
        return replace(response, events=(*written, *end)) if written else response

    return change


def _text(data: Any) -> str:
    choices = data.get("choices") if isinstance(data, dict) else None
    return next((choice["delta"].get("content") or "" for choice in choices or () if "delta" in choice), "")


def least_chunk(text: str, number: int) -> Body:
    """A chunk with its own ID, as if it was a completion, and nothing but the text."""
    return {
        "id": f"chatcmpl-{number}",
        "object": "chat.completion",
        "model": "reference",
        "choices": [{"delta": {"content": text}}],
    }


def whole_by_hand(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """A chat completion with nothing but its text."""
    if request.api != "chat" or response.status != 200 or response.events is not None:
        return response
    if not isinstance(response.whole, dict) or "choices" not in response.whole:
        return response
    choices = [{"message": _declared(c["message"], "role", "content", "tool_calls")} for c in response.whole["choices"]]
    return replace(response, whole={"choices": choices})


def framework_s_own(*statuses: int) -> OnWire:
    """The error bodies of a web framework that has no handler for them."""
    return with_body(b"Internal Server Error", "text/plain; charset=utf-8", *statuses)


SERVERS = (
    Mutation(
        name="reads-only-messages",
        title="The request model declares model, messages and stream; all other fields are silently ignored",
        caught_by="FLD012",
        on_request=only_declared,
    ),
    Mutation(
        name="chunks-by-hand",
        title="Each chunk is written by hand, with nothing but its text, and the stream just ends",
        caught_by="CHK017",
        on_response=by_hand(least_chunk, is_ended=False),
    ),
    Mutation(
        name="completions-by-hand",
        title="Each completion is written by hand, with nothing but its message",
        caught_by="CMP001",
        on_response=whole_by_hand,
    ),
    Mutation(
        name="errors-of-the-framework",
        title="All errors have the form of the web framework's own handlers",
        caught_by="ERR006",
        on_response=editing_errors(as_detail, 400, 422),
        on_wire=framework_s_own(401, 404, 405),
    ),
)
