"""FLD: each dropped field is caught by its rule, and nothing else is reported."""

import json

import pytest

from conformance import catalogue
from conformance.deciding import decide
from conformance.model.exchange import Ending
from conformance.model.target import Policy
from conformance.model.verdict import MUST, OUT_OF_SCOPE, SHOULD, Finding, Status
from conformance.rules.example import HELLO, JSON, SSE, answered, completion, error, exchange, http, sse, streamed
from conformance.rules.fld.effect import (
    CAP,
    FORMAT,
    LOGPROBS,
    STOP,
    TOOLS,
    dropped_cap,
    dropped_response_format,
    dropped_tool_choice,
)
from conformance.rules.fld.example import CANARY, MISTYPED, UNKNOWN, UNNAMED, WARNED
from conformance.rules.fld.framework import refused_framework_field
from conformance.rules.fld.stream import dropped_stream, stream_dropped_beside_a_field
from conformance.rules.fld.unknown import broken_promise_on_unknown_fields, dropped_unknown_field
from conformance.rules.fld.wrong_type import dropped_field, refusal_without_the_field
from conformance.testbed.mutations import changes
from conformance.testbed.mutations.defects import fld as defects

RULES = {rule.id: rule for rule in catalogue.rules() if rule.family == "FLD"}


@pytest.mark.parametrize(
    ("name", "promise", "broken"),
    [
        ("unknown-fields-tolerated", "reject", {"FLD008"}),
        ("unknown-fields-tolerated", "announce", {"FLD008"}),
        ("unknown-fields-tolerated", "allow", set()),
        ("unknown-fields-all-announced", "announce", set()),
        ("unknown-fields-all-announced", "reject", {"FLD008"}),
        ("unknown-fields-all-announced", "allow", set()),
    ],
)
def test_the_owner_s_promise_through_the_gate(failing, name, promise, broken):
    policy = Policy(unknown_fields=promise)
    assert failing(changes.find(name), policy=policy) == {MUST: broken, SHOULD: set()}


def test_the_incident(judged):
    failed = [v for v in judged(deployment="silent-json").verdicts if v.status is Status.FAIL and v.rule == "FLD001"]
    assert {v.profile for v in failed} == {"hermes", "langgraph", "letta", "openai-python", "claude-sdk"}
    assert {v.mode for v in failed} == {"stream"}
    for verdict in failed:
        assert "`stream: true` was silently ignored" in verdict.message
        assert "application/json" in verdict.message


def test_a_target_that_declares_that_it_does_not_stream_drops_nothing(judged):
    verdicts = judged(deployment="stopgap-501").verdicts
    streamed_fields = [v for v in verdicts if v.rule.startswith("FLD") and v.mode == "stream"]
    assert streamed_fields
    assert {v.status for v in streamed_fields} <= {Status.NOT_APPLICABLE, Status.PASS}


def yielded(judge, *given):
    return [item.seen if isinstance(item, Finding) else item.status for item in judge(*given)]


@pytest.mark.parametrize(
    "x",
    [
        exchange(http(200, [], b"")),
        answered("\n\n[]", mode="stream"),
        answered("17", mode="stream"),
        answered(completion(), mode="stream", headers=[]),
        answered(
            '{"choices": []}\n{"choices": []}\n', mode="stream", headers=[("content-type", "application/x-ndjson")]
        ),
    ],
)
def test_bodies_in_which_no_client_finds_an_event(x):
    assert len(yielded(dropped_stream.check, x)) == 1


