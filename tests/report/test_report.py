import io
import json
from datetime import date

import msgspec
import pytest
from jsonschema import Draft202012Validator, FormatChecker

from conformance.judging import Judgement
from conformance.model.exchange import Ending
from conformance.model.run import RunManifest
from conformance.model.target import Target
from conformance.model.verdict import Level, Status
from conformance.model.waiver import Waiver
from conformance.report import headline
from conformance.report.document import Report, ReportVerdict
from conformance.report.formats import json_report, junit, terminal
from conformance.report.formats.registry import FORMATS
from conformance.rules.example import answered, completion, error, exchange
from conformance.schemas import load as schema

NEVER = date(2099, 1, 1)
BASELINE_VERDICT = ReportVerdict(
    rule="ERR022",
    title="The baseline request succeeds",
    level=Level.MUST,
    status=Status.UNTESTABLE,
    api="chat",
    profile="any",
    mode="unary",
    probe="chat.hello",
    message="",
    findings=(),
    exchanges=(),
    waived="",
    unreliable=False,
)


def shown(run, width=None):
    file = io.StringIO()
    terminal.render(run.report, run.evidence, terminal.console(file, width=width))
    return file.getvalue()


@pytest.mark.parametrize("name", ["json", "json-full"])
def test_the_json_report_is_as_its_schema_says(run, name):
    value = json.loads(FORMATS[name](run.report, run.evidence))
    errors = Draft202012Validator(schema("report"), format_checker=FormatChecker()).iter_errors(value)
    assert [f"{list(e.absolute_path)}: {e.message}" for e in errors] == []


@pytest.mark.parametrize(("kind", "noun"), [("report", Report), ("run", RunManifest)])
def test_the_schemas_name_the_fields_that_are_written(kind, noun):
    assert set(schema(kind)["properties"]) == {field.encode_name for field in msgspec.structs.fields(noun)}
    Draft202012Validator.check_schema(schema(kind))


def test_the_same_recording_gives_the_same_bytes(record):
    assert json_report.render(record("silent_json").report) == json_report.render(record("silent_json").report)


def test_the_first_lines_of_the_incident_say_what_was_dropped_what_came_and_who_sees_nothing(record):
    first, dropped, users, *_ = shown(record("silent_json")).splitlines()
    assert first.startswith("NOT CONFORMANT")
    assert "`stream`" in dropped
    assert "application/json" in dropped
    assert users == (
        "Users of hermes and Letta would see nothing or an error instead of the response; "
        "users of LangGraph would see an error instead of the response."
    )


def test_the_incident_is_priced(record):
    text = shown(record("silent_json", messages_per_day=6.0))
    row = next(line for line in text.splitlines() if line.startswith("hermes 0.14"))
    assert "$0.072" in row
    assert "$0.054" in row
    assert "$0.32" in row
    assert row.split()[-6:] == ["4", "4", "$0.054", "$0.072", "$0.32", "$0.43"]


def test_every_failure_tells_all_that_a_person_needs(record):
    text = shown(record("silent_json"))
    for label in ("observed", "occurrences", "fix", "spec", "affected clients", "reproduce"):
        assert f"\n  {label} " in text
    assert "https://" in text
    assert "curl " in text
    assert "»" in text


def test_a_good_run_is_short(record):
    assert record("native").report.exit_code == 0
    assert len(shown(record("native")).splitlines()) <= 8


@pytest.mark.parametrize("width", [80, 120])
def test_no_sentence_is_wider_than_the_terminal(record, width):
    for line in shown(record("silent_json"), width=width).splitlines():
        assert len(line) <= width or line.lstrip().startswith("reproduce"), line


def test_nothing_that_a_target_sent_reaches_a_screen_as_it_was(record):
    run = record("hostile")
    for text in (
        shown(run),
        shown(run, 80),
        json_report.render(run.report).decode(),
        junit.render(run.report, run.evidence).decode(),
    ):
        assert all(char.isprintable() or char == "\n" for char in text)
    assert "[bold]x[/bold]" in shown(run)


def failing_must(report):
    return next(v for v in report.verdicts if v.status == "fail" and v.level == "MUST")


def test_a_waiver_covers_its_failures_and_nothing_else(record):
    rule = failing_must(record("silent_json").report).rule
    report = record("silent_json", [Waiver(rule=rule, profile="hermes", reason="known", until=NEVER)]).report
    assert {v.profile for v in report.verdicts if v.waived} == {"hermes"}
    assert report.summary.waived == sum(
        v.rule == rule and v.profile == "hermes" and v.status == "fail" for v in report.verdicts
    )
    assert report.exit_code == 1


