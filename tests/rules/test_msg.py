"""The Messages API's events, one defect at a time, in the families that judge a stream."""

import pytest

from conformance import catalogue
from conformance.deciding import decide
from conformance.model.target import Policy
from conformance.model.verdict import Status
from conformance.rules.msg.example import (
    BLOCK_DELTA,
    CALL,
    CHUNK,
    CLOSE,
    MESSAGE_DELTA,
    OPEN,
    PING,
    START,
    STOP,
    events,
    message,
    message_delta,
)

RULES = [r for r in catalogue.rules() if r.family in ("HTTP", "SSE", "ERR", "MSG") and r.parameters == ("x",)]
SECOND = (OPEN | {"index": 1}, BLOCK_DELTA | {"index": 1}, CLOSE | {"index": 1})
ERROR = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded."}}
ARGUMENTS = BLOCK_DELTA | {"delta": {"type": "input_json_delta", "partial_json": "{}"}}


def failing(x):
    found = {
        r.id: decide(r, {"x": x, "policy": Policy()}, (x,))[0] for r in RULES if x.mode in r.modes and x.api in r.apis
    }
    assert Status.ERROR not in found.values()
    return {name for name, status in found.items() if status is Status.FAIL}


@pytest.mark.parametrize(
    ("values", "rules"),
    [
        ([START, OPEN, BLOCK_DELTA, CLOSE, MESSAGE_DELTA, STOP], set()),
        ([PING, START, PING, OPEN, BLOCK_DELTA, PING, CLOSE, MESSAGE_DELTA, PING, STOP], set()),
        ([START, OPEN, BLOCK_DELTA, CLOSE, *SECOND, MESSAGE_DELTA, MESSAGE_DELTA, STOP], set()),
        ([START, OPEN | {"content_block": CALL}, ARGUMENTS, CLOSE, message_delta("tool_use"), STOP], set()),
        ([START, OPEN | {"content_block": CALL}, ARGUMENTS, CLOSE, MESSAGE_DELTA, STOP], {"MSG017"}),
        ([START, {"type": "of_tomorrow"}, OPEN, BLOCK_DELTA, CLOSE, MESSAGE_DELTA, STOP], set()),
        ([START, MESSAGE_DELTA, STOP], set()),
        ([OPEN, BLOCK_DELTA, CLOSE, MESSAGE_DELTA, STOP], {"MSG003"}),
        ([START, BLOCK_DELTA, CLOSE, MESSAGE_DELTA, STOP], {"MSG004"}),
        ([START, OPEN, BLOCK_DELTA, MESSAGE_DELTA, STOP], {"MSG005"}),
        ([START, OPEN, BLOCK_DELTA, CLOSE, STOP], {"MSG006"}),
        ([START, OPEN, ARGUMENTS, CLOSE, MESSAGE_DELTA, STOP], {"MSG007"}),
        ([START, None, OPEN, BLOCK_DELTA, CLOSE, MESSAGE_DELTA, STOP], {"MSG002"}),
        ([CHUNK, CHUNK], {"MSG002"}),
        ([START, OPEN, BLOCK_DELTA, CLOSE, MESSAGE_DELTA], {"SSE007"}),
        ([START, OPEN, BLOCK_DELTA, CLOSE, STOP, MESSAGE_DELTA], {"SSE009"}),
        ([START, OPEN, BLOCK_DELTA, CLOSE, MESSAGE_DELTA, STOP, BLOCK_DELTA], {"SSE009"}),
    ],
)
def test_one_fault_is_one_failure(values, rules):
    assert failing(events(*values)) == rules


def test_an_error_that_ends_a_stream_excuses_what_never_came():
    assert {
        rule for rule in failing(events(START, OPEN, BLOCK_DELTA, ERROR)) if rule.startswith(("MSG", "SSE"))
    } == set()


def test_a_whole_message_may_hold_what_nobody_knows_yet():
    assert failing(message(content=[{"type": "of_tomorrow"}], container={"id": "c"}, stop_reason="pause_turn")) == set()
    assert failing(message(content=[{}])) == {"MSG001"}
