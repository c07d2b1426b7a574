"""The map of coverage: every name in it exists, everything has a rule or a reason, and no rule is missing."""

import re
from pathlib import Path

import pytest
from coverage_page import DATA, coverage, is_of_a_gateway

from conformance import catalogue
from conformance.rules.families import FAMILIES
from conformance.testbed.gateway import changes as gateways
from conformance.testbed.mutations import changes as servers

ROOT = Path(__file__).parents[2]
RULES = {rule.id: rule for rule in catalogue.rules()}
CAUGHT = {change.name: change.caught_by for change in (*servers.defects(), *gateways.defects())}
VARIANTS = {change.name for change in (*servers.variants(), *gateways.variants())}
ENTRIES = [*DATA["bug"], *DATA["norm"], *DATA["measured"]]
OTHER_APIS = ("MSG", "RSP")


@pytest.mark.parametrize("kind", ["bug", "norm", "measured"])
def test_every_name_exists(kind):
    for entry in DATA[kind]:
        assert set(entry.get("rules", ())) <= set(RULES), entry
        assert set(entry.get("variants", ())) <= VARIANTS, entry
        assert entry.get("awaits", "ERR") in FAMILIES, entry
        wrong = [defect for defect in entry.get("defects", ()) if CAUGHT[defect] not in entry["rules"]]
        assert not wrong, f"caught by another rule: {entry}"


def test_nothing_is_left_without_a_rule_or_a_reason():
    assert [entry for entry in ENTRIES if not entry.keys() & {"rules", "why", "awaits"}] == []


def test_the_readme_counts_the_bugs():
    gateways = sum(map(is_of_a_gateway, DATA["bug"]))
    shown = f"{len(DATA['bug'])} reported or measured bugs, {gateways} of them of gateways"
    assert shown in (ROOT / "README.md").read_text()


def test_no_bug_and_no_sentence_stands_twice():
    bugs = [bug["id"] for bug in DATA["bug"]]
    sentences = [(norm["of"], norm.get("where"), norm["says"]) for norm in DATA["norm"]]
    assert len(bugs) == len(set(bugs))
    assert len(sentences) == len(set(sentences))
    assert {norm["of"] for norm in DATA["norm"]} == {document["key"] for document in DATA["document"]}


def test_every_judged_bug_is_planted_and_every_bug_was_seen():
    for bug in DATA["bug"]:
        assert bool(bug.get("rules")) == bool(bug.get("defects")), bug["id"]
        seen = bug.get("seen", ())
        assert all(re.fullmatch(r"[\w.-]+/[\w.-]+#\d+", thread) for thread in seen), bug["id"]
        assert seen or bug.get("measured"), bug["id"]
        assert bug["id"][:2] in DATA["groups"]


def test_every_rule_of_chat_and_of_gateways_is_reached():
    reached = {rule for entry in ENTRIES for rule in entry.get("rules", ())}
    assert {name for name, rule in RULES.items() if rule.family not in OTHER_APIS} - reached == set()


def test_the_page_holds_every_bug():
    page = coverage()
    assert all(f"| {bug['id']} |" in page for bug in DATA["bug"])
