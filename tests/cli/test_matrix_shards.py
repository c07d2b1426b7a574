"""A matrix in shards: the merged site is the one that the whole matrix writes."""

import re

import pytest

pytestmark = pytest.mark.verify

TARGETS = """
[targets.good]
deployment = "native-sse"
[targets.incident]
deployment = "silent-json"
[targets.nowhere]
base_url = "http://127.0.0.1:9/v1"
model = "m"
"""
MATRIX = ("matrix", "--config", "t.toml", "--suite", "smoke", "--profile", "hermes")
TIMES = re.compile(r"[0-9.:]+")


@pytest.fixture(scope="module")
def sites(shell, tmp_path_factory):
    """The sites of two shards, of both together, and of the whole matrix, with the exit codes of the last two."""
    folder = tmp_path_factory.mktemp("shards")
    (folder / "t.toml").write_text(TARGETS)
    for number in (1, 2):
        shell(*MATRIX, "--shard", f"{number}/2", "--out", f"part-{number}", cwd=folder)
    merged = shell("matrix", "--merge", "part-2", "part-1", "--out", "merged", cwd=folder)
    whole = shell(*MATRIX, "--out", "whole", cwd=folder)
    return folder, merged.code, whole.code


def test_the_merged_site_is_that_of_the_whole_matrix_but_for_times(sites):
    folder, merged, whole = sites
    assert merged == whole == 1
    names = {path.relative_to(folder / "whole") for path in (folder / "whole").rglob("*.html")}
    assert {path.relative_to(folder / "merged") for path in (folder / "merged").rglob("*.html")} == names
    assert {"index.html", "targets/good.html", "targets/incident.html", "targets/nowhere.html"} <= set(map(str, names))
    for name in ("index.html", *(name for name in names if name.parts[0] == "rules")):
        merged_page, whole_page = ((folder / site / name).read_text() for site in ("merged", "whole"))
        assert TIMES.sub("", merged_page) == TIMES.sub("", whole_page)
    assert (folder / "merged/matrix.json").read_bytes() == (folder / "whole/matrix.json").read_bytes()


def test_a_shard_has_its_own_targets_alone(sites):
    folder, _, _ = sites
    found = {path.stem for path in (folder / "part-1/targets").glob("*.html")}
    assert found == {"good", "nowhere"}
    assert "incident" not in (folder / "part-1/index.html").read_text()


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("matrix", "--merge", "part-1", "--out", "x"), "shard 2/2 is missing"),
        (("matrix", "--merge", "part-1", "part-1", "--out", "x"), "shard 1/2 is given twice"),
        (("matrix", "--merge", "part-1", "part-2", "--out", "part-1"), "is one of the shards"),
        (("matrix", "--merge", "nowhere", "--out", "x"), "folders that matrix wrote"),
        (("matrix", "--merge", "part-1", "--suite", "smoke", "--out", "x"), "remove all other options"),
        ((*MATRIX, "--shard", "3/2", "--out", "x"), "K/N"),
        ((*MATRIX, "--shard", "0/2", "--out", "x"), "K/N"),
        (("matrix", "--from", "a.har", "--shard", "1/2", "--out", "x"), "without --from"),
    ],
)
def test_what_is_no_matrix_in_shards_is_refused(shell, sites, words, why):
    ran = shell(*words, cwd=sites[0])
    assert ran.code == 2
    assert why in ran.err


def test_a_page_of_the_merged_site_names_a_recording_that_is_there(sites):
    merged = sites[0] / "merged"
    for name in ("good", "incident"):
        page = (merged / f"targets/{name}.html").read_text()
        (run,) = re.findall(r"conformance judge (runs/\S+)</code>", page)
        assert (merged / run / "run.json").exists()
    sent = re.findall(r"tail -c \+\d+ (\S+) ", page)
    assert sent
    assert all((merged / path).exists() for path in sent)
