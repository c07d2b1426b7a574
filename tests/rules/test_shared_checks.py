"""The requirements of several APIs: each family's rule finds the same fault, and points at the bytes that have it."""

import pytest

from conformance import catalogue
from conformance.apis.response_content import response_content
from conformance.deciding import decide
from conformance.model.target import Policy
from conformance.model.verdict import Status
from conformance.rules.chk.example import FIRST, LAST
from conformance.rules.example import HELLO, answered, chunk, streamed
from conformance.rules.example import completion as whole
from conformance.rules.msg import example as msg
from conformance.rules.rsp import example as rsp
from conformance.rules.tool.example import called, calling, first_fragment, later_fragment, without_fields
from conformance.rules.use import example as use

RULES = {rule.id: rule for rule in catalogue.rules()}
SO_FAR = [("Hello there, you."[:n]) for n in (5, 11, 12, 16, 17)]
BROKEN = '{"city'
INCOMPLETE = {"status": "incomplete", "incomplete_details": {"reason": "eos"}}
RESPONSE = rsp.streamed(*rsp.text("Hi"), output=[rsp.CALL | {"call_id": ""}])


def findings(name, x):
    rule = RULES[name]
    found = [*rule.check(x)]
    assert decide(rule, {"x": x, "policy": Policy()}, (x,)).status is Status.FAIL
    return found


def bytes_at(x, finding):
    return x.received[finding.at.start : finding.at.end]


@pytest.mark.parametrize(
    ("name", "x", "seen", "at"),
    [
        ("CHK021", streamed(FIRST, *(chunk({"content": t}) for t in SO_FAR), LAST), "repeats the content", b"you."),
        ("MSG013", msg.streamed(*msg.text(*SO_FAR)), "repeats the content", b"you."),
        ("CHK019", streamed(*HELLO[:-2], chunk(finish="eos"), "[DONE]"), "finish_reason is 'eos'", b'"eos"'),
        ("MSG019", msg.streamed(*msg.text("Hi"), reason="eos"), "stop_reason is 'eos'", b'"eos"'),
        (
            "RSP018",
            rsp.events(rsp.state("created"), *rsp.text("Hi"), rsp.state("incomplete", **INCOMPLETE)),
            "reason is 'eos'",
            b'"eos"',
        ),
        (
            "TOOL003",
            calling(without_fields(first_fragment(), "id"), later_fragment("{}")),
            "tool call of 'f' has no id",
            b'"name": "f"',
        ),
        ("MSG015", msg.streamed(*msg.call("{}", id=None), reason="tool_use"), "of 'f' has id null", b'"id": null'),
        ("RSP007", RESPONSE, "of 'f' has call_id ''", b'"call_id": ""'),
        ("TOOL004", calling(first_fragment(""), later_fragment("{}")), "'call_1' has no function name", b'"call_1"'),
        ("MSG015", msg.streamed(*msg.call("{}", name=None), reason="tool_use"), "has no function name", b'"toolu_1"'),
        (
            "TOOL008",
            calling(first_fragment(), later_fragment(BROKEN)),
            "the arguments of 'f' are not one JSON object",
            rb"{\"city",
        ),
        ("MSG016", msg.streamed(*msg.call(BROKEN), reason="tool_use"), "of 'f' are not one JSON object", rb"{\"city"),
        ("RSP016", rsp.streamed(*rsp.call("{}", "{}")), "the arguments of 'f' are not one JSON object", b"{}{}"),
        (
            "TOOL011",
            calling(first_fragment(), later_fragment("{}"), finish="stop"),
            "1 tool call(s), but finish_reason",
            b'"{}"',
        ),
        ("MSG017", msg.streamed(*msg.call("{}")), "1 tool call(s), but stop_reason is 'end_turn'", b'"{}"'),
        ("TOOL012", streamed(*HELLO[:-2], chunk(finish="tool_calls"), "[DONE]"), "no tool call", b'"tool_calls"'),
        ("MSG018", msg.streamed(*msg.text("Hi"), reason="tool_use"), "no tool call", b'"tool_use"'),
        ("USE002", streamed(*HELLO[:-1], LAST | {"usage": {}}, "[DONE]"), "usage has no prompt_tokens", b'"usage": {}'),
        (
            "RSP009",
            rsp.events(rsp.state("created"), *rsp.text("Hi"), rsp.state("completed", usage={"a": 1})),
            "usage has no input_tokens",
            b'"a": 1',
        ),
    ],
)
def test_a_finding_points_at_the_event_that_has_the_fault(name, x, seen, at):
    first = findings(name, x)[0]
    assert seen in first.seen
    assert at in bytes_at(x, first)
    assert bytes_at(x, first).count(b"data:") == 1


