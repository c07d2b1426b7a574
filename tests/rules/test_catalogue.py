"""Every rule: good examples pass, bad ones fail, only the bytes decide, and arbitrary bytes never raise."""

import random
import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conformance import catalogue
from conformance import rules as rules_package
from conformance.apis.load_samples import population_of
from conformance.deciding import decide
from conformance.handbook import examples
from conformance.handbook.examples import POLICIES, sides
from conformance.model.case import Kind
from conformance.model.exchange import Arrival, Ending, Exchange, Pair
from conformance.model.rule import Example, Rule, family_of
from conformance.model.rule import rule as make_rule
from conformance.model.target import Policy
from conformance.model.verdict import MUST, Status
from conformance.model.words import GENERATIVE
from conformance.rules.families import FAMILIES, RETIRED
from conformance.testbed.gateway import changes as gateway_changes
from conformance.testbed.mutations import changes

RULES = catalogue.rules()


def by_id(rules):
    return [pytest.param(rule, id=rule.id) for rule in rules]


def judge_example(rule: Rule, example: Example, policy: Policy) -> Status:
    status, message = examples.judge_example(rule, example, policy)
    assert status is not Status.ERROR, message
    return status


@pytest.mark.parametrize("rule", by_id(RULES))
def test_good_examples_pass(rule: Rule):
    for number, example in enumerate(rule.good):
        statuses = {judge_example(rule, example, policy) for policy in POLICIES}
        assert Status.PASS in statuses, f"good example {number}: {statuses}"
        if "policy" not in rule.parameters:
            assert statuses == {Status.PASS}


@pytest.mark.parametrize("rule", by_id(RULES))
def test_bad_examples_fail(rule: Rule):
    for number, example in enumerate(rule.bad):
        statuses = {judge_example(rule, example, policy) for policy in POLICIES}
        assert Status.FAIL in statuses, f"bad example {number}: {statuses}"
        if "policy" not in rule.parameters:
            assert statuses == {Status.FAIL}


STOPPED = Ending("limit", "body", 0, "the response has 8388608 bytes or more")


@pytest.mark.parametrize("rule", by_id(rule for rule in RULES if rule.id != "HTTP019"))
def test_what_the_harness_cut_off_is_no_rule_s_evidence(rule: Rule):
    for example in rule.bad:
        given = example if isinstance(example, tuple) else (example,)
        judged = len(given) if rule.is_of_populations else 2 if "unary" in rule.parameters else 1
        stopped = [replace(x, ending=STOPPED, cache={}) if at < judged else x for at, x in enumerate(given)]
        for policy in POLICIES:
            status = judge_example(rule, tuple(stopped), policy)
            assert status in (Status.UNTESTABLE, Status.NOT_APPLICABLE, Status.PASS), status


def cut(x: Exchange, sizes: Iterator[int]) -> Exchange:
    """The same bytes at the same time, read in pieces of these sizes."""
    at_ns = x.arrivals[-1].at_ns if x.arrivals else 0
    ends = [0]
    while ends[-1] < len(x.received):
        ends.append(min(len(x.received), ends[-1] + next(sizes)))
    return replace(x, arrivals=tuple(Arrival(at_ns, b - a) for a, b in pairwise(ends)), cache={})


def forever(size: int) -> Iterator[int]:
    while True:
        yield size


def at_random(seed: int) -> Iterator[int]:
    choose = random.Random(seed)
    while True:
        yield choose.randint(1, 40)


@pytest.mark.sampled(4)
@pytest.mark.parametrize("rule", by_id(rule for rule in RULES if not rule.timed))
def test_cutting_the_bytes_elsewhere_changes_no_verdict(rule: Rule):
    for example in (*rule.good, *rule.bad):
        for policy in POLICIES if "policy" in rule.parameters else POLICIES[:1]:
            whole = judge_example(rule, example, policy)
            for sizes in (forever(1), at_random(7)):
                recut = tuple(cut(x, sizes) for x in sides(example))
                assert judge_example(rule, recut, policy) is whole


EVERYTHING = [x for rule in RULES for example in (*rule.good, *rule.bad) for x in sides(example)]


