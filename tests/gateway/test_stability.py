"""Runs on a busy machine agree: what is accused is accused each time, and nothing that is slow is.

`python tests/gateway/test_stability.py 20` runs each twenty times; `make verify` a few times.
"""

import contextlib
import multiprocessing
import os
import sys

import pytest

from conformance.catalogue import rules
from conformance.gateway.selftest import run_through
from conformance.model.verdict import Status
from conformance.testbed.gateway import changes
from conformance.testbed.gateway.handling import TRANSPARENT

NAMES = (TRANSPARENT.name, "cap-dropped", "cut-ends-silently")
FEW = 3
STALLED = "the harness itself stalled"
TIMED = frozenset(rule.id for rule in rules() if rule.timed)


def spin():
    while True:
        pass


@contextlib.contextmanager
def busy():
    """Twice as many processes that compute as there are processors."""
    context = multiprocessing.get_context("spawn")
    spinning = [context.Process(target=spin, daemon=True) for _ in range(2 * (os.cpu_count() or 1))]
    for process in spinning:
        process.start()
    try:
        yield
    finally:
        for process in spinning:
            process.kill()


def statuses(name):
    """The status of each verdict of a run; of the rules about time, which need a calm moment, the failures.

    STALLED where the harness itself stalled: what can't be tested then is no other verdict.
    """
    got = run_through(TRANSPARENT if name == TRANSPARENT.name else changes.find(name))
    assert (got.errors, got.facts.stopped, got.facts.left_out) == ((), "", {})
    return {
        (v.rule, v.case): STALLED if v.message.startswith(STALLED) else str(v.status)
        for v in got.judgement.verdicts
        if v.rule not in TIMED or v.status in (Status.FAIL, Status.ERROR)
    }


def disagreeing(name, runs):
    """What differs between the first and any further run."""
    first = statuses(name)
    for _ in range(runs - 1):
        other = statuses(name)
        for key in first.keys() | other.keys():
            found = first.get(key), other.get(key)
            if STALLED not in found and len({*found}) > 1:
                yield name, key[0], key[1].probe, key[1].mode, *found


@pytest.mark.verify
@pytest.mark.parametrize("name", NAMES)
def test_runs_on_a_busy_machine_agree(name):
    with busy():
        assert list(disagreeing(name, FEW)) == []


if __name__ == "__main__":
    with busy():
        for each in NAMES:
            found = list(disagreeing(each, int(sys.argv[1])))
            sys.stdout.write(f"{each}: {found or 'no difference'}\n")
