import pytest

from conformance import catalogue
from conformance.deciding import decide
from conformance.model.target import Policy
from conformance.model.verdict import Finding, Status
from conformance.rules.cmp.example import GOOD
from conformance.rules.cmp.long_prompts import LONG, LONG_STREAM, NO_STREAM, NO_TEXT, NONE
from conformance.rules.cmp.text import two
from conformance.rules.example import answered, chunk, completion, error, streamed
from conformance.rules.msg import example as msg
from conformance.rules.rsp import example as rsp

FAMILIES = [rule for rule in catalogue.rules() if rule.family in ("CHK", "CMP", "TOOL", "USE")]
ALONE = [rule for rule in FAMILIES if rule.parameters == ("x",)]
RULES = {rule.id: rule for rule in FAMILIES}
SILENT = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
THOUGHT = {"prompt_tokens": 3, "completion_tokens": 30, "total_tokens": 33}
THOUGHT |= {"completion_tokens_details": {"reasoning_tokens": 29}}
LAST = {"prompt_tokens": 2400, "completion_tokens": 1, "total_tokens": 2401}
"""The usage of a model that ended its turn with its first token."""
ENDED = answered(completion({"content": ""}, usage=LAST), **LONG)
ENDED_STREAM = streamed(
    chunk({"role": "assistant", "content": ""}), chunk(finish="stop"), chunk(choices=[], usage=LAST), "[DONE]", **LONG
)


@pytest.mark.parametrize("name", [rule.id for rule in ALONE if rule.family == "CMP"])
def test_an_error_is_not_judged(name):
    assert RULES[name].applies_to(answered(error())).status is Status.NOT_APPLICABLE
    assert RULES[name].applies_to(answered(error(), status=400)).status is Status.NOT_APPLICABLE


@pytest.mark.parametrize(
    ("message", "changes", "body", "reason"),
    [
        ({"content": ""}, {"usage": SILENT}, None, "may be the end of the turn"),
        ({"content": ""}, {"usage": SILENT | {"completion_tokens": 4}}, None, "a character that is not complete"),
        ({"content": ""}, {"usage": SILENT | {"completion_tokens": 5}}, None, "usage counts 5 tokens"),
        ({"content": None}, {"usage": None}, None, "neither usage"),
        ({"content": ""}, {}, {"stop": ["Hello"]}, "sets stop sequences"),
        ({"content": ""}, {"choices": []}, None, "no choice"),
        ({"content": ""}, {"usage": THOUGHT}, None, "hidden reasoning"),
    ],
)
def test_an_empty_answer_is_only_blamed_where_it_shows_what_was_lost(message, changes, body, reason):
    refused = answered(error(), status=500, mode="stream")
    assert any(reason in said for said in compared(refused, answered(completion(message, **changes), body=body)))


def test_a_stream_answered_whole_is_none_of_these_families_business():
    x = answered(completion(), mode="stream")
    for rule in ALONE:
        if x.mode in rule.modes:
            assert rule.applies_to(x) is not None


def compared(stream, unary):
    """Results of CMP014: findings, or reasons."""
    yielded = list(RULES["CMP014"].check(stream, unary))
    return [item.seen if isinstance(item, Finding) else item.reason for item in yielded]


