"""The completion of an exchange, read in its API's format."""

from collections.abc import Callable

from conformance.apis import chat, messages, responses
from conformance.apis.content import Answer
from conformance.model.exchange import Api, Exchange

READERS: dict[Api, Callable[[Exchange], Answer]] = {
    "chat": chat.answer,
    "messages": messages.answer,
    "responses": responses.answer,
}


def answer(x: Exchange) -> Answer:
    """The completion, in one format for every API and both modes."""
    return READERS[x.api](x)
