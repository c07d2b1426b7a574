"""The incident's numbers, and the cost of a correct 501."""

import pytest
from client_replies import answered, received, reply_to, whole

from conformance.clients import CLIENTS, affected_clients, impact, profile_impacts
from conformance.model.target import Prices
from conformance.rules.example import exchange

INCIDENT = Prices(request=0.018)
BY_NAME = {client.name: client for clients in CLIENTS.values() for client in clients}


def seen_by(name, behaviour, prices=INCIDENT):
    api = BY_NAME[name].api
    stream, unary = reply_to(api, "stream", "text", behaviour), reply_to(api, "unary", "text", behaviour)
    return impact(BY_NAME[name], stream, unary, prices)


def test_hermes_0_14_wastes_what_the_incident_wasted():
    seen = seen_by("hermes 0.14", "json_200_on_stream")
    assert (seen.outcome, seen.requests, seen.billed) == ("empty_silent", 4, 4)
    assert (seen.wasted_usd, seen.cost_usd, seen.estimated) == (0.054, 0.072, False)
    assert seen.detail == (
        "hermes 0.14 finds no event in the stream and treats the response as empty, then retries three times. "
        "Its user sees `(empty)`."
    )


def test_hermes_0_19_asks_nine_times():
    seen = seen_by("hermes 0.19", "json_200_on_stream")
    assert (seen.outcome, seen.requests, seen.wasted_usd) == ("exception", 9, 0.144)
    assert "retries eight times" in seen.detail
    assert "empty stream" in seen.error


def test_the_others_pay_once_for_nothing():
    assert [
        (seen.outcome, seen.requests, seen.wasted_usd, seen.cost_usd, seen.delivered)
        for seen in (seen_by("LangGraph 1.2", "json_200_on_stream"), seen_by("Letta 0.16", "json_200_on_stream"))
    ] == [("exception", 1, 0.0, 0.018, False), ("empty_silent", 1, 0.0, 0.018, False)]


@pytest.mark.parametrize("name", ["LangGraph 1.2", "Letta 0.16", "Claude SDK 2.12", "openai-python 3.54"])
def test_the_stop_gap_done_right_costs_the_sdks_one_request_and_no_money(name):
    seen = seen_by(name, "501_no_retry_on_stream_only")
    assert (seen.outcome, seen.requests, seen.billed, seen.cost_usd) == ("exception", 1, 0, 0.0)
    assert "gets HTTP 501" in seen.detail
    assert "not supported" in seen.error


@pytest.mark.parametrize("name", ["hermes 0.19", "hermes 0.14"])
def test_hermes_recovers_from_the_stop_gap_with_a_second_request(name):
    seen = seen_by(name, "501_no_retry_on_stream_only")
    assert (seen.outcome, seen.requests, seen.billed) == ("text+", 2, 1)
    assert (seen.wasted_usd, seen.cost_usd) == (0.0, 0.018)
    assert "the complete response" in seen.detail


def test_hermes_does_not_recover_from_a_400_or_from_other_words():
    assert [seen_by("hermes 0.19", b).requests for b in ("400_on_stream_only", "501_html")] == [1, 3]


def test_without_a_recorded_fallback_nothing_is_said_to_be_delivered():
    x = reply_to("chat", "stream", "text", "501_on_stream_only")
    seen = impact(BY_NAME["hermes 0.19"], x, None, INCIDENT)
    assert (seen.delivered, seen.requests, seen.billed) == (False, 2, 0)
    assert "not recorded" in seen.detail


def test_a_good_stream_hurts_nobody():
    for api in ("chat", "messages"):
        x = reply_to(api, "stream", "text", "ok_sse")
        assert affected_clients(x, None, INCIDENT) == ()


