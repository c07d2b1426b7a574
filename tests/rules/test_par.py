"""PAR: each parameter's effect is judged by construction; the content of a completion is not graded."""

import pytest

from conformance import catalogue
from conformance.model.verdict import Finding, Status
from conformance.rules.example import HELLO, answered, completion, error, streamed
from conformance.rules.par.form import BASELINE_RESPONSE, LONGER, form
from conformance.rules.par.logprobs import HI, THERE, piece, token, with_tokens
from conformance.rules.par.stop import STOP
from conformance.rules.par.value import ASKED, DETERMINED, NAME, OTHER, OTHER_TEXT, TEXT, seed_without_effect

RULES = {rule.id: rule for rule in catalogue.rules() if rule.family == "PAR"}


def yielded(rule, *given):
    """A rule's results: its reason not to judge, its findings, or nothing."""
    if skip := rule.applies_to(given[0]):
        return [skip.status]
    return [item.seen if isinstance(item, Finding) else item.status for item in rule.check(*given)]


def test_a_dropped_stop_is_not_called_an_included_one():
    dropped = answered(completion({"content": "One, two, three"}), **STOP)
    assert yielded(RULES["PAR007"], dropped) == [Status.UNTESTABLE]


def test_an_answer_that_was_cut_is_no_json_to_judge():
    asked = {"probe": "chat.witness.response_format.json_object", "body": {"response_format": {"type": "json_object"}}}
    assert yielded(RULES["PAR008"], answered(completion({"content": '{"a": '}, "length"), **asked), None) == [
        Status.UNTESTABLE
    ]
    assert len(yielded(RULES["PAR008"], answered(completion({"content": '{"a": '}), **asked), None)) == 1


def test_an_object_without_its_first_token_is_no_ignored_format():
    asked = {"probe": "chat.witness.response_format.json_object", "body": {"response_format": {"type": "json_object"}}}
    broken = answered(completion({"content": 'greeting": "Hi"}'}), **asked)
    lost = answered(completion({"content": 'lamps": "green"}'}), **ASKED)
    assert yielded(RULES["PAR008"], broken, lost) == [Status.UNTESTABLE]
    assert len(yielded(RULES["PAR008"], broken, DETERMINED)) == 1


def test_characters_over_several_tokens_are_put_together_by_their_bytes():
    halves = [token("\ufffd", bytes=[byte]) for byte in "é".encode()]
    assert yielded(RULES["PAR005"], with_tokens(*halves, text="é")) == []
    assert yielded(RULES["PAR005"], with_tokens(*halves, text="e")) != []
    assert yielded(RULES["PAR005"], with_tokens(halves[0], text="x")) == [Status.UNTESTABLE]


def test_tokens_of_thoughts_calls_and_cut_texts_need_not_stand_in_the_text():
    thought = completion({"content": "Hi", "reasoning_content": "Hm."})["choices"][0] | {
        "logprobs": {"content": [THERE]}
    }
    x = answered(completion(choices=[thought]), body={"logprobs": True})
    assert yielded(RULES["PAR005"], x) == [Status.NOT_APPLICABLE]
    stopped = completion({"content": "H"})["choices"][0] | {"logprobs": {"content": [HI]}}
    x = answered(completion(choices=[stopped]), body={"logprobs": True, "stop": "i"})
    assert yielded(RULES["PAR005"], x) == [Status.NOT_APPLICABLE]


def test_alternatives_unasked_are_too_many():
    x = streamed(piece("Hi", HI), body={"logprobs": True})
    assert yielded(RULES["PAR002"], x) == ["a token has 2 alternatives, but 0 were requested"]


@pytest.mark.parametrize("status", [401, 429, 503])
def test_a_refusal_for_a_reason_of_the_target_s_own_says_nothing_of_a_form(status):
    x = answered(error(), status=status, headers=[("retry-after", "1")], **form("developer"))
    assert yielded(RULES["PAR016"], x, BASELINE_RESPONSE) == [Status.UNTESTABLE]


def test_the_word_type_in_a_validator_s_text_names_no_form():
    x = answered(error("1 validation error: str type expected (type=type_error.str)"), status=400, **form("image"))
    assert len(yielded(RULES["PAR010"], x, BASELINE_RESPONSE)) == 1


def test_text_parts_refused_by_name_are_refused_all_the_same():
    x = answered(error("Must be a string.", param="messages[0].content"), status=400, **form("parts"))
    assert len(yielded(RULES["PAR016"], x, BASELINE_RESPONSE)) == 1
    assert yielded(RULES["PAR010"], x, BASELINE_RESPONSE) == [Status.NOT_APPLICABLE]


def test_a_form_says_nothing_where_the_baseline_request_fails_or_the_cap_is_refused():
    x = answered(error(), status=400, **form("developer"))
    assert yielded(RULES["PAR016"], x, answered(error(), status=400)) == [Status.UNTESTABLE]
    capped = answered(
        error("Use another cap than max_tokens.", param="max_tokens"),
        status=400,
        body={"max_tokens": 1},
        **form("nulls"),
    )
    assert yielded(RULES["PAR009"], capped, BASELINE_RESPONSE) == [Status.UNTESTABLE]


def test_a_usage_that_is_always_the_same_proves_no_part_dropped():
    x = answered(completion(), **form("image"))
    assert yielded(RULES["PAR011"], x, BASELINE_RESPONSE, BASELINE_RESPONSE) == [Status.UNTESTABLE]
    assert len(yielded(RULES["PAR011"], x, BASELINE_RESPONSE, LONGER)) == 1


def test_a_value_beyond_its_range_that_is_announced_as_ignored_is_declared():
    x = answered(completion(), headers=[("x-ignored-params", "temperature")], probe="chat.range.temperature")
    assert yielded(RULES["PAR012"], x) == []


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ((NAME, OTHER, TEXT, OTHER_TEXT), [Status.UNTESTABLE]),
        ((NAME, answered(error(), status=500), TEXT, TEXT), [Status.NOT_APPLICABLE]),
        ((NAME, NAME, TEXT, TEXT), []),
    ],
)
def test_a_seed_is_judged_only_where_the_target_repeats_itself(given, said):
    assert yielded(seed_without_effect, *given) == said


def test_other_fingerprints_excuse_another_text():
    one, other = (
        answered(completion({"content": name}, system_fingerprint=name), probe="chat.seed") for name in ("a", "b")
    )
    assert yielded(seed_without_effect, one, other, TEXT, TEXT) == [Status.UNTESTABLE]


def test_no_log_probabilities_asked_and_none_came():
    assert yielded(RULES["PAR006"], streamed(*HELLO)) == []


def test_a_value_out_of_range_is_shown_whole():
    x = answered(completion(), probe="chat.range.logit_bias", body={"logit_bias": {"50": 1000}})
    (seen,) = yielded(RULES["PAR012"], x)
    assert '`logit_bias: {"50": 1000}`' in seen


def test_tokens_without_text_are_parts_of_characters():
    part = token("", -5.6, top_logprobs=[token("", -5.3)])
    assert yielded(RULES["PAR004"], with_tokens(part, text="\ufffd")) == []
    assert yielded(RULES["PAR005"], with_tokens(part, token("9"), text="\ufffd9")) == [Status.UNTESTABLE]
    assert len(yielded(RULES["PAR005"], with_tokens(part, token("9"), text="8"))) == 1
