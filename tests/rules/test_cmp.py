import pytest

from conformance import catalogue
from conformance.reference.defects import cmp as defects
from conformance.reference.variants import cmp as variants
from conformance.rules.example import answered, completion, error
from conformance.verdict import Status

FAMILIES = [rule for rule in catalogue.rules() if rule.family in ("CHK", "CMP", "TOOL", "USE")]
ALONE = [rule for rule in FAMILIES if rule.inputs == ("x",)]
RULES = {rule.id: rule for rule in FAMILIES}
SILENT = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}


def by_name(changes):
    return [pytest.param(change, id=change.name) for change in changes]


@pytest.mark.parametrize("change", by_name(defects.WHOLE_DEFECTS))
def test_a_defect_fails_the_rule_that_it_names_alone(failures, change):
    assert set(failures(ALONE, change)) == {change.caught_by}


@pytest.mark.parametrize("change", by_name(variants.WHOLE_VARIANTS))
def test_a_variant_fails_nothing(failures, change):
    assert failures(ALONE, change) == {}


def test_every_rule_has_a_defect():
    assert {c.caught_by for c in defects.WHOLE_DEFECTS} == {name for name in RULES if name.startswith("CMP")}


@pytest.mark.parametrize("name", [name for name in RULES if name.startswith("CMP")])
def test_an_error_is_not_judged(name):
    assert RULES[name].when(answered(error())).status is Status.NOT_APPLICABLE
    assert RULES[name].when(answered(error(), status=400)).status is Status.NOT_APPLICABLE


@pytest.mark.parametrize(
    ("message", "changes", "body", "reason"),
    [
        ({"content": ""}, {"usage": SILENT}, None, "the model said nothing"),
        ({"content": None}, {"usage": None}, None, "no usage tells"),
        ({"content": ""}, {}, {"stop": ["Hello"]}, "at which words to stop"),
        ({"content": ""}, {"choices": []}, None, "no choice"),
    ],
)
def test_an_empty_answer_is_only_blamed_where_the_usage_shows_what_was_lost(message, changes, body, reason):
    assert reason in RULES["CMP014"].when(answered(completion(message, **changes), body=body)).reason


def test_hidden_thoughts_are_no_lost_answer():
    told = {"prompt_tokens": 3, "completion_tokens": 30, "total_tokens": 33}
    told |= {"completion_tokens_details": {"reasoning_tokens": 29}}
    assert RULES["CMP014"].when(answered(completion({"content": ""}, usage=told))).status is Status.UNTESTABLE


def test_a_stream_answered_whole_is_none_of_these_families_business():
    x = answered(completion(), mode="stream")
    for rule in FAMILIES:
        if x.mode in rule.modes:
            assert rule.when(x) is not None