def test_an_empty_answer_shows_in_its_usage_or_in_the_other_mode():
    empty = (chunk({"role": "assistant"}), chunk(finish="stop"))
    billed = chunk(choices=[], usage={"prompt_tokens": 3, "completion_tokens": 9, "total_tokens": 12})
    assert "counts 9 tokens" in compared(streamed(*empty, billed, "[DONE]"), answered(completion()))[0]
    assert (
        "other mode has the content 'Hello there.'" in compared(streamed(*empty, "[DONE]"), answered(completion()))[0]
    )
    ended = chunk(choices=[], usage={"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4})
    assert "may be the end of the turn" in compared(streamed(*empty, ended, "[DONE]"), answered(completion()))[0]
    other = compared(streamed(*empty, "[DONE]", probe="chat.n"), answered(completion(), probe="chat.n"))
    assert "neither usage nor the other mode" in other[0]


def test_hidden_thoughts_may_use_up_a_cap():
    told = {"prompt_tokens": 3, "completion_tokens": 9, "total_tokens": 12}
    told |= {"completion_tokens_details": {"reasoning_tokens": 9}}
    x = streamed(chunk({"role": "assistant"}), chunk(finish="length"), chunk(choices=[], usage=told), "[DONE]")
    assert "hidden reasoning" in compared(x, answered(completion()))[0]


@pytest.mark.parametrize(
    ("x", "reason"),
    [
        (rsp.response(output=[{"type": "reasoning", "id": "rs_1", "summary": []}]), "does not tell apart"),
        (
            rsp.response(
                output=[{"type": "reasoning", "id": "rs_1", "summary": []}],
                usage=rsp.USAGE | {"output_tokens": 64, "output_tokens_details": {"reasoning_tokens": 64}},
            ),
            "hidden reasoning",
        ),
        (
            rsp.response(
                output=[{"type": "reasoning", "id": "rs_1", "summary": []}],
                usage=rsp.USAGE | {"output_tokens": 64, "output_tokens_details": {"reasoning_tokens": 9}},
            ),
            "counts 55 tokens",
        ),
        (rsp.response(output=[], usage=rsp.USAGE | {"output_tokens": 64}), "counts 64 tokens"),
        (
            msg.message(
                content=[{"type": "redacted_thinking", "data": "c2ln"}], usage={"input_tokens": 3, "output_tokens": 64}
            ),
            "does not tell apart",
        ),
        (msg.message(content=[], usage={"input_tokens": 3, "output_tokens": 64}), "counts 64 tokens"),
        (
            msg.message(
                content=[{"type": "thinking", "thinking": "", "signature": "c2ln"}],
                usage={"input_tokens": 3, "output_tokens": 64, "output_tokens_details": {"thinking_tokens": 63}},
            ),
            "hidden reasoning",
        ),
    ],
)
def test_hidden_reasoning_explains_tokens_without_text(x, reason):
    refused = answered(error(), status=500, mode="stream", probe=x.case.probe)
    assert any(reason in said for said in compared(refused, x))


def test_what_is_no_json_is_left_to_http():
    for body in ("", "{", "NaN", "{} {}", b"\xef\xbb\xbf{}"):
        assert RULES["CMP001"].applies_to(answered(body)).status is Status.UNTESTABLE


@pytest.mark.parametrize(
    ("texts", "spent", "capped", "verdict"),
    [
        (("Hello! How can", ""), 8, 1, Status.FAIL),
        (("Hello! How can", ""), 8, 7, Status.UNTESTABLE),
        (("", "Hello! How can"), 8, 1, Status.FAIL),
        (("Hello! How can", ""), 5, 1, Status.UNTESTABLE),
        (("Hello! How can", ""), 7, 1, Status.UNTESTABLE),
        (("", ""), 8, 1, Status.UNTESTABLE),
        (("Hello! How can", "Hello"), 5, 7, Status.PASS),
    ],
)
def test_one_of_several_is_lost_where_the_others_can_not_have_used_what_is_counted(texts, spent, capped, verdict):
    """`capped` tokens are counted where one is allowed: a target that ignores its cap may spend them on any choice."""
    x = two(*texts, completion=spent)
    counts = {"prompt_tokens": 3, "completion_tokens": capped, "total_tokens": 3 + capped}
    other = answered(completion(usage=counts), probe="chat.witness.max_tokens", body={"max_tokens": 1})
    assert decide(RULES["CMP017"], {"x": x, "capped": (other,), "policy": Policy()}, (x,))[0] is verdict


@pytest.mark.parametrize(
    ("stream", "unary", "others", "verdict"),
    [
        (NO_STREAM, NO_TEXT, (GOOD, NO_TEXT), Status.FAIL),
        (LONG_STREAM, NO_TEXT, (GOOD,), Status.PASS),
        (NO_STREAM, answered(completion(), **LONG), (GOOD,), Status.PASS),
        (NO_STREAM, NO_TEXT, (NO_TEXT, answered(completion({"content": ""}))), Status.UNTESTABLE),
        (NO_STREAM, NO_TEXT, (answered(error(), status=500),), Status.UNTESTABLE),
        (NO_STREAM, answered(completion({"content": ""}, "length", usage=NONE), **LONG), (GOOD,), Status.PASS),
        (NO_STREAM, answered(completion({"content": ""}, usage=THOUGHT), **LONG), (GOOD,), Status.UNTESTABLE),
        (ENDED_STREAM, ENDED, (GOOD,), Status.UNTESTABLE),
        (NO_STREAM, ENDED, (GOOD,), Status.FAIL),
    ],
)
def test_nothing_in_both_modes_is_a_fault_where_a_shorter_prompt_gets_something(stream, unary, others, verdict):
    given = {"stream": stream, "unary": unary, "others": others, "policy": Policy()}
    assert decide(RULES["CMP018"], given, (stream,))[0] is verdict
