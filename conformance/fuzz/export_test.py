"""The failures of a fuzz run as a standalone pytest file."""

from collections.abc import Callable

from conformance.judge import judge
from conformance.model.exchange import Exchange
from conformance.model.run import RunManifest
from conformance.model.verdict import Status

HEAD = '''"""Requests that failed a rule. Set BASE_URL, and API_KEY if the target needs a key."""

import os

import pytest

from conformance.fuzz.resend import failing

'''
TAIL = """]


@pytest.mark.parametrize(("rule", "api", "mode", "probe", "body"), FOUND)
def test_failure_is_fixed(rule, api, mode, probe, body):
    assert rule not in failing(os.environ["BASE_URL"], MODEL, api, mode, probe, body, os.environ.get("API_KEY"))
"""


def as_test(facts: RunManifest, load: Callable[[str], Exchange]) -> str:
    """The text of a pytest file with one case per failure; empty if there is none."""
    judged = judge(facts, load, facts.planned)
    cases = []
    for verdict in judged.verdicts:
        if verdict.status is Status.FAIL and ".hello" not in verdict.probe:
            body = load(verdict.exchanges[0]).sent.partition(b"\r\n\r\n")[2]
            cases.append(f"    {(verdict.rule, verdict.api, verdict.mode, verdict.probe, body)!r},\n")
    if not cases:
        return ""
    return f"{HEAD}MODEL = {facts.target.model!r}\nFOUND = [\n{''.join(dict.fromkeys(cases))}{TAIL}"
