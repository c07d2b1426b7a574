import pytest

from conformance.reference.defects import cmp as defects
from conformance.reference.defects import tool as tool_defects
from conformance.reference.defects import use as use_defects
from conformance.reference.variants import cmp as variants
from conformance.rules import chk, cmp, tool, use
from conformance.rules.example import answered, chunk, completion, error, streamed
from conformance.verdict import Status

FAMILIES = [r for module in (chk, cmp, use, tool) for r in vars(module).values() if hasattr(r, "judge")]
RULES = {rule.id: rule for rule in FAMILIES}
DEFECTS = (*defects.WHOLE_DEFECTS, *use_defects.USAGE_DEFECTS, *tool_defects.TOOL_DEFECTS)
ALSO = {"call-cut-at-the-cap": {"TOOL008"}}
"""Where the request set no cap, the cut arguments are only arguments that are cut."""
SILENT = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}


def by_name(changes):
    return [pytest.param(change, id=change.name) for change in changes]


@pytest.mark.parametrize("change", by_name(DEFECTS))
def test_a_defect_fails_the_rule_that_it_names_alone(failures, change):
    assert set(failures(FAMILIES, change)) == {change.caught_by} | ALSO.get(change.name, set())


@pytest.mark.parametrize("change", by_name(variants.WHOLE_VARIANTS))
def test_a_variant_fails_nothing(failures, change):
    assert failures(FAMILIES, change) == {}


def test_every_rule_has_a_defect():
    assert {c.caught_by for c in DEFECTS} == {name for name in RULES if not name.startswith("CHK")}


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


def test_usage_that_nobody_asked_for_may_come():
    x = streamed(
        chunk({"role": "assistant"}), chunk(finish="stop", usage=SILENT | {"completion_tokens": 0, "total_tokens": 3})
    )
    assert [r.id for r in FAMILIES if "stream" in r.modes and r.when(x) is None and list(r.judge(x))] == []
