"""The first screen of a failing run: what users would see, and every failing rule by cause."""

import io
import re
from dataclasses import replace

import pytest

from conformance.cli import main
from conformance.judging import judge
from conformance.model.case import CaseId, Kind
from conformance.model.run import RunManifest
from conformance.model.target import Target
from conformance.model.verdict import Status
from conformance.report import build
from conformance.report.failures import NO_EFFECT, Recording, failing_rules
from conformance.report.formats import terminal
from conformance.rules.example import answered, completion, error
from conformance.selftest import run_subject

SCREEN = 40
SUBJECTS = (
    "silent-json",
    "call-not-parsed",
    "sse-proxy",
    "reads-only-messages",
    "chunks-by-hand",
    "errors-of-the-framework",
)
TABLE = re.compile(r"^framework .*?\n\n", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module", params=SUBJECTS)
def screen(request, recorded_once):
    """The report on an embedded server, and what a log shows of it."""
    seen = run_subject(request.param, "gate", recorded_once)
    failed = tuple(v for v in seen.judgement.verdicts if v.status is Status.FAIL or v.rule == "HTTP001")
    load = seen.exchanges.__getitem__
    report = build.build_report(seen.facts, replace(seen.judgement, verdicts=failed), load)
    out = io.StringIO()
    terminal.render(report, Recording(load, seen.facts.target), terminal.console(out))
    return report, out.getvalue()


def test_every_failing_rule_has_a_line_on_the_first_screen(screen):
    report, text = screen
    first = text.splitlines()[:SCREEN]
    failing = {verdict.rule for verdict in report.verdicts if verdict.counts}
    assert failing
    assert {rule for rule in failing if not any(rule in line for line in first)} == set()
    assert {one.rule for one in failing_rules(report)} == failing


def test_the_headline_and_the_table_name_the_same_frameworks(screen):
    _, text = screen
    headline = next((line for line in text.splitlines() if line.startswith("Users of ")), "")
    table = TABLE.search(text + "\n")
    rows = [line for line in (table[0] if table else "").splitlines()[1:] if " gets the response" not in line]
    for name in ("hermes", "LangGraph", "Letta", "Claude SDK"):
        assert (name in headline) == any(row.startswith(name) for row in rows)


def test_an_error_with_a_success_status_is_no_silently_ignored_stream():
    failed = answered(error("Overloaded."), mode="stream")
    exchanges = {
        f"chat.hello-langgraph-{mode}": replace(
            x, id=f"chat.hello-langgraph-{mode}", case=CaseId("chat", "langgraph", mode, Kind.BASELINE), cache={}
        )
        for mode, x in (("stream", failed), ("unary", answered(completion())))
    }
    target = Target(base_url="http://h/v1", model="m")
    day, planned = "2026-01-01T00:00:00Z", tuple(exchanges)
    facts = RunManifest(tool="t", started=day, target=target, suite="gate", profiles=(), planned=planned)
    load = exchanges.__getitem__
    report = build.build_report(facts, judge(facts, load, tuple(exchanges)), load)
    assert "ERR013" in {verdict.rule for verdict in report.verdicts if verdict.counts}
    assert not [line for line in report.summary.headline if "ignores `stream`" in line]


def test_the_clients_of_a_cause_are_affected_in_its_exchanges(screen):
    report, text = screen
    hurt = {impact.client for impacts in report.hurt.values() for impact in impacts}
    for block in re.findall(r"affected clients  (.*?)\n  reproduce", text, re.DOTALL):
        named = block.split(":")[0].split(" and ")[0]
        assert named in (NO_EFFECT, "not simulated") or {client.strip() for client in named.split(",")} <= hurt


def test_the_incident_is_one_cause_on_one_screen_with_its_dollars(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main.app(["run", "--deployment", "silent-json"]) == 1
    lines = [line for line in capsys.readouterr().out.splitlines() if not line.startswith("This machine was busy")]
    assert len(lines) <= SCREEN
    assert sum(bool(re.match(r" *[0-9]+\. [A-Z]+[0-9]+ ", line)) for line in lines) == 1
    assert [line.split()[-2:] for line in lines if line.startswith("hermes 0.14")] == [["$0.054", "$0.072"]]


def test_a_conformant_run_says_that_users_are_affected_all_the_same(recorded_once):
    seen = run_subject("stopgap-501", "gate", recorded_once)
    report = build.build_report(seen.facts, seen.judgement, seen.exchanges.__getitem__)
    assert report.exit_code == 0
    assert report.summary.headline[0].startswith("No MUST rule failed, but users of hermes")
