"""Recordings by other tools on the command line."""

import json

import pytest
from traffic import BAD, entry, write_har

import conformance
from conformance.parsing.http1 import reply

WRONG = reply(BAD).content


@pytest.fixture
def folder(tmp_path):
    write_har(tmp_path / "a.har", entry(), entry(WRONG, host="other.example"))
    return tmp_path


def test_judging_recordings_exits_with_1_if_a_must_failed(shell, folder):
    ran = shell("judge", "a.har", "--save", "kept", "--report", "json=out.json", cwd=folder)
    assert ran.code == 1, ran.err
    assert "other.example" in ran.out
    assert "conformance judge kept" in ran.out
    again = shell("judge", "kept", "--report", "json=again.json", cwd=folder)
    assert again.code == 1
    assert (folder / "again.json").read_bytes() == (folder / "out.json").read_bytes()
    listed = shell("show", "kept", cwd=folder)
    assert "000001-chat-unary" in listed.out


def test_without_save_the_command_says_how_to_keep_the_exchanges(shell, folder):
    ran = shell("judge", ".", "--recording-format", "har", "--select", "CHK", cwd=folder)
    assert ran.code == 3, "no selected rule decides anything"
    assert "--save DIR keeps" in ran.out


@pytest.mark.parametrize("words", [("judge", "nowhere.har"), ("judge",), ("judge", "b.json"), ("matrix", "--out", "x")])
def test_a_path_that_holds_nothing_is_a_usage_error(shell, folder, words):
    (folder / "b.json").write_text("{}")
    ran = shell(*words, cwd=folder)
    assert ran.code == 2
    assert ran.err.startswith("conformance: ")
    assert "Traceback" not in ran.err


def test_a_matrix_of_recordings_has_a_page_for_each_host_or_model(shell, folder):
    ran = shell("matrix", "--from", "a.har", "--columns", "model", "--out", "site", cwd=folder)
    assert ran.code == 1, ran.err
    pages = sorted(path.stem for path in (folder / "site/targets").iterdir())
    assert pages == ["api_example_m", "other_example_m"]
    assert "other.example m" in (folder / "site/index.html").read_text()
    refused = shell("matrix", "--from", "a.har", "--suite", "smoke", "--out", "site2", cwd=folder)
    assert refused.code == 2
    assert "--from" in refused.err


def test_the_python_api_judges_recordings_as_the_command_does(folder):
    report = conformance.judge([folder / "a.har"], recording_format="har", save=folder / "kept")
    assert report.exit_code == 1
    assert json.loads(report.to_json())["recordings"]["exchanges"] == 2
    assert conformance.judge(folder / "kept").exit_code == 1
    with pytest.raises(conformance.ConfigError, match="recording_format 'xml' is not known; accepted: har, vcr"):
        conformance.judge(folder / "a.har", recording_format="xml")
