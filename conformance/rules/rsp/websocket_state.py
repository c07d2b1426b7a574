"""What a server knows of earlier turns over WebSocket, and the errors where it knows nothing."""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from conformance.apis.errors import error_response, quoted
from conformance.apis.responses import terminal
from conformance.apis.usage import usage
from conformance.apis.websocket import (
    CONTINUED,
    EVICTED,
    FAILED,
    FIRST,
    FORGOTTEN,
    NO_EVENT,
    RECONNECT,
    ROLES,
    SECOND,
    TURNS,
    UNKNOWN_ID,
    answer,
    sent_events,
    turn,
    turns,
)
from conformance.model.exchange import Exchange
from conformance.model.rule import Condition
from conformance.model.verdict import MUST, OUT_OF_SCOPE, SHOULD, Finding, NotJudged, not_applicable, untestable
from conformance.parsing.json_text import parse_json
from conformance.parsing.json_values import Object, as_object, as_string, describe_member, is_integer
from conformance.parsing.sse import span
from conformance.parsing.websocket import Message
from conformance.rules.rsp.continued import forgotten
from conformance.rules.rsp.example import USAGE, state
from conformance.rules.rsp.shape import whole_rule
from conformance.rules.rsp.spec import CONTINUATION, ERRORS
from conformance.rules.rsp.websocket import conversed
from conformance.rules.rsp.websocket_example import OPEN, Said, answered, conversation, create, messages, refused
from conformance.rules.rsp.websocket_turns import span_of

NOT_FOUND: Final = "previous_response_not_found"


class Failure(NamedTuple):
    """How a turn failed: the last event, the error in it, and its message."""

    event: Object
    error: Object
    message: Message

    @property
    def code(self) -> Any:
        """The error's code."""
        return self.error.get("code")


def failure(x: Exchange, number: int) -> Failure | None:
    """How a turn failed, or None if it did not."""
    found = answer(x, number)
    for message in found.messages if found.is_ended else ():
        event = as_object(parse_json(message.data))
        inner = event.get("error")
        if event.get("type") == "error" or inner:
            return Failure(event, as_object(inner), message)
        if event.get("type") == "response.failed":
            return Failure(event, as_object(as_object(event.get("response")).get("error")), message)
    return None


def _number(x: Exchange, role: str) -> int:
    return ROLES[x.case.subject].index(role)


def reached(subject: str, role: str) -> Condition:
    """The conversation got as far as this turn."""

    def isreached(x: Exchange) -> NotJudged | None:
        if x.case.subject != subject:
            return OUT_OF_SCOPE
        if skip := conversed(x):
            return skip
        return None if _number(x, role) < len(sent_events(x)) else untestable("the conversation ended before this turn")

    return isreached


def _unstored(role: str) -> Condition:
    """The second connection got as far as this turn, and no response was to be stored."""

    def is_unstored(x: Exchange) -> NotJudged | None:
        if skip := reached(RECONNECT, role)(x):
            return skip
        is_sent = all(event.get("store") is False for event in sent_events(x))
        return None if is_sent else not_applicable("the target refuses `store`, and may store responses")

    return is_unstored


def _counted(name: str, tokens: int) -> list[bytes]:
    return answered(name, usage=USAGE | {"input_tokens": tokens, "total_tokens": tokens + 3})


BEGUN: tuple[Said, ...] = ((create(), _counted("resp_1", 10)), (create(), _counted("resp_2", 40)))
NEXT = create(previous_response_id="resp_2")
CHAIN: tuple[Said, ...] = (*BEGUN, (NEXT, _counted("resp_3", 50)))
LOST = create(previous_response_id="resp_of_nobody")


def _continuing(x: Exchange) -> NotJudged | None:
    """A turn continued a response of the connection, and was completed."""
    if skip := reached(TURNS, CONTINUED)(x):
        return skip
    one = turn(x, CONTINUED)
    if one is None or not answer(x, _number(x, CONTINUED)).is_ended:
        return untestable("the turn that continues a response has no end (see RSP046)")
    if error_response(one):
        return not_applicable("the server keeps no response on the connection, and rejects the turn")
    return None if usage(one) else untestable("the response has no usage that counts the prompt")


