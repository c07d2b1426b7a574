"""The kill matrix: the gate on every planted defect and legal variant.

`kill_matrix.json` lists the rules that fail on each deployment, in the suite `gate` that users run, and in the suite
`full`. A missed defect or a false positive shows as a difference; nothing is excused. `make test` runs `gate` on every
deployment, every twelfth legal variant and a defect of every twelfth rule, and `full` where `gate` does not catch it;
`make verify` runs both on everything. After an intended change, regenerate the matrix:
python tests/test_selftest.py [NAME...]
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from conformance import catalogue, selftest
from conformance.model.verdict import Status
from conformance.pytest_plugin import Violation, declare_markers, rule_items
from conformance.report import build
from conformance.report.failures import Recording
from conformance.runs.execute import JudgedRun
from conformance.selftest import run_change, run_subject, subject, subjects, summarize
from conformance.testbed.mutations import changes
from conformance.testbed.server.deployments import DEPLOYMENTS

MATRIX = Path(__file__).parent / "kill_matrix.json"
EXPECTED = json.loads(MATRIX.read_text())
SUITES = ("gate", "full")
EVERYWHERE = "HTTP001"
EVERY, SOME = 100, 5
"""Every n-th row is tested with both front ends, in `make test` and in `make verify`."""
FEW = 60
"""Every n-th legal variant, and a defect of every n-th rule, is tested by `make test`, the others by `make verify`."""
VARIANTS = [change.name for change in changes.variants()]
TRIES = 3
TIMED = {rule.id for rule in catalogue.rules() if rule.timed} - {"DLV003"}
"""Without stalls, which last until the timeout: half a minute each in a real run."""
TIMED_DEFECTS = [change.name for change in changes.defects() if change.caught_by in TIMED]


def is_caught(name, suite):
    """Whether the suite catches a defect, according to the matrix; true for anything but a defect."""
    caught_by = subject(name).caught_by
    expected = EXPECTED.get(name, {}).get(suite, {"must": [], "should": []})
    return not caught_by or caught_by in (*expected["must"], *expected["should"])


def representatives():
    """The deployments, and for each rule a defect that `gate` catches, or else the first."""
    chosen = {}
    for change in changes.defects():
        rule, name = change.caught_by, change.name
        if rule not in chosen or (is_caught(name, "gate") and not is_caught(chosen[rule], "gate")):
            chosen[rule] = name
    return (*DEPLOYMENTS, *chosen.values())


REPRESENTATIVES = representatives()
QUICK = {*DEPLOYMENTS, *REPRESENTATIVES[::FEW]}


def unless(quick, name):
    """The name as a parameter of `make test` if it is quick, otherwise of `make verify` only."""
    return name if quick else pytest.param(name, marks=pytest.mark.verify)


def check(name, suite, recorded_once):
    """The suite's result on a subject is that of the matrix, and no rule crashes; returns the row."""
    got = summarize(name, run_subject(name, suite, recorded_once))
    assert {"must": list(got.must), "should": list(got.should)} == EXPECTED[name][suite]
    assert got.errors == ()
    return got


@pytest.mark.parametrize("name", [unless(name in QUICK, name) for name in REPRESENTATIVES])
def test_a_defect_of_each_rule_is_caught_and_fails_no_other_rule(recorded_once, name):
    got = check(name, "gate", recorded_once)
    assert got.caught_by or got.must == ()
    assert is_caught(name, "gate") or check(name, "full", recorded_once).as_expected


@pytest.mark.sampled(FEW)
@pytest.mark.parametrize("name", VARIANTS)
def test_the_gate_fails_no_must_on_a_legal_variant(recorded_once, name):
    assert check(name, "gate", recorded_once).must == ()


@pytest.mark.verify
@pytest.mark.parametrize("name", [name for name in subjects() if name not in {*REPRESENTATIVES, *VARIANTS}])
def test_the_gate_says_of_it_what_the_matrix_says(recorded_once, name):
    assert check(name, "gate", recorded_once).caught_by


@pytest.mark.verify
@pytest.mark.parametrize("name", subjects())
def test_the_full_suite_says_of_it_what_the_matrix_says(recorded_once, name):
    assert check(name, "full", recorded_once).as_expected


@pytest.mark.sampled(EVERY)
@pytest.mark.parametrize("name", [change.name for change in changes.variants()])
def test_a_smoke_run_fails_no_must_on_a_legal_variant(recorded_once, name):
    got = summarize(name, run_subject(name, "smoke", recorded_once))
    assert (got.must, got.errors) == ((), ())


