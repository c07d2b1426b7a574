"""openai-node: the decoder of its streams, and the raw stream read with an ordinary loop."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from conformance.clients.client import Client
from conformance.clients.javascript import get, iterated, optional_get, parse_json, property_name, shown, truthy
from conformance.clients.node import dispatched, lines_alone
from conformance.clients.node_fetch import (
    BodyReader,
    body,
    fetch_requests,
    has_body,
    is_uncertain,
    refusal,
    text_of,
)
from conformance.clients.openai_sdk import Chunks
from conformance.clients.sdk import simulator
from conformance.clients.turn import ClientError, DecodedResponse, DecodedToolCall
from conformance.model.exchange import Exchange, cached_reader
from conformance.parsing.http1 import reply

VERSION = "6.49.0"
OTHER_API = "thread."
"""Events so named are those of the Assistants API: they are wrapped in another object."""


@cached_reader
def chunks(x: Exchange) -> Chunks:
    """Read the events; those after `[DONE]` are ignored, but the body is read to its end."""
    if not has_body(x):
        return Chunks(error=ClientError("shape", "Attempted to iterate over a response with no body"))
    read = body(x)
    values: list[Any] = []
    for event in dispatched(lines_alone(read.content), named=True):
        if event.data.startswith("[DONE]"):
            return Chunks(tuple(values), done=True, error=read.error)
        value = parse_json(event.data)
        if isinstance(value, ClientError):
            return Chunks(tuple(values), error=value)
        if (event.name or "").startswith(OTHER_API):
            values.append({"event": event.name, "data": value})
            continue
        if truthy(error := optional_get(value, "error")):
            message = optional_get(error, "message")
            return Chunks(tuple(values), error=ClientError("api", shown(message if truthy(message) else error)[:500]))
        values.append(value)
    return Chunks(tuple(values), error=read.error)


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """What differs between major versions.

    `chunks`: the events as decoded; `any_case`: a Content-Type may be in capitals; `read_body`: fetch of the Node that
    it runs on.
    """

    chunks: Callable[[Exchange], Chunks]
    any_case: bool = False
    read_body: BodyReader = body


VERSION_6: Final = Version(chunks=chunks)


class Reading:
    """What a loop over the chunks collects. `garbled`: not all content is text."""

    def __init__(self) -> None:
        self.calls: dict[str, dict[str, Any]] = {}
        self.text: list[str] = []
        self.finish, self.has_reasoning, self.garbled = "", False, False

    def add(self, choice: Any) -> None:
        """Take the first choice of a chunk, if there is one."""
        delta = optional_get(choice, "delta")
        self.show(optional_get(delta, "content"))
        self.finish = _finish_of(choice) or self.finish
        self.has_reasoning = self.has_reasoning or any(
            truthy(optional_get(delta, name)) for name in ("reasoning_content", "reasoning")
        )
        fragments = optional_get(delta, "tool_calls")
        for fragment in () if fragments is None else iterated(fragments):
            self._call(fragment)

    def show(self, content: Any) -> None:
        """Append content as a program that concatenates it does."""
        self.text.append("" if content is None else shown(content))
        self.garbled = self.garbled or not isinstance(content, str | None)

    def _call(self, fragment: Any) -> None:
        get(fragment, "index")
        call = self.calls.setdefault(property_name(fragment, "index"), {"id": None, "name": None, "arguments": ""})
        function = optional_get(fragment, "function")
        for name, value in (("id", optional_get(fragment, "id")), ("name", optional_get(function, "name"))):
            call[name] = call[name] if truthy(call[name]) else value
        if truthy(arguments := optional_get(function, "arguments")):
            call["arguments"] += shown(arguments)

    def turn(self, received: Chunks, error: ClientError | None) -> DecodedResponse:
        """What the user of the loop has in the end."""
        return DecodedResponse(
            text="".join(self.text),
            tools=tuple(DecodedToolCall(**call) for call in self.calls.values()),
            finish=self.finish[:40],
            seen=bool(received.values),
            ended=not self.garbled and (received.done or bool(self.finish)),
            has_reasoning=self.has_reasoning,
            error=error,
        )


def _finish_of(choice: Any) -> str:
    reason = optional_get(choice, "finish_reason")
    return shown(reason) if truthy(reason) else ""


def read(x: Exchange, version: Version = VERSION_6) -> DecodedResponse:
    """`create({stream: true})` on a stream, `create` otherwise."""
    failed = refusal(x)
    if failed:
        return DecodedResponse(error=failed)
    return _streamed(version.chunks(x)) if x.mode == "stream" else _completed(x, version)


def _streamed(received: Chunks) -> DecodedResponse:
    reading, error = Reading(), received.error
    try:
        for chunk in received.values:
            reading.add(optional_get(get(chunk, "choices"), "0"))
    except ClientError as raised:
        error = raised
    return reading.turn(received, error)


def _completed(x: Exchange, version: Version) -> DecodedResponse:
    try:
        value = parsed_reply(x, version)
        if isinstance(value, str):
            return DecodedResponse(seen=True, ended=True)
        message = get(get(get(value, "choices"), "0"), "message")
        reading = Reading()
        reading.show(get(message, "content"))
        calls = get(message, "tool_calls")
        tools = tuple(map(_called, () if calls is None else iterated(calls)))
    except ClientError as raised:
        return DecodedResponse(error=raised)
    return DecodedResponse(text="".join(reading.text), tools=tools, seen=True, ended=not reading.garbled)


def parsed_reply(x: Exchange, version: Version) -> Any:
    """What `create` returns: unless its Content-Type is JSON, the body is a string without choices."""
    answer, read = reply(x), version.read_body(x)
    if answer.status == 204:
        return None
    content_type = ", ".join(answer.values("content-type")).split(";")[0].strip()
    content_type = content_type.lower() if version.any_case else content_type
    labelled = "application/json" in content_type or content_type.endswith("+json")
    if labelled and answer.value("content-length") == "0":
        return None
    if read.error:
        raise read.error
    text = text_of(x).removeprefix("\ufeff")  # `json()` and `text()` remove a BOM twice
    value = parse_json(text) if labelled else text
    if isinstance(value, ClientError):
        raise value
    return value


def _called(call: Any) -> DecodedToolCall:
    function = get(call, "function")
    return DecodedToolCall(
        name=optional_get(function, "name"), arguments=optional_get(function, "arguments"), id=optional_get(call, "id")
    )


OPENAI_NODE = Client(
    profile="openai-node",
    name="openai-node 6.49",
    version=VERSION,
    api="chat",
    simulate=simulator(read, sdk_requests=fetch_requests, uncertain=is_uncertain),
)
