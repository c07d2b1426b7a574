"""The kill matrix of load: every planted defect and legal variant, used by 24 users and by one.

`kill_matrix.json` lists the rules about load that fail on each. `make test` tries a few of them, `make verify` all.
After an intended change, regenerate it: python tests/load/test_kill_matrix.py [NAME...]
"""

import json
import sys
from pathlib import Path

import pytest

from conformance import catalogue
from conformance.load.selftest import run_under_load
from conformance.model.verdict import MAY, MUST, SHOULD
from conformance.testbed.mutations import changes

MATRIX = Path(__file__).parent / "kill_matrix.json"
EXPECTED = json.loads(MATRIX.read_text()) if MATRIX.exists() else {}
QUICK = ("text-of-another-when-busy", "token-lost-when-busy", "one-slot")
"""What `make test` tries, with fewer requests."""
FEW_TURNS = 4
NAMES = [change.name for change in (*changes.load_defects(), *changes.load_variants())]


def row(got):
    return {"must": list(got.failing(MUST)), "should": list(got.failing(SHOULD, MAY))}


def test_no_rule_fails_on_the_good_deployment():
    got = run_under_load(turns=FEW_TURNS)
    assert (got.failing(), got.errors) == ((), ())
    assert {v.rule for v in got.verdicts} == {rule.id for rule in catalogue.rules() if rule.is_of_populations}


@pytest.mark.parametrize("name", QUICK)
def test_a_few_requests_of_each_user_are_enough(name):
    got = run_under_load(changes.find(name), turns=FEW_TURNS)
    assert (row(got), got.errors) == (EXPECTED[name], ())


@pytest.mark.verify
@pytest.mark.parametrize("name", NAMES)
def test_the_rules_that_fail_are_those_of_the_matrix(name):
    got = run_under_load(changes.find(name))
    assert (row(got), got.errors) == (EXPECTED[name], ())


def test_each_defect_fails_its_rule_and_no_other_must_and_no_variant_fails_a_must():
    defects = {change.name: change.caught_by for change in changes.load_defects()}
    level = {rule.id: rule.level for rule in catalogue.rules()}
    for name, rule in defects.items():
        assert EXPECTED[name]["must"] == ([rule] if level[rule] is MUST else []), name
        assert rule in (*EXPECTED[name]["must"], *EXPECTED[name]["should"]), name
    assert [change.name for change in changes.load_variants() if EXPECTED[change.name]["must"]] == []
    assert set(EXPECTED) == set(NAMES)


@pytest.mark.verify
@pytest.mark.parametrize("name", [change.name for change in changes.load_defects()])
def test_one_user_sees_no_defect_of_load(name):
    got = run_under_load(changes.find(name), users=1)
    assert (got.failing(), got.errors) == ((), ())


@pytest.mark.verify
@pytest.mark.parametrize("name", NAMES[::3])
def test_three_runs_agree(name):
    runs = [run_under_load(changes.find(name)).verdicts for _ in range(3)]
    statuses = [[(v.rule, v.case, v.status) for v in verdicts] for verdicts in runs]
    assert statuses[0] == statuses[1] == statuses[2]


if __name__ == "__main__":
    for planted in sys.argv[1:] or NAMES:
        EXPECTED[planted] = row(run_under_load(changes.find(planted)))
    lines = (f"{json.dumps(name)}: {json.dumps(EXPECTED[name])}" for name in sorted({*EXPECTED} & {*NAMES}))
    MATRIX.write_text("{\n" + ",\n".join(lines) + "\n}\n")
