"""Reasoning: its place, its names, its tokens, and the way back to the target."""

import json

import pytest

from conformance import catalogue
from conformance.apis.continuation import next_turn
from conformance.model.target import Target
from conformance.model.verdict import Finding, NotJudged, Status
from conformance.plan import longest_next_turns, next_turns, plan
from conformance.rules.example import HELLO, answered, chunk, completion, error, streamed
from conformance.rules.msg.example import block, message, text
from conformance.rules.msg.example import streamed as streamed_message
from conformance.rules.rsn.place import markup
from conformance.rules.rsn.tokens import counts
from conformance.rules.rsp.example import BASELINE_RESPONSE, SPOKEN, own_item, response
from conformance.rules.rsp.example import streamed as streamed_response
from conformance.rules.rsp.example import text as response_text
from conformance.selftest import DEFAULT_PROFILES
from conformance.testbed.mutations import changes
from conformance.testbed.mutations.defects import rsn, rsn_replay
from conformance.testbed.server.simulate import BASE_URL, simulate_exchange

RULES = {rule.id: rule for rule in catalogue.rules() if rule.family == "RSN"}
TARGET = Target(base_url=BASE_URL, model="reference", apis=("chat", "messages", "responses"))
FULL = plan(TARGET, DEFAULT_PROFILES, "full")
THOUGHT = {"reasoning_content": "They greet me, so I greet them."}
SUMMARY = {"type": "reasoning", "id": "rs_1", "summary": []}
REASONED = {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "They greet me."}]}
SIGNED = {"type": "thinking", "thinking": "They greet me.", "signature": "c2ln"}


def judged(rule, *exchanges):
    """The status of a rule on these exchanges, the judged ones first."""
    count = 2 if "unary" in RULES[rule].parameters else 1
    if skip := next((s for x in exchanges[:count] if (s := RULES[rule].applies_to(x))), None):
        return skip.status
    found = list(RULES[rule].check(*exchanges))
    if any(isinstance(one, Finding) for one in found):
        return Status.FAIL
    return next((one.status for one in found if isinstance(one, NotJudged)), Status.PASS)


def test_every_rule_has_a_defect():
    groups = (rsn.IN_CONTENT, rsn.PLACES, rsn.COUNTS, rsn.EFFORTS, rsn_replay.REPLAYED)
    assert {change.caught_by for group in groups for change in group} == set(RULES)


@pytest.mark.parametrize("name", sorted(RULES))
def test_no_rule_concerns_a_response_without_reasoning(name):
    x, whole = streamed(*HELLO), answered(completion())
    judged_ones = (x, whole) if "unary" in RULES[name].parameters else (x,)
    if any(RULES[name].applies_to(one) for one in judged_ones):
        assert next(filter(None, map(RULES[name].applies_to, judged_ones))).status is Status.NOT_APPLICABLE
    else:
        assert [one.status for one in RULES[name].check(*judged_ones)] == [Status.NOT_APPLICABLE]


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("<think>Hm.</think>Hello.", "<think>"),
        ("Hm.\n</think>\nHello.", "</think>"),
        ("<seed:think>Hm.</seed:think>Hello.", "<seed:think>"),
        ("<thinking>A model of its own accord.</thinking>", ""),
        ("[THINK]Hm.[/THINK]Hello.", "[THINK]"),
        ("<|channel|>analysis<|message|>Hm.", "<|channel|>analysis"),
        ("Write <think> before a thought.", ""),
        ("I think <b>so</b>.", ""),
        ("<thinker>Rodin</thinker>", ""),
    ],
)
def test_markup_of_reasoning_is_found_at_the_beginning_or_where_it_ends(content, found):
    assert markup(answered(completion({"content": content}))) == found


def test_markup_that_the_request_has_is_no_leak():
    body = {"messages": [{"role": "user", "content": "What does </think> mean?"}]}
    x = answered(completion({"content": "</think> ends a thought."}), body=body)
    assert judged("RSN001", x) is Status.NOT_APPLICABLE


def test_reasoning_in_the_content_may_be_asked_for():
    raw = answered(completion({"content": "<think>Hm.</think>Hello."}), body={"reasoning_format": "raw"})
    assert judged("RSN001", raw) is Status.NOT_APPLICABLE


def test_a_summary_alone_may_cost_no_reasoning_tokens():
    part = {"type": "reasoning_text", "text": "They greet me, so I greet them."}
    summarized = SUMMARY | {"summary": [part | {"type": "summary_text"}]}
    for item, status in ((summarized, Status.NOT_APPLICABLE), (SUMMARY | {"content": [part]}, Status.FAIL)):
        assert judged("RSN006", response(output=[item, SPOKEN])) is status


def test_a_mode_without_reasoning_needs_evidence_that_the_model_reasoned():
    shown = streamed(HELLO[0], chunk(THOUGHT), *HELLO[1:])
    assert judged("RSN002", shown, answered(completion(usage=counts(9, 6)))) is Status.FAIL
    assert judged("RSN002", shown, answered(completion(usage=counts(60)))) is Status.FAIL
    assert judged("RSN002", shown, answered(completion(usage=counts(3)))) is Status.UNTESTABLE
    assert judged("RSN002", shown, answered(completion(usage=counts(3, 0)))) is Status.UNTESTABLE


