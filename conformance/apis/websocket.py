"""Conversations over a WebSocket: which turns the harness sends, and each turn as an exchange of its own."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import msgspec

from conformance.apis.continuation import THANKS, compacted
from conformance.apis.responses import response_states, terminal
from conformance.model.case import CaseId, Kind
from conformance.model.exchange import Exchange, cached_reader, shared
from conformance.model.turn import Turn, usable_id
from conformance.parsing import websocket
from conformance.parsing.http1 import SWITCHING, answers, connection, reply
from conformance.parsing.json_text import parse_json
from conformance.parsing.json_values import Object, as_object
from conformance.parsing.websocket import Answer, Received

TURNS, RECONNECT, WARM_UP, NO_KEY = "turns", "reconnect", "warm-up", "no-key"
"""The conversations: several turns on one connection, and what the next connection knows of them; a warm-up, and what
continues it; and a turn without an API key."""
FIRST, SECOND, CONTINUED, UNKNOWN_ID, NO_EVENT = "first", "second", "continued", "unknown-id", "no-event"
COMPACTED, FORGOTTEN, RECOVERED, FAILED, EVICTED = "compacted", "forgotten", "recovered", "failed", "evicted"
WARMING, WARMED, UNLOCKED = "warming", "warmed", "unlocked"
ROLES: Final = {
    TURNS: (FIRST, SECOND, CONTINUED, UNKNOWN_ID, NO_EVENT),
    RECONNECT: (FORGOTTEN, RECOVERED, FAILED, EVICTED, COMPACTED),
    WARM_UP: (WARMING, WARMED),
    NO_KEY: (UNLOCKED,),
}
"""The turns of each conversation, in order. `compacted` is left out where the target offers no compaction."""
VALID: Final = frozenset((FIRST, SECOND, CONTINUED, RECOVERED, COMPACTED, WARMED))
"""The turns whose requests ask for a response: their events are judged as those of a stream."""

UNCALLED: Final[Object] = {
    "type": "function_call_output",
    "call_id": "call_of_nobody",
    "output": "No call of the conversation has this id.",
}
"""An item that makes a turn fail."""


@cached_reader
def sent(x: Exchange) -> Received:
    """What the harness sent over the WebSocket."""
    head, _, _ = x.sent.partition(b"\r\n\r\n")
    return websocket.read(x.sent, len(head) + 4, "sent")


def answer(x: Exchange, number: int) -> Answer:
    """What the server sent in one turn."""
    found = answers(x)
    return found[number] if number < len(found) else Answer()


@cached_reader
def sent_events(x: Exchange) -> tuple[Object, ...]:
    """The events that the harness sent over the WebSocket."""
    return tuple(as_object(parse_json(message.data)) for message in sent(x).messages)


def legible_request(x: Exchange) -> bytes:
    """The request; after a handshake, the messages without the frames, whose masks make them illegible."""
    head, end, _ = x.sent.partition(b"\r\n\r\n")
    messages = sent(x).messages if x.case.kind is Kind.WEBSOCKET else ()
    return head + end + b"".join(message.data + b"\n" for message in messages) if messages else x.sent


def turn(x: Exchange, role: str) -> Exchange | None:
    """One turn of a conversation as an exchange: a streaming request, and its response; None if it was not sent."""
    roles = ROLES.get(x.case.subject, ())
    if role not in roles or roles.index(role) >= len(sent_events(x)):
        return None
    case = msgspec.structs.replace(x.case, mode="stream", variant=role)
    return replace(x, case=case, turn=roles.index(role), cache=shared(x, connection, answers, whole))


@cached_reader
def whole(x: Exchange) -> Exchange:
    """The exchange of the whole conversation that a turn belongs to; any other exchange itself."""
    return x if x.turn is None else replace(x, case=case_of_connection(x), turn=None, cache={})


def case_of_connection(x: Exchange) -> CaseId:
    """The test case of the whole conversation; an exchange's own case, if it is not a turn of one."""
    return x.case if x.turn is None else msgspec.structs.replace(x.case, mode="unary", variant="")


def turns(x: Exchange) -> tuple[Exchange, ...]:
    """The valid turns of a conversation that the target accepted, each as an exchange."""
    if x.case.kind is not Kind.WEBSOCKET or x.turn is not None or reply(x).status != SWITCHING:
        return ()
    found = (turn(x, role) for role in ROLES.get(x.case.subject, ()) if role in VALID)
    return tuple(filter(None, found))


def after_reconnecting(x: Exchange, compaction: Exchange) -> tuple[Turn, ...] | None:
    """What is sent over the next connection, in the order of `ROLES`; None if the first one gave no response an id."""
    known = [usable_id(response_states(one)[-1].get("id")) for one in turns(x) if terminal(one)]
    if not any(known):
        return None
    create = {name: value for name, value in sent_events(x)[0].items() if name != "input"}
    events = (
        (create | {"input": THANKS["content"], "previous_response_id": next(filter(None, reversed(known)))}, None),
        (create | {"input": THANKS["content"]}, None),
        (create | {"input": [UNCALLED]}, 1),
        (create | {"input": THANKS["content"]}, 1),
        *((create | {"input": [*output, THANKS]}, None) for output in [compacted(compaction)] if output),
    )
    return tuple(_turns(events))


def _turns(events: tuple[tuple[Object, int | None], ...]) -> Iterator[Turn]:
    for event, continues in events:
        try:
            text = json.dumps(event, ensure_ascii=False, separators=(",", ":"))
            yield Turn(event=text.encode(), continues=continues)
        except UnicodeEncodeError:  # a lone surrogate, which no client can send back
            return
