"""The report of a load: its first lines, tables and charts in each format, and the differences of two loads."""

import json
import re
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import msgspec
import pytest

from conformance import schemas
from conformance.judging import Judgement
from conformance.load.figures import load_result
from conformance.model.case import CaseId, Kind
from conformance.model.load import LoadFacts, LoadSecond, LoadStep
from conformance.model.run import RunManifest
from conformance.model.sample import Population, Sample
from conformance.model.target import Target
from conformance.model.verdict import MUST, Status, Verdict
from conformance.report import build, load_charts, under_load
from conformance.report.across_runs import diff, diff_formats
from conformance.report.document import Report
from conformance.report.failures import Recording
from conformance.report.formats import html, json_report, terminal
from conformance.report.formats.registry import FORMATS
from conformance.rules.example import answered, completion

MS = 1_000_000
CASE = CaseId("chat", "hermes", "stream", Kind.BASELINE)
TARGET = Target(name="staging", base_url="https://api.example/v1", model="m-1", key_env="KEY")
STEPS = (LoadStep(users=8, began_s=0, ended_s=4), LoadStep(users=16, began_s=5, ended_s=10))
QUIET = tuple(LoadSecond(users=16, stall_ms=6.0, cpu=0.3) for _ in range(10))


def samples(count=400, *, slower=1, phase="load", **changes):
    """Complete responses within ten seconds, that take from 20 to 119 ms."""
    for n in range(count):
        took = {"began": n * 10_000 * MS // count, "ended": (20 + n % 100) * MS * slower}
        facts = {"nonce": f"{phase}{n}", "user": n % 16, "turn": n, "phase": phase, "task": "text", "status": 200}
        facts |= {"api": "chat", "profile": "hermes", "mode": "stream", "outcome": "complete"}
        facts |= {"first_byte": (5 + n % 100) * MS * slower, "first_token": (6 + n % 100) * MS * slower}
        yield Sample(**facts | took | changes)


def verdict(status=Status.PASS, rule="CHK001", exchanges=()):
    facts = {"title": "a rule", "level": MUST, "case": CASE, "message": "as it was seen"}
    return Verdict(rule=rule, status=status, exchanges=exchanges, **facts)


def fails_with(users):
    return lambda known: [verdict(Status.FAIL if len({one.user for one in known.load}) >= users else Status.PASS)]


HOLDS = fails_with(99)


def report(
    *groups, status=Status.PASS, rule="CHK001", exchanges=(), judge=HOLDS, stopped="", machine_pressure=None, **made
):
    known = LoadFacts(**{"users": 16, "duration_s": 10.0, "seconds": QUIET} | made)
    sent = [one for group in groups or (samples(3, phase="alone"), samples()) for one in group]
    facts = RunManifest(
        tool="test",
        started="2026-11-30T12:00:00Z",
        duration_s=12.0,
        target=TARGET,
        suite="load",
        profiles=("hermes",),
        load=known,
        stopped=stopped,
        machine_pressure=machine_pressure,
    )
    judgement = Judgement(verdicts=(verdict(status, rule, exchanges),), requests=len(sent))
    found = load_result(known, Population(tuple(sent)), ("CHK001",), judge)
    return build.build_report(facts, judgement, {}.__getitem__, load_result=found)


def text(shown):
    return terminal.text(shown, EVIDENCE)


EVIDENCE = Recording(lambda _: answered(completion()), TARGET, "runs/one")


# The first lines


def test_the_first_lines_say_how_much_was_sent_and_what_became_of_it():
    refused = samples(20, outcome="overloaded", status=503)
    mistakes = samples(10, task="mistake", outcome="error", status=404)
    shown = text(report(samples(3, phase="alone"), samples(), refused, mistakes))
    assert "CONFORMANT  staging under load of 16 users, model m-1" in shown
    assert "16 users sent 430 requests in 10 s, 43 a second: 400 complete, 20 overloaded (20 × 503), 10 " in shown
    assert ", 10 that have to get an error." in shown
    assert (
        "400 of 420 responses are complete and as alone, with the first token within 2 s and no gap above 1 s" in shown
    )
    assert "The harness kept up: its longest stall was 6 ms, and its busiest process used at most 30% of a " in shown


def test_open_arrivals_are_said_by_their_rate_with_those_that_no_user_was_free_for():
    shown = text(report(rate=50.0, not_sent=100))
    assert "50 requests a second were due for 10 s; 400 were sent, 40 a second: 400 complete; 100 requests not" in shown
    assert "400 of 500 responses" in shown


def test_the_highest_number_of_users_is_the_first_line():
    found = report(judge=fails_with(16), steps=(*STEPS[:1], LoadStep(users=16, began_s=5, ended_s=10)))
    assert found.load.conformant_up_to == 0  # all 16 users of this test send from its beginning
    assert found.summary.headline[0] == "Conformant at no step: with 8, CHK001 fails."
    assert report(steps=STEPS).summary.headline[0] == "Conformant up to 16 users, the highest that was tried."
    one = msgspec.structs.replace(found.load, conformant_up_to=8)
    assert next(under_load.lines(RunManifest(**FACTS), one, ())) == "Conformant up to 8 users: with 16, CHK001 fails."


FACTS = {"tool": "t", "started": "2026-11-30T12:00:00Z", "target": TARGET, "suite": "load", "profiles": ()}


def test_a_busy_harness_is_said_beside_its_times():
    shown = text(report(seconds=tuple(LoadSecond(users=16, cpu=0.98) for _ in range(10)), machine_pressure=0.8))
    assert "Times are untestable where they say ≤: the harness itself was too slow; it used 98% of a processor" in shown
    assert "This machine was busy: for 80% of the run, processes waited for a processor." in shown
    assert re.search(r"chat hermes stream +400 +400 +≤55 / ≤95 / ≤104", shown)


def test_a_load_without_a_complete_response_is_no_proof():
    found = report(samples(3, phase="alone"), samples(50, outcome="overloaded", status=429))
    assert found.exit_code == 3
    assert "No request under load got a complete response, so nothing is proven: 50 overloaded" in text(found)
    nothing = report([], seconds=(), duration_s=0.0)
    assert nothing.exit_code == 3
    assert "No request was sent under load" in text(nothing)
    assert under_load.UNITS not in text(nothing)
    assert all("Under load" not in FORMATS[name](nothing, EVIDENCE).decode() for name in ("markdown", "html"))


def test_an_interrupted_load_is_judged_by_what_was_sent():
    found = report(samples(30), stopped="interrupted")
    assert found.exit_code == 130
    assert found.summary.headline[0].startswith("Interrupted after 30 requests under load")


def test_what_only_some_rules_judged_is_said():
    shown = text(report(judged=103, ended_early="the cost is at its limit"))
    assert "All rules judged 103 of 403 responses" in shown
    assert "The load ended early: the cost is at its limit." in shown


def test_a_failed_must_fails_the_run():
    assert (report().exit_code, report(status=Status.FAIL).exit_code) == (0, 1)


def test_a_failure_of_the_whole_load_names_the_command_and_the_bytes_that_are_kept():
    found = report(status=Status.FAIL, rule="LOAD001", exchanges=("load-u00001-t00000",))
    shown = text(found)
    command = (
        "conformance load --base-url https://api.example/v1 --model m-1 --api-key-env KEY --api chat "
        "--profile hermes --users 16 --duration 10"
    )
    assert re.search(rf"reproduce +{re.escape(command)}\n", shown)
    assert re.search(r"bytes +runs/one/exchanges/load-u00001-t00000/received\.bin\n", shown)
    assert re.search(r"affected clients +not simulated for a rule about many responses", shown)
    assert "curl" not in shown
    assert "--rate 50" in text(report(status=Status.FAIL, rule="LOAD001", rate=50.0))


# The formats


@pytest.fixture(scope="module")
def loaded():
    refused = samples(20, outcome="overloaded", status=503)
    unary = samples(40, mode="unary", profile="letta", began=3_000 * MS)
    steps = (*STEPS[:1], LoadStep(users=16, began_s=5, ended_s=10))
    return report(samples(3, phase="alone"), samples(), refused, unary, steps=steps)


def test_the_json_report_follows_its_schema_and_is_read_again(loaded):
    found = json.loads(json_report.render(loaded))
    schemas.validator("report").validate(found)
    assert found["load"]["combinations"][0]["load"]["whole_ms"] == {"n": 400, "p50": 69, "p90": 109, "p99": 118}
    assert msgspec.json.decode(json_report.render_full(loaded), type=Report).load == loaded.load


def test_a_report_of_another_run_has_no_load(loaded):
    other = msgspec.structs.replace(loaded, load=msgspec.UNSET)
    assert "load" not in json.loads(json_report.render(other))
    assert all("Under load" not in FORMATS[name](other, EVIDENCE).decode() for name in ("markdown", "html"))


def test_every_figure_says_how_many_responses_it_rests_on(loaded):
    times = [value for value in walk(json.loads(json_report.render(loaded))["load"]) if {"p50"} <= {*value}]
    assert len(times) > 20
    assert all(value["n"] > 1 for value in times)


def walk(value):
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from walk(inner)


def test_the_terminal_and_markdown_have_a_line_for_each_kind_of_request_and_each_step(loaded):
    for shown in (text(loaded), FORMATS["markdown"](loaded, EVIDENCE).decode()):
        assert re.search(r"chat hermes stream\W+420\W+400(?:\W+54 / 94 / 103)?\W+55 / 95 / 104\W+0 / 0 / 0", shown)
        assert re.search(r"chat letta unary\W+40\W+40\W+", shown)
        assert re.search(r"\b16\W+2\d\d\W+\d", shown)
        assert "all MUST hold" in shown


def test_junit_has_the_numbers_as_properties(loaded):
    root = ET.fromstring(FORMATS["junit"](loaded, EVIDENCE))  # noqa: S314 - our own
    found = {one.get("name"): one.get("value") for one in root.iter("property")}
    assert found["load users"] == "16"
    assert found["load overloaded"] == "20"
    assert found["load chat hermes stream whole response ms p50/p90/p99"] == "69 / 109 / 118"
    assert found["load step 16"] == "all MUST hold"
    assert found["load conformant_up_to"] == "16"
    assert found["load harness"] == "kept up"


class Page(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags = []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))