@pytest.mark.parametrize(
    ("name", "x"),
    [
        ("CMP001", answered([])),
        ("MSG001", answered([], probe="messages.hello")),
        ("RSP001", answered([], probe="responses.hello")),
        ("CMP013", answered(whole(finish="eos"))),
        ("MSG019", msg.message(stop_reason="eos")),
        ("RSP018", rsp.response(status="incomplete")),
        ("TOOL003", called(first_fragment(id=None))),
        ("MSG015", msg.message(content=[msg.CALL | {"id": ""}], stop_reason="tool_use")),
        ("RSP007", rsp.response(output=[rsp.CALL | {"call_id": None}])),
        ("TOOL008", called(first_fragment(arguments=BROKEN))),
        ("RSP016", rsp.response(output=[rsp.CALL | {"arguments": BROKEN}])),
        ("TOOL011", called(first_fragment(arguments="{}"), finish="stop")),
        ("MSG017", msg.message(content=[msg.CALL])),
        ("TOOL012", answered(whole(finish="tool_calls"))),
        ("MSG018", msg.message(stop_reason="tool_use")),
        ("RSP009", rsp.response(usage=None)),
    ],
)
def test_without_events_a_finding_points_at_the_content(name, x):
    assert bytes_at(x, findings(name, x)[0]) == x.received.partition(b"\r\n\r\n")[2]


def test_an_undefined_reason_is_reported_once():
    reasons = [chunk(finish=reason) for reason in ("eos", "eos", "end")]
    assert [found.seen for found in findings("CHK019", streamed(*HELLO[:-2], *reasons, "[DONE]"))] == [
        "finish_reason is 'eos'",
        "finish_reason is 'end'",
    ]


def test_a_wrong_total_is_reported_only_for_valid_counts():
    def seen(**counts):
        return [found.seen for found in findings("RSP009", rsp.response(usage=rsp.USAGE | counts))]

    assert seen(total_tokens=5) == ["usage counts 3 input and 3 output tokens, but total_tokens is 5"]
    assert seen(total_tokens=7, input_tokens=-1) == ["usage has input_tokens -1"]


def test_a_wrong_total_is_explained_by_hidden_reasoning():
    def seen(**counts):
        return findings("USE003", use.with_usage(**counts))[0].seen

    assert "may be hidden reasoning" in seen(total=96)
    assert "is the reasoning tokens" in seen(total=96, completion_tokens_details={"reasoning_tokens": 90})
    assert "reasoning" not in seen(total=5)


@pytest.mark.parametrize(
    ("name", "x"),
    [
        ("TOOL008", called(first_fragment(arguments='{"a": "\ud83d"}'))),
        ("MSG016", msg.streamed(*msg.call('{"a": "\ud83d"}'), reason="tool_use")),
        ("RSP016", rsp.response(output=[rsp.CALL | {"arguments": '{"a": "\ud83d"}'}])),
    ],
)
def test_a_lone_surrogate_in_arguments_is_left_to_its_own_rules(name, x):
    reporting = "SSE017" if x.mode == "stream" else "HTTP022"
    assert decide(RULES[name], {"x": x, "policy": Policy()}, (x,)).status is Status.PASS
    assert decide(RULES[reporting], {"x": x, "policy": Policy()}, (x,)).status is Status.FAIL


@pytest.mark.parametrize(
    ("x", "texts", "ends"),
    [
        (streamed(*HELLO), b" there.", b'"stop"'),
        (msg.streamed(*msg.text("Hello", " there.")), b" there.", b'"end_turn"'),
        (rsp.GOOD, b" there.", b"response.completed"),
    ],
)
def test_a_choice_has_the_events_of_its_text_and_its_end(x, texts, ends):
    (choice,) = response_content(x).choices
    assert texts in choice.last_text.data
    assert [ends in event.data for event in choice.finish_events] == [True]


@pytest.mark.parametrize("x", [answered(whole()), msg.message(), rsp.response()])
def test_a_non_streaming_response_has_no_events(x):
    (choice,) = response_content(x).choices
    assert (choice.last_text, choice.finish_events) == (None, (None,))


@pytest.mark.parametrize(
    "x",
    [
        calling(first_fragment(), later_fragment('{"a":'), later_fragment(" 1}")),
        msg.streamed(*msg.call('{"a":', " 1}"), reason="tool_use"),
        rsp.CALLED,
    ],
)
def test_a_tool_call_has_its_first_and_last_event(x):
    ((call,),) = (choice.calls for choice in response_content(x).choices)
    assert b'"f"' in call.first.data
    assert b" 1}" in call.last.data
    assert call.first.end < call.last.start
    assert call.sent
