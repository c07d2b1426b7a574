"""The HTML page of a run: what it shows, in which words, and that the target can't run anything in it."""

import re
from html.parser import HTMLParser

import msgspec
import pytest

from conformance.field_support.states import WORST_FIRST
from conformance.model.verdict import Level, Status
from conformance.report import causes
from conformance.report.across_runs import matrix
from conformance.report.document import ReportField
from conformance.report.failures import failing_rules
from conformance.report.formats import html, legend
from conformance.report.formats.marked_text import marked
from conformance.report.impacts import WORST
from conformance.report.project import issues_of


class Page(HTMLParser):
    """The parts of a page that could make a browser run code or send requests."""

    def __init__(self):
        super().__init__()
        self.tags, self.links, self.handlers = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name in ("href", "src", "action") and value]
        self.handlers += [value for name, value in attrs if name.startswith("on") and value != "return false"]


def of(run):
    page = Page()
    page.feed(html.render(run.report, run.evidence).decode())
    return page


def test_a_page_runs_nothing_of_the_target_and_asks_nobody(run):
    page = of(run)
    assert page.tags.count("script") == 1
    assert page.handlers == []
    assert all(link.startswith(("https://", "#")) for link in page.links)
    assert not {"iframe", "object", "embed", "link", "img"} & set(page.tags)


def test_the_page_shows_impact_then_failing_rules_then_fields_then_verdicts(record):
    run = record("silent_json")
    fields = (ReportField(api="chat", field="n", mode="unary", state="dropped", why="", exchange="x", documented=True),)
    report = msgspec.structs.replace(run.report, fields=fields, capabilities={"chat": {"n": "dropped"}})
    page = html.run_page(report, run.evidence)
    parts = ("not conformant", "What users get", "hermes 0.14", "Failing rules", "Request fields", "All verdicts")
    places = [page.index(part) for part in parts]
    assert places == sorted(places)
    assert re.search(r"<mark>[^<]*content-type[^<]*</mark>", page)


RULE = re.compile(r'<li class="failure([ a-z]*)" id="(\w+)"')


def test_a_failing_rule_is_one_line_and_its_details_are_closed(record):
    run = record("silent_json")
    page = html.run_page(run.report, run.evidence)
    failed = {v.rule for v in run.report.verdicts if v.counts}
    assert {rule for _, rule in RULE.findall(page)} == failed
    assert page.count("<details><summary>") >= len(failed) > 1
    assert "<details open" not in page


def test_the_failing_rules_are_grouped_by_cause_as_in_the_terminal(record):
    run = record("silent_json")
    page = html.run_page(run.report, run.evidence)
    shown = RULE.findall(page)
    listed = list(failing_rules(run.report))
    assert shown == [(" follows" if one.cause else "", one.rule) for one in listed]
    assert {one.cause for one in listed} > {""}
    numbers = [int(number) for number in re.findall(r'class="rule" data-number="(\d+)"', page)]
    assert numbers == list(range(1, len(run.report.causes) + 1))


def test_an_id_links_to_the_rule_s_page_where_there_is_a_site(record):
    run = record("silent_json")
    alone, in_site = (html.run_page(run.report, run.evidence, root) for root in ("", "../"))
    for rule in {v.rule for v in run.report.verdicts if v.counts}:
        assert f' href="#{rule}">{rule}</a>' in alone
        assert f' href="../rules/{rule}.html">{rule}</a>' in in_site


def test_a_page_of_a_run_without_verdicts_does_not_say_that_no_rule_failed(record):
    run = record("native")
    passed = html.run_page(run.report, run.evidence)
    stopped = {"verdicts": (), "impact": (), "exit_code": 3, "stopped": "unreachable"}
    page = html.run_page(msgspec.structs.replace(run.report, **stopped), run.evidence)
    assert "No rule failed." in passed
    assert "No rule failed." not in page
    assert "not tested" in page