def test_the_page_has_charts_with_words_and_their_numbers_as_a_table(loaded):
    page = html.run_page(loaded, EVIDENCE)
    found = Page()
    found.feed(page)
    pictures = [attrs for tag, attrs in found.tags if tag == "svg" and attrs.get("class") == "chart"]
    assert [one["role"] for one in pictures] == ["img"] * 5
    labels = " ".join(one["aria-label"] for one in pictures)
    assert "by outcome: 440 complete, 20 overloaded" in labels
    assert re.search(r"Time of whole responses, in milliseconds: p50 from \d+ to \d+", labels)
    assert "The charts in numbers" in page
    assert page.count('<th scope="row">9 s</th>') == 1
    assert [tag for tag, _ in found.tags].count("script") == 1


def test_a_line_is_interrupted_where_too_few_responses_show_it():
    gap = report([*samples(100), *samples(100, began=8_000 * MS)])
    few = msgspec.structs.replace(
        gap.load,
        intervals=tuple(
            msgspec.structs.replace(
                one, whole_ms=msgspec.structs.replace(one.whole_ms, p50=None if one.at_s == 4 else 50.0)
            )
            for one in gap.load.intervals
        ),
    )
    picture = ET.fromstring(load_charts.charts(few)[1].picture)  # noqa: S314 - our own
    lines = [line.get("points").split() for line in picture.iter("polyline") if line.get("class") == "p50"]
    assert [len(points) for points in lines] == [4, 5, 2]  # the last is the legend's


