"""Recordings of real vendors, judged by every rule that needs no second exchange: only known deviations fail a MUST.

The corpus is not part of the repository: `CONFORMANCE_CORPUS` names its file, in the format that `corpus.py` reads.
"""

import os
import tomllib
from collections import defaultdict
from pathlib import Path

import pytest
from corpus import lines, read_line

from conformance import catalogue
from conformance.deciding import decide
from conformance.model.target import Policy
from conformance.model.verdict import MUST, Status
from conformance.recordings.entry import Skipped

CORPUS = os.environ.get("CONFORMANCE_CORPUS", "")
DEVIATIONS = tomllib.loads((Path(__file__).parent / "deviations.toml").read_text())
"""By host and rule: why a recording of the host fails it."""
PATHS = ("HTTP", "AUTH")
"""Families about what a cassette does not hold: framing, and header fields that it filters."""

pytestmark = pytest.mark.skipif(not Path(CORPUS).is_file(), reason="CONFORMANCE_CORPUS names no file")


def alone(rule):
    """Whether a rule judges one exchange by itself, without arrival times."""
    compared = any(not compare.optional for compare in rule.compares_with.values())
    others = {"short_streams", "unary"} & {*rule.parameters}
    return not (compared or others or rule.timed or rule.family in PATHS)


RULES = [rule for rule in catalogue.rules() if alone(rule)]


def verdicts(x):
    """The rules that apply to an exchange, each with its status and message."""
    for rule in RULES:
        if x.api in rule.apis and x.mode in rule.modes:
            more = {name: Policy() if name == "policy" else None for name in rule.parameters[1:]}
            yield rule, decide(rule, {"x": x, **more}, (x,))


@pytest.fixture(scope="module")
def judged():
    """Of the whole corpus: the failures of MUST rules by host and rule, the rules that raised, and what was read."""
    failed, raised, counts = defaultdict(list), [], defaultdict(int)
    for number, line in enumerate(lines(CORPUS)):
        entry = read_line(line)
        if isinstance(entry, Skipped):
            counts["damaged"] += 1
            continue
        counts["read"] += 1
        for rule, outcome in verdicts(entry.exchange):
            counts[outcome.status] += 1
            if outcome.status is Status.ERROR:
                raised.append(f"entry {number}: {outcome.message}")
            elif outcome.status is Status.FAIL and rule.level is MUST:
                failed[entry.host, rule.id].append(f"entry {number}: {outcome.message}")
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
    assert counts[Status.UNTESTABLE] < counts["read"]
