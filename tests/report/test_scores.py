"""The numbers that can be quoted: computed from the verdicts, by API and rule."""

import msgspec
import pytest

from conformance import catalogue
from conformance.model.verdict import Level, Status
from conformance.report import scores
from conformance.report.scores import Score


@pytest.fixture
def report_with(record):
    """Makes a report with the given verdicts, each an API, a rule, a status and maybe a level."""
    report = record("native").report
    pattern = report.verdicts[0]

    def make(*verdicts, **facts):
        made = []
        for api, rule, status, *level in verdicts:
            changes = {"api": api, "rule": rule, "status": Status(status), "level": Level(*level or ["MUST"])}
            made.append(msgspec.structs.replace(pattern, **changes, message=f"{rule} {status}"))
        return msgspec.structs.replace(report, verdicts=tuple(made), **{"exit_code": 1} | facts)

    return make


def test_a_rule_that_fails_in_one_place_fails(report_with):
    report = report_with(("chat", "A", "pass"), ("chat", "A", "fail"), ("chat", "A", "pass"), ("chat", "B", "pass"))
    assert scores.scores(report) == (Score("chat", passed=1, judged=2, untestable=0, errors=0),)
    (failed, _) = scores.rule_rows(report.verdicts)
    assert (failed.status, failed.why, failed.counts[Status.PASS]) == (Status.FAIL, "A fail", 2)


def test_untestable_and_not_applicable_rules_are_not_in_the_total(report_with):
    report = report_with(
        ("chat", "A", "pass"), ("chat", "B", "untestable"), ("chat", "C", "not-applicable"), ("chat", "D", "error")
    )
    (score,) = scores.scores(report)
    assert (score.fraction, score.beside) == ("1 of 1", "1 untestable, 1 with a harness error")


def test_a_rule_that_passes_in_one_place_passes_though_another_was_untestable(report_with):
    report = report_with(("chat", "A", "untestable"), ("chat", "A", "pass"), ("chat", "A", "not-applicable"))
    assert scores.scores(report) == (Score("chat", 1, 1, 0, 0),)


def test_a_waiver_does_not_raise_the_number(report_with):
    report = report_with(("chat", "A", "fail"), ("chat", "B", "pass"))
    waived = tuple(msgspec.structs.replace(v, waived="known") for v in report.verdicts)
    assert scores.scores(msgspec.structs.replace(report, verdicts=waived))[0].fraction == "1 of 2"


def test_only_musts_count_and_each_api_has_its_own_number(report_with):
    report = report_with(
        ("messages", "A", "fail"),
        ("chat", "A", "pass"),
        ("chat", "B", "fail", "SHOULD"),
        ("responses", "A", "untestable"),
    )
    assert [(score.api, score.fraction) for score in scores.scores(report)] == [
        ("chat", "1 of 1"),
        ("messages", "0 of 1"),
    ]


def test_a_failure_by_chance_does_not_make_a_must_fail(report_with):
    report = report_with(("chat", "A", "pass"), ("chat", "A", "fail", "SHOULD"))
    assert scores.scores(report)[0].fraction == "1 of 1"


@pytest.mark.parametrize("code", [3, 130])
def test_a_run_that_proves_too_little_has_no_number(report_with, code):
    report = report_with(("chat", "A", "pass"), exit_code=code)
    assert scores.scores(report) == ()
    assert list(scores.quotes(report)) == []


def test_a_quote_names_target_api_day_suite_and_catalogue(report_with):
    (quote,) = scores.quotes(report_with(("chat", "A", "pass"), ("chat", "B", "fail"), ("chat", "C", "untestable")))
    rules = len(catalogue.rules())
    assert quote == (
        "staging, model m-1, chat: 1 of 2 MUST rules pass (1 untestable), 2026-11-22, suite gate, "
        f"catalogue 0.4.0 with {rules} rules"
    )


def test_the_number_agrees_with_the_verdict_on_a_real_run(record):
    good, bad = record("native").report, record("silent_json").report
    assert all(score.passed == score.judged for score in scores.scores(good))
    failed = {v.rule for v in bad.verdicts if v.counts and v.level is Level.MUST}
    assert sum(score.judged - score.passed for score in scores.scores(bad)) == len(failed) > 0
