import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from conformance.cli import main
from conformance.testbed.server.deployments import DEPLOYMENTS
from conformance.testbed.server.serve import running

NOWHERE = "http://127.0.0.1:1/v1"


def test_the_incident_is_caught_explained_and_priced_in_the_first_lines(incident):
    assert incident.code == 1
    first = "\n".join(incident.lines[:3])
    for words in ("`stream`", "application/json", "hermes", "LangGraph", "Letta", "see nothing"):
        assert words in first
    row = next(line for line in incident.lines if line.startswith("hermes 0.14"))
    assert "$0.054" in row
    assert "$0.32" in row


def test_a_run_without_a_target_is_conformant_and_kept(shell, tmp_path):
    ran = shell("run", "--suite", "smoke", cwd=tmp_path)
    assert (ran.code, ran.err) == (0, "No target was given: the embedded deployment native-sse is tested.\n")
    (run,) = (tmp_path / "reports/runs").glob("*-native-sse")
    assert (run / "run.json").is_file()
    assert (tmp_path / "reports/runs/.gitignore").read_text() == "*\n"


def test_one_run_asks_all_three_apis(shell, tmp_path):
    apis = [word for api in ("chat", "messages", "responses") for word in ("--api", api)]
    ran = shell("run", *apis, "--suite", "smoke", "--report", "json=report.json", cwd=tmp_path)
    report = json.loads((tmp_path / "report.json").read_bytes())
    assert ran.code == 0, ran.out
    assert {v["api"] for v in report["verdicts"] if v["status"] == "pass"} == {"chat", "messages", "responses"}


def test_a_policy_makes_a_declared_refusal_do(shell, tmp_path):
    words = ("run", "--deployment", "stopgap-501", "--suite", "smoke", "--streaming")
    assert shell(*words, "required", cwd=tmp_path).code == 1
    assert shell(*words, "stopgap-ok", cwd=tmp_path).code == 0


def test_judging_again_says_the_same_in_the_same_bytes(shell, incident):
    ran = shell("judge", "run", "--report", "json=again.json", cwd=incident.folder)
    assert ran.code == 1
    assert (incident.folder / "again.json").read_bytes() == (incident.folder / "report.json").read_bytes()


def test_the_reports_agree(incident):
    report = json.loads((incident.folder / "report.json").read_bytes())
    suites = ET.fromstring((incident.folder / "junit.xml").read_bytes()).findall("testsuite")  # noqa: S314 - our own
    failed = {(v["rule"], v["api"]) for v in report["verdicts"] if v["status"] == "fail" and v["level"] == "MUST"}
    assert {suite.get("name") for suite in suites} == {f"conformance.{api}" for api in report["target"]["apis"]}
    assert sum(int(suite.get("failures")) for suite in suites) == len(failed) > 0
    assert sum(int(suite.get("tests")) for suite in suites) == len({(v["rule"], v["api"]) for v in report["verdicts"]})


def test_a_report_on_standard_output_has_it_for_itself(shell, incident):
    ran = shell("judge", "run", "--report", "json=-", cwd=incident.folder)
    assert json.loads(ran.out)["exit_code"] == ran.code == 1
    assert "NOT CONFORMANT" in ran.err


def test_a_target_that_is_not_there_is_reported_with_its_reason(shell, tmp_path):
    ran = shell("run", "--base-url", NOWHERE, "--model", "m", cwd=tmp_path)
    assert ran.code == 3
    assert "could not be reached" in ran.lines[0]
    assert "refused" in ran.lines[0]


def test_a_refused_key_is_reported_and_the_key_is_nowhere(shell, tmp_path):
    with running(DEPLOYMENTS["native-sse"], key="sk-right-0123456789") as url:
        words = (
            "run",
            "--base-url",
            url,
            "--model",
            "reference",
            "--api-key-env",
            "MY_KEY",
            "--report",
            "json=report.json",
        )
        ran = shell(*words, cwd=tmp_path, MY_KEY="sk-wr0ng-9876543210")
    assert ran.code == 3
    assert "rejected the API key" in ran.lines[0]
    assert "MY_KEY" in ran.lines[0]
    for text in (ran.out, ran.err, *(path.read_text("latin-1") for path in tmp_path.rglob("*") if path.is_file())):
        assert "wr0ng" not in text


def test_a_key_that_is_taken_is_nowhere(shell, tmp_path):
    with running(DEPLOYMENTS["silent-json"], key="sk-right-0123456789") as url:
        words = ("run", "--base-url", url, "--model", "reference", "--api-key-env", "MY_KEY", "--suite", "smoke")
        reports = ("--report", "json=report.json", "--report", "junit=junit.xml")
        ran = shell(*words, *reports, cwd=tmp_path, MY_KEY="sk-right-0123456789")
    assert ran.code == 1
    assert "Authorization: Bearer $MY_KEY" in ran.out
    for text in (ran.out, ran.err, *(path.read_text("latin-1") for path in tmp_path.rglob("*") if path.is_file())):
        assert "sk-right" not in text