def test_a_chart_stays_within_its_picture(loaded):
    for chart in load_charts.charts(loaded.load):
        picture = ET.fromstring(chart.picture)  # noqa: S314 - our own
        for one in picture.iter("rect"):
            x, y, width, height = (float(one.get(name)) for name in ("x", "y", "width", "height"))
            assert 0 <= x <= x + width <= load_charts.WIDTH
            assert 0 <= y <= y + height <= load_charts.HEIGHT


@pytest.mark.parametrize(("value", "end"), [(0, 1), (0.3, 0.5), (7, 10), (20, 20), (21, 50), (118, 200), (0.07, 0.1)])
def test_an_axis_ends_at_a_round_number(value, end):
    assert load_charts._round_up(value) == pytest.approx(end)


# Differences


def compared(old, new):
    found = diff.compare(old, new)
    return found, {change.what: change for change in found.changes if change.kind == "load"}


def test_two_equal_loads_have_no_difference():
    found, changes = compared(report(), report())
    assert (found.not_compared, changes) == ((), {})


def test_times_are_compared_as_ratios_beside_those_of_one_request_at_a_time():
    old = report(samples(3, phase="alone"), samples())
    found, changes = compared(old, report(samples(3, phase="alone"), samples(slower=2)))
    words = changes["chat hermes stream"].words
    assert words.startswith("first token p50 ×2.00, p90 ×2.00, p99 ×2.00; whole response p50 ×2.00")
    assert words.endswith("; one at a time ×1.00")
    assert found.regressions == 0
    _, changes = compared(old, report(samples(3, phase="alone", slower=2), samples(slower=2)))
    assert changes["chat hermes stream"].words.endswith("; one at a time ×2.00")
    stalled = report(samples(3, phase="alone", stall=15 * MS), samples(slower=2))
    assert compared(old, stalled)[1]["chat hermes stream"].words.endswith("p99 ×2.00")
    assert re.search(r"chat hermes stream .* –\n", text(stalled))


