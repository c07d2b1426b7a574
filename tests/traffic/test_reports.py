"""What is reported of recordings, in every format: by host and model, and nothing from them unescaped."""

import json

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from traffic import BAD, entry, write_har

from conformance.model.criteria import Criteria
from conformance.parsing.http1 import reply
from conformance.report.across_runs import matrix
from conformance.report.formats import terminal
from conformance.report.formats.registry import FORMATS
from conformance.runs.execute import render
from conformance.runs.recordings import judge_columns, judge_recordings
from conformance.schemas import load as schema

WRONG = reply(BAD).content
HOSTILE = "m\x1b[31m\u202e<script>alert(1)</script>|x"


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """Two hosts, one of which violates a MUST three times; with a model's name that must be escaped."""
    folder = tmp_path_factory.mktemp("har")
    write_har(folder / "a.har", entry(), *(entry(WRONG, host="other.example", model=HOSTILE + n) for n in ("", "1")))
    write_har(folder / "b.har", entry(WRONG + b" ", host="other.example", model=HOSTILE))
    return judge_recordings([folder])


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_has_the_failing_host_and_no_control_character(judged, name):
    written = render(name, judged).decode()
    assert not {"\x1b", "\u202e"} & set(written)
    assert name not in ("html", "junit") or "<script>alert" not in written
    if name != "badge":
        assert "other.example" in written


@pytest.mark.parametrize("name", ["json", "json-full"])
def test_the_json_report_is_as_its_schema_says(judged, name):
    document = json.loads(render(name, judged))
    Draft202012Validator(schema("report"), format_checker=FormatChecker()).validate(document)
    failed = [v for v in document["verdicts"] if v["status"] == "fail" and v["rule"] == "CMP001"]
    assert [(v["host"], v["cases"]) for v in failed] == [("other.example", 2), ("other.example", 1)]
    groups = document["recordings"]["groups"]
    assert [(g["host"], g["exchanges"], g["must_failed"]) for g in groups] == [
        ("api.example", 1, 0),
        ("other.example", 2, 1),
        ("other.example", 1, 1),
    ]
    assert document["summary"]["failed"]["MUST"] == 3


def test_the_short_report_has_one_verdict_for_what_passes_on_several_hosts(judged):
    document = json.loads(render("json", judged))
    (passed,) = [v for v in document["verdicts"] if (v["rule"], v["status"]) == ("CMP002", "pass")]
    assert passed["cases"] == 4
    assert "host" not in passed


def test_the_terminal_shows_a_table_of_hosts_and_where_each_rule_failed(judged):
    text = terminal.text(judged.report, judged.evidence)
    lines = text.splitlines()
    assert lines[0].startswith("NOT CONFORMANT  recordings of 3 models, at api.example, other.example")
    (head,) = [number for number, line in enumerate(lines) if line.startswith("host ")]
    assert [line.split()[0] for line in lines[head + 1 : head + 4]] == ["other.example", "other.example", "api.example"]
    assert " 1. CMP001  MUST" in text
    assert "(3 places)" in text
    (where,) = [line for line in lines if "occurrences" in line and "other.example" in line]
    assert where.rstrip().endswith("(1)")
    assert "(2); other.example" in where
    assert "older than the captured profiles: OpenAI/Python 2.7.0 <" in text


def test_recordings_that_violate_nothing_are_not_called_conformant(tmp_path):
    har = write_har(tmp_path / "a.har", entry())
    judged = judge_recordings([har])
    assert judged.report.exit_code == 0
    assert terminal.text(judged.report, judged.evidence).startswith("NO MUST FAILED  recordings of m, at api.example")
    assert b"no MUST failed" in render("markdown", judged)
    assert b"no MUST failed" in render("html", judged)


def test_a_command_repeats_a_request_to_the_host_that_answered(judged):
    text = terminal.text(judged.report, judged.evidence)
    assert "https://other.example/v1/chat/completions" in text
    assert "a.har#" in text


def test_a_matrix_has_a_column_for_each_host_and_says_what_recordings_do_not_show(tmp_path):
    har = write_har(tmp_path / "a.har", entry(), entry(WRONG, host="other.example"))
    found = judge_columns([har], Criteria(), lambda origin: origin.host)
    columns = [matrix.column(judged.report, name) for name, judged in found.items()]
    assert [(c.name, c.verdict.word) for c in columns] == [
        ("api.example", "no MUST failed"),
        ("other.example", "not conformant"),
    ]
    assert columns[1].families["CMP"]["MUST"] == 1
    page = matrix.index(columns, "now")
    assert "LIFE on api.example: a prerequisite was missing" in page
