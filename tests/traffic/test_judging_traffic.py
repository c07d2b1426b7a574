"""Traffic that somebody else sent is judged exchange by exchange, and summed up by host and model."""

from datetime import UTC, datetime

from traffic import BAD, GOOD, REFUSED, recorded

from conformance.catalogue import installed
from conformance.model.rule import LACKING
from conformance.model.verdict import Status
from conformance.rules.example import HELLO, streamed
from conformance.traffic import MOST_EXAMPLES, MOST_MESSAGES, Place, judge_apart, judge_traffic


def judged(*exchanges):
    return judge_traffic(exchanges, installed())


def verdicts(traffic, rule, status=None):
    return [v for v in traffic.judgement.verdicts if v.rule == rule and status in (None, v.status)]


def test_each_host_and_model_has_verdicts_of_its_own():
    found = judged(
        recorded(GOOD, "1", day=3), recorded(GOOD, "2", model="n"), recorded(BAD, "3"), recorded(BAD, "4", host="other")
    )
    failed = {(v.host, v.model): v.exchanges for v in verdicts(found, "CMP001", Status.FAIL)}
    assert failed == {("api.example", "m"): ("3",), ("other", "m"): ("4",)}
    passed = {(v.host, v.model): v.cases for v in verdicts(found, "CMP001", Status.PASS)}
    assert passed == {("api.example", "m"): 1, ("api.example", "n"): 1}
    first, *_ = found.groups
    assert first.place == Place("api.example", "m", "chat")
    assert (first.exchanges, first.first, first.last) == (
        2,
        datetime(2026, 11, 2, tzinfo=UTC),
        datetime(2026, 11, 3, tzinfo=UTC),
    )


def test_equal_verdicts_are_counted_and_only_the_first_exchanges_are_kept():
    found = judged(*(recorded(BAD, f"{number:03}") for number in range(50)))
    (failed,) = verdicts(found, "CMP001", Status.FAIL)
    assert failed.cases == found.judgement.requests == 50
    assert failed.exchanges == tuple(f"{number:03}" for number in range(MOST_EXAMPLES))
    assert set(found.examples) == set(failed.exchanges)
    assert all(not x.cache for x in found.examples.values())


def test_verdicts_with_many_different_messages_stay_few():
    named = [streamed(*({**HELLO[0], "object": f"chunk-{number}"}, *HELLO[1:])) for number in range(9)]
    found = judged(*(recorded(x, str(number)) for number, x in enumerate(named)))
    failed = verdicts(found, "CHK001", Status.FAIL)
    assert len(failed) == MOST_MESSAGES
    assert sum(v.cases for v in failed) == 9


def test_what_needs_another_exchange_or_another_facet_is_untestable_and_says_why():
    found = judged(recorded(GOOD, "1"), recorded(streamed(*HELLO), "2"))
    reasons = {v.rule: v.message for v in found.judgement.verdicts if v.status is Status.UNTESTABLE}
    assert "both modes" in reasons["CMP014"]
    assert "was not recorded" in reasons["FLD002"]
    assert reasons["HTTP005"] == LACKING["framing"]
    assert reasons["DLV003"] == LACKING["timing"]
    assert all(v.status is not Status.FAIL for v in found.judgement.verdicts)


def test_a_rule_about_the_harness_s_own_requests_has_no_verdict_on_traffic():
    found = judged(recorded(GOOD, "1"), recorded(REFUSED, "2"))
    assert {v.rule for v in found.judgement.verdicts} & {"LIFE001", "AUTH001", "FLD003", "MDL001"} == set()


def test_a_refused_request_may_have_been_wrong_so_that_the_target_is_not_blamed():
    found = judged(recorded(REFUSED, "1"))
    assert [v.rule for v in found.judgement.verdicts if v.status is Status.FAIL] == []


def test_what_clients_make_of_a_failing_response_is_simulated_for_the_first_ones():
    found = judged(*(recorded(streamed(*HELLO[:3], "[DONE]"), str(number)) for number in range(30)))
    assert 0 < len(found.judgement.client_impacts) < 30


def test_exchanges_are_judged_apart():
    pair = recorded(GOOD, "1"), recorded(BAD, "2", host="other")
    found = judge_apart(pair, installed(), lambda x: x.origin.host)
    assert list(found) == ["api.example", "other"]
    assert [traffic.judgement.requests for traffic in found.values()] == [1, 1]
    assert verdicts(found["other"], "CMP001", Status.FAIL)
    assert judge_traffic((), installed()).judgement.requests == 0
