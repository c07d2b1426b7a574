"""What a recording is judged by: the selected rules, and what fails the run."""

import json
from datetime import date

import msgspec
import pytest

from conformance import catalogue, schemas
from conformance.model.criteria import ALL_RULES, RuleSelection
from conformance.model.waiver import Waiver
from conformance.report.formats.registry import FORMATS

NEVER = date(2099, 1, 1)
FLD = RuleSelection(select=("FLD",))


def waiver(rule, until=NEVER):
    return Waiver(rule=rule, reason="known", until=until)


def outcomes(report):
    return {(v.rule, v.profile, v.mode, v.probe): (v.status, v.level, v.message) for v in report.verdicts}


def rules_of(report):
    return {v.rule for v in report.verdicts}


@pytest.mark.parametrize("reply", ["silent_json", "native", "hostile"])
@pytest.mark.parametrize(
    "selection", [FLD, RuleSelection(select=("SSE001", "HTTP")), RuleSelection(ignore=("FLD", "SSE001"))], ids=str
)
def test_selected_rules_have_the_same_verdicts_as_without_a_selection_and_others_have_none(record, reply, selection):
    whole, part = record(reply).report, record(reply, rules=selection).report
    left_out = {rule.id for rule in catalogue.rules() if not selection.includes(rule)}
    assert outcomes(part) == {key: said for key, said in outcomes(whole).items() if key[0] not in left_out}
    assert rules_of(part)
    assert set(part.rules).isdisjoint(left_out)


def test_deselected_rules_appear_in_no_format(record):
    run = record("silent_json", rules=RuleSelection(ignore=("FLD",)))
    for name, render in FORMATS.items():
        if name != "har":
            assert b"FLD001" not in render(run.report, run.evidence), name


def test_the_report_says_once_which_rules_judged(record):
    report = record("silent_json", rules=RuleSelection(("FLD", "SSE001"), ("FLD003",))).report
    judged = sum(rule.family == "FLD" or rule.id == "SSE001" for rule in catalogue.rules()) - 1
    sentence = f"Judged by {judged} of {len(catalogue.rules())} rules: --select FLD,SSE001 --ignore FLD003."
    assert [line for line in report.summary.headline if "Judged by" in line] == [sentence]
    document = json.loads(msgspec.json.encode(report))
    assert (document["select"], document["ignore"]) == (["FLD", "SSE001"], ["FLD003"])
    schemas.validator("report").validate(document)


def test_without_a_selection_nothing_is_said_of_one(record):
    assert "Judged by" not in " ".join(record("native").report.summary.headline)


def test_a_selection_decides_the_exit_code(record):
    assert record("silent_json").report.exit_code == 1
    assert record("silent_json", rules=RuleSelection(select=("FLD001",))).report.exit_code == 1
    failing = {v.rule for v in record("silent_json").report.verdicts if v.counts and v.level == "MUST"}
    assert record("silent_json", rules=RuleSelection(ignore=tuple(failing))).report.exit_code == 0


def test_a_target_that_answers_nothing_is_not_conformant_whatever_is_selected(record):
    report = record("nobody_home", rules=RuleSelection(select=("USE",))).report
    assert report.exit_code == 3
    assert "No baseline request succeeded" in report.summary.headline[0]


def test_a_selection_that_decides_nothing_proves_nothing(record):
    report = record("native", rules=RuleSelection(select=("RSP",))).report
    assert (report.exit_code, report.verdicts) == (3, ())
    assert any("No selected rule passed or failed" in line for line in report.summary.headline)


def test_a_waiver_for_a_deselected_rule_is_not_stale(record):
    given = [waiver("SSE001"), waiver("*"), waiver("FLD002"), waiver("FLD001", date(2020, 1, 1))]
    report = record("native", given, rules=FLD, fail_on=("stale-waiver",)).report
    assert [(w.rule, w.state) for w in report.waivers] == [("FLD002", "stale"), ("FLD001", "expired")]
    assert record("native", given[:2], rules=FLD, fail_on=("stale-waiver",)).report.exit_code == 0


def test_a_waiver_covers_failures_of_selected_rules(record):
    report = record("silent_json", [waiver("*")], rules=FLD).report
    assert (report.exit_code, [w.state for w in report.waivers]) == (0, ["used"])


def waived_musts(record):
    """Waivers for the failed MUSTs of a reply that fails SHOULDs, too."""
    failed = [v for v in record("silent_json").report.verdicts if v.counts]
    assert {v.level for v in failed} >= {"MUST", "SHOULD"}
    return [waiver(rule) for rule in {v.rule for v in failed if v.level == "MUST"}]


@pytest.mark.parametrize(
    ("fail_on", "code"),
    [((), 0), (("must",), 0), (("should",), 1), (("untestable",), 1), (("stale-waiver",), 0), (("must", "should"), 1)],
)
def test_each_word_of_fail_on_counts_on_its_own(record, fail_on, code):
    report = record("silent_json", waived_musts(record), fail_on=fail_on).report
    assert any(v.status == "untestable" for v in report.verdicts)
    assert report.exit_code == code


def test_strict_is_every_word_of_fail_on_and_names_each_cause(record):
    report = record(
        "silent_json", [*waived_musts(record), waiver("BILL001"), waiver("CMP001", date(2020, 1, 1))], strict=True
    ).report
    said = [line for line in report.summary.headline if line.startswith("--strict: ")]
    assert report.fail_on == ("must", "should", "untestable", "stale-waiver")
    should = {v.rule for v in report.verdicts if v.counts and v.level == "SHOULD"}
    assert said[0].startswith(f"--strict: {len(should)} SHOULD rule")
    untestable = [v for v in report.verdicts if v.status == "untestable"]
    assert said[1].startswith(f"--strict: {len(untestable)} verdicts could not be tested: ")
    assert said[2] == "--strict: 2 stale waivers: BILL001 covers no failure; CMP001 expired on 2020-01-01."
    assert len(said) == 3


def test_reasons_of_untestable_verdicts_are_counted_and_at_most_five(record):
    report = record("hostile", fail_on=("untestable",)).report
    (line,) = [line for line in report.summary.headline if line.startswith("--fail-on untestable: ")]
    counts = [int(part.rsplit("(", 1)[1].split(")")[0]) for part in line.rstrip(".").split("; ")]
    assert sum(counts) == sum(v.status == "untestable" for v in report.verdicts)
    assert counts[:5] == sorted(counts[:5], reverse=True)
    assert len(counts) <= 6


def test_without_the_option_no_cause_is_named(record):
    lines = record("silent_json", [waiver("BILL001")]).report.summary.headline
    assert not any(line.startswith("--") for line in lines)
    assert ALL_RULES.select == ()
