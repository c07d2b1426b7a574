"""The kill matrix of gateways: every planted defect and legal variant of the embedded gateway, over loopback.

`kill_matrix.json` lists the rules that fail on each defect. After an intended change, regenerate it:
python tests/gateway/test_kill_matrix.py [NAME...]
"""

import json
import sys
from pathlib import Path

import pytest

from conformance.gateway.selftest import run_through
from conformance.model.verdict import MAY, MUST, SHOULD
from conformance.testbed.gateway import changes
from conformance.testbed.gateway.handling import TRANSPARENT

MATRIX = Path(__file__).parent / "kill_matrix.json"
EXPECTED = json.loads(MATRIX.read_text())
FEW = 4
"""Every n-th defect and variant is tested by `make test`, the others by `make verify`."""


def some(planted):
    names = [change.name for change in planted]
    return [name if at % FEW == 0 else pytest.param(name, marks=pytest.mark.verify) for at, name in enumerate(names)]


def row(got):
    return {"must": list(got.failing(MUST)), "should": list(got.failing(SHOULD, MAY))}


@pytest.mark.parametrize("api", ["chat", "messages", "responses"])
def test_no_rule_fails_on_the_transparent_gateway(api):
    got = run_through(TRANSPARENT, apis=(api,))
    assert (got.failing(), got.errors, got.facts.stopped) == ((), (), "")


@pytest.mark.parametrize("name", some(changes.variants()))
def test_no_rule_fails_on_what_a_gateway_may_do(name):
    got = run_through(changes.find(name))
    assert (got.failing(), got.errors, got.facts.stopped) == ((), (), "")


@pytest.mark.parametrize("name", some(changes.defects()))
def test_each_planted_defect_is_caught(name):
    change = changes.find(name)
    got = run_through(change)
    assert change.caught_by in got.failing()
    assert (row(got), got.errors) == (EXPECTED[name], ())


def test_the_matrix_has_a_line_for_each_planted_defect():
    assert set(EXPECTED) == {change.name for change in changes.defects()}


def regenerate(names):
    rows = {name: line for name, line in EXPECTED.items() if changes.find(name)}
    for change in changes.defects():
        if not names or change.name in names:
            got = run_through(change)
            rows[change.name] = row(got)
            caught = "" if change.caught_by in got.failing() else f", but not {change.caught_by}"
            sys.stderr.write(f"{change.name}: {', '.join(got.failing())}{caught}\n")
    MATRIX.write_text(json.dumps(dict(sorted(rows.items())), indent=1) + "\n")


if __name__ == "__main__":
    regenerate(sys.argv[1:])
