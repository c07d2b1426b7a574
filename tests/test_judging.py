"""Judging: pure, grouped by test case, with `untestable` for missing evidence."""

from dataclasses import replace

import pytest

from conformance.catalogue import installed
from conformance.deciding import decide
from conformance.judging import judge
from conformance.model.case import CaseId, Kind
from conformance.model.exchange import Ending, Exchange
from conformance.model.rule import rule
from conformance.model.run import RunManifest
from conformance.model.target import Policy, Prices, Target
from conformance.model.verdict import MUST, Finding, Status, untestable
from conformance.model.words import GENERATIVE
from conformance.rules.conditions import succeeded
from conformance.rules.example import HELLO, answered, completion, error, exchange, streamed


def facts(ids, **target):
    return RunManifest(
        tool="test",
        started="2026-01-01T00:00:00Z",
        target=Target(base_url="http://h/v1", model="m", **target),
        suite="gate",
        profiles=("langgraph",),
        planned=tuple(ids),
    )


def named(x: Exchange, name: str, case: CaseId) -> Exchange:
    return replace(x, id=name, case=case, cache={})


def hello(mode, profile="langgraph", api="chat"):
    return CaseId(api, profile, mode, Kind.BASELINE)


GREETINGS = {
    "chat.hello-langgraph-stream": named(streamed(*HELLO), "chat.hello-langgraph-stream", hello("stream")),
    "chat.hello-langgraph-unary": named(answered(completion()), "chat.hello-langgraph-unary", hello("unary")),
}


def judged(exchanges, **target):
    return judge(facts(exchanges, **target), exchanges.__getitem__, tuple(exchanges))


def test_judging_twice_gives_the_same_verdicts_whatever_the_order_of_the_ids():
    fresh = {name: replace(x, cache={}) for name, x in reversed(GREETINGS.items())}
    planned = facts(GREETINGS)
    again = judge(planned, fresh.__getitem__, tuple(fresh))
    assert judge(planned, GREETINGS.__getitem__, tuple(GREETINGS)).verdicts == again.verdicts


@pytest.mark.parametrize(("again", "unreachable"), [(streamed(*HELLO), set()), (None, {"chat.hello-langgraph-stream"})])
def test_a_target_is_unreachable_where_no_connection_could_be_made_at_any_attempt(again, unreachable):
    name = "chat.hello-langgraph-stream"
    lost = named(exchange(b"", ending=Ending("unreachable", "connect", 0)), name, hello("stream"))
    later = replace(named(again or lost, f"{name}.2", hello("stream")), attempt=2)
    assert judged(GREETINGS | {name: lost, later.id: later}).unreachable == unreachable


def test_a_timed_rule_needs_a_recording_with_arrival_times():
    without = {name: replace(x, recorded=frozenset({"bytes"}), cache={}) for name, x in GREETINGS.items()}
    timed = {rule.id for rule in installed().rules if rule.timed}
    for exchanges, expected in ((without, True), (GREETINGS, False)):
        reasons = {v.message for v in judged(exchanges).verdicts if v.rule in timed}
        assert ("the recording has no arrival times" in reasons) is expected


def test_verdicts_come_by_rule_and_case():
    verdicts = judged(GREETINGS).verdicts
    assert list(verdicts) == sorted(verdicts, key=lambda v: (v.rule, v.api, v.profile, v.probe, v.mode))
    assert len({v.rule for v in verdicts}) > 100


def test_a_good_baseline_response_passes_in_both_modes():
    verdicts = judged(GREETINGS).verdicts
    assert [v for v in verdicts if v.status in (Status.FAIL, Status.ERROR)] == []
    assert {v.mode for v in verdicts if v.status is Status.PASS} == {"stream", "unary"}


def test_rules_over_both_modes_name_both_exchanges():
    both = [v for v in judged(GREETINGS).verdicts if len(v.exchanges) == 2]
    assert both
    assert all(set(v.exchanges) == set(GREETINGS) for v in both)


def test_a_dropped_stream_fails_and_says_whom_it_hurts():
    name = "chat.hello-langgraph-stream"
    dropped = named(answered(completion(), mode="stream"), name, hello("stream"))
    result = judged(GREETINGS | {name: dropped})
    failed = [v for v in result.verdicts if v.status is Status.FAIL and v.level is MUST]
    assert [v.rule for v in failed] == ["FLD001"]
    assert "stream" in failed[0].message
    assert "application/json" in failed[0].message
    assert "langgraph" in {impact.profile for impact in result.client_impacts[name] if not impact.delivered}


def messages_with(stream, unary):
    """Baseline exchanges of Messages."""
    return {
        f"messages.hello-claude-sdk-{mode}": named(
            x, f"messages.hello-claude-sdk-{mode}", hello(mode, "claude-sdk", "messages")
        )
        for mode, x in (("stream", stream), ("unary", unary))
    }


def not_offered(status, said=None):
    """An error for an API that is not offered, in both modes."""
    said = said or error()
    return messages_with(answered(said, status=status, mode="stream"), answered(said, status=status))


def musts(judgement, api="messages"):
    """The MUST rules that fail for an API."""
    failed = (v for v in judgement.verdicts if v.status is Status.FAIL and v.level is MUST and v.api == api)
    return {v.rule for v in failed}


