"""Trends of a target: numbers, a picture with a text alternative, and only runs that can be compared."""

import json
from xml.etree import ElementTree as ET

from conformance.report.across_runs import trends


def stored(must, suite="gate"):
    return json.dumps({"MUST": must, "SHOULD": 1, "MAY": 0} | ({"suite": suite} if suite else {})).encode()


RUNS = {
    "20261120T100000000000Z": stored(0),
    "20261101T100000000000Z": stored(8),
    "20261110T220000000000Z": stored(4),
}


def test_the_runs_are_shown_oldest_first():
    found = trends.trend("ours", "ours", RUNS)
    assert (found.must, found.should, found.runs) == ("8 → 4 → 0", "1 → 1 → 1", 3)


def test_the_picture_has_a_point_for_each_run_and_a_text_alternative():
    picture = ET.fromstring(trends.trend("ours", "ours", RUNS).picture)  # noqa: S314 - our own
    assert picture.get("role") == "img"
    assert picture.get("aria-label") == "Failing MUST rules: 2026-11-01 8, 2026-11-10 4, 2026-11-20 0"
    dots = [(float(dot.get("cx")), float(dot.get("cy"))) for dot in picture.iter("circle")]
    (left, high), (middle, half), (right, low) = dots
    assert high < half < low
    assert middle == (left + right) / 2
    assert all(0 < x < trends.WIDTH and 0 < y < trends.HEIGHT for x, y in dots)


def test_runs_of_another_suite_are_not_compared():
    smoke = RUNS | {"20261115T000000000000Z": stored(1, "smoke")}
    assert trends.trend("ours", "ours", smoke).must == "8 → 4 → 0"
    only = {"20261101T100000000000Z": stored(8, "smoke"), "20261102T100000000000Z": stored(8)}
    assert trends.trend("ours", "ours", only) is None


def test_runs_stored_without_their_suite_are_compared():
    older = RUNS | {"20261001T000000000000Z": stored(9, "")}
    assert trends.trend("ours", "ours", older).must == "9 → 8 → 4 → 0"


def test_one_run_is_no_trend():
    assert trends.trend("ours", "ours", {}) is None
    assert trends.trend("ours", "ours", {"20261101T100000000000Z": stored(8)}) is None


def test_what_is_stored_of_a_run_is_read_again(record):
    failed = trends.failed_rules(record("silent_json").report)
    assert failed.MUST > 0
    assert failed.suite == "gate"
