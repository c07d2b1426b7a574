"""RSP: what Open Responses asks beyond OpenAI's API, compaction, stored responses and the background."""

import pytest

from conformance import catalogue
from conformance.deciding import decide
from conformance.model.verdict import Status
from conformance.parsing.http1 import reply
from conformance.rules.example import answered, error
from conformance.rules.rsp.background import QUEUED
from conformance.rules.rsp.compaction import COMPACTION, NO_MODEL
from conformance.rules.rsp.example import (
    BASELINE_RESPONSE,
    CUT,
    SPOKEN,
    USAGE,
    call,
    events,
    message_item,
    own_item,
    response,
    state,
    streamed,
    text,
)
from conformance.rules.rsp.open_responses import FORM, FULL

RULES = {rule.id: rule for rule in catalogue.rules()}
POLLED = {"probe": "responses.poll"}
HELD = {"probe": "responses.stored.unstored"}


def status(name, x, **beside):
    return decide(RULES[name], {"x": x, **beside}, (x,)).status


def test_a_request_cut_by_its_own_cap_does_not_show_that_the_response_would_be_completed():
    assert status("RSP033", response(**CUT, **FORM)) is Status.UNTESTABLE


def test_a_rejected_form_is_named_and_not_judged_as_a_response():
    refused = answered(error("No images.", param="input"), status=400, probe="responses.form.image")
    for rule in ("RSP031", "RSP033"):
        assert status(rule, refused) is Status.NOT_APPLICABLE
    assert "No images." in decide(RULES["RSP033"], {"x": refused}, (refused,)).message


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"completed_at": None}, Status.PASS),
        ({"service_tier": None}, Status.FAIL),
        ({"usage": USAGE | {"input_tokens_details": None}}, Status.FAIL),
        ({"output": [SPOKEN | {"phase": "final_answer"}]}, Status.PASS),
        ({"output": [SPOKEN | {"phase": "final"}]}, Status.FAIL),
        ({"tool_choice": {"type": "function", "name": "f"}}, Status.PASS),
        ({"tools": [{"type": "function", "name": "f"}]}, Status.FAIL),
    ],
)
def test_members_are_read_as_the_acceptance_tests_read_them(changes, expected):
    assert status("RSP031", response(**FULL | changes, **FORM)) is expected


def test_each_fault_of_a_response_is_named_once_by_its_place():
    x = response(**FULL, output=[SPOKEN | {"id": 7}, SPOKEN | {"id": 7}], **FORM)
    found = decide(RULES["RSP031"], {"x": x}, (x,)).findings
    assert [finding.seen for finding in found] == [
        "the response differs from the schema of Open Responses: `output[0].id` is 7, `output[1].id` is 7"
    ]
    bare = response(**FORM)
    (lacking,) = decide(RULES["RSP031"], {"x": bare}, (bare,)).findings
    assert lacking.seen.startswith("the response differs from the schema of Open Responses: it lacks `completed_at`, ")
    assert lacking.seen.endswith(" and 13 more")


@pytest.mark.parametrize("code", [404, 405, 501])
def test_a_target_need_not_offer_compaction(code):
    missing = answered({"detail": "Not Found"}, status=code, probe="responses.compact")
    absent = answered({"detail": "Not Found"}, status=code, **NO_MODEL)
    assert status("RSP034", missing) is status("RSP035", absent) is Status.NOT_APPLICABLE
    assert {status(rule, missing) for rule in ("ERR005", "ERR006")} == {Status.NOT_APPLICABLE}


def test_a_compaction_is_not_judged_as_a_response():
    x = answered(COMPACTION, probe="responses.compact")
    told = {
        rule.id
        for rule in RULES.values()
        if rule.family == "RSP" and "responses" in rule.apis and rule.applies_to(x) is None
    }
    assert told == {"RSP034"}


@pytest.mark.parametrize("code", [429, 503])
def test_a_compaction_that_a_busy_target_does_not_take_back_is_untestable(code):
    busy = answered(error("Busy."), status=code, headers=[("retry-after", "1")], probe="responses.compacted")
    assert status("RSP036", busy, baseline=response()) is Status.UNTESTABLE


def test_a_target_that_rejects_every_request_says_nothing_of_its_compaction():
    refused = answered(error("Set 'stream' to true."), status=400, probe="responses.compacted")
    assert status("RSP036", refused, baseline=answered(error("Set 'stream' to true."), status=400)) is Status.UNTESTABLE
    capped = answered(
        error("Unknown 'max_output_tokens'."), status=400, probe="responses.compacted", body={"max_output_tokens": 16}
    )
    assert status("RSP036", capped, baseline=response()) is Status.UNTESTABLE


def turn(tokens, subject="next", **facts):
    counts = USAGE | {"input_tokens": tokens, "total_tokens": tokens + 3} | facts
    return response(usage=counts, probe=f"responses.chain.{subject}")


@pytest.mark.parametrize(
    ("second", "first", "expected"),
    [
        (turn(40), turn(40, "first"), Status.PASS),
        (turn(4, input_tokens_details={"cached_tokens": 40}), turn(40, "first"), Status.PASS),
        (turn(12), turn(3, "first"), Status.UNTESTABLE),
        (turn(39), turn(40, "first"), Status.FAIL),
    ],
)
def test_the_prompt_of_the_next_turn_is_at_least_as_long_as_that_of_the_first(second, first, expected):
    assert status("RSP037", second, baseline=response(), first=first) is expected


def test_a_next_turn_that_is_rejected_is_no_forgotten_one():
    gone = answered(error("No response."), status=404, probe="responses.chain.next")
    assert status("RSP037", gone, baseline=response(), first=turn(40, "first")) is Status.NOT_APPLICABLE


