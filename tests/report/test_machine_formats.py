"""The formats for CI systems: one entry per rule, small, and nothing about rules that do not apply."""

import json
import re
from collections import Counter
from datetime import date
from xml.etree import ElementTree as ET

import msgspec
import pytest
from jsonschema import Draft202012Validator

from conformance import selftest
from conformance.model.verdict import Level, Status
from conformance.model.waiver import Waiver
from conformance.report import build
from conformance.report.document import Cause, Report
from conformance.report.failures import Recording
from conformance.report.formats import badge, github, json_report, junit, sarif
from conformance.report.rule_outcomes import results

NEVER = date(2099, 1, 1)
KB = 1000
PROMISED = {
    *("rule", "title", "level", "status", "api", "profile", "mode", "probe", "message", "findings", "exchanges"),
    "waived",
}
"""The keys of a verdict that the JSON report promises."""
TEXT = {"type": "object", "required": ["text"], "properties": {"text": {"type": "string", "minLength": 1}}}
SARIF = {
    "type": "object",
    "required": ["$schema", "version", "runs"],
    "additionalProperties": False,
    "properties": {
        "$schema": {"type": "string"},
        "version": {"const": "2.1.0"},
        "runs": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["tool", "results"],
                "properties": {
                    "tool": {
                        "type": "object",
                        "required": ["driver"],
                        "properties": {
                            "driver": {
                                "type": "object",
                                "required": ["name", "rules"],
                                "properties": {
                                    "rules": {
                                        "type": "array",
                                        "items": {
                                            "type": "object",
                                            "required": ["id", "shortDescription", "help", "defaultConfiguration"],
                                            "properties": {"shortDescription": TEXT, "fullDescription": TEXT},
                                        },
                                    }
                                },
                            }
                        },
                    },
                    "results": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "required": ["ruleId", "ruleIndex", "level", "message", "locations"],
                            "properties": {
                                "level": {"enum": ["none", "note", "warning", "error"]},
                                "message": TEXT,
                                "locations": {"type": "array", "minItems": 1},
                            },
                        },
                    },
                },
            },
        },
    },
}
"""The requirements of sections 3.13 to 3.51 of SARIF 2.1.0 on the parts that are written."""


def xml(run):
    return ET.fromstring(junit.render(run.report, run.evidence))  # noqa: S314 - our own


def with_verdicts(run, change, **fields):
    """The run with each verdict changed."""
    changed = tuple(map(change, run.report.verdicts))
    run.report = msgspec.structs.replace(run.report, verdicts=changed, **fields)
    return run


def lowered(verdict):
    """A failed MUST as a failed SHOULD."""
    failed = verdict.status is Status.FAIL
    return msgspec.structs.replace(verdict, level=Level.SHOULD) if failed else verdict


def outcomes(run):
    return {result.name: result.outcome for result in results(run.report)}


# JUnit


def test_junit_has_a_suite_for_each_api_and_a_case_for_each_rule_that_applies(run):
    for suite in xml(run).findall("testsuite"):
        api = suite.get("name").removeprefix("conformance.")
        applied = {v.rule for v in run.report.verdicts if v.api == api and v.status is not Status.NOT_APPLICABLE}
        cases = suite.findall("testcase")
        assert sorted(case.get("name") for case in cases) == sorted(f"{rule}[{api}]" for rule in applied)
        assert int(suite.get("tests")) == len(cases) > 0
        assert int(suite.get("failures")) == len(suite.findall("testcase/failure"))
        assert int(suite.get("skipped")) == len(suite.findall("testcase/skipped"))


def test_a_failed_must_of_junit_lists_each_place(record):
    run = record("silent_json")
    failure = xml(run).find(".//testcase[@name='FLD001[chat]']/failure")
    assert failure.get("type") == "MUST"
    assert failure.get("message").startswith("stream: true is honoured or rejected, not silently ignored: ")
    assert "chat.hello stream (hermes, langgraph, letta)" in failure.text
    failed = {v.rule for v in run.report.verdicts if v.counts and v.level is Level.MUST}
    assert len(xml(run).findall(".//failure")) == len(failed)


@pytest.mark.parametrize(
    ("strict", "tag", "other"), [(False, "system-out", "failure"), (True, "failure", "system-out")]
)
def test_a_failed_should_of_junit_is_a_failure_in_a_strict_run_alone(record, strict, tag, other):
    fail_on = ("must", "should") if strict else ("must",)
    case = xml(with_verdicts(record("silent_json"), lowered, fail_on=fail_on)).find(".//testcase[@name='FLD001[chat]']")
    assert case.find(tag).text.startswith("FLD001 SHOULD: ")
    assert case.find(other) is None


