"""openai-python 3 on Completions: the loop of its documentation, and the first choice's text."""

from typing import Any

from conformance.clients.client import Client
from conformance.clients.openai_python import simulator_3
from conformance.clients.openai_sdk import as_shown, attribute, chunks, first, text_in
from conformance.clients.sdk import head_error, json_reply
from conformance.clients.turn import ClientError, DecodedResponse
from conformance.model.exchange import Exchange
from conformance.parsing.sse import stream


def read(x: Exchange) -> DecodedResponse:
    """Read a response as a program does."""
    if failed := head_error(x, whole_body=False):
        return DecodedResponse(error=failed)
    return _streamed(x) if x.mode == "stream" else _completed(x)


def _streamed(x: Exchange) -> DecodedResponse:
    """Join the texts of the first choice of each chunk."""
    received = chunks(x)
    text: list[str] = []
    finish, error = "", received.error
    try:
        for chunk in received.values:
            if choices := attribute(chunk, "choices"):
                choice = first(choices)
                text.append(text_in(attribute(choice, "text")))
                finish = attribute(choice, "finish_reason") or finish
    except ClientError as raised:
        error = raised
    return DecodedResponse(
        text="".join(text),
        finish=str(finish)[:40],
        seen=bool(received.values),
        ended=(received.done or bool(finish)) and not stream(x).bom,  # with the mark the first chunk is lost
        error=error,
    )


def _completed(x: Exchange) -> DecodedResponse:
    try:
        choice = first(attribute(json_reply(x), "choices"))
        text = attribute(choice, "text")
    except ClientError as raised:
        return DecodedResponse(error=raised)
    return as_read(text, str(attribute(choice, "finish_reason") or "")[:40])


def as_read(text: Any, finish: str) -> DecodedResponse:
    """A choice whose text is taken as it is; one that is no text is shown as a program prints it."""
    is_text = isinstance(text, str)
    return DecodedResponse(
        text=text if is_text else as_shown(text),
        text_after_end=bool(text) and not is_text,
        finish=finish,
        seen=True,
        ended=True,
    )


OPENAI_3_COMPLETIONS = Client(
    profile="openai-python",
    name="openai-python 3.54 (Completions)",
    version="3.54.0",
    api="completions",
    simulate=simulator_3(read),
)