@pytest.mark.parametrize("status", [404, 405, 501])
def test_an_api_that_is_not_offered_is_not_applicable_beside_one_that_is(status):
    gone = not_offered(status)
    beside = judged(GREETINGS | gone)
    assert {v.status for v in beside.verdicts if v.api == "messages"} == {Status.NOT_APPLICABLE}
    assert (set(beside.absent), set(beside.capabilities)) == ({"messages"}, {"chat"})
    for judgement in (
        judged(GREETINGS | gone, apis=("chat", "messages")),
        judged(GREETINGS | gone, paths={"messages": "/nope"}),
        judged(gone),
    ):
        assert (musts(judgement), judgement.absent) == ({"ERR022"}, {})


def test_each_mode_may_say_in_its_own_way_that_the_api_is_not_offered():
    both = messages_with(answered("", status=405, mode="stream"), answered({"detail": "Not Found"}, status=404))
    assert set(judged(GREETINGS | both).absent) == {"messages"}


NO_ROUTE = {"error": "Unexpected endpoint or method. (POST /v1/x)"}
"""How LM Studio answers a path that it does not have."""


def test_an_error_about_the_path_shows_a_missing_api_whatever_its_status():
    assert set(judged(GREETINGS | not_offered(200, NO_ROUTE)).absent) == {"messages"}
    named_api = judged(GREETINGS | not_offered(200, NO_ROUTE), apis=("chat", "messages"))
    assert "ERR013" in musts(named_api)


@pytest.mark.parametrize("said", ["POST /v1/x: invalid upstream reply", "POST /v1/x: model m not found", "No model."])
def test_another_error_with_a_success_status_is_no_missing_api(said):
    judgement = judged(GREETINGS | not_offered(200, {"error": said}))
    assert judgement.absent == {}
    assert "ERR013" in musts(judgement)


def test_an_api_that_rejects_streams_only_is_offered():
    half = messages_with(answered(error(), status=501, mode="stream"), answered(completion()))
    assert judged(GREETINGS | half).absent == {}
    alone = {name: x for name, x in half.items() if x.mode == "stream"}
    assert judged(GREETINGS | alone).absent == {}


@pytest.mark.parametrize(
    "said",
    [error("model: m"), error("No.", param="model"), error("No.", code="model_not_found"), {"detail": "No model m."}],
)
def test_an_unknown_model_is_no_missing_api(said):
    assert judged(GREETINGS | not_offered(404, said)).absent == {}


def test_a_missing_model_is_no_missing_api():
    lost = answered(error("no such model", param="model", code="model_not_found"), status=404)
    unary = named(lost, "chat.hello-langgraph-unary", hello("unary"))
    result = judged({"chat.hello-langgraph-unary": unary})
    assert Status.FAIL in {v.status for v in result.verdicts}


def test_a_response_that_the_harness_cut_shows_nothing_about_fields_or_clients():
    ending = Ending("limit", "body", 0, "the response has 8388608 bytes or more")
    cut = {name: replace(x, ending=ending, cache={}) for name, x in GREETINGS.items()}
    result = judged(cut)
    assert {v.rule for v in result.verdicts if v.status is Status.FAIL} == {"HTTP019"}
    assert (result.observations, result.impact, result.client_impacts) == ([], (), {})


def test_requests_tokens_and_cost_are_counted():
    result = judged(GREETINGS, prices=Prices(request=0.018))
    assert result.requests == 2
    assert (result.tokens_prompt, result.tokens_completion) == (3, 3)
    assert result.cost_usd == pytest.approx(0.036)
    by_token = judged(GREETINGS, prices=Prices(input=1.0, output=2.0))
    assert by_token.cost_usd == pytest.approx((3 * 1.0 + 3 * 2.0) / 1e6)
    assert judged(GREETINGS).cost_usd is None


def test_no_reply_is_untestable_for_rules_about_replies():
    silent = named(
        exchange(b"", ending=Ending("timeout", "first-byte", 1)), "chat.hello-langgraph-stream", hello("stream")
    )
    result = judged({"chat.hello-langgraph-stream": silent})
    assert Status.UNTESTABLE in {v.status for v in result.verdicts}
    assert any(v.status is Status.FAIL and v.level is MUST for v in result.verdicts)


def made(judge_function):
    build = rule(
        "XXX001",
        MUST,
        "t",
        spec="https://example.org",
        fix="f.",
        applies_to=succeeded,
        apis=GENERATIVE,
        good=[streamed(*HELLO)],
        bad=[streamed()],
    )
    return build(judge_function)


def test_a_rule_that_raises_is_our_error_and_not_the_target_s():
    def broken(x):
        """Raise."""
        raise RecursionError("deep")

    x = streamed(*HELLO)
    status, message, _ = decide(made(broken), {"x": x, "baseline": None, "policy": Policy()}, (x,))
    assert status is Status.ERROR
    assert "XXX001" in message
    assert "RecursionError: deep" in message


def test_a_rule_may_yield_that_it_could_not_tell_but_a_finding_wins():
    def unsure(x):
        """Yield untestable."""
        yield untestable("too fast to tell")

    def sure(x):
        """Yield untestable and a finding."""
        yield untestable("too fast to tell")
        yield Finding("late")

    x = streamed(*HELLO)
    given = {"x": x, "baseline": None, "policy": Policy()}
    assert decide(made(unsure), given, (x,)) == (Status.UNTESTABLE, "too fast to tell", ())
    assert decide(made(sure), given, (x,))[0] is Status.FAIL


def test_many_findings_are_counted_and_cut():
    def loud(x):
        """Yield findings without end."""
        while True:
            yield Finding("again")

    x = streamed(*HELLO)
    status, message, findings = decide(made(loud), {"x": x, "baseline": None, "policy": Policy()}, (x,))
    assert status is Status.FAIL
    assert "more" in message
    assert len(findings) == 20
