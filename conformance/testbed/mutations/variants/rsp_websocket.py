"""Legal variants of Responses over a WebSocket."""

from collections.abc import Iterator

from conformance.parsing.websocket import CONTINUATION, PING, PONG, TEXT, frame
from conformance.testbed.mutations.mutate_websocket import counting, in_warm_ups, switching
from conformance.testbed.server.reply import Event, Mutation
from conformance.testbed.server.responses import usage_of
from conformance.testbed.server.websocket import Memory, Speech

PART = 50
"""Bytes of a fragment; it may split a character."""


def in_fragments(data: bytes) -> bytes:
    """A message in several frames, with pings between them."""
    parts = [data[at : at + PART] for at in range(0, len(data), PART)]
    frames = [
        frame(part, CONTINUATION if number else TEXT, is_final=number == len(parts) - 1)
        for number, part in enumerate(parts)
    ]
    return frame(b"still there?", PING).join(frames)


def beside_pings(data: bytes) -> bytes:
    """A message between a ping and an unsolicited pong."""
    return frame(b"", PING) + frame(data) + frame(b"here", PONG)


def with_own_events(events: tuple[Event, ...], _: int) -> Iterator[Event]:
    """Events of the vendor's own precede and follow the response."""
    yield Event(data={"type": "acme:session", "session": "s_1"})
    yield from events
    yield Event(data={"type": "acme:rate_limits", "left": 100})


def indented(data: bytes) -> bytes:
    """A message with JSON on several lines."""
    return frame(data.replace(b',"', b',\r\n "'))


def _variant(name: str, title: str, speech: Speech) -> Mutation:
    return Mutation(name=name, title=title, on_wire=switching(speech))


VARIANTS = (
    _variant("websocket-accepted", "Responses are generated over WebSocket, too", Speech()),
    _variant(
        "websocket-in-fragments",
        "Messages over WebSocket are fragmented, with pings between",
        Speech(send=in_fragments),
    ),
    _variant(
        "websocket-beside-pings", "Each message over WebSocket is between a ping and a pong", Speech(send=beside_pings)
    ),
    _variant("websocket-indented", "The JSON of messages over WebSocket has line ends", Speech(send=indented)),
    _variant(
        "websocket-own-events", "A vendor's own events precede and follow a response", Speech(edit=with_own_events)
    ),
    _variant("websocket-without-memory", "No response is kept on a WebSocket", Speech(memory=Memory(keeps=False))),
    _variant(
        "websocket-closes-after-errors", "A WebSocket is closed after an error event", Speech(closes_after_errors=True)
    ),
    _variant(
        "websocket-warm-up-rejected",
        "A warm-up over WebSocket is rejected",
        Speech(memory=Memory(warm_up="rejects")),
    ),
    _variant(
        "websocket-warm-up-uncounted",
        "The response to a warm-up over WebSocket has no usage",
        Speech(edit=in_warm_ups(counting(None))),
    ),
    _variant(
        "websocket-warm-up-of-one-token",
        "A warm-up over WebSocket is a response of one token, which is not sent",
        Speech(edit=in_warm_ups(counting(usage_of(9, 1)))),
    ),
    Mutation(
        name="websocket-asks-for-key-later",
        title="A WebSocket is opened without an API key, and each event on it is rejected",
        on_wire=switching(Speech(requires_key=True), needs_key=False),
    ),
)
