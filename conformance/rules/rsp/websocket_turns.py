"""The messages of one turn over a WebSocket; what their events contain, the rules on streams judge."""

from collections.abc import Iterator

from conformance.apis.websocket import FIRST, SECOND, TURNS, answer
from conformance.model.exchange import Exchange, Span
from conformance.model.verdict import MUST, OUT_OF_SCOPE, SHOULD, Finding, NotJudged, untestable
from conformance.parsing.json_text import parse_json
from conformance.parsing.json_values import as_object, as_string, display
from conformance.parsing.websocket import BINARY, Message, frame, is_utf8
from conformance.rules.example import as_json
from conformance.rules.rsp.example import state, text
from conformance.rules.rsp.shape import stream_rule
from conformance.rules.rsp.spec import WEBSOCKET
from conformance.rules.rsp.websocket import conversed
from conformance.rules.rsp.websocket_example import OPEN, answered, create, messages, one_turn, refused
from conformance.rules.sse.lines import excerpt

ASKED = create()
GOOD = one_turn(FIRST, (ASKED, answered()))


def span_of(*sent: Message) -> Span:
    """The bytes of messages, from the first to the last."""
    return Span(sent[0].frames[0].start, sent[-1].frames[-1].end)


def _messages(x: Exchange) -> tuple[Message, ...]:
    return answer(x, x.turn).messages if x.turn is not None else ()


def _answered(x: Exchange) -> NotJudged | None:
    """The exchange is a turn over a WebSocket, and the server sent messages in it."""
    if x.turn is None:
        return OUT_OF_SCOPE
    return conversed(x) or (None if _messages(x) else untestable("the server sent no message in this turn"))


def unreadable(x: Exchange) -> Iterator[tuple[Message, str]]:
    """The messages that are not JSON objects, and why; RSP043 reports text that is not UTF-8."""
    for message in _messages(x):
        if is_utf8(message.data) and not message.is_event_marker and not isinstance(parse_json(message.data), dict):
            is_sse = message.data.lstrip().startswith((b"data:", b"event:"))
            yield message, "has lines of Server-Sent Events" if is_sse else "is not a JSON object"


@stream_rule(
    "RSP044",
    MUST,
    "Each message over WebSocket is one event, a JSON object",
    spec=WEBSOCKET,
    fix="Send each event as one message with its JSON alone, without `event:` and `data:` lines.",
    applies_to=_answered,
    needs=("headers", "framing", "bytes"),
    good=[GOOD, one_turn(FIRST, (ASKED, messages('{"type":\n"response.created"}')))],
    bad=[
        one_turn(FIRST, (ASKED, messages(f"data: {as_json(state('created'))}\n\n"))),
        one_turn(FIRST, (ASKED, messages(f"event: x\ndata: {as_json(state('created'))}\n\n"))),
        one_turn(FIRST, (ASKED, messages(f"{as_json(state('created'))}\n{as_json(state('completed'))}"))),
        one_turn(FIRST, (ASKED, messages("[]"))),
    ],
)
def message_that_is_no_event(x: Exchange) -> Iterator[Finding]:
    """Clients parse each message as JSON: anything else ends the turn with an error, or is lost."""
    for message, why in unreadable(x):
        yield Finding(f"a message {why}: {excerpt(message.data)}", at=span_of(message))


@stream_rule(
    "RSP045",
    SHOULD,
    "Events over WebSocket are text messages",
    spec=WEBSOCKET,
    fix="Send events as text frames: the send function for strings, not the one for bytes.",
    applies_to=_answered,
    needs=("headers", "framing", "bytes"),
    good=[GOOD],
    bad=[one_turn(FIRST, (ASKED, [frame(as_json(value).encode(), BINARY) for value in (state("created"),)]))],
)
def event_in_a_binary_message(x: Exchange) -> Iterator[Finding]:
    """Codex ends the turn with an error at the first binary message; the OpenAI SDKs read it like text."""
    for message in _messages(x):
        if not message.is_text:
            yield Finding(f"an event is a binary message: {excerpt(message.data)}", at=span_of(message))
            return


def _listened(x: Exchange) -> NotJudged | None:
    """A turn on the first connection, whose messages the harness could follow to their end."""
    if x.turn is None or x.case.subject != TURNS:
        return OUT_OF_SCOPE
    if skip := conversed(x):
        return skip
    return untestable("a message is no event (see RSP044)") if any(unreadable(x)) else None


CUT_SHORT = messages(state("created"), *text("Hi"))


@stream_rule(
    "RSP046",
    MUST,
    "Each turn over WebSocket ends with response.completed, incomplete or failed, or with an error",
    spec=WEBSOCKET,
    fix="Process each response.create, and end it with response.completed, response.incomplete, response.failed or an error event.",
    applies_to=_listened,
    needs=("headers", "framing", "bytes"),
    good=[
        GOOD,
        one_turn(FIRST, (ASKED, refused("server_error", 500))),
        one_turn(SECOND, (ASKED, answered()), (ASKED, answered("resp_2"))),
    ],
    bad=[
        one_turn(FIRST, (ASKED, CUT_SHORT), ending=OPEN),
        one_turn(FIRST, (ASKED, CUT_SHORT)),
        one_turn(SECOND, (ASKED, answered()), (ASKED, []), ending=OPEN),
        one_turn(FIRST, (ASKED, [])),
    ],
)
def turn_without_an_end(x: Exchange) -> Iterator[Finding | NotJudged]:
    """The connection stays open between turns: without an event that ends the turn, the client waits until it times out."""
    yield from missing_end(x, x.turn or 0)


def missing_end(x: Exchange, number: int) -> Iterator[Finding | NotJudged]:
    """A finding if no event ends this turn of a conversation."""
    found = answer(x, number)
    is_over = x.ending.how in ("closed", "reset")
    then = "the server closed the connection" if is_over else f"nothing followed ({x.ending.detail or x.ending.how})"
    if found.messages and not found.is_ended:
        last = found.messages[-1]
        kind = display(as_string(as_object(parse_json(last.data)).get("type")))
        yield Finding(f"the last event of the turn is {kind}; then {then}", at=span_of(last))
    elif not found.is_ended and is_over and number:
        yield untestable("the server closed the connection between two turns")
    elif not found.is_ended:
        yield Finding(f"response.create got no event: {then}")


@stream_rule(
    "RSP053",
    SHOULD,
    "No [DONE] is sent over WebSocket",
    spec=WEBSOCKET,
    fix="Send `[DONE]` only in an event stream over HTTP: over WebSocket, the last event of the response ends the turn.",
    applies_to=_answered,
    needs=("headers", "framing", "bytes"),
    good=[GOOD],
    bad=[one_turn(FIRST, (ASKED, [*answered(), *messages("[DONE]")]))],
)
def end_marker_over_websocket(x: Exchange) -> Iterator[Finding]:
    """The OpenAI SDKs parse each message as JSON, and the acceptance tests read it as the end of the next turn."""
    for message in _messages(x):
        if message.is_event_marker:
            yield Finding(f"a message is {excerpt(message.data)}", at=span_of(message))
            return
