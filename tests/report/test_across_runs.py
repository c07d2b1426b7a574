"""Changes between two runs: regressions are reported, noise is not."""

import io

import msgspec
import pytest

from conformance.model.verdict import Level, Status
from conformance.report import draft_waivers
from conformance.report.across_runs import diff, diff_formats
from conformance.report.document import Report, ReportField
from conformance.report.formats import json_report, terminal


@pytest.fixture
def good(record):
    return record("native").report


@pytest.fixture
def bad(record):
    return record("silent_json").report


def markdown(old, new):
    return diff_formats.as_markdown(diff.compare(old, new)).decode()


def shown(old, new):
    file = io.StringIO()
    diff_formats.on_terminal(diff.compare(old, new), terminal.console(file))
    return file.getvalue()


def kinds(found):
    return {change.kind for change in found}


def test_a_run_against_itself_changed_nothing(good, bad):
    assert diff.changes(good, good) == diff.changes(bad, bad) == ()
    assert diff.compare(good, good).not_compared == ()
    assert "Nothing changed." in shown(good, good)
    assert "Nothing changed." in markdown(good, good)


def test_a_new_failure_of_a_must_and_a_worse_fate_are_regressions(good, bad):
    found = diff.changes(good, bad)
    assert {c.what for c in found if c.kind == "failure" and c.regression} >= {"FLD001 on chat"}
    assert any(c.kind == "framework" and c.regression and "hermes 0.14" in c.what for c in found)
    text = markdown(good, bad)
    assert "| ❌ | new failure | MUST | FLD001 on chat |" in text
    assert text.count("\n|---|") == 1


def test_what_is_fixed_is_reported_and_is_no_regression(good, bad):
    found = diff.changes(bad, good)
    assert "mended" in kinds(found) | {"framework"}
    assert not any(change.regression for change in found)


def test_a_new_failure_of_a_should_is_a_regression_where_all_count(good, bad):
    lowered = tuple(msgspec.structs.replace(v, level=Level.SHOULD) if v.counts else v for v in bad.verdicts)
    bad = msgspec.structs.replace(bad, verdicts=lowered)
    for strict in (False, True):
        failed = [c for c in diff.changes(good, bad, strict=strict) if c.kind == "failure"]
        assert {(c.level, c.regression) for c in failed} == {("SHOULD", strict)}


def test_a_new_failure_is_one_change_with_its_places_and_what_follows_from_it(good, bad):
    (failed,) = (c for c in diff.changes(good, bad) if c.kind == "failure")
    assert (failed.what, failed.follows) == ("FLD001 on chat", ("BILL010 on chat",))
    assert failed.places == "chat.hello stream (hermes, langgraph, letta)"
    text = shown(good, bad)
    assert "in chat.hello stream (hermes, langgraph, letta)" in text
    assert "with it fail BILL010 on chat" in text


def test_a_failure_without_its_cause_or_of_a_higher_level_stands_alone(good, bad):
    known = tuple(v for v in bad.verdicts if v.rule != "BILL010")
    (failed,) = (c for c in diff.changes(msgspec.structs.replace(bad, verdicts=known), bad) if c.kind == "failure")
    assert failed.what == "BILL010 on chat"
    raised = tuple(
        msgspec.structs.replace(v, level=Level.SHOULD if v.rule == "FLD001" else Level.MUST) if v.counts else v
        for v in bad.verdicts
    )
    failed = [c for c in diff.changes(good, msgspec.structs.replace(bad, verdicts=raised)) if c.kind == "failure"]
    assert [(c.what, c.level, c.regression) for c in failed] == [
        ("BILL010 on chat", "MUST", True),
        ("FLD001 on chat", "SHOULD", False),
    ]


def test_a_rule_that_newly_fails_on_two_apis_is_one_change(good, bad):
    one = next(v for v in bad.verdicts if v.counts)
    both = msgspec.structs.replace(bad, verdicts=(one, msgspec.structs.replace(one, api="messages")))
    (change,) = (c for c in diff.changes(good, both) if c.kind == "failure")
    assert change.what == f"{one.rule} on chat, messages"


def test_frameworks_whose_users_see_the_same_are_one_change(good, bad):
    changed = [c for c in diff.changes(good, bad) if c.kind == "framework"]
    assert len({c.words for c in changed}) == len(changed) < len([i for i in bad.impact if i.mode == "stream"])


def test_each_format_names_both_sides(good, bad):
    for text in (shown(good, bad), markdown(good, bad), diff_formats.as_json(diff.compare(good, bad)).decode()):
        for word in ("staging", "https://api.example/v1", "m-1", "2026-11-22T12:00:00Z", good.tool.version):
            assert text.count(word) >= 2, word


def test_the_short_report_has_the_same_differences_as_the_full_one(good, bad):
    def read(report):
        return msgspec.json.decode(json_report.render(report), type=Report)

    assert diff.compare(read(good), read(bad)) == diff.compare(good, bad)


def on(report, *apis):
    """The report with each verdict on each of the APIs."""
    verdicts = tuple(msgspec.structs.replace(v, api=api) for api in apis for v in report.verdicts)
    return msgspec.structs.replace(report, verdicts=verdicts)


def test_what_only_one_run_tested_is_said_first(good):
    more = msgspec.structs.replace(on(good, "chat", "messages"), suite="full", profiles=(*good.profiles, "claude-sdk"))
    told = diff.compare(good, more)
    assert told.not_compared == (
        "messages (only in NEW; failures there count as new)",
        "profile claude-sdk (only in NEW)",
        "requests of one suite only (gate in OLD, full in NEW)",
    )
    text = shown(good, more)
    assert text.index("messages (only in NEW") < text.index("Nothing changed in what both runs tested.")
    assert "- Not compared: messages (only in NEW" in markdown(good, more)
    assert diff.compare(more, good).not_compared[0] == "messages (only in OLD)"


def test_a_run_without_a_result_is_not_one_without_a_change(good):
    gone = msgspec.structs.replace(good, verdicts=(), stopped="unreachable", stopped_why="connection refused")
    assert diff.compare(good, gone).not_compared[0] == "what NEW did not test (unreachable: connection refused)"
    assert "Nothing changed." not in shown(good, gone)


def test_a_failed_rule_without_a_result_now_is_not_called_fixed(bad):
    lost = tuple(msgspec.structs.replace(v, status=Status.UNTESTABLE) if v.counts else v for v in bad.verdicts)
    told = diff.compare(bad, msgspec.structs.replace(bad, verdicts=lost))
    assert [change.kind for change in told.changes] == []
    assert "FLD001 on chat" in told.not_compared[0]
    assert told.not_compared[0].endswith("(failed in OLD, without a result in NEW)")


def test_what_could_not_be_determined_is_no_difference(good):
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
