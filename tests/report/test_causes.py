from itertools import product
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance import catalogue
from conformance.model.impact import Impact, Outcome
from conformance.model.verdict import Level, Status
from conformance.report.causes import affected_by, causes, known_effects
from conformance.report.document import Cause, ReportVerdict
from conformance.testbed.gateway import changes as gateway_changes
from conformance.testbed.mutations import changes

RULES = {rule.id: rule for rule in catalogue.rules()}
LEVELS = list(Level)


def verdict(rule, status=Status.FAIL, probe="chat.witness.stop", api="chat", exchanges=("one",)):
    return ReportVerdict(
        rule=rule,
        title=RULES[rule].title,
        level=RULES[rule].level,
        status=status,
        api=api,
        profile="hermes",
        mode="stream",
        probe=probe,
        message="",
        findings=(),
        exchanges=exchanges,
        waived="",
        unreliable=False,
    )


def found(*failing, passing=(), hurt=None):
    verdicts = [*map(verdict, failing), *(verdict(rule, Status.PASS) for rule in passing)]
    return causes(verdicts, hurt or {})


def lost(client="hermes 0.19", outcome="empty_silent"):
    return Impact(
        client=client,
        profile="hermes",
        probe="chat.hello",
        mode="stream",
        outcome=outcome,
        requests=1,
        billed=1,
        detail="",
    )


def test_what_a_planted_defect_fails_follows_from_the_rule_that_catches_it():
    assert found("BILL010", "FLD007", "FLD001", "FLD003", "FLD004") == (
        Cause(rule="FLD001", follows=("FLD003", "BILL010", "FLD004", "FLD007"), defect="stream-dropped"),
    )


def test_a_server_that_reads_no_field_has_one_cause():
    fails = next(one.fails for one in known_effects().defects if one.name == "reads-only-messages")
    chat = [rule for rule in fails if "chat" in RULES[rule].apis]
    (cause,) = found(*chat)
    assert (cause.rule, cause.defect) == ("FLD012", "reads-only-messages")


def test_a_defect_whose_other_rules_pass_explains_nothing():
    fails = next(one.fails for one in known_effects().defects if one.name == "reads-only-messages")
    two = found("FLD012", "FLD010", passing=[rule for rule in fails if rule not in ("FLD012", "FLD010")])
    assert [(cause.rule, cause.follows) for cause in two] == [("FLD010", ()), ("FLD012", ())]


def test_a_failure_of_another_api_does_not_follow():
    both = [verdict("FLD001"), verdict("BILL010", api="messages")]
    assert [cause.rule for cause in causes(both, {})] == ["FLD001", "BILL010"]


def test_a_failure_follows_from_that_in_its_own_exchange():
    logprobs, choice = verdict("FLD014", exchanges=("logprobs",)), verdict("TOOL020", exchanges=("none",))
    for one, cause in (("logprobs", "FLD014"), ("none", "TOOL020")):
        works = verdict("EQV003", exchanges=(one, "its twin"))
        found = {made.rule: made.follows for made in causes([logprobs, choice, works], {})}
        assert found == {"FLD014": (), "TOOL020": ()} | {cause: ("EQV003",)}


def test_a_cause_that_users_notice_comes_before_a_wider_one():
    harmless = ["FLD012", "FLD010", "FLD011", "FLD013"]
    plain = verdict("CHK017", probe="chat.hello", exchanges=("hello",))
    verdicts = [*map(verdict, harmless), plain]
    client, outcomes = next(iter(known_effects().clients["CHK017"].items()))
    assert causes(verdicts, {"hello": (lost(client, outcomes[0]),)})[0].rule == "CHK017"
    assert causes(verdicts, {})[0].rule == "FLD012"


def test_a_waived_failure_has_no_cause():
    assert causes([verdict("FLD001", Status.PASS), verdict("SSE001", Status.UNTESTABLE)], {}) == ()


@given(st.sets(st.sampled_from(sorted(RULES))), st.sets(st.sampled_from(sorted(RULES))))
def test_each_failing_rule_is_named_once_and_no_must_follows_from_less(failing, passing):
    made = found(*sorted(failing), passing=sorted(passing - failing))
    assert sorted(rule for cause in made for rule in (cause.rule, *cause.follows)) == sorted(failing)
    for one, follower in ((cause.rule, rule) for cause in made for rule in cause.follows):
        assert LEVELS.index(RULES[one].level) <= LEVELS.index(RULES[follower].level)


def test_a_rule_affects_a_client_where_its_own_defects_have_that_outcome():
    by_rule = known_effects().clients
    assert "FLD001" in by_rule
    for rule, outcome in product(("FLD001", "FLD012", "ERR010"), get_args(Outcome)):
        own = outcome in by_rule.get(rule, {}).get("hermes 0.19", ())
        assert (affected_by(rule, [lost(outcome=outcome)]) != ()) == own


@pytest.mark.parametrize(("rule", "client"), [("FLD015", "Instructor 1.17"), ("ERR022", "LangChain 1.7")])
def test_a_rejected_request_affects_whoever_sends_it(rule, client):
    assert affected_by(rule, [lost(client, "exception")]) != ()


def test_every_defect_that_explains_is_planted_and_caught_by_its_rule():
    planted = {change.name: change.caught_by for change in (*changes.defects(), *gateway_changes.defects())}
    assert {one.name: one.rule for one in known_effects().defects}.items() <= planted.items()
