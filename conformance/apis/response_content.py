"""The completion of an exchange, read in its API's format."""

from collections.abc import Callable

from conformance.apis import chat, messages, responses
from conformance.apis.content import ResponseContent
from conformance.model.exchange import Exchange
from conformance.model.words import Api

READERS: dict[Api, Callable[[Exchange], ResponseContent]] = {
    "chat": chat.chat_content,
    "messages": messages.messages_content,
    "responses": responses.responses_content,
}


def response_content(x: Exchange) -> ResponseContent:
    """The completion, in one format for every API and both modes."""
    return READERS[x.api](x)
