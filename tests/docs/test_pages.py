"""The generated pages: one per rule, none stale, no dead links, and computed effects on clients."""

import re
from pathlib import Path

import generate
import pytest

from conformance import catalogue
from conformance.handbook.affected_clients import effects
from conformance.handbook.examples import examples
from conformance.handbook.rule_page import MOST_VARIANTS, NO_CLIENT_AFFECTED, as_lines, as_markdown, marked, page
from conformance.model.verdict import Level
from conformance.report.stacks import ADVICE, advice
from conformance.rules.families import FAMILIES
from conformance.testbed.gateway import changes
from conformance.testbed.upstream.find import scripts

ROOT = Path(__file__).parents[2]
RULES = {rule.id: rule for rule in catalogue.rules()}
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
WRITTEN = sorted([*(ROOT / "docs").rglob("*.md"), *ROOT.glob("*.md")])


def anchors(text):
    """The anchors that GitHub gives to the headings of a page."""
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


def test_every_rule_has_a_page_and_no_page_is_stale():
    assert {path.stem for path in (ROOT / "docs/rules").glob("*")} == {*RULES, "README"}


def is_broken(page, link):
    name, _, anchor = link.partition("#")
    target = (page.parent / name).resolve() if name else page
    return not target.exists() or (anchor and anchor not in anchors(target.read_text()))


def test_links_lead_somewhere():
    links = [(page, link) for page in WRITTEN for link in LINK.findall(page.read_text())]
    own = [(page, link) for page, link in links if not link.startswith(("https://", "http://"))]
    assert len(own) > len(RULES)
    assert [(str(page), link) for page, link in own if is_broken(page, link)] == []


def test_every_family_is_described():
    assert {rule.family for rule in RULES.values()} <= set(FAMILIES)


def test_advice_is_for_rules_and_families_that_there_are():
    for item in ADVICE:
        assert set(item.rules) <= {*RULES, *FAMILIES}, item
        assert item.lines
        assert item.text.endswith((":", "."))


def test_advice_is_found_by_rule_and_by_family():
    assert "proxy_buffering off;" in [line for item in advice("DLV001") for line in item.lines]
    assert any("x-should-retry" in line for item in advice("NYI020") for line in item.lines)
    assert advice("CHK001") == ()


def test_every_rule_says_something_of_each_bad_example():
    for name, rule in RULES.items():
        good, *bad = examples(rule)
        assert (good.good, good.says) == (True, ""), name
        assert bad, name
        for shown in bad:
            assert not shown.good, name
            assert shown.says, name
            assert all(line.isprintable() for side in shown.sides for line in side.lines), name


@pytest.mark.parametrize("name", ["SSE001", "FLD001", "CMP014", "NYI014", "DLV001", "GW001"])
def test_both_renderings_hold_the_same(name):
    shown = page(RULES[name])
    text = "\n".join(text for _, text in as_lines(shown))
    markdown = as_markdown(shown)
    for words in (shown.id, shown.level, shown.fault, shown.spec, *shown.neighbours):
        assert words in text
        assert words in markdown
    for words in (shown.title, shown.why, shown.fix, *(example.says for example in shown.examples)):
        assert words in text
        assert marked(words) in markdown
    for defect in shown.planted:
        assert defect.command in text
        assert defect.command in markdown
    for variant in shown.variants[:MOST_VARIANTS]:
        assert variant.name in text
        assert variant.name in markdown
    for example in shown.examples:
        for side in example.sides:
            assert all(line in text and line in markdown for line in side.lines)


def test_what_bytes_hold_can_not_become_markup():
    assert marked("a_b *c* <d> [e](f) `g_h`") == "a\\_b \\*c\\* \\<d> \\[e\\](f) `g_h`"


def test_the_incident_hurts_whom_it_hurt():
    worst = {effect.client: effect for effect in effects("FLD001")}
    assert worst["hermes 0.14"].impact.requests == 4
    assert worst["hermes 0.19"].impact.requests == 9
    assert worst["Letta 0.16"].impact.outcome == "empty_silent"


def test_a_wrong_label_is_shown_by_nobody():
    assert effects("SSE001") == ()
    assert ("affected clients", NO_CLIENT_AFFECTED) in as_lines(page(RULES["SSE001"]))


def test_another_text_than_was_made_is_a_harm_though_nobody_notices():
    assert {effect.impact.outcome for effect in effects("CHK022")} == {"text"}
    assert all("today?Hello" in effect.sentence for effect in effects("CHK022"))


def test_a_field_that_a_framework_never_sends_does_not_hurt_it():
    affected = {effect.client for effect in effects("FLD015")}
    assert "LangGraph 1.2" not in affected
    assert "hermes 0.19" in affected


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A generator of two pages, in a folder of its own."""
    monkeypatch.setattr(generate, "HERE", tmp_path)
    monkeypatch.setattr(generate, "pages", lambda: {"a.md": "A\n", "rules/SSE001.md": "B\n"})
    return tmp_path


def test_pages_are_written_and_then_agree(small, capsys):
    assert generate.main(check=True) == 1
    assert generate.main(check=False) == 0
    assert (small / "rules/SSE001.md").read_text() == "B\n"
    capsys.readouterr()
    assert generate.main(check=True) == 0
    assert capsys.readouterr().out == ""


def test_the_page_of_a_rule_that_is_gone_is_reported_and_removed(small, capsys):
    generate.main(check=False)
    (small / "rules/SSE099.md").write_text("old")
    assert generate.main(check=True) == 1
    assert "SSE099" in capsys.readouterr().out
    assert generate.main(check=False) == 0
    assert not (small / "rules/SSE099.md").exists()


def test_the_index_lists_every_rule_by_family_level_and_framework():
    shown = [page(RULES[name]) for name in ("FLD001", "SSE001", "SSE006")]
    index = "\n".join(generate.index(shown))
    assert index.index("### SSE") < index.index("### FLD")
    assert [f"**{level}** ({n})" in index for level, n in zip(Level, (2, 0, 1), strict=True)] == [True] * 3
    assert "**hermes 0.19** (1): [FLD001](FLD001.md)" in index
    assert "**No client in a plain turn** (2): [SSE001](SSE001.md), [SSE006](SSE006.md)" in index


def test_of_a_rule_about_gateways_the_index_says_that_no_client_is_simulated():
    index = "\n".join(generate.index([page(RULES["GW001"])]))
    assert "| not simulated |" in index
    assert "**No client in a plain turn** (0)" in index
    assert "**Not simulated, on both sides of a gateway** (1): [GW001](GW001.md)" in index


def test_the_page_of_the_embedded_gateway_names_everything_that_can_be_planted():
    text = generate.gateways()
    named = (*changes.defects(), *changes.variants(), *scripts().values())
    assert [one.name for one in named if f"| `{one.name}` |" not in text] == []