def test_waiving_every_failure_makes_a_run_conformant(record):
    report = record("silent_json", [Waiver(rule="*", reason="known", until=NEVER)]).report
    assert report.exit_code == 0
    assert report.summary.failed == {"MUST": 0, "SHOULD": 0, "MAY": 0}
    passed = report.summary.verdicts["pass"]
    assert any(
        line.startswith(f"{passed} verdicts pass, and every failure is waived") for line in report.summary.headline
    )


def test_a_waiver_ends_on_its_day_by_the_calendar_of_the_recording(record):
    day_before, day = date(2026, 11, 21), date(2026, 11, 22)
    assert record("silent_json", [Waiver(rule="*", reason="r", until=day_before)]).report.waivers[0].state == "expired"
    assert record("silent_json", [Waiver(rule="*", reason="r", until=day)]).report.waivers[0].state == "used"


def test_a_stale_waiver_fails_a_strict_run_only(record):
    stale = [Waiver(rule="*", profile="nobody", reason="r", until=NEVER)]
    relaxed, strict = record("native", stale).report, record("native", stale, strict=True).report
    assert relaxed.waivers[0].state == "stale"
    assert (relaxed.exit_code, strict.exit_code) == (0, 1)


@pytest.mark.parametrize(
    ("stopped", "code", "line", "said"),
    [
        ("unreachable", 3, 0, "could not be reached"),
        ("key-refused", 3, 0, "rejected the API key"),
        ("too-slow", 3, 0, "too slow"),
        ("set-up", 3, 0, "NOT TESTED  because."),
        ("interrupted", 130, 1, "Interrupted"),
    ],
)
def test_a_run_that_stopped_says_so_first(record, stopped, code, line, said):
    run = record("native", stopped=stopped, stopped_why="because")
    assert run.report.exit_code == code
    assert said in shown(run).splitlines()[line]


def test_a_target_that_fails_every_baseline_request_is_never_conformant(record):
    run = record("nobody_home")
    assert run.report.exit_code in {1, 3}
    second = shown(run).splitlines()[1]
    assert "No baseline request succeeded, so nothing is proven: the first got HTTP 404 ‘Not Found’" in second
    assert "https://api.example/v1" in second


def test_a_target_that_is_gone_half_way_is_not_tested(record):
    run = record("gone_half_way")
    assert run.report.summary.failed["MUST"] == 0
    assert run.report.exit_code == 3
    assert shown(run).splitlines()[1].startswith("No connection could be made for 3 requests, so")


@pytest.mark.parametrize(("reply", "code"), [("gateway_down", 3), ("nobody_home", 1)])
def test_a_gateway_whose_server_is_down_is_not_tested(record, reply, code):
    assert record(reply).report.exit_code == code


def test_a_run_in_which_one_api_rejects_the_key_is_not_conformant():
    received = {
        "a": answered(completion(), probe="chat.hello"),
        "b": answered(error("No such key."), status=401, probe="messages.hello"),
    }
    assert headline.without_baseline({"a": "chat"}, received.__getitem__) == ""
    assert headline.without_baseline({"a": "chat", "b": "messages"}, received.__getitem__).startswith(
        "messages rejected the API key (HTTP 401)"
    )


def test_an_api_that_is_not_offered_is_one_note():
    why = "the target does not offer this API: HTTP 501 on the path of messages"
    facts = RunManifest(
        tool="test",
        started="2026-11-22T12:00:00Z",
        target=Target(base_url="http://h/v1", model="m"),
        suite="gate",
        profiles=(),
        left_out={"messages.usage-hermes-unary": "HTTP 501 on the path of messages", "chat.n": "over --max-requests 3"},
    )
    said = list(headline.lines(facts, Judgement(absent={"messages": why}), (), {}.__getitem__))
    assert [line for line in said if "messages" in line] == [f"Not judged: messages ({why})."]
    assert "1 planned request not sent: over --max-requests 3." in said


@pytest.mark.parametrize(("mode", "how"), [("stream", "streaming"), ("unary", "non-streaming")])
def test_a_request_that_timed_out_is_named_and_not_its_whole_framework(mode, how):
    late = exchange(b"", mode=mode, ending=Ending("timeout", "first-byte", 60_000_000_000))
    why = "no byte came within 60 s: set a longer --timeout"
    verdict = msgspec.structs.replace(
        BASELINE_VERDICT, rule="HTTP001", profile="letta", mode=mode, message=why, exchanges=("late",)
    )
    said = [*headline._slow([verdict], {"late": late}.__getitem__)]
    assert said == [f"letta was not tested with {how} chat: {why}."]
