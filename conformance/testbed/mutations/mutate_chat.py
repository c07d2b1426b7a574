"""Edit chat responses: small changes to chunks, choices and messages, from which defects and variants are built.

Other responses are left alone: errors, lists of models, Messages.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from conformance.testbed.server.reply import Event, ModelResponse, Mutation, OnResponse, ServerRequest

Body = dict[str, Any]
Edit = Callable[[Body], Body]


def defect(name: str, title: str, caught_by: str, on_response: OnResponse) -> Mutation:
    """A defect in a response."""
    return Mutation(name=name, title=title, caught_by=caught_by, on_response=on_response)


def variant(name: str, title: str, on_response: OnResponse) -> Mutation:
    """A legal variant of a response."""
    return Mutation(name=name, title=title, on_response=on_response)


def without_fields(*names: str) -> Edit:
    """Leave out fields."""
    return lambda body: {name: value for name, value in body.items() if name not in names}


def with_fields(**fields: Any) -> Edit:
    """Set fields."""
    return lambda body: body | fields


def on_stream(edit: Callable[[list[Body]], Iterable[Body]]) -> OnResponse:
    """Edit all chunks of a stream at once; the end marker stays last. Delays stay at their positions."""

    def change(response: ModelResponse, _request: ServerRequest) -> ModelResponse:
        events = response.events or ()
        chunks = [event for event in events if _is_chunk(event.data)]
        if not chunks:
            return response
        pauses = [event.wait_s for event in chunks]
        edited = [
            Event(data=data, wait_s=pauses[at] if at < len(pauses) else 0.0)
            for at, data in enumerate(edit([event.data for event in chunks]))
        ]
        rest = [event for event in events if not _is_chunk(event.data)]
        return replace(response, events=(*edited, *rest))

    return change


def _is_chunk(data: Any) -> bool:
    return isinstance(data, dict) and data.get("object") == "chat.completion.chunk"


def each_chunk(edit: Edit, where: Callable[[Body], object] = bool) -> OnResponse:
    """Edit every chunk for which `where` holds."""
    return on_stream(lambda chunks: [edit(chunk) if where(chunk) else chunk for chunk in chunks])


def each_part(edit: Edit, where: Callable[[Body], object] = bool) -> OnResponse:
    """Edit every choice of every chunk for which `where` holds."""
    return each_chunk(_in_choices(edit, where))


def each_delta(edit: Edit, where: Callable[[Body], object] = lambda _: True) -> OnResponse:
    """Edit every delta for which `where` holds."""
    return each_part(_in("delta", edit), lambda choice: where(choice["delta"]))


def each_fragment(edit: Edit, where: Callable[[Body], object] = bool) -> OnResponse:
    """Edit every fragment of a tool call for which `where` holds."""
    return each_delta(_in_calls(edit, where), lambda delta: delta.get("tool_calls"))


def on_whole(edit: Edit) -> OnResponse:
    """Edit a non-streaming response."""

    def change(response: ModelResponse, _request: ServerRequest) -> ModelResponse:
        is_completion = isinstance(response.whole, dict) and response.whole.get("object") == "chat.completion"
        return replace(response, whole=edit(response.whole)) if is_completion else response

    return change


def each_choice(edit: Edit, where: Callable[[Body], object] = bool) -> OnResponse:
    """Edit every choice of a non-streaming response for which `where` holds."""
    return on_whole(_in_choices(edit, where))


def each_message(edit: Edit) -> OnResponse:
    """Edit every message of a non-streaming response."""
    return each_choice(_in("message", edit))


def each_call(edit: Edit) -> OnResponse:
    """Edit every tool call of a non-streaming response."""
    return each_choice(_in("message", _in_calls(edit, bool)), lambda choice: choice["message"].get("tool_calls"))


def usage(edit: Edit) -> OnResponse:
    """Edit the usage wherever it is reported."""
    edited = _in("usage", edit)
    return in_turn(each_chunk(edited, lambda chunk: chunk.get("usage")), on_whole(edited))


def in_turn(*edits: OnResponse) -> OnResponse:
    """Apply several edits, one after the other."""

    def change(response: ModelResponse, request: ServerRequest) -> ModelResponse:
        for edit in edits:
            response = edit(response, request)
        return response

    return change


def _in(name: str, edit: Edit) -> Edit:
    return lambda body: body | {name: edit(body[name])}


def _in_choices(edit: Edit, where: Callable[[Body], object]) -> Edit:
    return lambda body: body | {"choices": [edit(c) if where(c) else c for c in body["choices"]]}


def _in_calls(edit: Edit, where: Callable[[Body], object]) -> Edit:
    return lambda body: body | {"tool_calls": [edit(c) if where(c) else c for c in body["tool_calls"]]}


def text_of(chunk: Body) -> str:
    """The text that a chunk adds to its first choice."""
    return next((choice["delta"].get("content") or "" for choice in chunk["choices"]), "")


def with_delta(chunk: Body, delta: Body, finish: str | None = None) -> Body:
    """The chunk with another delta in its first choice."""
    choice = chunk["choices"][0] | {"delta": delta, "finish_reason": finish}
    return chunk | {"choices": [choice]}


def ends(choice: Body) -> bool:
    """Whether a choice of a chunk has its finish_reason."""
    return bool(choice["finish_reason"])
