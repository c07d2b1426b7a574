"""The tutorial: each of its servers runs, the gate prints what the page quotes, and the page shows every line."""

import json
import os
import re
import subprocess
import sys
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/tutorial.md").read_text()
SERVERS = ROOT / "docs/tutorial"
KEY = {"API_KEY": "sk-demo"}
MOST_RUNS = 5
RULE = re.compile(r" *(?:\d+\. +)?([A-Z]+\d{3}) +(?:MUST|SHOULD|MAY) ")


class Step(NamedTuple):
    """A section of the page with a server: its code, and the quoted output, with the rules that it lists."""

    server: str
    code: list[str]
    quoted: list[str]
    failing: set[str]


def step(section):
    """The step that a section describes."""
    server = re.search(r"\]\(tutorial/(\w+)\.py\)", section)[1]
    code = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    quoted = re.search(r"```text\n(.*?)```", section, re.DOTALL)[1].splitlines()
    return Step(server, code, quoted, {rule[1] for line in quoted if (rule := RULE.match(line))})


STEPS = [step(section) for section in PAGE.split("\n## ") if "```text" in section]


def lines(server):
    return (SERVERS / f"{server}.py").read_text().splitlines()


@contextmanager
def served(server):
    """The base URL of a server of the tutorial, which runs in a process of its own."""
    command = [sys.executable, "-m", "uvicorn", f"{server}:app", "--port", "0", "--no-access-log"]
    process = subprocess.Popen(command, cwd=SERVERS, env=os.environ | KEY, stderr=subprocess.PIPE, text=True)
    try:
        started = next(line for line in process.stderr if "running on" in line)
        yield re.search(r"http://[\d.:]+", started)[0] + "/v1"
    finally:
        process.kill()
        process.communicate()


def gate(url, folder):
    """The exit code, the printed lines and the failing verdicts of the command that the page shows."""
    shown = re.search(r"^    conformance (run .*)$", PAGE, re.MULTILINE)[1]
    words = shown.replace("http://127.0.0.1:8000/v1", url).split()
    done = subprocess.run(
        [sys.executable, "-m", "conformance", *words, "--report", "json=report.json"],
        cwd=folder,
        env=os.environ | KEY | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    verdicts = json.loads((folder / "report.json").read_text())["verdicts"]
    return done.returncode, done.stdout, [verdict for verdict in verdicts if verdict["status"] == "fail"]


def squeezed(line):
    return " ".join(line.split())


@pytest.mark.sampled(len(STEPS))
@pytest.mark.parametrize("number", range(len(STEPS)))
def test_the_gate_says_of_each_server_what_the_page_quotes(number, tmp_path):
    """Line by line and in order, whatever the indentation; `…` replaces omitted parts."""
    told = STEPS[number]
    with served(told.server) as url:
        code, printed, failed = gate(url, tmp_path)
    assert {verdict["rule"] for verdict in failed} == told.failing
    assert code == any(verdict["level"] == "MUST" for verdict in failed)
    assert ("NOT CONFORMANT" in told.quoted[0]) == bool(code)
    rest = iter(printed.splitlines())
    for line in filter(None, told.quoted):
        pattern = ".*".join(map(re.escape, squeezed(line).split("…")))
        assert any(re.fullmatch(pattern, squeezed(real)) for real in rest), line


def test_the_last_server_is_conformant_after_few_runs():
    assert 0 < len(STEPS) <= MOST_RUNS
    assert [bool(told.failing) for told in STEPS] == [True] * (len(STEPS) - 1) + [False]


def test_the_page_s_code_is_that_of_the_servers():
    for told in STEPS:
        text = "\n".join(lines(told.server))
        assert told.code
        for block in told.code:
            assert block.strip("\n") in text, block


def test_the_page_shows_every_line_that_a_change_adds():
    before = set()
    for told in STEPS:
        shown = before.union(*(block.splitlines() for block in told.code))
        missing = [
            line for line in lines(told.server)[1:] if line not in shown
        ]  # its docstring is for readers of the file
        assert missing == [], told.server
        before = set(lines(told.server))


def test_the_failing_rules_get_fewer_with_each_change():
    counts = [len(told.failing) for told in STEPS]
    assert counts == sorted(counts, reverse=True)
    assert f"fails {counts[0]} rules" in PAGE


def test_the_page_tells_of_each_rule_that_fails_only_after_a_change():
    for told, following in pairwise(STEPS):
        assert all(f"{rule} is new" in PAGE for rule in following.failing - told.failing), following.server