@whole_rule(
    "RSP047",
    MUST,
    "A turn over WebSocket that continues a response has it in its prompt",
    spec=CONTINUATION,
    fix="Put the input and the output of the previous response before the new input; or reject with previous_response_not_found.",
    applies_to=_continuing,
    needs=("headers", "framing", "bytes"),
    good=[conversation(*CHAIN), conversation(*BEGUN, (NEXT, _counted("resp_3", 40)))],
    bad=[conversation(*BEGUN, (NEXT, _counted("resp_3", 12)))],
)
def earlier_turn_forgotten(x: Exchange) -> Iterator[Finding | NotJudged]:
    """The model responds as if the conversation had just started, and the client has not sent the history again.

    The second turn's prompt is two dozen words longer than the first one's, and the third one's must contain it: usage
    must count at least as many tokens.
    """
    first, second, third = (turn(x, role) for role in (FIRST, SECOND, CONTINUED))
    if first is not None and second is not None and third is not None:
        yield from forgotten(third, second, first)


@whole_rule(
    "RSP048",
    MUST,
    "A turn over WebSocket that continues an unknown response gets an error event",
    spec=ERRORS,
    fix="Send an error event whose code is previous_response_not_found, and keep the connection open.",
    applies_to=reached(TURNS, UNKNOWN_ID),
    needs=("headers", "framing", "bytes"),
    good=[conversation(*CHAIN, (LOST, refused(NOT_FOUND))), conversation(*CHAIN, (LOST, messages(state("failed"))))],
    bad=[
        conversation(*CHAIN, (LOST, answered("resp_4"))),
        conversation(*CHAIN, (LOST, [])),
        conversation(*CHAIN, (LOST, []), ending=OPEN),
    ],
)
def unknown_response_continued(x: Exchange) -> Iterator[Finding]:
    """Without the error, the client does not know that the history is lost, and does not send it again."""
    number = _number(x, UNKNOWN_ID)
    found = answer(x, number)
    if failure(x, number):
        return
    if found.is_ended:
        yield Finding("the id is silently ignored: the turn gets a response", at=span_of(*found.messages))
    elif x.ending.how in ("closed", "reset"):
        yield Finding("the server closed the connection without an error event")
    else:
        yield Finding("no event ends the turn")


def _misses(found: Failure) -> Iterator[str]:
    """How an error differs from the one for an unknown response, as clauses."""
    if found.code != NOT_FOUND:
        yield f"has {describe_member(found.error, 'code') if found.error else 'no error object'}"
    elif found.event.get("type") == "error" and not is_integer(found.event.get("status")):
        yield f"has {describe_member(found.event, 'status')}"


def _rejected(subject: str, role: str) -> Condition:
    """The turn failed."""

    def is_rejected(x: Exchange) -> NotJudged | None:
        if skip := reached(subject, role)(x):
            return skip
        return None if failure(x, _number(x, role)) else untestable("the turn got no error (see RSP048)")

    return is_rejected


@whole_rule(
    "RSP049",
    SHOULD,
    "The error for an unknown response over WebSocket has a status and its own code",
    spec=ERRORS,
    fix='Send {"type": "error", "status": 400, "error": {"code": "previous_response_not_found", "message": ...}}.',
    applies_to=_rejected(TURNS, UNKNOWN_ID),
    needs=("headers", "framing", "bytes"),
    good=[conversation(*CHAIN, (LOST, refused(NOT_FOUND)))],
    bad=[
        conversation(*CHAIN, (LOST, refused("not_found"))),
        conversation(*CHAIN, (LOST, refused(NOT_FOUND, None))),
        conversation(*CHAIN, (LOST, messages({"type": "error", "code": NOT_FOUND, "message": "No."}))),
    ],
)
def unknown_response_in_other_words(x: Exchange) -> Iterator[Finding]:
    """Clients send the whole history again at this code; at any other, the user's message fails."""
    if found := failure(x, _number(x, UNKNOWN_ID)):
        for why in _misses(found):
            yield Finding(f"the error event {why}", at=span_of(found.message), expected=NOT_FOUND)


@whole_rule(
    "RSP050",
    SHOULD,
    "An invalid event over WebSocket gets an error event",
    spec=ERRORS,
    fix="Send an error event for an event of unknown type, or one that is not JSON, and keep the connection open.",
    applies_to=reached(TURNS, NO_EVENT),
    needs=("headers", "framing", "bytes"),
    good=[conversation(*CHAIN, (LOST, refused(NOT_FOUND)), ({"type": "x"}, refused("unknown_event")))],
    bad=[conversation(*CHAIN, (LOST, refused(NOT_FOUND)), ({"type": "x"}, []))],
)
def invalid_event_unanswered(x: Exchange) -> Iterator[Finding]:
    """The client waits until it times out, or sees a lost connection and sends the event again."""
    number = _number(x, NO_EVENT)
    if failure(x, number):
        return
    got = answer(x, number)
    what = "a response" if got.is_ended else "no error event"
    yield Finding(f"an event of unknown type gets {what}", at=span_of(*got.messages) if got.messages else None)


