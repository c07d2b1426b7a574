"""EQV: a stream and a non-streaming response are equivalent; other wording of a model is not a difference."""

import pytest

from conformance import catalogue
from conformance.model.exchange import Ending
from conformance.model.verdict import Finding, Status
from conformance.rules.eqv.example import stream, unary, usage_object
from conformance.rules.example import HELLO, SSE, answered, chunk, completion, error, exchange, http, sse, streamed
from conformance.rules.rsp import example as rsp
from conformance.testbed.mutations.defects import eqv as defects

RULES = {rule.id: rule for rule in catalogue.rules() if rule.family == "EQV"}


def yielded(rule, *given):
    """A rule's results on two exchanges, or on three."""
    if skip := next((skip for x in given[:2] if (skip := rule.applies_to(x))), None):
        return [skip.status]
    return [item.seen if isinstance(item, Finding) else item.status for item in rule.check(*given)]


def test_every_rule_has_a_defect():
    assert set(RULES) == {change.caught_by for change in defects.EQUIVALENCE}


def test_two_answers_of_a_free_model_are_not_compared():
    for name in ("EQV001", "EQV006"):
        other = unary("Good day.", "length", usage=usage_object(words=90))
        assert yielded(RULES[name], stream(), other) == [Status.NOT_APPLICABLE]


def test_a_stream_is_not_blamed_where_two_whole_answers_differ():
    asked = {"probe": "chat.twin"}
    one, other, third = stream("One", **asked), unary("Two", **asked), unary("Three", **asked)
    assert yielded(RULES["EQV002"], one, other, third) == [Status.UNTESTABLE]
    assert len(yielded(RULES["EQV002"], one, other, other)) == 1


def test_thoughts_that_are_counted_make_no_difference():
    details = {"completion_tokens_details": {"reasoning_tokens": 40}}
    assert yielded(RULES["EQV006"], stream(usage=usage_object(words=43) | details), unary()) == [Status.NOT_APPLICABLE]


def test_hidden_reasoning_of_any_api_is_no_other_count_of_the_same_text():
    spent = rsp.USAGE | {"output_tokens": 43, "output_tokens_details": {"reasoning_tokens": 40}, "total_tokens": 46}
    late = rsp.events(rsp.state("created"), *rsp.text("Hello there."), rsp.state("completed", usage=spent))
    plain = rsp.events(rsp.state("created"), *rsp.text("Hello there."), rsp.state("completed"))
    assert yielded(RULES["EQV006"], late, rsp.response()) == [Status.NOT_APPLICABLE]
    assert yielded(RULES["EQV006"], plain, rsp.response()) == []


def test_another_prompt_is_another_count():
    other = unary(usage=usage_object(prompt=9), body={"model": "m", "messages": [{"role": "user", "content": "Hello"}]})
    assert yielded(RULES["EQV005"], stream(usage=usage_object(prompt=3)), other) == [Status.NOT_APPLICABLE]


@pytest.mark.parametrize(("status", "said"), [(429, [Status.UNTESTABLE]), (500, [Status.UNTESTABLE]), (404, 1)])
def test_what_fails_in_one_mode_is_blamed_where_it_was_refused_for_good(status, said):
    late = answered(error(), status=status, mode="stream")
    got = yielded(RULES["EQV003"], late, unary())
    assert got == said if isinstance(said, list) else len(got) == said


def test_a_target_that_does_not_stream_is_not_compared():
    refused = answered(error("Streaming is not supported.", param="stream"), status=501, mode="stream")
    assert {status for rule in RULES.values() for status in yielded(rule, refused, unary(), unary())} == {
        Status.NOT_APPLICABLE
    }


def test_replicas_of_different_weights_may_answer_by_turns():
    both = streamed(chunk({"content": "a"}, model="a"), chunk({"content": "b"}, model="b"))
    assert yielded(RULES["EQV007"], both, answered(completion(model="b"))) == []


def test_only_a_second_turn_that_is_empty_in_both_modes_is_answered_with_nothing():
    asked = {"probe": "chat.tools.replay"}
    rule, silent = RULES["EQV009"], unary("", **asked)
    assert len(yielded(rule, stream("", **asked), silent, unary())) == 1
    assert yielded(rule, stream("Cold.", **asked), silent, unary()) == []
    assert yielded(rule, stream("", "length", **asked), unary("", "length", **asked), unary()) == []
    assert yielded(rule, stream("", **asked), silent, unary("")) == [Status.UNTESTABLE]


EMPTY = exchange(http(200, [SSE], b""))
CUT = exchange(http(200, [SSE], sse(*HELLO[:2])), ending=Ending("limit", "body", 0))
FAILED = streamed(error("It failed."))


@pytest.mark.parametrize("part", [EMPTY, CUT, FAILED])
def test_a_part_of_a_response_does_not_show_that_a_request_works_in_one_mode(part):
    refused = answered(error("No."), status=400)
    assert yielded(RULES["EQV003"], part, refused) == [Status.UNTESTABLE]
    assert yielded(RULES["EQV003"], part, unary()) == [Status.UNTESTABLE]
    assert len(yielded(RULES["EQV003"], stream(), refused)) == 1
