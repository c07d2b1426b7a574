"""The kill matrix: every planted defect and legal variant through the whole gate, against what is checked in.

`kill_matrix.json` says which rules fail on which deployment. A rule that goes blind, or that starts to fire elsewhere,
shows as a difference. After a change that is meant, write it again: python tests/test_selftest.py
"""

import json
import sys
from pathlib import Path

import pytest

from conformance import catalogue
from conformance.selftest import row, rows, subjects

MATRIX = Path(__file__).parent / "kill_matrix.json"


def expected():
    return json.loads(MATRIX.read_text())


TIMED = {rule.id for rule in catalogue.rules() if rule.timed}


def looked_at(name):
    """The line of the matrix; a busy machine gets a second look where only rules that judge time differ."""
    got, known = row(name), expected()[name]
    differing = {*got.must, *got.should} ^ {*known["must"], *known["should"]}
    return row(name) if differing and differing <= TIMED else got


@pytest.mark.parametrize("name", subjects())
def test_the_gate_says_of_it_what_the_matrix_says(name):
    got = looked_at(name)
    assert got.errors == ()
    assert got.is_right, f"{name} is to be caught by {got.caught_by or 'no MUST'}; failed: {got.must} {got.should}"
    assert {"must": list(got.must), "should": list(got.should)} == expected()[name]


def test_the_matrix_holds_no_line_of_something_gone():
    assert set(expected()) == set(subjects())


if __name__ == "__main__":
    lines = {}
    for got in rows(subjects()):
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
