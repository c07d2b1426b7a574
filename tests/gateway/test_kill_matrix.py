"""The kill matrix of gateways: every planted defect and legal variant of the embedded gateway, over loopback.

`kill_matrix.json` lists the rules that fail on each defect, and the requests that show the one that must. `make test`
sends these alone for some defects, `make verify` for all; it also sends all requests through all defects and variants.
After an intended change, regenerate it: python tests/gateway/test_kill_matrix.py [NAME...]
"""

import json
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from conformance.gateway.selftest import run_through
from conformance.model.verdict import MAY, MUST, SHOULD
from conformance.testbed.gateway import changes
from conformance.testbed.gateway.handling import TRANSPARENT

MATRIX = Path(__file__).parent / "kill_matrix.json"
EXPECTED = json.loads(MATRIX.read_text())
FEW = 24
"""Every n-th defect is tested by `make test`, all others and the variants by `make verify`."""
OTHERS = ("messages", "responses", "embeddings", "completions")
WAITS = 2
"""Runs at once for each processor: most of the time they wait."""


def some(planted):
    quick = [change.name for change in planted if not change.is_full and len(change.apis) == 1][::FEW]
    names = [change.name for change in planted]
    return [name if name in quick else pytest.param(name, marks=pytest.mark.verify) for name in names]


def row(change, got):
    return {
        "must": list(got.failing(MUST)),
        "should": list(got.failing(SHOULD, MAY)),
        "shown_by": list(got.shown_by(change.caught_by)),
    }


def rules(line):
    return {*line["must"], *line["should"]}


def unsure(got):
    """The rules that could not judge times, because this machine is too busy."""
    return {
        v.rule for v in got.judgement.verdicts if v.status == "untestable" and "harness itself stalled" in v.message
    }


@pytest.mark.parametrize("api", ["chat", *(pytest.param(api, marks=pytest.mark.verify) for api in OTHERS)])
def test_no_rule_fails_on_the_transparent_gateway(api):
    got = run_through(TRANSPARENT, apis=(api,))
    assert (got.failing(), got.errors, got.facts.stopped) == ((), (), "")


@pytest.mark.verify
@pytest.mark.parametrize("name", [change.name for change in changes.variants()])
def test_no_rule_fails_on_what_a_gateway_may_do(name):
    got = run_through(changes.find(name))
    assert (got.failing(), got.errors, got.facts.stopped) == ((), (), "")


@pytest.mark.parametrize("name", some(changes.defects()))
def test_the_requests_that_show_a_planted_defect_are_enough_to_catch_it(name):
    change = changes.find(name)
    got = run_through(change, only=EXPECTED[name]["shown_by"])
    assert change.caught_by in {*got.failing()} | unsure(got)
    assert {*got.failing()} <= rules(EXPECTED[name])
    assert got.errors == ()


@pytest.mark.verify
@pytest.mark.parametrize("name", [change.name for change in changes.defects()])
def test_each_planted_defect_fails_the_rules_that_the_matrix_says(name):
    got = run_through(changes.find(name))
    assert {*got.failing()} ^ rules(EXPECTED[name]) <= unsure(got)
    assert got.errors == ()


def test_the_matrix_has_a_line_for_each_planted_defect():
    assert set(EXPECTED) == {change.name for change in changes.defects()}


@pytest.mark.parametrize("name", [change.name for change in changes.defects()])
def test_the_matrix_says_that_each_defect_is_caught(name):
    assert changes.find(name).caught_by in rules(EXPECTED[name])


def computed(name):
    change = changes.find(name)
    got = run_through(change)
    line = row(change, got)
    if change.caught_by not in run_through(change, only=line["shown_by"]).failing():
        line["shown_by"] = []  # it needs requests before: all are sent
    return name, change.caught_by, line, got.errors


def regenerate(names):
    lines = {name: line for name, line in EXPECTED.items() if changes.find(name)}
    wanted = [change.name for change in changes.defects() if not names or change.name in names]
    with ProcessPoolExecutor(WAITS * (os.cpu_count() or 1), mp_context=get_context("spawn")) as pool:
        for name, caught_by, line, errors in pool.map(computed, wanted):
            lines[name] = line
            missed = "" if caught_by in rules(line) else f"  MISSED by {caught_by}"
            sys.stderr.write(f"{name}: {' '.join(sorted(rules(line)))}{missed} {' '.join(errors)}\n")
    MATRIX.write_text(json.dumps(dict(sorted(lines.items())), indent=1) + "\n")


if __name__ == "__main__":
    regenerate(sys.argv[1:])