def test_ctrl_c_keeps_judges_and_reports_what_was_recorded(shell, tmp_path):
    words = (
        "run",
        "--defect",
        "stream-stalls",
        "--run-dir",
        "run",
        "--concurrency",
        "2",
        "--report",
        "json=report.json",
    )
    with shell.start(*words, cwd=tmp_path) as process:
        while process.poll() is None and not any((tmp_path / "run/exchanges").glob("*/exchange.json")):
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate()
    assert process.returncode == 130
    assert out.splitlines()[0].startswith("INTERRUPTED")
    assert json.loads((tmp_path / "report.json").read_bytes())["requests"] >= 1
    assert shell("judge", "run", cwd=tmp_path).code == 130


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--streaming", "maybe"], ["--streaming", "maybe", "required", "stopgap-ok"]),
        (["--unknown-fields", "x"], ["--unknown-fields", "reject", "announce", "allow"]),
        (["--suite", "x"], ["--suite", "smoke", "gate", "full"]),
        (["--api", "x"], ["--api", "chat", "messages", "responses"]),
        (["--profile", "x"], ["--profile 'x'", "all", "hermes"]),
        (["--profile", "hermes", "--api", "messages"], ["--profile hermes", "messages"]),
        (["--deployment", "x"], ["--deployment 'x'", "native-sse", "silent-json"]),
        (["--defect", "done-twise"], ["--defect done-twise", "done-twice", "conformance list defects"]),
        (["--path", "chat"], ["--path 'chat'", "API=/PATH"]),
        (["--path", "chat=/x", "--path", "chat=/y"], ["--path 'chat=/y'", "one for each API"]),
        (["--base-url", NOWHERE, "--model", "m", "--max-cost", "1"], ["--max-cost", "--price-request"]),
        (["--run-dir", "/proc/nowhere"], ["--run-dir", "/proc/nowhere"]),
        (["--report", "json=/proc/nowhere.json"], ["--report", "/proc/nowhere.json"]),
        (["--price-request", "1", "--price-input", "2"], ["per request", "not both"]),
        (["--model", "m"], ["--model", "--base-url"]),
        (["--path", "chit=/x"], ["--path 'chit=/x'", "chat, messages, responses"]),
        (["--report", "json"], ["--report 'json'", "FORMAT=PATH"]),
        (["--report", "pdf=x.pdf"], ["--report 'pdf=x.pdf'", "json", "junit", "html", "sarif"]),
        (["--concurrency", "0"], ["--concurrency", "above 0"]),
        (["--timeout", "nan"], ["--timeout", "above 0"]),
        (["--timeout", "soon"], ["--timeout", "soon"]),
        (["--max-requests", "-1"], ["--max-requests", "above 0"]),
        (["--max-cost", "0"], ["--max-cost", "above 0"]),
        (["--price-request", "-1"], ["--price-request", "0 or more"]),
        (["--api-key-env", "NO_SUCH_KEY"], ["--api-key-env NO_SUCH_KEY", "not set"]),
        (["--base-url", "ftp://x", "--model", "m"], ["--base-url 'ftp://x'", "http://"]),
        (["--base-url", NOWHERE], ["--model"]),
        (["--base-url", "", "--model", "m"], ["--base-url ''", "http://"]),
        (["--target", "", "--config", "x.toml"], ["x.toml"]),
        (["--defect", ""], ["--defect", "not known"]),
        (["--api-key-env", ""], ["--api-key-env is empty"]),
        (["--base-url", NOWHERE, "--model", "m", "--deployment", "native-sse"], ["--base-url", "--deployment"]),
        (["--target", "x"], ["--target x", "--config"]),
        (["--config", "nowhere.toml", "--target", "x"], ["nowhere.toml", "No such file"]),
        (["--waivers", "nowhere.toml"], ["nowhere.toml", "No such file"]),
        (["--run-dir", "/"], ["--run-dir /", "empty"]),
        (["--bogus", "1"], ["--bogus"]),
    ],
)
def test_what_can_not_be_meant_is_refused_by_name(command, words, said):
    code, out, err = command("run", *words)
    assert (code, out) == (2, "")
    for part in said:
        assert part in err


@pytest.mark.parametrize(
    "url", ["https://me:s3cret@api.example/v1", "https://api.example/v1?key=s3cret", "https://s3cret@", "sk-s3cret"]
)
def test_a_secret_in_the_base_url_is_refused_and_not_repeated(command, url):
    code, out, err = command("run", "--base-url", url, "--model", "m")
    assert code == 2
    assert "s3cret" not in out + err


