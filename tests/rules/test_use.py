import pytest

from conformance import catalogue
from conformance.model.target import Policy
from conformance.model.verdict import Status
from conformance.rules.example import HELLO, answered, chunk, completion, error, streamed
from conformance.rules.msg import example as msg
from conformance.rules.rsp import example as rsp
from conformance.rules.use.example import ASKED, LAST, usage_object
from conformance.testbed.mutations.defects import use as defects
from conformance.testbed.mutations.defects import use_cache

SEARCH = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}}
FAMILIES = [rule for rule in catalogue.rules() if rule.family in ("CHK", "CMP", "TOOL", "USE")]
ALONE = [rule for rule in FAMILIES if rule.parameters == ("x",)]
RULES = {rule.id: rule for rule in FAMILIES}


def test_a_stream_that_broke_off_owes_no_usage():
    x = streamed(*HELLO[:3], body=ASKED)
    assert "truncated" in RULES["USE001"].applies_to(x).reason
    assert RULES["USE001"].applies_to(streamed(*HELLO, body=ASKED)) is None


def test_every_rule_has_a_defect():
    planted = (*defects.USAGE_DEFECTS, *defects.COMPARED_DEFECTS, *use_cache.DEFECTS)
    assert {c.caught_by for c in planted} == {name for name in RULES if name.startswith("USE")}


LONG = "word " * 60


@pytest.mark.parametrize(
    ("name", "x"),
    [
        ("USE011", answered(completion({"content": LONG, "executed_tools": [{"index": 0}]}))),
        ("USE011", rsp.response(output=[{"type": "web_search_call", "id": "ws_1"}, rsp.message_item(LONG)])),
        ("USE011", msg.message(content=[SEARCH, {"type": "text", "text": LONG}])),
        (
            "USE010",
            msg.message(
                content=[{"type": "compaction", "content": "Hello."}, {"type": "text", "text": "Hello."}],
                body_fields={"messages": [{"role": "user", "content": LONG * 60}]},
            ),
        ),
    ],
)
def test_what_the_server_did_by_itself_is_not_compared_with_its_usage(name, x):
    assert "counts other text" in RULES[name].applies_to(x).reason


def test_a_summary_of_the_reasoning_is_not_counted():
    thoughts = {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": LONG}]}
    assert list(RULES["USE011"].check(rsp.response(output=[thoughts, rsp.SPOKEN]))) == []
    assert list(RULES["USE011"].check(rsp.response(output=[rsp.message_item(LONG)])))


def test_usage_that_nobody_asked_for_may_come():
    x = streamed(*HELLO[:-2], chunk(finish="stop", usage=usage_object()), "[DONE]")
    assert [r.id for r in ALONE if "stream" in r.modes and r.applies_to(x) is None and list(r.check(x))] == []


def test_an_interrupted_stream_owes_no_usage():
    assert RULES["USE001"].applies_to(streamed(*HELLO[:3], error("Gone."), body=ASKED)).status is Status.NOT_APPLICABLE


def test_counts_that_can_not_be_true_are_no_ground_for_sums():
    x = answered(completion(usage=usage_object(prompt="3")))
    assert list(RULES["USE002"].check(x))
    assert RULES["USE003"].applies_to(x).status is Status.UNTESTABLE


def test_a_usage_of_nothing_for_an_answer_of_nothing_is_right():
    x = answered(completion({"content": ""}, usage=usage_object(words=0, total=3)))
    assert list(RULES["USE008"].check(x)) == []


def test_a_token_that_ends_the_text_may_be_counted_or_not():
    tokens = {"content": [{"token": text, "logprob": -0.5} for text in ("Hello", " there.")]}
    choice = completion()["choices"][0] | {"logprobs": tokens}
    for counted, is_wrong in ((1, False), (2, False), (3, False), (4, True)):
        x = answered(completion(choices=[choice], usage=usage_object(words=counted)), body={"logprobs": True})
        assert RULES["USE012"].applies_to(x) is None
        assert bool(list(RULES["USE012"].check(x))) is is_wrong


def test_half_a_character_that_waits_for_the_rest_is_no_wrong_count():
    tokens = {"content": [{"token": "\ufffd", "bytes": [0xE2], "logprob": -0.5}]}
    choice = completion({"content": "\ufffd"})["choices"][0] | {"logprobs": tokens}
    x = answered(completion(choices=[choice], usage=usage_object(words=4)), body={"logprobs": True})
    assert RULES["USE012"].applies_to(x).status is Status.UNTESTABLE


def test_a_usage_chunk_is_no_fault_if_it_was_requested_or_has_a_choice():
    asked, unasked = (streamed(*HELLO[:-1], LAST, "[DONE]", body=body) for body in (ASKED, None))
    assert RULES["USE017"].applies_to(asked).status is Status.NOT_APPLICABLE
    assert len(list(RULES["USE017"].check(unasked, Policy()))) == 1
    with_choice = chunk({}, usage=usage_object())
    assert list(RULES["USE017"].check(streamed(*HELLO[:-1], with_choice, "[DONE]"), Policy())) == []


@pytest.mark.parametrize(
    "body",
    [
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,"}}]}]},
        {"messages": [], "tools": [{"type": "web_search"}]},
        {"messages": [], "previous_response_id": "resp_1"},
        {"messages": [], "web_search_options": {"search_context_size": "low"}},
    ],
)
def test_a_large_prompt_is_no_fault_if_more_than_the_request_s_text_is_in_it(body):
    large = completion(usage=usage_object(prompt=100_000, total=100_003))
    assert RULES["USE018"].applies_to(answered(large, body=body)).status is Status.NOT_APPLICABLE
    assert RULES["USE018"].applies_to(answered(large, body={"messages": []})) is None
