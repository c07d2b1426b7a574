"""What the embedded server does at the path of each API. A new one is a case of `endpoint`, as mypy demands."""

from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple, assert_never

from conformance.apis.specs import SPECS
from conformance.model.words import Api
from conformance.testbed.server import chat, completions, embeddings, messages, responses, unsupported
from conformance.testbed.server.refusal import Refusal
from conformance.testbed.server.reply import Event, ModelResponse, ServerRequest
from conformance.testbed.server.usage import conversation_tokens

Body = dict[str, Any]

VERSION: Final = "/v1"
"""The path of the base URL."""
PATHS: Final[dict[str, Api]] = {VERSION + api.path: name for name, api in SPECS.items()}


class Endpoint(NamedTuple):
    """One API of the server.

    `respond` to a valid request; `unsupported` are the valid fields that the server does not support; `prompt_tokens`
    of a valid body. `buffered` wraps a complete response into events, as a proxy does; None if the API has no streams.
    """

    respond: Callable[[ServerRequest], ModelResponse]
    unsupported: Callable[[Body], Iterator[Refusal]]
    prompt_tokens: Callable[[Body], int]
    buffered: Callable[[Body, Body], Iterator[Event]] | None


def endpoint(api: Api) -> Endpoint:
    """The endpoint of an API."""
    match api:
        case "chat":
            return Endpoint(chat.answer_chat, unsupported.unsupported_chat, conversation_tokens, chat.buffered_chunks)
        case "messages":
            return Endpoint(
                messages.answer_messages,
                unsupported.unsupported_messages,
                conversation_tokens,
                messages.buffered_events,
            )
        case "responses":
            return Endpoint(
                responses.answer_responses,
                unsupported.unsupported_responses,
                responses.input_tokens,
                responses.buffered_response,
            )
        case "completions":
            return Endpoint(
                completions.answer_completions,
                unsupported.unsupported_completions,
                completions.prompt_tokens,
                completions.buffered_completion,
            )
        case "embeddings":
            return Endpoint(embeddings.answer_embeddings, embeddings.unsupported_embeddings, embeddings.longest, None)
        case _:
            assert_never(api)


def api_of(path: str) -> Api | None:
    """The API whose error format a path uses, by its first word; or None."""
    first = path.split("/")[:3]
    return next((name for usual, name in PATHS.items() if usual.split("/")[:3] == first), None)
