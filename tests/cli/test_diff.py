"""Many targets, two runs, and a first waivers file: the commands, as they are typed."""

import json
import re
import tomllib

import pytest

from conformance.cli.matrix import file_names

TARGETS = """
[targets.good]
deployment = "native-sse"

[targets.incident]
deployment = "silent-json"
concurrency = 4

[targets.gone]
base_url = "http://127.0.0.1:9/v1"
model = "nobody"
"""


@pytest.fixture(scope="module")
def site(shell, tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    (folder / "targets.toml").write_text(TARGETS)
    words = ("matrix", "--config", "targets.toml", "--out", "site", "--suite", "smoke", "--profile", "hermes")
    first = shell(*words, cwd=folder)
    second = shell(*words, cwd=folder)
    second.first, second.folder = first, folder / "site"
    return second


def test_a_target_that_is_not_there_costs_its_own_column_alone(site):
    assert site.first.code == 1
    lines = site.first.err.splitlines()
    assert len(lines) == 3
    assert {line.split()[1] for line in lines} == {"good:", "incident:", "gone:"}
    text = (site.folder / "index.html").read_text()
    for word in ("good", "incident", "gone", "sees nothing", "gets the response", "not tested", "dropped"):
        assert word in text


def test_each_target_has_its_page_its_badge_and_each_failing_rule_its_own(site):
    for name in ("good", "incident", "gone"):
        assert (site.folder / f"targets/{name}.html").exists()
        assert (site.folder / f"badges/{name}.svg").exists()
    assert "FLD001" in (site.folder / "targets/incident.html").read_text()
    assert "stream: true" in (site.folder / "rules/FLD001.html").read_text()
    assert "refused" in (site.folder / "targets/gone.html").read_text()


def test_targets_of_like_names_have_files_of_their_own():
    names = ["a b", "a_b", "A/B", "ünï", "ünÏ", "x" * 200]
    files = file_names(names)
    assert list(files) == names
    assert len({file.lower() for file in files.values()}) == len(names)
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{1,90}", file) for file in files.values())


def test_the_runs_that_are_kept_show_as_trends(site):
    text = (site.folder / "index.html").read_text()
    assert 'aria-label="Failing MUST rules: ' in text
    assert len(list((site.folder / "runs/incident").glob("*.json"))) == 2
    assert list((site.folder / "runs/gone").glob("*.json")) == []
    assert "targets/gone.html" not in text[text.index("Trends") :]


def test_a_target_s_page_quotes_its_number_and_says_how_to_judge_it_again(site):
    page = (site.folder / "targets/incident.html").read_text()
    quoted = (
        r"incident, model reference, chat: (\d+) of (\d+) MUST rules pass \(\d+ untestable\), 20..-..-.., suite smoke,"
    )
    passed, judged = re.search(quoted, page).groups()
    assert 0 < int(passed) < int(judged)
    assert f"{passed} of {judged}" in (site.folder / "index.html").read_text()
    (run,) = re.findall(r"conformance judge (runs/incident/\w+)</code> in the folder of this site", page)
    assert f"{run.rpartition('/')[2]}</code>" in page
    assert (site.folder / run / "run.json").exists()
    for path in site.folder.rglob("*.html"):
        assert "Is this wrong?" in path.read_text()


def test_a_diff_of_kept_runs_tells_the_regression_and_its_code(site, shell):
    good, bad = (max((site.folder / "runs" / name).glob("*Z")) for name in ("good", "incident"))
    told = shell("diff", good, bad, "--report", "markdown=-", cwd=site.folder)
    assert told.code == 1
    assert "FLD001 on chat" in told.out
    assert told.out.startswith("## ❌")
    assert told.err == ""
    mended = shell("diff", bad, good, "--report", "json=diff.json", cwd=site.folder)
    assert mended.code == 0
    assert any(change["kind"] == "mended" for change in json.loads((site.folder / "diff.json").read_text())["changes"])


def test_a_noisy_but_equal_target_gives_an_empty_diff(site, shell):
    for name in ("good", "incident"):
        old, new = sorted((site.folder / "runs" / name).glob("*Z"))[-2:]
        told = shell("diff", old, new, cwd=site.folder)
        assert (told.code, told.lines[-1]) == (0, "Nothing changed."), name


def test_the_first_waivers_of_a_run_make_it_pass(site, shell, tmp_path):
    run = max((site.folder / "runs/incident").glob("*Z"))
    written = shell("waive", run, "--out", tmp_path / "waivers.toml", cwd=tmp_path)
    assert written.code == 0
    assert tomllib.loads((tmp_path / "waivers.toml").read_text())["waiver"]
    judged = shell("judge", run, "--waivers", tmp_path / "waivers.toml", "--report", "html=page.html", cwd=tmp_path)
    assert judged.code == 0
    assert "waived: accepted for now" in (tmp_path / "page.html").read_text()
    again = shell("waive", run, "--out", tmp_path / "waivers.toml", cwd=tmp_path)
    assert again.code == 2
    assert "accepted: a new file" in again.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("diff", "nothing", "nowhere"), "accepted: a run folder, or its JSON report"),
        (("diff", "nothing", "nowhere", "--report", "html=page.html"), "with FORMAT one of markdown, json"),
        (("diff", "nothing", "nowhere", "--report", "json=targets.toml/x"), "--report 'json=targets.toml/x'"),
        (("matrix", "--config", "none.toml", "--out", "o"), "none.toml"),
        (("run", "--target", "good", "--config", "targets.toml"), "accepted: --deployment native-sse"),
    ],
)
def test_what_can_not_be_meant_is_refused(shell, tmp_path, words, said):
    (tmp_path / "targets.toml").write_text(TARGETS)
    ran = shell(*words, cwd=tmp_path)
    assert ran.code == 2
    assert said in ran.err