@pytest.mark.parametrize(
    ("x", "status"),
    [
        (answered(error("No."), mode="stream"), Status.NOT_APPLICABLE),
        (answered(error("No."), mode="stream", status=501), Status.NOT_APPLICABLE),
        (exchange(b""), Status.UNTESTABLE),
        (exchange(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"), Status.UNTESTABLE),
    ],
)
def test_what_is_no_silent_drop(x, status):
    assert dropped_stream.applies_to(x).status is status


HI = answered(completion())


@pytest.mark.parametrize("promise", [None, "reject", "announce", "allow"])
@pytest.mark.parametrize("said", ["dropped", "announced", "refused", "refused without a name"])
def test_the_owner_s_promise(promise, said):
    x = {
        "dropped": answered(completion(), **CANARY),
        "announced": answered(completion(), headers=WARNED, **CANARY),
        "refused": answered(UNKNOWN, status=400, **CANARY),
        "refused without a name": answered(UNNAMED, status=400, **CANARY),
    }[said]
    policy = Policy(unknown_fields=promise)
    broken = {
        "reject": ("dropped", "announced"),
        "announce": ("dropped", "refused"),
    }
    found = yielded(broken_promise_on_unknown_fields.check, x, policy)
    assert any(isinstance(f, str) and "the policy is to" in f for f in found) == (said in broken.get(promise, ()))
    advised = yielded(dropped_unknown_field.check, x, policy)
    assert any("silently ignored" in str(f) for f in advised) == (promise is None and said == "dropped")


@pytest.mark.parametrize(
    ("fields", "fails"),
    [({"x_*": "allow"}, False), ({"*": "reject", "x_*": "allow"}, True), ({"y_*": "allow"}, True), ({}, True)],
)
def test_a_promise_for_some_fields_goes_before_the_one_for_all(fields, fails):
    policy = Policy(unknown_fields="reject", fields=fields)
    found = yielded(broken_promise_on_unknown_fields.check, answered(completion(), **CANARY), policy)
    assert any("the policy is to reject" in str(f) for f in found) == fails


def test_a_refusal_of_the_cap_that_rode_along_proves_nothing():
    x = answered(error("Unsupported parameter: 'max_tokens'.", param="max_tokens"), status=400, **MISTYPED)
    assert yielded(dropped_field.check, x, HI) == [Status.UNTESTABLE]
    assert yielded(refusal_without_the_field.check, x, HI) == [Status.UNTESTABLE]


def test_where_the_baseline_request_fails_a_nameless_refusal_proves_nothing():
    x, hello = answered(UNNAMED, status=400, **MISTYPED), answered(UNNAMED, status=400)
    assert yielded(dropped_field.check, x, hello) == [Status.UNTESTABLE]


@pytest.mark.parametrize("status", [401, 403, 408, 429])
def test_refusals_for_other_reasons_prove_nothing(status):
    assert dropped_field.applies_to(answered(error(), status=status, **MISTYPED)).status is Status.UNTESTABLE


@pytest.mark.parametrize("answer", [{"status": 204}, {"headers": [("content-encoding", "br")]}])
def test_what_has_no_body_or_one_that_can_t_be_read_proves_no_drop(answer):
    greeting = answered("..", mode="stream", **answer)
    assert dropped_stream.applies_to(greeting)
    mistyped = answered("..", **answer, **MISTYPED)
    assert dropped_field.applies_to(mistyped) or yielded(dropped_field.check, mistyped, HI) == [Status.UNTESTABLE]
    canary = answered("..", **answer, **CANARY)
    assert dropped_unknown_field.applies_to(canary).status is Status.UNTESTABLE


def test_a_disobedient_model_is_not_graded():
    for x in (
        answered(completion({"content": "One"}, usage=None), **CAP),
        answered(completion({"refusal": "No."}), **TOOLS),
        answered(completion({"content": ""}), **FORMAT),
    ):
        rule = next(r for r in (dropped_cap, dropped_tool_choice, dropped_response_format) if not r.applies_to(x))
        assert yielded(rule.check, x) == [Status.UNTESTABLE]


@pytest.mark.parametrize(
    ("said", "field"),
    [
        (error("Unknown parameter: 'parallel_tool_calls'."), "parallel_tool_calls"),
        (error("No.", param="user"), "user"),
        (error("max_completion_tokens must be an integer"), "max_completion_tokens"),
    ],
)
def test_the_framework_and_its_field_are_named(said, field):
    body = {"model": "m", "user": "u", "parallel_tool_calls": False, "max_completion_tokens": None}
    (seen,) = yielded(refused_framework_field.check, answered(said, status=400, body=body), ())
    assert "example always sends" in seen
    assert f"`{field}`" in seen


@pytest.mark.parametrize(
    ("message", "is_told"),
    [("Unknown parameter: 'temperature'.", True), ("'temperature' must be a number.", False)],
)
def test_all_always_sent_fields_that_the_target_does_not_know_are_named_at_once(message, is_told):
    body = {"model": "m", "user": "u", "temperature": 1.0}
    x = answered(error("Unknown parameter: 'user'.", param="user"), status=400, body=body)
    mistyped = answered(error(message, param="temperature"), status=400, **MISTYPED)
    (seen,) = yielded(refused_framework_field.check, x, (mistyped,))
    assert "always sends `user`" in seen
    assert ("it also sends `temperature`" in seen) is is_told


def test_a_streamed_answer_beside_n_that_is_no_stream_is_reported_once():
    x = answered(completion(), mode="stream", probe="chat.n", body={"n": 2, "stream": True})
    (seen,) = yielded(stream_dropped_beside_a_field.check, x, streamed(*HELLO))
    assert "`n`" in seen
    assert yielded(stream_dropped_beside_a_field.check, x, answered(completion(), mode="stream")) == [
        Status.NOT_APPLICABLE
    ]


def test_defects_drop_what_they_say():
    assert defects.pruned({"a": [{"x_b": 1, "c": 2}]}) == {"a": [{"c": 2}]}
    assert defects.pruned_inside({"x_a": {"x_b": 1}}) == {"x_a": {}}


USER = {"probe": "chat.wrong-type.user", "body": {"model": "m", "user": {"unexpected": True}}}
CUT = Ending("limit", "body", 0)
WHOLE = http(200, [JSON], json.dumps(completion()).encode())
PARTS = [{"received": http(200, [JSON], b"")}, {"received": WHOLE[:-9], "ending": CUT}, {"received": WHOLE[:40]}]


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("FLD003", MISTYPED), ("FLD004", USER), ("FLD006", CANARY), ("FLD008", CANARY), ("FLD010", CAP),
        ("FLD012", TOOLS), ("FLD013", FORMAT), ("FLD014", LOGPROBS), ("FLD016", STOP), ("FLD018", {}),
    ],
)  # fmt: skip
def test_a_part_of_a_response_does_not_show_that_a_field_was_ignored(part, name, asked):
    rule = RULES[name]
    x = exchange(**part, mode="unary", **asked)
    others = {"baseline": HI, "policy": Policy(unknown_fields="reject"), "tried": (answered(completion(), **USER),)}
    given = {name: others.get(name, x) for name in rule.parameters}
    assert decide(rule, given, (x,)).status is Status.UNTESTABLE


