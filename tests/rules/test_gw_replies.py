"""What a gateway may make of an answer, and what it may not: cases beyond the rules' examples."""

import json
from dataclasses import replace

import pytest

from conformance.catalogue import installed
from conformance.deciding import outcome_of
from conformance.model.exchange import Ending
from conformance.model.target import GatewayPolicy, Policy
from conformance.rules.example import HELLO, answered, chunk, completion, error, streamed
from conformance.rules.gw import delivery
from conformance.rules.gw.content import STREAM, relayed, restreamed
from conformance.rules.gw.endings import BROKEN, streaming
from conformance.rules.gw.example import ASKED, both
from conformance.rules.rsp import example as rsp

MS = 1_000_000
VARIANT = "chat.gateway.variant"


def judged(rule_id, exchanges, **policy):
    rule = next(rule for rule in installed().rules if rule.id == rule_id)
    client, *upstream = exchanges
    arguments = {"x": client, "upstream": tuple(upstream), "policy": Policy(gateway=GatewayPolicy(**policy))}
    return outcome_of(rule, arguments)


def left(x):
    """The exchange, whose connection the gateway closed before the end."""
    return replace(x, ending=Ending("hung-up", "body", 0), cache={})


def with_text(text, *more):
    return streaming(chunk({"role": "assistant", "content": text}), *more, probe=VARIANT)


def test_an_answer_is_compared_with_the_attempt_that_its_text_names():
    ends = (chunk(finish="stop"), "[DONE]")
    first, second = (with_text(f"qexampleexample2 attempt {n}: w0 w1", *ends) for n in (1, 2))
    assert judged("GW030", both(first, first, second)).status == "pass"
    assert judged("GW030", both(second, first, second)).status == "pass"


BROTLI = [("content-type", "application/json"), ("content-encoding", "br")]


@pytest.mark.parametrize(
    ("rule", "upstream", "status", "expected"),
    [
        ("GW035", answered(completion(), probe=VARIANT), 200, "untestable"),
        ("GW041", streaming(*HELLO[:-1]), 200, "untestable"),
        ("GW060", answered(error(), status=503, probe="chat.gateway.fault"), 200, "untestable"),
        ("GW039", answered(error(), status=503, probe="chat.gateway.fault"), 503, "pass"),
    ],
)
def test_of_a_reply_whose_coding_only_clients_decode_it_is_not_said_that_it_lacks_something(
    rule, upstream, status, expected
):
    client = answered(b"\x1b\x04\x00\xf8", status=status, headers=BROTLI, probe=upstream.case.probe)
    assert judged(rule, both(client, upstream)).status == expected


def test_a_second_attempt_that_is_whole_bears_out_the_ending_after_a_first_that_broke():
    assert judged("GW036", both(streaming(*HELLO), BROKEN, streaming(*HELLO))).status == "not-applicable"
    assert judged("GW036", both(streaming(*HELLO), BROKEN, BROKEN)).status == "fail"


def test_a_gateway_that_leaves_a_whole_stream_half_way_loses_the_answer():
    half = left(streaming(*HELLO[:2], probe=VARIANT))
    assert judged("GW035", both(streaming(*HELLO[:2], probe=VARIANT), half)).status == "fail"


def test_a_gateway_may_leave_once_it_has_the_end_marker():
    assert judged("GW035", both(streaming(*HELLO, probe=VARIANT), left(BROKEN_AT_THE_END))).status == "pass"


BROKEN_AT_THE_END = streaming(*HELLO, ending=Ending("closed", "body", 0), probe=VARIANT)


def test_a_stream_upstream_may_be_one_answer_at_the_client():
    asked = answered(completion(), body=ASKED, probe=VARIANT)
    sent = streamed(*HELLO, body=STREAM, probe=VARIANT)
    assert judged("GW036", both(asked, sent)).status == "not-applicable"
    assert judged("GW030", both(asked, sent)).status == "pass"


@pytest.mark.parametrize(("reason", "status"), [("error", "pass"), ("stop", "fail"), ("length", "fail")])
def test_a_reason_that_is_no_ending_does_not_tell_a_broken_stream_as_whole(reason, status):
    assert judged("GW036", both(streaming(*HELLO[:2], chunk(finish=reason)), BROKEN)).status == status


def test_finish_reasons_of_a_named_call_may_be_corrected():
    call = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    sent, got = (completion({"content": None, "tool_calls": [call]}, finish=end) for end in ("stop", "tool_calls"))
    assert judged("GW032", relayed(sent, got)).status == "pass"
    assert judged("GW032", relayed(completion(finish="stop"), completion(finish="length"))).status == "fail"


def test_reasoning_may_be_hidden_where_the_owner_says_so():
    hidden = relayed(completion({"reasoning": "They greet."}), completion())
    assert judged("GW033", hidden).status == "fail"
    assert judged("GW033", hidden, hides_reasoning=True).status == "not-applicable"


def test_reasoning_may_not_turn_into_text():
    sent = completion({"reasoning": "They greet.", "content": "Hello."})
    assert judged("GW030", relayed(sent, completion({"content": "They greet.Hello."}))).status == "fail"


def test_nulls_and_members_of_its_own_change_no_part():
    sent = completion({"annotations": [{"type": "url_citation", "url_citation": {"url": "u", "title": None}}]})
    got = completion({"annotations": [{"type": "url_citation", "url_citation": {"url": "u"}, "x": 1}], "audio": None})
    assert judged("GW034", relayed(sent, got)).status == "pass"