OF_USERS = [x for x in EVERYTHING if x.case.kind is Kind.USERS]


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_no_rule_raises_on_arbitrary_bytes(data):
    """Damaged bytes of real examples, and random bytes."""
    x = data.draw(st.sampled_from(EVERYTHING))
    at = data.draw(st.integers(0, len(x.received)))
    upto = data.draw(st.integers(at, min(len(x.received), at + 60)))
    noise = data.draw(st.binary(max_size=40) | st.sampled_from(ODD))
    received = x.received[:at] + noise + x.received[upto:]
    damaged = replace(x, received=received, arrivals=(Arrival(1, len(received)),), cache={})
    other = data.draw(st.sampled_from(EVERYTHING))
    given_all = {"x": damaged, "short_streams": (other,) * 3, "stream": damaged, "unary": other, "policy": Policy()}
    given_all["upstream"] = (other, damaged)
    users = data.draw(st.lists(st.sampled_from(OF_USERS), min_size=1, max_size=12))
    given_all["population"] = population_of((*users, replace(users[0], received=received, cache={}), damaged))
    for rule in (rule for rule in RULES if {damaged.api, other.api} <= {*rule.apis}):
        beside = Pair(other, (damaged, other)) if rule.is_of_gateways else other
        given_all |= {name: (beside,) * 3 if compare.many else beside for name, compare in rule.compares_with.items()}
        judged = (damaged, other) if "unary" in rule.parameters else (damaged,)
        seen = () if rule.is_of_populations else judged
        status, message, _ = decide(rule, given_all, seen)
        assert status is not Status.ERROR, message


ODD = [
    b'data: {"choices": [null, 1, [], {}]}\n\n',
    b'data: {"choices": {"0": {}}}\n\n',
    b'data: {"choices": [{"delta": {"tool_calls": [{"function": []}]}, "index": "a"}], "usage": []}\n\n',
    b"data: " + b"[" * 3000 + b"\n\n",
    b'data: {"choices": [{"delta": {"content": "\\ud800"}, "index": 1e999}]}\n\n',
    b'data: {"created": ' + b"9" * 5000 + b"}\n\n",
    b"data: [DONE]\n\n",
    b"data: NaN\n\n",
    b"\x00\r\r\n\n:\n",
    b"\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n",
]


@pytest.mark.parametrize("rule", by_id(RULES))
def test_a_rule_is_complete(rule: Rule):
    assert re.fullmatch(r"[A-Z]{2,4}\d{3}", rule.id)
    family = f"conformance.rules.{rule.family.lower()}"
    assert f"{rule.check.__module__}.".startswith(f"{family}.")
    assert rule.fix.endswith(".")
    assert not rule.title.endswith(".")
    assert len(rule.title) <= 100
    assert rule.rationale


def test_every_rule_is_caught_by_a_planted_defect():
    planted = (*changes.defects(), *changes.load_defects(), *gateway_changes.defects())
    named = {change.caught_by for change in planted}
    assert {rule.id for rule in RULES} - named == set()
    assert named - {rule.id for rule in RULES} == set(), "defects that name no rule"


def test_the_catalogue_holds_the_rules_that_the_documentation_lists():
    """A rule that is lost on the way into the catalogue still has a page."""
    pages = {page.stem for page in (Path(__file__).parents[2] / "docs/rules").glob("*.md")} - {"README"}
    assert {rule.id for rule in RULES} == pages
    everywhere = {item.id for module in catalogue.modules(rules_package) for item in catalogue.items(module, Rule)}
    assert {rule.id for rule in RULES} == everywhere, "a rule outside of the package of its family is not found"
    assert len(RULES) + len(RETIRED) >= 320, "a removed rule's ID belongs into RETIRED"
    assert len(changes.defects()) >= 597
    assert len(changes.variants()) >= 180


@pytest.mark.parametrize("family", FAMILIES)
def test_no_rule_uses_a_retired_id_and_none_is_missing(family):
    used = [rule.id for rule in catalogue.rules((family,))]
    assert used == [rule.id for rule in RULES if rule.family == family], "each rule is in the package of its family"
    retired = [name for name in RETIRED if family_of(name) == family]
    every = [f"{family}{number:03}" for number in range(1, len(used) + len(retired) + 1)]
    assert sorted(used + retired) == every, "use the number after the family's highest, and never a retired one"
    assert all(RETIRED[name] for name in retired)


@pytest.mark.parametrize("missing", ["good", "bad"])
def test_a_rule_without_examples_cannot_be_built(missing):
    examples = {"good": [EVERYTHING[0]], "bad": [EVERYTHING[0]]} | {missing: []}
    build = make_rule(
        "XXX001",
        MUST,
        "t",
        spec="https://example.org",
        fix="f.",
        applies_to=lambda x: None,
        apis=GENERATIVE,
        **examples,
    )
    with pytest.raises(TypeError, match="needs a good and a bad example"):
        build(lambda x: ())
