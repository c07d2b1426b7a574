"""What the command prints: how much, in which form, and whether in colour."""

import json
import re
from collections import Counter

import pytest

ESCAPE = "\x1b["


@pytest.fixture
def judged(command, incident):
    """Judges the incident with more options, and returns what was printed."""

    def judge(*words):
        code, out, err = command("judge", incident.run, *words)
        assert (code, err) == (1, "")
        return out

    return judge


@pytest.fixture
def report(command, incident):
    """The report with each verdict on its own."""
    command("judge", incident.run, "--report", f"json-full={incident.folder / 'full.json'}")
    return json.loads((incident.folder / "full.json").read_bytes())


def test_the_short_format_has_one_line_for_each_failing_place_then_the_verdict(judged, report):
    lines = judged("--format", "short").splitlines()
    failed = [v for v in report["verdicts"] if v["status"] == "fail"]
    places = Counter(
        f"{v['rule']} {v['level']} {v['probe']} {v['mode']} ({v['profile']}): {v['message']}" for v in failed
    )
    assert Counter(lines[: len(failed)]) == places
    assert lines[0].startswith("FLD001 MUST chat.hello stream (hermes): `stream: true` was silently ignored")
    assert lines[len(failed)].startswith("NOT CONFORMANT  silent-json")
    assert lines[len(failed) + 1 :] == report["summary"]["headline"]


def test_short_and_quiet_is_failing_places_alone_and_short_and_verbose_has_untestable_ones(judged, report):
    counts = Counter(v["status"] for v in report["verdicts"])
    assert len(judged("--format", "short", "-q").splitlines()) == counts["fail"]
    verbose = judged("--format", "short", "--verbose")
    assert len(re.findall("^[A-Z]+[0-9]+ ", verbose, re.MULTILINE)) == counts["fail"] + counts["untestable"]
    assert verbose.count(": untestable: ") == counts["untestable"]


def test_quiet_is_the_first_lines_alone(judged, report):
    first, *headline = judged("-q").splitlines()
    assert first.startswith("NOT CONFORMANT  silent-json")
    assert headline == report["summary"]["headline"]


def test_verbose_has_at_least_what_is_printed_otherwise(judged):
    usual, verbose = judged(), judged("-v")
    lines = {line for line in usual.splitlines() if not line.startswith("Recording: ")}
    assert lines < set(verbose.splitlines())


def test_quiet_excludes_verbose(command, incident):
    code, out, err = command("judge", incident.run, "-q", "-v")
    assert (code, out) == (2, "")
    assert "--quiet excludes --verbose" in err


@pytest.mark.parametrize("form", ["full", "short"])
def test_colour_is_what_the_option_says_and_no_color_counts_for_auto_alone(judged, monkeypatch, form):
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert ESCAPE in judged("--format", form)
    assert ESCAPE not in judged("--format", form, "--color", "never")
    monkeypatch.delenv("FORCE_COLOR")
    monkeypatch.setenv("NO_COLOR", "1")
    assert ESCAPE not in judged("--format", form)
    plain, coloured = judged("--format", form), judged("--format", form, "--color", "always")
    assert "\x1b[1;31m" in coloured
    assert re.sub("\x1b\\[[0-9;]*m", "", coloured) == plain


def test_the_first_line_says_how_many_failures_are_waived(command, incident, report, tmp_path):
    rules = sorted({v["rule"] for v in report["verdicts"] if v["status"] == "fail"})
    waiver = '[[waiver]]\nrule = "{}"\nreason = "known"\nuntil = 2099-01-01\n'
    (tmp_path / "waivers.toml").write_text("".join(waiver.format(rule) for rule in (*rules, "CMP001")))
    words = ("judge", incident.run, "--waivers", tmp_path / "waivers.toml")
    code, out, _ = command(*words, "--report", "markdown=report.md")
    failures = sum(v["status"] == "fail" for v in report["verdicts"])
    said = f"({failures} failures waived by {len(rules)} waivers)"
    assert code == 0
    assert out.startswith(f"CONFORMANT {said}  silent-json, model reference")
    assert (tmp_path / "report.md").read_text().startswith(f"# ✅ conformant {said}: silent-json")
    lines = command(*words, "--format", "short", "-q", "-v")
    assert lines[0] == 2
    waived = command(*words, "--format", "short", "-v")[1]
    assert waived.count(": waived (known): ") == failures
