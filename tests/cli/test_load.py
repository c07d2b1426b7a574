"""The command load: how far it is, what it would send, what it refuses, and that its recording is judged the same."""

import io
import json
from collections import Counter

import pytest
from cyclopts import CycloptsError

from conformance import schemas
from conformance.cli.load import ProgressLine, line
from conformance.cli.main import app
from conformance.load.recorder import LoadProgress
from conformance.report.formats import terminal
from conformance.runs.config import ConfigError

FEW = ("--deployment", "native-sse", "--api", "chat", "--profile", "hermes", "--users", "3", "--duration", "1")


@pytest.fixture(scope="module")
def ran(shell, tmp_path_factory):
    """A load of a second, and the folder with its recording and reports."""
    folder = tmp_path_factory.mktemp("load")
    reports = ("--report", "json=report.json", "--report", "html=report.html", "--good-first-token", "9")
    return folder, shell("load", *FEW, "--run-dir", "run", *reports, cwd=folder)


def test_a_load_of_the_embedded_deployment_is_conformant(ran):
    folder, command = ran
    assert command.code == 0
    assert command.lines[0].startswith("CONFORMANT  native-sse under load of 3 users, model reference, at http://127.")
    assert any(line.startswith("chat hermes stream ") for line in command.lines)
    assert command.err.splitlines()[:2] == ["preflight", "one request at a time"]
    found = json.loads((folder / "report.json").read_bytes())
    schemas.validator("report").validate(found)
    assert found["load"]["users"] == 3
    assert found["load"]["goodput"]["bound"] == {"first_token_s": 9.0, "gap_s": 1.0}
    assert found["load"]["outcomes"]["complete"] > 0
    assert {"LOAD001", "SSE001"} <= {verdict["rule"] for verdict in found["verdicts"]}


def test_its_manifest_follows_its_schema(ran):
    manifest = json.loads((ran[0] / "run/run.json").read_bytes())
    assert manifest["suite"] == "load"
    assert list(schemas.validator("run").iter_errors(manifest)) == []


def test_its_recording_is_judged_the_same_again(ran, shell):
    folder, _ = ran
    again = shell("judge", "run", "--report", "json=again.json", cwd=folder)
    assert again.code == 0
    assert (folder / "again.json").read_bytes() == (folder / "report.json").read_bytes()


def test_a_dry_run_shows_each_kind_of_request_and_the_bounds(capsys):
    app(["load", *FEW, "--max-requests", "200", "--dry-run"])
    *kinds, bounds, last = capsys.readouterr().out.splitlines()
    assert last == "Nothing was sent."
    assert [kind.split()[2] for kind in kinds] == [
        *("chat-hermes-stream-text", "chat-hermes-unary-text", "chat-hermes-stream-tool", "chat-hermes-unary-tool"),
        *("chat-hermes-stream-mistake", "chat-hermes-unary-mistake"),
    ]
    assert bounds.startswith("3 users for 1 s; at most 200 requests, at most ")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--suite", "full"), "--suite. It is not supported"),
        (("--concurrency", "3"), "accepted: --users"),
        (("--step", "--rate", "5"), "--step excludes --rate"),
        (("--shape", "nowhere.toml"), "--shape"),
    ],
)
def test_what_a_load_has_no_use_for_is_refused(words, why):
    with pytest.raises((ConfigError, CycloptsError), match=why):
        app(["load", *FEW, *words])


LOADING = LoadProgress(
    "load",
    seconds=12.3,
    of_seconds=30.0,
    users=24,
    sent=1032,
    in_progress=24,
    outcomes=Counter(complete=1000, overloaded=8),
    failed=Counter({"LOAD001": 9, "CHK001": 3, "CHK002": 2, "CHK003": 1}),
)


def test_a_line_says_how_far_a_load_is_and_which_rules_fail():
    assert line(LOADING) == (
        "load 12 of 30 s, 24 users, 1,032 requests sent, 24 in progress, 1,000 complete, 8 overloaded, "
        "fails: LOAD001 ×9 CHK001 ×3 CHK002 ×2 and 1 more rules"
    )
    assert line(LoadProgress("preflight")) == "preflight"


def shown(*events, quiet=False):
    out = io.StringIO()
    with ProgressLine(terminal.console(out), is_quiet=quiet) as shown_line:
        for progress in events:
            shown_line.show(progress)
    return out.getvalue().splitlines()


def test_a_log_has_a_line_for_each_phase_and_every_ten_seconds():
    at = [LOADING._replace(seconds=seconds) for seconds in (0, 5, 10, 19, 20)]
    assert [text.split(" of ")[0] for text in shown(LoadProgress("alone"), *at)] == [
        *("one request at a time", "load 0", "load 10", "load 20"),
    ]
    assert shown(LOADING, quiet=True) == []