def test_a_wrong_type_that_has_an_effect_is_not_ignored():
    repeated = answered(completion(user=USER["body"]["user"]), **USER)
    assert yielded(RULES["FLD004"].check, repeated, HI) == [Status.NOT_APPLICABLE]


def test_a_wrong_type_of_stream_that_is_taken_for_true_is_accepted():
    asked = {"probe": "chat.wrong-type.stream", "body": {"model": "m", "stream": {"unexpected": True}}}
    streaming = exchange(http(200, [SSE], sse(*HELLO)), mode="unary", **asked)
    assert yielded(RULES["FLD003"].check, streaming, HI) == [
        "`stream` of a wrong type was accepted: the target returned HTTP 200"
    ]


def test_a_conversation_of_a_wrong_type_is_accepted_and_not_ignored():
    body = {"model": "m", "messages": {"unexpected": True}}
    x = answered(completion(), probe="chat.wrong-type.messages", body=body)
    (seen,) = yielded(RULES["FLD003"].check, x, HI)
    assert "accepted" in seen


UNSTREAMED = {"probe": "chat.wrong-type.stream", "body": {"model": "m", "stream": {"unexpected": True}}}
TRIED = (answered(completion(), **USER), answered(completion(), **UNSTREAMED))


@pytest.mark.parametrize(
    ("body", "said", "lost"),
    [
        ({"user": "u"}, {}, "`user`"),
        ({"user": "u"}, {"user": "u"}, ""),
        ({"user": None}, {}, ""),
        ({"stream": False}, {}, ""),
    ],
)
def test_a_framework_loses_a_field_that_asks_for_something_and_shows_no_effect(body, said, lost):
    found = yielded(RULES["FLD018"].check, answered(completion(**said), body=body), TRIED)
    assert [lost in str(seen) for seen in found] == ([True] if lost else [])


@pytest.mark.parametrize(("api", "name"), [("chat", "messages"), ("responses", "input"), ("chat", "model")])
def test_a_wrong_type_of_what_every_request_needs_does_not_show_that_a_framework_loses_it(api, name):
    mistyped = answered(completion(), probe=f"{api}.wrong-type.{name}", body={name: {"unexpected": True}})
    plain = answered(completion(), probe=f"{api}.hello", body={name: "Say hello."})
    assert yielded(RULES["FLD018"].check, plain, (mistyped,)) == []


