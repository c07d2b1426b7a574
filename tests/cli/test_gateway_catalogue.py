"""What the command line tells of gateways: their rules from both sides, planted defects, legal variants, scripts."""

import json

import pytest

from conformance import catalogue
from conformance.testbed.gateway import changes
from conformance.testbed.upstream.find import scripts


@pytest.mark.parametrize(
    ("kind", "listed"),
    [
        ("gateway-defects", changes.defects),
        ("gateway-variants", changes.variants),
        ("scripts", lambda: scripts().values()),
    ],
)
def test_the_lists_name_everything(command, kind, listed):
    code, out, _ = command("list", kind)
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == sorted(one.name for one in listed())
    assert {one["name"] for one in json.loads(command("list", kind, "--format", "json")[1])} == {
        o.name for o in listed()
    }


def test_a_rule_s_page_shows_both_sides_the_defects_and_what_is_legal(command):
    _, out, _ = command("explain", "GW001")
    for words in (
        *("(client and gateway, probe chat.gateway.field)", "(gateway and upstream)", "< the same response"),
        *('> {"model"', "⇒ `max_tokens`", "Not simulated: the client models read"),
        *("conformance gateway --defect cap-dropped", "\n  legal "),
    ):
        assert words in out, words


def test_a_defect_a_script_and_a_probe_have_a_page(command):
    assert "conformance gateway --defect cap-dropped" in command("explain", "cap-dropped")[1]
    assert "NONCE:native-sse" in command("explain", "native-sse")[1]
    probe = next(probe for probe in catalogue.probes() if probe.script)
    page = command("explain", probe.name)[1]
    assert "through a gateway only (conformance gateway)" in page
    assert f"script            {probe.script} " in page


@pytest.mark.verify
def test_the_self_test_of_gateways_says_which_rules_fail(command):
    code, out, _ = command("selftest", "--gateway", "cap-dropped", "json-written-anew")
    assert code == 0
    assert "1 of 1 defects caught, 1 of 1 good subjects pass" in out


def test_the_self_test_of_gateways_knows_their_defects_and_variants(command):
    code, _, err = command("selftest", "--gateway", "cap-droped")
    assert code == 2
    assert "cap-dropped" in err


def test_beside_each_planted_defect_there_is_something_that_is_legal():
    rules = {defect.caught_by for defect in changes.defects()}
    assert [rule for rule in sorted(rules) if not changes.variants_near(rule)] == []