def test_fields_of_the_headline_are_code(record):
    run = record("silent_json")
    assert "<code>stream</code>" in html.run_page(run.report, run.evidence).partition("What users get")[0]


def test_the_filter_searches_id_title_and_messages_and_nothing_else(record):
    run = record("silent_json")
    page = html.run_page(run.report, run.evidence)
    (found_by,) = re.findall(r'id="FLD001" data-find="([^"]*)"', page)
    (verdict, *_) = (v for v in run.report.verdicts if v.rule == "FLD001" and v.status is Status.FAIL)
    assert found_by == f"FLD001 {verdict.title} {verdict.message}"


def all_words(report):
    """Columns of a matrix in which every word appears: outcomes, states, levels and statuses."""
    base = matrix.column(report, "base")
    for number, outcome in enumerate(WORST):
        yield base._replace(name=outcome, outcomes={"hermes 0.14": matrix.ClientOutcome(outcome, 1 + number % 2)})
    for state in WORST_FIRST:
        yield base._replace(name=state, fields={("chat", "n"): state})
    for result in (*Level, "waived", *Status):
        yield base._replace(name=str(result), families={"FLD": {str(result): 2}})
    yield matrix.failed_column("gone", "gone", "refused")


def test_every_word_and_symbol_of_a_cell_is_in_the_legend(record):
    page = matrix.index(list(all_words(record("silent_json").report)), "today")
    told = {word.text for word in legend.words()}
    cells = {re.sub(r"<[^>]*>", "", cell) for cell in re.findall(r"<td[^>]*>(.*?)</td>", page)}
    counted = {re.sub(r"×\d+", "", re.sub(r"\d+ (?=[A-Z])", "", cell)).strip() for cell in cells}
    numbers = {cell for cell in counted if re.fullmatch(r"\d+ of \d+( \(.*\))?", cell)}
    assert {legend.ABSENT, "✓ pass", "⊘ refused", "◐ validated", "✗ MUST"} <= counted
    assert counted - numbers <= told


def test_words_are_distinguished_without_colours():
    for topic in legend.LEGEND:
        assert len({word.text for word in topic.words}) == len(topic.words)
        assert all(word.meaning for word in topic.words)
    refused, validated = legend.STATES["refused"], legend.STATES["validated"]
    assert refused.symbol != validated.symbol
    assert refused.kind != validated.kind


def test_a_waived_failure_comes_last_and_gives_the_reason(record):
    run = record("silent_json")
    waived = tuple(
        msgspec.structs.replace(v, waived="until <then>") if v.rule == "FLD001" and v.status is Status.FAIL else v
        for v in run.report.verdicts
    )
    report = msgspec.structs.replace(run.report, verdicts=waived, causes=causes.causes(waived, run.report.hurt))
    page = html.run_page(report, run.evidence)
    assert RULE.findall(page)[-1] == (" waived", "FLD001")
    assert len(RULE.findall(page)) > 1
    assert "~ waived: until &lt;then&gt;" in page


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("`n: 2` was <b>ignored</b>", "<code>n: 2</code> was &lt;b&gt;ignored&lt;/b&gt;"),
        ("a ` alone", "a ` alone"),
        ("`<i>` and `x`", "<code>&lt;i&gt;</code> and <code>x</code>"),
        ("see FLD010 and SSE001", 'see <a href="#FLD010">FLD010</a> and SSE001'),
        ("`FLD010`", "<code>FLD010</code>"),
    ],
)
def test_a_text_becomes_code_and_links_and_no_other_markup(text, expected):
    assert marked(text, {"FLD010"}) == expected


@pytest.mark.parametrize(
    ("declared", "url"),
    [
        ([], ""),
        (["Documentation, https://docs.example"], ""),
        (["Repository, https://git.example/p/"], "https://git.example/p/issues"),
        (["Homepage, https://p.example", "Issues, https://track.example/p"], "https://track.example/p"),
    ],
)
def test_the_address_for_reports_is_the_declared_one_and_none_is_invented(declared, url):
    assert issues_of(declared) == url
