"""The plan: profiles and probes, merged, in order, within the budget."""

import json
from collections import Counter

import pytest

from conformance import catalogue
from conformance.apis.specs import spec
from conformance.cost import cost_of
from conformance.model.case import CaseId, Kind
from conformance.model.dialect import Dialect
from conformance.model.profile import WRONG_KEY
from conformance.model.target import Prices, Target
from conformance.plan import next_turns, plan, planned_cases, to_json
from conformance.rules.rsp.example import message_item, response
from conformance.selftest import DEFAULT_PROFILES

TARGET = Target(base_url="http://localhost:1/v1", model="the-model")


def test_the_gate_costs_at_most_120_requests():
    asked = Counter(request.cases[0].api for request in plan(TARGET, DEFAULT_PROFILES, "gate"))
    assert asked.total() <= 120
    assert asked["chat"] > 80
    assert asked["messages"] > 20


def test_the_gate_of_completions_costs_at_most_40_requests():
    target = Target(base_url="http://localhost:1/v1", model="the-model", apis=("completions",))
    assert 35 <= len(plan(target, DEFAULT_PROFILES, "gate")) <= 40


def test_smoke_costs_at_most_8_requests():
    assert 2 <= len(plan(TARGET, DEFAULT_PROFILES, "smoke")) <= 8


def test_smoke_greets_as_every_framework_calls_a_tool_and_makes_one_mistake():
    asked = [a.case for a in planned_cases(TARGET, DEFAULT_PROFILES, "smoke")]
    greetings = [q for q in asked if q.kind is Kind.BASELINE]
    assert {q.profile for q in greetings if q.mode == "stream"} == {*DEFAULT_PROFILES}
    assert [(q.api, q.profile) for q in greetings if q.mode == "unary"] == [
        ("chat", "hermes"),
        ("messages", "claude-sdk"),
    ]
    assert {(q.probe, q.mode) for q in asked if q.kind is not Kind.BASELINE} == {
        ("chat.tools.named", "stream"),
        ("chat.wrong-type.temperature", "stream"),
    }


def test_requests_are_unique_and_so_are_their_ids():
    requests = plan(TARGET, DEFAULT_PROFILES, "full")
    never_merge = {f"{probe.name}-" for probe in catalogue.probes() if probe.never_merge}
    merged = [r for r in requests if not r.id.startswith(tuple(never_merge))]
    assert len(
        {(r.method, r.url, r.headers, r.body, r.stage, r.disconnect_after_events, r.reuse_connection) for r in merged}
    ) == len(merged)
    assert len({r.id for r in requests}) == len(requests)


def test_every_question_is_answered_by_exactly_one_request():
    answered = [case for request in plan(TARGET, DEFAULT_PROFILES, "full") for case in request.cases]
    assert sorted(answered) == sorted(asked.case for asked in planned_cases(TARGET, DEFAULT_PROFILES, "full"))


def test_planning_twice_gives_the_same():
    assert plan(TARGET, DEFAULT_PROFILES, "full") == plan(TARGET, tuple(reversed(DEFAULT_PROFILES)), "full")


def test_each_framework_greets_as_itself_in_both_modes():
    greeted = {a.case for a in planned_cases(TARGET, DEFAULT_PROFILES, "gate") if a.case.kind is Kind.BASELINE}
    for name, api in (("hermes", "chat"), ("langgraph", "chat"), ("letta", "chat"), ("claude-sdk", "messages")):
        assert {CaseId(api, name, mode, Kind.BASELINE) for mode in ("stream", "unary")} <= greeted


def test_a_profile_that_was_not_chosen_does_not_greet():
    names = {a.case.profile for a in planned_cases(TARGET, ("letta",), "gate")}
    assert names == {"letta", spec("chat").base_profile}


def test_the_model_stands_in_every_body_and_no_placeholder_is_left():
    for request in plan(TARGET, DEFAULT_PROFILES, "full"):
        assert b"{model}" not in request.body
        if request.cases[0].kind is Kind.BASELINE:
            assert json.loads(request.body)["model"] == "the-model"


def test_the_target_s_path_and_headers_are_used():
    target = Target(
        base_url="http://h/base/", model="m", apis=("chat",), paths={"chat": "/inference"}, headers={"X-Team": "blue"}
    )
    request = plan(target, DEFAULT_PROFILES, "smoke")[0]
    assert request.url == "http://h/base/inference"
    assert request.headers[-1] == ("X-Team", "blue")


