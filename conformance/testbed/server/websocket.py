"""Responses over a WebSocket: what the embedded server answers to each message of a connection. Pure.

https://developers.openai.com/api/docs/guides/websocket-mode
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, NamedTuple

from conformance.parsing.websocket import CLOSE, frame
from conformance.testbed.server.body import parse
from conformance.testbed.server.deployments import compliant
from conformance.testbed.server.refusal import Refusal, unsupported, wrong
from conformance.testbed.server.reply import (
    Converse,
    Event,
    ModelResponse,
    ServerRequest,
    SocketReply,
    Write,
    to_json,
)
from conformance.testbed.server.responses import events_of, items_of, usage_of

Body = dict[str, Any]
Conversations = dict[str, list[Body]]
"""The items of the conversations that a connection knows, by the id of their last response."""
HEADERS: Final = (("content-type", "application/json"),)
ISSUED: Final = re.compile(r"resp_[0-9A-Za-z]+w[0-9]+")
"""The ids of responses over WebSocket."""
NO_KEY: Final = Refusal(status=401, message="The handshake had no API key.", code="invalid_api_key")
NO_EVENT: Final = Refusal(
    message="An event must be a JSON object of type 'response.create'.", param="type", code="unknown_event"
)
SERVER_ERROR: Final = 1011
"""The code of a close frame: the server met a condition that it did not expect."""


class Memory(NamedTuple):
    """What the server does with the responses of a connection.

    It `keeps` them, so that they can be continued, and `remembers` what they say; it `rejects` unknown ids, and
    `evicts` a response whose continuation failed. `is_shared`: each connection knows the responses of all. `warm_up`:
    where `generate` is false, it keeps what it `reads`, or `forgets` it; or it `generates` as usual, or `rejects` that.
    """

    keeps: bool = True
    remembers: bool = True
    rejects: bool = True
    evicts: bool = True
    is_shared: bool = False
    warm_up: Literal["reads", "forgets", "generates", "rejects"] = "reads"


MEMORY: Final = Memory()


def in_text(data: bytes) -> bytes:
    """A message as one text frame."""
    return frame(data)


def error_event(refusal: Refusal) -> Body | None:
    """The event for an error."""
    error = {"type": refusal.type, "code": refusal.code, "message": refusal.message, "param": refusal.param}
    return {"type": "error", "status": refusal.status, "error": error}


@dataclass(frozen=True, slots=True, kw_only=True)
class Speech:
    """How the server speaks WebSocket; by default as the specification says.

    `edit` changes the events of a turn, given its number; `send` makes the frames of an event; `fail` makes the event
    of an error, or None: then the connection is closed without one. `closes_after_errors` closes it after the event.
    `requires_key`: the API key is checked at the first event, and not in the handshake.
    """

    memory: Memory = MEMORY
    edit: Callable[[tuple[Event, ...], int], Iterable[Event]] = lambda events, _: events
    send: Callable[[bytes], bytes] = in_text
    fail: Callable[[Refusal], Body | None] = error_event
    closes_after_errors: bool = False
    requires_key: bool = False


def conversing(request: ServerRequest, speech: Speech) -> Converse:
    """What the server answers over the connection that this request has opened."""

    def converse(messages: tuple[str, ...]) -> SocketReply:
        known: Conversations = {}
        answers = [_answer(request, speech, known, number, text) for number, text in enumerate(messages)]
        return answers[-1]

    return converse


def _answer(request: ServerRequest, speech: Speech, known: Conversations, number: int, text: str) -> SocketReply:
    """The answer to one message; what the connection knows afterwards is in `known`."""
    if speech.requires_key and "authorization" not in dict(request.headers):
        return _failed(NO_KEY, speech)
    event = parse(text.encode()).value
    if not isinstance(event, dict) or event.get("type") != "response.create":
        return _failed(NO_EVENT, speech)
    made = _turn(replace(request, id=f"{request.id}w{number}"), event, known, speech.memory)
    if isinstance(made, Refusal):
        return _failed(made, speech)
    edited = speech.edit(made, number)
    return SocketReply(tuple(Write(data=speech.send(to_json(e.data)), wait_s=e.wait_s) for e in edited))


def _failed(refusal: Refusal, speech: Speech) -> SocketReply:
    event = speech.fail(refusal)
    written = b"" if event is None else speech.send(to_json(event))
    if event is not None and not speech.closes_after_errors:
        return SocketReply((Write(data=written),))
    return SocketReply((Write(data=written + frame(SERVER_ERROR.to_bytes(2), CLOSE)),), closes=True)


def _turn(request: ServerRequest, event: Body, known: Conversations, memory: Memory) -> tuple[Event, ...] | Refusal:
    previous = event.get("previous_response_id")
    history = _history(previous, known, memory)
    if isinstance(history, Refusal):
        return history
    body = {name: value for name, value in event.items() if name not in ("type", "generate", "previous_response_id")}
    body |= {"input": [*history, *_items(body)]} if history and memory.remembers else {}
    is_warm_up = event.get("generate") is False
    if is_warm_up and memory.warm_up == "rejects":
        return unsupported("generate")
    made = _made(request, body, is_warm_up=is_warm_up and memory.warm_up != "generates")
    if isinstance(made, Refusal):
        if memory.evicts:
            known.pop(str(previous), None)
        return made
    last = made[-1].data["response"]
    if memory.keeps:
        is_lost = is_warm_up and memory.warm_up == "forgets"
        known[last["id"]] = [] if is_lost else [*_items(body), *last["output"]]
    return tuple(_with_state(e, {"previous_response_id": previous}) for e in made)


def _history(previous: Any, known: Conversations, memory: Memory) -> list[Body] | Refusal:
    """The items of the conversation that a turn continues."""
    if previous is None:
        return []
    if not isinstance(previous, str):
        return wrong("previous_response_id", "must be a string")
    if previous in known:
        return known[previous]
    if not memory.rejects or (memory.is_shared and ISSUED.fullmatch(previous)):
        return []
    message = f"Previous response with id {previous[:80]!r} not found."
    return Refusal(message=message, param="previous_response_id", code="previous_response_not_found")


def _items(body: Body) -> list[Body]:
    return items_of(body) if isinstance(body.get("input"), str | list) else []


def _made(request: ServerRequest, body: Body, *, is_warm_up: bool) -> tuple[Event, ...] | Refusal:
    """The events of a response. A warm-up has no output, and is only read."""
    json = body | {"stream": True} | ({"input": body.get("input") or "warm-up"} if is_warm_up else {})
    response = compliant(replace(request, method="POST", headers=HEADERS, body=b"{}", json=json))
    if response.events is None:
        return _refusal(response)
    if not is_warm_up:
        return response.events
    whole = response.events[-1].data["response"]
    unspent = {"output": [], "status": "completed", "incomplete_details": None, "completed_at": whole["created_at"]}
    return tuple(events_of(whole | unspent | {"usage": usage_of(whole["usage"]["input_tokens"], 0)}, [], 0.0))


def _refusal(response: ModelResponse) -> Refusal:
    error = response.whole["error"]
    return Refusal(
        status=response.status,
        message=error["message"],
        param=error["param"],
        code=error["code"],
        type=error["type"],
    )


def _with_state(event: Event, changes: Body) -> Event:
    """The event with changes in its response, if it has one."""
    if "response" not in event.data:
        return event
    return replace(event, data=event.data | {"response": event.data["response"] | changes})


def each_event(edit: Callable[[Event], Event | None]) -> Callable[[tuple[Event, ...], int], Iterator[Event]]:
    """Edit each event of a turn; None leaves it out."""

    def change(events: tuple[Event, ...], _: int) -> Iterator[Event]:
        return (edited for event in events if (edited := edit(event)))

    return change
