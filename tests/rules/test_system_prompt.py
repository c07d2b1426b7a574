"""MSG029 and RSP030: a system prompt that reaches the model, and one that does not."""

import pytest

from conformance import catalogue
from conformance.deciding import decide
from conformance.model.verdict import Status
from conformance.rules.example import answered
from conformance.rules.msg.example import BASELINE_RESPONSE, message
from conformance.rules.msg.system import BLOCKS, COUNT, READ, STOPPED, UNCOUNTED, counted
from conformance.rules.rsp import instructions
from conformance.rules.rsp.example import response

RULES = {rule.id: rule for rule in catalogue.rules()}
SYSTEM = "messages.witness.system"
BASELINE = message()
UNGROWN = counted("messages.witness.max_tokens", "One", 3)
"""The usage of a target that counts every prompt alike."""


def status(x, ordered=READ, count=COUNT):
    given = {"x": x, "baseline": BASELINE, "count": count, "ordered": ordered, "unary_baseline": BASELINE}
    return decide(RULES["MSG029"], given, (x,)).status


@pytest.mark.parametrize("probe", [BLOCKS, SYSTEM])
def test_usage_or_the_text_shows_that_the_model_has_read_it(probe):
    assert status(counted(probe, "Hello.", 230)) is Status.PASS
    assert status(counted(probe, "I say Kestrel!", 3)) is Status.PASS
    assert status(counted(probe, "Hello.", 3)) is Status.FAIL


def test_a_target_that_counts_no_prompt_shows_nothing():
    assert status(counted(BLOCKS, "Hello.", 3), count=UNGROWN) is Status.UNTESTABLE


def test_a_system_prompt_in_place_of_a_longer_one_of_the_target_itself_is_not_dropped():
    own = counted("messages.witness.max_tokens", "One", 460)
    assert status(counted(STOPPED, "On", 230), counted(BLOCKS, "Hello.", 230), own) is Status.UNTESTABLE
    x, baseline = (
        instructions.counted_prompt("instructions", "Hello.", 130),
        instructions.counted_prompt("hello", "Hello.", 460),
    )
    given = {"x": x, "baseline": baseline, "count": instructions.counted_prompt("max_output_tokens", "One", 470)}
    assert decide(RULES["RSP030"], given, (x,)).status is Status.UNTESTABLE


@pytest.mark.parametrize("body", [{}, {"system": "Reply with only this word: kestrel."}])
def test_a_recording_of_an_older_version_has_no_prompt_that_shows_in_usage(body):
    given = {"baseline": BASELINE, "count": COUNT, "ordered": READ, "unary_baseline": BASELINE}
    x = answered(BASELINE_RESPONSE, probe=BLOCKS, body=body)
    assert decide(RULES["MSG029"], given | {"x": x}, (x,)).status is Status.NOT_APPLICABLE


def test_a_response_without_text_could_not_follow_it():
    assert status(counted(BLOCKS, " ", 3)) is Status.UNTESTABLE


@pytest.mark.parametrize(
    ("ordered", "expected"),
    [(READ, Status.FAIL), (UNCOUNTED, Status.UNTESTABLE), (counted(BLOCKS, "Hello.", 3), Status.FAIL)],
)
def test_a_system_prompt_that_asks_for_nothing_is_judged_by_usage_that_counts_the_other_one(ordered, expected):
    assert status(counted(STOPPED, "On", 9), ordered) is expected
    assert status(counted(STOPPED, "On", 150), ordered) is Status.PASS


@pytest.mark.parametrize(
    ("text", "tokens", "expected"),
    [("Hello.", 3, Status.FAIL), ("kestrel", 3, Status.PASS), ("Hello.", 130, Status.PASS), ("", 3, Status.UNTESTABLE)],
)
def test_instructions_are_judged_alike(text, tokens, expected):
    x = instructions.counted_prompt("instructions", text, tokens)
    given = {"x": x, "baseline": response(), "count": instructions.COUNT}
    assert decide(RULES["RSP030"], given, (x,)).status is expected