@pytest.mark.parametrize(
    "words",
    [
        ["judge", "nowhere"],
        ["explain", "SSE01"],
        ["list", "things"],
        ["serve", "--port", "70000"],
        ["bogus"],
        ["selftest", "x"],
    ],
)
def test_the_other_verbs_refuse_what_they_do_not_know(command, words):
    code, _, err = command(*words)
    assert code == 2
    assert words[-1] in err


def test_a_dry_run_sends_nothing_and_tells_the_bounds(command, tmp_path):
    prices = ("--price-input", "1", "--price-output", "2")
    code, out, _ = command("run", "--base-url", NOWHERE, "--model", "m", "--suite", "smoke", *prices, "--dry-run")
    assert code == 0
    assert f"POST {NOWHERE}/chat/completions" in out
    assert "at most $" in out
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["rules", "families", "profiles", "probes", "deployments", "defects", "variants"])
def test_lists_are_for_people_and_programs(command, kind):
    code, text, _ = command("list", kind)
    _, raw, _ = command("list", kind, "--format", "json")
    listed = json.loads(raw)
    assert code == 0
    assert len(listed) == len(text.splitlines()) > 0
    for entry, line in zip(listed, text.splitlines(), strict=True):
        assert line.startswith(entry.get("id") or entry["name"])


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "SSE001",
            [
                "MUST",
                "why",
                "fix",
                "https://",
                "good",
                "bad",
                "text/event-stream",
                "affected clients",
                "--defect sse-as-json",
            ],
        ),
        ("sse001", ["SSE001"]),
        ("hermes", ["profile hermes", "chat"]),
        ("chat.hello", ["probe chat.hello", "baseline request"]),
        ("silent-json", ["conformance run --deployment silent-json"]),
        ("done-twice", ["defect done-twice", "SSE008"]),
    ],
)
def test_everything_with_a_name_has_a_page(command, name, said):
    code, out, _ = command("explain", name)
    assert code == 0
    for words in said:
        assert words in out


def test_a_name_that_nothing_has_comes_with_near_ones(command):
    code, _, err = command("explain", "silent-jsn")
    assert code == 2
    assert "silent-json" in err


def test_serve_answers_until_it_is_stopped(shell, tmp_path):
    with shell.start("serve", "--deployment", "silent-json", cwd=tmp_path) as process:
        assert "silent-json at http://127.0.0.1:" in process.stdout.readline()
        curl = process.stdout.readline()
        received = subprocess.run(["/bin/sh", "-c", curl], capture_output=True, text=True, check=True).stdout
        process.send_signal(signal.SIGINT)
        process.communicate()
    assert "chat.completion" in received
    assert process.returncode == 0


def test_the_harness_admits_its_own_failure(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert main.exit_code_of(lambda: {}["no such key"]) == 4
    (written,) = tmp_path.iterdir()
    assert written.name in capsys.readouterr().err
    assert "KeyError" in written.read_text()


@pytest.mark.parametrize("module", ["conformance.cli.main", "conformance.pytest_plugin"])
def test_a_front_waits_for_nothing_that_it_may_not_need(module):
    heavy = ("httpx", "msgspec", "jsonschema", "rich.markdown", "conformance.catalogue", "conformance.exchange")
    code = f"import sys, {module}; print([name for name in {heavy} if name in sys.modules])"
    ran = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout == "[]\n"


@pytest.mark.sampled(2)
@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("judge", "run"), 1),
        (("judge", "run", "--report", "json=-"), 1),
        (("diff", "run", "run"), 0),
        (("explain", "SSE001"), 0),
        (("list", "rules"), 0),
    ],
)
def test_a_reader_that_leaves_early_changes_no_exit_code(shell, incident, words, code):
    ran = shell.without_reader(*words, cwd=incident.folder)
    assert (ran.returncode, "Error" in ran.stderr) == (code, False)


def test_fuzz_starts_where_trio_is_installed_whose_plugin_hypothesis_loads(shell, tmp_path):
    (tmp_path / "trio").mkdir()
    (tmp_path / "trio/__init__.py").touch()
    (tmp_path / "trio/plugin.py").write_text("def set_up():\n    print('loaded')\n")
    (tmp_path / "trio-0.1.dist-info").mkdir()
    (tmp_path / "trio-0.1.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: trio\nVersion: 0.1\n")
    (tmp_path / "trio-0.1.dist-info/entry_points.txt").write_text("[hypothesis]\ntrio = trio.plugin:set_up\n")
    ran = shell("fuzz", "--waivers", "no.toml", cwd=tmp_path, PYTHONPATH=f"{tmp_path}:{Path(__file__).parents[2]}")
    assert (ran.code, ran.out) == (2, "loaded\n")
    assert ran.err.startswith("conformance: no.toml: No such file")
