"""Recordings by other tools are read, counted, kept and judged."""

import json

import pytest
from traffic import BAD, entry, write_har

from conformance.model.case import Kind
from conformance.parsing.http1 import reply
from conformance.rules.example import completion
from conformance.runs.config import ConfigError
from conformance.runs.execute import judge_run, render
from conformance.runs.recordings import judge_paths, judge_recordings
from conformance.storage.folder import RunFolder

WRONG = reply(BAD).content


def test_a_folder_is_judged_by_host_and_model(tmp_path):
    write_har(tmp_path / "a.har", entry(), entry(completion(id="x"), model="n"))
    write_har(tmp_path / "b.har", entry(WRONG, host="other.example"))
    report = judge_recordings([tmp_path]).report
    assert report.exit_code == 1
    groups = {(g.host, g.model): (g.exchanges, g.must_failed) for g in report.recordings.groups}
    assert groups == {("api.example", "m"): (1, 0), ("api.example", "n"): (1, 0), ("other.example", "m"): (1, 1)}
    assert [g.failed for g in report.recordings.groups if g.must_failed] == [("CMP001",)]
    assert (report.recordings.files, report.requests) == (2, 3)
    assert report.target.base_url == "api.example, other.example"


def test_equal_exchanges_are_judged_once_and_counted(tmp_path):
    write_har(tmp_path / "a.har", entry(), entry(), entry(host="other"), entry(model="n"), entry(completion(id="x")))
    write_har(tmp_path / "b.har", entry())
    report = judge_recordings([tmp_path]).report
    assert (report.recordings.exchanges, report.recordings.duplicates) == (4, 2)
    assert "2 duplicates judged once" in " ".join(report.summary.headline)


def test_what_is_not_judged_is_counted_by_reason(tmp_path):
    unanswered = entry() | {"response": {"status": 0, "headers": [], "content": {}}}
    pictures = [entry(path="/v1/images/generations")] * 3
    write_har(tmp_path / "a.har", entry(), *pictures, unanswered, *[{"request": 1}] * 12)
    (tmp_path / "package.json").write_text('{"name": "x"}')
    report = judge_recordings([tmp_path]).report
    skipped = report.recordings.skipped
    assert list(skipped.other_paths.values()) == [3]
    assert (skipped.no_response, skipped.damaged, len(skipped.damaged_first), skipped.other_files) == (1, 12, 10, 1)
    words = " ".join(report.summary.headline)
    assert "3 requests to other paths (POST api.example/v1/images/generations 3)" in words
    assert "12 entries: " in words
    assert "and 2 more" in words
    assert "1 file that holds no recording" in words


def test_a_file_that_is_named_itself_must_be_a_recording(tmp_path):
    (tmp_path / "package.json").write_text('{"name": "x"}')
    write_har(tmp_path / "a.har", entry())
    with pytest.raises(ConfigError, match=r"package\.json"):
        judge_recordings([tmp_path / "a.har", tmp_path / "package.json"])


def test_recordings_without_anything_to_judge_are_refused_with_the_reason(tmp_path):
    write_har(tmp_path / "a.har", entry(path="/v1/images/generations"))
    with pytest.raises(ConfigError, match=r"nothing to judge \(requests to other paths: 1\).*accepted: a run folder"):
        judge_recordings([tmp_path])
    with pytest.raises(ConfigError, match="no path was given"):
        judge_paths(())


def test_kept_recordings_are_judged_the_same(tmp_path):
    har = write_har(tmp_path / "a.har", entry(), entry(), entry(WRONG, host="other.example"))
    now = judge_recordings([har], save=tmp_path / "kept")
    later = judge_run(tmp_path / "kept")
    assert render("json-full", later) == render("json-full", now)
    assert render("html", later) == render("html", now)
    kept = list(RunFolder.open(tmp_path / "kept").exchanges())
    assert [x.origin.source for x in kept] == [f"{har}#0", f"{har}#2"]
    assert {x.case.kind for x in kept} == {Kind.RECORDED}


def test_a_run_folder_is_judged_alone(tmp_path):
    har = write_har(tmp_path / "a.har", entry())
    judge_recordings([har], save=tmp_path / "kept")
    for paths, more in (([tmp_path / "kept", har], {}), ([tmp_path / "kept"], {"save": tmp_path / "again"})):
        with pytest.raises(ConfigError, match="run folder"):
            judge_paths(paths, **more)
    assert judge_paths([tmp_path / "kept"]).report.exit_code == 0


def test_the_folder_to_keep_in_must_be_new(tmp_path):
    har = write_har(tmp_path / "a.har", entry())
    with pytest.raises(ConfigError, match="--save"):
        judge_recordings([har], save=tmp_path)


def test_progress_is_reported_by_exchange_and_file(tmp_path):
    for name in "abc":
        write_har(tmp_path / f"{name}.har", entry())
    told = []
    judge_recordings([tmp_path], progress=lambda *how_far: told.append(how_far))
    assert told == [(0, 3, 1), (1, 3, 1), (2, 3, 1), (3, 3, 1)]


def test_ctrl_c_keeps_what_was_judged_until_then(tmp_path):
    def interrupt(_done, _of, exchanges):
        if exchanges == 2:
            raise KeyboardInterrupt

    write_har(tmp_path / "a.har", *(entry(host=host) for host in ("one.example", "two.example", "three.example")))
    with pytest.raises(KeyboardInterrupt):
        judge_paths([tmp_path / "a.har"], save=tmp_path / "kept", progress=interrupt)
    kept = judge_run(tmp_path / "kept").report
    assert (kept.exit_code, kept.stopped, kept.stopped_why) == (130, "interrupted", "the user stopped the run")
    assert kept.target.base_url == "one.example, two.example"
    assert kept.summary.headline[0] == (
        "Interrupted (the user stopped the run): only what was read until then is judged."
    )


def test_a_file_that_can_not_be_read_does_not_lose_what_was_kept_before(tmp_path):
    write_har(tmp_path / "a.har", entry())
    (tmp_path / "b.json").write_text("{}")
    with pytest.raises(ConfigError, match=r"it has no log\.entries"):
        judge_paths([tmp_path / "a.har", tmp_path / "b.json"], save=tmp_path / "kept")
    kept = judge_run(tmp_path / "kept").report
    assert (kept.exit_code, kept.requests, "b.json: it has no log.entries" in kept.stopped_why) == (130, 1, True)


def test_recordings_without_anything_to_judge_leave_no_folder(tmp_path):
    write_har(tmp_path / "a.har", entry(path="/v1/images/generations"))
    with pytest.raises(ConfigError, match="nothing to judge"):
        judge_paths([tmp_path / "a.har"], save=tmp_path / "kept")
    assert not (tmp_path / "kept").exists()


def test_a_key_in_a_recording_is_kept_nowhere(tmp_path):
    key = "sk-test-0123456789abcdef0123456789"
    one = entry()
    one["request"]["headers"].append({"name": "authorization", "value": f"Bearer {key}"})
    har = write_har(tmp_path / "a.har", one)
    judged = judge_recordings([har], save=tmp_path / "kept")
    kept = b"".join(path.read_bytes() for path in (tmp_path / "kept").rglob("*") if path.is_file())
    assert key.encode() not in kept + render("json-full", judged) + render("har", judged)
    assert json.loads(render("har", judged))["log"]["entries"][0]["request"]["url"].startswith("https://api.example/v1")
