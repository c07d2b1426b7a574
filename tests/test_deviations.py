"""A deviation is not deafness: what a tolerant client can still read, the other rules still judge.

A target with one deviation gets one finding, and no other verdict becomes untestable.
"""

import pytest

from conformance.model.verdict import MUST, Status
from conformance.selftest import run_subject, subject

LEGIBLE = (
    *("all-errors-in-an-array", "errors-in-an-array", "errors-as-bare-text", "errors-as-detail"),
    *("errors-as-detail-text", "errors-at-the-top"),
    *("json-as-text", "json-as-html", "json-as-events", "json-unlabelled"),
    *("sse-as-text", "sse-as-json", "sse-unlabelled"),
    *("refusal-as-detail", "refusal-as-text", "refusal-as-events", "refusal-mislabelled"),
)
"""Defects of the form in which responses are sent, whose content anybody can read."""


def untestable(run):
    """The untestable verdicts of a run, by rule and test case."""
    return {(v.rule, v.case) for v in run.judgement.verdicts if v.status is Status.UNTESTABLE}


@pytest.mark.sampled(4)
@pytest.mark.parametrize("name", LEGIBLE)
def test_a_deviation_is_one_finding_and_everything_else_is_read(recorded_once, name):
    deployment, _, policy, caught_by = subject(name)
    deviating, usual = run_subject(name, "gate", recorded_once), recorded_once(deployment, policy, "gate")
    failed = {v.rule for v in deviating.judgement.verdicts if v.status is Status.FAIL and v.level is MUST}
    assert failed <= {caught_by}
    more = {(rule, case) for rule, case in untestable(deviating) - untestable(usual) if not rule.startswith("LIFE")}
    assert more == set(), len(more)
