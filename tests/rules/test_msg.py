"""The Messages API's events, one defect at a time, in the families that judge a stream."""

import pytest

from conformance import catalogue
from conformance.judging import decide
from conformance.model.target import Policy
from conformance.model.verdict import Status
from conformance.rules.msg.example import ADD, CALL, CHUNK, CLOSE, OPEN, PING, START, STOP, TELL, events, message, tells

RULES = [r for r in catalogue.rules() if r.family in ("HTTP", "SSE", "ERR", "MSG") and r.parameters == ("x",)]
SECOND = (OPEN | {"index": 1}, ADD | {"index": 1}, CLOSE | {"index": 1})
ERROR = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded."}}
ARGUMENTS = ADD | {"delta": {"type": "input_json_delta", "partial_json": "{}"}}


def failing(x):
    found = {
        r.id: decide(r, {"x": x, "policy": Policy()}, (x,))[0] for r in RULES if x.mode in r.modes and x.api in r.apis
    }
    assert Status.ERROR not in found.values()
    return {name for name, status in found.items() if status is Status.FAIL}


@pytest.mark.parametrize(
    ("values", "rules"),
    [
        ([START, OPEN, ADD, CLOSE, TELL, STOP], set()),
        ([PING, START, PING, OPEN, ADD, PING, CLOSE, TELL, PING, STOP], set()),
        ([START, OPEN, ADD, CLOSE, *SECOND, TELL, TELL, STOP], set()),
        ([START, OPEN | {"content_block": CALL}, ARGUMENTS, CLOSE, tells("tool_use"), STOP], set()),
        ([START, OPEN | {"content_block": CALL}, ARGUMENTS, CLOSE, TELL, STOP], {"MSG017"}),
        ([START, {"type": "of_tomorrow"}, OPEN, ADD, CLOSE, TELL, STOP], set()),
        ([START, TELL, STOP], set()),
        ([OPEN, ADD, CLOSE, TELL, STOP], {"MSG003"}),
        ([START, ADD, CLOSE, TELL, STOP], {"MSG004"}),
        ([START, OPEN, ADD, TELL, STOP], {"MSG005"}),
        ([START, OPEN, ADD, CLOSE, STOP], {"MSG006"}),
        ([START, OPEN, ARGUMENTS, CLOSE, TELL, STOP], {"MSG007"}),
        ([START, None, OPEN, ADD, CLOSE, TELL, STOP], {"MSG002"}),
        ([CHUNK, CHUNK], {"MSG002"}),
        ([START, OPEN, ADD, CLOSE, TELL], {"SSE007"}),
        ([START, OPEN, ADD, CLOSE, STOP, TELL], {"SSE009"}),
        ([START, OPEN, ADD, CLOSE, TELL, STOP, ADD], {"SSE009"}),
    ],
)
def test_one_fault_is_one_failure(values, rules):
    assert failing(events(*values)) == rules


def test_an_error_that_ends_a_stream_excuses_what_never_came():
    assert {rule for rule in failing(events(START, OPEN, ADD, ERROR)) if rule.startswith(("MSG", "SSE"))} == set()


def test_a_whole_message_may_hold_what_nobody_knows_yet():
    assert failing(message(content=[{"type": "of_tomorrow"}], container={"id": "c"}, stop_reason="pause_turn")) == set()
    assert failing(message(content=[{}])) == {"MSG001"}
