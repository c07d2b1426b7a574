"""The embedded server over a WebSocket."""

import json

import pytest

from conformance.parsing.websocket import CLOSE, read
from conformance.testbed.server.reply import ServerRequest
from conformance.testbed.server.websocket import Memory, Speech, conversing

HANDSHAKE = ServerRequest(
    method="GET", path="/v1/responses", query="", headers=(), body=b"", json=None, api="responses", id="7", at=1
)
LONG = "The boats come home in the evening, and the lamps of the harbour are green. "


def create(**fields):
    return {"type": "response.create", "model": "reference", "input": "Say hello.", "store": False} | fields


@pytest.fixture
def say():
    """Send messages over one connection; returns the events that answer the last one."""

    def send(*messages, **speech):
        texts = tuple(text if isinstance(text, str) else json.dumps(text) for text in messages)
        reply = conversing(HANDSHAKE, Speech(**speech))(texts)
        found = read(b"".join(piece.data for piece in reply.pieces), 0)
        assert found.faults == ()
        assert found.is_closed == reply.closes
        return [json.loads(message.data) for message in found.messages]

    return send


def ended(events):
    """The response in the last event."""
    assert events[-1]["type"] == "response.completed"
    return events[-1]["response"]


def failed(events):
    (event,) = events
    assert event["type"] == "error"
    return event["status"], event["error"]["code"], event["error"]["param"]


def test_a_turn_is_the_events_of_a_response_in_text(say):
    events = say(create())
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert events[0]["type"] == "response.created"
    assert ended(events)["output"][0]["content"][0]["text"]


def test_a_turn_that_continues_another_has_it_in_its_prompt(say):
    first = ended(say(create(input=LONG)))
    alone, after = (
        ended(say(create(input=LONG), create(previous_response_id=name)))["usage"]["input_tokens"]
        for name in (None, first["id"])
    )
    assert after > alone + 15
    assert (
        ended(say(create(input=LONG), create(previous_response_id=first["id"])))["previous_response_id"] == first["id"]
    )


def test_each_response_of_a_connection_has_its_own_id(say):
    assert ended(say(create()))["id"] != ended(say(create(), create()))["id"]


@pytest.mark.parametrize(
    "fields", [{"max_tokens": 7}, {"model": "gpt"}, {"input": 7}, {"input": None}, {"background": True}]
)
def test_what_is_rejected_over_http_gets_an_error_event(say, fields):
    status, code, param = failed(say(create(**fields)))
    assert status in (400, 404)
    assert code
    assert param == next(iter(fields))


@pytest.mark.parametrize("message", ["{", "[]", "null", '"hi"', {"type": "response.cancel"}, {"input": "Hi"}])
def test_what_is_no_event_gets_an_error_event(say, message):
    assert failed(say(message)) == (400, "unknown_event", "type")


def test_the_connection_goes_on_after_an_error(say):
    assert ended(say("{", create(model="gpt"), create()))


NOT_FOUND = (400, "previous_response_not_found", "previous_response_id")


def test_an_unknown_response_is_not_continued(say):
    assert failed(say(create(previous_response_id="resp_of_nobody"))) == NOT_FOUND
    assert failed(say(create(previous_response_id=7)))[1] == "invalid_value"


def test_a_response_whose_continuation_failed_is_forgotten(say):
    first = ended(say(create()))["id"]
    broken = create(previous_response_id=first, input=[{"type": "function_call_output", "call_id": "x", "output": "y"}])
    again = create(previous_response_id=first)
    assert failed(say(create(), broken))[1] == "invalid_value"
    assert failed(say(create(), broken, again)) == NOT_FOUND
    assert ended(say(create(), broken, again, memory=Memory(evicts=False)))


def test_a_warm_up_has_an_id_and_no_output_and_can_be_continued(say):
    warm = say(create(input=LONG, generate=False))
    assert [event["type"] for event in warm] == ["response.created", "response.in_progress", "response.completed"]
    response = ended(warm)
    assert (response["output"], response["usage"]["output_tokens"]) == ([], 0)
    after = ended(say(create(input=LONG, generate=False), create(previous_response_id=response["id"])))
    assert after["usage"]["input_tokens"] > response["usage"]["input_tokens"]


def test_a_connection_that_is_closed_at_an_error_has_a_close_frame(say):
    assert say("{", fail=lambda _: None) == []
    assert failed(say("{", closes_after_errors=True))
    data = conversing(HANDSHAKE, Speech(fail=lambda _: None))(("{",)).pieces[0].data
    assert data[0] & 0x0F == CLOSE


def test_a_warm_up_may_be_rejected_generated_or_forgotten(say):
    warm = create(input=LONG, generate=False)
    assert failed(say(warm, memory=Memory(warm_up="rejects"))) == (400, "unsupported_parameter", "generate")
    assert ended(say(warm, memory=Memory(warm_up="generates")))["output"]
    first = ended(say(warm))["id"]
    kept, lost = (
        ended(say(warm, create(previous_response_id=first), memory=memory))["usage"]["input_tokens"]
        for memory in (Memory(), Memory(warm_up="forgets"))
    )
    assert kept > lost + 15


def test_the_key_may_be_asked_for_at_the_first_event(say):
    assert failed(say(create(), requires_key=True)) == (401, "invalid_api_key", None)