def test_a_target_s_header_replaces_the_profile_s_whatever_its_case():
    target = Target(base_url="http://h", model="m", apis=("chat",), headers={"user-agent": "mine"})
    names = [name.lower() for name, _ in plan(target, DEFAULT_PROFILES, "smoke")[0].headers]
    assert names.count("user-agent") == 1
    assert ("mine") in [value for _, value in plan(target, DEFAULT_PROFILES, "smoke")[0].headers]


@pytest.mark.parametrize(("value", "raw"), [({"a": [1, "é"]}, '{"a":[1,"é"]}'), ([], "[]")])
def test_json_is_compact_and_utf8(value, raw):
    assert to_json(value) == raw.encode()


def test_a_path_and_a_body_of_bytes_hold_the_model_s_name_escaped():
    target = Target(base_url="http://h/v1", model='a/b "c"', apis=("chat",))
    by_name = {r.id: r for r in plan(target, DEFAULT_PROFILES, "full")}
    assert by_name["chat.models.one-openai-python-unary"].url == "http://h/v1/models/a%2Fb%20%22c%22"
    assert by_name["chat.models.one-openai-python-unary"].body == b""
    twice = by_name["chat.mistake.duplicate-keys-openai-python-unary"].body
    assert json.loads(twice)["model"] == target.model


def test_a_wrong_key_is_a_constant_and_a_missing_one_leaves_no_header():
    requests = {r.cases[0].probe: dict(r.headers) for r in plan(TARGET, DEFAULT_PROFILES, "full")}
    assert requests["chat.auth.wrong-key"]["authorization"] == f"Bearer {WRONG_KEY}"
    assert requests["messages.auth.wrong-x-api-key"]["x-api-key"] == WRONG_KEY
    for name, headers in requests.items():
        carried = {header.lower() for header in headers} & {"authorization", "x-api-key"}
        assert len(carried) == (0 if ".no-key" in name or ".sibling." in name else 1), name
    own = [name for name, headers in requests.items() if ".auth." in name and "{key}" in str(headers)]
    assert own == ["messages.auth.x-api-key"]


THOUGHT = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "abc"}


@pytest.mark.parametrize(
    ("name", "text", "sent"),
    [
        ("resp_1", "Hello.", {"responses.stored", "responses.chain.next", "responses.reasoning.replay.sealed"}),
        ("resp_1", "Hello\ud83d", {"responses.stored", "responses.chain.next"}),
        ("resp_\ud83d", "Hello.", {"responses.reasoning.replay.sealed"}),
        ("r" * 300, "Hello.", {"responses.reasoning.replay.sealed"}),
    ],
)
def test_what_no_client_can_send_back_is_not_sent(name, text, sent):
    target = Target(base_url="http://localhost/v1", model="m", apis=("responses",))
    said = message_item(text)
    x = response(id=name, store=True, output=[THOUGHT, said], body_fields={"input": "Say hello."})
    requests = plan(target, ("openai-python",), "full")
    due = next_turns(target, ("openai-python",), "full", requests, lambda _: x)
    assert {request.cases[0].probe for request in due} == sent


def test_a_conversation_over_a_websocket_is_one_request_of_the_full_suite_whose_turns_all_cost():
    target = Target(base_url="http://x/v1", model="m", apis=("responses",), prices=Prices(input=1.0, output=1.0))
    dialects = {"responses": Dialect(least_cap=101)}
    for suite, sizes in (("smoke", []), ("gate", [0]), ("full", [0, 1, 5, 2])):
        asked = [r for r in plan(target, ("openai-python",), suite) if r.cases[0].kind is Kind.WEBSOCKET]
        assert [len(request.turns) for request in asked] == sizes
    (_, _, cheap, _), (_, _, raised, _) = (
        [r for r in plan(target, ("openai-python",), "full", known) if r.cases[0].kind is Kind.WEBSOCKET]
        for known in ({}, dialects)
    )
    assert (cheap.max_tokens, cheap.body, cheap.method) == (5 * 64, b"", "GET")
    assert raised.max_tokens == 4 * 164 + 64
    assert cost_of(cheap, target) * 1e6 > 5 * sum(len(turn.event) for turn in cheap.turns) / 3
