import json
from xml.etree import ElementTree as ET

import pytest

THEIRS = "def test_of_the_user():\n    assert False\n"
OUTCOMES = {"failure": "fail", "error": "error", "skipped": "skipped"}


@pytest.fixture
def project(tmp_path):
    """A user's project, with a test of their own that fails."""
    (tmp_path / "test_theirs.py").write_text(THEIRS)
    return tmp_path


def cases(path):
    """The properties of each test case, with its outcome."""
    for case in ET.parse(path).iter("testcase"):  # noqa: S314 - our own
        properties = {p.get("name"): p.get("value") for p in case.iter("property")}
        yield properties, next((OUTCOMES[child.tag] for child in case if child.tag in OUTCOMES), "pass")


def worst(verdicts):
    """The outcome that the verdicts of a rule on an API add up to."""
    statuses = {v["status"] for v in verdicts}
    return next(status for status in ("fail", "error", "pass", "untestable") if status in statuses)


def test_pytest_and_the_command_give_the_same_result_for_each_rule(shell, incident, project):
    ran = shell.pytest("-q", "--conformance-run", incident.run, "--junitxml", "junit.xml", cwd=project)
    rules = {}
    for v in json.loads((incident.folder / "report.json").read_bytes())["verdicts"]:
        rules.setdefault((v["rule"], v["api"]), []).append(v)
    expected = {rule: worst(verdicts).replace("untestable", "skipped") for rule, verdicts in rules.items()}
    found = [((said["rule"], said["api"]), outcome) for said, outcome in cases(project / "junit.xml")]
    assert dict(found) == expected
    assert len(found) == len(expected)
    assert ran.code == 1
    assert "FLD001[chat]" in ran.out
    assert "test_of_the_user" not in ran.out


@pytest.mark.verify
def test_two_workers_record_once_and_the_users_tests_stay_out(shell, project):
    ran = shell.pytest(
        "-n",
        2,
        "--conformance-deployment",
        "native-sse",
        "--conformance-suite",
        "smoke",
        "--conformance-profile",
        "hermes",
        cwd=project,
    )
    assert ran.code == 0, ran.out
    assert len(list((project / "reports/runs").glob("*-native-sse"))) == 1
    assert "none fails" in ran.out


def test_a_failure_reads_as_ours_and_can_be_chosen(shell, incident, project):
    ran = shell.pytest(
        "--conformance-run", incident.run, "-m", "must", "-k", "FLD001 and hermes and stream", cwd=project
    )
    assert ran.code == 1
    assert "1 failed" in ran.lines[-1]
    for words in ("FLD001 MUST:", "  observed ", "  fix ", "  spec ", "  affected clients ", "curl -"):
        assert words in ran.out
    assert "chat.hello stream (hermes, langgraph, letta" in ran.out
    assert "Traceback" not in ran.out
    assert "pytest_plugin.py" not in ran.out


def test_waivers_are_strict_expected_failures(shell, incident, project):
    waiver = '[[waiver]]\nrule = "{}"\nreason = "known"\nuntil = 2099-01-01\nprofile = "{}"\n'
    (project / "waivers.toml").write_text(waiver.format("FLD001", "*") + waiver.format("HTTP002", "letta"))
    words = ("--conformance-run", incident.run, "--conformance-waivers", "waivers.toml", "-k", "FLD001 or HTTP002")
    ran = shell.pytest(*words, "-rxX", cwd=project)
    assert "2 xfailed" in ran.lines[-1]
    assert "[XPASS(strict)] known" in ran.out
    assert "The waiver for HTTP002 (known) is stale." in ran.out
    assert ran.code == 1
    failed = [line for line in ran.lines if "[XPASS" in line]
    assert len(failed) == 1
    assert "1 failed" in ran.lines[-1]


def test_a_waiver_of_one_profile_leaves_the_failures_of_the_others(shell, incident, project):
    (project / "waivers.toml").write_text(
        '[[waiver]]\nrule = "FLD001"\nreason = "known"\nuntil = 2099-01-01\nprofile = "hermes"\n'
    )
    words = ("--conformance-run", incident.run, "--conformance-waivers", "waivers.toml", "-k", "FLD001 and chat")
    ran = shell.pytest(*words, cwd=project)
    assert "1 failed" in ran.lines[-1]
    assert "chat.hello stream (langgraph, letta" in ran.out


def test_our_own_fault_is_an_error_and_no_failure(shell, incident, project):
    (project / "conftest.py").write_text(
        "from dataclasses import replace\n"
        "from conformance import catalogue\n"
        "usual = catalogue.rules\n"
        "def broken(x):\n"
        "    raise KeyError('ours')\n"
        "def with_one_broken(*families):\n"
        "    return tuple(\n"
        "        replace(r, check=broken, parameters=('x',)) if r.id == 'HTTP002' else r for r in usual(*families)\n"
        "    )\n"
        "catalogue.rules = with_one_broken\n"
    )
    ran = shell.pytest("--conformance-run", incident.run, "-k", "HTTP002 and hermes", cwd=project)
    assert "1 error" in ran.lines[-1]
    assert "failed" not in ran.lines[-1]
    assert "rule HTTP002 failed on this exchange: KeyError" in ran.out


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("url=http://127.0.0.1:1/v1", "model=m"), 3, "could not be reached"),
        (("url=http://127.0.0.1:1/v1",), 4, "--conformance-model is missing: --conformance-url needs"),
        (("deployment=native-sse", "api=embedding"), 4, "'embedding'"),
        *(
            pytest.param(words, 4, said, marks=pytest.mark.verify)
            for words, said in (
                (("deployment=nowhere",), "native-sse"),
                (("run=nowhere",), "nowhere"),
                (("deployment=native-sse", "waivers=nowhere.toml"), "nowhere.toml"),
                (("deployment=native-sse", "api-key-env=NO_SUCH_KEY"), "NO_SUCH_KEY"),
            )
        ),
    ],
)
def test_what_can_not_be_run_is_said_and_nothing_passes(shell, project, words, code, said):
    ran = shell.pytest(*(f"--conformance-{word}" for word in words), cwd=project)
    assert ran.code == code
    assert said in ran.out + ran.err
    assert "passed" not in ran.out
    assert "Traceback" not in ran.out + ran.err


def test_without_its_options_the_plugin_is_not_there(shell, project):
    ran = shell.pytest("-q", cwd=project)
    assert ran.code == 1
    assert ran.lines[-1].startswith("1 failed")
    assert "conformance" not in ran.lines[-1]
