"""Changes between two runs: regressions are reported, noise is not."""

import msgspec
import pytest

from conformance.model.verdict import Status
from conformance.report import draft_waivers
from conformance.report.across_runs import diff
from conformance.report.document import ReportField


@pytest.fixture
def good(record):
    return record("native").report


@pytest.fixture
def bad(record):
    return record("silent_json").report


def kinds(found):
    return {change.kind for change in found}


def test_a_run_against_itself_changed_nothing(good, bad):
    assert diff.changes(good, good) == diff.changes(bad, bad) == ()
    assert "Nothing changed." in diff.as_markdown((), good, good)


def test_a_new_failure_of_a_must_and_a_worse_fate_are_regressions(good, bad):
    found = diff.changes(good, bad)
    assert {c.what for c in found if c.kind == "failure" and c.regression} >= {"FLD001 on chat"}
    assert any(c.kind == "framework" and c.regression and "hermes 0.14" in c.what for c in found)
    text = diff.as_markdown(found, good, bad)
    assert "New failures" in text
    assert "FLD001 on chat" in text


def test_what_is_mended_is_told_and_is_no_regression(good, bad):
    found = diff.changes(bad, good)
    assert "mended" in kinds(found) | {"framework"}
    assert not any(change.regression for change in found)


def test_a_new_failure_of_a_should_is_a_regression_where_all_count(good, bad):
    shoulds = [c for c in diff.changes(good, bad) if c.level == "SHOULD"]
    strict = [c for c in diff.changes(good, bad, strict=True) if c.level == "SHOULD"]
    assert shoulds
    assert not any(c.regression for c in shoulds)
    assert all(c.regression for c in strict)


def test_what_could_not_be_told_is_no_difference(good):
    unsure = tuple(
        msgspec.structs.replace(v, status=Status.UNTESTABLE) if v.status is Status.PASS else v for v in good.verdicts
    )
    noisy = msgspec.structs.replace(good, verdicts=unsure, duration_s=99.0)
    assert diff.changes(good, noisy) == diff.changes(noisy, good) == ()


@pytest.mark.parametrize(
    ("was", "state", "regression"),
    [
        ("honoured", "dropped", True),
        ("validated", "dropped", True),
        ("dropped", "honoured", False),
        ("refused", "validated", False),
    ],
)
def test_a_field_that_is_dropped_now_is_a_regression(good, was, state, regression):
    one = ReportField(api="chat", field="n", mode="unary", state=was, why="seen", exchange="x", documented=True)
    before = msgspec.structs.replace(good, fields=(one,))
    after = msgspec.structs.replace(good, fields=(msgspec.structs.replace(one, state=state),))
    (change,) = diff.changes(before, after)
    assert (change.kind, change.regression) == ("field", regression)
    unknown = msgspec.structs.replace(good, fields=(msgspec.structs.replace(one, state="unknown"),))
    assert diff.changes(before, unknown) == ()


def test_whether_an_effect_was_seen_is_up_to_the_model(good):
    one = ReportField(api="chat", field="n", mode="unary", state="honoured", why="", exchange="x", documented=True)
    before = msgspec.structs.replace(good, fields=(one,))
    after = msgspec.structs.replace(good, fields=(msgspec.structs.replace(one, state="validated"),))
    assert diff.changes(before, after) == diff.changes(after, before) == ()


def test_the_first_waivers_cover_what_failed_and_nothing_else(good, bad):
    text = draft_waivers.draft_waivers(bad, 30)
    failed = {(v.rule, v.api) for v in bad.verdicts if v.counts}
    assert text.count("[[waiver]]") == len(failed)
    assert "until = 2026-12-22" in text
    assert "[[waiver]]" not in draft_waivers.draft_waivers(good, 30)
