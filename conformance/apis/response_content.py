"""The answer of an exchange, read as its API writes it."""

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
    """The answer, in one shape for every API and both modes."""
    return READERS[x.api](x)
