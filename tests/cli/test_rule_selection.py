"""--select, --ignore and --fail-on, of the command, of pytest and of the Python API."""

import json

import pytest

import conformance


def test_a_selection_of_the_command_the_function_and_pytest_is_the_same(shell, incident, tmp_path):
    ran = shell(
        "judge", incident.run, "--select", "fld,SSE001", "--ignore", "FLD003", "--report", "json=-", cwd=tmp_path
    )
    report = json.loads(ran.out)
    rules = {v["rule"] for v in report["verdicts"]}
    assert ran.code == report["exit_code"] == 1
    assert "FLD001" in rules
    assert "FLD003" not in rules
    assert {rule[:3] for rule in rules} == {"FLD", "SSE"}
    judged = conformance.judge(incident.run, select=["FLD", "SSE001"], ignore=["FLD003"])
    assert json.loads(judged.to_json()) == report
    assert f"conformance judge {incident.run} --select FLD,SSE001 --ignore FLD003 --verbose, for all" in ran.err
    words = ("--conformance-run", incident.run, "--conformance-select", "FLD,SSE001", "--conformance-ignore", "FLD003")
    tested = shell.pytest("-q", "--collect-only", *words, cwd=tmp_path)
    items = {(v["rule"], v["api"]) for v in report["verdicts"]}
    assert sum("[" in line for line in tested.lines if line.startswith("conformance/rules")) == len(items)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--select", "FLD0001"), "--select 'FLD0001' is neither a rule ID nor a family; did you mean FLD001"),
        (("--ignore", "SEE"), "did you mean USE, SSE?"),
        (("--select", ""), "--select ''"),
        (("--select", "FLD,"), "--select ''"),
        (("--select", "BILL004"), "--select BILL004: this ID is out of use: never used"),
        (("--select", "FLD001", "--ignore", "FLD"), "--select FLD001 --ignore FLD leaves no rule"),
        (("--fail-on", "may"), "--fail-on"),
    ],
)
def test_a_wrong_selection_is_refused_by_name(command, words, said):
    code, out, err = command("run", *words)
    assert (code, out) == (2, "")
    assert said in err


def test_judge_and_matrix_refuse_a_wrong_selection_before_they_write_anything(command, incident, tmp_path):
    (tmp_path / "t.toml").write_text('[targets.t]\ndeployment = "native-sse"\n')
    for words in (("judge", incident.run), ("matrix", "--config", "t.toml", "--out", "site")):
        code, out, err = command(*words, "--select", "FLD0001")
        assert (code, out) == (2, "")
        assert "did you mean FLD001" in err
    assert not (tmp_path / "site").exists()


def test_an_unknown_rule_is_a_usage_error_of_pytest_too(shell, incident, tmp_path):
    ran = shell.pytest("--conformance-run", incident.run, "--conformance-select", "FLD0001", cwd=tmp_path)
    assert ran.code == 4
    assert "did you mean FLD001" in ran.out + ran.err


def test_a_matrix_is_judged_by_the_selected_rules(shell, tmp_path):
    (tmp_path / "t.toml").write_text('[targets.broken]\ndeployment = "silent-json"\n')
    words = ("matrix", "--config", "t.toml", "--suite", "smoke", "--out", "site", "--profile", "hermes")
    ran = shell(*words, "--ignore", "FLD,SSE", cwd=tmp_path)
    assert ran.code == 0, ran.err
    assert "--ignore FLD,SSE" in (tmp_path / "site/index.html").read_text()
    assert "FLD001" not in (tmp_path / "site/targets/broken.html").read_text()


def test_pytest_fails_what_fail_on_names_alone(shell, incident, tmp_path):
    report = json.loads((incident.folder / "report.json").read_bytes())
    failed = {(v["rule"], v["api"]): v["level"] for v in report["verdicts"] if v["status"] == "fail"}
    levels = list(failed.values())
    untestable = len({(v["rule"], v["api"]) for v in report["verdicts"] if v["status"] == "untestable"} - set(failed))
    words = ("-q", "--conformance-run", incident.run, "--conformance-fail-on")
    musts = shell.pytest(*words, "must", cwd=tmp_path)
    assert f"{levels.count('MUST')} failed" in musts.lines[-1]
    assert f"{len(levels) - levels.count('MUST')} xfailed" in musts.lines[-1]
    every = shell.pytest(*words, "should", "--conformance-fail-on", "untestable", cwd=tmp_path)
    assert f"{levels.count('MUST') + levels.count('SHOULD') + untestable} failed" in every.lines[-1]
