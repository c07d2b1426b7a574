"""MDL: the data of models, and the fields that real servers may omit."""

import pytest

from conformance import catalogue
from conformance.deciding import decide
from conformance.model.target import GatewayPolicy, Policy
from conformance.model.verdict import Finding, Status
from conformance.rules.example import answered, completion, error
from conformance.rules.mdl.listing import (
    BASELINE_RESPONSE,
    MODEL,
    another_model_named,
    incomplete_list_of_models,
    listed_model_not_found,
    malformed_list_of_models,
    model_response,
    models_not_listed,
    models_response,
    serving_model_not_listed,
    unknown_model_found,
)

KINDS = ("hello", "models", "auth")


def yielded(rule, *given):
    if skip := rule.applies_to(given[0]):
        return [skip.status]
    return [item.seen if isinstance(item, Finding) else item.status for item in rule.check(*given)]


def test_a_list_is_judged_as_no_completion(judged):
    rules = {v.rule for v in judged(kinds=KINDS).verdicts if ".models." in v.probe}
    assert not {rule for rule in rules if rule.startswith(("CMP", "CHK", "TOOL", "EQV"))}


@pytest.mark.parametrize("status", [401, 403, 429])
def test_a_refusal_for_another_reason_says_nothing_of_models(status):
    x = answered(error(), status=status, probe="chat.models.list")
    for rule in (models_not_listed, malformed_list_of_models, incomplete_list_of_models):
        assert yielded(rule, x) == [Status.UNTESTABLE]


def test_an_error_under_200_is_another_rule_s():
    assert yielded(malformed_list_of_models, answered(error(), probe="chat.models.list")) == [Status.NOT_APPLICABLE]


def test_all_that_is_wrong_with_the_list_is_reported():
    seen = yielded(malformed_list_of_models, models_response("m", {"name": "m"}, {"id": None}))
    assert seen == [
        "model 0 of the list has the value 'm'",
        "model 1 of the list has no id",
        "model 2 of the list has id null",
    ]


def test_an_alias_may_answer_without_being_listed_and_is_not_asked_for():
    others = models_response(MODEL | {"id": "m-2026-01-01"})
    assert yielded(listed_model_not_found, model_response({"detail": "Not Found"}, 404), BASELINE_RESPONSE, others) == [
        Status.NOT_APPLICABLE
    ]


def test_a_model_that_did_not_answer_need_not_be_listed():
    down = answered(error(), status=500)
    assert yielded(serving_model_not_listed, models_response(), down) == [Status.UNTESTABLE]


def test_where_models_have_no_route_of_their_own_none_is_found():
    assert yielded(unknown_model_found, answered("", status=405, probe="chat.models.unknown")) == [
        Status.NOT_APPLICABLE
    ]


@pytest.mark.parametrize(
    ("asked", "told", "is_another"),
    [
        ("gpt-5", "gpt-5-2026-08-07", False),
        ("gpt-5-2026-08-07", "gpt-5", False),
        ("claude-3-5-sonnet-latest", "claude-3-5-sonnet-20241022", False),
        ("models/gemini-2.5-flash", "gemini-2.5-flash", False),
        ("Qwen/Qwen2.5-7B-Instruct", "qwen2.5:7b", False),
        ("large", "small", True),
        ("gpt-5", "gpt-4o-mini", True),
    ],
)
def test_a_version_of_the_model_is_the_model(asked, told, is_another):
    x = answered(completion(model=told), body={"model": asked})
    assert bool(yielded(another_model_named, x, Policy())) is is_another


@pytest.mark.parametrize(("told", "is_another"), [("fast", False), ("large-2026-08-07", False), ("small", True)])
def test_behind_a_gateway_a_response_may_name_the_model_that_the_policy_declares(told, is_another):
    x = answered(completion(model=told), body={"model": "fast"})
    assert bool(yielded(another_model_named, x, Policy(gateway=GatewayPolicy(model="large")))) is is_another


@pytest.mark.parametrize("told", ["", None, 7])
def test_a_response_that_names_no_model_names_no_other(told):
    x = answered(completion(model=told), body={"model": "m"})
    assert yielded(another_model_named, x, Policy()) == [Status.NOT_APPLICABLE]


DECLARED = {rule.id: rule for rule in catalogue.rules() if rule.id in ("MDL008", "MDL009", "MDL010")}


def named(said):
    return answered(error(said), status=400, probe="chat.mistake.too-long", body={"model": "m"})


@pytest.mark.parametrize(
    ("said", "members", "expected"),
    [
        ("Maximum context length is 131072 tokens, your request has 140001.", {"context_length": 131_072}, Status.PASS),
        ("maximum context length is 131072 tokens", {"context_length": 128_000}, Status.PASS),
        ("maximum context length is 4096 tokens", {"top_provider": {"context_length": 8192}}, Status.FAIL),
        ("context window (4,096) exceeded", {"context_length": None}, Status.NOT_APPLICABLE),
        ("prompt is too long: 140001 tokens > 8192 maximum", {"context_length": 131_072}, Status.NOT_APPLICABLE),
        ("maximum context length is 4096 tokens", {"context_window": -1}, Status.FAIL),
        ("maximum context length is 4096 tokens", {"meta": {"n_ctx": 4096, "n_ctx_train": 131_072}}, Status.PASS),
    ],
)
def test_the_declared_context_length_may_be_smaller_than_the_real_one_and_not_larger(said, members, expected):
    x, models = named(said), models_response(MODEL | members)
    assert decide(DECLARED["MDL010"], {"x": x, "models": models}, (x,)).status is expected


def test_what_another_model_declares_says_nothing():
    x = named("maximum context length is 4096 tokens")
    models = models_response(MODEL, MODEL | {"id": "other", "context_length": 8192})
    assert decide(DECLARED["MDL010"], {"x": x, "models": models}, (x,)).status is Status.NOT_APPLICABLE


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_either_name_of_the_cap_declares_both(name):
    said = completion(
        {"content": "one"}, finish="length", usage={"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4}
    )
    x = answered(said, probe="chat.witness.max_completion_tokens", body={"model": "m", "max_completion_tokens": 1})
    for rule in ("MDL008", "MDL009"):
        models = models_response(MODEL | {"supported_parameters": [name]})
        assert decide(DECLARED[rule], {"x": x, "models": models}, (x,)).status is Status.PASS
