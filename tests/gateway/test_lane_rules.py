"""Cases of the rules about translating gateways beyond their examples: what a gateway may do, and what not."""

import pytest

from conformance.apis.conversation import Attached, Called, Returned, Said, conversation
from conformance.apis.counterparts import SETTINGS, sent
from conformance.deciding import decide
from conformance.model.target import GatewayPolicy, Policy
from conformance.model.verdict import Status
from conformance.rules.example import HELLO, answered, completion, streamed
from conformance.rules.gw import lane_failures, lane_fields, lane_replies, lane_turns, lanes
from conformance.rules.gw.example import both
from conformance.rules.gw.lane_example import BY_CHAT, BY_MESSAGES, at, chat_by_messages, messages_by_chat
from conformance.rules.msg import example as msg

NO_POLICY = GatewayPolicy()
TEXT = BY_CHAT["messages"][0]


def judged(rule, pair, policy=NO_POLICY):
    client, *upstream = pair
    arguments = {"x": client, "upstream": tuple(upstream)}
    if "policy" in rule.parameters:
        arguments["policy"] = Policy(gateway=policy)
    return decide(rule, arguments, (client,)).status


def asked(body, api):
    return answered(completion(), body=body, probe=f"{api}.gateway.turn")


def test_a_conversation_has_one_form_for_each_api():
    chat = [
        {"role": "developer", "content": "Rules."},
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]},
        {"role": "assistant", "tool_calls": [{"id": "1", "function": {"name": "f", "arguments": ""}}]},
        {"role": "tool", "tool_call_id": "1", "content": [{"type": "text", "text": "7"}]},
    ]
    messages = [
        {"role": "user", "content": [{"type": "image", "source": {"type": "base64", "data": "AAAA"}}]},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "1", "name": "f", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1", "content": "7"}]},
    ]
    items = [
        {"role": "user", "content": [{"type": "input_image", "image_url": "data:image/png;base64,AAAA"}]},
        {"type": "function_call", "call_id": "1", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "1", "output": "7"},
    ]
    expected = (Said("system", "Rules."), Attached("image", "AAAA"), Called("1", "f", {}), Returned("1", "7"))
    assert conversation(asked({"messages": chat}, "chat")) == expected
    assert conversation(asked({"system": "Rules.", "messages": messages}, "messages")) == expected
    assert conversation(asked({"instructions": "Rules.", "input": items}, "responses")) == expected


@pytest.mark.parametrize(
    "arrived",
    [
        BY_CHAT | {"messages": [{"role": "developer", "content": "Be brief."}, TEXT]},
        BY_CHAT | {"messages": [TEXT | {"content": f"Be brief.\n\n{TEXT['content']}"}]},
        BY_CHAT | {"messages": [{"role": "system", "content": "You are ACME. Be  brief."}, TEXT]},
    ],
)
def test_system_text_may_be_elsewhere_and_beside_other_text(arrived):
    assert (
        judged(lane_turns.text_lost_upstream, messages_by_chat(BY_MESSAGES | {"system": "Be brief."}, arrived))
        is Status.PASS
    )


def test_texts_in_another_order_are_found_out():
    two = [{"role": "user", "content": "One."}, {"role": "assistant", "content": "Two."}, TEXT]
    pair = messages_by_chat(BY_MESSAGES | {"messages": two}, BY_CHAT | {"messages": [two[1], two[0], TEXT]})
    assert judged(lane_turns.text_lost_upstream, pair) is Status.FAIL


@pytest.mark.parametrize(
    ("mine", "theirs", "status"),
    [
        ({"temperature": 0}, {"temperature": 0}, Status.PASS),
        ({"temperature": 0}, {}, Status.FAIL),
        ({"temperature": 1.7}, {"temperature": 1}, Status.PASS),
        ({"n": 1}, {}, Status.PASS),
        ({"n": 2}, {}, Status.FAIL),
        ({"stop": "END"}, {"stop_sequences": ["END"]}, Status.PASS),
        ({"max_completion_tokens": 16}, {"max_tokens": 16}, Status.PASS),
        ({"max_completion_tokens": 8}, {"max_tokens": 9}, Status.FAIL),
    ],
)
def test_decisive_fields_have_their_counterparts(mine, theirs, status):
    assert judged(lane_fields.decisive_field_lost, chat_by_messages(BY_CHAT | mine, BY_MESSAGES | theirs)) is status


def test_a_declared_loss_is_none():
    pair = chat_by_messages(BY_CHAT | {"seed": 7}, BY_MESSAGES)
    assert judged(lane_fields.field_lost, pair) is Status.FAIL
    assert judged(lane_fields.field_lost, pair, GatewayPolicy(dropped=("seed",))) is Status.PASS


def test_json_by_a_tool_of_the_gateway_is_no_call():
    call = {"type": "tool_use", "id": "1", "name": "json_output", "input": {"a": 1}}
    upstream = {
        "type": "message",
        "role": "assistant",
        "content": [call],
        "stop_reason": "tool_use",
        "id": "1",
        "model": "m",
    }
    pair = chat_by_messages(client=completion({"content": '{"a": 1}'}), upstream=upstream)
    for rule in (lane_replies.text_lost, lane_replies.ending_changed):
        assert judged(rule, pair) is Status.PASS


def test_rules_about_lanes_say_nothing_where_the_api_stays():
    client, _ = messages_by_chat()
    for rule in (lanes.field_of_another_api, lane_turns.text_lost_upstream, lane_replies.text_lost):
        assert judged(rule, (client, client)) is Status.NOT_APPLICABLE


def test_every_setting_has_a_field_and_a_name_of_its_own_for_each_api():
    for api in ("chat", "messages", "responses"):
        fields = [path for setting in SETTINGS for path in setting.fields(api)]
        assert all(fields)
    assert all(setting.chat or setting.messages or setting.responses for setting in SETTINGS)


def test_values_that_say_nothing_are_no_settings():
    body = {"n": 1, "stop": None, "logit_bias": {}, "temperature": 0, "store": False}
    assert [path for setting in SETTINGS for path, _ in sent(setting, "chat", body)] == ["temperature"]


def test_usage_that_comes_with_the_last_event_is_not_lost_where_the_upstream_sends_no_last_event():
    asked = {**BY_CHAT, "stream": True, "stream_options": {"include_usage": True}}
    got = at("chat", streamed(*HELLO, body=asked, probe="chat.gateway.variant"))
    sent = [msg.START, msg.OPEN, msg.BLOCK_DELTA, msg.CLOSE, msg.MESSAGE_DELTA]
    for last, status in (((), Status.NOT_APPLICABLE), ((msg.STOP,), Status.FAIL)):
        upstream = at("messages", msg.events(*sent, *last, body=BY_MESSAGES | {"stream": True}))
        assert judged(lane_failures.usage_changed, both(got, upstream)) is status
