"""What a hunt found, as a test that stands alone and can be kept."""

from collections.abc import Callable

from conformance.judge import judge
from conformance.model.exchange import Exchange
from conformance.model.run import RunFacts
from conformance.model.verdict import Status

HEAD = '''"""Requests that failed a rule. BASE_URL is the target's, API_KEY its key where it needs one."""

import os

import pytest

from conformance.fuzz.again import failing

'''
TAIL = """]


@pytest.mark.parametrize(("rule", "api", "mode", "probe", "body"), FOUND)
def test_what_failed_is_mended(rule, api, mode, probe, body):
    assert rule not in failing(os.environ["BASE_URL"], MODEL, api, mode, probe, body, os.environ.get("API_KEY"))
"""


def as_test(facts: RunFacts, load: Callable[[str], Exchange]) -> str:
    """The text of a pytest file with one case for each failure; nothing where there is none."""
    judged = judge(facts, load, facts.planned)
    cases = []
    for verdict in judged.verdicts:
        if verdict.status is Status.FAIL and ".hello" not in verdict.probe:
            body = load(verdict.exchanges[0]).sent.partition(b"\r\n\r\n")[2]
            cases.append(f"    {(verdict.rule, verdict.api, verdict.mode, verdict.probe, body)!r},\n")
    if not cases:
        return ""
    return f"{HEAD}MODEL = {facts.target.model!r}\nFOUND = [\n{''.join(dict.fromkeys(cases))}{TAIL}"
