"""Text that users read uses the field's words: each retired word in it is reported with file and line.

Not searched: what is quoted (code spans, quotation marks, examples' bytes), addresses, and names of catalogue entries.
"""

import ast
import json
import re
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from conformance import catalogue, selftest
from conformance.cli.main import app
from conformance.handbook import listing
from conformance.handbook.examples import POLICIES, judge_example
from conformance.model.verdict import Status
from conformance.report import build
from conformance.report.failures import Recording
from conformance.report.formats import github, html, junit, markdown, sarif, terminal
from conformance.rules.families import FAMILIES
from conformance.testbed.server.deployments import DEPLOYMENTS

ROOT = Path(__file__).parents[2]
PAGES = [
    *(ROOT / name for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
SCHEMAS = sorted((ROOT / "schemas").glob("*.json"))
COMMANDS = sorted(name for name in app if not name.startswith("-"))
RULES = {rule.id: rule for rule in catalogue.rules()}
EVERY = 400
"""Every n-th change is run in `make test`, all in `make verify`."""

RETIRED = {
    r"octets?": "byte",
    r"greetings?|hello": "baseline request",
    r"crowd\w*": "burst, concurrent requests",
    r"without a word": "silently",
    r"hurt(?:s|ing)?": "affects, affected clients",
    r"told": "reported",
    r"laid to": "attributed to",
    r"mend(?:s|ed|ing)?": "fix",
    r"by itself": "on its own",
    r"nobody": "the passive, or a noun",
    r"h[au]ng(?:s|ing)? up": "disconnect",
    r"tak(?:e|es|en|ing)(?: [^.;:,()]{1,40}?)? for": "treat as",
    r"put(?:s|ting)? (?:\w+ ){0,3}off": "rate-limited (429), overloaded (503)",
    r"lie|lies|lied|lying|liars?": "defect",
    r"couriers?": "client",
    r"lets? be": "allowed",
    r"ask(?:s|ed|ing)? again": "retry",
    r"(?:is|are|was|were) no JSON": "is not JSON",
    r"whole answers?": "non-streaming response",
    r"questions?": "request, test case",
    r"answer(?:s|ed|ing)?": "response (HTTP), content (text), accept",
    r"(?:un|mis)?labell?ed": "has Content-Type",
    r"twins?": "repeat",
    r"witness(?:es|ed)?": "shows, effect",
    r"rehears\w*": "simulate",
    r"fronts": "front ends",
}
"""A pattern of each retired word, and what replaces it."""

ALLOWED = {
    r"takes most of a minute for": "a duration",
    r"(?:functions\.)?Greeting\(": "the schema's name in Instructor's recording",
    r"application/octet-stream": "a media type",
    r"x-canary-answer-hop": "a header field",
}
"""Phrases with a retired word that may remain, each with its reason."""

PROMPTS = ("profiles/prose.py", "probes/", "testbed/server/model.py", "testbed/mutations/")
"""Sources of the text that models read and write; the purposes and titles among it are searched as pages."""
EXAMPLES = re.compile(r"Say hello\.|Hello\b|note: hello|\"greeting\"")
"""Text in the examples' bytes, in the rules' sources."""

WORD = re.compile(rf"\b(?:{'|'.join(RETIRED)})\b", re.IGNORECASE)
QUOTED = re.compile(
    r"``[^`]+``|`[^`]*`"
    r"|“[^”“]*…(?=\s|$)|“[^”]*(?:”|$)|‘[^’]*(?:’|$)"
    r'|(?<!\w)"[^"]*(?:"|$)'
    r"|(?<!\w)'[^']*?\.\.\.(?!\w)|(?<!\w)'(?:[^']|(?<=\w)'(?=\w))*(?:'(?!\w)|$)"
)
NAMES = re.compile(r"https?://\S+|\]\([^)\s]*\)|\S*\w[._]\w\S*")
"""Addresses, and names with a dot or underscore: probes, exchanges, files, fields."""
HYPHENATED = re.compile(r"[\w.]+(?:-[\w.]+)+")
KNOWN = frozenset(
    {entry.name for kind in listing.KINDS.values() for entry in kind()} | {rule.slug for rule in catalogue.rules()}
)
"""The names of all entries, and the rules' slugs."""


def prose(text):
    """The text without what is quoted, allowed or a name."""
    text = re.sub(r"\\([\\*_<|\[\]`])", r"\1", text)
    for pattern in (QUOTED, NAMES):
        text = pattern.sub(" _ ", text)
    for pattern in ALLOWED:
        text = re.sub(pattern, " _ ", text)
    return HYPHENATED.sub(lambda found: " _ " if found[0] in KNOWN else found[0], text)


@cache
def is_suspect(text):
    """Whether the text may hold a retired word; cached, because reports repeat their texts thousands of times."""
    return WORD.search(text) is not None


def retired(where, text):
    """A complaint about each retired word in the text at that place."""
    for found in WORD.finditer(prose(text)) if is_suspect(text) else ():
        instead = next(words for pattern, words in RETIRED.items() if re.fullmatch(pattern, found[0], re.IGNORECASE))
        yield f"{where}: {found[0]!r} (rather: {instead}) in {text.strip()[:300]!r}"


def complaints(places):
    """The complaints about texts, by place."""
    return sorted({complaint for where, text in places for complaint in retired(where, text)})


def source(name):
    """The file and line of a rule."""
    code = RULES[name].check.__code__
    return f"{Path(code.co_filename).relative_to(ROOT)}:{code.co_firstlineno} {name}"


def lines_of(path):
    """The lines of a page and their places, without the bytes of rules' examples."""
    quoted = False
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if line.startswith("```"):
            quoted = line == "```text"
        elif not quoted or "rules" not in path.parts:
            yield f"{path.relative_to(ROOT)}:{number}", line


def texts_of(verdicts):
    """The texts of verdicts, each once, and the places of their rules."""
    texts = {
        (v.rule, text)
        for v in verdicts
        for text in (v.message, *(text for found in v.findings for text in (found.seen, found.expected)))
    }
    return ((source(rule), text) for rule, text in texts)


def strings_of(path):
    """The strings of a source that hold several words, docstrings excluded, and their places."""
    tree = ast.parse(path.read_text())
    bare = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        said = node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
        if " " in said.strip() and id(node) not in bare:
            yield f"{path.relative_to(ROOT)}:{node.lineno}", EXAMPLES.sub("_", said)


@pytest.mark.parametrize(
    "text", ["Every octet counts", "It hung up", "is no JSON", "it is taken for a call", "Unlabelled"]
)
def test_a_retired_word_is_found(text):
    assert len(list(retired("x.md:1", text))) == 1


@pytest.mark.parametrize("text", ["`hello`", 'it says "hello', "chat.hello", "done-then-hold", "answer-lost", "intold"])
def test_names_and_quotations_are_not_searched(text):
    assert list(retired("x.md:1", text)) == []


def test_pages_hold_no_retired_word():
    assert complaints(line for path in PAGES for line in lines_of(path)) == []


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_holds_no_retired_word(command, capsys):
    app([*command.split(), "--help"])
    text = capsys.readouterr().out
    assert "Usage: conformance" in text
    assert (
        complaints((f"`conformance {command} --help`:{n}", line) for n, line in enumerate(text.splitlines(), 1)) == []
    )


@pytest.mark.parametrize("kind", [kind for kind in listing.KINDS if kind != "rules"])
def test_entries_hold_no_retired_word(kind):
    texts = ((f"`conformance explain {e.name}`", text) for e in listing.KINDS[kind]() for _, text in e.page())
    assert complaints(texts) == []


def words_of(rule):
    yield from (rule.title, rule.fix, rule.rationale, FAMILIES[rule.family])
    yield from (judge_example(rule, example, policy)[1] for example in (*rule.good, *rule.bad) for policy in POLICIES)


@pytest.mark.parametrize("family", FAMILIES)
def test_rules_hold_no_retired_word(family):
    rules = [rule for rule in RULES.values() if rule.family == family]
    assert rules
    assert complaints((source(rule.id), text) for rule in rules for text in words_of(rule)) == []


def test_sources_hold_no_retired_word():
    paths = [path for path in sorted((ROOT / "conformance").rglob("*.py")) if not any(p in str(path) for p in PROMPTS)]
    assert complaints(place for path in paths for place in strings_of(path)) == []


def sampled():
    """Every subject of the kill matrix; most only in `make verify`."""
    for number, name in enumerate(selftest.subjects()):
        quick = name in DEPLOYMENTS or number % EVERY == 0
        yield name if quick else pytest.param(name, marks=pytest.mark.verify)


@pytest.mark.parametrize("name", list(sampled()))
def test_verdicts_hold_no_retired_word(recorded_once, name):
    run = selftest.run_subject(name, "gate", recorded_once)
    assert complaints(texts_of(run.judgement.verdicts)) == []


def descriptions(value, path=""):
    """The titles, summaries and descriptions in a schema, by JSON pointer."""
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        if isinstance(inner, str) and key in ("title", "summary", "description"):
            yield f"{path}/{key}", inner
        yield from descriptions(inner, f"{path}/{key}")


@pytest.mark.parametrize("path", SCHEMAS, ids=lambda path: path.name)
def test_schemas_hold_no_retired_word(path):
    texts = list(descriptions(json.loads(path.read_text())))
    assert texts
    assert complaints((f"{path.relative_to(ROOT)}#{pointer}", text) for pointer, text in texts) == []


class Visible(HTMLParser):
    """The text of a page outside of its code."""

    CODE = frozenset({"script", "style", "pre", "code"})

    def __init__(self):
        super().__init__()
        self.inside, self.texts = [], []

    def handle_starttag(self, tag, attrs):
        self.inside += [tag] if tag in self.CODE else []
        self.texts += [value for name, value in attrs if name in ("title", "aria-label", "placeholder", "alt")]

    def handle_endtag(self, tag):
        if self.inside and tag == self.inside[-1]:
            self.inside.pop()

    def handle_data(self, data):
        self.texts += [] if self.inside else data.splitlines()


def strings_in(value):
    """Every string in a JSON value."""
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from strings_in(inner)
    elif isinstance(value, str):
        yield from value.splitlines()


def visible(page):
    """The texts that an HTML page shows."""
    parser = Visible()
    parser.feed(page.decode())
    return parser.texts


def elements(document):
    """The texts and attributes of an XML document."""
    for element in ET.fromstring(document).iter():  # noqa: S314 - our own report
        for text in (element.text, element.tail, *element.attrib.values()):
            yield from (text or "").splitlines()


SHOWN = {
    "terminal": lambda *run: terminal.text(*run).splitlines(),
    "html": lambda *run: visible(html.render(*run)),
    "markdown": lambda *run: markdown.render(*run).decode().splitlines(),
    "github": lambda *run: github.render(*run).decode().splitlines(),
    "junit": lambda *run: elements(junit.render(*run)),
    "sarif": lambda *run: strings_in(json.loads(sarif.render(*run))),
}
"""The lines of a report in each format, outside of what is quoted."""


@pytest.fixture(scope="module")
def failing_run(recorded_once):
    """The report of a run with failures, and its recording."""
    run = selftest.run_subject("silent-json", "gate", recorded_once)
    report = build.build_report(run.facts, run.judgement, run.exchanges.__getitem__)
    assert any(v.status is Status.FAIL for v in report.verdicts)
    return report, Recording(run.exchanges.__getitem__, run.facts.target)


@pytest.mark.parametrize("format_", SHOWN)
def test_reports_hold_no_retired_word(failing_run, format_):
    lines = SHOWN[format_](*failing_run)
    assert complaints((f"the {format_} report:{number}", line) for number, line in enumerate(lines, 1) if line) == []
