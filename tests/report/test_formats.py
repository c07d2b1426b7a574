"""The formats for machines and pages: complete, well-formed, and safe whatever the target sent."""

import json
import re
from pathlib import Path

import pytest

from conformance.cli import main
from conformance.report.formats import har, markdown
from conformance.report.formats.registry import FORMATS
from conformance.runs import execute
from conformance.runs.config import ConfigError

ALLOWED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069\u200e\u200f]")
"""Characters that move a cursor, reverse a text's direction, or end it."""


def test_the_command_the_help_and_the_readme_name_the_same_formats(capsys):
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    listed = re.search(r"Reports \(`--report FORMAT=PATH`\): (.*?)\.", readme, re.DOTALL)[1]
    main.app(["run", "--help"])
    helped = re.search(r"write a report as ([a-z, -]+):", re.sub(r"[│\s]+", " ", capsys.readouterr().out))[1]
    assert re.findall(r"`([\w-]+)`", listed) == helped.split(", ") == list(FORMATS)
    with pytest.raises(ConfigError, match=f"one of {', '.join(FORMATS)}$"):
        execute.outputs(["pdf=x"])


@pytest.mark.parametrize("name", FORMATS)
def test_no_format_lets_through_what_moves_a_cursor_or_turns_a_text(name, run):
    text = FORMATS[name](run.report, run.evidence).decode()
    if name != "har":  # which holds the response itself, as JSON
        assert ALLOWED.findall(text) == []
    else:
        assert json.loads(text)["log"]["version"] == "1.2"


def test_a_har_has_every_exchange_with_its_times_and_no_key(record):
    run = record("silent_json")
    entries = json.loads(har.render(run.report, run.evidence))["log"]["entries"]
    assert len(entries) == len({name for v in run.report.verdicts for name in v.exchanges})
    first = entries[0]
    assert first["request"]["url"].startswith("https://api.example/")
    assert first["response"]["status"] == 200
    assert json.loads(first["response"]["content"]["text"])["object"] == "chat.completion"
    assert set(first["timings"]) >= {"send", "wait", "receive"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a *b* _c_ `d`", r"a \*b\* \_c\_ \`d\`"),
        ("<script>x</script>", "&lt;script&gt;x&lt;/script&gt;"),
        ("[l](http://evil.example)", r"\[l\](http\://evil.example)"),
        ("a | b #1", r"a \| b \#1"),
    ],
)
def test_a_text_is_no_markup_in_markdown(text, expected):
    assert markdown.plain(text) == expected


def test_a_mention_calls_nobody():
    assert "@someone" not in markdown.plain("@someone")
    assert markdown.plain("@someone").replace("\u200b", "") == "@someone"


@pytest.mark.parametrize("text", ["`", "``x`", "a", " "])
def test_code_stands_between_more_backticks_than_are_in_it(text):
    made = markdown.code(text)
    fence = re.match(r"`+", made)[0]
    assert made.endswith(fence)
    assert fence not in made[len(fence) : -len(fence)]


def test_markdown_tells_the_verdict_and_each_failing_rule(record):
    run = record("silent_json")
    text = markdown.render(run.report, run.evidence).decode()
    assert text.startswith("# ❌ not conformant: staging")
    for rule in {v.rule for v in run.report.verdicts if v.counts}:
        assert f" {rule} " in text
