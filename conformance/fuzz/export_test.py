"""The failures of a fuzz run as a standalone pytest file."""

from collections.abc import Callable

from conformance.judging import judge
from conformance.model.case import Kind
from conformance.model.exchange import Exchange
from conformance.model.run import RunManifest
from conformance.model.verdict import Status

HEAD = '''"""Requests that failed a rule. Set BASE_URL, and API_KEY if the target needs a key."""

import os

import pytest

import conformance

'''
TAIL = """]


@pytest.mark.parametrize(("rule", "mode", "probe", "body"), FOUND)
def test_failure_is_fixed(rule, mode, probe, body):
    key = "API_KEY" if os.environ.get("API_KEY") else None
    url = os.environ["BASE_URL"]
    report = conformance.resend(body, probe=probe, mode=mode, base_url=url, model=MODEL, api_key_env=key)
    assert report.exit_code in (0, 1), report.headline
    assert rule not in {verdict.rule for verdict in report.failures}, str(report)
"""


def as_test(facts: RunManifest, load: Callable[[str], Exchange]) -> str:
    """The text of a pytest file with one case per failure; empty if there is none."""
    judged = judge(facts, load, facts.planned)
    cases = []
    for verdict in judged.verdicts:
        if verdict.status is Status.FAIL and verdict.case.kind is not Kind.BASELINE:
            body = load(verdict.exchanges[0]).sent.partition(b"\r\n\r\n")[2]
            cases.append(f"    {(verdict.rule, verdict.mode, verdict.probe, body)!r},\n")
    if not cases:
        return ""
    return f"{HEAD}MODEL = {facts.target.model!r}\nFOUND = [\n{''.join(dict.fromkeys(cases))}{TAIL}"
