"""The gate against real servers. `SERVER.toml` lists every MUST that one fails: where, why, and the bytes."""

import json
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from conformance.rules.conditions import validly_requested
from conformance.storage.folder import RunFolder

HERE = Path(__file__).parent
SUITES = ("smoke", "gate", "full")
SERVERS = ("llama_cpp", "llama_cpp_embeddings", "vllm_router", "llmock", "llmock_embeddings")
EXPECTED = {server: tomllib.loads((HERE / f"{server}.toml").read_text()) for server in SERVERS}

LOST = b"Backend request failed: error sending request"
"""The router's own 502."""

pytestmark = pytest.mark.realserver


@dataclass(frozen=True)
class Outcome:
    """The outcome of one run of the command."""

    code: int
    said: str
    report: dict
    folder: RunFolder

    def failed(self):
        """The failed MUSTs: rule, place, and the exchanges that show it."""
        return [
            (v["rule"], f"{v['probe']} {v['mode']}", v["exchanges"])
            for v in self.report["verdicts"]
            if v["status"] == "fail" and v["level"] == "MUST"
        ]


def run(suite, url, folder, apis):
    report = folder / "report.json"
    command = [sys.executable, "-m", "conformance", "run", "--base-url", url, "--model", "tiny", "--suite", suite]
    more = ["--run-dir", folder / "run", "--report", f"json={report}", *(w for api in apis for w in ("--api", api))]
    done = subprocess.run([*command, *more], capture_output=True, text=True, check=False)
    assert report.exists(), done.stderr
    return Outcome(done.returncode, done.stdout, json.loads(report.read_text()), RunFolder(folder / "run"))


@pytest.fixture(scope="module", params=SERVERS)
def server(request):
    return request.param


@pytest.fixture(scope="module")
def runs(server, request, tmp_path_factory):
    """The outcome of each suite."""
    url = request.getfixturevalue(server)
    apis = EXPECTED[server].get("apis", ())
    return {suite: run(suite, url, tmp_path_factory.mktemp(f"{server}-{suite}"), apis) for suite in SUITES}


def explains(entry, rule, place):
    return entry["rule"] == rule and any(fnmatchcase(place, pattern) for pattern in entry["where"])


def is_lost(outcome, names):
    """Whether the router lost the request: it sends on a connection that the server closes at that moment."""
    return any(LOST in outcome.folder.exchange(name).received for name in names)


def test_no_verdict_is_our_own_error(runs):
    assert [v for outcome in runs.values() for v in outcome.report["verdicts"] if v["status"] == "error"] == []


def test_the_gate_asks_and_verifies_a_lot(runs, server):
    report = runs["gate"].report
    assert report["requests"] >= (30 if EXPECTED[server].get("apis") == ["embeddings"] else 60)
    assert report["summary"]["verdicts"]["pass"] > 500


@pytest.mark.parametrize("suite", SUITES)
def test_the_exit_code_says_whether_a_must_failed(runs, suite):
    assert runs[suite].code == runs[suite].report["exit_code"] == int(bool(runs[suite].failed())), runs[suite].said


@pytest.mark.parametrize("suite", SUITES)
def test_every_failing_must_is_explained(runs, suite, server):
    failed = [(rule, place) for rule, place, names in runs[suite].failed() if not is_lost(runs[suite], names)]
    assert [f for f in failed if not any(explains(e, *f) for e in EXPECTED[server]["fails"])] == [], runs[suite].said


def test_everything_explained_fails_and_the_bytes_show_it(runs, server):
    full = runs["full"]
    for entry, pattern in [(e, pattern) for e in EXPECTED[server]["fails"] for pattern in e["where"]]:
        sent, received = entry["sent"].encode(), entry["received"].encode()
        named = {n for *f, names in full.failed() if explains(entry | {"where": [pattern]}, *f) for n in names}
        shown = [full.folder.exchange(name) for name in named]
        told = any(sent in x.sent and received in x.received for x in shown)
        may_be_missing = is_lost(full, named) or (entry.get("sometimes") and not named)
        assert told or may_be_missing, f"{entry['rule']} {pattern}"


def test_no_field_is_said_to_be_dropped_that_is_read(llama_cpp, tmp_path):
    """Verified in its source: a field that is ignored in a wrong type and honoured in the right one is not dropped."""
    expected = EXPECTED["llama_cpp"]
    outcome = run("fields", llama_cpp, tmp_path, expected["apis"])
    fields = [f for f in outcome.report["fields"] if f["documented"] and f["state"] == "dropped"]
    found = {(f["api"], f["field"]) for f in fields}
    assert found <= {(api, name) for api, names in expected["dropped"].items() for name in names}
    assert {("chat", "user"), ("chat", "service_tier"), ("messages", "tool_choice")} <= found


def test_a_message_that_never_starts_is_found(llama_cpp_in_halves, tmp_path):
    """llama.cpp sends message_start with the first complete character, and never if the first token is not one."""
    outcome = run("gate", llama_cpp_in_halves, tmp_path, ["messages"])
    valid = (x for x in outcome.folder.exchanges() if validly_requested(x) is None)
    streams = {x.id: x for x in valid if b"text/event-stream" in x.received}
    unstarted = {
        name for name, x in streams.items() if b"message_stop" in x.received and b"message_start" not in x.received
    }
    assert unstarted
    assert unstarted == {name for rule, _, names in outcome.failed() if rule == "MSG003" for name in names}
