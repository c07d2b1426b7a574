"""Defects of Responses over a WebSocket."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from conformance.parsing.websocket import BINARY, CONTINUATION, frame
from conformance.testbed.mutations.mutate_responses import ENDS
from conformance.testbed.mutations.mutate_websocket import counting, in_warm_ups, switching
from conformance.testbed.server.refusal import Refusal
from conformance.testbed.server.reply import Event, Mutation
from conformance.testbed.server.responses import Body, usage_of
from conformance.testbed.server.websocket import Memory, Speech, error_event

MASK = b"\x01\x02\x03\x04"
Events = tuple[Event, ...]


def in_lines(data: bytes) -> bytes:
    """A message with the lines of an event stream."""
    return frame(b"data: " + data + b"\n\n")


def without_utf8(data: bytes) -> bytes:
    """A text message in Latin-1, in two fragments."""
    text = data.decode().replace("Hello", "Hell\u00f6").encode("latin-1", "replace")
    middle = len(text) // 2
    return frame(text[:middle], is_final=False) + frame(text[middle:], CONTINUATION)


def without_end(events: Events, _: int) -> Iterable[Event]:
    """No event ends the response."""
    return (event for event in events if event.name not in ENDS)


def first_only(events: Events, number: int) -> Events:
    """Only the first turn of a connection gets a response."""
    return () if number else events


def with_same_id(events: Events, _: int) -> Iterator[Event]:
    """All responses of a connection have one id."""
    for event in events:
        response = event.data.get("response")
        yield replace(event, data=event.data | {"response": response | {"id": "resp_1"}}) if response else event


def marked(events: Events, _: int) -> Iterator[Event]:
    """The chat API's end marker follows the response."""
    yield from events
    yield Event(data=None)


def or_marker(data: bytes) -> bytes:
    """A message, or the end marker in place of null."""
    return frame(b"[DONE]" if data == b"null" else data)


def flat_error(refusal: Refusal) -> Body:
    """An error event as it is sent inside a stream."""
    return {"type": "error", "code": refusal.code, "message": refusal.message, "param": refusal.param}


def only_known_errors(refusal: Refusal) -> Body | None:
    """The connection is closed at an event of unknown type; other errors get an event."""
    return None if refusal.code == "unknown_event" else error_event(refusal)


def _defect(name: str, title: str, caught_by: str, speech: Speech) -> Mutation:
    return Mutation(name=name, title=title, caught_by=caught_by, on_wire=switching(speech))


DEFECTS = (
    _defect("websocket-same-id", "All responses of a WebSocket have one id", "RSP054", Speech(edit=with_same_id)),
    Mutation(
        name="websocket-unasked-extension",
        title="The WebSocket handshake accepts compression that no client has offered",
        caught_by="RSP042",
        on_wire=switching(Speech(), "", "sec-websocket-extensions: permessage-deflate"),
    ),
    _defect(
        "websocket-masked",
        "The server masks its WebSocket frames",
        "RSP043",
        Speech(send=lambda data: frame(data, mask=MASK)),
    ),
    _defect("websocket-not-utf8", "Text over WebSocket is Latin-1", "RSP043", Speech(send=without_utf8)),
    _defect(
        "websocket-event-lines",
        "Messages over WebSocket have the `data:` lines of an event stream",
        "RSP044",
        Speech(send=in_lines),
    ),
    _defect(
        "websocket-binary",
        "Events over WebSocket are binary messages",
        "RSP045",
        Speech(send=lambda data: frame(data, BINARY)),
    ),
    _defect(
        "websocket-without-end",
        "A response over WebSocket has no event that ends it",
        "RSP046",
        Speech(edit=without_end),
    ),
    _defect(
        "websocket-first-turn-only",
        "The second response.create on a WebSocket gets no event",
        "RSP046",
        Speech(edit=first_only),
    ),
    _defect(
        "websocket-forgets",
        "A response over WebSocket ignores the turn that it continues",
        "RSP047",
        Speech(memory=Memory(remembers=False)),
    ),
    _defect(
        "websocket-unknown-id-ignored",
        "An unknown previous_response_id is ignored over WebSocket",
        "RSP048",
        Speech(memory=Memory(rejects=False)),
    ),
    _defect(
        "websocket-error-closes",
        "An error closes the WebSocket without an error event",
        "RSP048",
        Speech(fail=lambda _: None),
    ),
    _defect(
        "websocket-flat-error", "The error event over WebSocket has no error object", "RSP049", Speech(fail=flat_error)
    ),
    _defect(
        "websocket-invalid-event-closes",
        "An event of unknown type closes the WebSocket without an error event",
        "RSP050",
        Speech(fail=only_known_errors),
    ),
    _defect(
        "websocket-shared-memory",
        "A response with `store: false` is continued on another connection",
        "RSP051",
        Speech(memory=Memory(is_shared=True)),
    ),
    _defect(
        "websocket-keeps-after-failure",
        "A response is continued after its continuation failed",
        "RSP052",
        Speech(memory=Memory(evicts=False)),
    ),
    _defect(
        "websocket-warm-up-generated",
        "A warm-up over WebSocket gets a whole response",
        "RSP055",
        Speech(memory=Memory(warm_up="generates")),
    ),
    _defect(
        "websocket-warm-up-billed",
        "The output of a warm-up over WebSocket is generated and not sent",
        "RSP055",
        Speech(edit=in_warm_ups(counting(usage_of(9, 40)))),
    ),
    _defect(
        "websocket-warm-up-without-end",
        "No event ends a warm-up over WebSocket",
        "RSP055",
        Speech(edit=in_warm_ups(lambda events: events[:-1])),
    ),
    _defect(
        "websocket-warm-up-forgotten",
        "A response over WebSocket ignores the warm-up that it continues",
        "RSP056",
        Speech(memory=Memory(warm_up="forgets")),
    ),
    _defect(
        "websocket-end-marker",
        "[DONE] follows each response over WebSocket",
        "RSP053",
        Speech(edit=marked, send=or_marker),
    ),
)