def test_the_incident_hurts_every_chat_client_and_each_profile_once_a_fate():
    x = reply_to("chat", "stream", "text", "json_200_on_stream")
    hurt = affected_clients(x, None, INCIDENT)
    assert {seen.client for seen in hurt} == {
        "hermes 0.19", "hermes 0.14", "LangGraph 1.2", "Letta 0.16", "Letta 0.11", "openai-python 3.54",
        "openai-python 3.54 (stream helper)", "openai-node 7.59", "openai-node 7.59 (stream helper)",
        "OpenAI Agents SDK 0.24", "Pydantic AI 2.68", "AI SDK 7 (openai-compatible)", "AI SDK 7 (openai)",
        "LiteLLM 1.106", "CrewAI 1.15", "CrewAI 1.15 (LLM.call)", "Instructor 1.17",
    }  # fmt: skip
    assert {seen.profile for seen in hurt} == {name for name, cs in CLIENTS.items() if any(c.api == "chat" for c in cs)}
    assert {seen.probe for seen in hurt} == {"chat.hello"}


def test_the_claude_agent_sdk_recovers_from_the_incident_and_pays_twice():
    seen = seen_by("Claude Agent SDK 0.2", "json_200_on_stream")
    assert (seen.outcome, seen.requests, seen.billed, seen.wasted_usd, seen.cost_usd) == ("text", 2, 2, 0.018, 0.036)


@pytest.mark.parametrize(
    ("name", "requests"),
    [
        ("openai-node 6.49", 1),
        ("OpenAI Agents SDK 0.24", 1),
        ("Pydantic AI 2.68", 1),
        ("LiteLLM 1.106", 1),
        ("Claude Agent SDK 0.2", 1),
        ("AI SDK 6 (openai-compatible)", 3),
        ("AI SDK 6 (anthropic)", 3),
        ("LangGraph 1.2 (RetryPolicy)", 3),
        ("CrewAI 1.15", 3),
    ],
)
def test_the_stop_gap_costs_no_money_whoever_asks_how_often(name, requests):
    seen = seen_by(name, "501_no_retry_on_stream_only")
    assert (seen.requests, seen.billed, seen.delivered, seen.cost_usd) == (requests, 0, False, 0.0)


@pytest.mark.parametrize("name", ["Letta 0.11", "Instructor 1.17"])
def test_who_demands_a_tool_call_gets_nothing_from_words_but_others_words_are_no_fault(name):
    words = reply_to("chat", "stream", "text", "ok_sse")
    assert impact(BY_NAME[name], words, None, INCIDENT).outcome == "text"
    demanded = received("called", "stream", words.received)
    assert impact(BY_NAME[name], demanded, None, INCIDENT).outcome in ("exception", "empty_silent")


def test_the_profile_that_asked_is_played_by_its_own_clients():
    x = answered("chat", "unary", whole("chat"))
    assert profile_impacts(x, None, INCIDENT) == ()
    asked = x.for_case(type(x.case)("chat", "hermes", "unary", "chat.hello"))
    assert [seen.client for seen in profile_impacts(asked, None, INCIDENT)] == ["hermes 0.19", "hermes 0.14"]


def test_tokens_are_priced_as_counted_by_the_server():
    seen = seen_by("openai-python 3.54", "json_200_on_stream", Prices(input=1.0, output=10.0))
    assert (seen.cost_usd, seen.estimated) == (round((9 * 1.0 + 9 * 10.0) / 1e6, 9), False)


def test_tokens_that_nobody_counted_are_estimated_and_said_to_be():
    seen = seen_by("openai-python 3.54", "ok_sse", Prices(output=4.0))
    assert seen.estimated
    assert seen.cost_usd == pytest.approx(
        len("Good day, and welcome to the harbour. Mind the step.") / 4 * 4e-6, rel=0.1
    )


def test_without_a_price_there_is_no_cost():
    seen = seen_by("hermes 0.14", "json_200_on_stream", Prices())
    assert (seen.cost_usd, seen.wasted_usd, seen.requests) == (None, None, 4)


def test_a_reply_that_never_came_is_not_billed():
    seen = impact(BY_NAME["hermes 0.19"], exchange(b""), None, INCIDENT)
    assert (seen.requests, seen.billed, seen.cost_usd) == (6, 0, 0.0)
