"""Edit text completions: small changes to completions, choices and log probabilities, to build defects and variants.

Other responses are left alone.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from conformance.model.words import Api
from conformance.testbed.mutations.mutate_chat import Edit
from conformance.testbed.server.reply import ModelResponse, Mutation, OnResponse, ServerRequest

Body = dict[str, Any]
Lists = dict[str, Any]
COMPLETIONS: Final[tuple[Api, ...]] = ("completions",)


def defect(name: str, title: str, caught_by: str, on_response: OnResponse) -> Mutation:
    """A defect in a text completion."""
    return Mutation(name=name, title=title, caught_by=caught_by, apis=COMPLETIONS, on_response=on_response)


def variant(name: str, title: str, on_response: OnResponse) -> Mutation:
    """A legal variant of a text completion."""
    return Mutation(name=name, title=title, apis=COMPLETIONS, on_response=on_response)


def each_completion(edit: Edit) -> OnResponse:
    """Edit the non-streaming response, and every chunk of a stream."""

    def change(response: ModelResponse, _request: ServerRequest) -> ModelResponse:
        events = tuple(
            replace(event, data=edit(event.data)) if is_completion(event.data) else event
            for event in response.events or ()
        )
        if events:
            return replace(response, events=events)
        return replace(response, whole=edit(response.whole)) if is_completion(response.whole) else response

    return change


def is_completion(value: Any) -> bool:
    """Whether a value is a text completion."""
    return isinstance(value, dict) and value.get("object") == "text_completion"


def each_choice(edit: Edit, where: Callable[[Body], object] = bool) -> OnResponse:
    """Edit every choice for which `where` holds, in either mode."""
    return each_completion(lambda value: value | {"choices": [edit(c) if where(c) else c for c in value["choices"]]})


def each_logprobs(edit: Callable[[Lists], Any]) -> OnResponse:
    """Edit the log probabilities of every choice that has some."""
    return each_choice(lambda choice: choice | {"logprobs": edit(choice["logprobs"])}, lambda c: c["logprobs"])


def each_usage(edit: Callable[[Body, ServerRequest], Body]) -> OnResponse:
    """Edit the usage wherever it is reported."""

    def change(response: ModelResponse, request: ServerRequest) -> ModelResponse:
        def counted(value: Body) -> Body:
            return value | {"usage": edit(value["usage"], request)} if value.get("usage") else value

        return each_completion(counted)(response, request)

    return change


def on_streams(edit: OnResponse) -> OnResponse:
    """Apply a change to streams only."""
    return lambda response, request: edit(response, request) if response.events else response


def on_wholes(edit: OnResponse) -> OnResponse:
    """Apply a change to non-streaming responses only."""
    return lambda response, request: response if response.events else edit(response, request)


def with_prompt_tokens(usage: Body, prompt: int) -> Body:
    """A usage with another number of prompt tokens."""
    return usage | {"prompt_tokens": prompt, "total_tokens": prompt + usage["completion_tokens"]}
