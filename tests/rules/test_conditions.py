"""When a rule applies: only responses to valid requests have a form that the API defines."""

import pytest

from conformance import catalogue
from conformance.deciding import decide
from conformance.model.exchange import Ending
from conformance.model.verdict import Status
from conformance.rules.conditions import replied, uncut, validly_requested
from conformance.rules.example import answered, completion, error, exchange, streamed

SHAPELESS = {"status": "accepted", "usage": {}}
BROKEN = ("mistake.bad-role", "wrong-type.temperature", "unknown-field.x_canary", "range.temperature", "fuzz.no-json")
OF_FORM = [rule for rule in catalogue.rules() if rule.family in ("CHK", "CMP", "MSG", "RSP", "TOOL", "USE")]


@pytest.mark.parametrize("api", ["chat", "messages", "responses"])
@pytest.mark.parametrize("probe", BROKEN)
@pytest.mark.parametrize("make", [answered, streamed])
def test_no_rule_about_form_judges_the_response_to_a_broken_request(api, probe, make):
    x = make(SHAPELESS, probe=f"{api}.{probe}", body={"model": 7})
    for rule in OF_FORM:
        if api in rule.apis and rule.parameters == ("x",):
            assert decide(rule, {"x": x}, (x,)).status is Status.NOT_APPLICABLE, rule.id


def fuzzed(**body):
    return answered(completion(), probe="chat.fuzz.text", body={"model": "m"} | body)


@pytest.mark.parametrize(
    ("x", "is_valid"),
    [
        (fuzzed(messages=[{"role": "user", "content": "x" * 9000}]), True),
        (fuzzed(messages=[{"role": "user", "content": "Hi"}], temperature="hot"), False),
        (fuzzed(messages=[{"role": "user", "content": 7}]), False),
        (fuzzed(), False),
        (answered(completion(), probe="chat.tools"), True),
        (answered(completion(), probe="responses.previous"), False),
    ],
)
def test_a_fuzzed_request_is_valid_if_it_matches_the_schema(x, is_valid):
    assert (validly_requested(x) is None) is is_valid


HI = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}


@pytest.mark.parametrize(
    ("x", "is_valid"),
    [
        (answered(completion(), probe="chat.recorded", body={"messages": 7}), True),
        (answered(error(), status=400, probe="chat.recorded", body={"messages": 7}), False),
        (answered(error(), status=500, probe="chat.recorded", body=HI), True),
        (streamed(error(), probe="chat.recorded", body={"messages": 7}), False),
    ],
)
def test_a_recorded_request_is_valid_if_it_succeeded_or_matches_the_schema(x, is_valid):
    assert (validly_requested(x) is None) is is_valid


def test_rules_about_form_judge_a_recorded_success_as_they_judge_a_baseline():
    def verdicts(probe):
        x = answered({"choices": [{"message": {"content": 7}}]}, probe=probe, body=HI)
        alone = (rule for rule in OF_FORM if "chat" in rule.apis and rule.parameters == ("x",))
        return {rule.id: decide(rule, {"x": x}, (x,)) for rule in alone}

    assert verdicts("chat.recorded") == verdicts("chat.hello")
    assert Status.FAIL in {outcome.status for outcome in verdicts("chat.recorded").values()}


@pytest.mark.parametrize(
    ("how", "phase", "is_cut"), [("limit", "body", True), ("limit", "after", False), ("timeout", "body", False)]
)
def test_only_the_harness_s_own_limits_cut_a_response(how, phase, is_cut):
    x = exchange(b"HTTP/1.1 200 OK\r\n\r\n", ending=Ending(how, phase, 0))
    assert (uncut(x) is not None) is is_cut
    assert (replied(x) is not None) is is_cut