RESUMED = create(previous_response_id="resp_3")
AGAIN = create(previous_response_id="resp_5")
RECOVERY: tuple[Said, ...] = ((RESUMED, refused(NOT_FOUND)), (create(), answered("resp_5")))


def _reconnected(*turns: Said) -> Exchange:
    return conversation(*turns, subject=RECONNECT)


@whole_rule(
    "RSP051",
    SHOULD,
    "A response with store: false is not known to another WebSocket, and the client can start anew there",
    spec=CONTINUATION,
    fix="Keep responses with `store: false` with their connection alone; send previous_response_not_found on another.",
    applies_to=_unstored(FORGOTTEN),
    needs=("headers", "framing", "bytes"),
    good=[_reconnected(*RECOVERY)],
    bad=[
        _reconnected((RESUMED, answered("resp_4"))),
        _reconnected((RESUMED, refused("not_found")), RECOVERY[1]),
        _reconnected(RECOVERY[0]),
    ],
)
def unstored_response_kept(x: Exchange) -> Iterator[Finding | NotJudged]:
    """What the client asked not to store is stored; or it can't tell that the history is lost, and must connect again."""
    number = _number(x, FORGOTTEN)
    found, got = failure(x, number), answer(x, number)
    if found:
        yield from (Finding(f"the error event {why}", at=span_of(found.message)) for why in _misses(found))
        if number + 1 >= len(sent_events(x)):
            yield Finding("the server closed the connection after the error", at=span_of(found.message))
    elif got.is_ended:
        yield Finding("the response is continued on another connection", at=span_of(*got.messages))
    else:
        yield untestable("no event ends the turn")


UNCALLED = create(previous_response_id="resp_5", input=[{"type": "function_call_output", "call_id": "x", "output": ""}])
BROKEN: Said = (UNCALLED, refused("invalid_value"))


@whole_rule(
    "RSP052",
    SHOULD,
    "A response whose continuation failed is forgotten by the WebSocket",
    spec=CONTINUATION,
    fix="Remove the response from the connection's memory when a turn that continues it fails.",
    applies_to=_unstored(EVICTED),
    needs=("headers", "framing", "bytes"),
    good=[_reconnected(*RECOVERY, BROKEN, (AGAIN, refused(NOT_FOUND)))],
    bad=[
        _reconnected(*RECOVERY, BROKEN, (AGAIN, answered("resp_6"))),
        _reconnected(*RECOVERY, BROKEN, (AGAIN, refused("not_found"))),
        _reconnected(*RECOVERY, (UNCALLED, answered("resp_6")), (AGAIN, refused(NOT_FOUND))),
    ],
)
def failed_continuation_kept(x: Exchange) -> Iterator[Finding | NotJudged]:
    """After a failure, client and server may differ about the history; an error makes the client send all of it."""
    failed, evicted = _number(x, FAILED), _number(x, EVICTED)
    found, got = failure(x, evicted), answer(x, evicted)
    if not failure(x, failed):
        where = answer(x, failed).messages
        if where:
            yield Finding("the output of an unknown call gets a response", at=span_of(*where))
        else:
            yield untestable("the server sent nothing in the turn that had to fail")
    elif found:
        yield from (Finding(f"the error event {why}", at=span_of(found.message)) for why in _misses(found))
    elif got.is_ended:
        yield Finding("the response is continued once more", at=span_of(*got.messages))
    else:
        yield untestable("no event ends the turn")


@whole_rule(
    "RSP054",
    SHOULD,
    "Each response over a WebSocket has its own id",
    spec=CONTINUATION,
    fix="Give each response a new id, also on a connection that is kept open.",
    applies_to=reached(TURNS, SECOND),
    needs=("headers", "framing", "bytes"),
    good=[conversation(*CHAIN)],
    bad=[conversation((create(), answered()), (create(), answered()))],
)
def response_id_used_again(x: Exchange) -> Iterator[Finding | NotJudged]:
    """The id says which turn the next one continues: with two of the same, the wrong history is in the prompt."""
    ended = [(one, end) for one in turns(x) if (end := terminal(one))]
    names = [as_string(as_object(end.value.get("response")).get("id")) for _, end in ended]
    if sum(map(bool, names)) < 2:
        yield untestable("fewer than two responses have ended with an id")
    for number, (one, end) in enumerate(ended):
        if names[number] and names[number] in names[:number]:
            yield Finding(f"the id {quoted(names[number])} is that of an earlier response", at=span(one, end.event))
            return