@pytest.mark.verify
def test_a_smoke_run_sees_half_of_what_breaks_a_must_in_the_gate(recorded_once):
    broken = [change.name for change in changes.defects() if EXPECTED[change.name]["gate"]["must"]]
    seen = [name for name in broken if summarize(name, run_subject(name, "smoke", recorded_once)).must]
    assert (len(broken) > 350, len(seen) / len(broken) > 0.5) == (True, True), (len(seen), len(broken))


def test_the_matrix_says_that_each_defect_is_caught():
    assert [name for name in subjects() if not is_caught(name, "full")] == []


def test_each_rule_has_a_defect():
    of_endpoints = {
        rule.id for rule in catalogue.rules() if "population" not in rule.parameters and not rule.is_of_gateways
    }
    assert {subject(name).caught_by for name in REPRESENTATIVES} >= of_endpoints


def test_the_matrix_holds_no_line_of_something_gone():
    assert set(EXPECTED) == set(subjects())


def report_of(seen):
    """The report of both front ends, with the failures and one rule that judges every exchange."""
    shown = tuple(v for v in seen.judgement.verdicts if v.status in (Status.FAIL, Status.ERROR) or v.rule == EVERYWHERE)
    load = seen.exchanges.__getitem__
    report = build.build_report(seen.facts, replace(seen.judgement, verdicts=shown), load)
    return JudgedRun(report, Recording(load, seen.facts.target))


def violated(session, run):
    """The rules whose items fail under pytest, by level."""
    found = {"must": set(), "should": set(), "may": set()}
    for item in rule_items(session, run):
        try:
            item.setup()
            item.runtest()
        except (Violation, pytest.skip.Exception) as told:
            if isinstance(told, Violation):
                level = next(level for level in found if item.get_closest_marker(level))
                found[level].add(item.result.rule)
    return found


@pytest.fixture(scope="session")
def items_session(request):
    """The session for the items of rules; their markers are declared here, without the plugin's options."""
    declare_markers(request.config)
    return request.session


def sample(every):
    """The deployments, and every n-th subject."""
    return [name for number, name in enumerate(subjects()) if name in DEPLOYMENTS or number % every == 0]


@pytest.mark.parametrize("name", [unless(name in sample(EVERY), name) for name in sample(SOME)])
def test_both_front_ends_say_it(items_session, recorded_once, name):
    run = report_of(run_subject(name, "gate", recorded_once))
    failed, expected = violated(items_session, run), EXPECTED[name]["gate"]
    assert failed["must"] == set(expected["must"])
    assert failed["should"] | failed["may"] == set(expected["should"])
    assert run.report.exit_code == (1 if expected["must"] else 0)


def cases(seen, *statuses):
    """The rules and cases with one of these statuses."""
    verdicts = (v for v in seen.judgement.verdicts if v.status in statuses)
    return {(v.rule, v.api, v.profile, v.mode, v.probe) for v in verdicts}


@pytest.mark.verify
@pytest.mark.parametrize("name", TIMED_DEFECTS)
def test_a_defect_in_time_is_caught_in_real_time_too(recorded_once, name):
    """Over TCP in real time: a case may be untestable on a busy machine, but no other verdict may differ."""
    failing = cases(run_subject(name, "full", recorded_once), Status.FAIL)
    deployment, change, policy, caught_by = subject(name)
    base = recorded_once(deployment, policy, "full", change.apis)
    for _ in range(TRIES):
        seen = run_change(deployment, change, policy, base=base, real_time=True)
        failed, untestable = cases(seen, Status.FAIL), cases(seen, Status.UNTESTABLE)
        assert failed <= failing
        assert {case for case in failing - failed if case[0] not in TIMED or case not in untestable} == set()
        if caught_by in {rule for rule, *_ in failed}:
            return
    pytest.fail(f"{caught_by} was untestable in {TRIES} runs")


def rows(names) -> Iterator[tuple[str, dict]]:
    """The lines of the matrix in both suites, computed on all processors."""
    lines = zip(*(selftest.rows(names, suite) for suite in SUITES), strict=True)
    for of_suites in lines:
        for got in of_suites:
            right = "ok " if got.as_expected or got.suite == "gate" else "WRONG"
            print(right, got.suite, got.name, got.caught_by, got.must, got.should, got.errors, file=sys.stderr)
        yield of_suites[0].name, {got.suite: {"must": got.must, "should": got.should} for got in of_suites}


if __name__ == "__main__":
    asked = sys.argv[1:]
    known = EXPECTED if asked else {}
    known |= dict(rows(asked or subjects()))
    lines = (f" {json.dumps(name)}: {json.dumps(known[name])}" for name in sorted(known))
    MATRIX.write_text("{\n" + ",\n".join(lines) + "\n}\n")
