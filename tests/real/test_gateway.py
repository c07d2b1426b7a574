"""vLLM's router from both sides. `vllm_router_both_sides.toml` lists each MUST that it fails: where, why, the bytes."""

import json
import subprocess
import sys
import tomllib
from fnmatch import fnmatchcase
from pathlib import Path
from types import SimpleNamespace

import pytest
from processes import PYTHON, free_port, running

from conformance.storage.folder import RunFolder

HERE = Path(__file__).parent
EXPECTED = tomllib.loads((HERE / "vllm_router_both_sides.toml").read_text())["fails"]
LOOKS = ("--worker-startup-check-interval", "1", "--health-check-interval-secs", "1")

pytestmark = pytest.mark.realserver


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    """The gate through the router, which starts before its upstream does."""
    folder = tmp_path_factory.mktemp("both-sides")
    port, upstream, second, metrics = (str(free_port()) for _ in range(4))
    router = [PYTHON.with_name("vllm-router"), "--worker-urls", f"http://127.0.0.1:{upstream}", *LOOKS]
    ports = ["--host", "127.0.0.1", "--port", port, "--prometheus-port", metrics]
    command = [sys.executable, "-m", "conformance", "gateway", "--base-url", f"http://127.0.0.1:{port}/v1"]
    options = ["--model", "tiny", "--api", "chat", "--wait", "60", "--run-dir", folder / "run"]
    listening = ["--upstream-port", upstream, "--upstream-port", second, "--report", f"json={folder / 'report.json'}"]
    with running("vllm_router", folder, [*router, *ports]):
        done = subprocess.run([*command, *options, *listening], capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    report = json.loads((folder / "report.json").read_text())
    return SimpleNamespace(said=done.stdout, report=report, folder=RunFolder(folder / "run"))


def failed(outcome, *levels):
    """The failures: rule, place, and the exchanges that show it."""
    return [
        (v["rule"], f"{v['probe']} {v['mode']}", v["exchanges"])
        for v in outcome.report["verdicts"]
        if v["status"] == "fail" and v["level"] in levels
    ]


def explains(entry, rule, place):
    return entry["rule"] == rule and any(fnmatchcase(place, pattern) for pattern in entry["where"])


def test_most_verdicts_pass_and_none_is_our_own_error(outcome):
    counts = outcome.report["summary"]["verdicts"]
    assert counts["error"] == 0
    assert counts["pass"] > 3000


def test_every_failing_must_is_explained(outcome):
    found = [(rule, place) for rule, place, _ in failed(outcome, "MUST")]
    assert [f for f in found if not any(explains(entry, *f) for entry in EXPECTED)] == [], outcome.said


@pytest.mark.parametrize("entry", EXPECTED, ids=lambda entry: entry["rule"])
def test_each_known_fault_is_found_and_the_bytes_of_both_sides_show_it(outcome, entry):
    names = {name for *f, names in failed(outcome, "MUST", "SHOULD") if explains(entry, *f) for name in names}
    shown = [outcome.folder.exchange(name) for name in names]
    upstream = [x.sent for x in shown if x.hop == "upstream"]
    client = [x.received for x in shown if x.hop == "client"]
    assert shown or entry.get("sometimes"), outcome.said
    if not shown:
        return
    assert any(entry.get("received", "").encode() in data for data in client)
    assert "arrived" not in entry or any(entry["arrived"].encode() in data for data in upstream)
