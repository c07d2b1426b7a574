"""RSP: responses that go on in the background, and items of the server's own tools."""

import pytest

from conformance import catalogue
from conformance.deciding import decide
from conformance.model.verdict import Status
from conformance.rules.rsp.example import CALL, PART, SPOKEN, USAGE, events, own_item, response, state, streamed, text

RULES = {rule.id: rule for rule in catalogue.rules() if rule.family == "RSP"}
BACKGROUND = {"background": True}
SEARCH = {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search"}}


def status(name, x):
    return decide(RULES[name], {"x": x}, (x,)).status


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        (response(status="queued", usage=None, output=[], body_fields=BACKGROUND), Status.NOT_APPLICABLE),
        (response(status="in_progress", usage=None, output=[], body_fields=BACKGROUND), Status.NOT_APPLICABLE),
        (response(status="queued", usage=None, output=[]), Status.FAIL),
        (response(usage=None, body_fields=BACKGROUND), Status.FAIL),
    ],
)
def test_only_a_response_in_the_background_has_no_usage_yet(x, expected):
    assert status("RSP009", x) is expected


OWN = {
    "reasoning_text": {"type": "reasoning", "content": [{"type": "reasoning_text", "text": "Hm."}]},
    "mcp_call_arguments": {"type": "mcp_call", "arguments": '{"page": 1}', "name": "ask"},
    "code_interpreter_call_code": {"type": "code_interpreter_call", "code": "1+1"},
    "custom_tool_call_input": {"type": "custom_tool_call", "input": "ls", "name": "shell"},
}


@pytest.mark.parametrize("kind", OWN)
def test_all_that_was_streamed_is_compared_with_the_last_event(kind):
    item = OWN[kind]
    field = next((name for name in ("arguments", "code", "input") if name in item), "text")
    sent = own_item(item, f"response.{kind}", field)
    assert status("RSP014", streamed(*sent)) is Status.PASS
    assert status("RSP014", streamed(*sent, output=[])) is Status.FAIL
    assert status("RSP013", streamed(*sent)) is Status.PASS
    assert status("RSP013", streamed(*sent[:2], sent[2] | {field: "1"}, sent[3])) is Status.FAIL


def test_items_of_the_server_may_come_without_deltas():
    begun = {"type": "response.output_item.added", "output_index": 0}
    done = {"type": "response.output_item.done", "output_index": 0}
    for item in (SEARCH, {"id": "own_1"} | OWN["mcp_call_arguments"]):
        assert status("RSP014", streamed(begun | {"item": item}, done | {"item": item})) is Status.PASS
    call = streamed(begun | {"item": CALL | {"arguments": ""}}, done | {"item": CALL})
    assert status("RSP014", call) is Status.FAIL


def test_an_event_of_an_item_that_was_not_added_is_out_of_place():
    sent = own_item(OWN["mcp_call_arguments"], "response.mcp_call_arguments", "arguments")
    assert status("RSP010", events(state("created"), *sent[1:], state("completed"))) is Status.FAIL
    assert status("RSP010", streamed(*sent, *text("Hi", index=1))) is Status.PASS


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ({"type": "mcp_call", "id": "mcp_1", "status": "failed", "error": "No such page."}, Status.PASS),
        (SEARCH | {"status": "incomplete"}, Status.PASS),
        (SPOKEN | {"status": "incomplete"}, Status.FAIL),
        (CALL | {"status": "incomplete"}, Status.FAIL),
        (SPOKEN | {"status": None}, Status.PASS),
    ],
)
def test_what_the_server_runs_may_end_early_in_a_completed_response_but_not_what_the_model_writes(item, expected):
    assert status("RSP028", response(output=[item, SPOKEN])) is expected


def test_a_part_without_done_is_told_once_per_stream_and_only_of_finished_items():
    untold = [value for value in text("Hi") if value["type"] != "response.content_part.done"]
    assert status("RSP029", streamed(*untold)) is Status.FAIL
    assert status("RSP029", streamed(*untold[:-1], output=[])) is Status.PASS
    assert status("RSP029", events(state("created"), *untold[:3])) is not Status.FAIL


CAPPED = {"body_fields": {"max_output_tokens": 16}, "probe": "responses.witness.max_output_tokens"}


@pytest.mark.parametrize(
    ("content", "tokens", "expected"),
    [
        ("one, two, three,", 16, Status.FAIL),
        ("one, two, three,", 15, Status.UNTESTABLE),
        ("I count to three: one, two, three.", 16, Status.UNTESTABLE),
        ("", 16, Status.UNTESTABLE),
    ],
)
def test_a_text_cut_at_a_cap_of_several_tokens_is_no_natural_end(content, tokens, expected):
    rule = next(rule for rule in catalogue.rules() if rule.id == "FLD017")
    x = response(
        output=[SPOKEN | {"content": [PART | {"text": content}]}], usage=USAGE | {"output_tokens": tokens}, **CAPPED
    )
    assert decide(rule, {"x": x}, (x,)).status is expected
