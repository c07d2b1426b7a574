"""The kill matrix: every planted defect and legal variant through the whole gate and both fronts.

`kill_matrix.json` says which rules fail on which deployment. A rule that goes blind, or that starts to fire elsewhere,
shows as a difference. After a change that is meant, write it again: python tests/test_selftest.py [NAME...]
"""

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from conformance.front.runs import Judged
from conformance.pytest_plugin import Violation, declare_markers, one_a_verdict
from conformance.report import assemble
from conformance.report.failures import Evidence
from conformance.selftest import TIMED, line, look, recorded, rows, subjects
from conformance.verdict import Status

MATRIX = Path(__file__).parent / "kill_matrix.json"


def expected():
    return json.loads(MATRIX.read_text())


LOOKS = 3
EVERYWHERE = "HTTP001"


def looked_at(name):
    """The recording and its line of the matrix; a busy machine gets another look where only timed rules differ."""
    known = expected()[name]
    for _ in range(LOOKS):
        seen = look(name)
        got = line(name, seen.judged)
        differing = {*got.must, *got.should} ^ {*known["must"], *known["should"]}
        if not differing or not differing <= TIMED:
            break
        recorded.cache_clear()
    return seen, got


def report_of(seen):
    """The report that both fronts show, of the failures and of one rule that every exchange has a verdict of."""
    shown = tuple(v for v in seen.judged.verdicts if v.status in (Status.FAIL, Status.ERROR) or v.rule == EVERYWHERE)
    load = seen.exchanges.__getitem__
    report = assemble.build(seen.facts, replace(seen.judged, verdicts=shown), load)
    return Judged(report, Evidence(load, seen.facts.target))


def violated(session, run):
    """The rules whose items fail under pytest, by level."""
    found = {"must": set(), "should": set(), "may": set()}
    for item in one_a_verdict(session, run):
        try:
            item.setup()
            item.runtest()
        except (Violation, pytest.skip.Exception) as told:
            if isinstance(told, Violation):
                level = next(level for level in found if item.get_closest_marker(level))
                found[level].add(item.verdict.rule)
    return found


@pytest.fixture(scope="session")
def items_session(request):
    """The session whose items verdicts become; without the plugin's options nobody has declared their marks."""
    declare_markers(request.config)
    return request.session


@pytest.mark.parametrize("name", subjects())
def test_the_gate_says_of_it_what_the_matrix_says(items_session, name):
    """But for a rule that judges time and says, on a busy machine, that it can't tell."""
    seen, got = looked_at(name)
    known = {level: [rule for rule in rules if rule not in got.unsure] for level, rules in expected()[name].items()}
    said = {
        level: [r for r in rules if r not in got.unsure]
        for level, rules in (("must", got.must), ("should", got.should))
    }
    assert got.errors == ()
    assert got.is_right or got.caught_by in got.unsure, f"{name}: {got.caught_by or 'no MUST'}; {got.must} {got.should}"
    assert said == known
    run = report_of(seen)
    failed = violated(items_session, run)
    assert failed["must"] == set(got.must)
    assert failed["should"] | failed["may"] == set(got.should)
    assert run.report.exit_code == (1 if got.must else 0)


def test_the_matrix_holds_no_line_of_something_gone():
    assert set(expected()) == set(subjects())


if __name__ == "__main__":
    names = sys.argv[1:]
    lines = expected() if names else {}
    for got in rows(names or subjects()):
        lines[got.name] = {"must": list(got.must), "should": list(got.should)}
        print(
            "ok " if got.is_right else "WRONG",
            got.name,
            got.caught_by,
            got.must,
            got.should,
            got.errors,
            file=sys.stderr,
        )
    MATRIX.write_text(json.dumps(lines, indent=1, sort_keys=True) + "\n")