def test_text_between_tool_calls_may_be_followed_by_reasoning():
    call = block({"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}, index=1)
    call.insert(
        1, {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": "{}"}}
    )
    spoken, thought = text("I look it up."), block(SIGNED, index=2)
    assert judged("RSN005", streamed_message(*spoken, *call, *thought, reason="tool_use")) is Status.PASS
    assert judged("RSN005", streamed_message(*spoken, *thought)) is Status.FAIL


def test_a_blank_line_before_the_reasoning_is_no_text():
    x = streamed(HELLO[0], chunk({"content": "\n\n"}), chunk(THOUGHT), *HELLO[1:])
    assert judged("RSN005", x) is Status.PASS


@pytest.mark.parametrize(
    ("finish", "spent", "status"),
    [
        ("stop", counts(8, 8), Status.FAIL),
        ("length", counts(8, 8), Status.PASS),
        ("stop", counts(5, 5), Status.NOT_APPLICABLE),
        ("stop", None, Status.UNTESTABLE),
    ],
)
def test_an_empty_response_at_its_cap_was_cut(finish, spent, status):
    x = answered(completion(THOUGHT | {"content": ""}, finish, usage=spent), body={"max_tokens": 8})
    assert judged("RSN007", x) is status


def with_effort(tokens, effort="high", finish="stop"):
    return answered(completion(finish=finish, usage=counts(tokens + 3, tokens)), probe=f"chat.reasoning.{effort}")


@pytest.mark.parametrize(
    ("high", "low", "status"),
    [
        ((30, 31), (8, 9), Status.PASS),
        ((30, 30), (30, 30), Status.FAIL),
        ((30, 30), (30, 29), Status.UNTESTABLE),
        ((30, 8), (20, 20), Status.UNTESTABLE),
        ((30, 30), (30, 0), Status.UNTESTABLE),
    ],
)
def test_only_the_same_amount_in_both_modes_shows_that_effort_is_ignored(high, low, status):
    seen = [*(with_effort(tokens) for tokens in high), *(with_effort(tokens, "low") for tokens in low)]
    assert judged("RSN008", *seen) is status


def test_reasoning_that_a_cap_cut_shows_nothing_of_its_effort():
    cut = [with_effort(30, finish="length")] * 2 + [with_effort(30, "low", "length")] * 2
    assert judged("RSN008", *cut) is Status.UNTESTABLE


def test_a_refusal_for_another_reason_says_nothing_of_the_reasoning():
    limited = answered(error("Slow down."), status=429, probe="messages.reasoning.replay.thinking")
    assert judged("RSN010", limited) is Status.UNTESTABLE


def test_the_next_turn_has_the_message_as_sdks_assemble_it():
    deltas = (
        {"type": "thinking_delta", "thinking": "They greet me."},
        {"type": "signature_delta", "signature": "c2ln"},
    )
    empty = SIGNED | {"thinking": "", "signature": ""}
    asked = {"messages": [{"role": "user", "content": "Hi"}]}
    x = streamed_message(*block(empty, *deltas), *text("Hel", "lo.", index=1), body=asked)
    said = next_turn(x)["messages"]
    assert said[:2] == [
        *asked["messages"],
        {"role": "assistant", "content": [SIGNED, {"type": "text", "text": "Hello."}]},
    ]
    assert said[2]["role"] == "user"


def test_the_next_turn_has_the_items_of_a_response():
    x = streamed_response(
        *own_item(REASONED, "response.reasoning_text"), *response_text("Hello.", index=1), body={"input": "Hi"}
    )
    kinds = [item.get("type") or item["role"] for item in next_turn(x)["input"]]
    assert kinds == ["user", "reasoning", "message", "user"]


@pytest.mark.parametrize(
    "x",
    [
        message(body_fields={"messages": []}),
        message(content=[SIGNED], body_fields={"messages": []}),
        answered(error(), status=400, probe="messages.hello"),
        answered(BASELINE_RESPONSE, probe="responses.hello", body={"input": "Hi"}),
        answered(completion(THOUGHT)),
    ],
    ids=["no-thinking", "thinking-only", "error", "no-reasoning", "chat"],
)
def test_without_reasoning_and_text_there_is_no_next_turn(x):
    assert next_turn(x) is None


def played(*names):
    """The requests that follow others, after the exchanges of a reference with these changes."""
    planted, by_id = [changes.find(name) for name in names], {request.id: request for request in FULL}
    return next_turns(
        TARGET, DEFAULT_PROFILES, "full", FULL, lambda name: simulate_exchange(by_id[name], "native-sse", planted)
    )


def test_the_plan_continues_what_has_reasoning_and_bounds_the_rest():
    assert {request.cases[0].probe for request in played()} == {
        "messages.reasoning.replay.thinking",
        "responses.compacted",
        "responses.stored.unstored",
    }
    most = longest_next_turns(TARGET, DEFAULT_PROFILES, "full", FULL)
    assert {request.cases[0].probe for request in most} == {
        "responses.stored.unstored",
        "messages.reasoning.replay.thinking",
        "responses.chain.next",
        "responses.compacted",
        "responses.poll",
        "responses.reasoning.replay.sealed",
        "responses.stored",
        "responses.websocket.reconnect",
    }
    assert longest_next_turns(TARGET, DEFAULT_PROFILES, "gate", plan(TARGET, DEFAULT_PROFILES, "gate")) == ()


@pytest.mark.parametrize(
    ("names", "status"), [((), 200), (("anthropic-thinking",), 200), (("thinking-signature-cut",), 400)]
)
def test_the_reasoning_that_comes_back_is_what_the_target_sent(names, status):
    requests = [request for request in played(*names) if request.cases[0].api == "messages"]
    assert len(requests) == 2
    for request in requests:
        thought = json.loads(request.body)["messages"][-2]["content"][0]
        assert thought["type"] == "thinking"
        x = simulate_exchange(request, "native-sse", [changes.find(name) for name in names])
        assert int(x.received[9:12]) == status