def test_upper_bounds_are_not_compared():
    busy = report(samples(slower=3), seconds=tuple(LoadSecond(users=16, cpu=0.98) for _ in range(10)))
    found, changes = compared(report(), busy)
    assert "chat hermes stream" not in changes
    assert any("times with ≤ in NEW" in words for words in found.not_compared)


def test_fewer_complete_responses_and_less_goodput_are_differences():
    _, changes = compared(report(), report(samples(100), samples(300, outcome="cut")))
    assert changes["outcomes"].words == "100.0% of 400 responses were complete, 25.0% of 400 are"
    assert changes["goodput"].words == "×0.25 (40 → 10 a second)"


def test_a_lower_highest_number_of_users_is_a_regression():
    steps = {"steps": STEPS}
    found, changes = compared(report(**steps), report(judge=fails_with(16), **steps))
    change = changes["highest number of users"]
    assert change.words == "all MUST rules hold up to 0 users, and held up to 16"
    assert change.regression
    assert found.regressions == 1
    assert not compared(report(judge=fails_with(16), **steps), report(**steps))[0].regressions
    assert found.not_compared == ("times, outcomes and goodput (of loads in steps)",)
    fewer, changes = compared(report(**steps), report(steps=STEPS[:1]))
    assert "all MUST rules hold up to 8 users" in changes["highest number of users"].words
    assert fewer.regressions == 0  # no higher number was tried


@pytest.mark.parametrize("made", [{"users": 32}, {"rate": 40.0}, {"shape": "ramp.toml"}])
def test_loads_that_were_made_otherwise_are_not_compared(made):
    found, changes = compared(report(), report(samples(slower=4), **made))
    assert changes == {}
    assert "times, outcomes and goodput (16 users in OLD, " in found.not_compared[0]


def test_a_load_and_another_run_have_nothing_in_common_but_rules():
    other = msgspec.structs.replace(report(), load=msgspec.UNSET)
    found, changes = compared(report(), other)
    assert changes == {}
    assert "the load (only in OLD)" in found.not_compared


def test_every_format_of_a_comparison_shows_a_load():
    found, _ = compared(report(), report(samples(slower=2)))
    assert "×2.00" in diff_formats.as_markdown(found).decode()
    assert json.loads(diff_formats.as_json(found))["changes"][0]["kind"] == "load"
