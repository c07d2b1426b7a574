"""A load test of a real server with a tiny model: what fails under load was read from the bytes, as for the gate."""

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

HERE = Path(__file__).parent
SERVER = "llama_cpp"
KNOWN = tomllib.loads((HERE / f"{SERVER}.toml").read_text())

pytestmark = pytest.mark.realserver


@pytest.fixture(scope="module")
def report(llama_cpp, tmp_path_factory):
    folder = tmp_path_factory.mktemp("load")
    apis = [word for api in KNOWN.get("apis", ()) for word in ("--api", api)]
    shape = ("--users", "8", "--duration", "15", "--run-dir", folder / "run", "--report", f"json={folder}/report.json")
    command = [sys.executable, "-m", "conformance", "load", "--base-url", llama_cpp, "--model", "tiny", *apis, *shape]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stdout + done.stderr

    return json.loads((folder / "report.json").read_text())


def test_no_verdict_is_our_own_error(report):
    assert [v for v in report["verdicts"] if v["status"] == "error"] == []


def test_requests_are_sent_and_get_responses(report):
    load = report["load"]
    assert load["users"] == 8
    assert load["outcomes"]["complete"] > 0.8 * load["requests"]


def test_no_rule_about_load_fails(report):
    failed = [(v["rule"], v["message"]) for v in report["verdicts"] if v["status"] == "fail" and v["level"] == "MUST"]
    assert [one for one in failed if one[0].startswith("LOAD")] == []


def test_single_responses_fail_only_what_they_fail_without_load(report):
    known = {entry["rule"] for entry in KNOWN["fails"]}
    failed = {v["rule"] for v in report["verdicts"] if v["status"] == "fail" and v["level"] == "MUST"}
    assert {rule for rule in failed if not rule.startswith("LOAD")} <= known
