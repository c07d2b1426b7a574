"""The rules about requests on their way through a gateway, in cases that are neither good nor bad examples."""

from dataclasses import replace

import pytest

from conformance import catalogue
from conformance.apis.request import MOST_VALUES
from conformance.deciding import decide
from conformance.model.exchange import Ending, Pair
from conformance.model.target import GatewayPolicy, Policy
from conformance.rules.example import answered, completion, error
from conformance.rules.gw.example import ASKED, NONCE, OTHER_NONCE, both, forwarded, with_request

RULES = {rule.id: rule for rule in catalogue.rules()}
OF_FIELDS = ("GW001", "GW003", "GW008", "GW009", "GW010", "GW011", "GW013")
REPEAT = "chat.gateway.repeat.prefix"
WITH_TOOLS = ASKED | {"tools": [{"type": "function", "function": {"name": "a", "parameters": {"type": "object"}}}]}


def status(rule, example, policy=None, **others):
    x, *upstream = example
    given = {"x": x, "upstream": tuple(upstream), "policy": Policy(gateway=policy or GatewayPolicy()), **others}
    return decide(RULES[rule], given, (x,))[0].value


@pytest.mark.parametrize("rule", OF_FIELDS)
@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (answered(error("`max_tokens` is not supported."), status=400, body=ASKED), "not-applicable"),
        (answered(error("Too large."), status=413, body=ASKED), "not-applicable"),
        (answered(error("Bad gateway."), status=502, body=ASKED), "untestable"),
        (answered(completion(), body=ASKED), "untestable"),
        (replace(answered("", body=ASKED), received=b"", ending=Ending("reset", "first-byte", 0)), "untestable"),
    ],
)
def test_nothing_is_said_about_fields_where_no_request_arrived(rule, answer, expected):
    assert status(rule, both(answer)) == expected


def test_an_answer_from_a_cache_that_the_policy_knows_is_no_lack_of_evidence():
    assert status("GW001", both(answered(completion(), body=ASKED)), GatewayPolicy(cache=True)) == "not-applicable"


@pytest.mark.parametrize("rule", OF_FIELDS)
def test_a_request_that_went_to_another_api_is_not_compared(rule):
    sent, arrived = forwarded(ASKED, {"model": "m", "max_tokens": 1, "messages": []})
    other = replace(arrived, case=replace_api(arrived.case, "messages"))
    assert status(rule, (sent, other)) == "not-applicable"


def replace_api(case, api):
    return type(case)(api, case.profile, case.mode, case.kind)


def test_of_several_requests_upstream_the_first_is_compared():
    x, arrived = forwarded(ASKED, ASKED)
    changed = with_request(arrived, '{"model": "m"}')
    assert status("GW001", (x, arrived, changed)) == "pass"
    assert status("GW001", (x, changed, arrived)) == "fail"


@pytest.mark.parametrize(
    ("policy", "arrived", "expected"),
    [
        (GatewayPolicy(model="b"), "b", "pass"),
        (GatewayPolicy(model="b"), "m", "fail"),
        (GatewayPolicy(model="b"), "c", "fail"),
        (GatewayPolicy(model="m"), "m", "pass"),
        (GatewayPolicy(), "b", "fail"),
    ],
)
def test_the_model_has_the_name_that_the_policy_says(policy, arrived, expected):
    assert status("GW009", forwarded(ASKED, ASKED | {"model": arrived}), policy) == expected


def test_the_policy_s_name_of_the_model_is_that_of_no_other_model():
    other = forwarded(ASKED | {"model": "other"}, ASKED | {"model": "other"}, "chat.gateway.refusal.unknown-model")
    assert status("GW009", other, GatewayPolicy(model="b")) == "pass"


def test_a_request_is_valid_upstream_or_what_is_wrong_is_told_by_another_rule():
    dropped = {name: value for name, value in ASKED.items() if name != "messages"}
    assert status("GW022", forwarded(ASKED, dropped)) == "pass"
    assert status("GW022", forwarded(ASKED, ASKED | {"unknown": 1})) == "pass"
    assert status("GW022", forwarded(ASKED | {"n": "x"}, ASKED | {"n": "x", "stop": 1})) == "not-applicable"
    assert status("GW022", forwarded(ASKED, ASKED | {"stop": 1})) == "fail"


def test_what_the_harness_broke_off_is_no_cut_body():
    x, arrived = forwarded(ASKED, ASKED)
    cut = replace(arrived, sent=arrived.sent[:-9])
    assert status("GW020", (x, cut)) == "fail"
    assert status("GW020", (x, replace(cut, ending=Ending("interrupted", "send", 0)))) == "untestable"
    assert status("GW020", (replace(x, ending=Ending("hung-up", "body", 0)), cut)) == "untestable"


OF_REQUESTS = [rule for rule in RULES if rule.startswith("GW0") and int(rule[2:]) < 30]


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "1", "[" * 200 + "]" * 200, '{"messages": 1, "tools": [1], "model": {}}']
)
def test_no_rule_about_requests_fails_on_what_passes_unchanged_whatever_it_is(text):
    x, arrived = forwarded(ASKED, ASKED)
    same = (with_request(x, text), with_request(arrived, text))
    for rule in OF_REQUESTS:
        assert status(rule, same, others=(Pair(same[0], same[1:]),)) in ("pass", "not-applicable", "untestable")


def asked_twice(first, second, other=OTHER_NONCE):
    """The same request twice, with different nonces, and what arrived of each."""
    one, another = forwarded(WITH_TOOLS, first, REPEAT), forwarded(WITH_TOOLS, second, REPEAT)
    renamed = tuple(
        replace(x, nonce=other, sent=x.sent.replace(NONCE.encode(), other.encode()), cache={}) for x in another
    )
    return one, (Pair(renamed[0], renamed[1:]),)


def test_a_request_that_grows_without_bound_is_a_failure_of_its_own_and_is_not_compared_further():
    numbers = dict.fromkeys(map(str, range(MOST_VALUES)))
    grown = forwarded(ASKED, ASKED | {"metadata": numbers})
    assert (status("GW022", grown), status("GW002", grown)) == ("fail", "untestable")
    assert status("GW002", forwarded(ASKED, ASKED | {"metadata": ",[{" * MOST_VALUES})) == "fail"


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (WITH_TOOLS, WITH_TOOLS, "pass"),
        (WITH_TOOLS | {"request_id": 1}, WITH_TOOLS | {"request_id": 2}, "pass"),
        (
            WITH_TOOLS,
            WITH_TOOLS | {"tools": [{"function": WITH_TOOLS["tools"][0]["function"], "type": "function"}]},
            "fail",
        ),
    ],
)
def test_equal_requests_are_compared_without_their_nonces_and_by_what_prompts_are_made_from(first, second, expected):
    example, others = asked_twice(first, second)
    assert status("GW018", example, others=others) == expected


def test_without_an_equal_request_nothing_is_said_about_stability():
    example, _ = asked_twice(WITH_TOOLS, WITH_TOOLS)
    assert status("GW018", example, others=(Pair(example[0], example[1:]),)) == "untestable"


@pytest.mark.parametrize(
    ("key", "expected"), [("Bearer sk-canary-other-client", "not-applicable"), ("Bearer ********", "fail")]
)
def test_a_refusal_of_another_key_need_not_name_anything_in_the_request(key, expected):
    refusal = answered(
        error("Bad Request"), status=400, body=ASKED, probe=REPEAT, request_headers=[("authorization", key)]
    )
    assert status("GW024", both(refusal)) == expected