@pytest.mark.parametrize(
    ("sent", "got", "status"),
    [
        ("9007199254740993", "9007199254740992", "fail"),
        ("9223372036854775807", "9223372036854776000", "fail"),
        ("9007199254740993", "9007199254740993.0", "pass"),
        ("9007199254740993", '"9007199254740993"', "pass"),
        ("9007199254740993", "7", "pass"),
        ("1760000000", "1760000001", "not-applicable"),
        ("0.1", "0.10000000149011612", "not-applicable"),
    ],
)
def test_integers_that_became_another_of_the_same_double_have_lost_digits(sent, got, status):
    pieces = json.dumps(completion(x_vendor="N")).partition('"N"')
    whole = [answered("".join((pieces[0], digits, pieces[2])), body=ASKED, probe=VARIANT) for digits in (sent, got)]
    assert judged("GW143", both(whole[1], whole[0])).status == status


def test_numbers_of_many_digits_are_compared_and_shown_in_part():
    whole = [json.dumps(completion(x_vendor="N")).replace('"N"', digit * 10_000) for digit in "12"]
    found = judged("GW143", both(*(answered(text, body=ASKED, probe=VARIANT) for text in whole)))
    assert found.status == "fail"
    assert len(found.message) < 300


def test_a_text_and_an_empty_one_stay_what_they_are_and_so_does_null():
    silent, empty = (relayed(completion({"content": c}), completion({"content": ""}))[1:] for c in (None, ""))
    client = relayed(completion(), completion({"content": ""}))[0]
    assert judged("GW140", (client, *silent)).status == "fail"
    assert judged("GW140", (client, *empty)).status == "not-applicable"


def test_an_error_after_a_whole_answer_is_a_false_alarm():
    assert judged("GW035", restreamed(HELLO, (*HELLO[:-1], error("cut off", "api_error")))).status == "fail"


def test_a_stalled_harness_accuses_nobody_of_buffering():
    stalled = replace(delivery.HELD, harness_stall_ns=900 * MS, cache={})
    assert judged("GW042", both(delivery.HELD, delivery.SENT)).status == "fail"
    assert judged("GW042", both(stalled, delivery.SENT)).status == "untestable"


def test_events_that_are_sent_together_for_a_moment_are_not_held_back():
    late = [1000 * (n // 8 + 1) // 4 + 25 for n in range(40)]
    grouped = delivery.paced(delivery.WORDS, late, probe=delivery.PACED)
    assert judged("GW042", both(grouped, delivery.SENT)).status == "pass"


def test_a_finding_names_the_member_that_differs():
    call = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"a": {"b": [1, 2]}}'}}
    other = call | {"function": call["function"] | {"arguments": '{"a": {"b": [1, 3]}}'}}
    sent, got = (completion({"content": None, "tool_calls": [c]}, finish="tool_calls") for c in (call, other))
    assert "number 1 of b of a of arguments of number 0" in judged("GW031", relayed(sent, got)).message


@pytest.mark.parametrize(("stalled_ms", "status"), [(0, "fail"), (250, "fail"), (900, "untestable")])
def test_a_gateway_that_gives_up_on_a_stalled_harness_is_not_accused(stalled_ms, status):
    late = answered(completion(), probe=VARIANT, ending=Ending("closed", "after", 1000 * MS))
    own = answered(error("Too slow."), status=504, probe=VARIANT)
    for sent in (late, left(streaming(*HELLO[:2], probe=VARIANT))):
        client, upstream = (replace(x, harness_stall_ns=stalled_ms * MS) for x in (own, sent))
        assert judged("GW035", both(client, upstream)).status == status


def test_a_gateway_may_leave_when_the_harness_gives_up():
    given_up = answered("", probe=VARIANT)
    given_up = replace(given_up, received=b"", ending=Ending("timeout", "first-byte", 5000 * MS))
    assert judged("GW035", both(given_up, left(streaming(*HELLO[:2], probe=VARIANT)))).status == "untestable"
    assert judged("GW035", both(given_up, answered(completion(), probe=VARIANT))).status == "fail"


def test_usage_is_not_lost_where_the_client_gets_an_http_error_in_place_of_a_failed_response():
    failed = rsp.events(rsp.state("failed", usage=RSP_USAGE), probe="responses.gateway.variant")
    refused = answered(error(), status=500, mode="stream", probe="responses.gateway.variant")
    assert judged("GW044", both(refused, failed)).status == "not-applicable"
    without = rsp.events(rsp.state("failed", usage=None), probe="responses.gateway.variant")
    assert judged("GW044", both(without, failed)).status == "fail"


RSP_USAGE = {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5}


REFUSAL = {"type": "refusal", "refusal": "I can't."}
WHERE = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
DECLINED = {"type": "message", "id": "msg_1", "status": "completed", "role": "assistant", "content": [REFUSAL]}


def declining(*deltas):
    added = {"type": "response.output_item.added", "output_index": 0, "item": DECLINED | {"content": []}}
    told = [{"type": "response.refusal.delta", **WHERE, "delta": delta} for delta in deltas]
    return rsp.streamed(added, *told, output=[DECLINED], probe="responses.gateway.variant")


@pytest.mark.parametrize(("deltas", "status"), [(("I can't.",), "pass"), (("I ", "can't."), "pass"), ((), "fail")])
def test_a_refusal_arrives_in_the_events_that_clients_read_and_not_in_the_last_one_alone(deltas, status):
    upstream = declining("I", " can't.")
    assert judged("GW034", both(declining(*deltas), upstream)).status == status


def test_a_refusal_that_was_streamed_may_arrive_in_one_response():
    whole = rsp.response(output=[DECLINED], probe="responses.gateway.variant")
    assert judged("GW034", both(whole, declining("I", " can't."))).status == "pass"
