"""BILL: errors cost nothing; a partial response may have a cost."""

import pytest

from conformance.model.verdict import MUST, OUT_OF_SCOPE, Finding, Status
from conformance.rules.bill.errors import (
    FAILED,
    MISTAKE,
    REFUSED,
    ROLE,
    SPENT,
    error_with_usage,
    failed_stream_with_usage,
    mistake_that_is_retried,
)
from conformance.rules.example import HELLO, JSON, answered, chunk, streamed
from conformance.testbed.mutations import changes


def yielded(rule, *given):
    if skip := rule.applies_to(given[0]):
        return [skip.status]
    return [item.seen if isinstance(item, Finding) else item.status for item in rule.check(*given)]


def test_what_the_refusal_of_streaming_costs_is_reported_once(failing):
    failed = failing(changes.find("refusal-with-usage"), kinds=("hello", "mistake", "witness"))
    assert failed[MUST] == {"NYI016"}


def test_another_request_than_a_baseline_request_that_is_refused_for_streaming_is_judged_here():
    refused = answered(REFUSED | {"usage": SPENT}, status=501, mode="stream", probe="chat.tools")
    assert error_with_usage.applies_to(refused) is None
    assert len(yielded(error_with_usage, refused, streamed(*HELLO))) == 1
    greeting = answered(REFUSED | {"usage": SPENT}, status=501, mode="stream")
    assert error_with_usage.applies_to(greeting) is OUT_OF_SCOPE


@pytest.mark.parametrize(
    "delta",
    [{"content": "Hel"}, {"reasoning_content": "Hm"}, {"tool_calls": [{"index": 0, "function": {"name": "f"}}]}],
)
def test_a_stream_that_fails_after_a_part_of_the_answer_may_have_cost_something(delta):
    x = streamed(ROLE, chunk(delta), FAILED | {"usage": SPENT})
    assert yielded(failed_stream_with_usage, x) == [Status.NOT_APPLICABLE]


def test_a_conflict_that_says_that_it_lasts_is_not_retried():
    lasting = answered(REFUSED, status=409, headers=(JSON, ("x-should-retry", "false")), **MISTAKE)
    assert yielded(mistake_that_is_retried, lasting) == []