def test_a_response_in_the_background_has_no_content_yet():
    judged = [
        rule
        for rule in RULES.values()
        if rule.parameters == ("x",) and "responses" in rule.apis and "unary" in rule.modes
    ]
    failed = {rule.id for rule in judged if decide(rule, {"x": QUEUED}, (QUEUED,)).status is Status.FAIL}
    assert failed == set()


def test_a_target_that_rejects_store_says_nothing_of_the_background():
    refused = answered(error("'store' is not supported.", param="store"), status=400, probe="responses.background")
    assert status("RSP038", refused) is Status.NOT_APPLICABLE


@pytest.mark.parametrize("state", ["queued", "in_progress", "completed", "failed", "cancelled", "incomplete"])
def test_a_response_is_found_in_whatever_state_it_is(state):
    found = answered({"id": "resp_1", "object": "response", "status": state}, **POLLED)
    assert status("RSP039", found, started=QUEUED) is Status.PASS


@pytest.mark.parametrize(
    "sent",
    [
        [*text("Hi"), *text("there", index=1)],
        [one for pair in zip(text("Hi"), text("there", index=1), strict=True) for one in pair],
        call("{", "}"),
        own_item({"type": "code_interpreter_call", "code": "1+1"}, "response.code_interpreter_call_code", "code"),
        [
            *text("Hi")[:5],
            {"type": "response.output_text.annotation.added", "output_index": 0, "content_index": 0},
            *text("Hi")[5:],
        ],
        [*text("Hi")[:6], {"type": "response.of_tomorrow", "output_index": 0}, *text("Hi")[6:]],
    ],
    ids=["in turn", "interleaved", "call", "code", "annotated", "unknown"],
)
def test_items_may_be_interleaved_and_have_more_events(sent):
    assert status("RSP040", streamed(*sent)) is Status.PASS


def test_a_stream_without_done_is_as_good_as_one_with_it():
    x = streamed(*text("Hi"))
    assert status("RSP041", x) is Status.NOT_APPLICABLE


def test_the_output_of_a_truncated_stream_is_not_missed():
    assert status("RSP033", events(state("created"), *text("Hi")[:3], **FORM)) is Status.UNTESTABLE
    assert status("RSP033", streamed(*text("Hi"), output=[message_item("Hi")], **FORM)) is Status.PASS


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (404, Status.NOT_APPLICABLE),
        (403, Status.NOT_APPLICABLE),
        (426, Status.NOT_APPLICABLE),
        (503, Status.UNTESTABLE),
    ],
)
def test_a_rejected_handshake_is_no_fault_of_any_kind(code, expected):
    x = answered({"detail": "No."}, status=code, probe="responses.websocket")
    assert status("RSP042", x) is expected
    assert {status(rule, x) for rule in ("ERR005", "ERR006", "ERR007")} <= {Status.NOT_APPLICABLE}


def test_what_follows_an_accepted_handshake_is_another_protocol():
    (good, *_) = RULES["RSP042"].good
    x = type(good)(id="x", case=good.case, sent=good.sent, received=good.received + b"\x89\x00")
    assert status("RSP042", x) is Status.PASS
    assert reply(x).trailing is None


STORED = response(store=True)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, Status.PASS),
        ({"output": [message_item("Hello ")]}, Status.FAIL),
        ({"output": []}, Status.FAIL),
        ({"status": "in_progress", "output": []}, Status.UNTESTABLE),
        ({"output": [{"type": "reasoning", "id": "rs_1", "summary": []}, SPOKEN]}, Status.PASS),
        ({"id": "resp_2", "output": []}, Status.PASS),
    ],
)
def test_a_stored_response_is_compared_by_what_a_client_reads(changes, expected):
    x = answered(BASELINE_RESPONSE | changes, probe="responses.stored")
    assert status("RSP058", x, baseline=STORED) is expected


def test_a_stored_response_that_is_not_found_has_no_content_to_compare():
    missing = answered({"detail": "Not Found"}, status=404, probe="responses.stored")
    assert status("RSP058", missing, baseline=STORED) is Status.UNTESTABLE
    assert {status(rule, missing) for rule in ("ERR005", "ERR006")} == {Status.NOT_APPLICABLE}


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (answered(BASELINE_RESPONSE, **HELD), Status.FAIL),
        (answered(BASELINE_RESPONSE | {"id": "resp_2"}, **HELD), Status.PASS),
        (answered([], **HELD), Status.PASS),
        (answered({"detail": "Not Found"}, status=404, **HELD), Status.PASS),
        (answered({"detail": "Method Not Allowed"}, status=405, **HELD), Status.PASS),
        (answered("", status=502, **HELD), Status.UNTESTABLE),
    ],
)
def test_only_the_response_itself_shows_that_it_was_stored_against_the_request(found, expected):
    asked = response(store=False, body_fields={"store": False}, probe="responses.store")
    assert status("RSP057", found, unstored=asked) is expected
    assert status("RSP027", found, baseline=STORED) is Status.NOT_APPLICABLE


@pytest.mark.parametrize(
    ("code", "expected"),
    [(400, Status.PASS), (404, Status.PASS), (501, Status.PASS), (429, Status.UNTESTABLE)],
)
def test_a_target_may_reject_references_with_any_error_of_its_own(code, expected):
    x = answered(error("No such item."), status=code, probe="responses.previous.reference")
    assert status("RSP061", x) is expected
    assert status("RSP022", x) is Status.NOT_APPLICABLE