CAPPED = answered(
    completion(
        {"content": "One"}, finish="length", usage={"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4}
    ),
    **CAP,
)
CAP_MISTYPED = answered(completion(), probe="chat.wrong-type.max_tokens", body={"max_tokens": {"unexpected": True}})
STOPPED = answered(completion({"content": "One"}), **STOP)
STOP_MISTYPED = answered(completion(), probe="chat.wrong-type.stop", body={"stop": {"unexpected": True}})


def test_a_wrong_type_of_a_number_shows_nothing_on_a_target_that_ignores_that_of_a_cap_that_it_honours():
    mistyped = answered(completion(), **MISTYPED)
    lenient, strict, other = (CAPPED, CAP_MISTYPED), (CAPPED,), (STOPPED, STOP_MISTYPED)
    assert yielded(RULES["FLD003"].check, mistyped, HI, lenient) == [Status.UNTESTABLE]
    assert yielded(RULES["FLD003"].check, mistyped, HI, strict) != [Status.UNTESTABLE]
    assert yielded(RULES["FLD003"].check, mistyped, HI, other) != [Status.UNTESTABLE], "may be declared as any value"


def test_a_framework_loses_no_field_on_a_target_that_ignores_wrong_types_of_fields_that_it_honours():
    mistyped, sends = answered(completion(), **MISTYPED), answered(completion(), body={"temperature": 0.2})
    assert yielded(RULES["FLD018"].check, sends, (mistyped,), (STOPPED, STOP_MISTYPED, mistyped)) == []
    assert yielded(RULES["FLD018"].check, sends, (mistyped,), (STOPPED, mistyped)) != []


def test_a_stream_asked_for_in_another_type_is_lost_on_a_lenient_target_too():
    body = {"stream": {"unexpected": True}}
    mistyped = answered(completion(), probe="chat.wrong-type.stream", body=body)
    assert yielded(RULES["FLD003"].check, mistyped, HI, (CAPPED, CAP_MISTYPED)) != [Status.UNTESTABLE]


def test_a_type_of_stream_taken_for_true_does_not_show_that_numbers_are_read_so():
    mistyped = answered(completion(), **MISTYPED)
    truthy = exchange(http(200, [SSE], sse(*HELLO)), mode="unary", **UNSTREAMED)
    streamed = exchange(http(200, [SSE], sse(*HELLO)), mode="stream", body={"model": "m", "stream": True})
    assert yielded(RULES["FLD003"].check, mistyped, HI, (truthy, mistyped, streamed)) != [Status.UNTESTABLE]


def test_a_usage_beyond_a_cap_that_held_is_not_an_ignored_cap():
    x = answered(completion({"content": "One"}, "length", usage={"completion_tokens": 9}), **CAP)
    assert yielded(dropped_cap.check, x) == []


def test_a_named_tool_for_which_the_model_writes_text_up_to_the_cap():
    body = {"tool_choice": {"type": "function", "function": {"name": "f"}}, "max_tokens": 64,
            "tools": [{"type": "function", "function": {"name": "f"}}]}  # fmt: skip
    prose = answered(completion({"content": "Oslo is a city in " * 6}, "length"), probe="chat.tools.named", body=body)
    brief = answered(completion({"content": "I call it."}, "length"), probe="chat.tools.named", body=body)
    rule = next(rule for rule in catalogue.rules() if rule.id == "TOOL021")
    assert decide(rule, {"x": prose}, (prose,)).status is Status.FAIL
    assert decide(rule, {"x": brief}, (brief,)).status is Status.UNTESTABLE


@pytest.mark.parametrize(
    ("api", "name", "rule"),
    [
        ("completions", "prompt", "FLD003"),
        ("responses", "prompt", "FLD004"),
        ("responses", "input", "FLD003"),
        ("chat", "messages", "FLD003"),
    ],
)
def test_only_the_field_that_has_the_prompt_affects_every_response(api, name, rule):
    x = answered(completion(), probe=f"{api}.wrong-type.{name}", body={name: 7})
    passed_over = {other for other in ("FLD003", "FLD004") if RULES[other].applies_to(x) is OUT_OF_SCOPE}
    assert passed_over == {"FLD003", "FLD004"} - {rule}
