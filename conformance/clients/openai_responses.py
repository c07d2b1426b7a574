"""openai-python 3 on the Responses API: the loop of its documentation, and `response.output_text`."""

from collections.abc import Callable, Iterator
from typing import Any, Final

from conformance.clients.client import Client
from conformance.clients.openai_python import simulator_3
from conformance.clients.openai_sdk import attribute, chunks, items, text_in
from conformance.clients.sdk import head_error, json_reply
from conformance.clients.turn import ClientError, DecodedResponse, DecodedToolCall
from conformance.model.exchange import Exchange

TEXT: Final = "response.output_text.delta"
DONE: Final = "response.output_item.done"
ENDS: Final = ("response.completed", "response.incomplete", "response.failed")


def kind_of(event: Any) -> Any:
    """The type of an event. Raises ClientError for what is not an object, which the SDK yields unchanged."""
    return attribute(event, "type")


def called(item: Any) -> Iterator[DecodedToolCall]:
    """The call that an item is, if it is one."""
    if attribute(item, "type") == "function_call":
        yield DecodedToolCall(name=item.get("name"), arguments=item.get("arguments"), id=item.get("call_id"))


def read_stream(x: Exchange) -> DecodedResponse:
    """Join the deltas, and take the calls from response.output_item.done; an `error` event does not raise."""
    failed = head_error(x, whole_body=False)
    if failed:
        return DecodedResponse(error=failed)
    received = chunks(x)
    text: list[str] = []
    tools: list[DecodedToolCall] = []
    ended = over = text_after_end = False
    error = received.error
    try:
        for event in received.values:
            kind = kind_of(event)
            if kind == TEXT:
                text.append(text_in(attribute(event, "delta")))
                text_after_end = text_after_end or over
            elif kind == DONE:
                tools += called(attribute(event, "item"))
            over = over or kind in ENDS
            ended = over or ended or kind == DONE
    except ClientError as raised:
        error = raised
    seen = bool(received.values)
    return DecodedResponse(
        text="".join(text), text_after_end=text_after_end, tools=tuple(tools), seen=seen, ended=ended, error=error
    )


def output_text(response: Any) -> str:
    """`response.output_text`: the texts of all messages, except null. Raises ClientError as the property does."""
    messages = (item for item in listed(attribute(response, "output")) if attribute(item, "type") == "message")
    parts = (part for item in messages for part in listed(attribute(item, "content")))
    texts = (attribute(part, "text") for part in parts if attribute(part, "type") == "output_text")
    return "".join(joinable(text) for text in texts if text is not None)


def listed(values: Any) -> Any:
    """What a `for` loop iterates over; raises for None and numbers."""
    if isinstance(values, int | float | None):
        raise ClientError("type", f"'{type(values).__name__}' object is not iterable")
    return items(values)


def joinable(text: Any) -> str:
    """A text that can be joined with others."""
    if not isinstance(text, str):
        raise ClientError("type", f"sequence item 0: expected str instance, {type(text).__name__} found")
    return text


def read_whole(x: Exchange, text_of: Callable[[Any], str] = output_text) -> DecodedResponse:
    """`client.responses.create()`: the text that `text_of` reads from the response, and the calls."""
    failed = head_error(x, whole_body=False)
    if failed:
        return DecodedResponse(error=failed)
    try:
        response = json_reply(x)
        text = text_of(response)
        tools = tuple(tool for item in listed(attribute(response, "output")) for tool in called(item))
    except ClientError as raised:
        return DecodedResponse(error=raised)
    return DecodedResponse(text=text, tools=tools, seen=True, ended=True)


def read(x: Exchange) -> DecodedResponse:
    """Read a response as a program does."""
    return read_stream(x) if x.mode == "stream" else read_whole(x)


OPENAI_3_RESPONSES = Client(
    profile="openai-python",
    name="openai-python 3.54 (Responses)",
    version="3.54.0",
    api="responses",
    simulate=simulator_3(read),
)