def test_a_failure_that_follows_from_another_names_it(record):
    run = record("silent_json")
    case = xml(run).find(".//testcase[@name='BILL010[chat]']")
    assert re.search(r"\n  follows from +FLD001\n", case.find("system-out").text)
    assert "follows from" not in xml(run).find(".//testcase[@name='FLD001[chat]']/failure").text


def test_a_waived_failure_of_junit_is_skipped_with_the_waiver_s_reason(record):
    run = record("silent_json", [Waiver(rule="FLD001", reason="known", until=NEVER)])
    case = xml(run).find(".//testcase[@name='FLD001[chat]']")
    assert (case.find("skipped").get("message"), case.find("failure")) == ("waived: known", None)


def test_a_rule_that_is_waived_for_one_profile_alone_still_fails(record):
    run = record("silent_json", [Waiver(rule="FLD001", profile="hermes", reason="known", until=NEVER)])
    failure = xml(run).find(".//testcase[@name='FLD001[chat]']/failure")
    assert "(langgraph, letta)" in failure.text


def test_a_rule_that_no_verdict_could_test_is_skipped_with_its_reasons(record):
    run = record("silent_json")
    unsure = next(result for result in results(run.report) if result.outcome == "untestable")
    skipped = xml(run).find(f".//testcase[@name='{unsure.name}']/skipped")
    assert skipped.get("message") == f"untestable: {unsure.reasons}"
    assert unsure.deciding[0].message in unsure.reasons


def test_a_rule_passes_if_a_verdict_does_but_in_a_strict_run_only_if_all_do(record):
    def unsure_for_one(verdict):
        one = verdict.status is Status.PASS and verdict.profile == "hermes"
        return msgspec.structs.replace(verdict, status=Status.UNTESTABLE, message="lost") if one else verdict

    assert outcomes(with_verdicts(record("native"), unsure_for_one))["HTTP001[chat]"] == "pass"
    strict = with_verdicts(record("native"), unsure_for_one, fail_on=("must", "untestable"))
    assert outcomes(strict)["HTTP001[chat]"] == "untestable"


def test_a_run_without_a_result_is_an_error_of_junit(record):
    run = record("native", stopped="unreachable", stopped_why="connection refused")
    assert run.report.exit_code == 3
    told = xml(run).find(".//testsuite[@name='conformance.run']/testcase/error")
    assert told.get("message") == run.report.summary.headline[0]


@pytest.mark.parametrize("option", ["stale-waiver", "untestable"])
def test_a_run_that_an_option_fails_without_a_failing_rule_has_a_failure_of_junit(record, option):
    stale = [Waiver(rule="SSE001", reason="known", until=NEVER)]
    run = record("native", stale, fail_on=(option,))
    assert run.report.exit_code == 1
    (failure,) = xml(run).findall(".//failure")
    assert failure.get("message").startswith(f"--fail-on {option}: ")
    assert xml(record("native", stale)).find(".//failure") is None


# JSON


def test_the_short_json_report_keeps_each_failure_and_what_each_pass_rests_on(run):
    full, short = (json.loads(render(run.report)) for render in (json_report.render_full, json_report.render))

    def evidence(report, status):
        found = {}
        for v in report["verdicts"]:
            if v["status"] == status:
                found.setdefault((v["rule"], v["api"]), set()).update(v["exchanges"])
        return found

    def failures(report):
        return [v for v in report["verdicts"] if v["status"] == "fail"]

    for verdict in failures(full):
        findings = verdict["findings"]
        verdict |= {"findings": findings[:3], "more_findings": len(findings[3:])}
    assert failures(short) == failures(full)
    assert evidence(short, "pass") == evidence(full, "pass") != {}
    assert evidence(short, "untestable") == evidence(full, "untestable")
    assert evidence(short, "not-applicable") == {}
    assert all(v.keys() >= PROMISED for v in short["verdicts"])
    assert set(short) == set(full)


def test_each_verdict_of_the_json_report_is_one_line(run):
    lines = json_report.render_full(run.report).decode().splitlines()
    first = lines.index(' "verdicts": [') + 1
    read = [json.loads(line.rstrip(",")) for line in lines[first : first + len(run.report.verdicts)]]
    assert [verdict["rule"] for verdict in read] == [verdict.rule for verdict in run.report.verdicts]


def test_the_summary_of_the_short_json_report_counts_every_verdict(run):
    short = msgspec.json.decode(json_report.render(run.report), type=Report)
    assert short.summary == run.report.summary
    stands_for = Counter()
    for verdict in short.verdicts:
        stands_for[verdict.status.value] += verdict.cases
    counts = short.summary.verdicts
    assert stands_for == {status: counts[status] for status in counts if counts[status] and status != "not-applicable"}


def test_the_short_json_report_says_how_many_findings_it_leaves_out(record):
    def repeated(verdict):
        return msgspec.structs.replace(verdict, findings=verdict.findings * 20)

    short = json_report.short(with_verdicts(record("silent_json"), repeated).report)
    failed = [verdict for verdict in short.verdicts if verdict.status is Status.FAIL]
    assert failed
    assert {(len(v.findings), v.more_findings) for v in failed} == {(3, 17)}


