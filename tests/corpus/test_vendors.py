"""Recordings of real vendors, judged by every rule that needs no second exchange: only known deviations fail a MUST.

The corpus is not part of the repository: `CONFORMANCE_CORPUS` names its file, in the format that `corpus.py` reads.
"""

import os
import tomllib
from collections import Counter, defaultdict
from pathlib import Path

import pytest
from corpus import lines, read_line

from conformance import catalogue
from conformance.model.verdict import MUST, Status
from conformance.recordings.entry import Skipped
from conformance.runs.recordings import numbered
from conformance.traffic import judge_traffic

CORPUS = os.environ.get("CONFORMANCE_CORPUS", "")
DEVIATIONS = tomllib.loads((Path(__file__).parent / "deviations.toml").read_text())
"""By host and rule: why a recording of the host fails it."""
pytestmark = pytest.mark.skipif(not Path(CORPUS).is_file(), reason="CONFORMANCE_CORPUS names no file")


@pytest.fixture(scope="module")
def judged():
    """Of the whole corpus: the failures of MUST rules by host and rule, the rules that raised, and what was read."""
    read = [read_line(line) for line in lines(CORPUS)]
    entries = [one for one in read if not isinstance(one, Skipped)]
    traffic = judge_traffic((numbered(one, number) for number, one in enumerate(entries)), catalogue.installed())
    counts = Counter({"read": len(entries), "damaged": len(read) - len(entries)})
    failed, raised = defaultdict(list), []
    for v in traffic.judgement.verdicts:
        counts[v.status] += v.cases
        if v.status is Status.ERROR:
            raised.append(f"{v.exchanges[0]}: {v.message}")
        elif v.status is Status.FAIL and v.level is MUST:
            failed[v.host, v.rule].append(f"{v.exchanges[0]}: {v.message}")
    return failed, raised, counts


def test_only_known_deviations_fail_a_must(judged):
    failed, raised, _ = judged
    known = {(host, rule) for host, rules in DEVIATIONS.items() for rule in rules}
    assert raised == []
    assert {place: seen for place, seen in failed.items() if place not in known} == {}


def test_each_known_deviation_still_fails(judged):
    failed, _, _ = judged
    assert [(host, rule) for host, rules in DEVIATIONS.items() for rule in rules if (host, rule) not in failed] == []


def test_the_corpus_was_read(judged):
    _, _, counts = judged
    assert counts["read"] > 100 * counts["damaged"]
    assert counts[Status.PASS] > 10 * counts["read"]
    assert 2 * counts[Status.PASS] > 3 * counts[Status.UNTESTABLE]
