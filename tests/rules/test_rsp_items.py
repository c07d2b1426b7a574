"""RSP: items that a stream tells several times, and the tools that a request allows, beyond the rules' examples."""

import pytest

from conformance import catalogue
from conformance.deciding import decide
from conformance.model.verdict import Status
from conformance.rules.example import answered, error
from conformance.rules.rsp.allowed_tools import TOOLS
from conformance.rules.rsp.example import CALL, CUT, SPOKEN, call, message_item, own_item, response, streamed, text

RULES = {rule.id: rule for rule in catalogue.rules() if rule.family == "RSP"}
CALLED = call("{}")
THOUGHT = {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm."}], "content": []}


def status(name, x):
    return decide(RULES[name], {"x": x}, (x,)).status


def test_a_finished_message_may_number_its_parts_otherwise_than_its_events():
    later = [value | {"content_index": 1} if "content_index" in value else value for value in text("Hi")]
    x = streamed(*later)
    assert {name: status(name, x) for name in ("RSP013", "RSP029")} == {"RSP013": Status.PASS, "RSP029": Status.PASS}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ([], Status.FAIL),
        ([{"type": "refusal", "refusal": "No."}], Status.FAIL),
        ([{"type": "output_text", "text": "H"}, {"type": "output_text", "text": "i"}], Status.PASS),
        ([{"type": "output_text", "text": "Hi", "annotations": []}, {"type": "refusal", "refusal": ""}], Status.PASS),
    ],
)
def test_a_finished_message_has_the_joined_deltas_in_its_parts(content, expected):
    done = text("Hi")[-1] | {"item": SPOKEN | {"content": content}}
    assert status("RSP013", streamed(*text("Hi")[:-1], done, output=[message_item("Hi")])) is expected


def test_the_reasoning_of_a_finished_item_may_be_hidden():
    *events, done = own_item(
        THOUGHT | {"content": [{"type": "reasoning_text", "text": "Hm."}]}, "response.reasoning_text"
    )
    x = streamed(*events, done | {"item": done["item"] | {"content": []}})
    assert status("RSP013", x) is Status.PASS


def test_an_item_that_was_cut_needs_no_done_event_of_its_text():
    half = {"item": SPOKEN | {"status": "incomplete", "content": message_item("Hi")["content"]}}
    x = streamed(*text("Hi")[:3], text("Hi")[-1] | half, end="incomplete")
    assert status("RSP029", x) is Status.PASS


def test_a_stream_without_deltas_needs_no_done_event_of_them():
    x = streamed(CALLED[0], CALLED[-1])
    assert status("RSP029", x) is Status.PASS


@pytest.mark.parametrize(
    ("events", "output", "expected"),
    [
        (CALLED, [CALL], Status.PASS),
        (CALLED, [], Status.PASS),
        (CALLED, [SPOKEN, CALL | {"call_id": "call_2"}], Status.PASS),
        ([CALLED[0] | {"item": CALL | {"name": None}}, *CALLED[1:]], [CALL], Status.FAIL),
        ([CALLED[0] | {"item": CALL | {"call_id": 7}}, *CALLED[1:]], [CALL], Status.FAIL),
        ([CALLED[0] | {"item": CALL | {"call_id": ""}}], [], Status.PASS),
        ([*CALLED[:-1], CALLED[-1] | {"item": CALL | {"call_id": "call_2"}}], [CALL], Status.FAIL),
        ([*CALLED[:-1], CALLED[-1] | {"item": CALL | {"call_id": None}}], [CALL], Status.PASS),
    ],
)
def test_a_call_has_one_name_and_one_call_id(events, output, expected):
    assert status("RSP059", streamed(*events, output=output)) is expected


def test_the_id_of_an_item_is_compared_only_where_it_is_sent():
    nameless = SPOKEN | {"id": None}
    assert status("RSP015", streamed(*text("Hello there."), output=[nameless])) is Status.PASS
    assert status("RSP015", streamed(*text("Hello there."), output=[SPOKEN | {"id": "msg_9"}])) is Status.FAIL
    assert status("RSP015", streamed(*text("Hello there."), output=[SPOKEN | {"id": "x"}, CALL])) is Status.PASS


def asked(choice, **facts):
    return response(body_fields={"tools": TOOLS, "tool_choice": choice}, probe="responses.tools.allowed", **facts)


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ({"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "g"}]}, Status.FAIL),
        ({"type": "allowed_tools", "tools": []}, Status.FAIL),
        ({"type": "allowed_tools", "tools": [{"type": "function", "function": {"name": "f"}}]}, Status.PASS),
        ({"type": "function", "name": "g"}, Status.NOT_APPLICABLE),
        ("auto", Status.NOT_APPLICABLE),
    ],
)
def test_only_a_list_of_allowed_tools_forbids_the_others(choice, expected):
    assert status("RSP060", asked(choice, output=[CALL])) is expected


def test_a_call_of_no_tool_of_the_request_is_another_rule_s_matter():
    choice = {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "g"}]}
    assert status("RSP060", asked(choice, output=[CALL | {"name": "h"}])) is Status.PASS


def test_a_target_may_reject_allowed_tools():
    sent = {"tools": TOOLS, "tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": []}}
    x = answered(error("No.", param="tool_choice"), status=400, body=sent, probe="responses.tools.allowed")
    assert status("RSP060", x) is Status.NOT_APPLICABLE
    assert (
        status("RSP060", response(**CUT, body_fields=sent, output=[], probe="responses.tools.allowed")) is Status.PASS
    )