def test_the_short_json_report_describes_the_rules_it_names(run):
    short = json_report.short(run.report)
    assert set(short.rules) == {verdict.rule for verdict in short.verdicts}


# SARIF, GitHub, the badge


def test_sarif_has_a_result_for_each_failing_rule_that_points_at_each_place(record):
    run = record("silent_json")
    log = json.loads(sarif.render(run.report, run.evidence))
    Draft202012Validator(SARIF).validate(log)
    (told,) = log["runs"]
    failed = [v for v in run.report.verdicts if v.status is Status.FAIL]
    named = [result["ruleId"] for result in told["results"]]
    assert (named[0], sorted(named)) == ("FLD001", sorted({v.rule for v in failed}))
    for result in told["results"]:
        assert told["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        places = [*result["locations"], *result["relatedLocations"]]
        assert len(result["locations"]) == 1
        files = {place["physicalLocation"]["artifactLocation"]["uri"] for place in places}
        assert files == {f"exchanges/{v.exchanges[0]}/received.bin" for v in failed if v.rule == result["ruleId"]}
        assert [place["id"] for place in result["relatedLocations"]] == [*range(1, len(places))]
    for rule in told["tool"]["driver"]["rules"]:
        assert re.fullmatch(r"([A-Z][a-z0-9]*)+", rule["name"])


def test_sarif_keeps_waived_failures_apart_as_suppressed(record):
    run = record("silent_json", [Waiver(rule="FLD001", profile="hermes", reason="known", until=NEVER)])
    (told,) = json.loads(sarif.render(run.report, run.evidence))["runs"]
    mine = [result for result in told["results"] if result["ruleId"] == "FLD001"]
    assert [result["properties"]["profile"] for result in mine if "suppressions" in result] == [["hermes"]]
    assert len({result["partialFingerprints"]["rule/v1"] for result in mine}) == len(mine) == 2


def test_annotations_are_one_command_a_rule_on_one_line_each(record):
    run = record("silent_json")
    lines = github.render(run.report, run.evidence).decode().splitlines()
    assert len(lines) == len({v.rule for v in run.report.verdicts if v.counts})
    assert all(re.match(r"::(error|warning|notice) title=[^:,]*::\S", line) for line in lines)
    assert lines[0].startswith("::error title=FLD001")


def test_github_shows_no_more_than_ten_annotations_of_a_kind_and_they_name_every_must(record):
    run = record("silent_json")
    first = next(v for v in run.report.verdicts if v.counts and v.level is Level.MUST)
    page = run.report.rules[first.rule]
    names = [f"BAD{number:03}" for number in range(1, 24)]
    run.report = msgspec.structs.replace(
        run.report,
        verdicts=tuple(msgspec.structs.replace(first, rule=name) for name in names),
        causes=tuple(Cause(rule=name) for name in names),
        rules=dict.fromkeys(names, page),
    )
    lines = github.render(run.report, run.evidence).decode().splitlines()
    assert len(lines) == 10
    assert all(line.startswith("::error ") for line in lines)
    assert all(any(name in line for line in lines) for name in names)
    assert lines[-1].startswith("::error title=14 more MUST rules failed::BAD010, BAD011, ")


def test_a_badge_is_a_picture_of_the_verdict_and_of_the_must_rules_that_pass(run):
    root = ET.fromstring(badge.render(run.report))  # noqa: S314 - our own
    assert root.tag.endswith("svg")
    word = "conformant" if run.report.exit_code == 0 else "not conformant"
    passed, of_all = re.fullmatch(
        f"agent conformance: {word}: (\\d+)/(\\d+) MUST rules", root.get("aria-label")
    ).groups()
    must = [result.outcome for result in results(run.report) if run.report.rules[result.rule].level is Level.MUST]
    assert int(passed) == must.count("pass")
    assert int(of_all) == must.count("pass") + must.count("fail")


def test_the_badge_of_a_run_without_a_result_counts_nothing(record):
    assert b"not tested" in badge.render(record("native", stopped="unreachable").report)


# Sizes


@pytest.fixture(scope="module", params=["native-sse", "silent-json"])
def gate(request, recorded_once):
    """The report of the gate on a deployment."""
    run = selftest.run_subject(request.param, "gate", recorded_once)
    load = run.exchanges.__getitem__
    return build.build_report(run.facts, run.judgement, load), Recording(load, run.facts.target)


def test_the_reports_of_a_gate_are_small(gate):
    report, evidence = gate
    assert len(report.verdicts) > 10_000
    assert len(junit.render(report, evidence)) < 300 * KB
    assert len(json_report.render(report)) < 1000 * KB
    assert len(sarif.render(report, evidence)) < 100 * KB
